#include "runtime/cpu_pack.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "compiler/cpu_windows.h"
#include "convoke/error.h"
#include "runtime/half.h"

namespace convoke {
namespace {

struct LoadF32 {
  using Element = float;
  static float get(float v) { return v; }
};
struct LoadF16 {
  using Element = std::uint16_t;
  static float get(std::uint16_t v) { return half_to_float(v); }
};
struct LoadBf16 {
  using Element = std::uint16_t;
  static float get(std::uint16_t v) { return bf16_to_float(v); }
};
struct LoadS8 {
  using Element = std::int8_t;
  static float get(std::int8_t v) { return v; }
};
struct StoreS8 {
  using Element = std::int8_t;
  static std::int8_t put(float v) { return static_cast<std::int8_t>(v); }
};
struct StoreS16 {
  using Element = std::int16_t;
  static std::int16_t put(float v) { return static_cast<std::int16_t>(v); }
};
struct StoreS32 {
  using Element = std::int32_t;
  static std::int32_t put(float v) { return static_cast<std::int32_t>(v); }
};
struct StoreF32 {
  using Element = float;
  static float put(float v) { return v; }
};
struct StoreBf16 {
  using Element = std::uint16_t;
  static std::uint16_t put(float v) { return float_to_bf16(v); }
};

template <typename T>
const T* table(const std::byte* tables, std::int64_t at) {
  return reinterpret_cast<const T*>(tables + at);
}

}  // namespace

struct WeightPacker::Slab {
  std::int64_t width = 0, filters = 0;  // of the panel, and how many of them are real
  std::int64_t channels = 0;            // of the block
  std::int64_t group = 0, first = 0;    // filter of the group
  std::int64_t r = 0, s = 0, c = 0;     // tap, first channel
};

WeightPacker::WeightPacker(const ConvSpec& spec, const PackedWeights& packed,
                           const SparseTables& sparse)
    : packed_(packed), sparse_(sparse), w_type_(spec.w_type), filters_(packed.filters) {
  if (w_type_ != DataType::kF32 && w_type_ != DataType::kTf32 && w_type_ != DataType::kF16 &&
      w_type_ != DataType::kBf16 && w_type_ != DataType::kS8)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("weights of type {} cannot be packed: only f32, tf32, f16, bf16 and s8",
                            to_string(w_type_)));
  if (packed_.bytes == 0) return;
  if (sparse_.form != SparseForm::kDense) grid_.emplace(spec);
  const std::int64_t channels = spec.c_per_group();
  channels_ = channels;
  filter_columns_ = spec.s;
  k_per_group_ = spec.k_per_group();
  blocks_ = channels / packed_.kc;
  panels_ = packed_.kinds.back().first + packed_.kinds.back().count;
  units_ = packed_.groups * panels_ * blocks_;
  if (sparse_.form == SparseForm::kLists || sparse_.form == SparseForm::kWindows)
    units_ = packed_.groups * panels_;
  if (sparse_.form == SparseForm::kPlanar) units_ = spec.k;
  if (spec.x_layout == Layout::kNhwc) {
    stride_c_ = 1;
    stride_s_ = channels;
    stride_r_ = spec.s * channels;
  } else {
    stride_s_ = 1;
    stride_r_ = spec.s;
    stride_c_ = spec.r * spec.s;
  }
  stride_k_ = spec.r * spec.s * channels;
}

// A slab is small enough for the first-level cache, so the filters are walked in the outer loop:
// reads then run along the channels, which are contiguous in KRSC.
template <class Load, class Store>
void WeightPacker::pack_slab(const typename Load::Element* w, typename Store::Element* out,
                             const Slab& slab) const {
  const std::int64_t pair = packed_.pair;
  const std::int64_t pairs = packed_.pairs();
  if (slab.filters < slab.width || slab.channels % pair != 0)
    std::fill_n(out, pairs * slab.width * pair, typename Store::Element{});
  for (std::int64_t f = 0; f < slab.filters; ++f) {
    const typename Load::Element* source = w + f * stride_k_;
    if (pair == 1) {
      for (std::int64_t c = 0; c < slab.channels; ++c)
        out[c * slab.width + f] = Store::put(Load::get(source[c * stride_c_]));
    } else {
      for (std::int64_t c = 0; c < slab.channels; ++c)
        out[(c / pair * slab.width + f) * pair + c % pair] =
            Store::put(Load::get(source[c * stride_c_]));
    }
  }
}

