// The units of a sparsity word on one layer's weights: how many there are, which unit a weight
// belongs to, how many weights a unit has. What sparsity_pattern.h documents, as arithmetic.
#pragma once

#include <cstdint>
#include <string>

#include "convoke/conv_spec.h"

namespace convoke {

/// Most units of a pattern: its bit map takes 128 MiB.
inline constexpr std::int64_t kMaxPatternUnits = std::int64_t{1} << 30;

struct UnitGrid {
  /// @throws Error kUsage: an invalid spec, a dense one, more than kMaxPatternUnits.
  explicit UnitGrid(const ConvSpec& spec);

  std::int64_t units() const { return groups * of_group(); }
  /// Whether the ratio speaks of each group (channel, input) rather than of the layer.
  bool per_group_ratio() const { return channel || input; }
  std::int64_t of_group() const {
    return channel ? units_k : input ? units_c : units_k * taps * units_c;
  }
  /// `k` of all groups, `c` within the group, tap r * S + s.
  std::int64_t unit_of(std::int64_t k, std::int64_t tap, std::int64_t c) const {
    const std::int64_t group = k / k_per_group, row = k % k_per_group / rows;
    if (channel) return group * units_k + row;
    if (input) return group * units_c + c / columns;
    return ((group * units_k + row) * taps + tap) * units_c + c / columns;
  }
  /// Weights of a unit; the last of an axis may be smaller.
  std::int64_t size_of(std::int64_t unit) const;

  bool channel = false, input = false;
  std::int64_t groups = 1, k_per_group = 1, c_per_group = 1, taps = 1;
  std::int64_t rows = 1, columns = 1;     ///< filters and channels of a unit
  std::int64_t units_k = 1, units_c = 1;  ///< of a group
};

/// Units of `units` that a ratio keeps: the nearest number, at least one.
std::int64_t kept_of(double keep, std::int64_t units);

/// Part of the weights that the spec's signature keeps; 1 if it is dense.
double kept_share(const ConvSpec& spec);

/// "g1ic64oc64kh3kw3": what a pattern knows of a problem.
std::string shape_text(const ConvSpec& spec);

}  // namespace convoke
