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
  /// Where the zeros lie that padding reads: after the patches.
  static constexpr int kZeros = patch_buffers(kCfg) * kBytes;
  static constexpr bool kLists = kCfg.sparse == Sparse::kLists;
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

/// What a list says of the patches: a patch is the channels of `kStep` entries, and the entries of
/// all taps that keep some of them stand together (sparse_config.h).
template <ConvConfig kCfg>
struct PatchList {
  static constexpr int kStep = kCfg.block_k / static_cast<int>(list_channels(kCfg));
  const uint4* entries = nullptr;
  int count = 0;

  PatchList() = default;
  __device__ __forceinline__ explicit PatchList(const Reduction<kCfg>& reduction)
      : entries(reduction.entries),
        count(reduction.length / static_cast<int>(list_channels(kCfg))) {}
  /// Entry `at`, or one that keeps nothing.
  __device__ __forceinline__ uint4 entry(int at) const {
    return at < count ? __ldg(entries + at) : uint4{0, 0, 0, 0};
  }
};

/// The taps that a block visits, step by step, and where a new patch begins.
template <ConvConfig kCfg, bool kLists = Patch<kCfg>::kLists>
struct PatchTaps {
  using G = Gemm<kCfg>;
  int r = 0, s = 0;
  __device__ __forceinline__ void start(const BlockWork<kCfg>&) {}
  /// To the next step; whether it is the first of a patch.
  __device__ __forceinline__ bool advance() {
    if (++s < G::kSs) return false;
    s = 0;
    if (++r < G::kRs) return false;
    r = 0;
    return true;
  }
};
template <ConvConfig kCfg>
struct PatchTaps<kCfg, true> {
  using List = PatchList<kCfg>;
  int r = 0, s = 0;
  __device__ __forceinline__ void start(const BlockWork<kCfg>& work) {
    list_ = List(work.reduction);
    next_ = list_.entry(0);
    next_patch_ = static_cast<int>(next_.w);
    take();
  }
  __device__ __forceinline__ bool advance() {
    const bool first = at_ == next_patch_;
    if (first) next_patch_ = static_cast<int>(next_.w);
    take();
    return first;
  }

 private:
  /// The loaded step, and loads the one after it.
  __device__ __forceinline__ void take() {
    r = static_cast<int>(next_.x & 0xffff), s = static_cast<int>(next_.x >> 16);
    at_ += List::kStep;
    next_ = list_.entry(at_);
  }
  List list_;
  int at_ = 0;  // entry of next_
  uint4 next_{};
  int next_patch_ = 0;
};

/// The rows of A that a lane names for ldmatrix, tap by tap: kCount of them, kApart pixels apart.
template <ConvConfig kCfg, int kCount, int kApart>
class PatchRows {
 public:
  using G = Gemm<kCfg>;
  using P = Patch<kCfg>;

  /// `row`: the lane's first row of the tile; `chunk`: which 16 bytes of it at step 0.
  __device__ __forceinline__ void start(const BlockWork<kCfg>& work, int row, int chunk) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const int at = row + i * kApart;
      offset_[i] = static_cast<unsigned>(P::anchor_from_first(work.pixels, at) * G::kRowBytes);
      work.pixels.set_taps(at, taps_[i]);
    }
    chunk_ = static_cast<unsigned>(chunk * kChunkBytes);
    memory_ = ptx::shared_address(shared_memory());
    patch_ = memory_;
    tap_.start(work);
    aim();
  }
  /// To the next tap, or the first one of the next channels.
  __device__ __forceinline__ void advance() {
    const bool next_patch = tap_.advance();
    if constexpr (patch_buffers(kCfg) == 2)
      if (next_patch) patch_ = memory_ + (patch_ == memory_ ? P::kBytes : 0);
    aim();
  }
  /// Of row i, kBytes further (a multiple of what a step reads).
  template <int kBytes>
  __device__ __forceinline__ unsigned address(unsigned, int i) const {
    return at_[i] ^ kBytes;
  }

 private:
  __device__ __forceinline__ void aim() {
    // An axis with one live tap may be dilated by anything.
    constexpr int kRow = G::kRs > 1 ? static_cast<int>(kCfg.dilation_h * kCfg.w) * G::kRowBytes : 0;
    constexpr int kColumn = G::kSs > 1 ? static_cast<int>(kCfg.dilation_w) * G::kRowBytes : 0;
    const auto shift = static_cast<unsigned>(tap_.r * kRow + tap_.s * kColumn);
    const auto need = PixelTaps<kCfg>::need({tap_.r, tap_.s, 0, true});
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const unsigned at = offset_[i] + shift;
      // Zeros come from the banks that the row is in, so that they are in nobody's way.
      const unsigned row = taps_[i].has(need)
                               ? patch_ + at
                               : memory_ + P::kZeros + (at & (kPatchZeroBytes - G::kRowBytes));
      at_[i] = row + (chunk_ ^ P::swizzle(at));
    }
  }

  unsigned memory_, patch_;  // of the block; the patch that is read
  unsigned chunk_;
  unsigned offset_[kCount];  // of the first tap in a patch
  PixelTaps<kCfg> taps_[kCount];
  PatchTaps<kCfg> tap_;
  unsigned at_[kCount];
};

