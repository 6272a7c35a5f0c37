// Conversions between f32 and the small types, one instruction or one bit trick each. sm_75
// has neither bf16, tf32 nor two-at-a-time conversions: integer arithmetic and pairs stand in, with
// the same results. Everything rounds to nearest, ties to even (tf32: ties away from zero, as the
// tensor cores' own conversion does); overflow gives infinity, a NaN stays a NaN.
#pragma once

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

/// Four s8 (u8) in a word, `a` in the lowest byte: to nearest even, saturated; a NaN becomes 0.
__device__ __forceinline__ unsigned s8x4_of(float a, float b, float c, float d) {
  unsigned packed;
  asm("{.reg .b32 high; cvt.pack.sat.s8.s32.b32 high, %4, %3, 0; "
      "cvt.pack.sat.s8.s32.b32 %0, %2, %1, high;}"
      : "=r"(packed)
      : "r"(__float2int_rn(a)), "r"(__float2int_rn(b)), "r"(__float2int_rn(c)),
        "r"(__float2int_rn(d)));
  return packed;
}
__device__ __forceinline__ unsigned u8x4_of(float a, float b, float c, float d) {
  unsigned packed;
  asm("{.reg .b32 high; cvt.pack.sat.u8.s32.b32 high, %4, %3, 0; "
      "cvt.pack.sat.u8.s32.b32 %0, %2, %1, high;}"
      : "=r"(packed)
      : "r"(__float2int_rn(a)), "r"(__float2int_rn(b)), "r"(__float2int_rn(c)),
        "r"(__float2int_rn(d)));
  return packed;
}

}  // namespace convoke::cuda::ptx
