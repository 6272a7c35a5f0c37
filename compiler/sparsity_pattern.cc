#include "convoke/sparsity_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "compiler/cache_key.h"
#include "compiler/sparsity.h"
#include "compiler/sparsity_units.h"
#include "convoke/error.h"

namespace convoke {
namespace {

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kUsage, message); }

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Calls body(index in memory, unit) for each weight, in the order k, r, s, c whatever the layout.
template <typename Body>
void each_weight(const ConvSpec& spec, const UnitGrid& grid, const Body& body) {
  const bool nhwc = spec.x_layout == Layout::kNhwc;
  const std::int64_t channels = spec.c_per_group(), taps = spec.r * spec.s;
  for (std::int64_t k = 0; k < spec.k; ++k)
    for (std::int64_t tap = 0; tap < taps; ++tap)
      for (std::int64_t c = 0; c < channels; ++c) {
        const std::int64_t at =
            nhwc ? (k * taps + tap) * channels + c : (k * channels + c) * taps + tap;
        body(at, grid.unit_of(k, tap, c));
      }
}

/// Of units [begin, begin + size) the `kept` that come first in `order`, appended to `out`.
template <typename Order>
void keep_first(std::int64_t begin, std::int64_t size, std::int64_t kept, const Order& order,
                std::vector<std::int64_t>& scratch, std::vector<std::int64_t>& out) {
  scratch.resize(static_cast<std::size_t>(size));
  std::iota(scratch.begin(), scratch.end(), begin);
  if (kept < size) std::nth_element(scratch.begin(), scratch.begin() + kept, scratch.end(), order);
  out.insert(out.end(), scratch.begin(), scratch.begin() + std::min(kept, size));
}

