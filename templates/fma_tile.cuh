// A warp's part of a tile on the FMA units: 4 by 8 lanes, each with rows and filters 4 and 8 apart.
// Sums are exact f32: one rounding per multiply-add, in the order of the reduction.
#pragma once

#include "templates/im2col.cuh"

namespace convoke::cuda {

template <ConvConfig kCfg>
class FmaTile {
 public:
  using G = Gemm<kCfg>;

  __device__ __forceinline__ FmaTile(int warp_m, int warp_n) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    row_a_ = warp_m * warp_tile_m(kCfg) + lane / kFmaLanesN;
    row_b_ = warp_n * warp_tile_n(kCfg) + lane % kFmaLanesN;
#pragma unroll
    for (int i = 0; i < kM; ++i)
#pragma unroll
      for (int j = 0; j < kN; ++j) sum_[i][j] = 0;
  }

  /// Multiplies the tiles of A and B at these offsets of the shared memory.
  __device__ __forceinline__ void multiply(unsigned a_tile, unsigned b_tile) {
    // Not unrolled in full: sixteen chunks of this would not fit the instruction cache.
#pragma unroll 2
    for (int chunk = 0; chunk < G::kRowBytes / kChunkBytes; ++chunk) {
      float4 a[kM];
#pragma unroll
      for (int i = 0; i < kM; ++i) a[i] = load(a_tile, row_a_ + i * kFmaLanesM, chunk);
#pragma unroll
      for (int j = 0; j < kN; ++j) {
        const float4 b = load(b_tile, row_b_ + j * kFmaLanesN, chunk);
#pragma unroll
        for (int i = 0; i < kM; ++i) {
          sum_[i][j] = fmaf(a[i].x, b.x, sum_[i][j]);
          sum_[i][j] = fmaf(a[i].y, b.y, sum_[i][j]);
          sum_[i][j] = fmaf(a[i].z, b.z, sum_[i][j]);
          sum_[i][j] = fmaf(a[i].w, b.w, sum_[i][j]);
        }
      }
    }
  }

  /// Rows [16 * strip, +16) of the warp's tile into `staging`, rows of `pitch` floats.
  __device__ __forceinline__ void stage(int strip, float* staging, int pitch) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    float* const to = staging + lane / kFmaLanesN * pitch + lane % kFmaLanesN;
    constexpr int kPerStrip = kStripRows / kFmaLanesM;
#pragma unroll
    for (int i = 0; i < kM; ++i) {
      if (i / kPerStrip != strip) continue;  // unrolled: registers have no run-time index
#pragma unroll
      for (int j = 0; j < kN; ++j)
        to[i % kPerStrip * kFmaLanesM * pitch + j * kFmaLanesN] = sum_[i][j];
    }
  }

 private:
  static constexpr int kM = warp_tile_m(kCfg) / kFmaLanesM, kN = warp_tile_n(kCfg) / kFmaLanesN;

  static __device__ __forceinline__ float4 load(unsigned tile, int row, int chunk) {
    return *reinterpret_cast<const float4*>(
        shared_memory() + tile + row * G::kRowBytes + ((chunk ^ swizzle<kCfg>(row)) * kChunkBytes));
  }

  int row_a_, row_b_;
  float sum_[kM][kN];
};

}  // namespace convoke::cuda
