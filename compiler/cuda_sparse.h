// Sparsity for CUDA: which of the templates' ways serves a spec (templates/sparse_config.h) and the
// tables that a pattern becomes. A bound kernel gets them at launch, a baked one holds them as
// constants; both come from the one function here.
#pragma once

#include <string>
#include <vector>

#include "compiler/kernel_config.h"
#include "convoke/sparsity_pattern.h"
#include "templates/conv_config.h"

namespace convoke {

/// Sets the sparse fields of `config`, whose tiles are set. Counts are those of the spec's pattern,
/// or the most that its signature allows if it is bound.
void set_sparsity(const ConvSpec& spec, bool masked, cuda::ConvConfig& config);

/// The part of the channels and taps that the reduction of a mean tile of filters runs over: more
/// than the ratio kept where a tile's filters keep different blocks.
double reduction_share(const ConvSpec& spec, const cuda::ConvConfig& config);

/// The words that a kernel reads, cuda::pattern_words(config) of them.
/// @throws Error kUsage if the pattern keeps more than the kernel has room for.
std::vector<std::uint32_t> make_pattern_words(const cuda::ConvConfig& config,
                                              const SparsityPattern& pattern);

/// Their definition in an emitted unit.
std::string emit_pattern_words(const std::vector<std::uint32_t>& words);

}  // namespace convoke
