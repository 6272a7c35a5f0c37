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

/// What stands in the tables for a kept tap and channels; `bits` is zero where an entry only fills
/// a patch.
struct Entry {
  Tap tap;
  std::int64_t channel;
  std::uint32_t bits;
  std::size_t next_patch;  ///< entry of the list at which the next patch begins
};

/// The lists of a pattern, entry by entry.
class Lists {
 public:
  Lists(const ConvConfig& c, const SparsityPattern& pattern)
      : c_(c), pattern_(pattern), taps_(live_taps(c)) {}

  /// Of the filters of a group's tile, or of all of a group.
  std::vector<Entry> list(std::int64_t group, std::int64_t tile) {
    entries_.clear();
    const std::int64_t channels = cuda::c_per_group(c_), piece = cuda::list_channels(c_);
    if (c_.patch == 1) {
      std::vector<std::int64_t> run;
      const auto whole = static_cast<std::size_t>(c_.block_k / piece);
      for (std::int64_t channel = 0; channel < channels; channel += piece) {
        if (!c_.per_input || bits_of(group, tile, taps_.front(), channel) != 0)
          run.push_back(channel);
        if (run.size() == whole) add_patch(group, tile, run, whole);
      }
      if (!run.empty()) add_patch(group, tile, run, whole);
    } else {
      for (const Tap& tap : taps_)
        for (std::int64_t channel = 0; channel < channels; channel += piece)
          if (const std::uint32_t bits = bits_of(group, tile, tap, channel); bits != 0)
            entries_.push_back({tap, channel, bits, 0});
    }
    return entries_;
  }

 private:
  /// Those units of the tile's filters that keep it; all bits if units have no filters.
  std::uint32_t bits_of(std::int64_t group, std::int64_t tile, const Tap& tap,
                        std::int64_t channel) const {
    const std::int64_t filters = cuda::k_per_group(c_), begin = tile * c_.block_n;
    if (c_.per_input) return pattern_.keeps(group * filters, tap.r, tap.s, channel) ? ~0u : 0;
    std::uint32_t bits = 0;
    for (std::int64_t k = begin; k < std::min(begin + c_.block_n, filters); k += c_.unit_k)
      if (pattern_.keeps(group * filters + k, tap.r, tap.s, channel))
        bits |= 1u << (k - begin) / c_.unit_k;
    return bits;
  }
  /// The entries of a patch of these channels: all taps that keep some of them, each with as many
  /// entries as fill a step.
  void add_patch(std::int64_t group, std::int64_t tile, std::vector<std::int64_t>& run,
                 std::size_t whole) {
    const std::size_t first = entries_.size();
    for (const Tap& tap : taps_) {
      if (!c_.per_input && bits_of(group, tile, tap, run.front()) == 0) continue;
      for (std::size_t i = 0; i < whole; ++i) {
        const std::int64_t channel = i < run.size() ? run[i] : 0;
        entries_.push_back(
            {tap, channel, i < run.size() ? bits_of(group, tile, tap, channel) : 0, 0});
      }
    }
    for (std::size_t i = first; i < entries_.size(); ++i) entries_[i].next_patch = entries_.size();
    run.clear();
  }

  const ConvConfig& c_;
  const SparsityPattern& pattern_;
  std::vector<Tap> taps_;
  std::vector<Entry> entries_;
};

/// Entries of all lists at most; of the signature alone, for a pattern's own count is too much to
/// ask of every configuration of a search.
std::int64_t most_entries(const ConvSpec& spec, const ConvConfig& c) {
  const auto taps = static_cast<std::int64_t>(live_taps(c).size());
  // Of input channels a step of a patch is filled up.
  const std::int64_t step = c.patch == 1 && c.per_input ? c.block_k / cuda::list_channels(c) : 1;
  const std::int64_t of_group = cuda::c_per_group(c) / cuda::list_channels(c);
  const std::int64_t all = taps * cuda::ceil_div(of_group, step) * step * cuda::lists(c);
  const std::int64_t kept = sparsity_units(spec).kept;
  const std::int64_t entries = kept * cuda::ceil_div(c.unit_c, cuda::list_channels(c));
  const std::int64_t filling = c.per_input ? c.groups * (step - 1) : 0;
  const std::int64_t repeats = c.per_input ? taps : std::max(1, c.unit_k / c.block_n);
  return std::min((entries + filling) * repeats, all);
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
  Lists lists(c, pattern);
  for (std::int64_t group = 0; group < c.groups; ++group)
    for (std::int64_t tile = 0; tile < (c.per_input ? 1 : cuda::gemm_tiles_n(c)); ++tile) {
      for (const Entry& from : lists.list(group, tile)) {
        if (count == c.kept) no_room(pattern, "taps and channels", c.kept);
        std::uint32_t* to = &words[first + static_cast<std::size_t>(count++ * cuda::kEntryWords)];
        to[0] = static_cast<std::uint32_t>((from.tap.r - r0) | (from.tap.s - s0) << 16);
        to[1] = static_cast<std::uint32_t>(from.channel);
        to[2] = from.bits;
        to[3] = static_cast<std::uint32_t>(from.next_patch);
      }
      words[static_cast<std::size_t>(cuda::list_of(c, group, tile) + 1)] =
          static_cast<std::uint32_t>(count);
    }
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
    if (c.block_n > 0 && cuda::why_illegal_sparse(c) == nullptr &&
        (c.patch == 0 || cuda::why_illegal_patch(c) == nullptr))
      c.kept = most_entries(spec, c);
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
