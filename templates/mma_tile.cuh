// A warp's part of a tile on the tensor cores: fragments by ldmatrix, sums in registers.
#pragma once

#include "templates/im2col.cuh"
#include "templates/ptx/convert.cuh"
#include "templates/ptx/cp_async.cuh"
#include "templates/ptx/mma.cuh"
#include "templates/tile_rows.cuh"
#include "templates/types.cuh"

namespace convoke::cuda {

template <ConvConfig kCfg>
class MmaTile {
 public:
  using G = Gemm<kCfg>;
  static constexpr int kWarpM = warp_tile_m(kCfg), kWarpN = warp_tile_n(kCfg);
  static constexpr int kM = kWarpM / 16, kN = kWarpN / 8;
  static constexpr int kSteps = G::kRowBytes / 32;
  static constexpr bool kAhead = true;  ///< operands are loaded a step before they are multiplied

  __device__ __forceinline__ MmaTile(const BlockWork<kCfg>& work, int warp_m, int warp_n) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    // A: lanes 0..15 name the rows of a step's first chunk, 16..31 those of its second. B: 8 rows
    // of the first chunk, the same of the second, then the next 8 rows.
    rows_.start(work, warp_m * kWarpM + lane % 16, lane / 16);
    const int row_b = warp_n * kWarpN + (kWarpN == 8 ? 0 : lane / 16 * 8) + lane % 8;
    b_ = ptx::shared_address(shared_memory()) + static_cast<unsigned>(row_b * G::kRowBytes);
    b_chunk_ = static_cast<unsigned>((lane / 8 % 2 ^ swizzle<kCfg>(row_b)) * kChunkBytes);
#pragma unroll
    for (int i = 0; i < kM; ++i)
#pragma unroll
      for (int j = 0; j < kN; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e) sum_[i][j][e] = 0;
  }

  /// Operands of one step.
  struct Fragments {
    unsigned a[kM][4], b[kN][2];
  };
  /// Reads those of step kStep from the tiles of A and B at these offsets of the shared memory.
  template <int kStep>
  __device__ __forceinline__ void load(Fragments& f, unsigned a_tile, unsigned b_tile) const {
    const unsigned b = b_tile + b_ + (b_chunk_ ^ kStep * 32);
#pragma unroll
    for (int i = 0; i < kM; ++i)
      ptx::ldmatrix4(f.a[i], rows_.template address<kStep * 32>(a_tile, i));
    if constexpr (kWarpN == 8) {
      ptx::ldmatrix2(f.b[0], b);
    } else {
#pragma unroll
      for (int j = 0; j < kN / 2; ++j) {
        unsigned pair[4];
        ptx::ldmatrix4(pair, b + j * 16 * G::kRowBytes);
        f.b[2 * j][0] = pair[0], f.b[2 * j][1] = pair[1];
        f.b[2 * j + 1][0] = pair[2], f.b[2 * j + 1][1] = pair[3];
      }
    }
  }
  /// From a tile of the reduction to the next one.
  __device__ __forceinline__ void advance() { rows_.advance(); }
  template <int>
  __device__ __forceinline__ void multiply(Fragments& f) {
    if constexpr (kCfg.x_type == Type::kTf32) {  // the tensor cores would cut the mantissa off
#pragma unroll
      for (int i = 0; i < kM; ++i) round(f.a[i]);
#pragma unroll
      for (int j = 0; j < kN; ++j) round(f.b[j]);
    }
#pragma unroll
    for (int i = 0; i < kM; ++i)
#pragma unroll
      for (int j = 0; j < kN; ++j) {
        // To and fro, so that neighbouring instructions share an operand's registers.
        const int at = i % 2 == 0 ? j : kN - 1 - j;
        ptx::mma<kCfg.x_type>(sum_[i][at], f.a[i], f.b[at]);
      }
  }

  /// Rows [16 * strip, +16) of the warp's tile into `staging`, rows of `pitch` sums.
  __device__ __forceinline__ void stage(int strip, Sum<kCfg>* staging, int pitch) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    Sum<kCfg>* const to = staging + lane / 4 * pitch + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < kM; ++i) {
      if (i != strip) continue;  // unrolled: registers have no run-time index
#pragma unroll
      for (int j = 0; j < kN; ++j) {
        store_two(to + j * 8, sum_[i][j][0], sum_[i][j][1]);
        store_two(to + 8 * pitch + j * 8, sum_[i][j][2], sum_[i][j][3]);
      }
    }
  }

 private:
  static __device__ __forceinline__ void store_two(Sum<kCfg>* to, Sum<kCfg> a, Sum<kCfg> b) {
    *reinterpret_cast<uint2*>(to) = uint2{bits_of(a), bits_of(b)};
  }
  template <int kCount>
  static __device__ __forceinline__ void round(unsigned (&words)[kCount]) {
#pragma unroll
    for (int i = 0; i < kCount; ++i)
      words[i] = __float_as_uint(ptx::tf32_of(__uint_as_float(words[i])));
  }
  typename RowsOf<kCfg, kM, 16>::Type rows_;  // of A
  unsigned b_;                                // first row of a tile at offset 0
  unsigned b_chunk_;                          // swizzled chunk of step 0
  Sum<kCfg> sum_[kM][kN][4];
};

}  // namespace convoke::cuda
