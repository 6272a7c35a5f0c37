// The rows of images that a lane names for ldmatrix: of a tile in a stage of the ring, or of a
// patch.
#pragma once

#include "templates/patch.cuh"

namespace convoke::cuda {

/// kCount rows, kApart pixels apart, of a tile in a stage.
template <ConvConfig kCfg, int kCount, int kApart>
class StageRows {
 public:
  using G = Gemm<kCfg>;
  static_assert(kApart % 8 == 0, "rows that far apart are swizzled alike");

  /// `row`: the lane's first row of the tile; `chunk`: which 16 bytes of it at step 0.
  __device__ __forceinline__ void start(const BlockWork<kCfg>&, int row, int chunk) {
    first_ = ptx::shared_address(shared_memory()) + static_cast<unsigned>(row * G::kRowBytes);
    chunk_ = static_cast<unsigned>((chunk ^ swizzle<kCfg>(row)) * kChunkBytes);
  }
  __device__ __forceinline__ void advance() {}
  /// Of row i of the tile at `tile`, kBytes further.
  template <int kBytes>
  __device__ __forceinline__ unsigned address(unsigned tile, int i) const {
    return tile + first_ + (chunk_ ^ kBytes) + static_cast<unsigned>(i * kApart * G::kRowBytes);
  }

 private:
  unsigned first_, chunk_;  // of a tile at offset 0; swizzled
};

template <ConvConfig kCfg, int kCount, int kApart, bool kPatch = kCfg.patch == 1>
struct RowsOf {
  using Type = StageRows<kCfg, kCount, kApart>;
};
template <ConvConfig kCfg, int kCount, int kApart>
struct RowsOf<kCfg, kCount, kApart, true> {
  using Type = PatchRows<kCfg, kCount, kApart>;
};

}  // namespace convoke::cuda