bool WeightPacker::keeps(const std::byte* tables, std::int64_t k, std::int64_t r, std::int64_t s,
                         std::int64_t c) const {
  const std::int64_t unit = grid_->unit_of(k, r * filter_columns_ + s, c);
  return (table<std::uint64_t>(tables, sparse_.bits)[unit / 64] >> unit % 64 & 1) != 0;
}

const PanelKind& WeightPacker::kind_of(std::int64_t panel) const {
  return *std::find_if(packed_.kinds.begin(), packed_.kinds.end(),
                       [&](const PanelKind& k) { return panel < k.first + k.count; });
}

// kMasked: zeros where a weight is pruned. kChannels: filters of the table.
template <class Load, class Store>
void WeightPacker::pack_sparse_slab(const typename Load::Element* w, typename Store::Element* out,
                                    const Slab& slab, const std::byte* tables) const {
  const std::int64_t pair = packed_.pair, pairs = packed_.pairs();
  std::fill_n(out, pairs * slab.width * pair, typename Store::Element{});
  for (std::int64_t f = 0; f < slab.filters; ++f) {
    std::int64_t k = slab.group * filters_ + slab.first + f;
    if (sparse_.form == SparseForm::kChannels) {
      const std::int32_t kept = table<std::int32_t>(tables, sparse_.filters)[k];
      if (kept < 0) continue;
      k = slab.group * k_per_group_ + kept;
    }
    const bool all = sparse_.form == SparseForm::kChannels;
    for (std::int64_t c = 0; c < slab.channels; ++c)
      // A depthwise panel runs across groups, so that only `k` tells which group it is.
      if (all || keeps(tables, k, slab.r, slab.s, slab.c + c))
        out[(c / pair * slab.width + f) * pair + c % pair] =
            Store::put(Load::get(w[place(k, slab.r, slab.s, slab.c + c)]));
  }
}

template <class Load, class Store>
void WeightPacker::pack_list(const typename Load::Element* w, std::byte* packed, std::int64_t unit,
                             const std::byte* tables) const {
  const std::int64_t group = unit / panels_, panel = unit % panels_, pair = packed_.pair;
  const PanelKind& kind = kind_of(panel);
  const std::int64_t width = std::int64_t{kind.vectors} * packed_.lanes;
  const std::int64_t first = kind.first_filter + (panel - kind.first) * width;
  const std::int64_t filters = std::min(width, filters_ - first);
  const std::int64_t lists = blocks_ * packed_.r.size() * packed_.s.size();
  const std::int32_t* begins = table<std::int32_t>(tables, sparse_.begins) + unit * (lists + 1);
  const std::int32_t* sources = table<std::int32_t>(tables, sparse_.sources);
  const std::int64_t row = width * pair;
  auto* out = reinterpret_cast<typename Store::Element*>(
      packed + table<std::int64_t>(tables, sparse_.bases)[unit]);
  for (std::int64_t entry = begins[0]; entry < begins[lists]; ++entry) {
    const std::int64_t tap = sources[entry] / channels_, c = sources[entry] % channels_;
    const std::int64_t r = tap / filter_columns_, s = tap % filter_columns_;
    typename Store::Element* to = out + entry * row;
    std::fill_n(to, row, typename Store::Element{});
    for (std::int64_t f = 0; f < filters; ++f) {
      const std::int64_t k = group * filters_ + first + f;
      for (std::int64_t j = 0; j < pair && c + j < channels_; ++j)
        if (keeps(tables, k, r, s, c + j))
          to[f * pair + j] = Store::put(Load::get(w[place(k, r, s, c + j)]));
    }
  }
}

