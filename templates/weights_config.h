// The sparse family (kSparse): single kept weights, whatever the kind of the pattern. A block owns
// block_n filters of a group at a tile of block_m pixels: tile_q columns by tile_p rows by images,
// powers of two. It stages the tile's input, block_k channels at a time, as planes of f32 in shared
// memory, zeros where there is padding; lanes are neighbouring pixels, and a thread has a pixel
// every 32, so that a kept weight is one load without bank conflicts and one FMA a pixel.
//  kWeights  the tables are the end of each list (an entry number, after it the next even one
//            begins), then a bit for each unit; packed weights are pairs {byte offset of the input
//            in the staged chunk, f32}. Lists: [group][tile][chunk][filter of the tile], each in
//            the order channel, row, column
//  kCode     the tables say for each packed f32 which element of the plain weights it is; lists:
//            [group][tile] in the order channel, row, column, filter, padded to `kept`
// Both add up a filter's products in one order.
#pragma once

#include "templates/gemm_config.h"

namespace convoke::cuda {

constexpr int kMaxCodeWeights = 4096;  ///< kept weights that become instructions
constexpr int kMaxCodePixels = 4;      ///< of a thread that runs them
constexpr int kMaxThreadSums = 64;     ///< registers that hold a thread's sums
constexpr int kMaxSparseThreads = 512;

constexpr long long greatest_divisor(long long a, long long b) {
  while (b != 0) {
    const long long rest = a % b;
    a = b, b = rest;
  }
  return a;
}

/// How the taps and outputs of an axis are staged: as runs of input coordinates that lie `stride`
/// apart, so that neighbouring outputs of a tap are neighbours. Taps share runs, or, where strides
/// or dilations lie so far apart that this would stage more, each has its own.
struct StagedAxis {
  long long stride = 1, dilation = 1, first_tap = 0;
  long long period = 1;  ///< taps t and t + period share a run; 0: none do
  long long slots = 0;   ///< runs
  long long length = 0;  ///< of each
  constexpr long long slot(long long tap) const { return period == 0 ? tap : tap % period; }
  /// Place in its run of the tile's first output; taps count from first_tap.
  constexpr long long place(long long tap) const {
    return period == 0 ? 0 : tap * dilation / stride;
  }
  /// Input coordinate, counted from that of the tile's first output at first_tap.
  constexpr long long coordinate(long long slot, long long i) const {
    return (period == 0 ? slot * dilation : slot * dilation % stride) + i * stride;
  }
};
constexpr StagedAxis staged_axis(const TapSpan& span, long long tile, long long stride,
                                 long long dilation) {
  StagedAxis axis;
  const long long taps = span.size();
  axis.stride = stride, axis.dilation = dilation, axis.first_tap = span.begin;
  axis.period = stride / greatest_divisor(stride, dilation);
  axis.slots = taps < axis.period ? taps : axis.period;
  axis.length = tile + (taps - 1) * dilation / stride;
  if (axis.slots * axis.length > taps * tile)
    axis.period = 0, axis.slots = taps, axis.length = tile;
  return axis;
}
constexpr StagedAxis staged_rows(const ConvConfig& c) {
  return staged_axis(span_r(c), c.tile_p, c.stride_h, c.dilation_h);
}
constexpr StagedAxis staged_columns(const ConvConfig& c) {
  return staged_axis(span_s(c), c.tile_q, c.stride_w, c.dilation_w);
}

constexpr int tile_images(const ConvConfig& c) { return c.block_m / (c.tile_p * c.tile_q); }
constexpr int sparse_threads(const ConvConfig& c) { return 32 * c.warps_m * c.warps_n; }
/// Filters and pixels of a thread.
constexpr int thread_filters(const ConvConfig& c) { return c.block_n / c.warps_n; }
constexpr int thread_pixels(const ConvConfig& c) { return c.block_m / (32 * c.warps_m); }

/// Floats between neighbours in the staged chunk: [channel][image][row slot][column slot][row][..].
struct StagedPitch {
  long long row = 0, image = 0, channel = 0;
};
/// The least odd multiple of `unit` that holds `size`: such pitches put lanes into other banks.
constexpr long long odd_multiple(long long size, long long unit) {
  return (ceil_div(size, unit) | 1) * unit;
}
constexpr StagedPitch staged_pitch(const ConvConfig& c) {
  const StagedAxis rows = staged_rows(c), columns = staged_columns(c);
  const int lanes_q = c.tile_q < 32 ? c.tile_q : 32;
  const int lanes_p = c.tile_p < 32 / lanes_q ? c.tile_p : 32 / lanes_q;
  const int lanes_n = 32 / (lanes_q * lanes_p);
  StagedPitch pitch;
  pitch.row = lanes_p > 1 ? odd_multiple(columns.length, lanes_q) : columns.length;
  pitch.image = rows.slots * columns.slots * rows.length * pitch.row;
  if (lanes_n > 1) pitch.image = odd_multiple(pitch.image, lanes_q * lanes_p);
  // nhwc: neighbouring lanes store neighbouring channels.
  const int unit = c.block_k < 32 ? 32 / c.block_k : 1;
  pitch.channel = odd_multiple(tile_images(c) * pitch.image, unit);
  return pitch;
}
/// Float of the staged chunk at a pixel of the tile, less that at its first.
constexpr long long staged_pixel(const ConvConfig& c, const StagedPitch& pitch, int pixel) {
  return pixel / (c.tile_q * c.tile_p) * pitch.image + pixel / c.tile_q % c.tile_p * pitch.row +
         pixel % c.tile_q;
}
/// The same of a tap (of the filter) and a channel (of the chunk) at the first pixel.
constexpr long long staged_weight(const ConvConfig& c, const StagedPitch& pitch, long long r,
                                  long long s, long long channel) {
  const StagedAxis rows = staged_rows(c), columns = staged_columns(c);
  const long long tap_r = r - rows.first_tap, tap_s = s - columns.first_tap;
  const long long run = (rows.slot(tap_r) * columns.slots + columns.slot(tap_s)) * rows.length;
  return channel * pitch.channel + (run + rows.place(tap_r)) * pitch.row + columns.place(tap_s);
}
constexpr long long staged_bytes(const ConvConfig& c) {
  return staged_pitch(c).channel * c.block_k * 4;
}
constexpr long long sparse_shared_bytes(const ConvConfig& c) {
  // Values of the code's weights begin at a multiple of 16 bytes.
  return ceil_div(staged_bytes(c), 16) * 16 + (c.sparse == Sparse::kCode ? c.kept * 4 : 0);
}

/// Channels that one load takes: they lie side by side and are aligned to their size.
constexpr int staged_load(const ConvConfig& c) {
  if (c.x_layout == Layout::kNchw) return 1;
  int count = 16 / size_of(c.x_type);
  while (c_per_group(c) % count != 0 || c.block_k % count != 0) count /= 2;
  return count;
}

constexpr long long sparse_chunks(const ConvConfig& c) {
  return ceil_div(c_per_group(c), c.block_k);
}
constexpr long long sparse_tiles_n(const ConvConfig& c) {
  return ceil_div(k_per_group(c), c.block_n);
}
constexpr long long weight_lists(const ConvConfig& c) {
  return c.groups * sparse_tiles_n(c) * (c.sparse == Sparse::kCode ? 1 : sparse_chunks(c)) *
         (c.sparse == Sparse::kCode ? 1 : c.block_n);
}
constexpr long long weight_list(const ConvConfig& c, long long group, long long tile,
                                long long chunk, long long row) {
  return ((group * sparse_tiles_n(c) + tile) * sparse_chunks(c) + chunk) * c.block_n + row;
}
constexpr bool lists_weights(const ConvConfig& c) {
  return c.sparse == Sparse::kWeights || c.sparse == Sparse::kCode;
}
/// Packed entries: of kWeights each list begins at an even one.
constexpr long long weight_entries(const ConvConfig& c) {
  return c.sparse == Sparse::kCode ? weight_lists(c) * c.kept : c.kept + weight_lists(c);
}
constexpr long long weight_bytes(const ConvConfig& c) {
  return weight_entries(c) * (c.sparse == Sparse::kCode ? 4 : 8);
}

/// Whether a tile's zeros stand for padding that an infinite weight must not meet.
constexpr bool sparse_pads(const ConvConfig& c) {
  return axis_pads(span_r(c), c.r, c.p, c.stride_h, c.pad_h, c.dilation_h, c.h) ||
         axis_pads(span_s(c), c.s, c.q, c.stride_w, c.pad_w, c.dilation_w, c.w);
}

/// Whether a thread's filters lie side by side in y and are aligned to their size or 16 bytes.
constexpr bool kept_store_is_aligned(const ConvConfig& c) {
  const int filters = thread_filters(c);
  return c.y_layout == Layout::kNhwc && filters > 1 && (filters & (filters - 1)) == 0 &&
         k_per_group(c) % filters == 0;
}

/// Blocks in x: tiles of filters fastest (they share their input in L2), groups, columns, rows,
/// images.
constexpr long long sparse_blocks(const ConvConfig& c, long long n) {
  return ceil_div(n, tile_images(c)) * ceil_div(c.p, c.tile_p) * ceil_div(c.q, c.tile_q) *
         c.groups * sparse_tiles_n(c);
}
/// So many blocks of a multiprocessor as leave a thread 128 registers, or 168 for many sums.
constexpr int sparse_min_blocks(const ConvConfig& c) {
  const int most = thread_filters(c) * thread_pixels(c) > kMaxThreadSums / 2 ? 384 : 512;
  return sparse_threads(c) > most ? 1 : most / sparse_threads(c);
}

/// Why the sparse family cannot run this, or null.
constexpr const char* why_illegal_weights(const ConvConfig& c, long long shared) {
  const auto power = [](int v) { return v > 0 && (v & (v - 1)) == 0; };
  if (!lists_weights(c)) return "the sparse family needs a sparsity, and no masked=1";
  if (is_integer(c.x_type)) return "the sparse family multiplies floats; 8-bit types are for mma";
  if (!power(c.block_m) || c.block_m < 32 || c.block_m > 512)
    return "bm must be a power of two from 32 to 512";
  if (!power(c.tile_p) || !power(c.tile_q) || c.tile_p * c.tile_q > c.block_m)
    return "tp and tq must be powers of two, and at most bm together";
  if (c.tile_p / 2 >= c.p || c.tile_q / 2 >= c.q)
    return "half of tp rows and tq columns must be less than the output's";
  if (!power(c.block_k) || c.block_k > 128) return "bk must be a power of two, 128 at most";
  if (c.block_k / 2 >= c_per_group(c)) return "half of bk must be less than a group's channels";
  if (!power(c.warps_m) || c.warps_n < 1 || sparse_threads(c) > kMaxSparseThreads)
    return "wm must be a power of two, and wm * wn warps at most 16";
  if (c.block_m % (32 * c.warps_m) != 0) return "bm must be a multiple of 32 * wm";
  if (c.block_n < 1 || c.block_n % c.warps_n != 0) return "bn must be a multiple of wn";
  if (thread_filters(c) * thread_pixels(c) > kMaxThreadSums)
    return "a thread's bn / wn filters at bm / (32 * wm) pixels must not exceed 64 (registers)";
  if (c.r > kMaxGemmTaps || c.s > kMaxGemmTaps)
    return "filters of more than 1024 rows or columns are for the direct family";
  if (c.pad_h > kMaxReach || c.pad_w > kMaxReach || c.p + c.tile_p > kMaxReach / c.stride_h ||
      c.q + c.tile_q > kMaxReach / c.stride_w || (c.r - 1) * c.dilation_h > kMaxReach ||
      (c.s - 1) * c.dilation_w > kMaxReach || c.h > (1LL << 30) || c.w > (1LL << 30))
    return "padding, strides or dilations that reach beyond 2^29 are for the direct family";
  if (c_per_group(c) > (1LL << 30) / (c.r * c.s) ||
      c.k > (1LL << 30) / (c.r * c.s) / c_per_group(c))
    return "more than 2^30 weights are for the direct family";
  if (span_r(c).size() == 0 || span_s(c).size() == 0)
    return "no tap meets any input: that is for the direct family";
  if (c.sparse == Sparse::kCode) {
    if (c.bound) return "code=1 needs a pattern at hand: bound ones come with the launch";
    if (thread_pixels(c) > kMaxCodePixels) return "code=1 takes at most 4 pixels a thread";
    if (c.groups * ceil_div(k_per_group(c), c.block_n) * c.kept > 4 * kMaxCodeWeights)
      return "code=1 would pad its tiles of filters to more than 16384 weights: tables without it";
    if (c.warps_n != 1) return "code=1 needs wn=1: all filters of a tile share what they load";
  } else if (weight_lists(c) > 1LL << 28) {
    return "its lists would exceed 2^28: a larger bk";
  }
  if (sparse_shared_bytes(c) > shared) return "its staged input exceeds a block's shared memory";
  return nullptr;
}

}  // namespace convoke::cuda
