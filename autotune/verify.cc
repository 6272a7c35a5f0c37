#include "autotune/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>

#include "autotune/guarded_buffer.h"
#include "autotune/verify_data.h"

namespace convoke {
namespace {

std::string describe_index(const ConvSpec& spec, std::int64_t index) {
  const std::int64_t k = channel_of(spec, index);
  const std::int64_t pixel = spec.y_layout == Layout::kNhwc ? index / spec.k % (spec.p * spec.q)
                                                            : index % (spec.p * spec.q);
  return fmt::format("y[n={},k={},p={},q={}]", index / (spec.k * spec.p * spec.q), k,
                     pixel / spec.q, pixel % spec.q);
}

struct Comparison {
  std::int64_t wrong = 0;
  std::string first;  ///< the first wrong element, in words
  double max_error = 0, tolerance = 0;
};

bool matches_class(double got, SumClass sum_class) {
  return sum_class == SumClass::kNan             ? std::isnan(got)
         : sum_class == SumClass::kPlusInfinity  ? got == INFINITY
         : sum_class == SumClass::kMinusInfinity ? got == -INFINITY
                                                 : std::isfinite(got);
}

const char* to_string(SumClass sum_class) {
  constexpr const char* kNames[] = {"finite", "inf", "-inf", "nan"};
  return kNames[static_cast<int>(sum_class)];
}

/// Whether a kernel never stored element i of y.
bool is_unwritten(const std::byte* y, std::int64_t i, int size) {
  return GuardedBuffer::is_poison(y, static_cast<std::size_t>(i * size), size,
                                  GuardedBuffer::Poison::kOutput);
}

std::string describe_value(const std::byte* y, std::int64_t i, DataType type) {
  if (is_unwritten(y, i, size_of(type))) return "unwritten";
  const double value = load_element(y, i, type);
  return std::isnan(value) ? "nan" : fmt::format("{:.9g}", value);
}

}  // namespace

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      return "passed";
    case Verdict::kFailed:
      return "failed";
    case Verdict::kUntrusted:
      return "untrusted";
    case Verdict::kUnsupported:
      return "unsupported";
  }
  return "unknown";
}

struct Verifier::Impl : VerifyData {
  Target& target;
  std::string unsupported;  ///< why the target cannot run the spec

  Impl(Target& t, const ConvSpec& s)
      : VerifyData(s), target(t), unsupported(t.why_unsupported(s)) {}

  Comparison compare(const Expected& expected, const std::vector<SumClass>* classes,
                     const std::byte* y, std::int64_t count) const;

  /// One launch; y's bytes, or a sentence in `problem`.
  struct Run {
    const Bytes& x;
    const Bytes& w;
    const Inputs& rest;
    const SparsityPattern* pattern;
    WeightForm form;
    bool skewed;  ///< operands just as aligned as the kernel asks for, or as their elements
    std::int64_t images;
  };
  Bytes launch(const Kernel& kernel, const Run& run, std::string& problem) const;
  VerifyResult check(const Kernel& kernel) const;
};

Comparison Verifier::Impl::compare(const Expected& expected, const std::vector<SumClass>* classes,
                                   const std::byte* y, std::int64_t count) const {
  Comparison result;
  const int size = size_of(spec.y_type);
  for (std::int64_t i = 0; i < count; ++i) {
    const double got = load_element(y, i, spec.y_type);
    const double want = expected.value[i];
    const SumClass sum_class = classes == nullptr ? SumClass::kFinite : (*classes)[i];
    std::string wanted;
    if (sum_class != SumClass::kFinite) {
      // What an epilogue makes of an infinite sum is its own affair; it must be written, though.
      if (epilogue.is_identity() ? matches_class(got, sum_class) : !is_unwritten(y, i, size))
        continue;
      wanted = to_string(sum_class);
    } else if (expected.tolerance.empty()) {
      if (got == want || (std::isnan(got) && std::isnan(want) && !is_unwritten(y, i, size)))
        continue;
    } else {
      const double limit = expected.tolerance[i];
      if (!std::isfinite(limit) && !is_unwritten(y, i, size)) continue;
      const double error = std::abs(got - want);
      if (error > result.max_error) result.max_error = error, result.tolerance = limit;
      if (error <= limit) continue;
      wanted = fmt::format("{:.9g} +- {:.2g}", want, limit);
    }
    if (result.wrong++ > 0) continue;
    if (wanted.empty()) wanted = fmt::format("{:.9g}", want);
    result.first = fmt::format("{} is {}, expected {}", describe_index(spec, i),
                               describe_value(y, i, spec.y_type), wanted);
  }
  return result;
}

