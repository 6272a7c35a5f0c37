#include "compiler/cuda_sparse.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "compiler/cuda_weights.h"
#include "compiler/sparsity.h"
#include "compiler/sparsity_units.h"
#include "convoke/error.h"

namespace convoke {
namespace {

using cuda::ConvConfig;
using cuda::Sparse;

/// Live taps as the kernels number them: within the spans.
struct Tap {
  std::int64_t r, s;
};
std::vector<Tap> live_taps(const ConvConfig& c) {
  std::vector<Tap> taps;
  const cuda::TapSpan rows = cuda::span_r(c), columns = cuda::span_s(c);
  for (std::int64_t r = rows.begin; r < rows.end; ++r)
    for (std::int64_t s = columns.begin; s < columns.end; ++s)
      if (cuda::tap_is_live(r, c.p, c.stride_h, c.pad_h, c.dilation_h, c.h) &&
          cuda::tap_is_live(s, c.q, c.stride_w, c.pad_w, c.dilation_w, c.w))
        taps.push_back({r, s});
  return taps;
}

/// Kept filters of a group.
std::vector<std::uint32_t> kept_filters(const ConvConfig& c, const SparsityPattern& pattern,
                                        std::int64_t group) {
  std::vector<std::uint32_t> kept;
  const std::int64_t filters = cuda::k_per_group(c);
  for (std::int64_t k = 0; k < filters; ++k)
    if (pattern.keeps(group * filters + k, 0, 0, 0)) kept.push_back(static_cast<std::uint32_t>(k));
  return kept;
}

/// Calls body(list, tap, channel, bits) for each entry of all lists, in order, and ends_list(list)
/// after the last of each.
template <typename Body, typename EndsList>
void for_each_entry(const ConvConfig& c, const SparsityPattern& pattern, const Body& body,
                    const EndsList& ends_list) {
  const std::vector<Tap> taps = live_taps(c);
  const std::int64_t channels = cuda::c_per_group(c), filters = cuda::k_per_group(c);
  for (std::int64_t group = 0; group < c.groups; ++group) {
    const std::int64_t tiles = c.per_input ? 1 : cuda::gemm_tiles_n(c);
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const std::int64_t list = cuda::list_of(c, group, tile);
      const std::int64_t begin = tile * c.block_n;
      const std::int64_t end = c.per_input ? begin + 1 : std::min(begin + c.block_n, filters);
      // Of patches, all taps of a patch's channels come before the next channels.
      const std::int64_t run = c.patch == 1 ? c.block_k : channels;
      for (std::int64_t first = 0; first < channels; first += run)
        for (const Tap& tap : taps)
          for (std::int64_t channel = first; channel < first + run;
               channel += cuda::list_channels(c)) {
            std::uint32_t bits = 0;
            for (std::int64_t k = begin; k < end; k += c.unit_k)
              if (pattern.keeps(group * filters + k, tap.r, tap.s, channel))
                bits |= 1u << (k - begin) / c.unit_k;
            if (bits != 0) body(tap, channel, bits);
          }
      ends_list(list);
    }
  }
}

/// Entries of all lists at most; of the signature alone, for a pattern's own count is too much to
/// ask of every configuration of a search.
std::int64_t most_entries(const ConvSpec& spec, const ConvConfig& c) {
  const auto taps = static_cast<std::int64_t>(live_taps(c).size());
  const std::int64_t all = taps * cuda::c_per_group(c) / cuda::list_channels(c) * cuda::lists(c);
  const std::int64_t kept = sparsity_units(spec).kept;
  const std::int64_t entries = kept * cuda::ceil_div(c.unit_c, cuda::list_channels(c));
  const std::int64_t repeats = c.per_input ? taps : std::max(1, c.unit_k / c.block_n);
  return std::min(entries * repeats, all);
}

std::int64_t most_filters(const ConvSpec& spec, const ConvConfig& c) {
  if (spec.pattern == nullptr)
    return std::min<std::int64_t>(sparsity_units(spec).kept / c.groups * c.unit_k,
                                  cuda::k_per_group(c));
  std::size_t most = 1;
  for (std::int64_t group = 0; group < c.groups; ++group)
    most = std::max(most, kept_filters(c, *spec.pattern, group).size());
  return static_cast<std::int64_t>(most);
}

/// Whether no four channels from a multiple of four on keep more than two.
bool keeps_pairs(const Sparsity& sparsity) {
  return sparsity.kind == SparsityKind::kNm && 4 % sparsity.m == 0 &&
         sparsity.n * (4 / sparsity.m) <= 2;
}

[[noreturn]] void no_room(const SparsityPattern& pattern, const char* what, std::int64_t most) {
  throw Error(ErrorCode::kUsage,
              fmt::format("the pattern {} keeps more {} than the {} that this plan has room for",
                          pattern.description(), what, most));
}

std::vector<std::uint32_t> filter_words(const ConvConfig& c, const SparsityPattern& pattern) {
  const std::int64_t filters = cuda::k_per_group(c);
  std::vector<std::uint32_t> words(static_cast<std::size_t>(c.groups * c.kept),
                                   static_cast<std::uint32_t>(filters));
  std::vector<std::uint32_t> places(static_cast<std::size_t>(c.k), cuda::kPruned);
  for (std::int64_t group = 0; group < c.groups; ++group) {
    const std::vector<std::uint32_t> kept = kept_filters(c, pattern, group);
    if (static_cast<std::int64_t>(kept.size()) > c.kept)
      no_room(pattern, "filters of a group", c.kept);
    std::copy(kept.begin(), kept.end(), words.begin() + group * c.kept);
    for (std::size_t i = 0; i < kept.size(); ++i)
      places[static_cast<std::size_t>(group * filters + kept[i])] = static_cast<std::uint32_t>(i);
  }
  words.resize(static_cast<std::size_t>(cuda::first_place_word(c)));
  words.insert(words.end(), places.begin(), places.end());
  return words;
}

std::vector<std::uint32_t> list_words(const ConvConfig& c, const SparsityPattern& pattern) {
  std::vector<std::uint32_t> words(static_cast<std::size_t>(cuda::pattern_words(c)));
  const auto first = static_cast<std::size_t>(cuda::first_entry_word(c));
  const auto r0 = cuda::span_r(c).begin, s0 = cuda::span_s(c).begin;
  std::int64_t count = 0;
  for_each_entry(
      c, pattern,
      [&](const Tap& tap, std::int64_t channel, std::uint32_t bits) {
        if (count == c.kept) no_room(pattern, "taps and channels", c.kept);
        std::uint32_t* entry =
            &words[first + static_cast<std::size_t>(count++ * cuda::kEntryWords)];
        entry[0] = static_cast<std::uint32_t>((tap.r - r0) | (tap.s - s0) << 16);
        entry[1] = static_cast<std::uint32_t>(channel);
        entry[2] = c.per_input ? ~0u : bits;
      },
      [&](std::int64_t list) {
        words[static_cast<std::size_t>(list + 1)] = static_cast<std::uint32_t>(count);
      });
  return words;
}

}  // namespace

