// Two of every four weights (Sparse::kPairs) for the sparse tensor cores, whose mma.sp.m16n8k32
// multiplies 16 filters by 8 pixels over 32 positions of the reduction, of which a filter keeps 16.
// Packed weights are what the instruction reads, in its order: a lane's registers are 16
// neighbouring bytes, so tiles are copied into shared memory as they lie and read without
// swizzling.
//  all   [group][tile of block_n filters][tile of block_k positions][16 filters] slabs
//  slab  [half: 32 positions][lane][8 values], then [lane][2] words of 16 bits: which they are
// What a lane holds: PTX ISA, "Matrix fragments for sparse mma.m16n8k32 with .f16 and .bf16": the
// values as in a dense m16n8k16, one half's selections in lanes 0 and 1 of each four (selector 0),
// the other's in lanes 2 and 3 (selector 1).
#pragma once

#include "templates/gemm_config.h"

namespace convoke::cuda {

inline constexpr int kPairsFilters = 16;    ///< of a slab
inline constexpr int kPairsPositions = 64;  ///< of a slab: block_k
inline constexpr int kPairsValues = kPairsFilters * kPairsPositions / 2;
inline constexpr int kPairsElements = kPairsValues + kPairsFilters * kPairsPositions / 16;

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
/// their selections, four bits for each four of 16 positions; `filter` and `k` within the slab.
constexpr int pair_value_at(int filter, int k, int which) {
  const int column = k % 32 / 4 * 2 + which;  // of 16 that are kept
  const int lane = filter % 8 * 4 + column % 8 / 2;
  return k / 32 * (kPairsValues / 2) + lane * 8 + (column / 8 * 2 + filter / 8) * 2 + which;
}
constexpr int pair_bits_at(int filter, int k) {
  return kPairsValues + (filter % 8 * 4 + k / 16) * 2 + filter / 8;
}

/// What an element of a slab is: the inverse of both.
struct PairPlace {
  int filter, k;  ///< of values the first of four positions, of selections the first of 16
  int which;      ///< 0 or 1: that value; 2: selections
};
constexpr PairPlace pair_place(int element) {
  if (element >= kPairsValues) {
    const int lane = (element - kPairsValues) / 2;
    return {lane / 4 + element % 2 * 8, lane % 4 * 16, 2};
  }
  const int in_half = element % (kPairsValues / 2), lane = in_half / 8, of_lane = in_half % 8;
  const int k = element / (kPairsValues / 2) * 32 + (lane % 4 + of_lane / 4 * 4) * 4;
  return {lane / 4 + of_lane / 2 % 2 * 8, k, of_lane % 2};
}

/// Why this cannot multiply pairs, or null.
constexpr const char* why_illegal_pairs(const ConvConfig& c) {
  if (c.family != Family::kMma || (c.x_type != Type::kF16 && c.x_type != Type::kBf16))
    return "2 of 4 on the tensor cores is for f16 and bf16, in the mma family";
  if (c.x_layout != Layout::kNhwc)
    return "2 of 4 on the tensor cores needs nhwc images: their fours are along the channels";
  if (c_per_group(c) % 4 != 0)
    return "2 of 4 on the tensor cores needs channels of a group in multiples of 4";
  if (c.block_k != kPairsPositions) return "2 of 4 on the tensor cores needs bk=64";
  if (c.warps_n < 1 || c.block_n % (kPairsFilters * c.warps_n) != 0)
    return "2 of 4 on the tensor cores needs bn / wn in multiples of 16";
  return nullptr;
}

}  // namespace convoke::cuda
