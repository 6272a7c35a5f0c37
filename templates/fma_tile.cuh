// A warp's part of a tile on the FMA units: 4 by 8 lanes, each with rows and filters 4 and 8 apart.
// Sums are exact f32: one rounding per multiply-add, in the order of the reduction.
#pragma once

#include "templates/im2col.cuh"

namespace convoke::cuda {

template <ConvConfig kCfg>
class FmaTile {
 public:
  using G = Gemm<kCfg>;
  static constexpr int kM = warp_tile_m(kCfg) / kFmaLanesM, kN = warp_tile_n(kCfg) / kFmaLanesN;
  static constexpr int kSteps = G::kRowBytes / kChunkBytes;
  static constexpr bool kAhead = false;  ///< registers go to more warps instead

  __device__ __forceinline__ FmaTile(const BlockWork<kCfg>&, int warp_m, int warp_n) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    row_a_ = warp_m * warp_tile_m(kCfg) + lane / kFmaLanesN;
    row_b_ = warp_n * warp_tile_n(kCfg) + lane % kFmaLanesN;
#pragma unroll
    for (int i = 0; i < kM; ++i)
#pragma unroll
      for (int j = 0; j < kN; ++j) sum_[i][j] = 0;
  }

  /// Operands of one step.
  struct Fragments {
    float4 a[kM], b[kN];
  };
  /// Reads those of step kStep from the tiles of A and B at these offsets of the shared memory.
  template <int kStep>
  __device__ __forceinline__ void load(Fragments& f, unsigned a_tile, unsigned b_tile) const {
#pragma unroll
    for (int i = 0; i < kM; ++i) f.a[i] = read(a_tile, row_a_, i * kFmaLanesM, kStep);
#pragma unroll
    for (int j = 0; j < kN; ++j) f.b[j] = read(b_tile, row_b_, j * kFmaLanesN, kStep);
  }
  template <int>
  __device__ __forceinline__ void multiply(const Fragments& f) {
#pragma unroll
    for (int j = 0; j < kN; ++j)
#pragma unroll
      for (int i = 0; i < kM; ++i) {
        sum_[i][j] = fmaf(f.a[i].x, f.b[j].x, sum_[i][j]);
        sum_[i][j] = fmaf(f.a[i].y, f.b[j].y, sum_[i][j]);
        sum_[i][j] = fmaf(f.a[i].z, f.b[j].z, sum_[i][j]);
        sum_[i][j] = fmaf(f.a[i].w, f.b[j].w, sum_[i][j]);
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
  /// The rows of a lane are 4 or 8 apart, and the swizzle repeats after 8: at most two addresses.
  static __device__ __forceinline__ float4 read(unsigned tile, int row, int step, int chunk) {
    const int swizzled = chunk ^ swizzle<kCfg>(row + step % 8);
    return *reinterpret_cast<const float4*>(shared_memory() + tile + row * G::kRowBytes +
                                            swizzled * kChunkBytes + step * G::kRowBytes);
  }

  int row_a_, row_b_;
  float sum_[kM][kN];
};

}  // namespace convoke::cuda
