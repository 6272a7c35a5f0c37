// The GEMM families (kMma, kFma): how M, N and K of the implicit GEMM are cut and what a block
// needs.
//  M  output pixels: m = (n * P + p) * Q + q, or the images at one output position (kBatch)
//  N  filters of a group
//  K  live taps by channels of a group: channels fastest in nhwc, taps fastest in nchw (as the
//     weights lie)
// A tile of A or B is rows of block_k elements in shared memory, cut into 16-byte chunks that are
// XOR-swizzled by their row. Where rows of the tensors are aligned to 4 bytes or more, cp.async
// copies them; else (channels in no multiple of 4 bytes, nchw) elements go through registers.
#pragma once

#include "templates/conv_types.h"

namespace convoke::cuda {

constexpr int kChunkBytes = 16;  ///< what ldmatrix and the widest cp.async move at once
constexpr int kStripRows = 16;   ///< rows of a warp's tile that are staged for the store at a time

constexpr int kMaxGemmTaps = 1024;  ///< of a filter's axis; also bounds constexpr loops over taps

constexpr long long kMaxReach = 1LL << 29;  ///< of coordinates: sums of a few stay in 32 bits

constexpr long long c_per_group(const ConvConfig& c) { return c.c / c.groups; }
constexpr long long k_per_group(const ConvConfig& c) { return c.k / c.groups; }
/// Filters of a group that the GEMM computes: N.
constexpr long long gemm_filters(const ConvConfig& c) {
  return c.sparse == Sparse::kFilters ? c.kept : k_per_group(c);
}
/// Channels of a list's entry: as many as divide both a unit and a group, so that none is cut off;
/// of patches, those of one.
constexpr long long list_channels(const ConvConfig& c) {
  long long a = c.unit_c, b = c_per_group(c);
  while (b != 0) {
    const long long rest = a % b;
    a = b, b = rest;
  }
  if (c.patch == 1 && c.block_k > 0 && a % c.block_k == 0) return c.block_k;
  return a;
}
constexpr int gemm_threads(const ConvConfig& c) { return c.warps_m * c.warps_n * 32; }
/// Threads of a warp along M and N of its tile, on the FMA units.
constexpr int kFmaLanesM = 4, kFmaLanesN = 8;
constexpr int warp_tile_m(const ConvConfig& c) { return c.block_m / c.warps_m; }
constexpr int warp_tile_n(const ConvConfig& c) { return c.block_n / c.warps_n; }

/// Bytes that one copy into shared memory moves: 16, 8 or 4 by cp.async; 0 where only single
/// elements are aligned.
constexpr int gemm_copy_bytes(const ConvConfig& c) {
  if (c.x_layout == Layout::kNchw) return 0;
  // Channels that lie side by side: a whole row of them, or of an entry.
  const long long row =
      (c.sparse == Sparse::kLists ? list_channels(c) : c_per_group(c)) * size_of(c.x_type);
  return row % 16 == 0 ? 16 : row % 8 == 0 ? 8 : row % 4 == 0 ? 4 : 0;
}
/// Copies (or register-staged chunks) that make one row of a tile.
constexpr int gemm_row_copies(const ConvConfig& c) {
  const int bytes = gemm_copy_bytes(c);
  return c.block_k * size_of(c.x_type) / (bytes == 0 ? kChunkBytes : bytes);
}
/// The most rows of a tile of `rows` that one thread loads.
constexpr int gemm_thread_rows(const ConvConfig& c, int rows) {
  return static_cast<int>(
      ceil_div(static_cast<long long>(rows) * gemm_row_copies(c), gemm_threads(c)));
}

/// Taps between the first and the last that meet valid input somewhere. (A tap between them may
/// still be dead, with large dilations; its loads are all masked.)
struct TapSpan {
  long long begin = 0, end = 0;
  constexpr long long size() const { return end - begin; }
};
constexpr TapSpan tap_span(long long taps, long long outputs, long long stride, long long pad,
                           long long dilation, long long size) {
  TapSpan span;
  for (long long i = 0; i < taps; ++i) {
    if (!tap_is_live(i, outputs, stride, pad, dilation, size)) continue;
    if (span.end == 0) span.begin = i;
    span.end = i + 1;
  }
  return span;
}
constexpr TapSpan span_r(const ConvConfig& c) {
  return tap_span(c.r, c.p, c.stride_h, c.pad_h, c.dilation_h, c.h);
}
constexpr TapSpan span_s(const ConvConfig& c) {
  return tap_span(c.s, c.q, c.stride_w, c.pad_w, c.dilation_w, c.w);
}
/// Whether some pixel lacks some of those taps, so that tiles hold zeros in the place of padding.
constexpr bool axis_pads(const TapSpan& span, long long taps, long long outputs, long long stride,
                         long long pad, long long dilation, long long size) {
  return valid_taps(0, stride, pad, dilation, taps, size).begin > span.begin ||
         valid_taps(outputs - 1, stride, pad, dilation, taps, size).end < span.end;
}
constexpr bool gemm_pads(const ConvConfig& c) {
  return c.order == PixelOrder::kImage &&
         (axis_pads(span_r(c), c.r, c.p, c.stride_h, c.pad_h, c.dilation_h, c.h) ||
          axis_pads(span_s(c), c.s, c.q, c.stride_w, c.pad_w, c.dilation_w, c.w));
}
/// Whether every output meets valid input with every tap.
constexpr bool all_taps_valid(const ConvConfig& c) {
  return !axis_pads({0, c.r}, c.r, c.p, c.stride_h, c.pad_h, c.dilation_h, c.h) &&
         !axis_pads({0, c.s}, c.s, c.q, c.stride_w, c.pad_w, c.dilation_w, c.w);
}
/// Whether zeros in the place of padding may have met infinite weights (repair.cuh).
constexpr bool repairs_padding(const ConvConfig& c) {
  return gemm_pads(c) && !is_integer(c.x_type);
}
constexpr long long gemm_tiles_n(const ConvConfig& c) {
  return ceil_div(gemm_filters(c), c.block_n);
}
/// Length of the reduction (of an output position with all taps valid, if kBatch; the mean over the
/// lists, if there are lists).
constexpr long long gemm_k(const ConvConfig& c) {
  if (c.sparse == Sparse::kLists) {
    const long long lists = c.groups * (c.per_input ? 1 : gemm_tiles_n(c));
    return ceil_div(c.kept, lists) * list_channels(c);
  }
  return span_r(c).size() * span_s(c).size() * c_per_group(c);
}

/// Bytes of a filter in a tile of B: block_k weights, or half of them and four bits for each two
/// (kPairs).
constexpr int weight_row_bytes(const ConvConfig& c) {
  const int dense = c.block_k * size_of(c.x_type);
  return c.sparse == Sparse::kPairs ? dense / 2 + c.block_k / 8 : dense;
}
/// After the patches: what padding reads.
inline constexpr int kPatchZeroBytes = 128;
/// Patches: rows, each a pixel of the images, that hold what all taps of a tile read: from the
/// first pixel's first tap to the last one's last, wherever the tile begins.
constexpr long long patch_rows(const ConvConfig& c) {
  const auto positive = [](long long a) { return a > 0 ? a : 0; };
  const long long steps = c.block_m - 1;
  const long long row_ends = (steps + c.q - 1) / c.q,
                  image_ends = (steps + c.p * c.q - 1) / (c.p * c.q);
  const long long rows =
      1 + steps * c.stride_w + row_ends * positive(c.stride_h * c.w - c.q * c.stride_w) +
      image_ends * positive((c.h - c.p * c.stride_h) * c.w) +
      (span_r(c).size() - 1) * c.dilation_h * c.w + (span_s(c).size() - 1) * c.dilation_w;
  return ceil_div(rows, 2) * 2;  // rows of 64 bytes too fill lines
}
/// Two where there are more channels than one patch holds: one is read, one copied.
constexpr long long patch_buffers(const ConvConfig& c) {
  return c_per_group(c) <= c.block_k ? 1 : 2;
}
/// Taps beside whose multiplication a piece of the next patch is copied: what is copied beside the
/// last few would land too late.
constexpr int patch_shares(const ConvConfig& c) {
  return static_cast<int>(span_r(c).size() * span_s(c).size()) + 2 - c.stages;
}
/// Shared memory before the ring: the patches and a row of zeros.
constexpr long long patch_bytes(const ConvConfig& c) {
  return c.patch == 1
             ? patch_buffers(c) * patch_rows(c) * (c.block_k * size_of(c.x_type)) + kPatchZeroBytes
             : 0;
}

constexpr long long tile_bytes(const ConvConfig& c) {
  return static_cast<long long>(c.patch == 1 ? 0 : c.block_m) * c.block_k * size_of(c.x_type) +
         static_cast<long long>(c.block_n) * weight_row_bytes(c);
}
/// Sums after each staged row, so that rows start in other banks. Where a lane's sums are
/// neighbouring pixels (kPairs), rows 2, 4 and 6 apart are written together.
constexpr int staging_pad(const ConvConfig& c) { return c.sparse == Sparse::kPairs ? 4 : 8; }
constexpr long long staging_bytes(const ConvConfig& c) {
  const long long row = (warp_tile_n(c) + staging_pad(c)) * 4;
  return c.split_k > 1 && c.split_by == SplitBy::kCluster
             ? row * c.warps_n * c.block_m                // the whole tile, for the other blocks
             : row * c.warps_n * c.warps_m * kStripRows;  // a strip of each warp
}
/// Positions of the reduction whose offsets a register-staged loader keeps in shared memory, after
/// the ring, instead of dividing for each element; 0 where they are too many, or where cp.async
/// copies.
constexpr int kPositionBytes = 16;
constexpr long long kMaxTabledPositions = 1024;
constexpr long long tabled_positions(const ConvConfig& c) {
  const long long padded = ceil_div(gemm_k(c), c.block_k) * c.block_k;
  if (c.sparse == Sparse::kLists) return 0;  // a list is a table already
  return gemm_copy_bytes(c) == 0 && padded <= kMaxTabledPositions ? padded : 0;
}
constexpr long long gemm_shared_bytes(const ConvConfig& c) {
  const long long ring =
      patch_bytes(c) + tile_bytes(c) * c.stages + tabled_positions(c) * kPositionBytes;
  return ring > staging_bytes(c) ? ring : staging_bytes(c);
}

/// Tiles of the pixels of n images.
constexpr long long gemm_tiles_m(const ConvConfig& c, long long n) {
  return c.order == PixelOrder::kBatch ? c.p * c.q * ceil_div(n, c.block_m)
                                       : ceil_div(n * c.p * c.q, c.block_m);
}
/// Blocks in x: splits fastest (a cluster is consecutive blocks), then tiles of filters (which
/// share their pixels in L2), groups, tiles of pixels.
constexpr long long gemm_blocks(const ConvConfig& c, long long n) {
  return gemm_tiles_m(c, n) * c.groups * gemm_tiles_n(c) * c.split_k;
}

/// Filters that a thread stores at once: as many as 16 bytes and eight staged sums hold and the
/// filters of a group allow.
constexpr int store_width(const ConvConfig& c) {
  if (c.y_layout == Layout::kNchw) return 1;
  int width = size_of(c.y_type) == 1 ? 8 : 16 / size_of(c.y_type);
  while (k_per_group(c) % width != 0) width /= 2;
  return width;
}

/// Filters of a staged row that a thread takes at once.
constexpr int strip_width(const ConvConfig& c) {
  if (c.sparse != Sparse::kFilters) return store_width(c);  // else packed rows of partial sums
  return c.kept % 4 == 0 ? 4 : c.kept % 2 == 0 ? 2 : 1;
}

/// Partial sums of a split over the workspace: [split][pixel][filter], of the kept filters.
constexpr long long gemm_workspace_bytes(const ConvConfig& c, long long n) {
  return c.split_k > 1 && c.split_by == SplitBy::kWorkspace
             ? c.split_k * n * c.p * c.q * c.groups * gemm_filters(c) * 4
             : 0;
}
/// Filters that one thread of the reduction adds up: 16 bytes of partial sums where k allows it.
constexpr int reduce_width(const ConvConfig& c) {
  return c.sparse == Sparse::kFilters || c.k % 4 != 0 ? 1 : c.y_layout == Layout::kNhwc ? 4 : 1;
}
constexpr int kReduceThreads = 256;

inline constexpr long long kMaxPatchRows = 4096, kMaxPatchRowsOfThread = 64;
inline constexpr long long kMaxPatchSide = 1 << 20, kMaxPatchStride = 1 << 10;
/// Whether the padding at an axis' ends is no more than a filter reaches: only then do the pixels
/// that a strip's taps read lie between its first pixel's first tap and its last one's last.
constexpr bool padding_within_reach(long long taps, long long outputs, long long stride,
                                    long long pad, long long dilation, long long size) {
  const long long reach = (taps - 1) * dilation;
  return pad <= reach && (outputs - 1) * stride + reach - pad - (size - 1) <= reach;
}
/// Why images cannot come as patches, or null. Asked before sizes are known to be sane.
constexpr const char* why_illegal_patch(const ConvConfig& c) {
  if (c.family != Family::kMma) return "patch=1 is for the mma family";
  if (c.block_m < 1 || c.block_k < 1) return "patch=1 needs bm and bk";
  if (c.order != PixelOrder::kImage) return "patch=1 needs order=image";
  if (c.split_k > 1 && c.sparse == Sparse::kLists)
    return "patch=1 does not go with a split of lists";
  if (gemm_copy_bytes(c) != kChunkBytes) return "patch=1 needs copies of 16 bytes";
  if (c.sparse != Sparse::kLists) {
    if (c_per_group(c) % c.block_k != 0)
      return "patch=1 needs channels of a group in multiples of bk";
  } else if (c.block_k % list_channels(c) != 0) {
    return "patch=1 needs lists whose channels divide bk, or the other way round";
  } else if (!c.per_input && list_channels(c) != c.block_k) {
    return "patch=1 needs blocks whose channels are a multiple of bk";
  }
  if (c.r > kMaxGemmTaps || c.s > kMaxGemmTaps || c.stride_h > kMaxPatchStride ||
      c.stride_w > kMaxPatchStride || c.dilation_h > kMaxPatchSide ||
      c.dilation_w > kMaxPatchSide || c.h > kMaxPatchSide || c.w > kMaxPatchSide ||
      c.p > kMaxPatchSide || c.q > kMaxPatchSide || c.h > (1LL << 30) / c.w ||
      c.p * c.stride_h > (1LL << 30) / c.w)
    return "patch=1 is for images of up to 2^30 pixels, 2^20 a side, strides of up to 1024";
  if (!padding_within_reach(c.r, c.p, c.stride_h, c.pad_h, c.dilation_h, c.h) ||
      !padding_within_reach(c.s, c.q, c.stride_w, c.pad_w, c.dilation_w, c.w))
    return "patch=1 needs padding of no more than (taps - 1) * dilation at each end";
  if (span_r(c).size() * span_s(c).size() < 2) return "patch=1 needs two taps or more";
  if (patch_rows(c) > kMaxPatchRows) return "a patch must not exceed 4096 pixels";
  if (c.sparse != Sparse::kLists && patch_buffers(c) > 1 && patch_shares(c) < 1)
    return "stages must not exceed the taps + 1 where there are several patches";
  return nullptr;
}

/// Why the GEMM families cannot run this, or null. `shared` is the most that a block can have.
constexpr const char* why_illegal_gemm(const ConvConfig& c, int capability, long long shared) {
  const bool mma = c.family == Family::kMma;
  if (capability < 80) return "it needs compute capability 8.0 or later (cp.async)";
  if (mma && c.x_type == Type::kF32)
    return "mma multiplies f16, bf16, tf32, s8 and u8; fma is for f32";
  if (!mma && c.x_type != Type::kF32)
    return "fma multiplies f32; mma is for f16, bf16, tf32, s8 and u8";
  if (c.block_m < 16 || c.block_m > 256) return "bm must be 16 to 256";
  if (c.block_n < 8 || c.block_n > 256) return "bn must be 8 to 256";
  if (c.warps_m < 1 || c.warps_n < 1 || c.warps_m * c.warps_n > 16)
    return "wm and wn must be at least 1, and at most 16 together";
  if (c.block_m % c.warps_m != 0 || c.block_n % c.warps_n != 0)
    return "bm must be a multiple of wm, and bn of wn";
  if (warp_tile_m(c) % 16 != 0) return "bm / wm must be a multiple of 16";
  if (mma && warp_tile_n(c) % 16 != 0 && warp_tile_n(c) != 8)
    return "bn / wn must be 8 or a multiple of 16";
  if (!mma && warp_tile_n(c) % kFmaLanesN != 0) return "bn / wn must be a multiple of 8";
  if (warp_tile_m(c) * warp_tile_n(c) > 128 * 32)
    return "a warp's tile must not exceed 4096 outputs (128 registers a thread)";
  const int row_bytes = c.block_k * size_of(c.x_type);
  if (row_bytes != 64 && row_bytes != 128)
    return "bk must be 64 or 128 elements of a byte, 32 or 64 of 2 bytes, 16 or 32 of 4";
  if (c.stages < 2 || c.stages > 6) return "stages must be 2 to 6";
  if (gemm_copy_bytes(c) == 0 && c.stages > 3)
    return "stages must be 2 or 3 where elements go through registers: they are one tile ahead";
  if (gemm_threads(c) % gemm_row_copies(c) != 0)
    return "the threads must be a multiple of the copies in a tile's row: more warps or a smaller "
           "bk";
  if (gemm_thread_rows(c, c.block_m) > 16 || gemm_thread_rows(c, c.block_n) > 16)
    return "a thread would load more than 16 rows of a tile: more warps or a smaller bk or tile";
  if (c.split_k < 1 || c.split_k > 64) return "split must be 1 to 64";
  if (c.split_k > 1 && c.split_by == SplitBy::kCluster) {
    if (capability < 90) return "a split by cluster needs compute capability 9.0 or later";
    if (c.split_k > 8) return "a split by cluster is 8 at most";
  }
  if (c.order == PixelOrder::kBatch) {
    if (c.x_layout != Layout::kNhwc) return "order=batch needs nhwc images";
    if (gemm_copy_bytes(c) == 0 || c_per_group(c) % c.block_k != 0)
      return "order=batch needs channels of a group in multiples of bk";
  }
  if (c.r > kMaxGemmTaps || c.s > kMaxGemmTaps)
    return "filters of more than 1024 rows or columns are for the direct family";
  if (c.pad_h > kMaxReach || c.pad_w > kMaxReach || (c.p - 1) * c.stride_h > kMaxReach ||
      (c.q - 1) * c.stride_w > kMaxReach || (c.r - 1) * c.dilation_h > kMaxReach ||
      (c.s - 1) * c.dilation_w > kMaxReach)
    return "padding, strides or dilations that reach beyond 2^29 are for the direct family";
  if (c.p > (1LL << 30) / c.q || c.h > (1LL << 30) || c.w > (1LL << 30))
    return "images of more than 2^30 pixels are for the direct family";
  if (c_per_group(c) > (1LL << 30) / (c.r * c.s) || c.k > (1LL << 30))
    return "reductions or filters beyond 2^30 are for the direct family";
  if (c.patch == 1) {
    if (const char* why = why_illegal_patch(c)) return why;
    if (patch_rows(c) * gemm_row_copies(c) > kMaxPatchRowsOfThread * gemm_threads(c))
      return "a thread would copy more than 64 rows of a patch: more warps or a smaller bm or bk";
  }
  if (gemm_k(c) == 0) return "no tap meets any input: that is for the direct family";
  if (gemm_shared_bytes(c) > shared) return "its ring of stages exceeds a block's shared memory";
  return nullptr;
}

}  // namespace convoke::cuda
