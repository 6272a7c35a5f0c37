// `convoke_pack`: plain weights into the form that a kernel reads which skips some, or has a zero
// point. Args: w plain, y packed. Pruned weights are not read. One element a thread and turn:
// weights are small beside what is computed with them.
#pragma once

#include "templates/im2col.cuh"
#include "templates/types.cuh"
#include "templates/weights_lists.cuh"

namespace convoke::cuda {

/// Where packed element `i` comes from in the plain weights; negative: it is zero.
template <ConvConfig kCfg>
__device__ __forceinline__ long long packed_source(const ConvArgs& args, long long i) {
  constexpr long long kC = c_per_group(kCfg), kK = k_per_group(kCfg);
  constexpr long long kFilter = kC * kCfg.r * kCfg.s;
  if constexpr (kCfg.sparse == Sparse::kDense) {
    return i;
  } else if constexpr (kCfg.sparse == Sparse::kMasked) {
    const long long k = i / kFilter, rest = i % kFilter;
    constexpr bool kNhwc = kCfg.x_layout == Layout::kNhwc;
    const long long tap = kNhwc ? rest / kC : rest % (kCfg.r * kCfg.s);
    const long long c = kNhwc ? rest % kC : rest / (kCfg.r * kCfg.s);
    const long long unit = unit_of(kCfg, k / kK, k % kK, tap / kCfg.s, tap % kCfg.s, c);
    return __ldg(args.pattern + unit / 32) >> unit % 32 & 1 ? i : -1;
  } else if constexpr (kCfg.sparse == Sparse::kFilters) {
    const long long packed = i / kFilter;
    const long long k = __ldg(args.pattern + packed);
    return k < kK ? (packed / kCfg.kept * kK + k) * kFilter + i % kFilter : -1;
  } else {
    constexpr long long kRows = list_rows(kCfg), kChannels = list_channels(kCfg);
    const long long entry_at = i / (kRows * kChannels);
    // The list that holds the entry: the last that begins at or before it.
    int low = 0, high = static_cast<int>(lists(kCfg));
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      (__ldg(args.pattern + middle) <= entry_at ? low : high) = middle;
    }
    const long long first = __ldg(args.pattern + low), last = __ldg(args.pattern + low + 1);
    if (entry_at >= last) return -1;  // room that this pattern leaves
    const long long in_list = i - first * kRows * kChannels,
                    row_length = (last - first) * kChannels;
    const long long row = in_list / row_length, k = in_list % row_length;
    const uint4 entry =
        __ldg(reinterpret_cast<const uint4*>(args.pattern + first_entry_word(kCfg)) + first +
              k / kChannels);
    const int group = static_cast<int>(kCfg.per_input ? low : low / gemm_tiles_n(kCfg));
    const long long filter = kCfg.per_input ? row : low % gemm_tiles_n(kCfg) * kCfg.block_n + row;
    const int unit = static_cast<int>(kCfg.per_input ? 0 : row / kCfg.unit_k);
    if (filter >= kK || (entry.z >> unit & 1) == 0) return -1;
    using G = Gemm<kCfg>;
    return plain_index<kCfg>(group * kK + filter, G::kR0 + (entry.x & 0xffff),
                             G::kS0 + (entry.x >> 16), entry.y + k % kChannels);
  }
}

/// Which of four channels a filter of a group keeps, a bit each; position `k` of the reduction is
/// the first of them. None beyond the filters and the reduction.
template <ConvConfig kCfg>
__device__ __forceinline__ unsigned kept_of_four(const ConvArgs& args, long long group,
                                                 long long filter, unsigned k) {
  using G = Gemm<kCfg>;
  if (filter >= G::kK || k >= static_cast<unsigned>(G::kReduction)) return 0;
  const Position at = dense_position<kCfg>(k);
  const long long unit = unit_of(kCfg, group, filter, at.r + G::kR0, at.s + G::kS0, at.c);
  return __ldg(args.pattern + unit / 32) >> unit % 32 & 15;
}

/// Packed element `i` (pairs_config.h).
template <ConvConfig kCfg>
__device__ __forceinline__ typename Element<weight_type(kCfg.x_type)>::Storage pairs_element(
    const ConvArgs& args, long long i) {
  using G = Gemm<kCfg>;
  using Storage = typename Element<weight_type(kCfg.x_type)>::Storage;
  constexpr long long kElements = pairs_elements(G::kSize);
  constexpr long long kSlabs = kCfg.block_n / kPairsFilters, kTilesK = pairs_tiles_k(kCfg);
  constexpr long long kTilesN = gemm_tiles_n(kCfg);
  const PairPlace place = pair_place(G::kSize, static_cast<int>(i % kElements));
  const long long slab = i / kElements, tile = slab / kSlabs;
  const long long group = tile / kTilesK / kTilesN;
  const long long filter =
      tile / kTilesK % kTilesN * kCfg.block_n + slab % kSlabs * kPairsFilters + place.filter;
  const unsigned k = static_cast<unsigned>(tile % kTilesK * kCfg.block_k + place.k);
  if (place.which == 2) {
    unsigned bits = 0;
#pragma unroll
    for (unsigned four = 0; four < pairs_selected(G::kSize) / 4; ++four)
      bits |= pair_of(kept_of_four<kCfg>(args, group, filter, k + 4 * four)).bits() << 4 * four;
    return static_cast<Storage>(bits);
  }
  const unsigned kept = kept_of_four<kCfg>(args, group, filter, k);
  const int channel = pair_of(kept).of(place.which);
  if ((kept >> channel & 1) == 0) return Storage{};
  const Position at = dense_position<kCfg>(k);
  return __ldg(static_cast<const Storage*>(args.w) + plain_index<kCfg>(group * G::kK + filter,
                                                                       at.r + G::kR0, at.s + G::kS0,
                                                                       at.c + channel));
}

