// The images of a tile as a patch (kCfg.patch): the input pixels that any tap of the tile's output
// pixels reads, block_k channels of each, come into shared memory once, and the taps are rows of
// the patch at different places. Without it every tap copies its pixels anew, and the copies from
// L2 are what a tile of few filters waits for. Neighbouring pixels of the images are neighbouring
// rows, padding included: what a tap finds beyond an image's border is hidden when it is read.
#pragma once

#include "templates/im2col.cuh"
#include "templates/ptx/cp_async.cuh"
#include "templates/ptx/memory.cuh"
#include "templates/weight_copies.cuh"

namespace convoke::cuda {

/// Constants of a patch.
template <ConvConfig kCfg>
struct Patch {
  using G = Gemm<kCfg>;
  static constexpr int kRows = static_cast<int>(patch_rows(kCfg));
  static constexpr int kBytes = kRows * G::kRowBytes;
  /// Where the row of zeros lies, which padding reads: after the patches.
  static constexpr int kZeros = patch_buffers(kCfg) * kBytes;
  /// Rows that neighbouring pixels of a strided tile read are a stride apart.
  static constexpr int kSwizzleShift = 3 + (kCfg.stride_w % 2 == 0 ? 1 : 0);
  /// XOR that spreads the 16-byte chunks of eight rows over the banks; `at` is the row's offset.
  static __device__ __forceinline__ unsigned swizzle(unsigned at) {
    return at >> kSwizzleShift & (G::kRowBytes - kChunkBytes);
  }
  /// From an output pixel's anchor to the pixel that its first live tap reads.
  static constexpr int kFirstTap = static_cast<int>(
      (G::kR0 * kCfg.dilation_h - kCfg.pad_h) * kCfg.w + G::kS0 * kCfg.dilation_w - kCfg.pad_w);
  /// From there to the one that its last live tap reads.
  static constexpr int kLastTap =
      static_cast<int>((G::kRs - 1) * kCfg.dilation_h * kCfg.w + (G::kSs - 1) * kCfg.dilation_w);
  /// Anchor of a pixel of the tile, counted from that of the tile's first.
  static __device__ __forceinline__ int anchor_from_first(const PixelTile<kCfg>& pixels, int row) {
    const int pixel = pixels.in_image + row, image = pixel / G::kPixels;
    return anchor(image, pixel - image * G::kPixels) - anchor(0, pixels.in_image);
  }
  /// Pixel of the images, counted from the tile's first image, at an output pixel's p * stride_h
  /// and q * stride_w.
  static __device__ __forceinline__ int anchor(int image, int pixel) {
    const int p = pixel / static_cast<int>(kCfg.q), q = pixel % static_cast<int>(kCfg.q);
    return (image * static_cast<int>(kCfg.h) + p * static_cast<int>(kCfg.stride_h)) *
               static_cast<int>(kCfg.w) +
           q * static_cast<int>(kCfg.stride_w);
  }
};

/// The rows of A that a lane names for ldmatrix, tap by tap: kM of them, 16 pixels apart.
template <ConvConfig kCfg, int kM>
class PatchRows {
 public:
  using G = Gemm<kCfg>;
  using P = Patch<kCfg>;

  /// `row`: the lane's first row of the tile; `half`: which chunk of a step's two it names.
  __device__ __forceinline__ void start(const PixelTile<kCfg>& pixels, int row, int half) {
#pragma unroll
    for (int i = 0; i < kM; ++i) {
      const int at = row + i * 16;
      offset_[i] = static_cast<unsigned>(P::anchor_from_first(pixels, at) * G::kRowBytes);
      pixels.set_taps(at, taps_[i]);
    }
    half_ = static_cast<unsigned>(half * kChunkBytes);
    memory_ = ptx::shared_address(shared_memory());
    patch_ = memory_;
    aim();
  }
  /// To the next tap, or the first one of the next channels.
  __device__ __forceinline__ void advance() {
    if (++s_ == G::kSs) {
      s_ = 0;
      if (++r_ == G::kRs) {
        r_ = 0;
        if constexpr (patch_buffers(kCfg) == 2)
          patch_ = memory_ + (patch_ == memory_ ? P::kBytes : 0);
      }
    }
    aim();
  }
  template <int kStep>
  __device__ __forceinline__ unsigned address(unsigned, int i) const {
    return at_[i] ^ kStep * 32;
  }

 private:
  __device__ __forceinline__ void aim() {
    constexpr int kRow = static_cast<int>(kCfg.dilation_h * kCfg.w) * G::kRowBytes;
    constexpr int kColumn = static_cast<int>(kCfg.dilation_w) * G::kRowBytes;
    const auto shift = static_cast<unsigned>(r_ * kRow + s_ * kColumn);
    const auto need = PixelTaps<kCfg>::need({r_, s_, 0, true});
#pragma unroll
    for (int i = 0; i < kM; ++i) {
      const unsigned at = offset_[i] + shift;
      at_[i] =
          taps_[i].has(need) ? patch_ + at + (half_ ^ P::swizzle(at)) : memory_ + P::kZeros + half_;
    }
  }

