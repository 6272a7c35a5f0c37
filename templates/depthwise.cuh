// Depthwise convolution, bound by memory: a thread owns block_n filters at block_m outputs of a
// row, for block_k rows (templates/depthwise_config.h). Of each row it loads the input columns
// once, as the words they are stored in, and meets them with all taps; where the filters fit into
// registers they are loaded once for all rows. Columns and rows on padding are neither loaded nor
// multiplied; threads that see no padding along a row skip the questions.
#pragma once

#include "templates/conv_config.h"
#include "templates/direct.cuh"
#include "templates/epilogue.cuh"
#include "templates/types.cuh"

namespace convoke::cuda {

/// Constants of a depthwise kernel.
template <ConvConfig kCfg>
struct Depthwise {
  static constexpr bool kNhwc = kCfg.x_layout == Layout::kNhwc;
  static constexpr Type kType = kCfg.x_type, kWeightType = weight_type(kCfg.x_type);
  static constexpr int kOutputs = kCfg.block_m, kFilters = kCfg.block_n;
  static constexpr int kInputs = depthwise_inputs(kCfg);
  static constexpr long long kMultiplier = kCfg.k / kCfg.groups;
  static constexpr int kTaps = static_cast<int>(kCfg.s);
  static constexpr Columns kColumns = depthwise_columns(kCfg);
  static constexpr bool kKeepFilters = depthwise_keeps_filters(kCfg);

  static constexpr double kSpan = static_cast<double>(kCfg.c > kCfg.k ? kCfg.c : kCfg.k) *
                                  (kCfg.h > kCfg.p ? kCfg.h : kCfg.p) *
                                  (kCfg.w > kCfg.q ? kCfg.w : kCfg.q);
  /// Wherever they lie: coordinates fit 33 bits.
  static constexpr bool kWide =
      kSpan >= 0x1p30 || kCfg.pad_h >= 1LL << 28 || kCfg.pad_w >= 1LL << 28 ||
      kCfg.p * kCfg.stride_h >= 1LL << 28 || kCfg.q * kCfg.stride_w >= 1LL << 28 ||
      kCfg.r * kCfg.dilation_h >= 1LL << 28 || kCfg.s * kCfg.dilation_w >= 1LL << 28 ||
      depthwise_items(kCfg) >= 1LL << 31;
  using Offset = typename OffsetType<kWide>::type;
  static constexpr Offset kPixelStride = kNhwc ? kCfg.c : 1;

  static constexpr int kInputBytes = kInputs * size_of(kType);
  static constexpr int kFilterBytes = kFilters * size_of(kType);
  using InputPiece = Piece<kInputBytes>;
  using FilterPiece = Piece<kFilterBytes>;
  /// A thread's filters lie side by side: filter i, tap t is element i * taps + t of all pieces.
  static constexpr int kFilterPieces = kKeepFilters ? static_cast<int>(kCfg.r * kCfg.s) : 1;

  /// The tap that an output meets in the column so far right of its first tap, or -1.
  static constexpr int tap_at(long long column) {
    const bool is_tap =
        column >= 0 && column % kCfg.dilation_w == 0 && column / kCfg.dilation_w < kCfg.s;
    return is_tap ? static_cast<int>(column / kCfg.dilation_w) : -1;
  }
};

/// The weights of tap row r of a thread's filters, as they are multiplied.
template <ConvConfig kCfg>
struct FilterRow {
  using D = Depthwise<kCfg>;
  Sum<kCfg> at[D::kTaps][D::kFilters];

