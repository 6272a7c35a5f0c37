#include "autotune/cli/explain_sparsity.h"

#include <fmt/format.h>

#include <algorithm>

#include "autotune/sparse_data.h"
#include "autotune/tune.h"
#include "compiler/sparsity.h"
#include "compiler/spec_text.h"

namespace convoke::cli {
namespace {

using Json = nlohmann::ordered_json;
using Prediction = std::optional<std::pair<double, KernelConfig>>;
constexpr int kRatioSteps = 20;  // 1, 0.95, .., 0.05

/// The problem with another share of its units kept.
ConvSpec at_ratio(const ConvSpec& spec, double keep, std::uint64_t seed) {
  Sparsity sparsity = Sparsity::parse(spec.sparsity);
  sparsity.keep = keep;
  ConvSpec other = spec;
  other.sparsity = sparsity.text();
  other.pattern = nullptr;
  return sparsity.bound ? other : with_pattern(other, SparsityPattern::random(other, seed));
}

void keep_faster(Prediction& best, double us, const KernelConfig& config) {
  if (!best || us < best->first) best = {us, config};
}

/// The fastest sparse and the fastest masked configuration.
std::pair<Prediction, Prediction> predict(const Target& target, const ConvSpec& spec) {
  Prediction sparse, masked;
  for (const KernelConfig& config : target.enumerate(spec))
    keep_faster(is_masked(config) ? masked : sparse, target.predict_us(spec, config), config);
  return {sparse, masked};
}

/// Fastest verified time of this build in the database, of sparse or of masked configurations.
std::optional<double> measured_us(const Target& target, const ConvSpec& spec, const TuningDb& db,
                                  bool masked) {
  const DeviceInfo& info = target.info();
  for (const Sample& sample : db.samples(info, print_spec(spec))) {  // fastest first
    if (!sample.verified || sample.n == 0 || sample.compiler != info.compiler ||
        sample.emitter != info.emitter)
      continue;
    const auto config = usable_config(target, spec, sample.config);
    if (config && is_masked(*config) == masked) return sample.median_us;
  }
  return std::nullopt;
}

std::optional<double> faster(std::optional<double> a, std::optional<double> b) {
  return a && b ? std::min(*a, *b) : a ? a : b;
}

std::string ratio_text(const std::vector<KeepRatioTimes>& times) {
  const std::optional<double> from = pays_from(times);
  if (times.size() == 1)
    return fmt::format("{} at a keep ratio of {:.2f}", from ? "sparse" : "dense",
                       times.front().keep);
  if (!from)
    return fmt::format("at none of {} keep ratios from {:.2f} to {:.2f}", times.size(),
                       times.front().keep, times.back().keep);
  return fmt::format("from a keep ratio of {:.2f} down to {:.2f}", *from, times.back().keep);
}

Json to_json(const std::vector<KeepRatioTimes>& times) {
  Json array = Json::array();
  for (const KeepRatioTimes& t : times)
    array.push_back({{"keep", t.keep}, {"sparse_us", t.sparse_us}, {"dense_us", t.dense_us}});
  return array;
}

Json to_json(const Prediction& prediction) {
  if (!prediction) return nullptr;
  return {{"config", print_config(prediction->second)}, {"predicted_us", prediction->first}};
}

}  // namespace

SparsityExplanation explain_sparsity(Target& target, const ConvSpec& spec,
                                     const KernelConfig& chosen, const TuningDb& db,
                                     std::uint64_t seed) {
  SparsityExplanation e;
  const SparsityUnits signature = sparsity_units(spec);
  e.units = signature.units;
  e.kept = spec.pattern ? static_cast<std::int64_t>(spec.pattern->kept().size()) : signature.kept;
  e.bytes_us = target.bytes_us(spec);
  e.chosen_masked = is_masked(chosen);
  std::tie(e.sparse, e.masked) = predict(target, spec);

  std::vector<std::pair<double, ConvSpec>> others;
  const Sparsity own = Sparsity::parse(spec.sparsity);
  if (own.kind == SparsityKind::kNm)
    others.push_back({own.keep, spec});
  else
    for (int i = kRatioSteps; i > 0; --i) {
      const double keep = static_cast<double>(i) / kRatioSteps;
      others.push_back({keep, keep == own.keep ? spec : at_ratio(spec, keep, seed)});
    }
  const ConvSpec dense = dense_problem(spec);
  const std::optional<double> measured_dense = measured_us(target, dense, db, false);
  for (const auto& [keep, other] : others) {
    const auto [sparse, masked] = predict(target, other);
    if (sparse && masked) e.predicted.push_back({keep, sparse->first, masked->first});
    const auto sparse_us = measured_us(target, other, db, false);
    const auto dense_us = faster(measured_dense, measured_us(target, other, db, true));
    if (sparse_us && dense_us) e.measured.push_back({keep, *sparse_us, *dense_us});
  }
  return e;
}

std::optional<double> pays_from(const std::vector<KeepRatioTimes>& times) {
  std::optional<double> from;
  for (auto t = times.rbegin(); t != times.rend() && t->pays(); ++t) from = t->keep;
  return from;
}

Json to_json(const SparsityExplanation& e) {
  const auto or_null = [](const std::optional<double>& value) {
    return value ? Json(*value) : Json(nullptr);
  };
  return {{"units", e.units},
          {"kept", e.kept},
          {"bytes_us", e.bytes_us > 0 ? Json(e.bytes_us) : Json(nullptr)},
          {"choice", e.chosen_masked ? "masked" : "sparse"},
          {"best_sparse", to_json(e.sparse)},
          {"best_masked", to_json(e.masked)},
          {"pays_from_predicted", or_null(pays_from(e.predicted))},
          {"pays_from_measured", or_null(pays_from(e.measured))},
          {"predicted", to_json(e.predicted)},
          {"measured", to_json(e.measured)}};
}

std::vector<std::pair<std::string, std::string>> to_lines(const SparsityExplanation& e,
                                                          const ConvSpec& spec) {
  std::vector<std::pair<std::string, std::string>> lines;
  lines.emplace_back(
      "sparsity",
      fmt::format("{}: {} of {} units kept ({:.1f} %), {}", spec.sparsity, e.kept, e.units,
                  100 * static_cast<double>(e.kept) / static_cast<double>(e.units),
                  spec.pattern ? "pattern " + spec.pattern->hash().substr(0, 12)
                               : std::string("the pattern is an operand")));
  if (e.bytes_us > 0)
    lines.emplace_back("byte floor", fmt::format("{:.2f} us: what memory needs for x, y and the "
                                                 "kept weights, each once",
                                                 e.bytes_us));
  if (!e.predicted.empty()) lines.emplace_back("pays", "predicted: " + ratio_text(e.predicted));
  lines.emplace_back(e.predicted.empty() ? "pays" : "",
                     e.measured.empty()
                         ? "measured: nothing yet (convoke tune this problem, dense and with "
                           "--sparsity at several ratios)"
                         : "measured: " + ratio_text(e.measured));
  lines.emplace_back("choice",
                     e.chosen_masked ? "the dense kernel on masked weights" : "a sparse kernel");
  const auto line = [&](const char* what, const auto& prediction) {
    lines.emplace_back("", prediction
                               ? fmt::format("{:>10.1f} us  {} predicted: {}", prediction->first,
                                             what, print_config(prediction->second))
                               : fmt::format("no {} configuration is legal here", what));
  };
  line("best sparse", e.sparse);
  line("best masked", e.masked);
  return lines;
}

}  // namespace convoke::cli
