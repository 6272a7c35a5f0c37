// Convolution by single kept weights on the FMA units (templates/weights_config.h): any pattern. A
// block stages a chunk of channels of its tile, each warp walks over the lists of its filters
// (kWeights), or runs the instructions that the unit has for the tile's weights (kCode), where one
// loaded pixel serves all filters that keep its tap and channel. Shared memory sets the pace of the
// lists: 32 multiply-adds a cycle and multiprocessor, a quarter of the FMA units.
#pragma once

#include "templates/conv_config.h"
#include "templates/epilogue.cuh"
#include "templates/sparse_stage.cuh"
#include "templates/types.cuh"
#include "templates/weights_lists.cuh"

namespace convoke::cuda {

/// The sums of a thread. What the emitted code of a tile calls: x, w, f.
template <ConvConfig kCfg>
struct KeptSums {
  using W = Weights<kCfg>;
  const char* pixels = nullptr;    ///< staged input at the thread's first pixel
  const float4* values = nullptr;  ///< of the tile's weights (kCode)
  float acc[W::kFilters][W::kPixels] = {};
  float at[W::kPixels] = {};
  float4 quad = {};

  /// Loads the pixels of a tap and channel, `offset` floats from pixel 0's first.
  __device__ __forceinline__ void x(int offset) {
    const float* const from = reinterpret_cast<const float*>(pixels) + offset;
    at[0] = from[0];
    if constexpr (W::kPixels > 1) at[1] = from[W::step(1)];
    if constexpr (W::kPixels > 2) at[2] = from[W::step(2)], at[3] = from[W::step(3)];
  }
  /// Loads four weights.
  __device__ __forceinline__ void w(int place) { quad = values[place]; }
  // No loops in what the code calls thousands of times: each would have to be unrolled.
  /// Multiplies the loaded pixels with one of the loaded weights.
  __device__ __forceinline__ void f(int filter, int i) {
    const float weight = i == 0 ? quad.x : i == 1 ? quad.y : i == 2 ? quad.z : quad.w;
    multiply(filter, weight);
  }
  /// The same for an entry of a list.
  __device__ __forceinline__ void entry(int filter, unsigned bytes, unsigned weight) {
    const float* const from = reinterpret_cast<const float*>(pixels + bytes);
#pragma unroll
    for (int v = 0; v < W::kPixels; ++v)
      acc[filter][v] += from[W::step(v)] * __uint_as_float(weight);
  }

