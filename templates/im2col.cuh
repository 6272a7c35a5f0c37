// The implicit GEMM's operands: which element of the images (A) and of the weights (B) stands at a
// row and a position of the reduction. Row offsets, and which taps are valid at a row, are computed
// once per thread before the loop; inside it a tap is one constant-folded offset and one mask.
#pragma once

#include "templates/sparse_config.h"

namespace convoke::cuda {

template <bool kWide>
struct ByteOffsetType {
  using Type = unsigned;
};
template <>
struct ByteOffsetType<true> {
  using Type = unsigned long long;
};

/// Constants of a GEMM over one group.
template <ConvConfig kCfg>
struct Gemm {
  static constexpr bool kNhwc = kCfg.x_layout == Layout::kNhwc;
  static constexpr bool kBatch = kCfg.order == PixelOrder::kBatch;
  static constexpr int kSize = size_of(kCfg.x_type);
  static constexpr int kThreads = gemm_threads(kCfg);
  static constexpr int kC = static_cast<int>(c_per_group(kCfg));
  static constexpr int kK = static_cast<int>(gemm_filters(kCfg));  ///< as the weights are packed
  static constexpr int kPixels = static_cast<int>(kCfg.p * kCfg.q);
  static constexpr int kR0 = static_cast<int>(span_r(kCfg).begin);
  static constexpr int kS0 = static_cast<int>(span_s(kCfg).begin);
  static constexpr int kRs = static_cast<int>(span_r(kCfg).size());
  static constexpr int kSs = static_cast<int>(span_s(kCfg).size());
  static constexpr int kTaps = kRs * kSs;
  static constexpr int kReduction = kTaps * kC;
  static constexpr int kRowBytes = kCfg.block_k * kSize;
  /// Of a stage; a patch is in front of the ring instead of a tile of A in each of its stages.
  static constexpr int kTileA = kCfg.patch == 1 ? 0 : kCfg.block_m * kRowBytes;
  static constexpr int kTileB = kCfg.block_n * weight_row_bytes(kCfg);
  static constexpr int kRing = static_cast<int>(patch_bytes(kCfg));  ///< where the stages begin

  /// Elements between neighbours of the images.
  static constexpr long long kStrideC = kNhwc ? 1 : kCfg.h * kCfg.w;
  static constexpr long long kStrideW = kNhwc ? kCfg.c : 1;
  static constexpr long long kStrideH = kStrideW * kCfg.w;
  static constexpr long long kImage = kCfg.c * kCfg.h * kCfg.w;
  /// And of the weights of one filter.
  static constexpr long long kWeightC = kNhwc ? 1 : kCfg.r * kCfg.s;
  static constexpr long long kWeightS = kNhwc ? kC : 1;
  static constexpr long long kWeightR = kWeightS * kCfg.s;
  static constexpr long long kFilter = static_cast<long long>(kC) * kCfg.r * kCfg.s;