template <class Load>
void WeightPacker::pack_windows(const typename Load::Element* w, std::byte* packed,
                                std::int64_t unit, const std::byte* tables) const {
  const std::int64_t group = unit / panels_, panel = unit % panels_, lanes = packed_.lanes;
  const PanelKind& kind = kind_of(panel);
  const std::int64_t width = std::int64_t{kind.vectors} * lanes, words = lanes / 8;
  const std::int64_t first = kind.first_filter + (panel - kind.first) * width;
  const std::int64_t lists = packed_.r.size() * packed_.s.size();
  const std::int32_t* begins = table<std::int32_t>(tables, sparse_.begins) + unit * (lists + 1);
  const std::int32_t* sources = table<std::int32_t>(tables, sparse_.sources);
  const std::uint32_t* picks = table<std::uint32_t>(tables, sparse_.picks);
  const std::uint16_t* active = table<std::uint16_t>(tables, sparse_.active);
  const std::int64_t base = table<std::int64_t>(tables, sparse_.bases)[unit];
  auto* out = reinterpret_cast<float*>(packed);
  for (std::int64_t entry = begins[0]; entry < begins[lists]; ++entry)
    for (std::int64_t f = 0; f < width; ++f) {
      const std::int64_t at = base / 4 + entry * width + f, vector = at / lanes, lane = f % lanes;
      out[at] = 0;
      if ((active[vector] >> lane & 1) == 0) continue;
      const std::uint32_t word = picks[vector * words + lane % words];
      const std::int64_t pick = word >> kPickBits * (lane / words) & ((1 << kPickBits) - 1);
      const std::int64_t tap = (sources[entry] + pick) / channels_;
      const std::int64_t c = (sources[entry] + pick) % channels_;
      const std::int64_t k = group * filters_ + first + f;
      out[at] = Load::get(w[place(k, tap / filter_columns_, tap % filter_columns_, c)]);
    }
}

template <class Load>
void WeightPacker::pack_filter(const typename Load::Element* w, std::byte* packed, std::int64_t k,
                               const std::byte* tables) const {
  const std::int32_t* begins = table<std::int32_t>(tables, sparse_.begins);
  const std::int32_t* sources = table<std::int32_t>(tables, sparse_.sources);
  auto* values = reinterpret_cast<float*>(packed);
  const std::int64_t group = k / filters_, in_group = k % filters_;
  bool finite = true;
  for (std::int64_t block = 0; block < blocks_; ++block) {
    const std::int64_t list = (group * blocks_ + block) * filters_ + in_group;
    for (std::int64_t entry = begins[list]; entry < begins[list + 1]; ++entry) {
      const std::int64_t tap = sources[entry] / channels_, c = sources[entry] % channels_;
      const float value = Load::get(w[place(k, tap / filter_columns_, tap % filter_columns_, c)]);
      values[entry] = value;
      finite = finite && std::isfinite(value);
    }
  }
  reinterpret_cast<std::uint32_t*>(values + sparse_.entries)[k] = finite ? 0 : 1;
}

/// The sums of a unit's weights before each pair of taps, from what is packed of it. In 32 bits
/// they fit: see why_not_integer.
void WeightPacker::pack_sums(const std::int8_t* unit, std::byte* packed, const Slab& slab) const {
  const std::int64_t rows = packed_.r.size(), columns = packed_.s.size();
  const std::int64_t fours = packed_.pairs();
  auto before = [&](std::int64_t r, std::int64_t s) {
    const std::int64_t at = packed_.sums_at(slab.group, r, s) + 4 * slab.first;
    return reinterpret_cast<std::int32_t*>(packed + at);
  };
  for (std::int64_t s = 0; s <= columns; ++s) std::fill_n(before(0, s), slab.width, 0);
  std::vector<std::int32_t> row(static_cast<std::size_t>(slab.width));
  for (std::int64_t r = 0; r < rows; ++r) {
    std::fill_n(before(r + 1, 0), slab.width, 0);
    std::fill(row.begin(), row.end(), 0);
    for (std::int64_t s = 0; s < columns; ++s) {
      const std::int8_t* w = unit + (r * columns + s) * fours * slab.width * packed_.pair;
      for (std::int64_t four = 0; four < fours; ++four)
        for (std::int64_t f = 0; f < slab.width; ++f)
          for (std::int64_t c = 0; c < packed_.pair; ++c) row[static_cast<std::size_t>(f)] += *w++;
      for (std::int64_t f = 0; f < slab.width; ++f)
        before(r + 1, s + 1)[f] = before(r, s + 1)[f] + row[static_cast<std::size_t>(f)];
    }
  }
}

