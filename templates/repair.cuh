// Padding enters a tile as zeros, and zero times an infinite or NaN weight is NaN where nothing
// should have been added. Such a sum is NaN whatever else is in it, so sums that are not NaN are
// right, and those that are and whose pixel has padding are computed again, tap by tap. Costs a
// comparison per output where the weights are finite.
#pragma once

#include "templates/epilogue.cuh"
#include "templates/im2col.cuh"

namespace convoke::cuda {

/// The same where weights are packed in pairs: kept ones alone are multiplied.
template <ConvConfig kCfg>
__device__ __forceinline__ float sum_of_valid_pairs(const ConvArgs& args, TapRange rs, TapRange ss,
                                                    long long x_first, int filter) {
  using G = Gemm<kCfg>;
  using Storage = typename Element<kCfg.x_type>::Storage;
  constexpr unsigned kPositions = pairs_positions(G::kSize);
  const int in_group = filter % G::kK, row = in_group % kPairsFilters;
  const Storage* const tiles =
      static_cast<const Storage*>(args.w) +
      pairs_tile(kCfg, filter / G::kK, in_group / kCfg.block_n, 0) * (G::kTileB / G::kSize) +
      in_group % kCfg.block_n / kPairsFilters * pairs_elements(G::kSize);
  float sum = 0;
#pragma unroll 1
  for (unsigned k = 0; k < G::kReduction; k += 4) {
    const Position tap = dense_position<kCfg>(k);
    const long long r = tap.r + G::kR0, s = tap.s + G::kS0;
    if (r < rs.begin || r >= rs.end || s < ss.begin || s >= ss.end) continue;
    const Storage* const slab = tiles + k / kPositions * (G::kTileB / G::kSize);
    const int at = static_cast<int>(k % kPositions);
    const unsigned bits = __ldg(slab + pair_bits_at(G::kSize, row, at)) >> at % 16;
    const long long x =
        x_first + r * kCfg.dilation_h * G::kStrideH + s * kCfg.dilation_w * G::kStrideW + tap.c;
#pragma unroll
    for (int which = 0; which < 2; ++which)
      sum = fmaf(load<kCfg.x_type>(args.x, x + (bits >> 2 * which & 3)),
                 Element<kCfg.x_type>::widen(__ldg(slab + pair_value_at(G::kSize, row, at, which))),
                 sum);
  }
  return sum;
}

/// The sum of one output over its valid taps alone; `filter` of all groups, as packed.
template <ConvConfig kCfg>
__device__ __forceinline__ float sum_of_valid_taps(const ConvArgs& args, long long pixel,
                                                   int filter) {
  using G = Gemm<kCfg>;
  const long long image = pixel / G::kPixels;
  const int at = static_cast<int>(pixel - image * G::kPixels);
  const int p = at / static_cast<int>(kCfg.q), q = at % static_cast<int>(kCfg.q);
  const TapRange rs = valid_taps(p, kCfg.stride_h, kCfg.pad_h, kCfg.dilation_h, kCfg.r, kCfg.h);
  const TapRange ss = valid_taps(q, kCfg.stride_w, kCfg.pad_w, kCfg.dilation_w, kCfg.s, kCfg.w);
  const long long x = image * G::kImage + filter / G::kK * (G::kC * G::kStrideC);
  const long long w = filter * G::kFilter;
  if constexpr (kCfg.sparse == Sparse::kPairs)
    return sum_of_valid_pairs<kCfg>(args, rs, ss,
                                    x + (p * kCfg.stride_h - kCfg.pad_h) * G::kStrideH +
                                        (q * kCfg.stride_w - kCfg.pad_w) * G::kStrideW,
                                    filter);
  float sum = 0;
  if constexpr (kCfg.sparse == Sparse::kLists) {
    const int first = filter % G::kK / kCfg.block_n * kCfg.block_n;
    const Reduction<kCfg> reduction(args, filter / G::kK, first, 0);
    const char* const row = reduction.weights + (filter % G::kK - first) * reduction.row_bytes();
#pragma unroll 4
    for (int k = 0; k < reduction.length; ++k) {
      const Position tap = reduction.position(static_cast<unsigned>(k));
      const long long r = tap.r + G::kR0, s = tap.s + G::kS0;
      if (r < rs.begin || r >= rs.end || s < ss.begin || s >= ss.end) continue;
      const long long h = p * kCfg.stride_h - kCfg.pad_h + r * kCfg.dilation_h;
      const long long column = q * kCfg.stride_w - kCfg.pad_w + s * kCfg.dilation_w;
      const long long at = x + h * G::kStrideH + column * G::kStrideW + tap.c * G::kStrideC;
      sum = fmaf(multiplicand<kCfg.x_type>(load<kCfg.x_type>(args.x, at)),
                 multiplicand<kCfg.x_type>(load<kCfg.x_type>(row, k)), sum);
    }
    return sum;
  }
#pragma unroll 1
  for (long long r = rs.begin; r < rs.end; ++r) {
#pragma unroll 1
    for (long long s = ss.begin; s < ss.end; ++s) {
      const long long row = p * kCfg.stride_h - kCfg.pad_h + r * kCfg.dilation_h;
      const long long column = q * kCfg.stride_w - kCfg.pad_w + s * kCfg.dilation_w;
      const long long x_tap = x + row * G::kStrideH + column * G::kStrideW;
      const long long w_tap = w + r * G::kWeightR + s * G::kWeightS;
#pragma unroll 4  // several loads under way, still added one after the other
      for (int c = 0; c < G::kC; ++c)
        sum = fmaf(multiplicand<kCfg.x_type>(load<kCfg.x_type>(args.x, x_tap + c * G::kStrideC)),
                   multiplicand<kCfg.x_type>(load<kCfg.x_type>(args.w, w_tap + c * G::kWeightC)),
                   sum);
    }
  }
  return sum;
}

/// Whether some tap that meets valid input elsewhere meets padding at this pixel.
template <ConvConfig kCfg>
__device__ __forceinline__ bool has_padding(long long pixel) {
  using G = Gemm<kCfg>;
  const int at = static_cast<int>(pixel % G::kPixels);
  const TapRange rs = valid_taps(at / static_cast<int>(kCfg.q), kCfg.stride_h, kCfg.pad_h,
                                 kCfg.dilation_h, kCfg.r, kCfg.h);
  const TapRange ss = valid_taps(at % static_cast<int>(kCfg.q), kCfg.stride_w, kCfg.pad_w,
                                 kCfg.dilation_w, kCfg.s, kCfg.w);
  return rs.begin > G::kR0 || rs.end < G::kR0 + G::kRs || ss.begin > G::kS0 ||
         ss.end < G::kS0 + G::kSs;
}

template <typename Value, int kCount>
__device__ __forceinline__ bool any_nan(const Value (&sums)[kCount]) {
  bool found = false;
#pragma unroll
  for (int j = 0; j < kCount; ++j) found |= sums[j] != sums[j];
  return found;
}

}  // namespace convoke::cuda
