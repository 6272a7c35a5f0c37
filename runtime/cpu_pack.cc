#include "runtime/cpu_pack.h"

#include <fmt/format.h>

#include <algorithm>

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
struct StoreF32 {
  using Element = float;
  static float put(float v) { return v; }
};
struct StoreBf16 {
  using Element = std::uint16_t;
  static std::uint16_t put(float v) { return float_to_bf16(v); }
};

}  // namespace

struct WeightPacker::Slab {
  std::int64_t width = 0, filters = 0;  // of the panel, and how many of them are real
  std::int64_t channels = 0;            // of the block
};

WeightPacker::WeightPacker(const ConvSpec& spec, const PackedWeights& packed)
    : packed_(packed), w_type_(spec.w_type), filters_(packed.filters) {
  if (w_type_ != DataType::kF32 && w_type_ != DataType::kTf32 && w_type_ != DataType::kF16 &&
      w_type_ != DataType::kBf16)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("weights of type {} cannot be packed: only f32, tf32, f16 and bf16",
                            to_string(w_type_)));
  if (packed_.bytes == 0) return;
  const std::int64_t channels = spec.c_per_group();
  blocks_ = channels / packed_.kc;
  panels_ = packed_.kinds.back().first + packed_.kinds.back().count;
  units_ = packed_.groups * panels_ * blocks_;
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
  const std::int64_t pairs = (slab.channels + pair - 1) / pair;
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

template <class Load, class Store>
void WeightPacker::pack_as(const void* w, void* packed, std::int64_t begin,
                           std::int64_t end) const {
  const auto* plain = static_cast<const typename Load::Element*>(w);
  auto* out = static_cast<typename Store::Element*>(packed);
  const std::int64_t pairs = (packed_.kc + packed_.pair - 1) / packed_.pair;
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const std::int64_t block = unit % blocks_;
    const std::int64_t panel = unit / blocks_ % panels_;
    const std::int64_t group = unit / blocks_ / panels_;
    const PanelKind& kind =
        *std::find_if(packed_.kinds.begin(), packed_.kinds.end(),
                      [&](const PanelKind& k) { return panel < k.first + k.count; });
    Slab slab;
    slab.width = std::int64_t{kind.vectors} * packed_.lanes;
    const std::int64_t first = kind.first_filter + (panel - kind.first) * slab.width;
    slab.filters = std::min(slab.width, filters_ - first);
    slab.channels = packed_.kc;
    const std::int64_t slab_elements = pairs * packed_.pair * slab.width;
    typename Store::Element* place = out + group * packed_.group_elements + kind.offset +
                                     (panel - kind.first) * kind.panel_elements +
                                     block * packed_.r.size() * packed_.s.size() * slab_elements;
    for (std::int64_t r = packed_.r.begin; r < packed_.r.end; ++r)
      for (std::int64_t s = packed_.s.begin; s < packed_.s.end; ++s, place += slab_elements)
        pack_slab<Load, Store>(plain + (group * filters_ + first) * stride_k_ + r * stride_r_ +
                                   s * stride_s_ + block * packed_.kc * stride_c_,
                               place, slab);
  }
}

void WeightPacker::pack(const void* w, void* packed, std::int64_t begin, std::int64_t end) const {
  const bool bf16 = packed_.type == DataType::kBf16;
  if (w_type_ == DataType::kF16)
    return bf16 ? pack_as<LoadF16, StoreBf16>(w, packed, begin, end)
                : pack_as<LoadF16, StoreF32>(w, packed, begin, end);
  if (w_type_ == DataType::kBf16)
    return bf16 ? pack_as<LoadBf16, StoreBf16>(w, packed, begin, end)
                : pack_as<LoadBf16, StoreF32>(w, packed, begin, end);
  return bf16 ? pack_as<LoadF32, StoreBf16>(w, packed, begin, end)
              : pack_as<LoadF32, StoreF32>(w, packed, begin, end);
}

}  // namespace convoke