 private:
  __device__ __forceinline__ void multiply(int filter, float weight) {
    acc[filter][0] += at[0] * weight;
    if constexpr (W::kPixels > 1) acc[filter][1] += at[1] * weight;
    if constexpr (W::kPixels > 2) {
      acc[filter][2] += at[2] * weight;
      acc[filter][3] += at[3] * weight;
    }
  }
};

/// Adds what the lists of a chunk hold for the thread's filters, `ends` points to the first's.
template <ConvConfig kCfg>
__device__ __forceinline__ void add_lists(const ConvArgs& args, const unsigned* ends,
                                          KeptSums<kCfg>& sums) {
  const uint2* const entries = static_cast<const uint2*>(args.w);
#pragma unroll
  for (int f = 0; f < Weights<kCfg>::kFilters; ++f) {
    unsigned i = (__ldg(ends + f) + 1) & ~1u;
    const unsigned end = __ldg(ends + f + 1);
#pragma unroll 2
    for (; i + 1 < end; i += 2) {
      const uint4 two = __ldg(reinterpret_cast<const uint4*>(entries + i));
      sums.entry(f, two.x, two.y);
      sums.entry(f, two.z, two.w);
    }
    if (i < end) {
      const uint2 last = __ldg(entries + i);
      sums.entry(f, last.x, last.y);
    }
  }
}

/// An output pixel; not there beyond the image or the batch.
template <ConvConfig kCfg>
struct KeptPixel {
  int p, q;
  long long n;
  __device__ __forceinline__ KeptPixel(const WeightsBlock<kCfg>& block, int pixel)
      : p(block.p + pixel / kCfg.tile_q % kCfg.tile_p),
        q(block.q + pixel % kCfg.tile_q),
        n(block.n + pixel / (kCfg.tile_q * kCfg.tile_p)) {}
  __device__ __forceinline__ bool exists(const ConvArgs& args) const {
    return q < static_cast<int>(kCfg.q) && p < static_cast<int>(kCfg.p) && n < args.n;
  }
  /// Element of y at filter k of all groups.
  __device__ __forceinline__ long long index(long long k) const {
    return kCfg.y_layout == Layout::kNhwc ? ((n * kCfg.p + p) * kCfg.q + q) * kCfg.k + k
                                          : ((n * kCfg.k + k) * kCfg.p + p) * kCfg.q + q;
  }
};

/// Epilogue and store of a thread's sums; `first` is its first pixel of the tile, `row` its first
/// filter. Pixels with a NaN are left to the end, and added up again over their valid taps.
template <ConvConfig kCfg, typename Epilogue>
__device__ __forceinline__ void store_kept(const ConvArgs& args, const WeightsBlock<kCfg>& block,
                                           int first, int row, KeptSums<kCfg>& sums) {
  using W = Weights<kCfg>;
  const int filter = block.tile * kCfg.block_n + row;
  const int filters =
      W::kGroupFilters - filter < W::kFilters ? W::kGroupFilters - filter : W::kFilters;
  if (filters <= 0) return;
  const long long k = static_cast<long long>(block.group) * W::kGroupFilters + filter;
  const ChannelOperands<kCfg, W::kFilters> channels(args, k, filters);
  unsigned again = 0;
#pragma unroll
  for (int v = 0; v < W::kPixels; ++v) {
    const KeptPixel<kCfg> pixel(block, first + 32 * v);
    if (!pixel.exists(args)) continue;
    float row_sums[W::kFilters];
    bool is_nan = false;
#pragma unroll
    for (int f = 0; f < W::kFilters; ++f) {
      row_sums[f] = sums.acc[f][v];
      is_nan |= row_sums[f] != row_sums[f];
    }
    if (sparse_pads(kCfg) && is_nan) {
      again |= 1u << v;
      continue;
    }
    if constexpr (kCfg.y_layout == Layout::kNhwc) {
      constexpr bool kAligned = kept_store_is_aligned(kCfg);
      const long long at = pixel.index(k);
      store_sums<kCfg, Epilogue, kAligned>(args, row_sums, channels, at, filters);
    } else {
#pragma unroll
      for (int f = 0; f < W::kFilters; ++f) {
        if (f >= filters) continue;
        const long long at = pixel.index(k + f);
        store_sum<kCfg, Epilogue>(args, row_sums[f], channels, f, at);
      }
    }
  }
  if (!sparse_pads(kCfg) || again == 0) return;
#pragma unroll 1
  for (int i = 0; i < W::kPixels * filters; ++i) {
    const int v = i / filters, f = i % filters;
    if ((again >> v & 1) == 0) continue;
    const KeptPixel<kCfg> pixel(block, first + 32 * v);
    const long long at = pixel.index(k + f);
    const float sum =
        sum_of_valid_kept<kCfg>(args, block.group, block.tile, row + f, pixel.n, pixel.p, pixel.q);
    store_sum<kCfg, Epilogue>(args, sum, k + f, at);
  }
}

/// In place of the emitted code of a kernel that walks lists.
struct NoCode {};

/// Code::part(number, sums) runs the instructions of chunk number % kChunks of the tile of filters
/// number / kChunks.
template <ConvConfig kCfg, typename Epilogue, typename Code = NoCode>
__device__ __forceinline__ void run_sparse(const ConvArgs& args) {
  using W = Weights<kCfg>;
  static_assert(why_illegal_weights(kCfg, 1 << 20) == nullptr, "see why_illegal_weights()");
  constexpr bool kCode = kCfg.sparse == Sparse::kCode;
  const WeightsBlock<kCfg> block(blockIdx.x);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int first = warp / kCfg.warps_n * (32 * W::kPixels) + lane;
  const int row = warp % kCfg.warps_n * W::kFilters;
  const int tile = block.group * W::kTiles + block.tile;

  KeptSums<kCfg> sums;
  constexpr StagedPitch kPitch = W::kPitch;
  sums.pixels = staged_memory() + staged_pixel(kCfg, kPitch, first) * 4;
  if constexpr (kCode) {
    float4* const values =
        reinterpret_cast<float4*>(staged_memory() + ceil_div(staged_bytes(kCfg), 16) * 16);
    const float4* const packed = static_cast<const float4*>(args.w) + tile * (kCfg.kept / 4);
    for (int i = static_cast<int>(threadIdx.x); i < static_cast<int>(kCfg.kept / 4);
         i += sparse_threads(kCfg))
      values[i] = __ldg(packed + i);
    sums.values = values;
  }
#pragma unroll 1
  for (int chunk = 0; chunk < W::kChunks; ++chunk) {
    const unsigned* const ends =
        args.pattern + weight_list(kCfg, block.group, block.tile, chunk, 0);
    if (!kCode && __ldg(ends) == __ldg(ends + kCfg.block_n)) continue;  // all of it is pruned
    __syncthreads();
    stage_chunk<kCfg>(args, block, chunk);
    __syncthreads();
    if constexpr (kCode)
      Code::part(tile * W::kChunks + chunk, sums);
    else
      add_lists<kCfg>(args, ends + row, sums);
  }
  store_kept<kCfg, Epilogue>(args, block, first, row, sums);
}

}  // namespace convoke::cuda
