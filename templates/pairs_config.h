// Two of every four weights (Sparse::kPairs) for the sparse tensor cores, whose mma.sp.m16n8k32
// (.m16n8k64 of 8 bits) multiplies 16 filters by 8 pixels over 64 bytes of the reduction, of which
// a filter keeps half. Packed weights are what the instruction reads, in its order: a lane's
// registers are 16 neighbouring bytes, so tiles are copied into shared memory as they lie and read
// without swizzling.
//  all   [group][tile of block_n filters][tile of block_k positions][16 filters] slabs
//  slab  [half: 64 bytes of positions][lane][16 bytes of values], then which they are, in words:
//        [lane] for both halves of 2-byte types, [half][lane] of 8 bits
// What a lane holds: PTX ISA, "Matrix fragments for sparse mma.m16n8k32 with .f16 and .bf16" and
// ".m16n8k64 with .s8": the values as in a dense instruction of half the length. The selections of
// two bytes: one half's in lanes 0 and 1 of each four (selector 0), the other's in lanes 2 and 3
// (selector 1), 16 positions of filter lane / 4 in the lower half of a word, of that + 8 in the
// upper. Of 8 bits: 32 positions a word, lanes 0 and 2 of four that filter, 1 and 3 that + 8.
#pragma once

#include "templates/gemm_config.h"

namespace convoke::cuda {

inline constexpr int kPairsFilters = 16;  ///< of a slab
/// What follows is of elements of `size` bytes, 1 or 2.
/// Positions of a slab: block_k.
constexpr int pairs_positions(int size) { return 128 / size; }
/// Values of a slab; elements besides that hold the selections.
constexpr int pairs_values(int size) { return kPairsFilters * pairs_positions(size) / 2; }
/// Positions whose selections an element holds, four bits for each four.
constexpr int pairs_selected(int size) { return 8 * size; }
constexpr int pairs_elements(int size) {
  return pairs_values(size) + kPairsFilters * pairs_positions(size) / pairs_selected(size);
}

/// Tiles of the reduction.
constexpr long long pairs_tiles_k(const ConvConfig& c) { return ceil_div(gemm_k(c), c.block_k); }
/// Number of a tile of weights; of all of them: pairs_tile(c, c.groups, 0, 0).
constexpr long long pairs_tile(const ConvConfig& c, long long group, long long tile_n,
                               long long tile_k) {
  return (group * gemm_tiles_n(c) + tile_n) * pairs_tiles_k(c) + tile_k;
}

/// The two channels of four that a filter keeps, from a mask of the four. Of fewer than two, others
/// stand in, with zeros for weights: indices must ascend.
struct Pair {
  int first, second;
  constexpr int of(int which) const { return which == 0 ? first : second; }
  constexpr unsigned bits() const { return static_cast<unsigned>(first | second << 2); }
};
constexpr Pair pair_of(unsigned mask) {
  const int last = mask & 8 ? 3 : mask & 4 ? 2 : 1;
  int first = 0;
  while (first < last && (mask >> first & 1) == 0) ++first;
  return {first < last ? first : 0, last};
}

/// Element of a slab with value `which` (0 or 1) of the four positions from `k` on, and that with
/// their selections; `filter` and `k` within the slab.
constexpr int pair_value_at(int size, int filter, int k, int which) {
  const int half = pairs_positions(size) / 2, of_word = 4 / size, of_lane = 16 / size;
  const int column = k % half / 4 * 2 + which;  // of those that are kept
  const int lane = filter % 8 * 4 + column % (4 * of_word) / of_word;
  const int word = column / (4 * of_word) * 2 + filter / 8;
  return k / half * (pairs_values(size) / 2) + lane * of_lane + word * of_word + column % of_word;
}
constexpr int pair_bits_at(int size, int filter, int k) {
  const int first = pairs_values(size);
  if (size == 2) return first + (filter % 8 * 4 + k / 16) * 2 + filter / 8;
  return first + (k / 64 * 32 + filter % 8 * 4 + k % 64 / 32 * 2 + filter / 8) * 4 + k % 32 / 8;
}

/// What an element of a slab is: the inverse of both.
struct PairPlace {
  int filter, k;  ///< of values the first of four positions, of selections the first of them all
  int which;      ///< 0 or 1: that value; 2: selections
};
constexpr PairPlace pair_place(int size, int element) {
  const int half = pairs_positions(size) / 2, of_word = 4 / size;
  const int bits = element - pairs_values(size);
  if (bits >= 0 && size == 2) {
    const int lane = bits / 2;
    return {lane / 4 + bits % 2 * 8, lane % 4 * 16, 2};
  }
  if (bits >= 0) {
    const int lane = bits / 4 % 32;
    return {lane / 4 + lane % 2 * 8, bits / 128 * half + lane % 4 / 2 * 32 + bits % 4 * 8, 2};
  }
  const int in_half = element % (pairs_values(size) / 2);
  const int lane = in_half / (16 / size), of_lane = in_half % (16 / size);
  const int word = of_lane / of_word;
  const int column = word / 2 * (4 * of_word) + lane % 4 * of_word + of_lane % of_word;
  const int k = element / (pairs_values(size) / 2) * half + column / 2 * 4;
  return {lane / 4 + word % 2 * 8, k, column % 2};
}

/// Why this cannot multiply pairs, or null.
constexpr const char* why_illegal_pairs(const ConvConfig& c) {
  if (c.family != Family::kMma || size_of(c.x_type) > 2)
    return "2 of 4 on the tensor cores is for f16, bf16, s8 and u8, in the mma family";
  if (c.x_layout != Layout::kNhwc)
    return "2 of 4 on the tensor cores needs nhwc images: their fours are along the channels";
  if (c_per_group(c) % 4 != 0)
    return "2 of 4 on the tensor cores needs channels of a group in multiples of 4";
  if (c.block_k != pairs_positions(size_of(c.x_type)))
    return "2 of 4 on the tensor cores needs bk=64, of 8 bits bk=128";
  if (c.warps_n < 1 || c.block_n % (kPairsFilters * c.warps_n) != 0)
    return "2 of 4 on the tensor cores needs bn / wn in multiples of 16";
  return nullptr;
}

}  // namespace convoke::cuda
