// How tiles of A and B come into shared memory. AsyncLoader: cp.async of 16, 8 or 4 bytes, many
// stages ahead. GatherLoader: elements through registers, for rows that are not aligned (odd
// channels of two bytes) or not contiguous (nchw): fetched before a tile is multiplied, stored
// after. In both a thread loads the same columns of every tile, so that it decodes a position of the
// reduction once for all of its rows.
#pragma once

#include "templates/im2col.cuh"
#include "templates/ptx/cp_async.cuh"
#include "templates/types.cuh"

namespace convoke::cuda {

/// What a block works on.
template <ConvConfig kCfg>
struct BlockWork {
  PixelTile<kCfg> pixels;
  int group;
  int filter;              ///< first of the tile, within the group
  int k_begin, k_end;      ///< its part of the reduction, in tiles of block_k
};

/// Where the 16-byte chunk `chunk` of a tile's row lies.
template <ConvConfig kCfg>
__device__ __forceinline__ unsigned chunk_offset(int row, int chunk) {
  return static_cast<unsigned>(row * Gemm<kCfg>::kRowBytes +
                               ((chunk ^ swizzle<kCfg>(row)) * kChunkBytes));
}

template <ConvConfig kCfg>
class AsyncLoader {
 public:
  using G = Gemm<kCfg>;

  __device__ __forceinline__ AsyncLoader(const ConvArgs& args, const BlockWork<kCfg>& work)
      : ring_(ptx::shared_address(shared_memory())), column_(static_cast<int>(threadIdx.x) % kCopies),
        row_(static_cast<int>(threadIdx.x) / kCopies) {
    x_ = static_cast<const char*>(args.x) + work.pixels.first_image * (G::kImage * G::kSize);
#pragma unroll
    for (int i = 0; i < kRowsA; ++i)
      offset_[i] = work.pixels.row_offset(row_ + i * kRowStep, work.group, taps_[i]);
    const long long filter = static_cast<long long>(work.group) * G::kK + work.filter;
    w_ = static_cast<const char*>(args.w) + filter * (G::kFilter * G::kSize) +
         row_ * (G::kFilter * G::kSize);
    filters_ = G::kK - work.filter - row_;
    start(work);
  }

  /// Copies of one tile's A and B into `slot` of the ring; then it moves on to the next tile.
  __device__ __forceinline__ void load(int slot) {
    const unsigned a = ring_ + slot * (G::kTileA + G::kTileB), b = a + G::kTileA;
    const auto need = PixelTaps<kCfg>::need(at_);
    const auto image = image_delta<kCfg>(at_);
#pragma unroll
    for (int i = 0; i < kRowsA; ++i) {
      const int row = row_ + i * kRowStep;
      if (kCfg.block_m % kRowStep == 0 || row < kCfg.block_m)
        ptx::cp_async<kBytes>(a + offset_in_tile(row), x_ + (offset_[i] + image),
                              taps_[i].has(need));
    }
    const char* weights = w_ + weight_delta<kCfg>(at_);
#pragma unroll
    for (int i = 0; i < kRowsB; ++i) {
      const int row = row_ + i * kRowStep;
      if (kCfg.block_n % kRowStep == 0 || row < kCfg.block_n)
        ptx::cp_async<kBytes>(b + offset_in_tile(row),
                              weights + i * (kRowStep * G::kFilter * G::kSize),
                              at_.valid && i * kRowStep < filters_);
    }
    advance();
  }
  __device__ __forceinline__ void store(int) {}

 private:
  static constexpr int kBytes = gemm_copy_bytes(kCfg);
  static constexpr int kCopies = gemm_row_copies(kCfg);
  static constexpr int kElements = kBytes / G::kSize;
  static constexpr int kRowStep = G::kThreads / kCopies;
  static constexpr int kRowsA = gemm_thread_rows(kCfg, kCfg.block_m);
  static constexpr int kRowsB = gemm_thread_rows(kCfg, kCfg.block_n);

  __device__ __forceinline__ unsigned offset_in_tile(int row) const {
    return chunk_offset<kCfg>(row, column_ * kBytes / kChunkBytes) + column_ * kBytes % kChunkBytes;
  }
  __device__ __forceinline__ void start(const BlockWork<kCfg>& work) {
    const int k = work.k_begin * kCfg.block_k + column_ * kElements;
    if constexpr (G::kBatch) {
      const int columns = work.pixels.s_end - work.pixels.s_begin;
      const int tap = k / G::kC;
      at_ = {work.pixels.r_begin + tap / max(columns, 1),
             work.pixels.s_begin + tap % max(columns, 1), k % G::kC, k < work.pixels.reduction()};
      s_begin_ = work.pixels.s_begin, s_end_ = work.pixels.s_end, r_end_ = work.pixels.r_end;
    } else {
      tap_ = k / G::kC;
      at_ = position<kCfg>(k);
    }
  }
  __device__ __forceinline__ void advance() {
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
      at_.r = tap_ / G::kSs, at_.s = tap_ % G::kSs, at_.valid = tap_ < G::kTaps;
    }
  }

