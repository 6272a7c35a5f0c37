// Every family once, for editors; a test compiles it. An emitted unit is one of these entries with
// the constants of its problem and its epilogue in place.
#include "templates/depthwise.cuh"
#include "templates/direct.cuh"
#include "templates/fma.cuh"
#include "templates/mma.cuh"
#include "templates/pack.cuh"
#include "templates/reference.cuh"
#include "templates/sparse.cuh"

namespace convoke::cuda {

/// relu(acc * scale[k] + residual)
struct Epilogue {
  __device__ __forceinline__ float operator()(float acc, const float* operand) const {
    const float t = acc * operand[0] + operand[1];
    return 0.0f > t ? 0.0f : t;
  }
};

/// A 3x3 convolution of 64 channels and filters at 56x56.
constexpr ConvConfig problem(Family family, Type type) {
  ConvConfig c;
  c.family = family;
  c.x_type = type, c.y_type = type == Type::kTf32 ? Type::kF32 : type;
  c.c = c.k = 64, c.h = c.w = c.p = c.q = 56, c.r = c.s = 3, c.pad_h = c.pad_w = 1;
  c.operands = 2, c.per_channel_operands = 1;
  return c;
}
constexpr ConvConfig gemm(Family family, Type type, int block_k, int split_k, SplitBy split_by) {
  ConvConfig c = problem(family, type);
  c.block_m = c.block_n = 64, c.block_k = block_k;
  c.warps_m = c.warps_n = 2, c.stages = 2;
  c.split_k = split_k, c.split_by = split_by;
  return c;
}
constexpr ConvConfig tiles(ConvConfig c, int block_m, int block_n, int block_k) {
  c.block_m = block_m, c.block_n = block_n, c.block_k = block_k;
  return c;
}
constexpr ConvConfig grouped(ConvConfig c) {
  c.groups = c.c;
  return c;
}

constexpr ConvConfig kMma = gemm(Family::kMma, Type::kF16, 64, 1, SplitBy::kWorkspace);
constexpr ConvConfig kMmaSplit = gemm(Family::kMma, Type::kBf16, 64, 4, SplitBy::kWorkspace);
constexpr ConvConfig kMmaCluster = gemm(Family::kMma, Type::kTf32, 32, 4, SplitBy::kCluster);
constexpr ConvConfig sparse(ConvConfig c, Sparse how) {
  c.sparse = how, c.bound = true;
  c.per_filter = how == Sparse::kFilters;
  const bool pairs = how == Sparse::kPairs;
  c.unit_k = pairs ? 1 : how == Sparse::kFilters ? 4 : 32, c.unit_c = pairs ? 1 : 16;
  c.kept = pairs ? 0 : how == Sparse::kFilters ? 32 : 2 * 18;
  return c;
}
constexpr ConvConfig kMmaFilters = sparse(kMma, Sparse::kFilters);
constexpr ConvConfig kMmaLists = sparse(kMma, Sparse::kLists);
constexpr ConvConfig kMmaPairs = sparse(kMma, Sparse::kPairs);
constexpr ConvConfig weights(ConvConfig c) {
  c.warps_m = 1, c.warps_n = 4, c.tile_p = c.tile_q = 8;
  c.sparse = Sparse::kWeights, c.bound = true, c.unit_k = c.unit_c = 1, c.kept = 3686;
  return c;
}
constexpr ConvConfig kSparseLists =
    weights(tiles(problem(Family::kSparse, Type::kF16), 256, 32, 16));
constexpr ConvConfig kFma = gemm(Family::kFma, Type::kF32, 16, 1, SplitBy::kWorkspace);
constexpr ConvConfig kDirect = tiles(problem(Family::kDirect, Type::kF16), 2, 2, 8);
constexpr ConvConfig kDepthwise = tiles(grouped(problem(Family::kDepthwise, Type::kF16)), 7, 8, 4);
constexpr ConvConfig kDepthwiseDots =
    tiles(grouped(problem(Family::kDepthwise, Type::kS8)), 4, 8, 4);
constexpr ConvConfig kReference = problem(Family::kReference, Type::kF16);

#define CONVOKE_ENTRY(name, threads, run, config)               \
  extern "C" __global__ void __launch_bounds__(threads(config)) \
      name(const __grid_constant__ ConvArgs args) {             \
    run<config, Epilogue>(args);                                \
  }
CONVOKE_ENTRY(mma_kernel, threads, run_mma, kMma)
CONVOKE_ENTRY(mma_split_kernel, threads, run_mma, kMmaSplit)
CONVOKE_ENTRY(mma_reduce_kernel, reduce_threads, run_reduce, kMmaSplit)
CONVOKE_ENTRY(mma_filters_kernel, threads, run_mma, kMmaFilters)
CONVOKE_ENTRY(mma_lists_kernel, threads, run_mma, kMmaLists)
CONVOKE_ENTRY(mma_pairs_kernel, threads, run_mma, kMmaPairs)
CONVOKE_ENTRY(mma_cluster_kernel, threads, run_mma, kMmaCluster)
CONVOKE_ENTRY(sparse_lists_kernel, threads, run_sparse, kSparseLists)
CONVOKE_ENTRY(fma_kernel, threads, run_fma, kFma)
CONVOKE_ENTRY(direct_kernel, threads, run_direct, kDirect)
CONVOKE_ENTRY(depthwise_kernel, threads, run_depthwise, kDepthwise)
CONVOKE_ENTRY(depthwise_dots_kernel, threads, run_depthwise, kDepthwiseDots)
CONVOKE_ENTRY(reference_kernel, threads, run_reference, kReference)

}  // namespace convoke::cuda