/// Where the copies of patches stand: which channels come next, and when.
///  dense  a piece of the next patch with each tap of this one
///  lists  all of it with the first tap: how many follow is the pattern's
template <ConvConfig kCfg, bool kLists = Patch<kCfg>::kLists>
class PatchOrder {
 public:
  using G = Gemm<kCfg>;
  static constexpr int kPieces = patch_buffers(kCfg) == 2 ? patch_shares(kCfg) : 1;

  __device__ __forceinline__ PatchOrder(const BlockWork<kCfg>& work, int column)
      : column_(column), next_(work.k_begin / G::kTaps + 1), end_(work.k_end / G::kTaps) {}
  /// Channel of the first patch, and of the one that is copied next, of this thread's column.
  __device__ __forceinline__ int first() const { return (next_ - 1) * kCfg.block_k + column_; }
  __device__ __forceinline__ int channel() const { return next_ * kCfg.block_k + column_; }
  __device__ __forceinline__ bool first_valid() const { return true; }
  __device__ __forceinline__ bool valid() const { return true; }
  /// The piece to copy beside this step, or a number past the last.
  __device__ __forceinline__ int piece() const { return next_ < end_ ? step_ : kPieces; }
  /// To the next step; whether it is the first of a patch.
  __device__ __forceinline__ bool advance() {
    if (++step_ < G::kTaps) return false;
    step_ = 0, ++next_;
    return true;
  }
  __device__ __forceinline__ bool waits() const { return false; }

 private:
  int column_, step_ = 0;
  int next_, end_;  // patches
};

template <ConvConfig kCfg>
class PatchOrder<kCfg, true> {
 public:
  using List = PatchList<kCfg>;
  static constexpr int kPieces = 1;

  __device__ __forceinline__ PatchOrder(const BlockWork<kCfg>& work, int column)
      : list_(work.reduction),
        entry_(column / static_cast<int>(list_channels(kCfg))),
        within_(column % static_cast<int>(list_channels(kCfg))),
        now_(list_.entry(entry_)) {
    begin_ = 0, end_ = static_cast<int>(now_.w);
    next_ = list_.entry(end_ + entry_);
    step_ = 0;
  }
  __device__ __forceinline__ int first() const { return static_cast<int>(now_.y) + within_; }
  __device__ __forceinline__ bool first_valid() const { return now_.z != 0; }
  __device__ __forceinline__ int channel() const { return static_cast<int>(next_.y) + within_; }
  __device__ __forceinline__ bool valid() const { return next_.z != 0; }
  __device__ __forceinline__ int piece() const {
    return step_ == begin_ && end_ < list_.count ? 0 : kPieces;
  }
  __device__ __forceinline__ bool advance() {
    step_ += List::kStep;
    if (step_ < end_) return false;
    begin_ = end_, end_ = static_cast<int>(next_.w);
    next_ = list_.entry(end_ + entry_);
    return true;
  }
  /// Whether the next step begins a patch that is not certain to have landed by then: this one had
  /// fewer steps than there are stages ahead.
  __device__ __forceinline__ bool waits() const {
    return step_ + List::kStep >= end_ && end_ - begin_ < (kCfg.stages - 1) * List::kStep;
  }

 private:
  List list_;
  int entry_, within_;  // of the thread's column
  uint4 now_, next_;
  int step_, begin_, end_;  // entries: of this step, of this patch
};

/// Copies patches, and the weights of each tap into the ring behind them. The next channels' patch
/// is copied while the taps of these are multiplied.
template <ConvConfig kCfg>
class PatchLoader {
 public:
  using G = Gemm<kCfg>;
  using P = Patch<kCfg>;

