// Blocks of one cluster: their ranks, their barrier, and reads of each other's shared memory, sm_90
// and later.
#pragma once

namespace convoke::cuda::ptx {

__device__ __forceinline__ int cluster_rank() {
  unsigned rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return static_cast<int>(rank);
}
/// All threads of all blocks meet; shared memory written before is visible after.
__device__ __forceinline__ void cluster_sync() {
  asm volatile("barrier.cluster.arrive.aligned;\n\tbarrier.cluster.wait.aligned;" ::: "memory");
}
/// Four words at `address` (of this block's shared memory, a multiple of 16) in the block `rank`.
__device__ __forceinline__ uint4 load_cluster4(unsigned address, int rank) {
  uint4 v;
  asm volatile(
      "{\n\t.reg .u32 there;\n\tmapa.shared::cluster.u32 there, %4, %5;\n\t"
      "ld.shared::cluster.v4.b32 {%0, %1, %2, %3}, [there];\n\t}"
      : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
      : "r"(address), "r"(rank)
      : "memory");
  return v;
}
__device__ __forceinline__ unsigned load_cluster(unsigned address, int rank) {
  unsigned v;
  asm volatile(
      "{\n\t.reg .u32 there;\n\tmapa.shared::cluster.u32 there, %1, %2;\n\t"
      "ld.shared::cluster.b32 %0, [there];\n\t}"
      : "=r"(v)
      : "r"(address), "r"(rank)
      : "memory");
  return v;
}

}  // namespace convoke::cuda::ptx
