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

/// What the zero point adds to sums of kCount neighbouring filters that met no padding. A lane that
/// finishes several pixels loads it once. `valid` is kCount or 0: nothing.
template <ConvConfig kCfg, int kCount>
struct ZeroShares {
  int at[kCfg.zero_point ? kCount : 1] = {};

  __device__ __forceinline__ ZeroShares(const ConvArgs& args, int filter, int valid) {
    if constexpr (kCfg.zero_point) {
      if (valid == 0) return;
      add_weight_sums<kCfg>(weight_sums_of<kCfg>(args) + filter, kCfg.r, kCfg.s, 1, at);
#pragma unroll
      for (int j = 0; j < kCount; ++j) at[j] *= args.x_zero;
    }
  }
};

/// Takes the zero point's part from the sums of kCount neighbouring filters (of all groups, the
/// first a multiple of kCount) at a pixel.
template <ConvConfig kCfg, int kCount>
__device__ __forceinline__ void subtract_zeros(const ConvArgs& args, int (&sums)[kCount],
                                               const ZeroShares<kCfg, kCount>& of_all,
                                               OutputPixel pixel, int filter) {
  if constexpr (!all_taps_valid(kCfg)) {
    constexpr OutputSpan kRows = full_rows(kCfg), kColumns = full_columns(kCfg);
    constexpr int kQ = static_cast<int>(kCfg.q);
    const int p = pixel.in_image / kQ, q = pixel.in_image % kQ;
    if (p < kRows.begin || p >= kRows.end || q < kColumns.begin || q >= kColumns.end) {
      const auto taps = [](int o, long long stride, long long pad, long long dilation,
                           long long count, long long size) {  // coordinates of a GEMM fit an int
        return valid_taps_of(o, static_cast<int>(stride), static_cast<int>(pad),
                             static_cast<int>(dilation), static_cast<int>(count),
                             static_cast<int>(size));
      };
      const auto rs = taps(p, kCfg.stride_h, kCfg.pad_h, kCfg.dilation_h, kCfg.r, kCfg.h);
      const auto ss = taps(q, kCfg.stride_w, kCfg.pad_w, kCfg.dilation_w, kCfg.s, kCfg.w);
      if (rs.end <= rs.begin || ss.end <= ss.begin) return;
      const int* const from = weight_sums_of<kCfg>(args) + filter;
      int weights[kCount] = {};
      add_weight_sums<kCfg>(from, rs.end, ss.end, 1, weights);
      add_weight_sums<kCfg>(from, rs.begin, ss.end, -1, weights);
      add_weight_sums<kCfg>(from, rs.end, ss.begin, -1, weights);
      add_weight_sums<kCfg>(from, rs.begin, ss.begin, 1, weights);
#pragma unroll
      for (int j = 0; j < kCount; ++j) sums[j] -= args.x_zero * weights[j];
      return;
    }
  }
#pragma unroll
  for (int j = 0; j < kCount; ++j) sums[j] -= of_all.at[j];
}

}  // namespace convoke::cuda