  __device__ __forceinline__ PatchLoader(const ConvArgs& args, const BlockWork<kCfg>& work)
      : weights_(args, work),
        memory_(ptx::shared_address(shared_memory())),
        column_(static_cast<int>(threadIdx.x) % kCopies),
        row_(static_cast<int>(threadIdx.x) / kCopies),
        order_(work, column_ * kElements),
        chunk_(Patch<kCfg>::kLists ? 0 : work.k_begin / G::kTaps),
        k_(kPairs ? 0 : column_ * kElements) {
    const int first = P::anchor(0, work.pixels.in_image) + P::kFirstTap;
    const int rows = P::anchor_from_first(work.pixels, work.pixels.rows - 1) + P::kLastTap + 1;
    const long long left =
        (args.n - work.pixels.first_image) * (kCfg.h * kCfg.w) - first;  // to the last image's end
    begin_ = first < 0 ? -first : 0;
    end_ = left < rows ? static_cast<int>(left) : rows;
    x_ = static_cast<const char*>(args.x) +
         ((work.pixels.first_image * (kCfg.h * kCfg.w) + first + row_) * kCfg.c +
          work.group * G::kC) *
             G::kSize;
    x_ = ptx::opaque(x_);
    if (static_cast<int>(threadIdx.x) < kPatchZeroBytes / kChunkBytes)
      ptx::store_shared16(memory_ + P::kZeros + threadIdx.x * kChunkBytes, 0, 0, 0, 0);
    copy_rows<kRows>(0, 0, order_.first(), order_.first_valid());
  }

  /// Begins to copy the weights of the next tap into `slot` of the ring.
  __device__ __forceinline__ void begin(int slot) {
    to_ = memory_ + G::kRing + slot * G::kTileB;
    from_ = weights_.at(position(), {r_, s_, chunk_ * kCfg.block_k + column_ * kElements, true});
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

  /// With each step that is multiplied: a piece of the next channels' patch.
  __device__ __forceinline__ void copy_ahead() {
    if constexpr (patch_buffers(kCfg) == 2) {
      const int piece = order_.piece();
      if (piece < kPieces)
        copy_rows<kRowsOfPiece>(piece * kRowsOfPiece, buffer_ == 0 ? P::kBytes : 0,
                                order_.channel(), order_.valid());
    }
  }
  /// After its copies, before the next step: whether all of them must have landed by then.
  __device__ __forceinline__ bool next_step() {
    if constexpr (patch_buffers(kCfg) == 1) return false;
    const bool waits = order_.waits();
    if (order_.advance()) buffer_ ^= 1;
    return waits;
  }

 private:
  static constexpr bool kPairs = kCfg.sparse == Sparse::kPairs;
  static constexpr int kCopies = gemm_row_copies(kCfg);
  static constexpr int kElements = kChunkBytes / G::kSize;
  static constexpr int kRowStep = G::kThreads / kCopies;
  static constexpr int kRows = (P::kRows + kRowStep - 1) / kRowStep;  // of a thread
  static constexpr int kPieces = PatchOrder<kCfg>::kPieces;
  static constexpr int kRowsOfPiece = (kRows + kPieces - 1) / kPieces;

  /// The next weights' number: of a position, of a tile of pairs.
  __device__ __forceinline__ unsigned position() const {
    if constexpr (kPairs)
      return static_cast<unsigned>(((r_ * G::kSs + s_) * G::kC) / kCfg.block_k + chunk_);
    return static_cast<unsigned>(k_);
  }
  /// The thread's rows from `first` on, of a patch of the channels from `channel` on.
  template <int kCount>
  __device__ __forceinline__ void copy_rows(int first, int patch, int channel, bool valid) {
    const char* const from = x_ + channel * G::kSize;
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const int row = row_ + (first + i) * kRowStep;
      const auto at = static_cast<unsigned>(row * G::kRowBytes);
      if (row < P::kRows)
        ptx::cp_async<kChunkBytes>(
            memory_ + patch + at + ((column_ * kChunkBytes) ^ P::swizzle(at)),
            from + static_cast<long long>((first + i) * kRowStep) * (kCfg.c * G::kSize),
            valid && row >= begin_ && row < end_);
    }
  }

  WeightCopies<kCfg> weights_;
  const char* x_;
  unsigned memory_;
  int column_, row_;
  int begin_, end_;  // rows of a patch that exist
  PatchOrder<kCfg> order_;
  int buffer_ = 0;  // that is read
  // The weights that are copied.
  int r_ = 0, s_ = 0, chunk_, k_;
  unsigned to_ = 0;
  const char* from_ = nullptr;
};

}  // namespace convoke::cuda
