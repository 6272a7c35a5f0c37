#include "autotune/infinity_data.h"

#include <array>
#include <limits>
#include <optional>

#include "autotune/fill.h"
#include "autotune/reference.h"
#include "autotune/sparse_data.h"

namespace convoke {
namespace {

bool has_infinity(DataType type) {
  return type == DataType::kF32 || type == DataType::kTf32 || type == DataType::kF16 ||
         type == DataType::kBf16;
}

struct Tap {
  std::int64_t r = 0, s = 0;
};

/// Class of a sum that holds the product infinity * factor.
SumClass class_of(double factor) {
  return factor > 0   ? SumClass::kPlusInfinity
         : factor < 0 ? SumClass::kMinusInfinity
                      : SumClass::kNan;  // infinity * 0, and infinity * NaN
}

SumClass join(SumClass a, SumClass b) {
  if (a == SumClass::kFinite || a == b) return b;
  return b == SumClass::kFinite ? a : SumClass::kNan;
}

std::int64_t input_row(const ConvSpec& spec, std::int64_t p, std::int64_t r) {
  return p * spec.stride_h - spec.pad_h + r * spec.dilation_h;
}
std::int64_t input_column(const ConvSpec& spec, std::int64_t q, std::int64_t s) {
  return q * spec.stride_w - spec.pad_w + s * spec.dilation_w;
}

/// For one axis: how many of the outputs tap t reads the image at.
std::vector<std::int64_t> reads_of_taps(std::int64_t taps, std::int64_t outputs, std::int64_t size,
                                        std::int64_t stride, std::int64_t pad,
                                        std::int64_t dilation) {
  std::vector<std::int64_t> reads(taps);
  for (std::int64_t t = 0; t < taps; ++t)
    for (std::int64_t o = 0; o < outputs; ++o) {
      const std::int64_t at = o * stride - pad + t * dilation;
      reads[t] += at >= 0 && at < size;
    }
  return reads;
}

/// Taps that read the image at no output, and those that do at some outputs only.
struct BorderTaps {
  std::vector<Tap> dead, partial;
};

BorderTaps border_taps(const ConvSpec& spec) {
  const auto rows =
      reads_of_taps(spec.r, spec.p, spec.h, spec.stride_h, spec.pad_h, spec.dilation_h);
  const auto columns =
      reads_of_taps(spec.s, spec.q, spec.w, spec.stride_w, spec.pad_w, spec.dilation_w);
  BorderTaps taps;
  for (std::int64_t r = 0; r < spec.r; ++r)
    for (std::int64_t s = 0; s < spec.s; ++s) {
      if (rows[r] == 0 || columns[s] == 0)
        taps.dead.push_back({r, s});
      else if (rows[r] < spec.p || columns[s] < spec.q)
        taps.partial.push_back({r, s});
    }
  return taps;
}

/// A weight of one filter.
struct Weight {
  std::int64_t c = 0;
  Tap tap;
};

/// In each filter a kept weight of a partial tap, another one in the next filter; none where all of
/// them are pruned.
std::vector<std::optional<Weight>> choose_partial(const ConvSpec& spec,
                                                  const SparsityPattern* pattern,
                                                  const std::vector<Tap>& partial) {
  std::vector<std::optional<Weight>> chosen(static_cast<std::size_t>(spec.k));
  const std::int64_t channels = spec.c_per_group();
  const auto taps = static_cast<std::int64_t>(partial.size());
  for (std::int64_t k = 0; k < spec.k; ++k)
    for (std::int64_t i = 0; i < taps * channels && !chosen[k]; ++i) {
      const Weight weight{(k + i / taps) % channels, partial[(k + i) % taps]};
      if (pattern == nullptr || pattern->keeps(k, weight.tap.r, weight.tap.s, weight.c))
        chosen[k] = weight;
    }
  return chosen;
}

/// Calls body(n, k, p, q, index in y) for every output of images [first, batch).
template <typename Body>
void for_each_output(const ConvSpec& spec, std::int64_t first, std::int64_t batch,
                     const Body& body) {
  for (std::int64_t n = first; n < batch; ++n)
    for (std::int64_t k = 0; k < spec.k; ++k)
      for (std::int64_t p = 0; p < spec.p; ++p)
        for (std::int64_t q = 0; q < spec.q; ++q)
          body(n, k, p, q, image_index(spec.y_layout, n, k, p, q, spec.k, spec.p, spec.q));
}

/// An infinite element of the images.
struct Pixel {
  std::int64_t n = 0, c = 0, h = 0, w = 0;
};

/// The tap at which an output reads position `at` of an axis, if there is one.
std::optional<std::int64_t> tap_at(std::int64_t at, std::int64_t output, std::int64_t taps,
                                   std::int64_t stride, std::int64_t pad, std::int64_t dilation) {
  const std::int64_t distance = at + pad - output * stride;
  if (distance < 0 || distance % dilation != 0 || distance / dilation >= taps) return std::nullopt;
  return distance / dilation;
}

}  // namespace

InfinityData plant_in_weights(const ConvSpec& spec, const SparsityPattern* pattern,
                              std::int64_t batch, const std::vector<std::byte>& x,
                              const std::vector<std::byte>& w) {
  InfinityData data;
  const BorderTaps taps = border_taps(spec);
  if (!has_infinity(spec.w_type) || (taps.dead.empty() && taps.partial.empty())) return data;
  const std::vector<std::optional<Weight>> partial = choose_partial(spec, pattern, taps.partial);
  data.bytes = w;
  const auto plant = [&](std::int64_t k, std::int64_t c, Tap tap) {
    store_element(data.bytes.data(), weight_index(spec, k, c, tap.r, tap.s), spec.w_type,
                  std::numeric_limits<double>::infinity());
  };
  for (std::int64_t k = 0; k < spec.k; ++k) {
    for (const Tap& tap : taps.dead)
      for (std::int64_t c = 0; c < spec.c_per_group(); ++c)
        if (pattern == nullptr || pattern->keeps(k, tap.r, tap.s, c)) plant(k, c, tap);
    if (partial[k]) plant(k, partial[k]->c, partial[k]->tap);
  }
  data.classes.resize(spec.y_elements(batch), SumClass::kFinite);
  for_each_output(
      spec, 0, batch,
      [&](std::int64_t n, std::int64_t k, std::int64_t p, std::int64_t q, std::int64_t at) {
        if (!partial[k]) return;
        const std::int64_t h = input_row(spec, p, partial[k]->tap.r);
        const std::int64_t column = input_column(spec, q, partial[k]->tap.s);
        if (h < 0 || h >= spec.h || column < 0 || column >= spec.w) return;
        const std::int64_t c = k / spec.k_per_group() * spec.c_per_group() + partial[k]->c;
        data.classes[at] = class_of(load_element(
            x.data(), image_index(spec.x_layout, n, c, h, column, spec.c, spec.h, spec.w),
            spec.x_type));
      });
  return data;
}

InfinityData plant_in_images(const ConvSpec& spec, std::int64_t batch,
                             const std::vector<std::byte>& x, const std::vector<std::byte>& w) {
  InfinityData data;
  if (!has_infinity(spec.x_type) || !spec.sparsity.empty()) return data;
  const std::int64_t n = batch - 1;
  const std::array<Pixel, 3> pixels = {Pixel{n, 0, 0, 0}, Pixel{n, 0, spec.h / 2, spec.w / 2},
                                       Pixel{n, spec.c - 1, spec.h - 1, spec.w - 1}};
  data.bytes = x;
  for (const Pixel& pixel : pixels)
    store_element(data.bytes.data(),
                  image_index(spec.x_layout, n, pixel.c, pixel.h, pixel.w, spec.c, spec.h, spec.w),
                  spec.x_type, std::numeric_limits<double>::infinity());
  data.classes.resize(spec.y_elements(batch), SumClass::kFinite);
  const std::int64_t channels = spec.c_per_group();
  for_each_output(
      spec, n, batch,
      [&](std::int64_t, std::int64_t k, std::int64_t p, std::int64_t q, std::int64_t at) {
        for (const Pixel& pixel : pixels) {
          if (pixel.c / channels != k / spec.k_per_group()) continue;
          const auto r = tap_at(pixel.h, p, spec.r, spec.stride_h, spec.pad_h, spec.dilation_h);
          const auto s = tap_at(pixel.w, q, spec.s, spec.stride_w, spec.pad_w, spec.dilation_w);
          if (!r || !s) continue;
          const std::int64_t index = weight_index(spec, k, pixel.c % channels, *r, *s);
          data.classes[at] =
              join(data.classes[at], class_of(load_element(w.data(), index, spec.w_type)));
        }
      });
  return data;
}

}  // namespace convoke
