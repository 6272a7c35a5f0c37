// Depthwise rows of 8-bit types, four bytes an instruction (dp4a). What is loaded is four channels
// of a pixel (nhwc) or four pixels (nchw); bytes are permuted until a word holds four columns of
// one channel (depthwise_columns.h), and each word meets the patterns of weights of all outputs
// that it serves. What lies on padding is not loaded: the zero point stands there, whose products
// the first sum takes back like those of all other columns, so that no output asks which taps it
// has. Sums wrap modulo 2^32 on the way and end exact.
#pragma once

#include "templates/depthwise_rows.cuh"
#include "templates/ptx/dp4a.cuh"
#include "templates/ptx/memory.cuh"

namespace convoke::cuda {

/// A byte of one of several words; numbers that are constants after unrolling.
struct ByteOf {
  int word, byte;
};
/// Two bytes in one word.
struct TwoBytes {
  unsigned word;
  int first, second;
};
/// Takes neighbours of both bytes along: the next channel of two pixels finds them there.
template <typename WordAt>
__device__ __forceinline__ TwoBytes two_bytes(const WordAt& word, ByteOf a, ByteOf b) {
  if (a.word == b.word) return {word(a.word), a.byte, b.byte};
  const int i = a.byte & 2, j = (b.byte & 2) + 4;
  return {__byte_perm(word(a.word), word(b.word),
                      static_cast<unsigned>(i | j << 4 | (i + 1) << 8 | (j + 1) << 12)),
          a.byte % 2 * 2, b.byte % 2 * 2 + 1};
}
/// The word of four bytes.
template <typename WordAt>
__device__ __forceinline__ unsigned four_bytes(const WordAt& word, const ByteOf (&from)[4]) {
  const int first = from[0].word;
  int second = first;
  bool of_two = true;
  unsigned selector = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if (second == first) second = from[i].word;
    of_two &= from[i].word == first || from[i].word == second;
    selector |= static_cast<unsigned>(from[i].byte + (from[i].word == first ? 0 : 4)) << 4 * i;
  }
  if (of_two) return __byte_perm(word(first), word(second), selector);
  const TwoBytes low = two_bytes(word, from[0], from[1]), high = two_bytes(word, from[2], from[3]);
  return __byte_perm(low.word, high.word,
                     static_cast<unsigned>(low.first | low.second << 4 | (high.first + 4) << 8 |
                                           (high.second + 4) << 12));
}

/// The filters of a thread as words of taps, and what they add up.
template <ConvConfig kCfg>
struct DepthwiseDots {
  using D = Depthwise<kCfg>;
  using Offset = typename D::Offset;
  static constexpr Dots kDots = depthwise_dots(kCfg);
  static constexpr int kTapWords = tap_words(kCfg);
  static constexpr bool kKeepPatterns = depthwise_keeps_patterns(kCfg);
  static constexpr int kKept = D::kKeepFilters ? static_cast<int>(kCfg.r) : 1;  ///< rows
  /// A row of filters: taps in order, zeros behind the last; the patterns of them.
  using Taps = unsigned[D::kFilters][kTapWords];
  using Patterns = unsigned[D::kFilters][kDots.patterns];

  const typename D::Weight* filters;  ///< the first of the thread's
  Taps taps[kKept];
  Patterns kept_patterns[kKeepPatterns ? kKept : 1];
  unsigned padding = 0;         ///< what stands in for four columns on padding
  int zeros[D::kFilters] = {};  ///< first sums

  __device__ __forceinline__ DepthwiseDots(const ConvArgs& args, long long k)
      : filters(static_cast<const typename D::Weight*>(args.w) + k * (kCfg.r * kCfg.s)) {
    if constexpr (D::kKeepFilters) keep_filters();
    if constexpr (kCfg.zero_point) {
      padding = (static_cast<unsigned>(args.x_zero) & 0xff) * 0x01010101u;
#pragma unroll(D::kKeepFilters ? static_cast <int>(kCfg.r) : 1)
      for (Offset r = D::kRows.begin; r < static_cast<Offset>(D::kRows.end); ++r) {
        if constexpr (!D::kKeepFilters) read_taps(r, taps[0]);
#pragma unroll
        for (int i = 0; i < D::kFilters; ++i)
#pragma unroll
          for (int t = 0; t < kTapWords; ++t)
            zeros[i] =
                ptx::dp4a<Type::kU8>(0x01010101u, taps[D::kKeepFilters ? r : 0][i][t], zeros[i]);
      }
#pragma unroll
      for (int i = 0; i < D::kFilters; ++i) zeros[i] *= -args.x_zero;
    }
  }
  /// What the sums of an output row begin with, of filter i.
  __device__ __forceinline__ int first_sum(int i) const { return zeros[i]; }

  /// acc += row h of the image, if there is one, times row r of the taps.
  __device__ __forceinline__ void add_row(const ThreadInput<kCfg>& x, Offset h, Offset r,
                                          int (&acc)[kCfg.block_m][kCfg.block_n]) {
    typename D::InputPiece pieces[D::kPieces.count];
    load_pieces(x, h, pieces);
    if constexpr (kKeepPatterns) {
      add_dots(pieces, kept_patterns[r], acc);
    } else {
      Taps& row = taps[D::kKeepFilters ? r : 0];
      if constexpr (D::kKeepFilters) {
        // Or all patterns of all rows would be made, and kept, before the first row.
#pragma unroll
        for (int i = 0; i < D::kFilters; ++i)
#pragma unroll
          for (unsigned& word : row[i]) word = ptx::opaque(word);
      } else {
        read_taps(r, row);
      }
      Patterns patterns;
      make_patterns(row, patterns);
      add_dots(pieces, patterns, acc);
    }
  }