  /// A tile's rows lie in so many images at most; all offsets count from the first of them.
  static constexpr long long kImages = kBatch ? kCfg.block_m : (kCfg.block_m - 2) / kPixels + 2;
  using ImageOffset = typename ByteOffsetType<(kImages * kImage * kSize > 0xffffffffLL)>::Type;
  using WeightOffset =
      typename ByteOffsetType<(kCfg.block_n * kFilter * kSize > 0xffffffffLL)>::Type;
};

/// The block's dynamic shared memory: the ring of stages, then the staged sums.
__device__ __forceinline__ char* shared_memory() {
  extern __shared__ __align__(128) char memory[];
  return memory;
}

/// XOR that spreads the 16-byte chunks of eight neighbouring rows over all banks.
template <ConvConfig kCfg>
__device__ __forceinline__ int swizzle(int row) {
  return Gemm<kCfg>::kRowBytes == 128 ? row & 7 : row >> 1 & 3;
}

/// A tap and a channel: a position of the reduction.
struct Position {
  int r, s, c;  ///< the tap within the spans of live taps
  bool valid;   ///< within the reduction
};

/// Position number `k` of a dense reduction.
template <ConvConfig kCfg>
__device__ __forceinline__ Position dense_position(unsigned k) {
  using G = Gemm<kCfg>;
  constexpr unsigned kC = G::kC, kTaps = G::kTaps, kSs = G::kSs;  // unsigned divides faster
  const unsigned tap = G::kNhwc ? k / kC : k % kTaps, c = G::kNhwc ? k % kC : k / kTaps;
  return {static_cast<int>(tap / kSs), static_cast<int>(tap % kSs), static_cast<int>(c),
          k < G::kReduction};
}

/// Which taps are valid at one pixel. Filters of up to 16 by 15 taps: a bit for each live row and
/// column of the filter; larger ones: the input coordinates of tap (0, 0), compared at each tap.
template <ConvConfig kCfg, bool kMasks = (Gemm<kCfg>::kRs <= 16 && Gemm<kCfg>::kSs <= 15)>
struct PixelTaps {
  using G = Gemm<kCfg>;
  /// Rows of the filter in the low half, columns above, bit 31 never valid. Inverted: whether a tap
  /// is valid is then one instruction.
  unsigned invalid = ~0u;

  __device__ __forceinline__ void set(int h, int w) {
    unsigned bits = 0;
#pragma unroll
    for (int r = 0; r < G::kRs; ++r) {
      const int at = h + r * static_cast<int>(kCfg.dilation_h);
      bits |= at >= 0 && at < kCfg.h ? 1u << r : 0;
    }
#pragma unroll
    for (int s = 0; s < G::kSs; ++s) {
      const int at = w + s * static_cast<int>(kCfg.dilation_w);
      bits |= at >= 0 && at < kCfg.w ? 1u << (16 + s) : 0;
    }
    invalid = ~bits;
  }
  /// The bits that a position asks for.
  static __device__ __forceinline__ unsigned need(const Position& at) {
    return at.valid ? 1u << at.r | 1u << (16 + at.s) : 1u << 31;
  }
  __device__ __forceinline__ bool has(unsigned need) const { return (invalid & need) == 0; }
};

template <ConvConfig kCfg>
struct PixelTaps<kCfg, false> {
  int h = kNone, w = 0;
  static constexpr int kNone = -0x7fffffff;  ///< no tap brings it back into the image
  struct Need {
    int h, w;
  };

  __device__ __forceinline__ void set(int first_h, int first_w) { h = first_h, w = first_w; }
  static __device__ __forceinline__ Need need(const Position& at) {
    return {at.valid ? at.r * static_cast<int>(kCfg.dilation_h) : -1,
            at.s * static_cast<int>(kCfg.dilation_w)};
  }
  __device__ __forceinline__ bool has(const Need& at) const {
    const long long row = static_cast<long long>(h) + at.h,
                    column = static_cast<long long>(w) + at.w;
    return at.h >= 0 && row >= 0 && row < kCfg.h && column >= 0 && column < kCfg.w;
  }
};

/// The pixels of a block's tile, and the taps that it visits.
template <ConvConfig kCfg>
struct PixelTile {
  using G = Gemm<kCfg>;
  long long first_image;               ///< offsets in x count from its start
  long long first_pixel;               ///< kImage: m of the first row; kBatch: output position
  int rows;                            ///< valid rows of the tile
  int in_image;                        ///< kImage: pixel of the first row within its image
  int r_begin, r_end, s_begin, s_end;  ///< kBatch: valid taps here, within the spans

