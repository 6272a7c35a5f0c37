// The zero point of 8-bit images. Tiles hold x itself, which 8 bits can, and not x - x_zero, which
// they cannot: so the sum of x * w over an output's valid taps is short of x_zero times the sum of
// those w. `convoke_pack` writes these, once for all launches, behind the packed weights: of every
// filter the sum over the taps up to each (r, s). Those of any rectangle of taps follow from four
// of them, and from one where no tap is on padding.
#pragma once

#include "templates/im2col.cuh"
#include "templates/types.cuh"

namespace convoke::cuda {

/// Sums of weights: s32 [R][S][K], of all channels of the taps (0, 0) to (r, s).
template <ConvConfig kCfg>
__device__ __forceinline__ const int* weight_sums_of(const ConvArgs& args) {
  return reinterpret_cast<const int*>(static_cast<const char*>(args.w) + weight_sums_at(kCfg));
}

/// Adds `sign` times the sums over the first `rows` rows and `columns` columns of taps.
template <ConvConfig kCfg, int kCount>
__device__ __forceinline__ void add_weight_sums(const int* of_filter, long long rows,
                                                long long columns, int sign, int (&to)[kCount]) {
  if (rows == 0 || columns == 0) return;
  const int* const from = of_filter + ((rows - 1) * kCfg.s + columns - 1) * kCfg.k;
  if constexpr (kCount % 4 == 0) {
#pragma unroll
    for (int j = 0; j < kCount; j += 4) {
      const Piece<16> four = load_piece<16>(from + j);
#pragma unroll
      for (int i = 0; i < 4; ++i) to[j + i] += sign * static_cast<int>(four.word[i]);
    }
  } else {
#pragma unroll
    for (int j = 0; j < kCount; ++j) to[j] += sign * __ldg(from + j);
  }
}

/// Takes the zero point's part from the sums of kCount neighbouring filters (of all groups, the
/// first a multiple of kCount) at pixel number (n * P + p) * Q + q.
template <ConvConfig kCfg, int kCount>
__device__ __forceinline__ void subtract_zeros(const ConvArgs& args, int (&sums)[kCount],
                                               long long pixel, int filter) {
  const int* const from = weight_sums_of<kCfg>(args) + filter;
  int weights[kCount] = {};
  if constexpr (all_taps_valid(kCfg)) {
    add_weight_sums<kCfg>(from, kCfg.r, kCfg.s, 1, weights);
  } else {
    const int at = static_cast<int>(pixel % (kCfg.p * kCfg.q));
    const TapRange rs = valid_taps(at / static_cast<int>(kCfg.q), kCfg.stride_h, kCfg.pad_h,
                                   kCfg.dilation_h, kCfg.r, kCfg.h);
    const TapRange ss = valid_taps(at % static_cast<int>(kCfg.q), kCfg.stride_w, kCfg.pad_w,
                                   kCfg.dilation_w, kCfg.s, kCfg.w);
    if (rs.end > rs.begin && ss.end > ss.begin) {
      add_weight_sums<kCfg>(from, rs.end, ss.end, 1, weights);
      add_weight_sums<kCfg>(from, rs.begin, ss.end, -1, weights);
      add_weight_sums<kCfg>(from, rs.end, ss.begin, -1, weights);
      add_weight_sums<kCfg>(from, rs.begin, ss.begin, 1, weights);
    }
  }
#pragma unroll
  for (int j = 0; j < kCount; ++j) sums[j] -= args.x_zero * weights[j];
}

}  // namespace convoke::cuda
