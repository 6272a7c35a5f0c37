// How tiles of A and B come into shared memory. AsyncLoader: cp.async of 16, 8 or 4 bytes, many
// stages ahead. GatherLoader: elements through registers, for rows that are not aligned (channels
// in no multiple of 4 bytes) or not contiguous (nchw): fetched before a tile is multiplied, stored
// after. In both a thread loads the same columns of every tile, so that it decodes a position of
// the reduction once for all of its rows.
#pragma once

#include "templates/im2col.cuh"
#include "templates/ptx/cp_async.cuh"
#include "templates/types.cuh"
#include "templates/weight_copies.cuh"

namespace convoke::cuda {

template <ConvConfig kCfg>
class AsyncLoader {
 public:
  using G = Gemm<kCfg>;

  __device__ __forceinline__ AsyncLoader(const ConvArgs& args, const BlockWork<kCfg>& work)
      : ring_(ptx::shared_address(shared_memory())),
        column_(static_cast<int>(threadIdx.x) % kCopies),
        row_(static_cast<int>(threadIdx.x) / kCopies),
        reduction_(work.reduction),
        copies_(args, work) {
    x_ = static_cast<const char*>(args.x) + work.pixels.first_image * (G::kImage * G::kSize);
#pragma unroll
    for (int i = 0; i < kRowsA; ++i)
      offset_[i] = work.pixels.row_offset(row_ + i * kRowStep, work.group, taps_[i]);
    x_ = ptx::opaque(x_);  // else the compiler computes it anew at every copy
    start(work);
  }

  /// Begins to copy a tile into `slot` of the ring.
  __device__ __forceinline__ void begin(int slot) {
    to_ = ring_ + slot * (G::kTileA + G::kTileB);
    need_ = PixelTaps<kCfg>::need(at_);
    image_ = image_delta<kCfg>(at_);
    weights_ = copies_.at(static_cast<unsigned>(kPairs ? pairs_tile_k() : k_), at_);
    valid_ = at_.valid;
    advance();
  }
  /// Issues one of kParts equal shares of the copies.
  template <int kPart, int kParts>
  __device__ __forceinline__ void copy() {
#pragma unroll
    for (int i = kRowsA * kPart / kParts; i < kRowsA * (kPart + 1) / kParts; ++i) {
      const int row = row_ + i * kRowStep;
      if (kCfg.block_m % kRowStep == 0 || row < kCfg.block_m)
        ptx::cp_async<kBytes>(to_ + offset_in_tile(row), x_ + (offset_[i] + image_),
                              taps_[i].has(need_));
    }
    copies_.template copy<kPart, kParts>(to_ + G::kTileA, weights_, kWholeSteps || valid_);
  }
  /// Nothing is left to do: the copies end by themselves.
  __device__ __forceinline__ void end() {}

 private:
  static constexpr int kBytes = gemm_copy_bytes(kCfg);
  static constexpr int kCopies = gemm_row_copies(kCfg);
  static constexpr int kElements = kBytes / G::kSize;
  static constexpr int kRowStep = G::kThreads / kCopies;
  static constexpr int kRowsA = gemm_thread_rows(kCfg, kCfg.block_m);
  static constexpr bool kLists = kCfg.sparse == Sparse::kLists;
  static constexpr bool kPairs = kCfg.sparse == Sparse::kPairs;
  static constexpr bool kWholeSteps = !kLists && G::kReduction % kCfg.block_k == 0;

  __device__ __forceinline__ unsigned offset_in_tile(int row) const {
    return chunk_offset<kCfg>(row, column_ * kBytes / kChunkBytes) + column_ * kBytes % kChunkBytes;
  }
  /// Number of the next tile of packed pairs.
  __device__ __forceinline__ int pairs_tile_k() {
    if constexpr (G::kBatch)
      return ((at_.r * G::kSs + at_.s) * G::kC + at_.c) / kCfg.block_k;
    else
      return k_++;
  }
  __device__ __forceinline__ void start(const BlockWork<kCfg>& work) {
    const int k = work.k_begin * kCfg.block_k + column_ * kElements;
    if constexpr (G::kBatch) {
      const int columns = work.pixels.s_end - work.pixels.s_begin;
      const int tap = k / G::kC;
      at_ = {work.pixels.r_begin + tap / max(columns, 1),
             work.pixels.s_begin + tap % max(columns, 1), k % G::kC, k < work.pixels.reduction()};
      s_begin_ = work.pixels.s_begin, s_end_ = work.pixels.s_end, r_end_ = work.pixels.r_end;
    } else if constexpr (kLists) {
      k_ = k;
      at_ = reduction_.position(static_cast<unsigned>(k));
    } else {
      k_ = work.k_begin;  // pairs
      tap_ = k / G::kC;
      at_ = reduction_.position(static_cast<unsigned>(k));
    }
  }
  __device__ __forceinline__ void advance() {
    if constexpr (kLists) {  // read a tile ahead of its use
      k_ += kCfg.block_k;
      at_ = reduction_.position(static_cast<unsigned>(k_));
      return;
    }
    at_.c += kCfg.block_k % G::kC;
    if constexpr (G::kBatch) {  // channels are whole tiles
      if constexpr (kCfg.block_k != G::kC) {
        if (at_.c < G::kC) return;
        at_.c -= G::kC;
      }
      if (++at_.s < s_end_) return;
      at_.s = s_begin_;
      at_.valid = ++at_.r < r_end_;
    } else {
      tap_ += kCfg.block_k / G::kC;
      if (at_.c >= G::kC) at_.c -= G::kC, ++tap_;
      constexpr unsigned kSs = G::kSs;
      const unsigned tap = static_cast<unsigned>(tap_);
      at_.r = static_cast<int>(tap / kSs), at_.s = static_cast<int>(tap % kSs);
      at_.valid = kWholeSteps || tap_ < G::kTaps;
    }
  }

