// Depthwise convolution, bound by memory: a thread owns block_n filters at block_m outputs of a
// row, for block_k rows (templates/depthwise_config.h). Of each row it loads the input columns once
// for all taps (depthwise_rows.cuh, of 8-bit types depthwise_dots.cuh); where the filters fit into
// registers they are loaded once for all rows. Columns and rows on padding are not loaded; threads
// that see no padding along a row skip the questions.
#pragma once

#include "templates/conv_config.h"
#include "templates/depthwise_dots.cuh"
#include "templates/depthwise_rows.cuh"
#include "templates/epilogue.cuh"

namespace convoke::cuda {

/// Stores the outputs of a thread at row p from column q on, of which `outputs` exist.
template <ConvConfig kCfg, typename Epilogue>
__device__ __forceinline__ void store_depthwise(const ConvArgs& args,
                                                const ChannelOperands<kCfg, kCfg.block_n>& channels,
                                                long long n, long long k, long long p, long long q,
                                                int outputs,
                                                Sum<kCfg> (&acc)[kCfg.block_m][kCfg.block_n]) {
  using D = Depthwise<kCfg>;
  constexpr bool kAligned = depthwise_row(kCfg) > 1;
  if constexpr (D::kNhwc) {
#pragma unroll
    for (int m = 0; m < D::kOutputs; ++m) {
      if (m >= outputs) continue;
      const long long at = ((n * kCfg.p + p) * kCfg.q + q + m) * kCfg.k + k;
      store_sums<kCfg, Epilogue, kAligned>(args, acc[m], channels, at);
    }
  } else {
    const long long at = ((n * kCfg.k + k) * kCfg.p + p) * kCfg.q + q;
    if constexpr (kCfg.y_type == Type::kS32) {
      int row[D::kOutputs];
#pragma unroll
      for (int m = 0; m < D::kOutputs; ++m) row[m] = acc[m][0];
      store_row<kCfg.y_type, kAligned>(args.y, at, row, outputs);
    } else {
      float row[D::kOutputs];
#pragma unroll
      for (int m = 0; m < D::kOutputs; ++m)
        row[m] = m < outputs
                     ? finish<kCfg, Epilogue>(args, sum_as_f32(acc[m][0]), channels, 0, at + m)
                     : 0;
      store_row<kCfg.y_type, kAligned>(args.y, at, row, outputs);
    }
  }
}

template <ConvConfig kCfg, bool kInteger = is_integer(kCfg.x_type)>
struct DepthwiseFiltersOf {
  using Type = DepthwiseFloats<kCfg>;
};
template <ConvConfig kCfg>
struct DepthwiseFiltersOf<kCfg, true> {
  using Type = DepthwiseDots<kCfg>;
};
template <ConvConfig kCfg>
using DepthwiseFilters = typename DepthwiseFiltersOf<kCfg>::Type;

/// All outputs of one thread: thread `rest` of image n.
template <ConvConfig kCfg, typename Epilogue>
__device__ __forceinline__ void depthwise_outputs(const ConvArgs& args, long long n,
                                                  typename Depthwise<kCfg>::Offset rest) {
  using D = Depthwise<kCfg>;
  using Offset = typename D::Offset;
  constexpr Offset kFilterTiles = kCfg.k / D::kFilters,
                   kColumnTiles = ceil_div(kCfg.q, D::kOutputs);
  constexpr Offset kRowTiles = ceil_div(kCfg.p, kCfg.block_k);
  // nhwc: filters, columns, rows; nchw: columns, rows, filters; fastest first.
  const Offset filter_tile = D::kNhwc ? rest % kFilterTiles : rest / kColumnTiles / kRowTiles;
  const Offset pixel_tile = D::kNhwc ? rest / kFilterTiles : rest % (kColumnTiles * kRowTiles);
  const Offset q = pixel_tile % kColumnTiles * D::kOutputs;
  const Offset row_tile = pixel_tile / kColumnTiles;
  const long long k = static_cast<long long>(filter_tile) * D::kFilters;
  const long long channel = k / D::kMultiplier;
  const ThreadInput<kCfg> x = {
      static_cast<const typename D::Storage*>(args.x) + n * (kCfg.c * kCfg.h * kCfg.w) +
          channel * (D::kNhwc ? 1 : kCfg.h * kCfg.w),
      q * static_cast<Offset>(kCfg.stride_w) - static_cast<Offset>(kCfg.pad_w)};
  const int outputs = static_cast<int>(kCfg.q - q < D::kOutputs ? kCfg.q - q : D::kOutputs);

  const ChannelOperands<kCfg, D::kFilters> channels(args, k);
  DepthwiseFilters<kCfg> filters(args, k);
  Offset p = row_tile * static_cast<Offset>(kCfg.block_k);
  const Offset end = p + kCfg.block_k < kCfg.p ? p + static_cast<Offset>(kCfg.block_k)
                                               : static_cast<Offset>(kCfg.p);
#pragma unroll 1
  for (; p < end; ++p) {
    Sum<kCfg> acc[D::kOutputs][D::kFilters];
#pragma unroll
    for (int m = 0; m < D::kOutputs; ++m)
#pragma unroll
      for (int i = 0; i < D::kFilters; ++i) acc[m][i] = filters.first_sum(i);
#pragma unroll(D::kKeepFilters ? static_cast <int>(kCfg.r) : 1)
    for (Offset r = D::kRows.begin; r < static_cast<Offset>(D::kRows.end); ++r)
      filters.add_row(x,
                      p * static_cast<Offset>(kCfg.stride_h) - static_cast<Offset>(kCfg.pad_h) +
                          r * static_cast<Offset>(kCfg.dilation_h),
                      r, acc);
    store_depthwise<kCfg, Epilogue>(args, channels, n, k, p, q, outputs, acc);
  }
}

template <ConvConfig kCfg, typename Epilogue>
__device__ __forceinline__ void run_depthwise(const ConvArgs& args) {
  static_assert(why_illegal_depthwise(kCfg) == nullptr, "see why_illegal_depthwise()");
  using Index = unsigned long long;
  constexpr Index kItems = depthwise_items(kCfg);
  const Index items = kItems * args.n, step = static_cast<Index>(gridDim.x) * kDepthwiseThreads;
#pragma unroll 1
  for (Index item = static_cast<Index>(blockIdx.x) * kDepthwiseThreads + threadIdx.x; item < items;
       item += step)
    depthwise_outputs<kCfg, Epilogue>(args, item / kItems,
                                      static_cast<typename Depthwise<kCfg>::Offset>(item % kItems));
}

}  // namespace convoke::cuda
