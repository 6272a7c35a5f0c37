// A convolution straight from its definition, in long double and with nothing shared with
// reference.cc: the oracle of the oracle, and the arithmetic of the fake kernels.
#pragma once

#include <cstddef>
#include <vector>

#include "autotune/fill.h"
#include "convoke/conv_spec.h"

namespace convoke::test {

inline double naive_sum(const ConvSpec& spec, const void* x, const void* w, std::int64_t n,
                        std::int64_t k, std::int64_t p, std::int64_t q) {
  long double sum = 0;
  const std::int64_t channels = spec.c / spec.groups;
  const std::int64_t group = k / (spec.k / spec.groups);
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t r = 0; r < spec.r; ++r)
      for (std::int64_t s = 0; s < spec.s; ++s) {
        const std::int64_t h = p * spec.stride_h + r * spec.dilation_h - spec.pad_h;
        const std::int64_t column = q * spec.stride_w + s * spec.dilation_w - spec.pad_w;
        if (h < 0 || column < 0 || h >= spec.h || column >= spec.w) continue;
        const std::int64_t channel = group * channels + c;
        const bool nhwc = spec.x_layout == Layout::kNhwc;
        const std::int64_t xi = nhwc ? ((n * spec.h + h) * spec.w + column) * spec.c + channel
                                     : ((n * spec.c + channel) * spec.h + h) * spec.w + column;
        const std::int64_t wi = nhwc ? ((k * spec.r + r) * spec.s + s) * channels + c
                                     : ((k * channels + c) * spec.r + r) * spec.s + s;
        sum += static_cast<long double>(load_element(x, xi, spec.x_type)) *
               load_element(w, wi, spec.w_type);
      }
  return static_cast<double>(sum);
}

inline std::int64_t y_index(const ConvSpec& spec, std::int64_t n, std::int64_t k, std::int64_t p,
                            std::int64_t q) {
  return spec.y_layout == Layout::kNhwc ? ((n * spec.p + p) * spec.q + q) * spec.k + k
                                        : ((n * spec.k + k) * spec.p + p) * spec.q + q;
}

/// Calls body(n, k, p, q) for every output.
template <typename Body>
void for_each_output(const ConvSpec& spec, std::int64_t batch, const Body& body) {
  for (std::int64_t n = 0; n < batch; ++n)
    for (std::int64_t k = 0; k < spec.k; ++k)
      for (std::int64_t p = 0; p < spec.p; ++p)
        for (std::int64_t q = 0; q < spec.q; ++q) body(n, k, p, q);
}

}  // namespace convoke::test