template <class Load, class Store>
void WeightPacker::pack_as(const void* w, void* packed, std::int64_t begin, std::int64_t end,
                           const std::byte* tables) const {
  const auto* plain = static_cast<const typename Load::Element*>(w);
  auto* bytes = static_cast<std::byte*>(packed);
  auto* out = static_cast<typename Store::Element*>(packed);
  const std::int64_t pairs = packed_.pairs();
  for (std::int64_t unit = begin; unit < end; ++unit) {
    if (sparse_.form == SparseForm::kLists) {
      pack_list<Load, Store>(plain, bytes, unit, tables);
      continue;
    }
    if (sparse_.form == SparseForm::kWindows) {
      pack_windows<Load>(plain, bytes, unit, tables);
      continue;
    }
    if (sparse_.form == SparseForm::kPlanar) {
      pack_filter<Load>(plain, bytes, unit, tables);
      continue;
    }
    const std::int64_t block = unit % blocks_;
    const std::int64_t panel = unit / blocks_ % panels_;
    const PanelKind& kind = kind_of(panel);
    Slab slab;
    slab.group = unit / blocks_ / panels_;
    slab.width = std::int64_t{kind.vectors} * packed_.lanes;
    slab.first = kind.first_filter + (panel - kind.first) * slab.width;
    slab.filters = std::min(slab.width, filters_ - slab.first);
    slab.channels = packed_.kc;
    slab.c = block * packed_.kc;
    const std::int64_t slab_elements = pairs * packed_.pair * slab.width;
    typename Store::Element* const unit_begin =
        out + slab.group * packed_.group_elements + kind.offset +
        (panel - kind.first) * kind.panel_elements +
        block * packed_.r.size() * packed_.s.size() * slab_elements;
    typename Store::Element* to = unit_begin;
    for (slab.r = packed_.r.begin; slab.r < packed_.r.end; ++slab.r)
      for (slab.s = packed_.s.begin; slab.s < packed_.s.end; ++slab.s, to += slab_elements) {
        if (sparse_.form == SparseForm::kDense) {
          pack_slab<Load, Store>(
              plain + place(slab.group * filters_ + slab.first, slab.r, slab.s, slab.c), to, slab);
        } else {
          pack_sparse_slab<Load, Store>(plain, to, slab, tables);
        }
      }
    if constexpr (std::is_same_v<typename Store::Element, std::int8_t>)
      if (packed_.sums != 0) pack_sums(unit_begin, bytes, slab);
  }
}

void WeightPacker::pack(const void* w, void* packed, std::int64_t begin, std::int64_t end,
                        const void* pattern) const {
  const auto* tables = static_cast<const std::byte*>(pattern);
  const auto pack_from = [&](auto load) {
    using Load = decltype(load);
    switch (packed_.type) {
      case PackedType::kF32:
        return pack_as<Load, StoreF32>(w, packed, begin, end, tables);
      case PackedType::kBf16:
        return pack_as<Load, StoreBf16>(w, packed, begin, end, tables);
      case PackedType::kS8:
        return pack_as<Load, StoreS8>(w, packed, begin, end, tables);
      case PackedType::kS16:
        return pack_as<Load, StoreS16>(w, packed, begin, end, tables);
      case PackedType::kS32:
        return pack_as<Load, StoreS32>(w, packed, begin, end, tables);
    }
  };
  switch (w_type_) {
    case DataType::kF16:
      return pack_from(LoadF16{});
    case DataType::kBf16:
      return pack_from(LoadBf16{});
    case DataType::kS8:
      return pack_from(LoadS8{});
    default:
      return pack_from(LoadF32{});
  }
}

}  // namespace convoke
