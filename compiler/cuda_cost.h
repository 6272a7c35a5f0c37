// A model of the time of a CUDA kernel from spec, config and GPU: what HBM, L2, shared memory and
// the arithmetic units take, whichever is slowest, on the blocks that fit a multiprocessor, wave by
// wave, and what splitting a reduction costs. It is there to rank configurations before anything is
// compiled and to choose the default: only the order of its values means something. Pure
// arithmetic.
#pragma once

#include "compiler/cuda_device.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"

namespace convoke {

/// Images that the model assumes where the batch is open.
inline constexpr std::int64_t kCudaOpenBatchImages = 16;

/// Microseconds of one launch at spec.n images.
/// @pre why_illegal_cuda(spec, config, device) is empty
double predict_cuda_us(const ConvSpec& spec, const CudaConfig& config, const CudaDevice& device);

/// Of them, what memory takes: images (but for rows and columns that no tap meets, and pruned
/// channels), weights as they are read and tensor operands of the epilogue once, outputs once.
double cuda_memory_us(const ConvSpec& spec, const cuda::ConvConfig& config,
                      const CudaDevice& device, std::int64_t batch);

/// Most threads that a multiprocessor holds.
int cuda_resident_threads(const CudaDevice& device);
/// Registers that a thread of a GEMM kernel wants: accumulators, fragments of a step, addresses.
/// Beyond 255 it spills.
int gemm_registers(const cuda::ConvConfig& config);
/// Blocks that share a multiprocessor: at most what its threads, registers and shared memory allow.
int cuda_resident_blocks(int threads, int registers, std::int64_t shared_bytes,
                         const CudaDevice& device);

}  // namespace convoke
