// Emission of the elementwise kernels for CUDA: a unit of a few lines over
// templates/elementwise.cuh, with the types, the range of integers and the shape of the channels as
// constants. The number of elements is an argument. Pure: no file, no environment, no device.
#pragma once

#include <string>

#include "templates/elementwise_config.h"

namespace convoke {

/// Entries convoke_quantize and convoke_dequantize, or convoke_forward, convoke_backward,
/// convoke_gradient_totals, convoke_magnitudes and convoke_step_totals.
std::string emit_elementwise(const elementwise::Config& config);

/// "quantizer F32 S8 [-128,127]", "lsq F32 F16 [-8,7] of 64 channels by 576", for errors and dumps.
std::string describe_elementwise(const elementwise::Config& config);

}  // namespace convoke
