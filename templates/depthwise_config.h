// The depthwise family (kDepthwise): one input channel a group, any number of filters on it. A
// thread owns block_n filters side by side (nhwc; one in nchw) at block_m outputs of a row, and
// does that for block_k rows one after the other: the input columns of a row are loaded once for
// all taps, and small filters stay in registers over all rows.
#pragma once

#include "templates/conv_types.h"
#include "templates/direct_config.h"

namespace convoke::cuda {

constexpr int kDepthwiseThreads = 128;
constexpr int kMaxDepthwiseColumns = 64;  ///< input columns of a thread, also bounds registers
constexpr int kMaxDepthwiseTaps = 32;     ///< of a filter's row, all unrolled
constexpr int kMaxFilterWords = 64;       ///< registers that hold a thread's filters
constexpr int kMaxDepthwiseFmas = 640;  ///< of the unrolled code (twice: with and without borders)

/// Input channels that a thread's filters read, side by side.
constexpr int depthwise_inputs(const ConvConfig& c) {
  const long long multiplier = c.k / c.groups;
  return multiplier < c.block_n ? static_cast<int>(c.block_n / multiplier) : 1;
}

/// The input columns that a thread's outputs read, relative to the first output's tap 0, ascending,
/// each once; count is kMaxDepthwiseColumns + 1 if there are more.
struct Columns {
  int count = 0;
  long long at[kMaxDepthwiseColumns] = {};
};
constexpr Columns depthwise_columns(const ConvConfig& c) {
  Columns columns;
  long long last = -1;
  while (true) {
    long long next = -1;  // the smallest column beyond the last one
    for (int m = 0; m < c.block_m; ++m)
      for (int s = 0; s < c.s; ++s) {
        const long long column = m * c.stride_w + s * c.dilation_w;
        if (column > last && (next < 0 || column < next)) next = column;
      }
    if (next < 0) return columns;
    if (columns.count == kMaxDepthwiseColumns) {
      ++columns.count;
      return columns;
    }
    columns.at[columns.count++] = last = next;
  }
}

/// Registers for all taps of a thread's filters.
constexpr long long depthwise_filter_words(const ConvConfig& c) {
  return ceil_div(c.r * c.s * c.block_n * size_of(c.x_type), 4);
}
/// Whether they are loaded once for all rows; otherwise a row of taps at a time.
constexpr bool depthwise_keeps_filters(const ConvConfig& c) {
  return depthwise_filter_words(c) <= kMaxFilterWords &&
         c.r * c.s * c.block_m * c.block_n <= kMaxDepthwiseFmas;
}

/// Threads for one image.
constexpr long long depthwise_items(const ConvConfig& c) {
  return c.k / c.block_n * ceil_div(c.q, c.block_m) * ceil_div(c.p, c.block_k);
}
constexpr unsigned depthwise_blocks(const ConvConfig& c, long long n) {
  return capped_blocks(ceil_div(depthwise_items(c) * n, kDepthwiseThreads));
}

/// Outputs that a thread stores side by side and aligned: its filters (nhwc), or its part of a row
/// (nchw) where that divides the row.
constexpr int depthwise_row(const ConvConfig& c) {
  if (c.y_layout == Layout::kNhwc) return c.block_n;
  return is_power_of_two(c.block_m) && c.q % c.block_m == 0 ? c.block_m : 1;
}
constexpr int depthwise_alignment(const ConvConfig& c) {
  const int outputs = depthwise_row(c) * widest_output(c);
  const int filters = c.block_n * size_of(c.x_type);
  const int bytes = outputs > filters ? outputs : filters;
  return depthwise_row(c) == 1 && c.block_n == 1 ? 1 : bytes < 16 ? bytes : 16;
}

/// Why the depthwise family cannot run this, or null.
constexpr const char* why_illegal_depthwise(const ConvConfig& c) {
  constexpr int kMaxOutputs = 64;
  if (c.c != c.groups) return "depthwise needs one input channel a group";
  if (c.x_layout != c.y_layout) return "depthwise needs x and y in one layout";
  if (c.block_m < 1 || c.block_m > 16) return "bm must be 1 to 16 outputs of a row";
  if (!is_power_of_two(c.block_n) || c.block_n > 8) return "bn must be 1, 2, 4 or 8 filters";
  if (c.block_k < 1 || c.block_k > 64) return "bk must be 1 to 64 rows";
  if (c.block_n > 1 && c.x_layout == Layout::kNchw) return "bn must be 1 in nchw";
  if (c.block_n * size_of(c.x_type) > 16) return "bn filters must not exceed 16 bytes of x";
  if (c.block_m * c.block_n > kMaxOutputs) return "bm * bn must not exceed 64 (registers)";
  if (c.k % c.block_n != 0) return "bn must divide the filters";
  const long long multiplier = c.k / c.groups;
  if (multiplier % c.block_n != 0 && c.block_n % multiplier != 0)
    return "bn must divide the filters of a group, or they bn";
  if (c.s > kMaxDepthwiseTaps) return "filter rows of more than 32 taps are for the direct family";
  if (depthwise_columns(c).count > kMaxDepthwiseColumns)
    return "bm outputs read more than 64 columns: a smaller bm";
  if (!depthwise_keeps_filters(c) && c.s * c.block_n > kMaxFilterWords)
    return "a row of taps of bn filters exceeds 64 registers: a smaller bn";
  if (!depthwise_keeps_filters(c) && c.s * c.block_m * c.block_n > kMaxDepthwiseFmas)
    return "a row of taps at bm outputs of bn filters is too much code: a smaller bm or bn";
  return nullptr;
}

}  // namespace convoke::cuda
