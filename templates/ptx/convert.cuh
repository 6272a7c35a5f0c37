// Conversions between f32 and the small types, one instruction or one bit trick each. sm_75
// has neither bf16, tf32 nor two-at-a-time conversions: integer arithmetic and pairs stand in, with
// the same results. Everything rounds to nearest, ties to even (tf32: ties away from zero, as the
// tensor cores' own conversion does); overflow gives infinity, a NaN stays a NaN.
#pragma once

#include "templates/conv_types.h"

namespace convoke::cuda::ptx {

/// Two f16 in a word, `lo` in the low half: nearer the start of memory.
__device__ __forceinline__ unsigned f16x2_of(float lo, float hi) {
#if __CUDA_ARCH__ >= 800
  unsigned packed;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(hi), "f"(lo));
  return packed;
#else
  unsigned packed;
  asm("{.reg .f16 a, b; cvt.rn.f16.f32 a, %1; cvt.rn.f16.f32 b, %2; mov.b32 %0, {a, b};}"
      : "=r"(packed)
      : "f"(lo), "f"(hi));
  return packed;
#endif
}

__device__ __forceinline__ unsigned short f16_of(float value) {
  unsigned short bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}

__device__ __forceinline__ float float_of_f16(unsigned short bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}

__device__ __forceinline__ unsigned short bf16_of(float value) {
#if __CUDA_ARCH__ >= 800
  unsigned short bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
#else
  const unsigned bits = __float_as_uint(value);
  const unsigned nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return (bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : nearest;
#endif
}

/// Two bf16 in a word, `lo` in the low half.
__device__ __forceinline__ unsigned bf16x2_of(float lo, float hi) {
#if __CUDA_ARCH__ >= 800
  unsigned packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(hi), "f"(lo));
  return packed;
#else
  return bf16_of(lo) | static_cast<unsigned>(bf16_of(hi)) << 16;
#endif
}

/// The nearest value that has tf32's ten bits of mantissa.
__device__ __forceinline__ float tf32_of(float value) {
#if __CUDA_ARCH__ >= 800
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return __uint_as_float(bits);
#else
  const unsigned bits = __float_as_uint(value);
  return value != value ? value : __uint_as_float((bits + 0x1000) & ~0x1fffu);
#endif
}

/// Two s32, saturated to s8 or u8, `a` in the lowest byte; over them the low half of `above`.
template <Type kType>
__device__ __forceinline__ unsigned pack_saturated(int a, int b, unsigned above) {
  unsigned packed;
  if constexpr (kType == Type::kS8) {
    asm("cvt.pack.sat.s8.s32.b32 %0, %1, %2, %3;" : "=r"(packed) : "r"(b), "r"(a), "r"(above));
  } else {
    static_assert(kType == Type::kU8, "four bytes in a word are s8 or u8");
    asm("cvt.pack.sat.u8.s32.b32 %0, %1, %2, %3;" : "=r"(packed) : "r"(b), "r"(a), "r"(above));
  }
  return packed;
}
/// Four s8 or u8 in a word, `a` in the lowest byte: to nearest even, saturated; a NaN becomes 0.
template <Type kType>
__device__ __forceinline__ unsigned bytes_of(float a, float b, float c, float d) {
  return pack_saturated<kType>(
      __float2int_rn(a), __float2int_rn(b),
      pack_saturated<kType>(__float2int_rn(c), __float2int_rn(d), 0));
}

}  // namespace convoke::cuda::ptx