  const char* x_;
  unsigned ring_;
  int column_, row_;
  Reduction<kCfg> reduction_;
  WeightCopies<kCfg> copies_;
  typename G::ImageOffset offset_[kRowsA];
  PixelTaps<kCfg> taps_[kRowsA];
  Position at_;                              // of the next tile
  int k_ = 0;                                // lists: next position; pairs: next tile
  int tap_ = 0;                              // kImage
  int s_begin_ = 0, s_end_ = 0, r_end_ = 0;  // kBatch

  // The tile that is being copied.
  unsigned to_;
  decltype(PixelTaps<kCfg>::need(Position{})) need_;
  typename G::ImageOffset image_;
  const char* weights_;
  bool valid_;
};

template <ConvConfig kCfg>
class GatherLoader {
 public:
  using G = Gemm<kCfg>;

  __device__ __forceinline__ GatherLoader(const ConvArgs& args, const BlockWork<kCfg>& work)
      : reduction_(work.reduction), tile_(work.k_begin) {
    x_ = static_cast<const char*>(args.x) + work.pixels.first_image * (G::kImage * G::kSize);
    w_ = reduction_.weights;
    filters_ = G::kK - work.filter;
    x_ = ptx::opaque(x_), w_ = ptx::opaque(w_);
    for (int k = static_cast<int>(threadIdx.x); k < kTabled; k += G::kThreads)
      table()[k] = slot_at(static_cast<unsigned>(k));
    if constexpr (kTabled > 0) __syncthreads();
#pragma unroll
    for (int i = 0; i < kChunksA; ++i)
      if (i % kRowReuse == 0)
        offset_[i / kRowReuse] =
            work.pixels.row_offset(place(i, kCfg.block_m).row, work.group, taps_[i / kRowReuse]);
  }

  /// Fetches a tile into registers, on its way to `slot` of the ring.
  __device__ __forceinline__ void begin(int slot) {
    slot_ = slot;
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
      Slot at[kDecoded];
      if constexpr (G::kNhwc)
        decode(at, place(0, kCfg.block_m).chunk, part);  // the same for all rows
#pragma unroll
      for (int i = 0; i < kChunksA; ++i) {
        const Place to = place(i, kCfg.block_m);
        if (!kWholeA && to.row >= kCfg.block_m) continue;
        if constexpr (!G::kNhwc) decode(at, to.chunk, part);
        gather_image(i, at, part);
      }
#pragma unroll
      for (int i = 0; i < kChunksB; ++i) {
        const Place to = place(i, kCfg.block_n);
        if (!kWholeB && to.row >= kCfg.block_n) continue;
        if constexpr (!G::kNhwc) decode(at, to.chunk, part);
        gather_weights(i, to.row, at, part);
      }
    }
    ++tile_;
  }
  template <int kPart, int kParts>
  __device__ __forceinline__ void copy() {}
  /// Stores the fetched tile.
  __device__ __forceinline__ void end() {
    const unsigned a = ptx::shared_address(shared_memory()) + slot_ * (G::kTileA + G::kTileB);
#pragma unroll
    for (int i = 0; i < kChunksA; ++i) {
      const Place at = place(i, kCfg.block_m);
      if (kWholeA || at.row < kCfg.block_m)
        store_chunk(a + chunk_offset<kCfg>(at.row, at.chunk), a_[i]);
    }
#pragma unroll
    for (int i = 0; i < kChunksB; ++i) {
      const Place at = place(i, kCfg.block_n);
      if (kWholeB || at.row < kCfg.block_n)
        store_chunk(a + G::kTileA + chunk_offset<kCfg>(at.row, at.chunk), b_[i]);
    }
  }