Bytes Verifier::Impl::launch(const Kernel& kernel, const Run& run, std::string& problem) const {
  const auto skew = [&](DataType type) {
    const auto element = static_cast<std::size_t>(size_of(type));
    return run.skewed ? std::max(element, kernel.alignment()) : 0;
  };
  const bool packed_form = run.form == WeightForm::kPacked;
  const auto first_images = [&](const Bytes& all) {
    return Bytes(all.begin(),
                 all.begin() + static_cast<std::ptrdiff_t>(all.size()) / batch * run.images);
  };
  GuardedBuffer x(target, "x", first_images(run.x), skew(spec.x_type));
  GuardedBuffer w(target, "the weights", run.w, skew(spec.w_type));
  GuardedBuffer y(target, "y", byte_size(spec.y_elements(run.images), spec.y_type),
                  skew(spec.y_type), GuardedBuffer::Poison::kOutput);
  GuardedBuffer workspace(target, "the workspace",
                          static_cast<std::size_t>(kernel.workspace_bytes(run.images, run.form)));
  Bytes host_tables(static_cast<std::size_t>(kernel.pattern_bytes()));
  if (!host_tables.empty()) kernel.pack_pattern(*run.pattern, host_tables.data());
  GuardedBuffer tables(target, "the pattern", host_tables);
  GuardedBuffer packed(target, "the packed weights",
                       packed_form ? static_cast<std::size_t>(kernel.packed_weight_bytes()) : 0);
  std::deque<GuardedBuffer> operands;
  std::vector<ConstBuffer> operand_buffers;
  for (std::size_t i = 0; i < run.rest.operands.size(); ++i) {
    const EpilogueOperand& operand = epilogue.operands()[i];
    const Bytes& bytes = run.rest.operands[i];
    operands.emplace_back(target, "operand " + operand.name,
                          operand.per_channel ? bytes : first_images(bytes),
                          operand.per_channel && run.skewed
                              ? sizeof(float)
                              : skew(operand.element_type(spec.y_type)));
    operand_buffers.push_back({operands.back().data(), operands.back().bytes()});
  }
  if (packed_form) {
    kernel.prepack(w.data(), host_tables.empty() ? nullptr : tables.data(), packed.data(), nullptr);
    packed.read_back();
    problem = packed.damage_outside();
    if (!problem.empty()) return {};
    packed.accept_contents();
  }
  const GuardedBuffer& weights = packed_form ? packed : w;
  LaunchArgs args;
  args.x = {x.data(), x.bytes()};
  args.w = {weights.data(), weights.bytes()};
  args.y = {y.data(), y.bytes()};
  args.operands = operand_buffers.data();
  args.operand_count = operand_buffers.size();
  args.pattern = {host_tables.empty() ? nullptr : tables.data(), tables.bytes()};
  args.workspace = {workspace.data(), workspace.bytes()};
  args.batch = run.images;
  args.x_zero = run.rest.x_zero;
  kernel.launch(args, run.form);

  std::vector<GuardedBuffer*> inputs = {&x, &w, &tables, &packed};
  for (GuardedBuffer& operand : operands) inputs.push_back(&operand);
  for (GuardedBuffer* input : inputs) {
    input->read_back();
    if (problem.empty()) problem = input->damage();
  }
  for (GuardedBuffer* output : {&y, &workspace}) {
    output->read_back();
    if (problem.empty()) problem = output->damage_outside();
  }
  return Bytes(y.contents(), y.contents() + y.bytes());
}

