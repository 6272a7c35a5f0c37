// From a block's sums to y: strips of 16 rows go through shared memory, so that neighbouring lanes
// store neighbouring filters (nhwc) or pixels (nchw), then the epilogue, then y. Of a split
// reduction the sums go to the workspace instead, or are added up over the cluster, in the order of
// the splits either way.
#pragma once

#include "templates/epilogue.cuh"
#include "templates/im2col.cuh"
#include "templates/ptx/cluster.cuh"
#include "templates/ptx/cp_async.cuh"
#include "templates/repair.cuh"
#include "templates/scatter.cuh"
#include "templates/tile_loader.cuh"

namespace convoke::cuda {

/// How lanes share a staged strip: `kCount` filters of a row each.
template <ConvConfig kCfg>
struct StripLanes {
  static constexpr bool kNhwc = kCfg.y_layout == Layout::kNhwc;
  static constexpr int kCount = strip_width(kCfg);
  static constexpr int kColumns = warp_tile_n(kCfg) / kCount;
  /// Row and first column of item `i` of the strip's rows * kColumns.
  static __device__ __forceinline__ int row(int i, int rows) {
    return kNhwc ? i / kColumns : i % rows;
  }
  static __device__ __forceinline__ int column(int i, int rows) {
    return (kNhwc ? i % kColumns : i / rows) * kCount;
  }
};

/// Four sums from a vector of their words.
template <typename Value>
__device__ __forceinline__ void unpack(const uint4& words, Value* sums) {
  sums[0] = sum_of_bits<Value>(words.x), sums[1] = sum_of_bits<Value>(words.y);
  sums[2] = sum_of_bits<Value>(words.z), sums[3] = sum_of_bits<Value>(words.w);
}
/// Neighbouring sums of a staged row. Of eight, every other group of four lanes reads its second
/// half first: eight lanes that are served together then touch all banks once.
template <typename Value, int kCount>
__device__ __forceinline__ void read_staged(const Value* from, Value (&sums)[kCount]) {
  if constexpr (kCount == 8) {
    const bool late = (threadIdx.x & 4) != 0;
    const uint4 a = *reinterpret_cast<const uint4*>(from + (late ? 4 : 0));
    const uint4 b = *reinterpret_cast<const uint4*>(from + (late ? 0 : 4));
    unpack(late ? b : a, sums);
    unpack(late ? a : b, sums + 4);
  } else {
#pragma unroll
    for (int j = 0; j < kCount; ++j) sums[j] = from[j];
  }
}

/// Partial sum of a split over the workspace; `filter` of all groups, as packed.
template <ConvConfig kCfg>
__device__ __forceinline__ Sum<kCfg>* partial_sum(const ConvArgs& args, int split, long long pixel,
                                                  int filter) {
  return static_cast<Sum<kCfg>*>(args.workspace) +
         (split * (args.n * (kCfg.p * kCfg.q)) + pixel) * (kCfg.groups * gemm_filters(kCfg)) +
         filter;
}

/// If any thread of the block saw a NaN: computes the outputs of rows [begin, end) of the tile
/// whose pixels have padding once more. All threads of the block take part.
template <ConvConfig kCfg, typename Epilogue>
__device__ __forceinline__ void repair_rows(const ConvArgs& args, const BlockWork<kCfg>& work,
                                            bool saw_nan, int begin, int end) {
  using G = Gemm<kCfg>;
  if (!__syncthreads_or(saw_nan)) return;
  const int rows = min(end, work.pixels.rows) - begin;
  const int filters = min(kCfg.block_n, G::kK - work.filter);
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < rows * filters; i += G::kThreads) {
    const long long pixel = work.pixels.pixel_of(begin + i / filters);
    if (!has_padding<kCfg>(pixel)) continue;
    const int k = work.group * G::kK + work.filter + i % filters;
    const int channel = output_channel<kCfg>(args, k);
    if (channel < 0) continue;
    float sum[1] = {sum_of_valid_taps<kCfg>(args, pixel, k)};
    finish_and_store<kCfg, Epilogue>(args, sum, pixel, channel);
  }
}

