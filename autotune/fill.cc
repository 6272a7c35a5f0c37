#include "autotune/fill.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "autotune/tolerance.h"
#include "compiler/epilogue.h"
#include "compiler/sparsity.h"

namespace convoke {
namespace {

/// splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
std::uint64_t mix(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::uint64_t element_bits(std::uint64_t seed, TensorRole role, std::uint64_t i) {
  return mix(mix(seed * 8 + static_cast<std::uint64_t>(role)) + i);
}

/// Products in the longest sum of the problem: padding contributes none.
std::int64_t longest_sum(const ConvSpec& spec) {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  for (std::int64_t p = 0; p < spec.p && rows < spec.r; ++p)
    rows = std::max(rows, spec.valid_r(p).size());
  for (std::int64_t q = 0; q < spec.q && columns < spec.s; ++q)
    columns = std::max(columns, spec.valid_s(q).size());
  return spec.c_per_group() * rows * columns;
}

/// Share of the products that kept weights have in the mean: of pruned filters none are looked at.
double share_of_sum(const ConvSpec& spec) {
  const Sparsity sparsity = Sparsity::parse(spec.sparsity);
  return sparsity.kind == SparsityKind::kChannel ? 1 : sparsity.keep;
}

double variance(int max, double density) {
  return density * (max + 1) * (2 * max + 1) / 6;  // of +-{1..max}, uniform
}

/// Uniform in the whole range of s8 or u8, as a double.
double whole_range(std::uint64_t bits, DataType type) {
  return static_cast<double>(bits >> 56) - (type == DataType::kS8 ? 128 : 0);
}

/// Channel of an element of x or w within its group.
std::int64_t channel_in_group(const ConvSpec& spec, TensorRole role, std::int64_t i) {
  const bool nhwc = spec.x_layout == Layout::kNhwc;
  const std::int64_t plane = role == TensorRole::kX ? spec.h * spec.w : spec.r * spec.s;
  const std::int64_t channels = role == TensorRole::kX ? spec.c : spec.c_per_group();
  return (nhwc ? i % channels : i / plane % channels) % spec.c_per_group();
}

/// Distance in elements from a channel to the next one.
std::int64_t channel_stride(const ConvSpec& spec, TensorRole role) {
  if (spec.x_layout == Layout::kNhwc) return 1;
  return role == TensorRole::kX ? spec.h * spec.w : spec.r * spec.s;
}

/// Weights of a sum that are not zero, of data that cancels.
constexpr double kCancellingPairs = 4;

/// Element i of 8-bit data of the whole range whose sums are small: of channels 2j and 2j + 1 the
/// weights are opposite and the inputs differ by 1 at most. An odd last channel has no weight.
double cancelling(const ConvSpec& spec, TensorRole role, DataType type, std::uint64_t seed,
                  std::int64_t i) {
  const std::int64_t c = channel_in_group(spec, role, i);
  const std::int64_t first = i - c % 2 * channel_stride(spec, role);
  const std::uint64_t bits = element_bits(seed, role, first);
  const double value = whole_range(bits, type);
  if (role == TensorRole::kX) {
    const double low = type == DataType::kS8 ? -128 : 0, step = static_cast<double>(bits % 3) - 1;
    return c % 2 == 0 ? value : std::clamp(value + step, low, low + 255);
  }
  const auto pairs = static_cast<double>(longest_sum(spec) / 2);
  const double kept = std::max(kCancellingPairs / std::max(pairs * share_of_sum(spec), 1.0), 0.0);
  const bool alone = c % 2 == 0 && c + 1 == spec.c_per_group();
  if (alone || static_cast<double>(bits & 0xffffff) * 0x1p-24 >= kept) return 0;
  return c % 2 == 0 ? value : -value;
}

double random_integer(std::uint64_t bits, int max) {
  const double magnitude = 1 + static_cast<double>((bits >> 24) % max);
  return (bits >> 63) != 0 ? -magnitude : magnitude;
}

/// Estimated share of outputs whose stored value changes when their sum, about normal with
/// deviation `sigma`, changes by `change`.
double estimated_sensitivity(const Epilogue& epilogue, DataType type, double sigma,
                             double change = 1) {
  constexpr int kSamples = 256;
  int sensitive = 0;
  for (int i = 0; i < kSamples; ++i) {
    double sum = -6;  // twelve uniforms: close enough to a normal
    for (int j = 0; j < 12; ++j) sum += static_cast<double>(mix(i * 12 + j) >> 11) * 0x1p-53;
    double operands[kMaxEpilogueOperands];
    for (std::size_t j = 0; j < epilogue.operands().size(); ++j)
      operands[j] = random_integer(
          mix(~(i * std::uint64_t{64} + j)),
          epilogue.operands()[j].per_channel ? kMaxIntegerChannelOperand : kMaxIntegerOperand);
    sensitive += is_sensitive(epilogue, type, std::nearbyint(sum * sigma), operands, change);
  }
  return static_cast<double>(sensitive) / kSamples;
}

/// Whether more outputs of 8-bit data of the whole range tell something if its sums cancel.
bool sums_should_cancel(const ConvSpec& spec) {
  const Epilogue epilogue = Epilogue::parse(spec.epilogue);
  const double length = static_cast<double>(longest_sum(spec)) * share_of_sum(spec);
  constexpr double kDeviation = 74;  // of a uniform byte
  const double whole = kDeviation * kDeviation * std::sqrt(std::max(length, 1.0));
  const double small = kDeviation * std::sqrt(kCancellingPairs * 2 / 3);
  return estimated_sensitivity(epilogue, spec.y_type, small, kTypicalByteProduct) >
         estimated_sensitivity(epilogue, spec.y_type, whole, kTypicalByteProduct);
}

double bf16_bits_to_double(std::uint16_t bits) {
  const std::uint32_t wide = std::uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

/// 2^exponent of a normal double; std::ldexp takes ten times as long, and a check of a large
/// problem converts tens of millions of elements.
double power_of_two(int exponent) {
  const std::uint64_t bits = static_cast<std::uint64_t>(exponent + 1023) << 52;
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// A small float of `exponent_bits` and `mantissa_bits`; an all-ones exponent is not special here.
double small_float_to_double(unsigned bits, int exponent_bits, int mantissa_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const unsigned mantissa = bits & ((1u << mantissa_bits) - 1);
  const int exponent = static_cast<int>(bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const double sign = (bits >> (exponent_bits + mantissa_bits)) & 1 ? -1 : 1;
  if (exponent == 0) return sign * mantissa * power_of_two(1 - bias - mantissa_bits);
  const std::uint64_t wide = static_cast<std::uint64_t>(exponent - bias + 1023) << 52 |
                             static_cast<std::uint64_t>(mantissa) << (52 - mantissa_bits);
  double magnitude;
  std::memcpy(&magnitude, &wide, sizeof magnitude);
  return sign * magnitude;
}

/// Inverse of small_float_to_double for a finite value that the format holds.
unsigned double_to_small_float(double value, int exponent_bits, int mantissa_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const unsigned sign = std::signbit(value) ? 1u << (exponent_bits + mantissa_bits) : 0;
  int exponent = 0;
  std::frexp(value, &exponent);  // value = f * 2^exponent, f in [0.5, 1)
  const int biased = value == 0 ? 0 : exponent - 1 + bias;
  if (biased <= 0)
    return sign | static_cast<unsigned>(std::ldexp(std::abs(value), bias - 1 + mantissa_bits));
  const auto significand =
      static_cast<unsigned>(std::ldexp(std::abs(value), mantissa_bits + 1 - exponent));
  return sign |
         ((static_cast<unsigned>(biased) << mantissa_bits) + (significand - (1u << mantissa_bits)));
}

/// Rounds to `precision` significant bits, or to a multiple of the smallest subnormal.
double round_float(double value, int precision, int min_exponent) {
  if (value == 0 || !std::isfinite(value)) return value;
  std::uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const int biased = static_cast<int>(bits >> 52 & 0x7ff);  // 0: subnormal, below every minimum
  const int exponent = std::max(biased - 1023, min_exponent) - (precision - 1);
  // Steps of 2^exponent: at least 2^-149 here, at most 2^1013, so both factors are normal.
  return std::nearbyint(value * power_of_two(-exponent)) * power_of_two(exponent);
}

double overflow_to_infinity(double value, double largest) {
  return std::abs(value) > largest ? std::copysign(INFINITY, value) : value;
}

double saturate(double value, double low, double high) {
  return std::isnan(value) ? 0 : std::clamp(std::nearbyint(value), low, high);
}

}  // namespace

IntegerRange integer_range(const ConvSpec& spec) {
  const Epilogue epilogue = Epilogue::parse(spec.epilogue);
  const auto length = static_cast<double>(longest_sum(spec));
  const double kept = std::max(std::min(length, 1.0), length * share_of_sum(spec));
  // From the widest to the sparsest; what f16, bf16, s8 and e4m3 hold exactly bounds the first.
  constexpr IntegerRange kLadder[] = {{8, 8},       {6, 6},       {4, 4},       {3, 3},
                                      {2, 2},       {2, 1},       {1, 1},       {1, 1, 0.7},
                                      {1, 1, 0.5},  {1, 1, 0.35}, {1, 1, 0.25}, {1, 1, 0.175},
                                      {1, 1, 0.12}, {1, 1, 0.09}, {1, 1, 0.06}, {1, 1, 0.03}};
  IntegerRange best;
  double best_sensitivity = -1;
  for (IntegerRange range : kLadder) {
    const double hits = length * range.density * range.density;  // products that are not zero
    const double most = std::min(length, hits + 10 * std::sqrt(hits) + 10);
    range.exact = exact_in_f32(epilogue, most * range.max_x * range.max_w,
                               kMaxIntegerChannelOperand, kMaxIntegerOperand);
    const double sigma = std::sqrt(kept * variance(range.max_x, range.density) *
                                   variance(range.max_w, range.density));
    const double sensitivity = estimated_sensitivity(epilogue, spec.y_type, sigma);
    // Exact beats inexact; then a smaller range must be clearly better to be taken.
    if (range.exact < best.exact) continue;
    if (range.exact > best.exact || sensitivity > best_sensitivity * 1.1) {
      best = range;
      best_sensitivity = sensitivity;
    }
  }
  return best;
}

void fill(std::vector<std::byte>& bytes, DataType type, TensorRole role, FillKind kind,
          const ConvSpec& spec, std::uint64_t seed) {
  const std::int64_t count = static_cast<std::int64_t>(bytes.size()) / size_of(type);
  if (kind == FillKind::kFloats) {
    const bool operand = role == TensorRole::kOperand || role == TensorRole::kChannelOperand;
    const bool data = role == TensorRole::kX || role == TensorRole::kW;
    const bool cancels = data && is_integer(spec.x_type) && sums_should_cancel(spec);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint64_t bits = element_bits(seed, role, i);
      double value = static_cast<double>(bits >> 40) * 0x1p-23 - 1;
      if (operand) value = std::copysign(0.5 + std::abs(value), value);
      if (is_integer(type))
        value = cancels ? cancelling(spec, role, type, seed, i) : whole_range(bits, type);
      store_element(bytes.data(), i, type, value);
    }
    return;
  }
  const IntegerRange range = integer_range(spec);
  const bool data = role == TensorRole::kX || role == TensorRole::kW;
  const double density = data ? range.density : 1;
  const int max = role == TensorRole::kX         ? range.max_x
                  : role == TensorRole::kW       ? range.max_w
                  : role == TensorRole::kOperand ? kMaxIntegerOperand
                                                 : kMaxIntegerChannelOperand;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint64_t bits = element_bits(seed, role, i);
    const bool zero = static_cast<double>(bits & 0xffffff) * 0x1p-24 >= density;
    const double value = zero ? 0 : random_integer(bits, max);
    store_element(bytes.data(), i, type, type == DataType::kU8 ? std::abs(value) : value);
  }
}

double load_element(const void* data, std::int64_t index, DataType type) {
  const auto* bytes = static_cast<const std::byte*>(data) + index * size_of(type);
  const auto read = [bytes](auto value) {
    std::memcpy(&value, bytes, sizeof value);
    return value;
  };
  switch (type) {
    case DataType::kF32:
    case DataType::kTf32:
      return read(float{});
    case DataType::kS32:
      return read(std::int32_t{});
    case DataType::kS8:
      return read(std::int8_t{});
    case DataType::kU8:
      return read(std::uint8_t{});
    case DataType::kBf16:
      return bf16_bits_to_double(read(std::uint16_t{}));
    case DataType::kF16: {
      const std::uint16_t bits = read(std::uint16_t{});
      if ((bits & 0x7c00) != 0x7c00) return small_float_to_double(bits, 5, 10);
      return (bits & 0x3ff) != 0 ? NAN : bits & 0x8000 ? -INFINITY : INFINITY;
    }
    case DataType::kE4m3: {
      const std::uint8_t bits = read(std::uint8_t{});
      return (bits & 0x7f) == 0x7f ? NAN : small_float_to_double(bits, 4, 3);
    }
  }
  return NAN;
}

double round_to(DataType type, double value) {
  switch (type) {
    case DataType::kF32:
      return static_cast<float>(value);
    case DataType::kTf32:
      return overflow_to_infinity(round_float(value, 11, -126), 0x1.ffcp127);
    case DataType::kBf16:
      return overflow_to_infinity(round_float(value, 8, -126), 0x1.fep127);
    case DataType::kF16:
      return overflow_to_infinity(round_float(value, 11, -14), 65504);
    case DataType::kE4m3:
      return std::isnan(value) ? value : std::clamp(round_float(value, 4, -6), -448.0, 448.0);
    case DataType::kS8:
      return saturate(value, -128, 127);
    case DataType::kU8:
      return saturate(value, 0, 255);
    case DataType::kS32:
      return saturate(value, -0x1p31, 0x1p31 - 1);
  }
  return NAN;
}

void store_element(void* data, std::int64_t index, DataType type, double value) {
  auto* bytes = static_cast<std::byte*>(data) + index * size_of(type);
  const auto write = [bytes](auto stored) { std::memcpy(bytes, &stored, sizeof stored); };
  const double rounded = round_to(type, value);
  switch (type) {
    case DataType::kF32:
    case DataType::kTf32:
      return write(static_cast<float>(rounded));
    case DataType::kS32:
      return write(static_cast<std::int32_t>(rounded));
    case DataType::kS8:
      return write(static_cast<std::int8_t>(rounded));
    case DataType::kU8:
      return write(static_cast<std::uint8_t>(rounded));
    case DataType::kBf16: {
      const auto wide = static_cast<float>(rounded);
      std::uint32_t bits;
      std::memcpy(&bits, &wide, sizeof bits);
      return write(static_cast<std::uint16_t>(std::isnan(rounded) ? 0x7fc0 : bits >> 16));
    }
    case DataType::kF16:
      if (std::isnan(rounded)) return write(std::uint16_t{0x7e00});
      if (std::isinf(rounded))
        return write(static_cast<std::uint16_t>(rounded < 0 ? 0xfc00 : 0x7c00));
      return write(static_cast<std::uint16_t>(double_to_small_float(rounded, 5, 10)));
    case DataType::kE4m3:
      if (std::isnan(rounded)) return write(std::uint8_t{0x7f});
      return write(static_cast<std::uint8_t>(double_to_small_float(rounded, 4, 3)));
  }
}

}  // namespace convoke
