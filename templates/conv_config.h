// Launch shape, shared memory and workspace of a configuration, whatever its family: constexpr
// functions that the host calls to launch and the device to check itself, so that nothing is
// computed twice. The families' own parts are in *_config.h.
#pragma once

#include "templates/conv_types.h"
#include "templates/depthwise_config.h"
#include "templates/direct_config.h"
#include "templates/gemm_config.h"
#include "templates/sparse_config.h"

namespace convoke::cuda {

constexpr int threads(const ConvConfig& c) {
  return is_gemm(c.family)                ? gemm_threads(c)
         : c.family == Family::kDirect    ? kDirectThreads
         : c.family == Family::kDepthwise ? kDepthwiseThreads
         : c.family == Family::kSparse    ? sparse_threads(c)
                                          : kReferenceThreads;
}
/// Blocks that a multiprocessor must hold at once, for __launch_bounds__. Left to itself ptxas
/// gives up a few registers too many for one more block, and spills them.
constexpr int min_blocks(const ConvConfig& c) {
  return is_gemm(c.family)             ? 1
         : c.family == Family::kDirect ? direct_min_blocks(c)
         : c.family == Family::kSparse ? sparse_min_blocks(c)
                                       : 2;
}
/// The same for `convoke_reduce` and `convoke_pack`.
constexpr int kHelperBlocks = 2;
constexpr long long shared_bytes(const ConvConfig& c) {
  return is_gemm(c.family)             ? gemm_shared_bytes(c)
         : c.family == Family::kSparse ? sparse_shared_bytes(c)
                                       : 0;
}
/// Blocks for n images, all in x.
constexpr Dim3 grid(const ConvConfig& c, long long n) {
  return {is_gemm(c.family)                ? static_cast<unsigned>(gemm_blocks(c, n))
          : c.family == Family::kDirect    ? direct_blocks(c, n)
          : c.family == Family::kDepthwise ? depthwise_blocks(c, n)
          : c.family == Family::kSparse    ? static_cast<unsigned>(sparse_blocks(c, n))
                                           : reference_blocks(c, n),
          1, 1};
}
/// Blocks of a cluster; 1 where there are none.
constexpr Dim3 cluster(const ConvConfig& c) {
  return {c.split_k > 1 && c.split_by == SplitBy::kCluster ? static_cast<unsigned>(c.split_k) : 1,
          1, 1};
}
/// Partial sums of n images.
constexpr long long workspace_bytes(const ConvConfig& c, long long n) {
  return is_gemm(c.family) ? gemm_workspace_bytes(c, n) : 0;
}
/// Of a launch: packed weights, if it packs them itself, then the partial sums.
constexpr long long kWorkspaceAlignment = 256;
constexpr long long packed_room(const ConvConfig& c) {
  return ceil_div(packed_bytes(c), kWorkspaceAlignment) * kWorkspaceAlignment;
}
constexpr long long launch_workspace_bytes(const ConvConfig& c, long long n, bool packs) {
  return (packs ? packed_room(c) : 0) + workspace_bytes(c, n);
}
/// Whether `convoke_reduce` follows `convoke_kernel`.
constexpr bool has_reduce(const ConvConfig& c) { return workspace_bytes(c, 1) > 0; }
constexpr int reduce_threads(const ConvConfig&) { return kReduceThreads; }
constexpr Dim3 reduce_grid(const ConvConfig& c, long long n) {
  const long long work = n * c.p * c.q * (c.k / reduce_width(c));
  return {static_cast<unsigned>(ceil_div(work, kReduceThreads)), 1, 1};
}
/// Bytes to which x, w, y and tensor operands must be aligned; 1: to their elements.
constexpr int alignment(const ConvConfig& c) {
  return is_gemm(c.family)                ? kChunkBytes
         : c.family == Family::kDirect    ? direct_alignment(c)
         : c.family == Family::kDepthwise ? depthwise_alignment(c)
         : c.family == Family::kSparse    ? kChunkBytes
                                          : 1;
}

}  // namespace convoke::cuda