/// Stores the block's tile from its warps' registers. All copies into the ring have landed.
template <ConvConfig kCfg, typename Epilogue, typename Tile>
__device__ __forceinline__ void store_tile(const ConvArgs& args, const BlockWork<kCfg>& work,
                                           const Tile& tile, int split) {
  using G = Gemm<kCfg>;
  using Lanes = StripLanes<kCfg>;
  constexpr int kPitch = warp_tile_n(kCfg) + staging_pad(kCfg);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int warp_m = warp / kCfg.warps_n, warp_n = warp % kCfg.warps_n;
  Sum<kCfg>* const staging =
      reinterpret_cast<Sum<kCfg>*>(shared_memory()) + warp * kStripRows * kPitch;
  constexpr bool kScatters = kCfg.sparse == Sparse::kFilters && kCfg.split_k == 1;
  bool saw_nan = false;
  __syncthreads();  // the ring is read no more
  // Of kept filters: the output channels that this warp writes, and a zero behind each row.
  const int first = work.filter + warp_n * warp_tile_n(kCfg);
  [[maybe_unused]] OutputRange<kCfg> range;
  if constexpr (kScatters) {
    range = OutputRange<kCfg>(args, work.group, first, first + warp_tile_n(kCfg));
    if (lane < kStripRows) staging[lane * kPitch + warp_tile_n(kCfg)] = 0;
  }
  // Most lanes have the same columns of all rows: their operands are loaded once.
  constexpr bool kSameColumns = Lanes::kNhwc && 32 % Lanes::kColumns == 0 && !kScatters;
  const int own = first + (kSameColumns ? lane % Lanes::kColumns * Lanes::kCount : 0);
  const ChannelOperands<kCfg, Lanes::kCount> channels(
      args, work.group * G::kK + own, kSameColumns && own < G::kK ? Lanes::kCount : 0);
#pragma unroll
  for (int strip = 0; strip < warp_tile_m(kCfg) / kStripRows; ++strip) {
    tile.stage(strip, staging, kPitch);
    __syncwarp();
    if constexpr (kScatters) {
      const int row0 = warp_m * warp_tile_m(kCfg) + strip * kStripRows;
      saw_nan |= scatter_rows<kCfg, Epilogue, 32, kStripRows>(
          args, range, work.group, first, first + warp_tile_n(kCfg), warp_tile_n(kCfg), lane,
          [](int i) { return i; },
          [&](int row, int offset) { return staging[row * kPitch + offset]; },
          [&](int row) -> long long {
            return row0 + row < work.pixels.rows ? work.pixels.pixel_of(row0 + row) : -1;
          });
      __syncwarp();
      continue;
    }
    constexpr int kItems = kStripRows * Lanes::kColumns;
#pragma unroll
    for (int item = 0; item < kItems; item += 32) {
      const int i = item + lane;
      if (kItems % 32 != 0 && i >= kItems) break;
      const int row = Lanes::row(i, kStripRows), column = Lanes::column(i, kStripRows);
      const int tile_row = warp_m * warp_tile_m(kCfg) + strip * kStripRows + row;
      const int filter = work.filter + warp_n * warp_tile_n(kCfg) + column;
      if (tile_row >= work.pixels.rows || filter >= G::kK) continue;
      const long long pixel = work.pixels.pixel_of(tile_row);
      Sum<kCfg> sums[Lanes::kCount];
      read_staged(staging + row * kPitch + column, sums);
      const int k = work.group * G::kK + filter;
      if constexpr (kCfg.split_k > 1) {
        Sum<kCfg>* const to = partial_sum<kCfg>(args, split, pixel, k);
        store_row<sum_type(kCfg), (Lanes::kCount > 1)>(to, 0, sums);
      } else {
        saw_nan |= repairs_padding(kCfg) && any_nan(sums);
        if constexpr (kSameColumns)
          finish_and_store<kCfg, Epilogue>(args, sums, channels, pixel, k);
        else
          finish_and_store<kCfg, Epilogue>(args, sums, pixel, k);
      }
    }
    __syncwarp();
  }
  if constexpr (repairs_padding(kCfg) && kCfg.split_k == 1)
    repair_rows<kCfg, Epilogue>(args, work, saw_nan, 0, kCfg.block_m);
}

