// What the depthwise kernels have in common, and how those of floats add a row of the image to the
// sums: input columns are loaded once, as the words that they are stored in, widened and met with
// all taps. Those of 8-bit types: depthwise_dots.cuh.
#pragma once

#include "templates/conv_config.h"
#include "templates/direct.cuh"
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
  static constexpr ColumnPieces kPieces = depthwise_pieces(kCfg);
  static constexpr bool kKeepFilters = depthwise_keeps_filters(kCfg);
  using Storage = typename Element<kType>::Storage;
  using Weight = typename Element<kWeightType>::Storage;

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
  static constexpr Offset kRowStride = static_cast<Offset>(kCfg.w) * kPixelStride;

  static constexpr int kInputBytes = kInputs * depthwise_piece_columns(kCfg) * size_of(kType);
  static constexpr int kFilterBytes = kFilters * size_of(kType);
  using InputPiece = Piece<kInputBytes>;
  using FilterPiece = Piece<kFilterBytes>;
  /// A thread's filters lie side by side: filter i, tap t is element i * taps + t of all pieces.
  static constexpr int kFilterPieces = kKeepFilters ? static_cast<int>(kCfg.r * kCfg.s) : 1;
  static constexpr TapRange kRows =
      reached_taps(kCfg.r, kCfg.p, kCfg.stride_h, kCfg.pad_h, kCfg.dilation_h, kCfg.h);
};

/// The filters of a thread that keeps them, from the first of them.
template <ConvConfig kCfg>
__device__ __forceinline__ void load_filters(
    const typename Depthwise<kCfg>::Weight* first,
    typename Depthwise<kCfg>::FilterPiece (&kept)[Depthwise<kCfg>::kFilterPieces]) {
  using D = Depthwise<kCfg>;
#pragma unroll
  for (int i = 0; i < D::kFilterPieces; ++i)
    kept[i] = load_piece<D::kFilterBytes>(first + i * D::kFilters);
}

/// Where a thread reads the image.
template <ConvConfig kCfg>
struct ThreadInput {
  using D = Depthwise<kCfg>;
  using Offset = typename D::Offset;
  const typename D::Storage* image;  ///< of the thread's first channel
  Offset column;                     ///< of the first output's tap 0

  __device__ __forceinline__ bool row_inside(Offset h) const {
    return h >= 0 && h < static_cast<Offset>(kCfg.h);
  }
  __device__ __forceinline__ bool inside(int piece) const {
    const Offset at = column + static_cast<Offset>(D::kPieces.at[piece]);
    return at >= 0 && at < static_cast<Offset>(kCfg.w);
  }
  __device__ __forceinline__ bool all_inside() const {
    return inside(0) && inside(D::kPieces.count - 1);
  }
  /// `column` of row h, from which pieces are constants away. On padding it may be anywhere, and
  /// wrap: nobody loads from there.
  __device__ __forceinline__ const typename D::Storage* row(Offset h) const {
    using Wrapping = unsigned long long;
    return image + static_cast<long long>(
                       static_cast<Wrapping>(h) * static_cast<Wrapping>(D::kRowStride) +
                       static_cast<Wrapping>(column) * static_cast<Wrapping>(D::kPixelStride));
  }
  static __device__ __forceinline__ typename D::InputPiece load(const typename D::Storage* row,
                                                                int piece) {
    return load_piece<D::kInputBytes>(row + D::kPieces.at[piece] * D::kPixelStride);
  }
};

/// The filters of a thread of floats, and what they add up.
template <ConvConfig kCfg>
struct DepthwiseFloats {
  using D = Depthwise<kCfg>;
  typename D::FilterPiece kept[D::kFilterPieces];
  const typename D::Weight* filters;  ///< the first of the thread's

  __device__ __forceinline__ DepthwiseFloats(const ConvArgs& args, long long k)
      : filters(static_cast<const typename D::Weight*>(args.w) + k * (kCfg.r * kCfg.s)) {
    if constexpr (D::kKeepFilters) load_filters<kCfg>(filters, kept);
  }
  /// What the sums of an output row begin with, of filter i.
  __device__ __forceinline__ float first_sum(int) const { return 0; }

  /// acc += row h of the image, if there is one, times row r of the taps.
  __device__ __forceinline__ void add_row(const ThreadInput<kCfg>& x, typename D::Offset h,
                                          typename D::Offset r,
                                          float (&acc)[kCfg.block_m][kCfg.block_n]) {
    if (!x.row_inside(h)) return;
    float taps[D::kTaps][D::kFilters];
#pragma unroll
    for (int s = 0; s < D::kTaps; ++s)
#pragma unroll
      for (int i = 0; i < D::kFilters; ++i) taps[s][i] = weight(i, r, s);
    if (x.all_inside())
      add<true>(x, x.row(h), taps, acc);
    else
      add<false>(x, x.row(h), taps, acc);
  }

 private:
  /// Of kept filters r must be a constant after unrolling.
  __device__ __forceinline__ float weight(int i, typename D::Offset r, int s) const {
    if constexpr (D::kKeepFilters) {
      const int at = (i * static_cast<int>(kCfg.r) + static_cast<int>(r)) * D::kTaps + s;
      return factor<D::kWeightType>(kept[at / D::kFilters], at % D::kFilters);
    } else {
      return load_factor<D::kWeightType>(filters, (i * kCfg.r + r) * kCfg.s + s);
    }
  }
  /// kInside: no column is on padding.
  template <bool kInside>
  static __device__ __forceinline__ void add(const ThreadInput<kCfg>& x,
                                             const typename D::Storage* row,
                                             const float (&taps)[D::kTaps][D::kFilters],
                                             float (&acc)[kCfg.block_m][kCfg.block_n]) {
    typename D::InputPiece pieces[D::kPieces.count];
#pragma unroll
    for (int i = 0; i < D::kPieces.count; ++i)
      if (kInside || x.inside(i)) pieces[i] = x.load(row, i);
#pragma unroll
    for (int i = 0; i < D::kPieces.count; ++i) {
      if (!kInside && !x.inside(i)) continue;
      float input[D::kInputs];
#pragma unroll
      for (int j = 0; j < D::kInputs; ++j) input[j] = factor<D::kType>(pieces[i], j);
#pragma unroll
      for (int m = 0; m < D::kOutputs; ++m) {
        const int s = depthwise_tap(kCfg, D::kPieces.at[i], m);
        if (s < 0) continue;
#pragma unroll
        for (int j = 0; j < D::kFilters; ++j)
          acc[m][j] +=
              input[D::kInputs == 1 ? 0 : j / static_cast<int>(D::kMultiplier)] * taps[s][j];
      }
    }
  }
};

}  // namespace convoke::cuda
