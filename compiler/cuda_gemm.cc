// The search space of the GEMM families: tiles, warps and stages that a problem can use, and splits
// of the reduction and batch order where they may pay. Plausible rather than complete: what the
// model ranks last by far is not offered, so that measuring everything stays possible.
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "compiler/cuda_config.h"
#include "compiler/cuda_cost.h"
#include "compiler/emit_cuda.h"

namespace convoke {
namespace {

constexpr int kBlockM[] = {32, 64, 96, 128, 192, 256};
constexpr int kBlockN[] = {16, 32, 64, 96, 128, 160, 192, 256};
constexpr int kSplits[] = {2, 3, 4, 6, 8, 12, 16};
constexpr std::int64_t kMaxWorkspace = std::int64_t{8} << 20;
constexpr std::int64_t kMaxBatchOrderPixels = 64;
constexpr int kMostRegisters = 255;        ///< a thread's: what wants more spills
constexpr int kMostGatherRegisters = 230;  ///< of a gather ptxas takes more than is estimated
/// Offered at most; a model that misplaces the best below this rank would not be worth having.
constexpr std::size_t kMaxCandidates = 320;

struct Warps {
  int m, n;
};

/// Whether a warp's tile has operands that are read often enough and sums that fit.
bool good_warp_tile(int tm, int tn, int count) {
  if ((tn % 16 != 0 && tn != 8) || tm * tn > 4096 || tm > 128 || tn > 128) return false;
  // One or two warps with so many sums, and all the copies of a block to do, spill.
  if (tm * tn == 4096 && count < 4) return false;
  // Smaller tiles than 32x32 would read more than they multiply, but for narrow blocks.
  return count == 1 || tm * tn >= 32 * 16;
}

/// Ways to cut a tile among warps: of each number of warps the two that read least from shared
/// memory (measured: a row of warps may beat a square of them by a tenth, and the other way round);
/// of the numbers the three largest, for many warps hide latency better and few read less.
std::vector<Warps> warp_grids(int bm, int bn, bool pairs) {
  std::vector<std::vector<Warps>> found;
  for (const int count : {1, 2, 3, 4, 6, 8}) {
    std::vector<Warps> grids;
    for (int m = 1; m <= count; ++m) {
      const int n = count / m;
      if (count % m == 0 && bm % (16 * m) == 0 && bn % (8 * n) == 0 &&
          good_warp_tile(bm / m, bn / n, count))
        grids.push_back({m, n});
    }
    // Of two of four weights a row of pixels is twice as long as one of filters.
    const auto reads = [&](const Warps& w) { return (pairs ? 2 : 1) * bm / w.m + bn / w.n; };
    std::stable_sort(grids.begin(), grids.end(),
                     [&](const Warps& a, const Warps& b) { return reads(a) < reads(b); });
    if (grids.size() > 2) grids.resize(2);
    if (!grids.empty()) found.push_back(std::move(grids));
  }
  std::vector<Warps> best;
  for (std::size_t i = found.size() > 3 ? found.size() - 3 : 0; i < found.size(); ++i)
    best.insert(best.end(), found[i].begin(), found[i].end());
  return best;
}

class GemmSpace {
 public:
  /// `masked`: the dense kernels of a sparse spec.
  GemmSpace(const ConvSpec& spec, const CudaDevice& device, bool masked)
      : spec_(spec), device_(device), batch_(spec.open_batch() ? kCudaOpenBatchImages : spec.n) {
    base_.masked = masked;
  }

  std::vector<CudaConfig> configs() {
    filters_ = cuda::gemm_filters(make_conv_config(spec_, base_));
    base_.family = spec_.x_type == DataType::kF32 ? cuda::Family::kFma : cuda::Family::kMma;
    for (const int bm : kBlockM)
      for (const int bn : kBlockN)
        if (useful(bm, bn)) tiles(bm, bn);
    return std::move(found_);
  }

