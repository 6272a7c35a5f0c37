// Rules and search space of the depthwise family. In nhwc, lanes are output channels, each with its
// own few input channels: a vector holds whole groups, or a group holds whole vectors, so that one
// constant shuffle per input channel lines the input up with the filters of every vector alike. In
// nchw, lanes are pixels and a group may have any size.
#pragma once

#include <string>

#include "compiler/cpu_isa.h"
#include "compiler/gemm_tiles.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"

namespace convoke {

/// Most input channels of a group: each is a shuffle and a set of weights in the code.
inline constexpr int kMaxDepthwiseChannels = 8;

std::string why_illegal_depthwise(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa);
/// Nothing for a spec without groups.
void enumerate_depthwise(const ConvSpec& spec, const CpuIsa& isa, int threads,
                         const AddConfig& add);

}  // namespace convoke
