// The search space of the sparse family.
#include <algorithm>
#include <vector>

#include "compiler/cuda_cost.h"
#include "compiler/cuda_weights.h"
#include "compiler/sparsity.h"

namespace convoke {
namespace {

/// Rows and columns of a tile of bm pixels.
struct Shape {
  int tp = 1, tq = 1;
  double cost = 0;
};

/// The two shapes that leave the fewest lanes idle and stage the least.
std::vector<Shape> shapes_of(const ConvSpec& spec, int bm) {
  const std::int64_t batch = spec.open_batch() ? kCudaOpenBatchImages : spec.n;
  cuda::ConvConfig c;
  c.h = spec.h, c.w = spec.w, c.r = spec.r, c.s = spec.s, c.p = spec.p, c.q = spec.q;
  c.stride_h = spec.stride_h, c.stride_w = spec.stride_w;
  c.dilation_h = spec.dilation_h, c.dilation_w = spec.dilation_w;
  c.pad_h = spec.pad_h, c.pad_w = spec.pad_w;
  c.block_m = bm, c.block_n = 1;
  std::vector<Shape> shapes;
  for (int tq = 1; tq <= bm && tq / 2 < spec.q; tq *= 2)
    for (int tp = 1; tp * tq <= bm && tp / 2 < spec.p; tp *= 2) {
      c.tile_p = tp, c.tile_q = tq;
      const cuda::StagedAxis rows = cuda::staged_rows(c), columns = cuda::staged_columns(c);
      const double staged = static_cast<double>(rows.slots * rows.length) *
                            static_cast<double>(columns.slots * columns.length) *
                            cuda::tile_images(c);
      shapes.push_back(
          {tp, tq, static_cast<double>(cuda::sparse_blocks(c, batch)) * (2 * bm + staged)});
    }
  std::stable_sort(shapes.begin(), shapes.end(),
                   [](const Shape& a, const Shape& b) { return a.cost < b.cost; });
  if (shapes.size() > 2) shapes.resize(2);
  return shapes;
}

/// Whether the GEMM families do badly with the kind: they have nothing for single weights, and go
/// through registers where units are smaller than a copy or channels do not lie side by side.
bool is_worth_trying(const ConvSpec& spec) {
  const Sparsity sparsity = Sparsity::parse(spec.sparsity);
  if (sparsity.kind == SparsityKind::kUnstructured || sparsity.kind == SparsityKind::kNm)
    return true;
  const std::int64_t channels =
      sparsity.kind == SparsityKind::kChannel ? spec.c_per_group() : sparsity.columns;
  return spec.x_layout == Layout::kNchw || channels * size_of(spec.x_type) < 16;
}

}  // namespace

void enumerate_cuda_sparse(const ConvSpec& spec,
                           const std::function<void(const CudaConfig&)>& add) {
  if (spec.sparsity.empty() || !is_worth_trying(spec)) return;
  if (spec.r > cuda::kMaxGemmTaps || spec.s > cuda::kMaxGemmTaps) return;  // refused, and slowly
  const std::int64_t batch = spec.open_batch() ? kCudaOpenBatchImages : spec.n;
  const std::int64_t pixels = spec.p * spec.q * batch, filters = spec.k_per_group();
  CudaConfig config;
  config.family = cuda::Family::kSparse;
  // Without a pattern at hand, or with one that keeps too much, there is no code.
  config.code = true;
  const bool code = why_illegal_code(spec, config).empty();
  config.code = false;
  const auto add_chunks = [&] {
    for (int bk = spec.c_per_group() < 4 ? 1 : 4; bk <= 64; bk *= 2) {
      config.bk = bk;
      if (2 * bk > spec.c_per_group() || bk >= 8) add(config);
      if (bk >= spec.c_per_group()) break;
    }
  };
  for (int bm = 32; bm <= 512; bm *= 2) {
    if (bm > 32 && bm / 2 >= pixels) break;
    config.bm = bm;
    for (const Shape& shape : shapes_of(spec, bm)) {
      config.tp = shape.tp, config.tq = shape.tq;
      for (int wm = 1; wm <= 8 && 32 * wm <= bm; wm *= 2) {
        const int of_thread = bm / (32 * wm);
        config.wm = wm;
        config.code = false;
        if (of_thread <= 8 && (of_thread >= 4 || bm <= 64))
          for (const int f : {1, 2, 4, 8})
            for (int wn = 1; wn * wm <= 8; wn *= 2) {
              if ((f * wn) / 2 >= filters || f * of_thread > cuda::kMaxThreadSums) continue;
              if (wn * wm < 4 && f * wn * 2 <= filters) continue;  // too few warps
              config.bn = f * wn, config.wn = wn;
              add_chunks();
            }
        if (!code || of_thread > 4) continue;
        config.code = true, config.wn = 1;
        for (const int bn : {4, 8, 16, 32}) {
          config.bn = static_cast<int>(std::min<std::int64_t>(bn, filters));
          if (config.bn * of_thread <= cuda::kMaxThreadSums) add_chunks();
          if (bn >= filters) break;
        }
      }
    }
  }
}

}  // namespace convoke