/// Adds up the cluster's tiles: every block stages all of its sums, then finishes some of the rows.
template <ConvConfig kCfg, typename Epilogue, typename Tile>
__device__ __forceinline__ void store_cluster(const ConvArgs& args, const BlockWork<kCfg>& work,
                                              const Tile& tile) {
  using G = Gemm<kCfg>;
  using Lanes = StripLanes<kCfg>;
  constexpr int kWarpPitch = warp_tile_n(kCfg) + staging_pad(kCfg);
  constexpr int kPitch = kCfg.warps_n * kWarpPitch;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int warp_m = warp / kCfg.warps_n, warp_n = warp % kCfg.warps_n;
  Sum<kCfg>* const staged = reinterpret_cast<Sum<kCfg>*>(shared_memory());
  __syncthreads();  // the ring is read no more
#pragma unroll
  for (int strip = 0; strip < warp_tile_m(kCfg) / kStripRows; ++strip)
    tile.stage(
        strip,
        staged + (warp_m * warp_tile_m(kCfg) + strip * kStripRows) * kPitch + warp_n * kWarpPitch,
        kPitch);
  if constexpr (kCfg.sparse == Sparse::kFilters)  // a zero behind each row's first warp
    for (int row = static_cast<int>(threadIdx.x); row < kCfg.block_m; row += G::kThreads)
      staged[row * kPitch + warp_tile_n(kCfg)] = 0;
  ptx::cluster_sync();
  constexpr int kRows = static_cast<int>(ceil_div(kCfg.block_m, kCfg.split_k));
  constexpr int kColumns = kCfg.warps_n * Lanes::kColumns;
  const int first_row = ptx::cluster_rank() * kRows;
  bool saw_nan = false;
  if constexpr (kCfg.sparse == Sparse::kFilters) {
    const int last = work.filter + kCfg.block_n;
    const OutputRange<kCfg> range(args, work.group, work.filter, last);
    saw_nan = scatter_rows<kCfg, Epilogue, G::kThreads, kRows>(
        args, range, work.group, work.filter, last, warp_tile_n(kCfg),
        static_cast<int>(threadIdx.x),
        [](int i) { return i / warp_tile_n(kCfg) * kWarpPitch + i % warp_tile_n(kCfg); },
        [&](int row, int offset) {
          const unsigned address =
              ptx::shared_address(staged + (first_row + row) * kPitch + offset);
          Sum<kCfg> sum = 0;
#pragma unroll
          for (int rank = 0; rank < kCfg.split_k; ++rank)
            sum += sum_of_bits<Sum<kCfg>>(ptx::load_cluster(address, rank));
          return sum;
        },
        [&](int row) -> long long {
          const int at = first_row + row;
          return at < work.pixels.rows ? work.pixels.pixel_of(at) : -1;
        });
  }
  for (int i = static_cast<int>(threadIdx.x);
       kCfg.sparse != Sparse::kFilters && i < kRows * kColumns; i += G::kThreads) {
    const int row = first_row + (Lanes::kNhwc ? i / kColumns : i % kRows);
    const int column = (Lanes::kNhwc ? i % kColumns : i / kRows) * Lanes::kCount;
    const int filter = work.filter + column;
    if (row >= work.pixels.rows || filter >= G::kK) continue;
    const unsigned address =
        ptx::shared_address(staged + row * kPitch + column / warp_tile_n(kCfg) * kWarpPitch +
                            column % warp_tile_n(kCfg));
    Sum<kCfg> sums[Lanes::kCount];
#pragma unroll
    for (int j = 0; j < Lanes::kCount; ++j) sums[j] = 0;
#pragma unroll
    for (int rank = 0; rank < kCfg.split_k; ++rank) {
      if constexpr (Lanes::kCount % 4 != 0) {
#pragma unroll
        for (int j = 0; j < Lanes::kCount; ++j)
          sums[j] += sum_of_bits<Sum<kCfg>>(ptx::load_cluster(address + j * 4, rank));
      } else {
#pragma unroll
        for (int j = 0; j < Lanes::kCount; j += 4) {
          Sum<kCfg> part[4];
          unpack(ptx::load_cluster4(address + j * 4, rank), part);
#pragma unroll
          for (int i = 0; i < 4; ++i) sums[j + i] += part[i];
        }
      }
    }
    saw_nan |= repairs_padding(kCfg) && any_nan(sums);
    finish_and_store<kCfg, Epilogue>(args, sums, work.pixels.pixel_of(row),
                                     work.group * G::kK + filter);
  }
  if constexpr (repairs_padding(kCfg))
    repair_rows<kCfg, Epilogue>(args, work, saw_nan, first_row,
                                min(first_row + kRows, kCfg.block_m));
  ptx::cluster_sync();  // nobody leaves while its sums are read
}

/// `convoke_reduce`: adds up the partial sums of a split over the workspace.
template <ConvConfig kCfg, typename Epilogue>
__device__ __forceinline__ void run_reduce(const ConvArgs& args) {
  constexpr int kWidth = reduce_width(kCfg);
  const long long item = static_cast<long long>(blockIdx.x) * kReduceThreads + threadIdx.x;
  const long long pixel = item / (kCfg.k / kWidth);
  const int filter = static_cast<int>(item % (kCfg.k / kWidth)) * kWidth;
  if (pixel >= args.n * (kCfg.p * kCfg.q)) return;
  Sum<kCfg> sums[kWidth] = {};
  int packed = filter;
  if constexpr (kCfg.sparse == Sparse::kFilters) {
    const unsigned place = packed_place<kCfg>(args, filter);
    if (place == kPruned) return finish_and_store<kCfg, Epilogue>(args, sums, pixel, filter);
    packed = static_cast<int>(filter / k_per_group(kCfg) * kCfg.kept + place);
  }
#pragma unroll 4
  for (int split = 0; split < kCfg.split_k; ++split) {
    const Sum<kCfg>* from = partial_sum<kCfg>(args, split, pixel, packed);
    if constexpr (kWidth == 4) {
      Sum<kCfg> part[4];
      unpack(*reinterpret_cast<const uint4*>(from), part);
#pragma unroll
      for (int j = 0; j < 4; ++j) sums[j] += part[j];
    } else {
      sums[0] += *from;
    }
  }
  if constexpr (repairs_padding(kCfg)) {
    if (any_nan(sums) && has_padding<kCfg>(pixel)) {
#pragma unroll
      for (int j = 0; j < kWidth; ++j) sums[j] = sum_of_valid_taps<kCfg>(args, pixel, packed + j);
    }
  }
  finish_and_store<kCfg, Epilogue>(args, sums, pixel, filter);
}

}  // namespace convoke::cuda