/// The sum of a filter's kept weights (`k` of all groups) over rows 0 to r of the taps' column s.
template <ConvConfig kCfg>
__device__ __forceinline__ int sum_of_kept(const ConvArgs& args, long long k, long long r,
                                           long long s) {
  using G = Gemm<kCfg>;
  constexpr long long kFilters = k_per_group(kCfg);
  const auto* const w = static_cast<const signed char*>(args.w);
  const long long group = k / kFilters, filter = k % kFilters;
  int sum = 0;
  if constexpr (kCfg.sparse == Sparse::kLists) {
    const long long tile = kCfg.per_input ? 0 : filter / kCfg.block_n;
    const long long unit = kCfg.per_input ? 0 : filter % kCfg.block_n / kCfg.unit_k;
    const unsigned* const list = args.pattern + list_of(kCfg, group, tile);
    const auto* const entries =
        reinterpret_cast<const uint4*>(args.pattern + first_entry_word(kCfg));
    for (unsigned i = __ldg(list); i < __ldg(list + 1); ++i) {
      const uint4 entry = __ldg(entries + i);
      const long long at_r = G::kR0 + (entry.x & 0xffff), at_s = G::kS0 + (entry.x >> 16);
      if ((entry.z >> unit & 1) == 0 || at_r > r || at_s != s) continue;
      for (long long c = 0; c < list_channels(kCfg); ++c)
        sum += __ldg(w + plain_index<kCfg>(k, at_r, at_s, entry.y + c));
    }
    return sum;
  }
  if constexpr (kCfg.sparse == Sparse::kFilters)
    if (__ldg(args.pattern + first_place_word(kCfg) + k) == kPruned) return 0;
  constexpr bool kBits = kCfg.sparse == Sparse::kMasked || kCfg.sparse == Sparse::kPairs;
  for (long long at_r = 0; at_r <= r; ++at_r)
    for (long long c = 0; c < c_per_group(kCfg); ++c) {
      if constexpr (kBits) {
        const long long unit = unit_of(kCfg, group, filter, at_r, s, c);
        if ((__ldg(args.pattern + unit / 32) >> unit % 32 & 1) == 0) continue;
      }
      sum += __ldg(w + plain_index<kCfg>(k, at_r, s, c));
    }
  return sum;
}

/// The arguments of a launch with the tables of a baked pattern.
__device__ __forceinline__ ConvArgs bake(const ConvArgs& args, const unsigned* pattern) {
  ConvArgs baked = args;
  baked.pattern = pattern;
  return baked;
}

template <ConvConfig kCfg>
__device__ __forceinline__ void run_pack(const ConvArgs& args) {
  if constexpr (lists_weights(kCfg)) return pack_kept_weights<kCfg>(args);
  using Storage = typename Element<weight_type(kCfg.x_type)>::Storage;
  const Storage* const from = static_cast<const Storage*>(args.w);
  Storage* const to = static_cast<Storage*>(args.y);
  const long long step = static_cast<long long>(gridDim.x) * kPackThreads;
  for (long long i = static_cast<long long>(blockIdx.x) * kPackThreads + threadIdx.x;
       i < packed_elements(kCfg); i += step) {
    if constexpr (kCfg.sparse == Sparse::kPairs) {
      to[i] = pairs_element<kCfg>(args, i);
    } else {
      const long long source = packed_source<kCfg>(args, i);
      to[i] = source < 0 ? Storage{} : __ldg(from + source);
    }
  }
  if constexpr (packs_weight_sums(kCfg)) {
    int* const sums = reinterpret_cast<int*>(static_cast<char*>(args.y) + weight_sums_at(kCfg));
    for (long long i = static_cast<long long>(blockIdx.x) * kPackThreads + threadIdx.x;
         i < kCfg.r * kCfg.k; i += step) {
      const long long k = i % kCfg.k, r = i / kCfg.k;
      int sum = 0;
      for (long long s = 0; s < kCfg.s; ++s) {
        sum += sum_of_kept<kCfg>(args, k, r, s);
        sums[(r * kCfg.s + s) * kCfg.k + k] = sum;
      }
    }
  }
}

}  // namespace convoke::cuda
