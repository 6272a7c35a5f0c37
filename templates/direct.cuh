// Convolution straight from memory to registers: every valid spec, sm_75 and later. A thread owns
// block_n filters at block_m pixels (templates/direct_config.h) and walks taps and channels in the
// order r, s, c. What L1 does not catch is read again, so it is meant for few channels, small
// groups and odd shapes; the GEMM families take over where there is much to reuse. Taps on padding
// are neither loaded nor multiplied: infinite weights must not meet the zeros that padding stands
// for.
#pragma once

#include "templates/conv_config.h"
#include "templates/epilogue.cuh"
#include "templates/ptx/dp4a.cuh"
#include "templates/types.cuh"

namespace convoke::cuda {

template <bool kWide>
struct OffsetType {
  using type = int;
};
template <>
struct OffsetType<true> {
  using type = long long;
};

constexpr int clamp_unroll(long long wanted, long long most) {
  return static_cast<int>(wanted < 1 ? 1 : wanted < most ? wanted : most);
}

/// Constants of a direct kernel.
template <ConvConfig kCfg>
struct Direct {
  static constexpr bool kNhwc = kCfg.x_layout == Layout::kNhwc;
  static constexpr bool kYNhwc = kCfg.y_layout == Layout::kNhwc;
  static constexpr int kPixels = kCfg.block_m, kFilters = kCfg.block_n, kVector = kCfg.block_k;
  static constexpr long long kGroupChannels = kCfg.c / kCfg.groups;
  static constexpr long long kGroupFilters = kCfg.k / kCfg.groups;
  static constexpr long long kFilterSize = kCfg.r * kCfg.s * kGroupChannels;
  static constexpr long long kTilesOfGroup = ceil_div(kGroupFilters, kFilters);
  static constexpr bool kWholeTiles = kGroupFilters % kFilters == 0;
  /// A row of filters is stored by pieces where it is as aligned as the loads ask for anyway.
  static constexpr bool kAlignedStore = kYNhwc && kWholeTiles && kFilters > 1 &&
                                        widest_piece(widest_output(kCfg) * kFilters) <=
                                            direct_alignment(kCfg);

  // Taps that reach the image from any output; between them some may still miss it.
  static constexpr TapRange kR =
      reached_taps(kCfg.r, kCfg.p, kCfg.stride_h, kCfg.pad_h, kCfg.dilation_h, kCfg.h);
  static constexpr TapRange kS =
      reached_taps(kCfg.s, kCfg.q, kCfg.stride_w, kCfg.pad_w, kCfg.dilation_w, kCfg.w);

  // Offsets within an image of x, padding included, and within a thread's filters; the index of a
  // thread within an image. f64 only bounds: no product of three sizes fits 64 bits for sure.
  static constexpr double kImageSpan =
      (kCfg.pad_h + kCfg.h + static_cast<double>(kCfg.p) * kCfg.stride_h +
       static_cast<double>(kCfg.r) * kCfg.dilation_h + kCfg.pad_w + kCfg.w +
       static_cast<double>(kCfg.q) * kCfg.stride_w +
       static_cast<double>(kCfg.s) * kCfg.dilation_w) *
      kCfg.w * (kNhwc ? kCfg.c : 1);
  static constexpr double kSpan = static_cast<double>(kCfg.c) * kCfg.h * kCfg.w + kImageSpan;
  static constexpr bool kWide =
      kSpan >= 0x1p31 || kFilters * kFilterSize >= 1LL << 31 || direct_items(kCfg) >= 1LL << 31;
  using Offset = typename OffsetType<kWide>::type;

  static constexpr Offset kPixelStride = kNhwc ? kCfg.c : 1;
  static constexpr Offset kChannelStride = kNhwc ? 1 : kCfg.h * kCfg.w;
  static constexpr Offset kWeightTap = kNhwc ? kGroupChannels : 1;
  static constexpr Offset kWeightChannel = kNhwc ? 1 : kCfg.r * kCfg.s;

  // Bodies of about 64 multiply-adds, whatever the channels and taps: more only costs code.
  static constexpr int kBody = kPixels * kFilters * kVector;
  static constexpr long long kSteps = kGroupChannels / kVector;
  static constexpr int kUnrollChannels = clamp_unroll(64 / kBody, kSteps < 8 ? kSteps : 8);
  static constexpr int kUnrollTaps = kSteps > kUnrollChannels
                                         ? 1
                                         : clamp_unroll(64 / (kBody * kSteps), kCfg.s);
};

/// The pixels of a thread: input coordinates of their first tap, and where they go in y.
template <ConvConfig kCfg>
struct DirectPixels {
  using D = Direct<kCfg>;
  using Offset = typename D::Offset;
  Offset row[D::kPixels], column[D::kPixels];
  Offset index[D::kPixels];  ///< within the image of y; -1: there is none