 private:
  /// Whether a smaller tile does not already hold all filters, or all pixels.
  bool useful(int bm, int bn) const {
    const std::int64_t pixels = batch_ * spec_.p * spec_.q;
    const auto* n = std::find(std::begin(kBlockN), std::end(kBlockN), bn);
    const auto* m = std::lower_bound(std::begin(kBlockM), std::end(kBlockM), bm);
    return (n == std::begin(kBlockN) || filters_ > n[-1]) &&
           (m == std::begin(kBlockM) || pixels > m[-1]);
  }

  void tiles(int bm, int bn) {
    CudaConfig config = base_;
    config.bm = bm, config.bn = bn;
    const int size = size_of(spec_.x_type);
    const bool pairs = make_conv_config(spec_, config).sparse == cuda::Sparse::kPairs;
    for (const Warps& warps : warp_grids(bm, bn, pairs)) {
      config.wm = warps.m, config.wn = warps.n;
      for (const int row_bytes : {64, 128}) {
        config.bk = row_bytes / size;
        for (int stages = 2; stages <= 6; ++stages) {
          config.stages = stages;
          orders(config);
        }
      }
    }
  }

  void orders(CudaConfig config) {
    splits(config);
    CudaConfig patch = config;
    patch.patch = 1;
    splits(patch);
    const bool dead_at_some = spec_.mean_valid_r() < static_cast<double>(spec_.live_r().size()) ||
                              spec_.mean_valid_s() < static_cast<double>(spec_.live_s().size());
    if (spec_.p * spec_.q > kMaxBatchOrderPixels || !dead_at_some) return;
    config.order = cuda::PixelOrder::kBatch;
    splits(config);
  }

  void splits(CudaConfig config) {
    if (!add(config)) return;
    const cuda::ConvConfig c = make_conv_config(spec_, config);
    const std::int64_t tiles = cuda::gemm_blocks(c, batch_);
    // What a split is cut from: at least two steps each, or a patch with its taps.
    const std::int64_t parts =
        config.patch == 1 ? cuda::c_per_group(c) / config.bk : cuda::gemm_k(c) / config.bk / 2;
    for (const int split : kSplits) {
      if (tiles >= device_.multiprocessors || tiles * split > 4 * device_.multiprocessors ||
          parts < split)
        return;
      config.split = split;
      config.split_by = cuda::SplitBy::kWorkspace;
      if (cuda::workspace_bytes(make_conv_config(spec_, config), batch_) <= kMaxWorkspace)
        add(config);
      config.split_by = cuda::SplitBy::kCluster;
      if (split <= 8) add(config);
    }
  }

  bool add(const CudaConfig& config) {
    if (!why_illegal_cuda(spec_, config, device_).empty()) return false;
    const cuda::ConvConfig c = make_conv_config(spec_, config);
    const int most = cuda::gemm_copy_bytes(c) == 0 ? kMostGatherRegisters : kMostRegisters;
    if (gemm_registers(c) > most) return false;
    found_.push_back(config);
    return true;
  }

  const ConvSpec& spec_;
  const CudaDevice& device_;
  std::int64_t batch_, filters_ = 0;
  CudaConfig base_;
  std::vector<CudaConfig> found_;
};

}  // namespace

void enumerate_cuda_gemm(const ConvSpec& spec, const CudaDevice& device,
                         const std::function<void(const CudaConfig&)>& add) {
  const bool sparse = !spec.sparsity.empty();
  std::vector<CudaConfig> all = GemmSpace(spec, device, sparse).configs();
  if (sparse) {
    const std::vector<CudaConfig> skipping = GemmSpace(spec, device, false).configs();
    all.insert(all.end(), skipping.begin(), skipping.end());
  }
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < all.size(); ++i)
    order.push_back({predict_cuda_us(spec, all[i], device), i});
  std::sort(order.begin(), order.end());
  if (order.size() > kMaxCandidates) order.resize(kMaxCandidates);
  for (const auto& [us, i] : order) add(all[i]);
  // The configuration of the study that this grew from is always measured against.
  CudaConfig study;
  study.family = spec.x_type == DataType::kF32 ? cuda::Family::kFma : cuda::Family::kMma;
  study.bm = study.bn = 64, study.bk = 64;
  study.wm = study.wn = 2, study.stages = 2;
  study.masked = sparse;
  add(study);
}

}  // namespace convoke
