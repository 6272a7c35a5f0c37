// How fast a convolution could be on a GPU at best: for `fraction_of_limit`, so every estimate errs
// towards the faster machine. Arithmetic from the architecture's rate a clock, the multiprocessors
// and the highest clock; memory from its data rate.
#pragma once

#include "compiler/cuda_device.h"
#include "convoke/conv_spec.h"

namespace convoke {

/// Peak in 10^9 multiplications and additions a second for operands of `type`: dense tensor cores
/// for f16, bf16 and tf32 where there are any, FMA units for f32.
double cuda_peak_gflops(const CudaDevice& device, DataType type);

/// Lower bound of one launch in microseconds (one image if the batch is open); bytes are free where
/// all tensors together fit into L2.
double cuda_limit_us(const ConvSpec& spec, const CudaDevice& device);

}  // namespace convoke
