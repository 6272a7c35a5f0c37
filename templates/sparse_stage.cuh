// The input of a block of the sparse family, from memory to planes of f32 in shared memory
// (templates/weights_config.h), and where the block's tile lies.
#pragma once

#include "templates/conv_config.h"
#include "templates/types.cuh"

namespace convoke::cuda {

/// Constants of a kernel of the sparse family.
template <ConvConfig kCfg>
struct Weights {
  static constexpr bool kNhwc = kCfg.x_layout == Layout::kNhwc;
  static constexpr StagedAxis kRows = staged_rows(kCfg), kColumns = staged_columns(kCfg);
  static constexpr StagedPitch kPitch = staged_pitch(kCfg);
  static constexpr int kTileP = kCfg.tile_p, kTileQ = kCfg.tile_q;
  static constexpr int kPitchRow = static_cast<int>(kPitch.row);
  static constexpr int kPitchImage = static_cast<int>(kPitch.image);
  static constexpr int kImages = tile_images(kCfg);
  static constexpr int kFilters = thread_filters(kCfg), kPixels = thread_pixels(kCfg);
  static constexpr int kChannels = static_cast<int>(c_per_group(kCfg));
  static constexpr int kGroupFilters = static_cast<int>(k_per_group(kCfg));
  static constexpr int kChunks = static_cast<int>(sparse_chunks(kCfg));
  static constexpr int kTiles = static_cast<int>(sparse_tiles_n(kCfg));
  static constexpr long long kStrideC = kNhwc ? 1 : kCfg.h * kCfg.w;
  static constexpr long long kStrideW = kNhwc ? kCfg.c : 1;
  static constexpr int kLoad = staged_load(kCfg);
  static constexpr int kLoads = kCfg.block_k / kLoad;  ///< of a position
  static constexpr int kPositions =
      static_cast<int>(kImages * kRows.slots * kColumns.slots * kRows.length * kColumns.length);

  /// Floats of the staged chunk from a thread's first pixel to its pixel v.
  static constexpr int step(int v) {
    return 32 * v / (kTileQ * kTileP) * kPitchImage + 32 * v / kTileQ % kTileP * kPitchRow +
           32 * v % kTileQ;
  }
};

/// The tile of a block.
template <ConvConfig kCfg>
struct WeightsBlock {
  using W = Weights<kCfg>;
  int group, tile;  ///< of filters
  int p, q;         ///< of the first pixel
  long long n;

  __device__ __forceinline__ explicit WeightsBlock(unsigned index) {
    constexpr unsigned kGroups = static_cast<unsigned>(kCfg.groups);
    constexpr unsigned kTilesQ = static_cast<unsigned>(ceil_div(kCfg.q, kCfg.tile_q));
    constexpr unsigned kTilesP = static_cast<unsigned>(ceil_div(kCfg.p, kCfg.tile_p));
    tile = static_cast<int>(index % W::kTiles), index /= W::kTiles;
    group = static_cast<int>(index % kGroups), index /= kGroups;
    q = static_cast<int>(index % kTilesQ) * kCfg.tile_q, index /= kTilesQ;
    p = static_cast<int>(index % kTilesP) * kCfg.tile_p;
    n = static_cast<long long>(index / kTilesP) * W::kImages;
  }
};

/// The staged chunk, and after it what else a block keeps.
__device__ __forceinline__ char* staged_memory() {
  extern __shared__ __align__(128) char memory[];
  return memory;
}

/// Stages a chunk of channels. The caller keeps the barriers before and after.
template <ConvConfig kCfg>
__device__ __forceinline__ void stage_chunk(const ConvArgs& args, const WeightsBlock<kCfg>& block,
                                            int chunk) {
  using W = Weights<kCfg>;
  using Storage = typename Element<kCfg.x_type>::Storage;
  constexpr StagedAxis kRows = W::kRows, kColumns = W::kColumns;
  constexpr int kLength = static_cast<int>(W::kColumns.length);
  constexpr int kHeight = static_cast<int>(W::kRows.length);
  constexpr int kSlotsW = static_cast<int>(W::kColumns.slots);
  constexpr int kSlotsH = static_cast<int>(W::kRows.slots);
  constexpr int kThreads = sparse_threads(kCfg), kItems = W::kPositions * W::kLoads;
  constexpr int kPlane = static_cast<int>(W::kPitch.channel);
  float* const staged = reinterpret_cast<float*>(staged_memory());
  const Storage* const x = static_cast<const Storage*>(args.x) +
                           block.n * (kCfg.c * kCfg.h * kCfg.w) +
                           (block.group * W::kChannels + chunk * kCfg.block_k) * W::kStrideC;
  const int h0 = block.p * static_cast<int>(kCfg.stride_h) +
                 static_cast<int>(W::kRows.first_tap * kCfg.dilation_h - kCfg.pad_h);
  const int w0 = block.q * static_cast<int>(kCfg.stride_w) +
                 static_cast<int>(W::kColumns.first_tap * kCfg.dilation_w - kCfg.pad_w);
#pragma unroll 4
  for (int i = static_cast<int>(threadIdx.x); i < kItems; i += kThreads) {
    // nhwc: neighbouring threads load neighbouring channels; nchw: neighbouring columns.
    const int channel = (W::kNhwc ? i % W::kLoads : i / W::kPositions) * W::kLoad;
    const int position = W::kNhwc ? i / W::kLoads : i % W::kPositions;
    const int column = position % kLength, row = position / kLength % kHeight;
    const int slots = position / kLength / kHeight;
    const int slot_w = slots % kSlotsW, slot_h = slots / kSlotsW % kSlotsH;
    const int image = slots / kSlotsW / kSlotsH;
    const int h = h0 + static_cast<int>(kRows.coordinate(slot_h, row));
    const int w = w0 + static_cast<int>(kColumns.coordinate(slot_w, column));
    const bool inside =
        h >= 0 && h < static_cast<int>(kCfg.h) && w >= 0 && w < static_cast<int>(kCfg.w) &&
        block.n + image < args.n &&
        (W::kChannels % kCfg.block_k == 0 || chunk * kCfg.block_k + channel < W::kChannels);
    constexpr int kBytes = W::kLoad * size_of(kCfg.x_type);
    Piece<kBytes> piece{};
    if (inside)
      piece = load_piece<kBytes>(x + image * (kCfg.c * kCfg.h * kCfg.w) + channel * W::kStrideC +
                                 (h * kCfg.w + w) * W::kStrideW);
    float* const to =
        staged + channel * kPlane + image * static_cast<int>(W::kPitch.image) +
        ((slot_h * kSlotsW + slot_w) * kHeight + row) * static_cast<int>(W::kPitch.row) + column;
#pragma unroll
    for (int j = 0; j < W::kLoad; ++j)
      to[j * kPlane] = multiplicand<kCfg.x_type>(element<kCfg.x_type>(piece, j));
  }
}

}  // namespace convoke::cuda
