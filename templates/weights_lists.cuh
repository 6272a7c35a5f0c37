// Lists of kept weights (kWeights, kCode; templates/weights_config.h): packing them, and adding up
// one output over its valid taps alone, for padding must not make a NaN of an infinite weight.
#pragma once

#include "templates/sparse_config.h"
#include "templates/types.cuh"

namespace convoke::cuda {

/// Element of the plain weights.
template <ConvConfig kCfg>
__device__ __forceinline__ long long plain_index(long long k, long long r, long long s,
                                                 long long c) {
  constexpr long long kC = c_per_group(kCfg);
  if constexpr (kCfg.x_layout == Layout::kNhwc) return ((k * kCfg.r + r) * kCfg.s + s) * kC + c;
  return ((k * kC + c) * kCfg.r + r) * kCfg.s + s;
}

/// Calls body(entry, r, s, channel of the chunk) for the weights of a list (kWeights), in order;
/// `filter` and `chunk` within the group.
template <ConvConfig kCfg, typename Body>
__device__ __forceinline__ void for_each_kept(const unsigned* pattern, long long list, int group,
                                              int filter, int chunk, const Body& body) {
  constexpr TapSpan kR = span_r(kCfg), kS = span_s(kCfg);
  const unsigned* const bits = pattern + weight_lists(kCfg) + 1;
  unsigned entry = (__ldg(pattern + list) + 1) & ~1u;
  const unsigned end = __ldg(pattern + list + 1);
  const long long first = static_cast<long long>(chunk) * kCfg.block_k;
#pragma unroll 1
  for (int c = 0; entry < end; ++c)
#pragma unroll 1
    for (long long r = kR.begin; r < kR.end; ++r)
#pragma unroll 1
      for (long long s = kS.begin; s < kS.end; ++s) {
        const long long unit = unit_of(kCfg, group, filter, r, s, first + c);
        if ((__ldg(bits + unit / 32) >> unit % 32 & 1) != 0) body(entry++, r, s, c);
      }
}

/// A thread packs a list, or (kCode) an element.
template <ConvConfig kCfg>
__device__ __forceinline__ void pack_kept_weights(const ConvArgs& args) {
  using Storage = typename Element<kCfg.x_type>::Storage;
  const Storage* const from = static_cast<const Storage*>(args.w);
  const auto value_at = [from](long long index) {
    return multiplicand<kCfg.x_type>(Element<kCfg.x_type>::widen(__ldg(from + index)));
  };
  constexpr bool kCode = kCfg.sparse == Sparse::kCode;
  const long long step = static_cast<long long>(gridDim.x) * kPackThreads;
  for (long long i = static_cast<long long>(blockIdx.x) * kPackThreads + threadIdx.x;
       i < (kCode ? weight_entries(kCfg) : weight_lists(kCfg)); i += step) {
    if constexpr (kCode) {
      const unsigned index = __ldg(args.pattern + i);
      static_cast<float*>(args.y)[i] = index == kPruned ? 0 : value_at(index);
    } else {
      constexpr int kRows = kCfg.block_n, kChunks = static_cast<int>(sparse_chunks(kCfg));
      constexpr int kTiles = static_cast<int>(sparse_tiles_n(kCfg));
      constexpr StagedPitch kPitch = staged_pitch(kCfg);
      const int chunk = static_cast<int>(i / kRows % kChunks);
      const int tile = static_cast<int>(i / kRows / kChunks % kTiles);
      const int group = static_cast<int>(i / kRows / kChunks / kTiles);
      const int filter = tile * kRows + static_cast<int>(i % kRows);
      uint2* const to = static_cast<uint2*>(args.y);
      for_each_kept<kCfg>(
          args.pattern, i, group, filter, chunk,
          [&](unsigned entry, long long r, long long s, int c) {
            const long long k = group * k_per_group(kCfg) + filter;
            const long long index =
                plain_index<kCfg>(k, r, s, static_cast<long long>(chunk) * kCfg.block_k + c);
            to[entry] = {static_cast<unsigned>(staged_weight(kCfg, kPitch, r, s, c) * 4),
                         __float_as_uint(value_at(index))};
          });
    }
  }
}

/// Where an output's taps lie.
template <ConvConfig kCfg>
struct OutputTaps {
  TapRange rs, ss;
  long long h, w;  ///< of tap 0
  __device__ __forceinline__ OutputTaps(int p, int q)
      : rs(valid_taps(p, kCfg.stride_h, kCfg.pad_h, kCfg.dilation_h, kCfg.r, kCfg.h)),
        ss(valid_taps(q, kCfg.stride_w, kCfg.pad_w, kCfg.dilation_w, kCfg.s, kCfg.w)),
        h(p * kCfg.stride_h - kCfg.pad_h),
        w(q * kCfg.stride_w - kCfg.pad_w) {}
  __device__ __forceinline__ bool has(long long r, long long s) const {
    return r >= rs.begin && r < rs.end && s >= ss.begin && s < ss.end;
  }
  /// The input of a tap that it has, channel of all groups.
  __device__ __forceinline__ float input(const void* x, long long n, long long r, long long s,
                                         long long c) const {
    const long long row = h + r * kCfg.dilation_h, column = w + s * kCfg.dilation_w;
    const long long at = kCfg.x_layout == Layout::kNhwc
                             ? ((n * kCfg.h + row) * kCfg.w + column) * kCfg.c + c
                             : ((n * kCfg.c + c) * kCfg.h + row) * kCfg.w + column;
    return multiplicand<kCfg.x_type>(load<kCfg.x_type>(x, at));
  }
};

/// The sum of one output over its valid taps, in the order of the lists; `row` of the tile.
template <ConvConfig kCfg>
__device__ __forceinline__ float sum_of_valid_kept(const ConvArgs& args, int group, int tile,
                                                   int row, long long n, int p, int q) {
  constexpr long long kC = c_per_group(kCfg);
  const OutputTaps<kCfg> taps(p, q);
  const int filter = tile * kCfg.block_n + row;
  float sum = 0;
  if constexpr (kCfg.sparse == Sparse::kCode) {
    const long long first = (group * sparse_tiles_n(kCfg) + tile) * kCfg.kept;
#pragma unroll 1
    for (long long i = first; i < first + kCfg.kept; ++i) {
      const unsigned index = __ldg(args.pattern + i);
      if (index == kPruned) break;
      constexpr unsigned kFilter = static_cast<unsigned>(kC * kCfg.r * kCfg.s);
      if (index / kFilter != static_cast<unsigned>(group * k_per_group(kCfg) + filter)) continue;
      const long long rest = index % kFilter, taps_of_filter = kCfg.r * kCfg.s;
      constexpr bool kNhwc = kCfg.x_layout == Layout::kNhwc;
      const long long tap = kNhwc ? rest / kC : rest % taps_of_filter;
      const long long c = kNhwc ? rest % kC : rest / taps_of_filter;
      const long long r = tap / kCfg.s, s = tap % kCfg.s;
      if (taps.has(r, s))
        sum = fmaf(taps.input(args.x, n, r, s, group * kC + c),
                   __ldg(static_cast<const float*>(args.w) + i), sum);
    }
  } else {
#pragma unroll 1
    for (int chunk = 0; chunk < static_cast<int>(sparse_chunks(kCfg)); ++chunk)
      for_each_kept<kCfg>(
          args.pattern, weight_list(kCfg, group, tile, chunk, row), group, filter, chunk,
          [&](unsigned entry, long long r, long long s, int c) {
            if (!taps.has(r, s)) return;
            const long long channel = group * kC + static_cast<long long>(chunk) * kCfg.block_k + c;
            const uint2 packed = __ldg(static_cast<const uint2*>(args.w) + entry);
            sum = fmaf(taps.input(args.x, n, r, s, channel), __uint_as_float(packed.y), sum);
          });
  }
  return sum;
}

}  // namespace convoke::cuda
