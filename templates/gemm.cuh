// The implicit GEMM that mma and fma share: which tile a block computes, the ring of stages between
// the loads and the multiplication, the store.
#pragma once

#include "templates/conv_config.h"
#include "templates/patch.cuh"
#include "templates/store.cuh"
#include "templates/tile_loader.cuh"

namespace convoke::cuda {

enum class Loading { kAsync, kGather, kPatch };
template <ConvConfig kCfg>
constexpr Loading loading() {
  return kCfg.patch == 1              ? Loading::kPatch
         : gemm_copy_bytes(kCfg) == 0 ? Loading::kGather
                                      : Loading::kAsync;
}
template <ConvConfig kCfg, Loading kLoading = loading<kCfg>()>
struct LoaderOf {
  using Type = AsyncLoader<kCfg>;
};
template <ConvConfig kCfg>
struct LoaderOf<kCfg, Loading::kGather> {
  using Type = GatherLoader<kCfg>;
};
template <ConvConfig kCfg>
struct LoaderOf<kCfg, Loading::kPatch> {
  using Type = PatchLoader<kCfg>;
};

/// The block's tile (gemm_blocks() says the order) and its part of the reduction.
template <ConvConfig kCfg>
__device__ __forceinline__ BlockWork<kCfg> block_work(const ConvArgs& args, int split) {
  constexpr int kTilesN = static_cast<int>(gemm_tiles_n(kCfg));
  constexpr int kGroups = static_cast<int>(kCfg.groups);
  const unsigned tile = blockIdx.x / kCfg.split_k;
  const unsigned tile_of_group = tile / kTilesN;
  const PixelTile<kCfg> pixels(tile_of_group / kGroups, args.n);
  const int group = static_cast<int>(tile_of_group % kGroups);
  const int filter = static_cast<int>(tile % kTilesN) * kCfg.block_n;
  BlockWork<kCfg> work{
      pixels, group, filter, Reduction<kCfg>(args, group, filter, pixels.reduction()), 0, 0};
  const int tiles = (work.reduction.length + kCfg.block_k - 1) / kCfg.block_k;
  // A patch and its taps stay together.
  constexpr int kUnit = kCfg.patch == 1 && kCfg.split_k > 1 ? Gemm<kCfg>::kTaps : 1;
  const long long units = tiles / kUnit;
  work.k_begin = static_cast<int>(units * split / kCfg.split_k) * kUnit;
  work.k_end = static_cast<int>(units * (split + 1) / kCfg.split_k) * kUnit;
  return work;
}

/// Where the ring of stages stands.
struct Ring {
  int slot;       ///< being multiplied
  int free_slot;  ///< filled next
  template <int kStages>
  __device__ __forceinline__ void advance() {
    slot = slot + 1 == kStages ? 0 : slot + 1;
    free_slot = free_slot + 1 == kStages ? 0 : free_slot + 1;
  }
};

/// One step of a tile's multiplication, and a share of the copies of a later tile: spread over the
/// steps they do not hold the multipliers up. At the last step the next tile's first operands are
/// loaded, so that the barrier between tiles is passed while there is still work in flight.
template <int kStep, ConvConfig kCfg, typename Tile, typename Loader>
__device__ __forceinline__ void multiply_steps(Tile& tile, typename Tile::Fragments (&f)[2],
                                               Loader& loader, bool more, Ring& ring) {
  using G = Gemm<kCfg>;
  constexpr int kSteps = Tile::kSteps;
  constexpr bool kLast = kStep + 1 == kSteps;
  if constexpr (kStep < kSteps) {
    const unsigned here = static_cast<unsigned>(G::kRing + ring.slot * (G::kTileA + G::kTileB));
    if constexpr (!Tile::kAhead) tile.template load<kStep>(f[0], here, here + G::kTileA);
    if constexpr (kStep == 0) {
      if (more) loader.begin(ring.free_slot);
      if constexpr (kCfg.patch == 1) loader.copy_ahead();
    }
    if constexpr (!kLast)
      if (more) loader.template copy<kStep, kSteps - 1>();
    if constexpr (kLast) {
      if (more) loader.end();
      ptx::cp_async_commit();  // an empty group too: the count stays right
      if constexpr (kCfg.patch == 1) {
        if (loader.next_step())
          ptx::cp_async_wait<0>();
        else
          ptx::cp_async_wait<kCfg.stages - 2>();
      } else {
        ptx::cp_async_wait<kCfg.stages - 2>();
      }
      __syncthreads();  // the next tile has landed, and everybody has read the last of this one
      ring.advance<kCfg.stages>();
      if constexpr (kCfg.patch == 1) tile.advance();
    }
    if constexpr (Tile::kAhead) {
      const unsigned next = static_cast<unsigned>(G::kRing + ring.slot * (G::kTileA + G::kTileB));
      tile.template load<(kStep + 1) % kSteps>(f[(kStep + 1) % 2], next, next + G::kTileA);
      tile.template multiply<kStep>(f[kStep % 2]);
    } else {
      tile.template multiply<kStep>(f[0]);
    }
    multiply_steps<kStep + 1, kCfg>(tile, f, loader, more, ring);
  }
}

/// Adds the products of tiles [k_begin, k_end) of the reduction to `tile`. While one stage is
/// multiplied, the copies of the next stages - 1 are under way.
template <ConvConfig kCfg, typename Tile>
__device__ __forceinline__ void multiply_tiles(const ConvArgs& args, const BlockWork<kCfg>& work,
                                               Tile& tile) {
  using G = Gemm<kCfg>;
  static_assert(Tile::kSteps % 2 == 0, "the operands of the first step are in the first buffer");
  constexpr int kAhead = kCfg.stages - 1;
  // A gather is long code: once is enough.
  constexpr int kUnroll = loading<kCfg>() == Loading::kGather ? 1 : kAhead;
  typename LoaderOf<kCfg>::Type loader(args, work);
  const int tiles = work.k_end - work.k_begin;
#pragma unroll kUnroll
  for (int i = 0; i < kAhead; ++i) {
    if (i < tiles) {
      loader.begin(i);
      loader.template copy<0, 1>();
      loader.end();
    }
    ptx::cp_async_commit();
  }
  ptx::cp_async_wait<kAhead - 1>();
  __syncthreads();
  typename Tile::Fragments f[2];
  if constexpr (Tile::kAhead) tile.template load<0>(f[0], G::kRing, G::kRing + G::kTileA);
  Ring ring{0, kAhead};
#pragma unroll 1
  for (int i = 0; i < tiles; ++i)
    multiply_steps<0, kCfg>(tile, f, loader, i + kAhead < tiles, ring);
  ptx::cp_async_wait<0>();
}

template <ConvConfig kCfg, typename Epilogue, typename Tile>
__device__ __forceinline__ void run_gemm(const ConvArgs& args) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int split = static_cast<int>(blockIdx.x % kCfg.split_k);
  const BlockWork<kCfg> work = block_work<kCfg>(args, split);
  Tile tile(work, warp / kCfg.warps_n, warp % kCfg.warps_n);
  multiply_tiles(args, work, tile);
  if constexpr (cluster(kCfg).x > 1) {
    store_cluster<kCfg, Epilogue>(args, work, tile);
  } else {
    store_tile<kCfg, Epilogue>(args, work, tile, split);
  }
}

}  // namespace convoke::cuda
