#include "compiler/sparsity_units.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "compiler/sparsity.h"
#include "convoke/error.h"
#include "convoke/sparsity_pattern.h"

namespace convoke {

UnitGrid::UnitGrid(const ConvSpec& spec) {
  spec.validate();
  const Sparsity sparsity = Sparsity::parse(spec.sparsity);
  if (sparsity.kind == SparsityKind::kNone)
    throw Error(ErrorCode::kUsage,
                "the problem is dense: give it a sparsity, such as sparsity=channel:0.5");
  channel = sparsity.kind == SparsityKind::kChannel;
  input = sparsity.kind == SparsityKind::kInput;
  groups = spec.groups;
  k_per_group = spec.k_per_group();
  c_per_group = spec.c_per_group();
  taps = spec.r * spec.s;
  rows = sparsity.rows;
  columns = sparsity.columns;
  units_k = (k_per_group + rows - 1) / rows;
  units_c = (c_per_group + columns - 1) / columns;
  if (units() > kMaxPatternUnits)
    throw Error(ErrorCode::kUsage,
                fmt::format("sparsity {} of {} has {} units, more than {}", spec.sparsity,
                            shape_text(spec), units(), kMaxPatternUnits));
}

std::int64_t UnitGrid::size_of(std::int64_t unit) const {
  const std::int64_t in_group = unit % of_group();
  const std::int64_t row = channel ? in_group : input ? 0 : in_group / (taps * units_c);
  const std::int64_t column = channel ? 0 : input ? in_group : in_group % units_c;
  const std::int64_t filters = input ? k_per_group : std::min(rows, k_per_group - row * rows);
  const std::int64_t channels =
      channel ? c_per_group : std::min(columns, c_per_group - column * columns);
  return filters * channels * (channel || input ? taps : 1);
}

std::int64_t kept_of(double keep, std::int64_t units) {
  return std::clamp<std::int64_t>(std::llround(keep * static_cast<double>(units)), 1, units);
}

double kept_share(const ConvSpec& spec) {
  if (spec.sparsity.empty()) return 1;
  const SparsityUnits units = sparsity_units(spec);
  return static_cast<double>(units.kept) / static_cast<double>(units.units);
}

std::string shape_text(const ConvSpec& spec) {
  return fmt::format("g{}ic{}oc{}kh{}kw{}", spec.groups, spec.c, spec.k, spec.r, spec.s);
}

}  // namespace convoke