 private:
  static constexpr int kChunks = G::kRowBytes / kChunkBytes;  // of a row
  static constexpr int kElements = kChunkBytes / G::kSize;
  // Elements of a chunk whose places are held at once: of 8 bits sixteen would spill, and four make
  // a word.
  static constexpr int kDecoded = kElements == 16 ? 4 : kElements;
  static constexpr int kParts = kElements / kDecoded;
  static constexpr int kWords = kDecoded * G::kSize / 4;
  static constexpr int kChunksA = gemm_thread_rows(kCfg, kCfg.block_m);
  static constexpr int kChunksB = gemm_thread_rows(kCfg, kCfg.block_n);
  // Whether every thread's every chunk is one of the tile.
  static constexpr bool kWholeA = kCfg.block_m * kChunks % G::kThreads == 0;
  static constexpr bool kWholeB = kCfg.block_n * kChunks % G::kThreads == 0;
  // nchw: neighbouring lanes are neighbouring pixels. A thread whose chunks all lie in one row
  // keeps one offset.
  static constexpr bool kOneRow = !G::kNhwc && G::kThreads % kCfg.block_m == 0;
  static constexpr int kRowReuse = kOneRow ? kChunksA : 1;
  static constexpr int kOffsets = kOneRow ? 1 : kChunksA;

  struct Place {
    int row, chunk;
  };
  static __device__ __forceinline__ Place place(int i, int rows) {
    const int at = static_cast<int>(threadIdx.x) + i * G::kThreads;
    if constexpr (G::kNhwc) return {at / kChunks, at % kChunks};
    return at < rows * kChunks ? Place{at % rows, at / rows} : Place{rows, 0};
  }
  static __device__ __forceinline__ void store_chunk(unsigned to, const Vector& v) {
    ptx::store_shared16(to, v.word[0], v.word[1], v.word[2], v.word[3]);
  }
  /// One element of a chunk: what its tap needs, and where it lies.
  struct alignas(kPositionBytes) Slot {
    decltype(PixelTaps<kCfg>::need(Position{})) need;
    typename G::ImageOffset image;
    typename Reduction<kCfg>::WeightOffset weight;
    bool valid;
  };
  // Wide filters and offsets make an entry larger: those divide.
  static constexpr int kTabled =
      sizeof(Slot) == kPositionBytes ? static_cast<int>(tabled_positions(kCfg)) : 0;
  static __device__ __forceinline__ Slot* table() {
    return reinterpret_cast<Slot*>(shared_memory() + kCfg.stages * (G::kTileA + G::kTileB));
  }
  __device__ __forceinline__ Slot slot_at(unsigned k) const {
    const Position at = reduction_.position(k);
    return {PixelTaps<kCfg>::need(at), image_delta<kCfg>(at), Reduction<kCfg>::weight_delta(k, at),
            at.valid};
  }
  __device__ __forceinline__ void decode(Slot (&slots)[kDecoded], int chunk, int part) const {
    const int k = tile_ * kCfg.block_k + chunk * kElements + part * kDecoded;
#pragma unroll
    for (int e = 0; e < kDecoded; ++e) {
      if constexpr (kTabled > 0)
        slots[e] = table()[k + e];
      else
        slots[e] = slot_at(static_cast<unsigned>(k + e));
    }
  }
  template <typename Fetch>
  static __device__ __forceinline__ void pack(const Slot (&at)[kDecoded], const Fetch& fetch,
                                              unsigned* to) {
#pragma unroll
    for (int word = 0; word < kWords; ++word) {
      if constexpr (G::kSize == 4) {
        to[word] = fetch(at[word]);
      } else if constexpr (G::kSize == 1) {
        unsigned bytes[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) bytes[i] = fetch(at[4 * word + i]);
        to[word] = bytes[0] | bytes[1] << 8 | (bytes[2] | bytes[3] << 8) << 16;
      } else {
        const unsigned lo = fetch(at[2 * word]);
        to[word] = lo | fetch(at[2 * word + 1]) << 16;
      }
    }
  }
  static __device__ __forceinline__ unsigned element(const char* from) {
    if constexpr (G::kSize == 4) return __ldg(reinterpret_cast<const unsigned*>(from));
    if constexpr (G::kSize == 1) return __ldg(reinterpret_cast<const unsigned char*>(from));
    return __ldg(reinterpret_cast<const unsigned short*>(from));
  }
  __device__ __forceinline__ void gather_image(int i, const Slot (&at)[kDecoded], int part) {
    const PixelTaps<kCfg>& taps = taps_[i / kRowReuse];
    const auto offset = offset_[i / kRowReuse];
    const auto fetch = [&](const Slot& e) -> unsigned {
      return taps.has(e.need) ? element(x_ + (offset + e.image)) : 0;
    };
    pack(at, fetch, a_[i].word + part * kWords);
  }
  __device__ __forceinline__ void gather_weights(int i, int row, const Slot (&at)[kDecoded],
                                                 int part) {
    const char* filter = w_ + row * reduction_.row_bytes();
    const bool exists = row < filters_;
    const auto fetch = [&](const Slot& e) -> unsigned {
      return exists && e.valid ? element(filter + e.weight) : 0;
    };
    pack(at, fetch, b_[i].word + part * kWords);
  }

  const char *x_, *w_;
  Reduction<kCfg> reduction_;
  int tile_;  // the next one
  int slot_;
  int filters_;
  typename G::ImageOffset offset_[kOffsets];
  PixelTaps<kCfg> taps_[kOffsets];
  Vector a_[kChunksA], b_[kChunksB];
};

}  // namespace convoke::cuda