 private:
  __device__ __forceinline__ void keep_filters() {
    typename D::FilterPiece pieces[D::kFilterPieces];
    load_filters<kCfg>(filters, pieces);
    const auto word = [&](int i) {
      return D::kFilters < 4 ? pieces[i].word[0]
                             : pieces[i / (D::kFilters / 4)].word[i % (D::kFilters / 4)];
    };
    constexpr int kBytes = D::kFilters < 4 ? D::kFilters : 4;  // of a word
#pragma unroll
    for (int r = 0; r < kKept; ++r) {
#pragma unroll
      for (int i = 0; i < D::kFilters; ++i)
        pack_taps(
            word,
            [&](int s) {
              const int at = (i * static_cast<int>(kCfg.r) + r) * D::kTaps + s;
              return ByteOf{at / kBytes, at % kBytes};
            },
            taps[r][i]);
      if constexpr (kKeepPatterns) {
        make_patterns(taps[r], kept_patterns[r]);
#pragma unroll
        for (int i = 0; i < D::kFilters; ++i)
#pragma unroll
          for (unsigned& word : kept_patterns[r][i]) word = ptx::opaque(word);
      }
    }
  }
  /// Row r from memory.
  __device__ __forceinline__ void read_taps(Offset r, Taps& row) const {
#pragma unroll
    for (int i = 0; i < D::kFilters; ++i) {
      const auto word = [&](int s) {
        return static_cast<unsigned>(
            load_factor<D::kWeightType>(filters, (i * kCfg.r + r) * kCfg.s + s));
      };
      pack_taps(
          word,
          [](int s) {
            return ByteOf{s, 0};
          },
          row[i]);
    }
  }
  template <typename WordAt, typename ByteAt>
  static __device__ __forceinline__ void pack_taps(const WordAt& word, const ByteAt& byte_of,
                                                   unsigned (&packed)[kTapWords]) {
#pragma unroll
    for (int t = 0; t < kTapWords; ++t) {
      const int count = D::kTaps - 4 * t < 4 ? D::kTaps - 4 * t : 4;
      ByteOf from[4];
#pragma unroll
      for (int b = 0; b < 4; ++b) from[b] = byte_of(4 * t + (b < count ? b : count - 1));
      packed[t] = four_bytes(word, from) & (0xffffffffu >> 8 * (4 - count));
    }
  }
  /// Of a pattern's missing taps a zero behind the row's last tap stands. There is one: windows of
  /// rows of whole words hold the taps of one output, and no other column.
  static __device__ __forceinline__ void make_patterns(const Taps& row, Patterns& patterns) {
#pragma unroll
    for (int i = 0; i < D::kFilters; ++i)
#pragma unroll
      for (int pattern = 0; pattern < kDots.patterns; ++pattern) {
        ByteOf from[4];
#pragma unroll
        for (int b = 0; b < 4; ++b) {
          const int s = kDots.pattern[pattern].at[b];
          from[b] = s < 0 ? ByteOf{kTapWords - 1, 3} : ByteOf{s / 4, s % 4};
        }
        patterns[i][pattern] = four_bytes([&](int t) { return row[i][t]; }, from);
      }
  }

  __device__ __forceinline__ void load_pieces(
      const ThreadInput<kCfg>& x, Offset h,
      typename D::InputPiece (&pieces)[D::kPieces.count]) const {
    const bool row_inside = x.row_inside(h);
    const typename D::Storage* const row = x.row(h);
    if (row_inside && x.all_inside()) {
#pragma unroll
      for (int i = 0; i < D::kPieces.count; ++i) pieces[i] = x.load(row, i);
    } else {
#pragma unroll
      for (int i = 0; i < D::kPieces.count; ++i) {
#pragma unroll
        for (unsigned& word : pieces[i].word) word = padding;
        if (row_inside && x.inside(i)) pieces[i] = x.load(row, i);
      }
    }
  }

  static __device__ __forceinline__ void add_dots(
      const typename D::InputPiece (&pieces)[D::kPieces.count], const Patterns& patterns,
      int (&acc)[kCfg.block_m][kCfg.block_n]) {
    constexpr int kWords = sizeof(pieces[0].word) / 4;
    const auto word = [&](int i) { return pieces[i / kWords].word[i % kWords]; };
#pragma unroll
    for (int w = 0; w < kDots.words; ++w) {
      unsigned columns[D::kInputs];
#pragma unroll
      for (int j = 0; j < D::kInputs; ++j) {
        ByteOf from[4];
#pragma unroll
        for (int b = 0; b < 4; ++b) {
          const int column = kDots.word[w].at[b];
          from[b] = column < 0 ? from[b - 1]
                               : ByteOf{D::kPieces.of[column] * kWords + j / 4,
                                        D::kNhwc ? j % 4 : D::kPieces.place[column]};
        }
        columns[j] = four_bytes(word, from);
      }
#pragma unroll
      for (int dot = kDots.first[w]; dot < kDots.first[w + 1]; ++dot)
#pragma unroll
        for (int i = 0; i < D::kFilters; ++i) {
          int& sum = acc[kDots.output[dot]][i];
          const int input = D::kInputs == 1 ? 0 : i / static_cast<int>(D::kMultiplier);
          sum = ptx::dp4a<D::kType>(columns[input], patterns[i][kDots.pattern_of[dot]], sum);
        }
    }
  }
};

}  // namespace convoke::cuda
