// The implicit GEMM that mma and fma share: which tile a block computes, the ring of stages between
// the loads and the multiplication, the store.
#pragma once

#include "templates/conv_config.h"
#include "templates/store.cuh"
#include "templates/tile_loader.cuh"

namespace convoke::cuda {

template <bool kGathers, ConvConfig kCfg>
struct LoaderOf {
  using Type = AsyncLoader<kCfg>;
};
template <ConvConfig kCfg>
struct LoaderOf<true, kCfg> {
  using Type = GatherLoader<kCfg>;
};

/// The block's tile (gemm_blocks() says the order) and its part of the reduction.
template <ConvConfig kCfg>
__device__ __forceinline__ BlockWork<kCfg> block_work(long long n, int split) {
  constexpr int kTilesN = static_cast<int>(gemm_tiles_n(kCfg));
  constexpr int kGroups = static_cast<int>(kCfg.groups);
  const unsigned tile = blockIdx.x / kCfg.split_k;
  const unsigned tile_of_group = tile / kTilesN;
  BlockWork<kCfg> work{PixelTile<kCfg>(tile_of_group / kGroups, n),
                       static_cast<int>(tile_of_group % kGroups),
                       static_cast<int>(tile % kTilesN) * kCfg.block_n, 0, 0};
  const int tiles = (work.pixels.reduction() + kCfg.block_k - 1) / kCfg.block_k;
  work.k_begin = static_cast<int>(static_cast<long long>(tiles) * split / kCfg.split_k);
  work.k_end = static_cast<int>(static_cast<long long>(tiles) * (split + 1) / kCfg.split_k);
  return work;
}

/// Adds the products of tiles [k_begin, k_end) of the reduction to `tile`. While one stage is
/// multiplied, the copies of the next stages - 1 are under way.
template <ConvConfig kCfg, typename Tile>
__device__ __forceinline__ void multiply_tiles(const ConvArgs& args, const BlockWork<kCfg>& work,
                                               Tile& tile) {
  using G = Gemm<kCfg>;
  constexpr bool kGathers = gemm_copy_bytes(kCfg) == 0;
  constexpr int kAhead = kCfg.stages - 1;
  typename LoaderOf<kGathers, kCfg>::Type loader(args, work);
  const int tiles = work.k_end - work.k_begin;
#pragma unroll
  for (int i = 0; i < kAhead; ++i) {
    if (i < tiles) {
      loader.load(i);
      loader.store(i);
    }
    ptx::cp_async_commit();  // an empty group too: the count below stays right
  }
  int slot = 0, free_slot = kAhead;
#pragma unroll 1
  for (int i = 0; i < tiles; ++i) {
    ptx::cp_async_wait<kAhead - 1>();
    __syncthreads();  // tile i has landed, and everybody has left the slot that is filled next
    const bool more = i + kAhead < tiles;
    if (more) loader.load(free_slot);
    ptx::cp_async_commit();
    const unsigned a = static_cast<unsigned>(slot * (G::kTileA + G::kTileB));
    tile.multiply(a, a + G::kTileA);
    if (more) loader.store(free_slot);
    slot = slot + 1 == kCfg.stages ? 0 : slot + 1;
    free_slot = free_slot + 1 == kCfg.stages ? 0 : free_slot + 1;
  }
  ptx::cp_async_wait<0>();
}

template <ConvConfig kCfg, typename Epilogue, typename Tile>
__device__ __forceinline__ void run_gemm(const ConvArgs& args) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int split = static_cast<int>(blockIdx.x % kCfg.split_k);
  const BlockWork<kCfg> work = block_work<kCfg>(args.n, split);
  Tile tile(warp / kCfg.warps_n, warp % kCfg.warps_n);
  multiply_tiles(args, work, tile);
  if constexpr (cluster(kCfg).x > 1) {
    store_cluster<kCfg, Epilogue>(args, work, tile);
  } else {
    store_tile<kCfg, Epilogue>(args, work, tile, split);
  }
}

}  // namespace convoke::cuda