VerifyResult Verifier::Impl::check(const Kernel& kernel) const {
  VerifyResult result;
  result.verdict = Verdict::kFailed;
  const bool packs = kernel.packed_weight_bytes() > 0;
  /// Launches, compares; false and a reason if that went wrong.
  const auto passes = [&](const char* what, const Run& run, const Expected& expected,
                          const std::vector<SumClass>* classes, Bytes* y) {
    *y = launch(kernel, run, result.reason);
    if (result.reason.empty()) {
      const Comparison found = compare(expected, classes, y->data(), spec.y_elements(run.images));
      if (&expected == &float_trial.expected)
        result.max_error = found.max_error, result.tolerance = found.tolerance;
      if (found.wrong == 0) return true;
      result.reason = fmt::format("{} ({} of {} outputs are wrong)", found.first, found.wrong,
                                  spec.y_elements(run.images));
    }
    result.reason = fmt::format("{}, {} weights: {}", what,
                                run.form == WeightForm::kPlain ? "plain" : "packed", result.reason);
    return false;
  };
  constexpr auto kPlain = WeightForm::kPlain;
  constexpr auto kPacked = WeightForm::kPacked;
  Bytes y, again;
  const Trial& first = integer_trials.front();
  const SparsityPattern* pattern = first.pattern.get();
  for (const Trial& trial : integer_trials) {
    const char* what = &trial == &first ? "integers" : "integers, second pattern";
    const auto run = [&](WeightForm form) {
      return Run{integers.x, trial.w, integers, trial.pattern.get(), form, true, batch};
    };
    if (!passes(what, run(kPlain), trial.expected, nullptr, &y)) return result;
    if (packs && !passes(what, run(kPacked), trial.expected, nullptr, &y)) return result;
  }
  if (!weight_infinities.bytes.empty() &&
      !passes("infinite weights on padding",
              {integers.x, weight_infinities.bytes, integers, pattern, kPlain, false, batch},
              first.expected, &weight_infinities.classes, &y))
    return result;
  if (!image_infinities.bytes.empty() &&
      !passes("infinite pixels",
              {image_infinities.bytes, first.w, integers, pattern, kPlain, false, batch},
              first.expected, &image_infinities.classes, &y))
    return result;
  if (spec.open_batch() &&
      !passes("integers, batch 1", {integers.x, first.w, integers, pattern, kPlain, false, 1},
              first.expected, nullptr, &y))
    return result;
  const auto run_floats = [&](WeightForm form, bool skewed) {
    return Run{floats.x, float_trial.w, floats, pattern, form, skewed, batch};
  };
  if (!passes("floats", run_floats(kPlain, false), float_trial.expected, nullptr, &y) ||
      !passes("floats", run_floats(packs ? kPacked : kPlain, true), float_trial.expected, nullptr,
              &again))
    return result;
  if (y != again) {
    const auto at = std::mismatch(y.begin(), y.end(), again.begin()).first - y.begin();
    result.reason = fmt::format("two launches on the same data differ at {}",
                                describe_index(spec, at / size_of(spec.y_type)));
    return result;
  }
  result.verdict = untrusted.empty() ? Verdict::kPassed : Verdict::kUntrusted;
  result.reason = untrusted;
  return result;
}

Verifier::Verifier(Target& target, const ConvSpec& spec, std::uint64_t seed, Executor* executor)
    : impl_(std::make_unique<Impl>(target, spec)) {
  if (impl_->unsupported.empty()) impl_->prepare(target, seed, executor);
}

Verifier::~Verifier() = default;

VerifyResult Verifier::check(const KernelConfig& config) const {
  VerifyResult result;
  result.verdict = Verdict::kUnsupported;
  result.reason = impl_->unsupported;
  if (result.reason.empty()) result.reason = impl_->target.why_illegal(impl_->spec, config);
  if (!result.reason.empty()) return result;
  try {
    const auto kernel = impl_->target.get(impl_->spec, config);
    return impl_->check(*kernel);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    result.reason = error.what();
    return result;
  }
}

}  // namespace convoke