  unsigned memory_, patch_;  // of the block; the patch that is read
  unsigned half_;
  unsigned offset_[kM];  // of the first tap in a patch
  PixelTaps<kCfg> taps_[kM];
  int r_ = 0, s_ = 0;
  unsigned at_[kM];
};

/// Copies patches, and the weights of each tap into the ring behind them. The next channels' patch
/// is copied piece by piece while the taps of these are multiplied.
template <ConvConfig kCfg>
class PatchLoader {
 public:
  using G = Gemm<kCfg>;
  using P = Patch<kCfg>;

  __device__ __forceinline__ PatchLoader(const ConvArgs& args, const BlockWork<kCfg>& work)
      : weights_(args, work),
        reduction_(work.reduction),
        memory_(ptx::shared_address(shared_memory())),
        column_(static_cast<int>(threadIdx.x) % kCopies),
        row_(static_cast<int>(threadIdx.x) / kCopies),
        k_(column_ * kElements) {
    const int first = P::anchor(0, work.pixels.in_image) + P::kFirstTap;
    const int rows = P::anchor_from_first(work.pixels, work.pixels.rows - 1) + P::kLastTap + 1;
    const long long left =
        (args.n - work.pixels.first_image) * (kCfg.h * kCfg.w) - first;  // to the last image's end
    begin_ = first < 0 ? -first : 0;
    end_ = left < rows ? static_cast<int>(left) : rows;
    x_ = static_cast<const char*>(args.x) +
         ((work.pixels.first_image * (kCfg.h * kCfg.w) + first + row_) * kCfg.c +
          work.group * G::kC + column_ * kElements) *
             G::kSize;
    x_ = ptx::opaque(x_);
    if (static_cast<int>(threadIdx.x) < G::kRowBytes / kChunkBytes)
      ptx::store_shared16(memory_ + P::kZeros + threadIdx.x * kChunkBytes, 0, 0, 0, 0);
    channel_ = channel_of(0);
    copy_patch<kRowsP>(0);
    if constexpr (patch_buffers(kCfg) == 2) next_patch();
  }

  /// Begins to copy the weights of the next tap into `slot` of the ring.
  __device__ __forceinline__ void begin(int slot) {
    to_ = memory_ + G::kRing + slot * G::kTileB;
    from_ = weights_.at(static_cast<unsigned>(k_),
                        {r_, s_, chunk_ * kCfg.block_k + column_ * kElements, true});
    k_ += kCfg.block_k;
    if (++s_ < G::kSs) return;
    s_ = 0;
    if (++r_ < G::kRs) return;
    r_ = 0, ++chunk_;
  }
  template <int kPart, int kParts>
  __device__ __forceinline__ void copy() {
    weights_.template copy<kPart, kParts>(to_, from_, true);
  }
  __device__ __forceinline__ void end() {}

  /// With each tap that is multiplied: a piece of the next channels' patch.
  __device__ __forceinline__ void copy_ahead() {
    if constexpr (patch_buffers(kCfg) == 2) {
      if (tap_ < kShares && ahead_ < chunks()) copy_patch<kPerShare>(tap_ * kPerShare);
      if (++tap_ == G::kTaps) {
        tap_ = 0;
        next_patch();
      }
    }
  }

 private:
  static constexpr int kCopies = gemm_row_copies(kCfg);
  static constexpr int kElements = kChunkBytes / G::kSize;
  static constexpr int kRowStep = G::kThreads / kCopies;
  static constexpr int kRowsP = (P::kRows + kRowStep - 1) / kRowStep;
  static constexpr int kShares = patch_shares(kCfg);
  static constexpr int kPerShare = (kRowsP + kShares - 1) / kShares;

  __device__ __forceinline__ int chunks() const {
    return reduction_.length / (G::kTaps * kCfg.block_k);
  }
  /// First channel of a patch, of this thread's column.
  __device__ __forceinline__ int channel_of(int patch) const {
    if constexpr (kCfg.sparse == Sparse::kLists)
      return reduction_.position(static_cast<unsigned>(patch * (G::kTaps * kCfg.block_k))).c;
    return patch * kCfg.block_k;
  }
  __device__ __forceinline__ void next_patch() {
    ++ahead_;
    channel_ = channel_of(ahead_);
    patch_ = patch_ == 0 ? P::kBytes : 0;
  }
  /// The thread's rows [first, first + kCount) of the patch.
  template <int kCount>
  __device__ __forceinline__ void copy_patch(int first) {
    const char* const from = x_ + channel_ * G::kSize;
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const int row = row_ + (first + i) * kRowStep;
      const auto at = static_cast<unsigned>(row * G::kRowBytes);
      if (row < P::kRows)
        ptx::cp_async<kChunkBytes>(
            memory_ + patch_ + at + ((column_ * kChunkBytes) ^ P::swizzle(at)),
            from + static_cast<long long>((first + i) * kRowStep) * (kCfg.c * G::kSize),
            row >= begin_ && row < end_);
    }
  }

  WeightCopies<kCfg> weights_;
  Reduction<kCfg> reduction_;
  const char* x_;
  unsigned memory_;
  int column_, row_;
  int begin_, end_;  // rows of a patch that exist
  // The patch that is copied.
  unsigned patch_ = 0;
  int ahead_ = 0, channel_ = 0, tap_ = 0;
  // The weights that are copied.
  int r_ = 0, s_ = 0, chunk_ = 0, k_;
  unsigned to_ = 0;
  const char* from_ = nullptr;
};

}  // namespace convoke::cuda
