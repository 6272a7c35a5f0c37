// The depthwise family (kDepthwise): one input channel a group, any number of filters on it. A
// thread owns block_n filters side by side (nhwc; one in nchw) at block_m outputs of a row, and
// does that for block_k rows one after the other: the input columns of a row are loaded once for
// all taps, and small filters stay in registers over all rows.
#pragma once

#include "templates/conv_types.h"
#include "templates/depthwise_columns.h"
#include "templates/direct_config.h"

namespace convoke::cuda {

constexpr int kDepthwiseThreads = 128;
constexpr int kMaxDepthwiseFilters = 8;  ///< of a thread
constexpr int kMaxFilterWords = 64;      ///< registers that hold a thread's filters
constexpr int kMaxUnrolledWords = 200;   ///< registers of filters, sums, and all rows of the input
constexpr int kMaxDepthwiseFmas = 640;   ///< of the unrolled code (twice: with and without borders)

/// Input channels that a thread's filters read, side by side.
constexpr int depthwise_inputs(const ConvConfig& c) {
  const long long multiplier = c.k / c.groups;
  return multiplier < c.block_n ? static_cast<int>(c.block_n / multiplier) : 1;
}

/// Instructions that multiply a row of the image by a row of taps. Of 8-bit types dots (a gathered
/// word takes about two), else one a product.
constexpr long long depthwise_row_fmas(const ConvConfig& c) {
  if (!is_integer(c.x_type)) return c.s * c.block_m * c.block_n;
  const Dots dots = depthwise_dots(c);
  return dots.count * c.block_n + 2 * dots.words * depthwise_inputs(c);
}
/// Registers for all taps of a thread's filters. Rows of 8-bit taps are whole words.
constexpr long long depthwise_filter_words(const ConvConfig& c) {
  return is_integer(c.x_type) ? c.r * tap_words(c) * c.block_n
                              : ceil_div(c.r * c.s * c.block_n * size_of(c.x_type), 4);
}
/// Registers that the input columns of a row are loaded into.
constexpr long long depthwise_input_words(const ConvConfig& c) {
  const long long bytes = depthwise_inputs(c) * depthwise_piece_columns(c) * size_of(c.x_type);
  return depthwise_pieces(c).count * ceil_div(bytes, 4);
}
/// Whether they are loaded once for all rows; otherwise a row of taps at a time. Rows of kept taps
/// are unrolled, and nothing keeps ptxas from loading all rows of 8-bit images first.
constexpr bool depthwise_keeps_filters(const ConvConfig& c) {
  const long long filters = depthwise_filter_words(c);
  if (filters > kMaxFilterWords || c.r * depthwise_row_fmas(c) > kMaxDepthwiseFmas) return false;
  return !is_integer(c.x_type) ||
         filters + c.r * depthwise_input_words(c) + c.block_m * c.block_n <= kMaxUnrolledWords;
}
/// Registers that a row of taps is multiplied from.
constexpr long long depthwise_row_words(const ConvConfig& c) {
  return (is_integer(c.x_type) ? depthwise_dots(c).patterns : c.s) * c.block_n;
}
/// Whether no row makes them anew from memory, or, of 8-bit types, from other words.
constexpr bool depthwise_keeps_patterns(const ConvConfig& c) {
  return depthwise_keeps_filters(c) &&
         (!is_integer(c.x_type) || c.r * depthwise_row_words(c) <= kMaxFilterWords);
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
  const int stored = depthwise_row(c) * widest_output(c);
  const int loaded = c.block_n * depthwise_piece_columns(c) * size_of(c.x_type);
  const int bytes = stored > loaded ? stored : loaded;
  const bool by_element = depthwise_row(c) * c.block_n * depthwise_piece_columns(c) == 1;
  return by_element ? 1 : widest_piece(bytes);
}

/// Why the depthwise family cannot run this, or null.
constexpr const char* why_illegal_depthwise(const ConvConfig& c) {
  constexpr int kMaxOutputs = 64;
  if (c.c != c.groups) return "depthwise needs one input channel a group";
  if (c.x_layout != c.y_layout) return "depthwise needs x and y in one layout";
  if (c.block_m < 1 || c.block_m > kMaxDepthwiseOutputs)
    return "bm must be 1 to 16 outputs of a row";
  if (!is_power_of_two(c.block_n) || c.block_n > kMaxDepthwiseFilters)
    return "bn must be 1, 2, 4 or 8 filters";
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
  if (!depthwise_keeps_patterns(c) && depthwise_row_words(c) > kMaxFilterWords)
    return "a row of taps of bn filters exceeds 64 registers: a smaller bm or bn";
  if (!depthwise_keeps_filters(c) && depthwise_row_fmas(c) > kMaxDepthwiseFmas)
    return "a row of taps at bm outputs of bn filters is too much code: a smaller bm or bn";
  return nullptr;
}

}  // namespace convoke::cuda
