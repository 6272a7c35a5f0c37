// Sparse kernels: the tables that a pattern becomes, and what follows from a signature alone. The
// tables are words: constants of the unit if the pattern is baked, an operand of the launch
// (ConvArgs::pattern) if it is bound; the code that reads them is the same.
//  kMasked,  a bit for each unit (SparsityPattern's numbering), from the lowest of a word on:
//  kPairs    of kPairs only packing reads them
//  kFilters  [group][kept] the kept filters within the group, ascending, k of a group where there
//            are fewer; then, from the next multiple of four words on, [group][filter] its place
//            among those, kPruned if it has none
//  kLists    the first entry of each list and the end of the last; then, from the next multiple of
//            four words on, an entry each: tap (row within the live ones, column << 16), first
//            channel, a bit for each unit_k filters of the tile that keep it, and, of patches, the
//            entry of the list at which the next patch begins
//  kWeights, kCode   see weights_config.h
#pragma once

#include "templates/gemm_config.h"
#include "templates/pairs_config.h"
#include "templates/weights_config.h"

namespace convoke::cuda {

inline constexpr unsigned kPruned = 0xffffffffu;
inline constexpr int kEntryWords = 4;
inline constexpr int kMaxUnitsOfTile = 32;  ///< bits of an entry's word

/// Whether packed weights are followed by their sums, for a zero point (zero_point.cuh).
constexpr bool packs_weight_sums(const ConvConfig& c) { return c.zero_point && is_gemm(c.family); }
constexpr bool reads_packed_weights(const ConvConfig& c) {
  return c.sparse != Sparse::kDense || packs_weight_sums(c);
}
/// Whether a kernel is of one pattern, whose tables are constants of its unit.
constexpr bool bakes_pattern(const ConvConfig& c) { return c.sparse != Sparse::kDense && !c.bound; }

/// Units along the filters and along the channels of a group.
constexpr long long units_k(const ConvConfig& c) {
  return c.per_input ? 1 : ceil_div(k_per_group(c), c.unit_k);
}
constexpr long long units_c(const ConvConfig& c) {
  return c.per_filter ? 1 : ceil_div(c_per_group(c), c.unit_c);
}
constexpr long long units(const ConvConfig& c) {
  return c.groups * units_k(c) * units_c(c) * (c.per_input || c.per_filter ? 1 : c.r * c.s);
}
/// The unit of a weight: SparsityPattern::unit_of for the device.
constexpr long long unit_of(const ConvConfig& c, long long group, long long k, long long r,
                            long long s, long long channel) {
  if (c.per_filter) return group * units_k(c) + k / c.unit_k;
  if (c.per_input) return group * units_c(c) + channel / c.unit_c;
  return (((group * units_k(c) + k / c.unit_k) * c.r + r) * c.s + s) * units_c(c) +
         channel / c.unit_c;
}

constexpr long long lists(const ConvConfig& c) {
  return c.per_input ? c.groups : c.groups * gemm_tiles_n(c);
}
constexpr long long list_of(const ConvConfig& c, long long group, long long tile_n) {
  return c.per_input ? group : group * gemm_tiles_n(c) + tile_n;
}
/// Word at which the entries begin.
constexpr long long first_entry_word(const ConvConfig& c) {
  return ceil_div(lists(c) + 1, kEntryWords) * kEntryWords;
}
/// Word at which the places of all filters begin (kFilters).
constexpr long long first_place_word(const ConvConfig& c) {
  return ceil_div(c.groups * c.kept, kEntryWords) * kEntryWords;
}
constexpr long long pattern_words(const ConvConfig& c) {
  switch (c.sparse) {
    case Sparse::kDense:
      return 0;
    case Sparse::kMasked:
    case Sparse::kPairs:
      return ceil_div(units(c), 32);
    case Sparse::kFilters:
      return first_place_word(c) + c.k;
    case Sparse::kLists:
      return first_entry_word(c) + c.kept * kEntryWords;
    case Sparse::kWeights:
      return weight_lists(c) + 1 + ceil_div(units(c), 32);
    case Sparse::kCode:
      return weight_entries(c);
  }
  return 0;
}

/// Rows of packed weights of a list: the filters that share it.
constexpr long long list_rows(const ConvConfig& c) {
  return c.per_input ? k_per_group(c) : c.block_n;
}
/// Elements of the packed weights: like the plain ones (kDense, kMasked), with fewer filters
/// (kFilters), or list after list, [row][entry][channel] (kLists), or as pairs_config.h (kPairs)
/// and weights_config.h (kWeights, kCode) have them.
constexpr long long packed_elements(const ConvConfig& c) {
  switch (c.sparse) {
    case Sparse::kDense:
    case Sparse::kMasked:
      return c.k * c_per_group(c) * c.r * c.s;
    case Sparse::kFilters:
      return c.groups * c.kept * c_per_group(c) * c.r * c.s;
    case Sparse::kLists:
      return c.kept * list_rows(c) * list_channels(c);
    case Sparse::kPairs:
      return pairs_tile(c, c.groups, 0, 0) * (c.block_n / kPairsFilters) *
             pairs_elements(size_of(c.x_type));
    case Sparse::kWeights:
    case Sparse::kCode:
      return weight_entries(c);
  }
  return 0;
}
/// Where the sums of packed weights begin, in bytes.
constexpr long long weight_sums_at(const ConvConfig& c) {
  return ceil_div(packed_elements(c) * size_of(c.x_type), kChunkBytes) * kChunkBytes;
}
constexpr long long weight_sum_count(const ConvConfig& c) {
  return packs_weight_sums(c) ? c.r * c.s * c.k : 0;
}
constexpr long long packed_bytes(const ConvConfig& c) {
  if (!reads_packed_weights(c)) return 0;
  if (packs_weight_sums(c)) return weight_sums_at(c) + weight_sum_count(c) * 4;
  return lists_weights(c) ? weight_bytes(c) : packed_elements(c) * size_of(c.x_type);
}
inline constexpr int kPackThreads = 256;
/// The blocks stride over the elements: where a list begins is known on the device.
constexpr Dim3 pack_grid(const ConvConfig& c) {
  const long long blocks = c.sparse == Sparse::kWeights
                               ? ceil_div(weight_lists(c), kPackThreads)  // a thread each
                               : ceil_div(packed_elements(c), kPackThreads * 4);
  return {static_cast<unsigned>(blocks < 1 ? 1 : blocks > 65535 ? 65535 : blocks), 1, 1};
}

/// Why a sparse kernel cannot be this, or null.
constexpr const char* why_illegal_sparse(const ConvConfig& c) {
  if (c.sparse == Sparse::kDense || c.sparse == Sparse::kMasked || lists_weights(c)) return nullptr;
  if (!is_gemm(c.family)) return "sparse kernels that skip work are of the mma and fma families";
  if (c.sparse == Sparse::kPairs) return why_illegal_pairs(c);
  if (c.sparse == Sparse::kFilters) return nullptr;
  if (c.order != PixelOrder::kImage) return "lists of kept taps and channels need order=image";
  if (c.per_input) return nullptr;
  if (c.unit_k == 1) return "single weights are not skipped by a tile of a GEMM";
  if (c.unit_k % c.block_n != 0 && c.block_n % c.unit_k != 0)
    return "bn must divide the filters of a block, or be a multiple of them";
  if (c.block_n / c.unit_k > kMaxUnitsOfTile)
    return "bn must be at most 32 times the filters of a block";
  return nullptr;
}

}  // namespace convoke::cuda
