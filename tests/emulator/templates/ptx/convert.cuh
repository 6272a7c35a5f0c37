// templates/ptx/convert.cuh for g++: the compiler's own half type, and bits.
#pragma once

#include "templates/conv_types.h"
#include "tests/emulator/cuda.h"

namespace convoke::cuda::ptx {

inline unsigned short f16_of(float value) {
  const auto half = static_cast<_Float16>(value);
  unsigned short bits;
  std::memcpy(&bits, &half, sizeof bits);
  return bits;
}
inline unsigned f16x2_of(float lo, float hi) {
  return f16_of(lo) | static_cast<unsigned>(f16_of(hi)) << 16;
}
inline float float_of_f16(unsigned short bits) {
  _Float16 half;
  std::memcpy(&half, &bits, sizeof half);
  return static_cast<float>(half);
}
inline unsigned short bf16_of(float value) {
  const unsigned bits = __float_as_uint(value);
  if (value != value) return static_cast<unsigned short>(bits >> 16 | 0x40);
  return static_cast<unsigned short>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
inline unsigned bf16x2_of(float lo, float hi) {
  return bf16_of(lo) | static_cast<unsigned>(bf16_of(hi)) << 16;
}
inline float tf32_of(float value) {
  if (value != value) return value;
  return __uint_as_float((__float_as_uint(value) + 0x1000) & ~0x1fffu);
}

/// A byte of an 8-bit integer within [low, high].
inline unsigned byte_of(float value, float low, float high) {
  if (value != value) return 0;
  const float kept = value < low ? low : value > high ? high : value;
  return static_cast<unsigned>(static_cast<int>(std::nearbyint(kept))) & 0xff;
}
template <Type kType>
inline unsigned bytes_of(float a, float b, float c, float d) {
  constexpr float kLow = kType == Type::kS8 ? -128 : 0, kHigh = kType == Type::kS8 ? 127 : 255;
  const auto byte = [=](float value) { return byte_of(value, kLow, kHigh); };
  return byte(a) | byte(b) << 8 | byte(c) << 16 | byte(d) << 24;
}

}  // namespace convoke::cuda::ptx
