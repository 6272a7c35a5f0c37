// From sums to stored outputs: reads the epilogue's operands at an output position and applies
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
// with run_FAMILY for each family. Operands are read through the read-only path.
#pragma once

#include "templates/conv_types.h"
#include "templates/types.cuh"

namespace convoke::cuda {

constexpr bool is_per_channel(const ConvConfig& cfg, int operand) {
  return (cfg.per_channel_operands >> operand & 1) != 0;
}

/// Calls body.operator()<i>() for each operand: its type is part of the code.
template <ConvConfig kCfg, int kFrom = 0, typename Body>
__device__ __forceinline__ void for_each_operand(const Body& body) {
  if constexpr (kFrom < kCfg.operands) {
    body.template operator()<kFrom>();
    for_each_operand<kCfg, kFrom + 1>(body);
  }
}

/// The f32[K] operands of kCount filters from `k` on, of which `valid` exist: a thread that
/// finishes several pixels loads them once.
template <ConvConfig kCfg, int kCount>
struct ChannelOperands {
  float at[kCfg.operands + 1][kCount];  // one more: an array of none is no C++

  __device__ __forceinline__ ChannelOperands(const ConvArgs& args, long long k,
                                             int valid = kCount) {
#pragma unroll
    for (int i = 0; i < kCfg.operands; ++i)  // their addresses promise an element's alignment
      if (is_per_channel(kCfg, i)) load_row<Type::kF32, false>(args.operands[i], k, at[i], valid);
  }
};

/// epilogue(acc) for filter `i` of those of `channels`, at element `y_index` of y.
template <ConvConfig kCfg, typename Epilogue, int kCount>
__device__ __forceinline__ float finish(const ConvArgs& args, float acc,
                                        const ChannelOperands<kCfg, kCount>& channels, int i,
                                        long long y_index) {
  float operand[kCfg.operands + 1];
  for_each_operand<kCfg>([&]<int j>() {
    if constexpr (is_per_channel(kCfg, j))
      operand[j] = channels.at[j][i];
    else
      operand[j] = load<operand_type(kCfg, j)>(args.operands[j], y_index);
  });
  return Epilogue{}(acc, operand);
}

/// Finishes and stores one sum: filter `i` of those of `channels`.
template <ConvConfig kCfg, typename Epilogue, int kCount>
__device__ __forceinline__ void store_sum(const ConvArgs& args, Sum<kCfg> sum,
                                          const ChannelOperands<kCfg, kCount>& channels, int i,
                                          long long y_index) {
  if constexpr (kCfg.y_type == Type::kS32)
    static_cast<int*>(args.y)[y_index] = sum;
  else
    store<kCfg.y_type>(args.y, y_index,
                       finish<kCfg, Epilogue>(args, sum_as_f32(sum), channels, i, y_index));
}
/// The same for one filter, `k`.
template <ConvConfig kCfg, typename Epilogue>
__device__ __forceinline__ void store_sum(const ConvArgs& args, Sum<kCfg> sum, long long k,
                                          long long y_index) {
  store_sum<kCfg, Epilogue>(args, sum, ChannelOperands<kCfg, 1>(args, k), 0, y_index);
}

/// epilogue(acc) for all filters of `channels`, which lie side by side in y from `y_index` on
/// (nhwc), in place. `kAligned` and `valid` as in load_row(), for y_index in the tensor operands.
template <ConvConfig kCfg, typename Epilogue, bool kAligned, int kCount>
__device__ __forceinline__ void finish_row(const ConvArgs& args, float (&acc)[kCount],
                                           const ChannelOperands<kCfg, kCount>& channels,
                                           long long y_index, int valid = kCount) {
  float tensors[kCfg.operands + 1][kCount];
  for_each_operand<kCfg>([&]<int i>() {
    if constexpr (!is_per_channel(kCfg, i))
      load_row<operand_type(kCfg, i), kAligned>(args.operands[i], y_index, tensors[i], valid);
  });
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    float operand[kCfg.operands + 1];
#pragma unroll
    for (int i = 0; i < kCfg.operands; ++i)
      operand[i] = is_per_channel(kCfg, i) ? channels.at[i][j] : tensors[i][j];
    acc[j] = Epilogue{}(acc[j], operand);
  }
}

/// Finishes and stores the sums of all filters of `channels`; of `valid`, if not aligned, or of
/// those from `lower` to before `upper` alone, if given.
template <ConvConfig kCfg, typename Epilogue, bool kAligned, int kCount>
__device__ __forceinline__ void store_sums(const ConvArgs& args, const Sum<kCfg> (&sums)[kCount],
                                           const ChannelOperands<kCfg, kCount>& channels,
                                           long long y_index, int valid = kCount, int lower = 0,
                                           int upper = kCount) {
  const auto store_all = [&](const auto& values) {
    if (lower <= 0 && upper >= kCount)
      return store_row<kCfg.y_type, kAligned>(args.y, y_index, values, valid);
#pragma unroll
    for (int j = 0; j < kCount; ++j)
      if (j >= lower && j < upper)
        static_cast<typename Element<kCfg.y_type>::Storage*>(args.y)[y_index + j] =
            Element<kCfg.y_type>::narrow(values[j]);
  };
  if constexpr (kCfg.y_type == Type::kS32) {
    store_all(sums);
  } else {
    float values[kCount];
#pragma unroll
    for (int j = 0; j < kCount; ++j) values[j] = sum_as_f32(sums[j]);
    finish_row<kCfg, Epilogue, kAligned>(args, values, channels, y_index, valid);
    store_all(values);
  }
}

}  // namespace convoke::cuda