void set_sparsity(const ConvSpec& spec, bool masked, ConvConfig& c) {
  const Sparsity sparsity = Sparsity::parse(spec.sparsity);
  if (sparsity.kind == SparsityKind::kNone) return;
  c.bound = sparsity.bound;
  c.per_filter = sparsity.kind == SparsityKind::kChannel;
  c.per_input = sparsity.kind == SparsityKind::kInput;
  c.unit_k = sparsity.rows, c.unit_c = sparsity.columns;
  if (masked) {
    c.sparse = Sparse::kMasked;
  } else if (c.family == cuda::Family::kSparse) {
    return;  // set_kept_weights()
  } else if (c.per_filter) {
    c.sparse = Sparse::kFilters;
    c.kept = most_filters(spec, c);
  } else if (c.family == cuda::Family::kMma && keeps_pairs(sparsity)) {
    c.sparse = Sparse::kPairs;
  } else {
    c.sparse = Sparse::kLists;
    // A tile that no list fits is refused before its entries matter.
    if (c.block_n > 0 && cuda::why_illegal_sparse(c) == nullptr) c.kept = most_entries(spec, c);
  }
}

double reduction_share(const ConvSpec& spec, const ConvConfig& c) {
  if (c.sparse != Sparse::kLists) return 1;
  return 1 - std::pow(1 - kept_share(spec), c.per_input ? 1 : std::max(1, c.block_n / c.unit_k));
}

std::vector<std::uint32_t> make_pattern_words(const ConvConfig& c, const SparsityPattern& pattern) {
  if (c.sparse == Sparse::kFilters) return filter_words(c, pattern);
  if (c.sparse == Sparse::kLists) return list_words(c, pattern);
  if (cuda::lists_weights(c)) return make_weight_words(c, pattern);
  std::vector<std::uint32_t> words(static_cast<std::size_t>(cuda::pattern_words(c)));
  for (const std::int64_t unit : pattern.kept())
    words[static_cast<std::size_t>(unit / 32)] |= 1u << unit % 32;
  return words;
}

std::string emit_pattern_words(const std::vector<std::uint32_t>& words) {
  constexpr std::size_t kPerLine = 16;
  std::string text = "__device__ const __align__(16) unsigned kPattern[] = {";
  for (std::size_t i = 0; i < words.size(); ++i)
    fmt::format_to(std::back_inserter(text), "{}{},", i % kPerLine == 0 ? "\n" : "", words[i]);
  return text + "};\n";
}

}  // namespace convoke
