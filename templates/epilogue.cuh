// From f32 sums to stored outputs: reads the epilogue's operands at an output position and applies
// the emitted expression. The emitted unit is
//
//   #include "templates/direct.cuh"
//
//   namespace convoke::cuda {
//   constexpr ConvConfig kConfig{.family = Family::kDirect, ..};
//   struct Epilogue { .. };   // Epilogue::lower_cuda(): float operator()(acc, operands) const
//   extern "C" __global__ void __launch_bounds__(threads(kConfig))
//   convoke_kernel(const __grid_constant__ ConvArgs args) { run_direct<kConfig, Epilogue>(args); }
//   }  // namespace convoke::cuda
//
// with run_FAMILY for each family. Operands are read through the read-only path and as constants
// of the launch, so that a value needed for several pixels is loaded once.
#pragma once

#include "templates/conv_types.h"
#include "templates/types.cuh"

namespace convoke::cuda {

constexpr bool is_per_channel(const ConvConfig& cfg, int operand) {
  return (cfg.per_channel_operands >> operand & 1) != 0;
}

/// epilogue(acc) for filter `k` at element `y_index` of y.
template <ConvConfig kCfg, typename Epilogue>
__device__ __forceinline__ float finish(const ConvArgs& args, float acc, long long k,
                                        long long y_index) {
  float operand[kCfg.operands + 1];  // one more: an array of none is no C++
#pragma unroll
  for (int i = 0; i < kCfg.operands; ++i)
    operand[i] = is_per_channel(kCfg, i) ? load<Type::kF32>(args.operands[i], k)
                                         : load<kCfg.y_type>(args.operands[i], y_index);
  return Epilogue{}(acc, operand);
}

/// The same for kCount filters from `k` on that lie side by side in y from `y_index` on (nhwc), in
/// place. `kAligned` and `valid` as in load_row(), for y_index in the tensor operands.
template <ConvConfig kCfg, typename Epilogue, bool kAligned, int kCount>
__device__ __forceinline__ void finish_row(const ConvArgs& args, float (&acc)[kCount], long long k,
                                           long long y_index, int valid = kCount) {
  float operands[kCfg.operands + 1][kCount];
#pragma unroll
  for (int i = 0; i < kCfg.operands; ++i) {
    if (is_per_channel(kCfg, i))  // their addresses promise no more than an element's alignment
      load_row<Type::kF32, false>(args.operands[i], k, operands[i], valid);
    else
      load_row<kCfg.y_type, kAligned>(args.operands[i], y_index, operands[i], valid);
  }
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    float operand[kCfg.operands + 1];
#pragma unroll
    for (int i = 0; i < kCfg.operands; ++i) operand[i] = operands[i][j];
    acc[j] = Epilogue{}(acc[j], operand);
  }
}

}  // namespace convoke::cuda
