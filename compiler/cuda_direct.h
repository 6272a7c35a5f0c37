// The search spaces of the CUDA families without shared memory: the tiles of `direct` and
// `depthwise` that are plausible for a spec. Legality is the template's own (templates/*_config.h)
// and is checked by whoever collects them.
#pragma once

#include <functional>

#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"

namespace convoke {

/// Holds a legal configuration for every spec.
void enumerate_cuda_direct(const ConvSpec& spec, const std::function<void(const CudaConfig&)>& add);
/// Hands out nothing unless each group has one input channel.
void enumerate_cuda_depthwise(const ConvSpec& spec,
                              const std::function<void(const CudaConfig&)>& add);

}  // namespace convoke
