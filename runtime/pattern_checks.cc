#include "runtime/pattern_checks.h"

#include <fmt/format.h>

#include <vector>

#include "compiler/sparsity.h"
#include "compiler/spec_text.h"
#include "convoke/error.h"

namespace convoke {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kUsage, message); }

}  // namespace

bool takes_pattern(const ConvSpec& spec) {
  const Sparsity sparsity = Sparsity::parse(spec.sparsity);
  if (spec.pattern != nullptr) {
    const std::string signature = with_pattern(spec, spec.pattern).sparsity;
    if (signature != spec.sparsity)
      refuse(fmt::format("the pattern keeps {}, the spec says {}: give both to with_pattern()",
                         signature, spec.sparsity));
  } else if (sparsity.kind != SparsityKind::kNone && !sparsity.bound) {
    refuse(
        fmt::format("sparsity {} has no pattern: set ConvSpec::pattern (with_pattern()), or add "
                    ":bound and give one to each launch",
                    spec.sparsity));
  }
  return sparsity.bound;
}

void check_bound_pattern(const ConvSpec& spec, const SparsityPattern& pattern) {
  if (!pattern.fits(spec))
    refuse(fmt::format("the pattern is one for {}, this plan is for {}", pattern.description(),
                       print_spec(spec)));
  const SparsityKind kind = Sparsity::parse(spec.sparsity).kind;
  if (kind == SparsityKind::kNm) return;
  const SparsityUnits expected = sparsity_units(spec);
  const bool by_group = kind == SparsityKind::kChannel || kind == SparsityKind::kInput;
  const std::int64_t parts = by_group ? spec.groups : 1;
  std::vector<std::int64_t> kept(static_cast<std::size_t>(parts));
  for (const std::int64_t unit : pattern.kept())
    ++kept[static_cast<std::size_t>(unit / (expected.units / parts))];
  for (std::size_t part = 0; part < kept.size(); ++part)
    if (kept[part] != expected.kept / parts)
      refuse(
          fmt::format("the pattern keeps {} of {} units{}, this plan's {} stands for {}: patterns "
                      "of a bound plan all keep as many",
                      kept[part], expected.units / parts,
                      parts > 1 ? fmt::format(" in group {}", part) : std::string(), spec.sparsity,
                      expected.kept / parts));
}

}  // namespace convoke