/// The kept units if each range that the spec's ratio speaks of keeps its first ones in `order`.
template <typename Order>
std::vector<std::int64_t> keep_by_ratio(const ConvSpec& spec, const UnitGrid& grid,
                                        const Order& order) {
  const Sparsity sparsity = Sparsity::parse(spec.sparsity);
  std::vector<std::int64_t> kept, scratch;
  if (sparsity.kind != SparsityKind::kNm) {
    const std::int64_t ranges = grid.per_group_ratio() ? spec.groups : 1;
    const std::int64_t size = grid.units() / ranges;
    for (std::int64_t i = 0; i < ranges; ++i)
      keep_first(i * size, size, kept_of(sparsity.keep, size), order, scratch, kept);
  } else {
    const std::int64_t channels = spec.c_per_group();
    for (std::int64_t row = 0; row < grid.units(); row += channels)
      for (std::int64_t c = 0; c < channels; c += sparsity.m)
        keep_first(row + c, std::min<std::int64_t>(sparsity.m, channels - c), sparsity.n, order,
                   scratch, kept);
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

/// SplitMix64 (Steele, Lea, Flood 2014) of a unit's number: the same draw on every machine.
std::uint64_t scramble(std::uint64_t seed, std::int64_t unit) {
  std::uint64_t z = seed + 0x9e3779b97f4a7c15u * (static_cast<std::uint64_t>(unit) + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void check_ascending(const std::vector<std::int64_t>& kept, std::int64_t units) {
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (kept[i] < 0 || kept[i] >= units)
      fail(fmt::format("kept unit {} is {} but must be 0 to {}", i, kept[i], units - 1));
    if (i == 0 || kept[i] > kept[i - 1]) continue;
    if (kept[i] == kept[i - 1]) fail(fmt::format("kept unit {} is given twice", kept[i]));
    fail(fmt::format("kept unit {} stands after {}: they must ascend", kept[i], kept[i - 1]));
  }
}

void check_nm(const ConvSpec& spec, const std::vector<std::int64_t>& kept) {
  const Sparsity sparsity = Sparsity::parse(spec.sparsity);
  if (sparsity.kind != SparsityKind::kNm) return;
  const std::int64_t channels = spec.c_per_group(), taps = spec.r * spec.s;
  std::int64_t last = -1, in_range = 0;
  for (const std::int64_t unit : kept) {
    const std::int64_t row = unit / channels, c = unit % channels;
    const std::int64_t range = row * ceil_div(channels, sparsity.m) + c / sparsity.m;
    in_range = range == last ? in_range + 1 : 1;
    last = range;
    if (in_range <= sparsity.n) continue;
    const std::int64_t first = c / sparsity.m * sparsity.m;
    fail(
        fmt::format("filter {} keeps more than {} of channels {} to {} at tap ({}, {}): {} keeps "
                    "at most {} of every {}",
                    row / taps, sparsity.n, first, std::min(first + sparsity.m, channels) - 1,
                    row % taps / spec.s, row % spec.s, sparsity.text(), sparsity.n, sparsity.m));
  }
}

}  // namespace

SparsityPattern::SparsityPattern(const ConvSpec& spec, std::vector<std::int64_t> kept)
    : groups_(UnitGrid(spec).groups),  // which validates the spec before anything is divided
      c_per_group_(spec.c_per_group()),
      k_per_group_(spec.k_per_group()),
      r_(spec.r),
      s_(spec.s),
      kept_(std::move(kept)) {
  const UnitGrid grid(spec);
  check_ascending(kept_, grid.units());
  check_nm(spec, kept_);
  Sparsity sparsity = Sparsity::parse(spec.sparsity);
  kind_ = sparsity.kind == SparsityKind::kChannel ? Kind::kChannel
          : sparsity.kind == SparsityKind::kInput ? Kind::kInput
                                                  : Kind::kEverywhere;
  rows_ = grid.rows, columns_ = grid.columns, units_k_ = grid.units_k, units_c_ = grid.units_c;
  is_kept_.resize(static_cast<std::size_t>(grid.units()));
  const std::int64_t ranges = grid.per_group_ratio() ? groups_ : 1;
  std::vector<std::int64_t> in_range(static_cast<std::size_t>(ranges));
  for (const std::int64_t unit : kept_) {
    is_kept_[static_cast<std::size_t>(unit)] = true;
    kept_weights_ += grid.size_of(unit);
    ++in_range[static_cast<std::size_t>(unit / (grid.units() / ranges))];
  }
  sparsity.bound = false;
  if (sparsity.kind != SparsityKind::kNm) {
    const std::int64_t most = *std::max_element(in_range.begin(), in_range.end());
    sparsity.keep = static_cast<double>(std::max<std::int64_t>(most, 1)) /
                    static_cast<double>(grid.units() / ranges);
  }
  signature_ = sparsity.text();
  hash_ = sha256_hex(body());
}

SparsityPattern::Ptr SparsityPattern::by_magnitude(const ConvSpec& spec, const float* w,
                                                   std::size_t count) {
  const UnitGrid grid(spec);
  if (static_cast<std::int64_t>(count) != spec.w_elements())
    fail(fmt::format("{} weights are given but {} has {}", count, shape_text(spec),
                     spec.w_elements()));
  std::vector<double> sums(static_cast<std::size_t>(grid.units()));
  each_weight(spec, grid, [&](std::int64_t at, std::int64_t unit) {
    const double magnitude = std::fabs(static_cast<double>(w[at]));
    if (std::isnan(magnitude)) fail(fmt::format("weight {} is NaN, which has no magnitude", at));
    sums[static_cast<std::size_t>(unit)] += magnitude;
  });
  const auto larger = [&sums](std::int64_t a, std::int64_t b) {
    const double of_a = sums[static_cast<std::size_t>(a)], of_b = sums[static_cast<std::size_t>(b)];
    return of_a != of_b ? of_a > of_b : a < b;
  };
  return Ptr(new SparsityPattern(spec, keep_by_ratio(spec, grid, larger)));
}

SparsityPattern::Ptr SparsityPattern::random(const ConvSpec& spec, std::uint64_t seed) {
  const auto drawn = [seed](std::int64_t a, std::int64_t b) {
    return scramble(seed, a) < scramble(seed, b);  // a bijection of the number: no ties
  };
  return Ptr(new SparsityPattern(spec, keep_by_ratio(spec, UnitGrid(spec), drawn)));
}

SparsityPattern::Ptr SparsityPattern::from_units(const ConvSpec& spec,
                                                 std::vector<std::int64_t> kept) {
  return Ptr(new SparsityPattern(spec, std::move(kept)));
}

SparsityPattern::Ptr SparsityPattern::from_mask(const ConvSpec& spec, const std::uint8_t* mask,
                                                std::size_t count) {
  const UnitGrid grid(spec);
  if (static_cast<std::int64_t>(count) != spec.w_elements())
    fail(fmt::format("a mask of {} elements is given but {} has {} weights", count,
                     shape_text(spec), spec.w_elements()));
  std::vector<std::int64_t> weights(static_cast<std::size_t>(grid.units()));
  each_weight(spec, grid, [&](std::int64_t at, std::int64_t unit) {
    weights[static_cast<std::size_t>(unit)] += mask[at] != 0 ? 1 : 0;
  });
  std::vector<std::int64_t> kept;
  for (std::int64_t unit = 0; unit < grid.units(); ++unit) {
    const std::int64_t some = weights[static_cast<std::size_t>(unit)];
    if (some == 0) continue;
    if (some != grid.size_of(unit))
      fail(
          fmt::format("the mask keeps {} of the {} weights of unit {}: {} keeps or prunes a unit "
                      "as a whole",
                      some, grid.size_of(unit), unit, spec.sparsity));
    kept.push_back(unit);
  }
  return Ptr(new SparsityPattern(spec, std::move(kept)));
}

bool SparsityPattern::fits(const ConvSpec& spec) const {
  if (spec.sparsity.empty() || spec.groups != groups_ || spec.c != c_per_group_ * groups_ ||
      spec.k != k_per_group_ * groups_ || spec.r != r_ || spec.s != s_)
    return false;
  const Sparsity ours = Sparsity::parse(signature_), other = Sparsity::parse(spec.sparsity);
  return ours.kind == other.kind && ours.rows == other.rows && ours.columns == other.columns &&
         ours.n == other.n && ours.m == other.m;
}

std::string SparsityPattern::description() const {
  return fmt::format("g{}ic{}oc{}kh{}kw{} {}", groups_, c_per_group_ * groups_,
                     k_per_group_ * groups_, r_, s_, signature_);
}

ConvSpec with_pattern(ConvSpec spec, SparsityPattern::Ptr pattern) {
  if (pattern == nullptr) fail("the sparsity pattern is null");
  if (!pattern->fits(spec))
    fail(fmt::format("the pattern is for {} but the problem is {} {}", pattern->description(),
                     shape_text(spec), spec.sparsity.empty() ? "dense" : spec.sparsity));
  if (Sparsity::parse(spec.sparsity).bound)
    fail(
        fmt::format("sparsity {} takes its pattern at each launch: leave :bound out to make the "
                    "pattern part of the kernel",
                    spec.sparsity));
  ConvSpec real = spec;
  real.sparsity = pattern->signature();
  if (sparsity_units(real).kept != sparsity_units(spec).kept) spec.sparsity = real.sparsity;
  spec.pattern = std::move(pattern);
  return spec;
}

SparsityUnits sparsity_units(const ConvSpec& spec) {
  const UnitGrid grid(spec);
  const Sparsity sparsity = Sparsity::parse(spec.sparsity);
  if (sparsity.kind == SparsityKind::kNm) {
    const std::int64_t channels = spec.c_per_group(), rest = channels % sparsity.m;
    const std::int64_t of_row =
        channels / sparsity.m * sparsity.n + std::min<std::int64_t>(rest, sparsity.n);
    return {grid.units(), grid.units() / channels * of_row};
  }
  const std::int64_t ranges = grid.per_group_ratio() ? spec.groups : 1;
  return {grid.units(), ranges * kept_of(sparsity.keep, grid.units() / ranges)};
}

}  // namespace convoke
