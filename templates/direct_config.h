// The families without shared memory (kDirect, kReference): how outputs are dealt out to threads.
// Direct: a thread owns block_n filters of one group at block_m pixels of one image, and reads
// block_k channels at once. Where y is nhwc, neighbouring threads own neighbouring filters, then
// pixels; where it is nchw, neighbouring pixels: a warp stores whole sectors. Reference: a thread
// owns one output; a warp is 8 filters by 4 pixels, so that neither operand is read 32 times.
#pragma once

#include "templates/conv_types.h"

namespace convoke::cuda {

/// Most blocks in x. Families whose work can exceed it walk in strides of the grid.
constexpr long long kMaxBlocks = (1LL << 31) - 1;
constexpr unsigned capped_blocks(long long blocks) {
  return static_cast<unsigned>(blocks < kMaxBlocks ? blocks : kMaxBlocks);
}

constexpr int kWarp = 32;
constexpr int kDirectThreads = 128;
constexpr int kReferenceFilters = 8, kReferencePixels = 32;  ///< of a block
constexpr int kReferenceThreads = kReferenceFilters * kReferencePixels;

constexpr long long direct_filter_tiles(const ConvConfig& c) {
  return c.groups * ceil_div(c.k / c.groups, c.block_n);
}
/// Pixels between those of one thread. In nchw a warp's loads and stores run along them.
constexpr int direct_pixel_step(const ConvConfig& c) {
  return c.y_layout == Layout::kNchw && c.block_m > 1 ? kWarp : 1;
}
constexpr long long direct_pixel_tiles(const ConvConfig& c) {
  const long long step = direct_pixel_step(c);
  return ceil_div(c.p * c.q, c.block_m * step) * step;
}
/// Threads for one image.
constexpr long long direct_items(const ConvConfig& c) {
  return direct_filter_tiles(c) * direct_pixel_tiles(c);
}
constexpr unsigned direct_blocks(const ConvConfig& c, long long n) {
  return capped_blocks(ceil_div(direct_items(c) * n, kDirectThreads));
}
/// As many as leave the registers for which nothing spills (tried on sm_75 to sm_120).
constexpr int direct_min_blocks(const ConvConfig& c) { return c.block_m * c.block_n <= 4 ? 4 : 2; }
/// Pieces of block_k channels need their size; single elements need no more than they have.
constexpr int direct_alignment(const ConvConfig& c) {
  return c.block_k > 1 ? c.block_k * size_of(c.x_type) : 1;
}

constexpr unsigned reference_blocks(const ConvConfig& c, long long n) {
  return capped_blocks(ceil_div(c.k, kReferenceFilters) *
                       ceil_div(n * c.p * c.q, kReferencePixels));
}

/// A range of taps that holds every live one, without a walk over billions of taps.
constexpr TapRange reached_taps(long long taps, long long outputs, long long stride, long long pad,
                                long long dilation, long long size) {
  // The last output sees the image from the earliest tap on, the first up to the latest.
  return {valid_taps(outputs - 1, stride, pad, dilation, taps, size).begin,
          valid_taps(0, stride, pad, dilation, taps, size).end};
}

constexpr bool is_power_of_two(long long v) { return v > 0 && (v & (v - 1)) == 0; }

/// Why the direct family cannot run this, or null.
constexpr const char* why_illegal_direct(const ConvConfig& c) {
  if (!is_power_of_two(c.block_m) || c.block_m > 8) return "bm must be 1, 2, 4 or 8";
  if (!is_power_of_two(c.block_n) || c.block_n > 8) return "bn must be 1, 2, 4 or 8";
  if (c.block_m * c.block_n > 32) return "bm * bn must not exceed 32 (registers)";
  if (!is_power_of_two(c.block_k) || c.block_k * size_of(c.x_type) > 16)
    return "bk must be a power of two of at most 16 bytes";
  if (c.block_k > 1 && c.x_layout == Layout::kNchw)
    return "bk must be 1 in nchw, whose channels do not lie side by side";
  if (c.c / c.groups % c.block_k != 0) return "bk must divide the channels of a group";
  return nullptr;
}

}  // namespace convoke::cuda
