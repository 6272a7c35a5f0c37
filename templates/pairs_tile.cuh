// A warp's part of a tile on the sparse tensor cores (Sparse::kPairs). The instruction's sparse
// operand is its first, so filters are its rows and pixels its columns: sums are transposed beside
// MmaTile's. It takes twice the positions of a dense instruction in the same time, so shared memory
// decides: filters are read once for 64 bytes of positions and stay in registers while pixels pass
// by, 16 at a time.
#pragma once

#include "templates/im2col.cuh"
#include "templates/ptx/cp_async.cuh"
#include "templates/ptx/memory.cuh"
#include "templates/ptx/mma.cuh"
#include "templates/tile_rows.cuh"
#include "templates/types.cuh"

namespace convoke::cuda {

template <ConvConfig kCfg>
class PairsTile {
 public:
  using G = Gemm<kCfg>;
  static_assert(why_illegal_pairs(kCfg) == nullptr, "pairs_config.h says what pairs need");
  static constexpr int kWarpM = warp_tile_m(kCfg), kWarpN = warp_tile_n(kCfg);
  static constexpr int kFilters = kWarpN / kPairsFilters;  ///< rows of instructions
  static constexpr int kParts = kWarpM / 16;               ///< of a half: 16 pixels each
  static constexpr int kSteps = 2 * kParts;                ///< one half of the positions, the other
  static constexpr bool kAhead = true;  ///< operands are loaded a step before they are multiplied

  __device__ __forceinline__ PairsTile(const BlockWork<kCfg>& work, int warp_m, int warp_n) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const unsigned memory = ptx::shared_address(shared_memory());
    // Lanes name eight pixels of each of four chunks; rows of tiles begin at multiples of eight.
    rows_.start(work, warp_m * kWarpM + lane % 8, lane / 8);
    slabs_ = memory + static_cast<unsigned>(warp_n * kFilters * kSlabBytes);
    lane_ = static_cast<unsigned>(lane);
#pragma unroll
    for (int i = 0; i < kFilters; ++i)
#pragma unroll
      for (int j = 0; j < 2 * kParts; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e) sum_[i][j][e] = 0;
  }

  /// Pixels of one step: two times eight.
  struct Fragments {
    unsigned pixels[2][4];
  };
  /// Reads the operands of step kStep from the tiles at these offsets of the shared memory.
  template <int kStep>
  __device__ __forceinline__ void load(Fragments& f, unsigned pixel_tile, unsigned filter_tile) {
    constexpr int kHalf = kStep / kParts, kPart = kStep % kParts;
    if constexpr (kPart == 0) {
      const unsigned slabs = slabs_ + filter_tile;
#pragma unroll
      for (int i = 0; i < kFilters; ++i) {
        ptx::load_shared16(filters_[kHalf][i], slabs + lane_ * kChunkBytes + i * kSlabBytes +
                                                   kHalf * (32 * kChunkBytes));
        // Of two bytes a word holds the selections of both halves.
        const unsigned pairs = slabs + lane_ * 4 + i * kSlabBytes + 2 * (32 * kChunkBytes);
        pairs_[kHalf][i] = G::kSize == 1 ? ptx::load_shared4(pairs + kHalf * 128)
                           : kHalf == 0  ? ptx::load_shared4(pairs)
                                         : pairs_[0][i];
      }
    }
#pragma unroll
    for (int i = 0; i < 2; ++i)
      ptx::ldmatrix4(f.pixels[i],
                     rows_.template address<kHalf * 4 * kChunkBytes>(pixel_tile, kPart * 2 + i));
  }
  /// From a tile of the reduction to the next one.
  __device__ __forceinline__ void advance() { rows_.advance(); }
  template <int kStep>
  __device__ __forceinline__ void multiply(const Fragments& f) {
    constexpr int kHalf = kStep / kParts, kPart = kStep % kParts;
#pragma unroll
    for (int i = 0; i < kFilters; ++i)
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        // To and fro, so that neighbouring instructions share an operand's registers.
        const int at = i % 2 == 0 ? j : 1 - j;
        ptx::mma_pairs<kCfg.x_type, kHalf>(sum_[i][kPart * 2 + at], filters_[kHalf][i],
                                           f.pixels[at], pairs_[kHalf][i]);
      }
  }

  /// Rows [16 * strip, +16) of the warp's tile into `staging`, rows of `pitch` sums.
  __device__ __forceinline__ void stage(int strip, Sum<kCfg>* staging, int pitch) const {
    Sum<kCfg>* const to = staging + lane_ % 4 * 2 * pitch + lane_ / 4;
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
      if (part != strip) continue;  // unrolled: registers have no run-time index
#pragma unroll
      for (int j = 0; j < 2; ++j)
#pragma unroll
        for (int i = 0; i < kFilters; ++i)
#pragma unroll
          for (int e = 0; e < 4; ++e)
            to[(j * 8 + e % 2) * pitch + i * kPairsFilters + e / 2 * 8] = sum_[i][part * 2 + j][e];
    }
  }

 private:
  static constexpr int kSlabBytes = pairs_elements(G::kSize) * G::kSize;
  typename RowsOf<kCfg, 2 * kParts, 8>::Type rows_;  // of pixels
  unsigned slabs_, lane_;
  unsigned filters_[2][kFilters][4];
  unsigned pairs_[2][kFilters];
  Sum<kCfg> sum_[kFilters][2 * kParts][4];
};

}  // namespace convoke::cuda
