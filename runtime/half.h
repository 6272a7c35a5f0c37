// The 16-bit float types as bits, converted in plain integer arithmetic: the same on every
// processor, and simple enough for the compiler to vectorise.
#pragma once

#include <cstdint>
#include <cstring>

namespace convoke {

inline float float_of_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline std::uint32_t bits_of_float(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float bf16_to_float(std::uint16_t bits) { return float_of_bits(std::uint32_t{bits} << 16); }

/// Rounds to nearest even; a NaN stays one.
inline std::uint16_t float_to_bf16(float value) {
  const std::uint32_t bits = bits_of_float(value);
  const std::uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const std::uint32_t quiet = (bits >> 16) | 0x40;
  return static_cast<std::uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
}

/// Exact. No subnormal float appears on the way, so a process that flushes them gets the same
/// values.
inline float half_to_float(std::uint16_t bits) {
  const std::uint32_t magnitude = std::uint32_t{bits} & 0x7fff;
  const std::uint32_t sign = (std::uint32_t{bits} & 0x8000) << 16;
  const float subnormal = static_cast<float>(magnitude) * 0x1p-24f;
  const std::uint32_t bias =
      magnitude >= 0x7c00 ? 224u << 23 : 112u << 23;  // infinities and NaNs keep all ones
  const std::uint32_t normal = (magnitude << 13) + bias;
  return float_of_bits((magnitude < 0x400 ? bits_of_float(subnormal) : normal) | sign);
}

/// Rounds to nearest even; beyond 65504 by half a step or more it is infinite; a NaN stays one.
inline std::uint16_t float_to_half(float value) {
  const std::uint32_t bits = bits_of_float(value), magnitude = bits & 0x7fffffff;
  // A sum whose last bit weighs 2^-24, the step of f16's subnormals, rounds as they do.
  const std::uint32_t subnormal = bits_of_float(float_of_bits(magnitude) + 0.5f) - 0x3f000000;
  const std::uint32_t normal = (magnitude - (112u << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  const std::uint32_t finite = magnitude < (113u << 23) ? subnormal : normal;
  const std::uint32_t huge = magnitude > 0x7f800000 ? 0x7e00 : 0x7c00;
  const std::uint32_t half = magnitude >= (143u << 23) ? huge : finite;
  return static_cast<std::uint16_t>(half | ((bits >> 16) & 0x8000));
}

}  // namespace convoke
