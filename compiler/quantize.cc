#include "convoke/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/quant_range.h"
#include "convoke/error.h"

namespace convoke {
namespace {

constexpr float kSmallestScale = std::numeric_limits<float>::min();

[[noreturn]] void fail(const std::string& message) {
  throw Error(ErrorCode::kUsage, "quantisation: " + message);
}

void check_given(const char* name, const void* data, std::size_t count) {
  if (data == nullptr && count > 0)
    fail(fmt::format("{} is null, but {} elements are announced", name, count));
}

/// Adding 1.5 * 2^23 rounds a number of a few digits to the nearest even integer, without a call.
float round_even(float v) {
  constexpr float kShift = 12582912.0f;
  return (v + kShift) - kShift;
}

/// Both comparisons are false of a NaN, which is 0 by then.
template <typename T>
T store(float v, float low, float high) {
  v = v == v ? v : 0.0f;
  v = v < low ? low : v;
  v = v > high ? high : v;
  return static_cast<T>(static_cast<int>(round_even(v)));
}

template <typename T>
void quantize_as(const float* x, std::size_t count, const QuantScale& s, T* out) {
  const float zero = static_cast<float>(s.zero);
  constexpr float kLow = std::numeric_limits<T>::min(), kHigh = std::numeric_limits<T>::max();
  for (std::size_t i = 0; i < count; ++i) out[i] = store<T>(x[i] / s.scale + zero, kLow, kHigh);
}

template <typename T>
void dequantize_as(const T* q, std::size_t count, const QuantScale& s, float* x) {
  for (std::size_t i = 0; i < count; ++i) x[i] = s.scale * static_cast<float>(q[i] - s.zero);
}

float weight_scale(const float* w, std::size_t count) {
  float largest = 0;
  for (std::size_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(w[i]));
  return largest == 0 ? 1 : std::max(largest / kLargestWeight, kSmallestScale);
}

}  // namespace

QuantRange quant_range(DataType type) {
  if (!is_integer(type))
    fail(fmt::format("type {} has no scale: it must be s8 or u8", to_string(type)));
  return type == DataType::kS8 ? QuantRange{-128, 127} : QuantRange{0, 255};
}

void check(const QuantScale& scale, DataType type) {
  const QuantRange range = quant_range(type);
  if (!std::isnormal(scale.scale) || scale.scale < 0)
    fail(fmt::format("the scale is {} but must be a normal number above 0, from {} to {}",
                     scale.scale, kSmallestScale, std::numeric_limits<float>::max()));
  if (scale.zero < range.low || scale.zero > range.high)
    fail(fmt::format("the zero point is {} but must be within the range of {}, {} to {}",
                     scale.zero, to_string(type), range.low, range.high));
}

void quantize(const float* x, std::size_t count, const QuantScale& scale, DataType type,
              void* out) {
  check(scale, type);
  check_given("x", x, count);
  check_given("out", out, count);
  if (type == DataType::kS8)
    quantize_as(x, count, scale, static_cast<std::int8_t*>(out));
  else
    quantize_as(x, count, scale, static_cast<std::uint8_t*>(out));
}

void dequantize(const void* q, std::size_t count, const QuantScale& scale, DataType type,
                float* x) {
  check(scale, type);
  check_given("q", q, count);
  check_given("x", x, count);
  if (type == DataType::kS8)
    dequantize_as(static_cast<const std::int8_t*>(q), count, scale, x);
  else
    dequantize_as(static_cast<const std::uint8_t*>(q), count, scale, x);
}

QuantizedWeights quantize_weights(const ConvSpec& spec, const float* w, std::size_t count,
                                  WeightScales scales) {
  spec.validate();
  if (count != static_cast<std::size_t>(spec.w_elements()))
    fail(fmt::format("{} weights are given but the spec has {}", count, spec.w_elements()));
  check_given("w", w, count);
  for (std::size_t i = 0; i < count; ++i)
    if (!std::isfinite(w[i])) fail(fmt::format("weight {} is {}, not a finite number", i, w[i]));
  // Filters are the slowest dimension of the weights in either layout.
  const std::size_t channels =
      scales == WeightScales::kPerChannel ? static_cast<std::size_t>(spec.k) : 1;
  const std::size_t size = count / channels;
  QuantizedWeights result{std::vector<std::int8_t>(count), std::vector<float>(channels)};
  for (std::size_t k = 0; k < channels; ++k) {
    const float scale = result.scales[k] = weight_scale(w + k * size, size);
    for (std::size_t i = k * size; i < (k + 1) * size; ++i)
      result.values[i] = store<std::int8_t>(w[i] / scale, -kLargestWeight, kLargestWeight);
  }
  return result;
}

}  // namespace convoke