  __device__ __forceinline__ PixelTile(long long tile, long long n) {
    if constexpr (G::kBatch) {
      // Positions fastest: blocks at work together share images and weights.
      const int at = static_cast<int>(tile % G::kPixels);
      first_image = tile / G::kPixels * kCfg.block_m;
      first_pixel = at;
      in_image = 0;
      const long long left = n - first_image;
      rows = left < kCfg.block_m ? static_cast<int>(left) : kCfg.block_m;
      const TapRange r = valid_taps(at / static_cast<int>(kCfg.q), kCfg.stride_h, kCfg.pad_h,
                                    kCfg.dilation_h, kCfg.r, kCfg.h);
      const TapRange s = valid_taps(at % static_cast<int>(kCfg.q), kCfg.stride_w, kCfg.pad_w,
                                    kCfg.dilation_w, kCfg.s, kCfg.w);
      r_begin = static_cast<int>(r.begin) - G::kR0, r_end = static_cast<int>(r.end) - G::kR0;
      s_begin = static_cast<int>(s.begin) - G::kS0, s_end = static_cast<int>(s.end) - G::kS0;
    } else {
      first_pixel = tile * kCfg.block_m;
      first_image = first_pixel / G::kPixels;
      in_image = static_cast<int>(first_pixel - first_image * G::kPixels);
      const long long left = n * G::kPixels - first_pixel;
      rows = left < kCfg.block_m ? static_cast<int>(left) : kCfg.block_m;
      r_begin = s_begin = 0, r_end = G::kRs, s_end = G::kSs;
    }
  }
  /// Length of a dense reduction here.
  __device__ __forceinline__ int reduction() const {
    if constexpr (!G::kBatch) return G::kReduction;
    return r_end > r_begin && s_end > s_begin ? (r_end - r_begin) * (s_end - s_begin) * G::kC : 0;
  }
  /// Byte offset of tap (0, 0) of the spans, channel 0 of the group, at a row of the tile; it wraps
  /// where that lies in the padding, and comes back with a valid tap.
  __device__ __forceinline__ typename G::ImageOffset row_offset(int row, int group,
                                                                PixelTaps<kCfg>& taps) const {
    using Offset = typename G::ImageOffset;
    int image = row, pixel = static_cast<int>(first_pixel);
    if constexpr (!G::kBatch) {
      pixel = in_image + row;
      image = pixel / G::kPixels;
      pixel -= image * G::kPixels;
    }
    const int p = pixel / static_cast<int>(kCfg.q), q = pixel % static_cast<int>(kCfg.q);
    const int h = first_h(p), w = first_w(q);
    if (row < rows) taps.set(h, w);
    return (static_cast<Offset>(image) * static_cast<Offset>(G::kImage) +
            static_cast<Offset>(static_cast<long long>(h)) * static_cast<Offset>(G::kStrideH) +
            static_cast<Offset>(static_cast<long long>(w)) * static_cast<Offset>(G::kStrideW) +
            static_cast<Offset>(group) * static_cast<Offset>(G::kC * G::kStrideC)) *
           static_cast<Offset>(G::kSize);
  }
  /// The taps of a row of a tile that is a strip of images (kImage); none of a row that is not
  /// valid.
  __device__ __forceinline__ void set_taps(int row, PixelTaps<kCfg>& taps) const {
    const int pixel = (in_image + row) % G::kPixels;
    if (row < rows)
      taps.set(first_h(pixel / static_cast<int>(kCfg.q)),
               first_w(pixel % static_cast<int>(kCfg.q)));
  }
  /// Input row and column of tap (0, 0) of the spans.
  static __device__ __forceinline__ int first_h(int p) {
    return static_cast<int>(p * kCfg.stride_h - kCfg.pad_h + G::kR0 * kCfg.dilation_h);
  }
  static __device__ __forceinline__ int first_w(int q) {
    return static_cast<int>(q * kCfg.stride_w - kCfg.pad_w + G::kS0 * kCfg.dilation_w);
  }
  /// Output pixel number (n * P + p) * Q + q of a valid row.
  __device__ __forceinline__ long long pixel_of(int row) const {
    if constexpr (G::kBatch) return (first_image + row) * G::kPixels + first_pixel;
    return first_pixel + row;
  }
};

/// Byte offset of a position from a row's offset, in the images and in the weights.
template <ConvConfig kCfg>
__device__ __forceinline__ typename Gemm<kCfg>::ImageOffset image_delta(const Position& at) {
  using G = Gemm<kCfg>;
  using Offset = typename G::ImageOffset;
  return static_cast<Offset>(at.r) * static_cast<Offset>(kCfg.dilation_h * G::kStrideH * G::kSize) +
         static_cast<Offset>(at.s) * static_cast<Offset>(kCfg.dilation_w * G::kStrideW * G::kSize) +
         static_cast<Offset>(at.c) * static_cast<Offset>(G::kStrideC * G::kSize);
}
template <ConvConfig kCfg>
__device__ __forceinline__ typename Gemm<kCfg>::WeightOffset dense_weight_delta(
    const Position& at) {
  using G = Gemm<kCfg>;
  using Offset = typename G::WeightOffset;
  return static_cast<Offset>(at.r + G::kR0) * static_cast<Offset>(G::kWeightR * G::kSize) +
         static_cast<Offset>(at.s + G::kS0) * static_cast<Offset>(G::kWeightS * G::kSize) +
         static_cast<Offset>(at.c) * static_cast<Offset>(G::kWeightC * G::kSize);
}

/// The reduction of the filters from `filter` on (a tile's first): over all live taps and channels,
/// `dense_length` of them, or over a list of kept ones. Their weights are rows from `weights` on.
template <ConvConfig kCfg, bool kList = kCfg.sparse == Sparse::kLists>
struct Reduction {
  using G = Gemm<kCfg>;
  using WeightOffset = typename G::WeightOffset;
  static constexpr long long kRow = G::kFilter * G::kSize;  ///< bytes
  const char* weights;
  int length;

