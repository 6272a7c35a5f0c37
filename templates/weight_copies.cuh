// The copies of a tile of weights into the ring of stages, row by row, by cp.async.
#pragma once

#include "templates/im2col.cuh"
#include "templates/ptx/cp_async.cuh"
#include "templates/ptx/memory.cuh"

namespace convoke::cuda {

/// Where the 16-byte chunk `chunk` of a tile's row lies.
template <ConvConfig kCfg>
__device__ __forceinline__ unsigned chunk_offset(int row, int chunk) {
  return static_cast<unsigned>(row * Gemm<kCfg>::kRowBytes +
                               ((chunk ^ swizzle<kCfg>(row)) * kChunkBytes));
}

/// A thread's share: the same column of every kRowStep-th row.
template <ConvConfig kCfg, bool kPairs = kCfg.sparse == Sparse::kPairs>
class WeightCopies {
 public:
  using G = Gemm<kCfg>;

  __device__ __forceinline__ WeightCopies(const ConvArgs&, const BlockWork<kCfg>& work)
      : row_bytes_(work.reduction.row_bytes()),
        row_(static_cast<int>(threadIdx.x) / kCopies),
        column_(static_cast<int>(threadIdx.x) % kCopies),
        filters_(G::kK - work.filter - row_) {
    // Else the compiler computes it anew at every copy.
    from_ = ptx::opaque(work.reduction.weights + row_ * row_bytes_);
  }
  /// Where the thread's first row of a tile comes from: number `k` of the reduction, `at`.
  __device__ __forceinline__ const char* at(unsigned k, const Position& at) const {
    return from_ + Reduction<kCfg>::weight_delta(k, at);
  }
  /// Issues one of kParts equal shares of the copies of a tile.
  template <int kPart, int kParts>
  __device__ __forceinline__ void copy(unsigned to, const char* from, bool valid) const {
#pragma unroll
    for (int i = kRows * kPart / kParts; i < kRows * (kPart + 1) / kParts; ++i) {
      const int row = row_ + i * kRowStep;
      if (kCfg.block_n % kRowStep == 0 || row < kCfg.block_n)
        ptx::cp_async<kBytes>(to + chunk_offset<kCfg>(row, column_ * kBytes / kChunkBytes) +
                                  column_ * kBytes % kChunkBytes,
                              from + i * (kRowStep * row_bytes_),
                              valid && (kWholeFilters || i * kRowStep < filters_));
    }
  }

 private:
  static constexpr int kBytes = gemm_copy_bytes(kCfg);
  static constexpr int kCopies = gemm_row_copies(kCfg);
  static constexpr int kRowStep = G::kThreads / kCopies;
  static constexpr int kRows = gemm_thread_rows(kCfg, kCfg.block_n);
  static constexpr bool kWholeFilters = G::kK % kCfg.block_n == 0;
  const char* from_;
  long long row_bytes_;
  int row_, column_, filters_;
};

/// Packed pairs: tiles as they lie, in 16-byte chunks, thread after thread.
template <ConvConfig kCfg>
class WeightCopies<kCfg, true> {
 public:
  using G = Gemm<kCfg>;

  __device__ __forceinline__ WeightCopies(const ConvArgs& args, const BlockWork<kCfg>& work)
      : from_(
            ptx::opaque(static_cast<const char*>(args.w) + threadIdx.x * kChunkBytes +
                        pairs_tile(kCfg, work.group, work.filter / kCfg.block_n, 0) * G::kTileB)) {}
  /// Of tile number `tile` of the reduction.
  __device__ __forceinline__ const char* at(unsigned tile, const Position&) const {
    return from_ + static_cast<long long>(tile) * G::kTileB;
  }
  template <int kPart, int kParts>
  __device__ __forceinline__ void copy(unsigned to, const char* from, bool) const {
    constexpr int kChunks = G::kTileB / kChunkBytes;
    constexpr int kRounds = (kChunks + G::kThreads - 1) / G::kThreads;
#pragma unroll
    for (int i = kRounds * kPart / kParts; i < kRounds * (kPart + 1) / kParts; ++i) {
      const int chunk = static_cast<int>(threadIdx.x) + i * G::kThreads;
      if ((i + 1) * G::kThreads <= kChunks || chunk < kChunks)
        ptx::cp_async<kChunkBytes>(to + chunk * kChunkBytes, from + i * (G::kThreads * kChunkBytes),
                                   true);
    }
  }

 private:
  const char* from_;
};

}  // namespace convoke::cuda