  const char *x_, *w_;
  unsigned ring_;
  int column_, row_;
  typename G::ImageOffset offset_[kRowsA];
  PixelTaps<kCfg> taps_[kRowsA];
  int filters_;
  Position at_;
  int tap_ = 0;                                  // kImage
  int s_begin_ = 0, s_end_ = 0, r_end_ = 0;  // kBatch
};

template <ConvConfig kCfg>
class GatherLoader {
 public:
  using G = Gemm<kCfg>;

  __device__ __forceinline__ GatherLoader(const ConvArgs& args, const BlockWork<kCfg>& work)
      : tile_(work.k_begin) {
    x_ = static_cast<const char*>(args.x) + work.pixels.first_image * (G::kImage * G::kSize);
    const long long filter = static_cast<long long>(work.group) * G::kK + work.filter;
    w_ = static_cast<const char*>(args.w) + filter * (G::kFilter * G::kSize);
    filters_ = G::kK - work.filter;
#pragma unroll
    for (int i = 0; i < kChunksA; ++i)
      if (i % kRowReuse == 0)
        offset_[i / kRowReuse] =
            work.pixels.row_offset(place(i, kCfg.block_m).row, work.group, taps_[i / kRowReuse]);
  }

  /// Fetches one tile into registers; then it moves on to the next tile.
  __device__ __forceinline__ void load(int) {
#pragma unroll
    for (int i = 0; i < kChunksA; ++i) {
      const Place at = place(i, kCfg.block_m);
      if (at.row < kCfg.block_m) gather_image(i, first_position(at.chunk));
    }
#pragma unroll
    for (int i = 0; i < kChunksB; ++i) {
      const Place at = place(i, kCfg.block_n);
      if (at.row < kCfg.block_n) gather_weights(i, at.row, first_position(at.chunk));
    }
    ++tile_;
  }
  /// Stores the fetched tile into `slot` of the ring.
  __device__ __forceinline__ void store(int slot) {
    const unsigned a = ptx::shared_address(shared_memory()) + slot * (G::kTileA + G::kTileB);
#pragma unroll
    for (int i = 0; i < kChunksA; ++i) {
      const Place at = place(i, kCfg.block_m);
      if (at.row < kCfg.block_m) store_chunk(a + chunk_offset<kCfg>(at.row, at.chunk), a_[i]);
    }
#pragma unroll
    for (int i = 0; i < kChunksB; ++i) {
      const Place at = place(i, kCfg.block_n);
      if (at.row < kCfg.block_n)
        store_chunk(a + G::kTileA + chunk_offset<kCfg>(at.row, at.chunk), b_[i]);
    }
  }

 private:
  static constexpr int kChunks = G::kRowBytes / kChunkBytes;  // of a row
  static constexpr int kElements = kChunkBytes / G::kSize;
  static constexpr int kChunksA = gemm_thread_rows(kCfg, kCfg.block_m);
  static constexpr int kChunksB = gemm_thread_rows(kCfg, kCfg.block_n);
  // nchw: neighbouring lanes are neighbouring pixels. A thread whose chunks all lie in one row keeps
  // one offset.
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
  __device__ __forceinline__ int first_position(int chunk) const {
    return tile_ * kCfg.block_k + chunk * kElements;
  }
  template <typename Fetch>
  static __device__ __forceinline__ Vector pack(int k, const Fetch& fetch) {
    Vector v;
#pragma unroll
    for (int word = 0; word < 4; ++word) {
      if constexpr (G::kSize == 4) {
        v.word[word] = fetch(position<kCfg>(k + word));
      } else {
        const unsigned lo = fetch(position<kCfg>(k + 2 * word));
        v.word[word] = lo | fetch(position<kCfg>(k + 2 * word + 1)) << 16;
      }
    }
    return v;
  }
  static __device__ __forceinline__ unsigned element(const char* from) {
    if constexpr (G::kSize == 4) return __ldg(reinterpret_cast<const unsigned*>(from));
    return __ldg(reinterpret_cast<const unsigned short*>(from));
  }
  __device__ __forceinline__ void gather_image(int i, int k) {
    const PixelTaps<kCfg>& taps = taps_[i / kRowReuse];
    const auto offset = offset_[i / kRowReuse];
    a_[i] = pack(k, [&](const Position& at) -> unsigned {
      return taps.has(PixelTaps<kCfg>::need(at)) ? element(x_ + (offset + image_delta<kCfg>(at)))
                                                 : 0;
    });
  }
  __device__ __forceinline__ void gather_weights(int i, int row, int k) {
    const char* filter = w_ + row * (G::kFilter * G::kSize);
    const bool exists = row < filters_;
    b_[i] = pack(k, [&](const Position& at) -> unsigned {
      return exists && at.valid ? element(filter + weight_delta<kCfg>(at)) : 0;
    });
  }

  const char *x_, *w_;
  int tile_;
  int filters_;
  typename G::ImageOffset offset_[kOffsets];
  PixelTaps<kCfg> taps_[kOffsets];
  Vector a_[kChunksA], b_[kChunksB];
};

}  // namespace convoke::cuda