  __device__ __forceinline__ explicit DirectPixels(Offset tile) {
    constexpr Offset kStep = direct_pixel_step(kCfg), kOutputs = kCfg.p * kCfg.q, kRow = kCfg.q;
    const Offset first = tile / kStep * kStep * D::kPixels + tile % kStep;
#pragma unroll
    for (int j = 0; j < D::kPixels; ++j) {
      const Offset pixel = first + j * kStep;
      const bool exists = pixel < kOutputs;
      index[j] = exists ? pixel : -1;
      // A row below the image makes every tap miss.
      row[j] = exists ? pixel / kRow * static_cast<Offset>(kCfg.stride_h) -
                            static_cast<Offset>(kCfg.pad_h)
                      : static_cast<Offset>(kCfg.h);
      column[j] =
          pixel % kRow * static_cast<Offset>(kCfg.stride_w) - static_cast<Offset>(kCfg.pad_w);
    }
  }
};

/// Channels of one pixel or filter that are multiplied at once, of 8-bit types.
template <Type kType, int kVector>
struct Bytes {
  static constexpr int kWords = kVector < 4 ? kVector : kVector / 4;
  unsigned word[kWords];  ///< four elements each, or one

  __device__ __forceinline__ void read(const void* tensor, long long index) {
    const char* const from = static_cast<const char*>(tensor) + index;
    const Piece<kVector> piece = load_piece<kVector>(from);
#pragma unroll
    for (int i = 0; i < kWords; ++i)
      word[i] = kVector < 4 ? static_cast<unsigned>(factor<kType>(piece, i)) : piece.word[i];
  }
  /// sum + the products with weights.
  __device__ __forceinline__ int dot(const Bytes<Type::kS8, kVector>& weights, int sum) const {
#pragma unroll
    for (int i = 0; i < kWords; ++i)
      sum = kVector < 4 ? sum + static_cast<int>(word[i]) * static_cast<int>(weights.word[i])
                        : ptx::dp4a<kType>(word[i], weights.word[i], sum);
    return sum;
  }
  /// The sum of weights.
  __device__ __forceinline__ int total() const {
    int sum = 0;
#pragma unroll
    for (int i = 0; i < kWords; ++i)
      sum = kVector < 4 ? sum + static_cast<int>(word[i])
                        : ptx::dp4a<Type::kU8>(0x01010101u, word[i], sum);
    return sum;
  }
};

/// acc[j] += (x - x_zero) * w over the channels of one tap that is inside the image at all of
/// kPixels pixels.
template <ConvConfig kCfg, int kPixels>
__device__ __forceinline__ void add_direct_tap(const void* x,
                                               const typename Direct<kCfg>::Offset* at,
                                               const void* w, typename Direct<kCfg>::Offset weight,
                                               int filters, int x_zero, int (*acc)[kCfg.block_n]) {
  using D = Direct<kCfg>;
#pragma unroll(kPixels == D::kPixels ? D::kUnrollChannels : 1)
  for (typename D::Offset c = 0; c < D::kGroupChannels; c += D::kVector) {
    Bytes<kCfg.x_type, D::kVector> xs[kPixels];
    Bytes<Type::kS8, D::kVector> ws[D::kFilters];
#pragma unroll
    for (int i = 0; i < D::kFilters; ++i)
      if (D::kWholeTiles || i < filters)
        ws[i].read(w, weight + i * D::kFilterSize + c * D::kWeightChannel);
#pragma unroll
    for (int j = 0; j < kPixels; ++j) xs[j].read(x, at[j] + c * D::kChannelStride);
#pragma unroll
    for (int i = 0; i < D::kFilters; ++i) {
      if (!D::kWholeTiles && i >= filters) continue;
      const int zeros = kCfg.zero_point ? x_zero * ws[i].total() : 0;
#pragma unroll
      for (int j = 0; j < kPixels; ++j) acc[j][i] = xs[j].dot(ws[i], acc[j][i] - zeros);
    }
  }
}

/// acc[j] += x * w, the same of floats.
template <ConvConfig kCfg, int kPixels>
__device__ __forceinline__ void add_direct_tap(const void* x,
                                               const typename Direct<kCfg>::Offset* at,
                                               const void* w, typename Direct<kCfg>::Offset weight,
                                               int filters, int, float (*acc)[kCfg.block_n]) {
  using D = Direct<kCfg>;
  constexpr Type kType = kCfg.x_type;
  constexpr bool kPieces = D::kVector > 1;
#pragma unroll(kPixels == D::kPixels ? D::kUnrollChannels : 1)
  for (typename D::Offset c = 0; c < D::kGroupChannels; c += D::kVector) {
    float xs[kPixels][D::kVector], ws[D::kFilters][D::kVector];
#pragma unroll
    for (int i = 0; i < D::kFilters; ++i)
      if (D::kWholeTiles || i < filters)
        load_row<kType, kPieces>(w, weight + i * D::kFilterSize + c * D::kWeightChannel, ws[i]);
#pragma unroll
    for (int j = 0; j < kPixels; ++j)
      load_row<kType, kPieces>(x, at[j] + c * D::kChannelStride, xs[j]);
#pragma unroll
    for (int v = 0; v < D::kVector; ++v)
#pragma unroll
      for (int j = 0; j < kPixels; ++j)
#pragma unroll
        for (int i = 0; i < D::kFilters; ++i)
          if (D::kWholeTiles || i < filters)
            acc[j][i] += multiplicand<kType>(xs[j][v]) * multiplicand<kType>(ws[i][v]);
  }
}

/// All outputs of one thread: thread `rest` of image `n`.
template <ConvConfig kCfg, typename Epilogue>
__device__ __forceinline__ void direct_outputs(const ConvArgs& args, long long n,
                                               typename Direct<kCfg>::Offset rest) {
  using D = Direct<kCfg>;
  using Offset = typename D::Offset;
  constexpr Offset kFilterTiles = direct_filter_tiles(kCfg), kPixelTiles = direct_pixel_tiles(kCfg);
  const Offset filter_tile = D::kYNhwc ? rest % kFilterTiles : rest / kPixelTiles;
  const DirectPixels<kCfg> pixels(D::kYNhwc ? rest / kFilterTiles : rest % kPixelTiles);
  constexpr Offset kTilesOfGroup = D::kTilesOfGroup;
  const long long group = filter_tile / kTilesOfGroup;
  const long long in_group = static_cast<long long>(filter_tile % kTilesOfGroup) * D::kFilters;
  const long long k = group * D::kGroupFilters + in_group;
  const int filters = static_cast<int>(
      in_group + D::kFilters <= D::kGroupFilters ? D::kFilters : D::kGroupFilters - in_group);
  using Storage = typename Element<kCfg.x_type>::Storage;
  using Weight = typename Element<weight_type(kCfg.x_type)>::Storage;
  const Storage* x = static_cast<const Storage*>(args.x) + n * (kCfg.c * kCfg.h * kCfg.w) +
                     group * D::kGroupChannels * D::kChannelStride;
  const Weight* w = static_cast<const Weight*>(args.w) + k * D::kFilterSize;

  Sum<kCfg> acc[D::kPixels][D::kFilters] = {};
#pragma unroll 1
  for (Offset r = D::kR.begin; r < D::kR.end; ++r) {
#pragma unroll D::kUnrollTaps
    for (Offset s = D::kS.begin; s < D::kS.end; ++s) {
      bool inside[D::kPixels], all = true;
      Offset at[D::kPixels];
#pragma unroll
      for (int j = 0; j < D::kPixels; ++j) {
        const Offset h = pixels.row[j] + r * static_cast<Offset>(kCfg.dilation_h);
        const Offset column = pixels.column[j] + s * static_cast<Offset>(kCfg.dilation_w);
        inside[j] = h >= 0 && h < kCfg.h && column >= 0 && column < kCfg.w;
        at[j] = (h * static_cast<Offset>(kCfg.w) + column) * D::kPixelStride;
        all &= inside[j];
      }
      const Offset weight = (r * static_cast<Offset>(kCfg.s) + s) * D::kWeightTap;
      if (all) {
        add_direct_tap<kCfg, D::kPixels>(x, at, w, weight, filters, args.x_zero, acc);
      } else if constexpr (D::kPixels > 1) {
#pragma unroll
        for (int j = 0; j < D::kPixels; ++j)
          if (inside[j])
            add_direct_tap<kCfg, 1>(x, at + j, w, weight, filters, args.x_zero, acc + j);
      }
    }
  }

  const long long image = n * (kCfg.k * kCfg.p * kCfg.q);
  const ChannelOperands<kCfg, D::kFilters> channels(args, k, filters);
#pragma unroll
  for (int j = 0; j < D::kPixels; ++j) {
    if (pixels.index[j] < 0) continue;
    if constexpr (D::kYNhwc) {
      const long long at = image + pixels.index[j] * kCfg.k + k;
      store_sums<kCfg, Epilogue, D::kAlignedStore>(args, acc[j], channels, at, filters);
    } else {
#pragma unroll
      for (int i = 0; i < D::kFilters; ++i) {
        if (!D::kWholeTiles && i >= filters) continue;
        const long long at = image + (k + i) * (kCfg.p * kCfg.q) + pixels.index[j];
        store_sum<kCfg, Epilogue>(args, acc[j][i], channels, i, at);
      }
    }
  }
}

template <ConvConfig kCfg, typename Epilogue>
__device__ __forceinline__ void run_direct(const ConvArgs& args) {
  static_assert(why_illegal_direct(kCfg) == nullptr, "see why_illegal_direct()");
  constexpr unsigned long long kItems = direct_items(kCfg);
  using Index = unsigned long long;
  const Index items = kItems * args.n, step = static_cast<Index>(gridDim.x) * kDirectThreads;
#pragma unroll 1
  for (Index item = static_cast<Index>(blockIdx.x) * kDirectThreads + threadIdx.x; item < items;
       item += step)
    direct_outputs<kCfg, Epilogue>(args, item / kItems,
                                   static_cast<typename Direct<kCfg>::Offset>(item % kItems));
}

}  // namespace convoke::cuda
