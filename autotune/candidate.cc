#include "autotune/candidate.h"

#include <algorithm>

namespace convoke {

Features features(const KernelConfig& config) {
  if (config.target == TargetKind::kCuda) {
    const CudaConfig& c = config.cuda;
    // Two shapes of as many warps are neighbours: their number is one feature, not rows and
    // columns.
    return {{static_cast<int>(c.family), static_cast<int>(c.order), static_cast<int>(c.split_by),
             c.masked, c.code, c.patch, c.bm, c.bn, c.bk, c.wm * c.wn, c.wm, c.stages, c.split,
             c.tp, c.tq},
            6};
  }
  const CpuConfig& c = config.cpu;
  return {{static_cast<int>(c.family), static_cast<int>(c.axis), c.masked, c.mr, c.nv, c.kc, c.rows,
           c.kb, c.unroll, c.window},
          3};
}

std::int64_t verified_images(const ConvSpec& spec, const KernelConfig& config) {
  if (spec.open_batch() || config.target != TargetKind::kCuda) return spec.n;
  constexpr std::int64_t kLargestTile = 256;
  const std::int64_t pixels = spec.p * spec.q;
  const std::int64_t images = config.cuda.order == cuda::PixelOrder::kBatch
                                  ? config.cuda.bm + 1
                                  : (2 * kLargestTile + 1 + pixels - 1) / pixels | 1;
  const CudaConfig& c = config.cuda;
  const std::int64_t of_tile = c.family == cuda::Family::kSparse ? c.bm / (c.tp * c.tq) : 0;
  return std::min(spec.n, std::max(images, of_tile + 1));
}

}  // namespace convoke
