// What a depthwise thread reads of a row, shared by g++ and NVRTC: the input columns that its
// outputs meet, and, of 8-bit types, how four columns become a word that dp4a multiplies at once.
// A word belongs to a window: columns that hold all taps of some outputs of the thread, in order,
// cut by four. An output meets each word of its window with the weights of its taps where they
// stand and zeros elsewhere; equal such words of weights are one pattern. 3 taps of stride 1: the
// columns 0 to 3 serve two outputs, with the patterns w0 w1 w2 0 and 0 w0 w1 w2. Nothing here knows
// strides or dilations but by the columns that they lead to.
#pragma once

#include "templates/conv_types.h"

namespace convoke::cuda {

constexpr int kMaxDepthwiseColumns = 64;  ///< input columns of a thread, also bounds registers
constexpr int kMaxDepthwiseTaps = 32;     ///< of a filter's row, all unrolled
constexpr int kMaxDepthwiseOutputs = 16;  ///< of a row, of a thread

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
/// The tap that output `m` of a thread meets in a column, or -1.
constexpr int depthwise_tap(const ConvConfig& c, long long column, int m) {
  const long long right = column - m * c.stride_w;
  const bool is_tap = right >= 0 && right % c.dilation_w == 0 && right / c.dilation_w < c.s;
  return is_tap ? static_cast<int>(right / c.dilation_w) : -1;
}

/// Neighbouring columns that one load reads: more than one of 8-bit types in nchw, where a thread's
/// first column and the rows' length are multiples of as many, so that no piece crosses an edge.
constexpr int depthwise_piece_columns(const ConvConfig& c) {
  int columns = 1;
  if (c.x_layout == Layout::kNhwc || !is_integer(c.x_type)) return columns;
  while (columns < 4 && c.w % (2 * columns) == 0 && c.block_m * c.stride_w % (2 * columns) == 0)
    columns *= 2;
  return columns;
}
/// The pieces that hold depthwise_columns(), relative to the same column, ascending.
struct ColumnPieces {
  int count = 0;
  long long at[kMaxDepthwiseColumns] = {};
  int of[kMaxDepthwiseColumns] = {}, place[kMaxDepthwiseColumns] = {};  ///< of a column
};
constexpr ColumnPieces depthwise_pieces(const ConvConfig& c) {
  const Columns columns = depthwise_columns(c);
  const int width = depthwise_piece_columns(c);
  const long long shift = width - c.pad_w % width;  // the first column is -pad_w from a multiple
  ColumnPieces pieces;
  for (int i = 0; i < columns.count; ++i) {
    const long long place = (columns.at[i] + shift) % width, at = columns.at[i] - place;
    if (pieces.count == 0 || pieces.at[pieces.count - 1] != at) pieces.at[pieces.count++] = at;
    pieces.of[i] = pieces.count - 1, pieces.place[i] = static_cast<int>(place);
  }
  return pieces;
}

/// Words of four taps that hold a row of a filter.
constexpr int tap_words(const ConvConfig& c) { return static_cast<int>(ceil_div(c.s, 4)); }

/// Four of something, by their bytes in a word; -1: none.
struct Four {
  int at[4] = {-1, -1, -1, -1};
  constexpr bool operator==(const Four& other) const {
    for (int i = 0; i < 4; ++i)
      if (at[i] != other.at[i]) return false;
    return true;
  }
};
/// What a row of the image adds to the sums: each dot is a word of it times a pattern of weights.
struct Dots {
  static constexpr int kMost = kMaxDepthwiseOutputs * kMaxDepthwiseTaps / 4;
  int words = 0, patterns = 0, count = 0;
  Four word[kMost];                          ///< numbers of columns in depthwise_columns()
  Four pattern[kMost];                       ///< taps
  int first[kMost + 1]{};                    ///< dots of word i are first[i] to before first[i + 1]
  int output[kMost]{}, pattern_of[kMost]{};  ///< of a dot
};

/// The window of each output: the first that has room for its taps.
struct Windows {
  int count = 0;
  int of[kMaxDepthwiseOutputs] = {};                            ///< outputs
  bool holds[kMaxDepthwiseOutputs][kMaxDepthwiseColumns] = {};  ///< columns by their numbers
};
constexpr Windows depthwise_windows(const ConvConfig& c, const Columns& columns) {
  Windows windows;
  for (int m = 0; m < c.block_m; ++m) {
    for (int window = 0;; ++window) {
      int size = 0;
      for (int i = 0; i < columns.count; ++i)
        size += windows.holds[window][i] || depthwise_tap(c, columns.at[i], m) >= 0;
      if (size > 4 * tap_words(c)) continue;
      for (int i = 0; i < columns.count; ++i)
        windows.holds[window][i] |= depthwise_tap(c, columns.at[i], m) >= 0;
      windows.of[m] = window;
      if (window == windows.count) ++windows.count;
      break;
    }
  }
  return windows;
}

constexpr Dots depthwise_dots(const ConvConfig& c) {
  const Columns columns = depthwise_columns(c);
  const Windows windows = depthwise_windows(c, columns);
  Dots dots;
  for (int window = 0; window < windows.count; ++window) {
    for (int i = 0; i < columns.count;) {
      Four word;
      for (int held = 0; held < 4 && i < columns.count; ++i)
        if (windows.holds[window][i]) word.at[held++] = i;
      if (word.at[0] < 0) break;
      for (int m = 0; m < c.block_m; ++m) {
        if (windows.of[m] != window) continue;
        Four taps;
        bool any = false;
        for (int b = 0; b < 4; ++b) {
          if (word.at[b] >= 0) taps.at[b] = depthwise_tap(c, columns.at[word.at[b]], m);
          any |= taps.at[b] >= 0;
        }
        if (!any) continue;
        int pattern = 0;
        while (pattern < dots.patterns && !(dots.pattern[pattern] == taps)) ++pattern;
        if (pattern == dots.patterns) dots.pattern[dots.patterns++] = taps;
        dots.output[dots.count] = m, dots.pattern_of[dots.count++] = pattern;
      }
      dots.word[dots.words++] = word;
      dots.first[dots.words] = dots.count;
    }
  }
  return dots;
}

}  // namespace convoke::cuda