  /// From the registers that hold all; r must be a constant after unrolling.
  __device__ __forceinline__ void take(const typename D::FilterPiece (&kept)[D::kFilterPieces],
                                       int r) {
#pragma unroll
    for (int s = 0; s < D::kTaps; ++s)
#pragma unroll
      for (int i = 0; i < D::kFilters; ++i) {
        const int element_index = (i * static_cast<int>(kCfg.r) + r) * D::kTaps + s;
        at[s][i] =
            factor<D::kWeightType>(kept[element_index / D::kFilters], element_index % D::kFilters);
      }
  }
  /// From memory.
  __device__ __forceinline__ void read(const void* w, long long k, long long r) {
#pragma unroll
    for (int s = 0; s < D::kTaps; ++s)
#pragma unroll
      for (int i = 0; i < D::kFilters; ++i)
        at[s][i] = load_factor<D::kWeightType>(w, ((k + i) * kCfg.r + r) * kCfg.s + s);
  }
};

/// acc += one row of the image times one row of taps. `x` points to the row's column 0, `column` is
/// that of the first output's tap 0. kInside: no column is on padding.
template <ConvConfig kCfg, bool kInside>
__device__ __forceinline__ void add_depthwise_row(const typename Element<kCfg.x_type>::Storage* x,
                                                  typename Depthwise<kCfg>::Offset column,
                                                  const FilterRow<kCfg>& filters, int x_zero,
                                                  Sum<kCfg> (&acc)[kCfg.block_m][kCfg.block_n]) {
  using D = Depthwise<kCfg>;
  using Offset = typename D::Offset;
  typename D::InputPiece pieces[D::kColumns.count];
  const auto inside = [column](Offset i) {
    return kInside || (column + i >= 0 && column + i < static_cast<Offset>(kCfg.w));
  };
#pragma unroll
  for (int i = 0; i < D::kColumns.count; ++i) {
    const Offset at = D::kColumns.at[i];
    if (inside(at)) pieces[i] = load_piece<D::kInputBytes>(x + (column + at) * D::kPixelStride);
  }
#pragma unroll
  for (int i = 0; i < D::kColumns.count; ++i) {
    if (!inside(static_cast<Offset>(D::kColumns.at[i]))) continue;
    Sum<kCfg> input[D::kInputs];
#pragma unroll
    for (int j = 0; j < D::kInputs; ++j) {
      input[j] = factor<D::kType>(pieces[i], j);
      if constexpr (kCfg.zero_point) input[j] -= x_zero;
    }
#pragma unroll
    for (int m = 0; m < D::kOutputs; ++m) {
      const int s = D::tap_at(D::kColumns.at[i] - m * kCfg.stride_w);
      if (s < 0) continue;
#pragma unroll
      for (int j = 0; j < D::kFilters; ++j)
        acc[m][j] +=
            input[D::kInputs == 1 ? 0 : j / static_cast<int>(D::kMultiplier)] * filters.at[s][j];
    }
  }
}

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

/// All outputs of one thread: thread `rest` of image n.
template <ConvConfig kCfg, typename Epilogue>
__device__ __forceinline__ void depthwise_outputs(const ConvArgs& args, long long n,
                                                  typename Depthwise<kCfg>::Offset rest) {
  using D = Depthwise<kCfg>;
  using Offset = typename D::Offset;
  using Storage = typename Element<kCfg.x_type>::Storage;
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
  const Storage* x = static_cast<const Storage*>(args.x) + n * (kCfg.c * kCfg.h * kCfg.w) +
                     channel * (D::kNhwc ? 1 : kCfg.h * kCfg.w);
  const Offset column = q * static_cast<Offset>(kCfg.stride_w) - static_cast<Offset>(kCfg.pad_w);
  const bool all_inside =
      column >= 0 && column + static_cast<Offset>(D::kColumns.at[D::kColumns.count - 1]) <
                         static_cast<Offset>(kCfg.w);
  const int outputs = static_cast<int>(kCfg.q - q < D::kOutputs ? kCfg.q - q : D::kOutputs);

  const ChannelOperands<kCfg, D::kFilters> channels(args, k);
  typename D::FilterPiece kept[D::kFilterPieces];
  if constexpr (D::kKeepFilters) {
    using Weight = typename Element<D::kWeightType>::Storage;
    const Weight* w = static_cast<const Weight*>(args.w) + k * (kCfg.r * kCfg.s);
#pragma unroll
    for (int i = 0; i < D::kFilterPieces; ++i)
      kept[i] = load_piece<D::kFilterBytes>(w + i * D::kFilters);
  }
  constexpr TapRange kR =
      reached_taps(kCfg.r, kCfg.p, kCfg.stride_h, kCfg.pad_h, kCfg.dilation_h, kCfg.h);
  Offset p = row_tile * static_cast<Offset>(kCfg.block_k);
  const Offset end = p + kCfg.block_k < kCfg.p ? p + static_cast<Offset>(kCfg.block_k)
                                               : static_cast<Offset>(kCfg.p);
#pragma unroll 1
  for (; p < end; ++p) {
    Sum<kCfg> acc[D::kOutputs][D::kFilters] = {};
#pragma unroll(D::kKeepFilters ? static_cast <int>(kCfg.r) : 1)
    for (Offset r = kR.begin; r < static_cast<Offset>(kR.end); ++r) {
      const Offset h = p * static_cast<Offset>(kCfg.stride_h) - static_cast<Offset>(kCfg.pad_h) +
                       r * static_cast<Offset>(kCfg.dilation_h);
      if (h < 0 || h >= static_cast<Offset>(kCfg.h)) continue;
      FilterRow<kCfg> filters;
      if constexpr (D::kKeepFilters)
        filters.take(kept, static_cast<int>(r));
      else
        filters.read(args.w, k, r);
      const Storage* row = x + h * (static_cast<Offset>(kCfg.w) * D::kPixelStride);
      if (all_inside)
        add_depthwise_row<kCfg, true>(row, column, filters, args.x_zero, acc);
      else
        add_depthwise_row<kCfg, false>(row, column, filters, args.x_zero, acc);
    }
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
