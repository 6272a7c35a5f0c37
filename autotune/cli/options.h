// What a user asked for: the selectors that every command shares and the few words of single
// commands. Text is kept as typed until parse() turns it into numbers and types, so that each
// refusal names option, value and limit in our own sentence instead of the parser library's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/kernel_config.h"
#include "compiler/spec_text.h"
#include "convoke/conv_spec.h"
#include "convoke/sparsity_pattern.h"
#include "runtime/target.h"

namespace convoke::cli {

/// The selectors of every command that works on problems, checked.
struct Selectors {
  std::vector<std::string> files;        ///< --problems
  std::vector<std::string> descriptors;  ///< positional
  std::string target = "auto";
  std::vector<Pass> passes;  ///< empty: as the problem says
  std::optional<DataType> dtype;
  std::optional<Layout> layout;
  std::optional<std::string> epilogue;  ///< canonical
  std::optional<std::string> sparsity;
  SparsityPattern::Ptr pattern;       ///< --pattern; null: drawn with the seed
  std::optional<std::int64_t> batch;  ///< kOpenBatch for `?`
  std::optional<KernelConfig> config;
  std::optional<double> budget_seconds;
  std::int64_t workspace_limit = -1;
  std::uint64_t seed = 1;
  bool json = false;
};

/// The same as typed. CLI11 writes here.
struct RawSelectors {
  std::vector<std::string> files, words;
  std::string target = "auto", pass, dtype, layout, epilogue, sparsity, pattern, batch, config,
              budget, workspace_limit, seed;
  bool json = false;
};

/// @throws Error kUsage naming option, value and limit; kUnsupported for what this build does not
/// have yet.
Selectors parse(const RawSelectors& raw);

/// The problems that the selectors stand for, overrides applied, every pass of --pass in turn. Of
/// several lists, the list's name goes before the problem's: lenet_k5/conv1. A sparse problem has
/// its pattern, that of --pattern or one drawn with the seed, unless it is bound.
/// @throws Error kUsage (with FILE:LINE for lists), also if there is none.
std::vector<Problem> select_problems(const Selectors& selectors);

/// N of cuda:N, 0 for the other targets. @throws Error kUsage.
int parse_ordinal(const std::string& target);

/// Opens the target that `--target` names ("auto": the best there is). @throws Error kDevice,
/// kUsage.
Device open_device(const std::string& target);

/// The GPUs of `--arch`, which may be repeated and takes several separated by commas. @throws Error
/// kUsage for an unknown name, one that comes twice, or beside a `target` that has none.
std::vector<CudaDevice> parse_archs(const std::vector<std::string>& words,
                                    const std::string& target);

/// Decimal integer of `option` in [lo, hi]. @throws Error kUsage.
std::int64_t parse_integer(std::string_view option, std::string_view text, std::int64_t lo,
                           std::int64_t hi);
/// Finite number of `option` in [lo, hi]. @throws Error kUsage.
double parse_number(std::string_view option, std::string_view text, double lo, double hi);

/// The word of `known` nearest to `word` by edit distance, or empty if none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace convoke::cli