  __device__ __forceinline__ Reduction(const ConvArgs& args, int group, int filter,
                                       int dense_length)
      : weights(static_cast<const char*>(args.w) +
                (static_cast<long long>(group) * G::kK + filter) * kRow),
        length(dense_length) {}
  __device__ __forceinline__ Position position(unsigned k) const { return dense_position<kCfg>(k); }
  static __device__ __forceinline__ WeightOffset weight_delta(unsigned, const Position& at) {
    return dense_weight_delta<kCfg>(at);
  }
  __device__ __forceinline__ long long row_bytes() const { return kRow; }
};

template <ConvConfig kCfg>
struct Reduction<kCfg, true> {
  using G = Gemm<kCfg>;
  using WeightOffset = unsigned long long;
  static constexpr unsigned kChannels = static_cast<unsigned>(list_channels(kCfg));
  const char* weights;
  int length;
  const uint4* entries;

  __device__ __forceinline__ Reduction(const ConvArgs& args, int group, int filter, int) {
    const long long list = list_of(kCfg, group, filter / kCfg.block_n);
    const unsigned first = __ldg(args.pattern + list), last = __ldg(args.pattern + list + 1);
    entries = reinterpret_cast<const uint4*>(args.pattern + first_entry_word(kCfg)) + first;
    length = static_cast<int>((last - first) * kChannels);
    weights = static_cast<const char*>(args.w) +
              static_cast<long long>(first) * (list_rows(kCfg) * kChannels * G::kSize) +
              (kCfg.per_input ? filter * row_bytes() : 0);
  }
  __device__ __forceinline__ Position position(unsigned k) const {
    if (k >= static_cast<unsigned>(length)) return {0, 0, 0, false};
    const uint4 entry = __ldg(entries + k / kChannels);
    return {static_cast<int>(entry.x & 0xffff), static_cast<int>(entry.x >> 16),
            static_cast<int>(entry.y + k % kChannels), true};
  }
  static __device__ __forceinline__ WeightOffset weight_delta(unsigned k, const Position&) {
    return static_cast<WeightOffset>(k) * G::kSize;
  }
  __device__ __forceinline__ long long row_bytes() const {
    return static_cast<long long>(length) * G::kSize;
  }
};

/// What a block works on.
template <ConvConfig kCfg>
struct BlockWork {
  PixelTile<kCfg> pixels;
  int group;
  int filter;  ///< first of the tile, within the group, as the weights are packed
  Reduction<kCfg> reduction;
  int k_begin, k_end;  ///< its part of the reduction, in tiles of block_k
};

}  // namespace convoke::cuda
