// The element types as a kernel sees them: stored as words, computed in f32. Loads go through the
// read-only path: what a kernel reads is never written while it runs. Vectors are 16 bytes of
// memory, four words. tf32 is f32 in memory; whoever multiplies it rounds it first
// (multiplicand()).
#pragma once

#include "templates/conv_config.h"
#include "templates/ptx/convert.cuh"

namespace convoke::cuda {

/// 16 bytes, moved by one instruction where the address is aligned.
struct alignas(16) Vector {
  unsigned word[4];
};

__device__ __forceinline__ Vector load_vector(const void* from) {
  const uint4 v = __ldg(static_cast<const uint4*>(from));
  return {v.x, v.y, v.z, v.w};
}
__device__ __forceinline__ void store_vector(void* to, const Vector& v) {
  *static_cast<uint4*>(to) = uint4{v.word[0], v.word[1], v.word[2], v.word[3]};
}

/// The 4-byte types.
template <Type kType>
struct Element {
  using Storage = float;
  static constexpr int kPerVector = 4;

  static __device__ __forceinline__ float widen(Storage stored) { return stored; }
  static __device__ __forceinline__ Storage narrow(float value) { return value; }
  static __device__ __forceinline__ void widen(const Vector& v, float (&values)[kPerVector]) {
#pragma unroll
    for (int i = 0; i < kPerVector; ++i) values[i] = __uint_as_float(v.word[i]);
  }
  static __device__ __forceinline__ Vector narrow(const float (&values)[kPerVector]) {
    return {__float_as_uint(values[0]), __float_as_uint(values[1]), __float_as_uint(values[2]),
            __float_as_uint(values[3])};
  }
};

template <>
struct Element<Type::kF16> {
  using Storage = unsigned short;
  static constexpr int kPerVector = 8;

  static __device__ __forceinline__ float widen(Storage stored) {
    return ptx::float_of_f16(stored);
  }
  static __device__ __forceinline__ Storage narrow(float value) { return ptx::f16_of(value); }
  static __device__ __forceinline__ unsigned narrow(float lo, float hi) {
    return ptx::f16x2_of(lo, hi);
  }
  static __device__ __forceinline__ void widen(const Vector& v, float (&values)[kPerVector]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      values[2 * i] = widen(static_cast<Storage>(v.word[i]));
      values[2 * i + 1] = widen(static_cast<Storage>(v.word[i] >> 16));
    }
  }
  static __device__ __forceinline__ Vector narrow(const float (&values)[kPerVector]) {
    return {narrow(values[0], values[1]), narrow(values[2], values[3]),
            narrow(values[4], values[5]), narrow(values[6], values[7])};
  }
};

template <>
struct Element<Type::kBf16> {
  using Storage = unsigned short;
  static constexpr int kPerVector = 8;

  static __device__ __forceinline__ float widen(Storage stored) {
    return __uint_as_float(static_cast<unsigned>(stored) << 16);
  }
  static __device__ __forceinline__ Storage narrow(float value) { return ptx::bf16_of(value); }
  static __device__ __forceinline__ unsigned narrow(float lo, float hi) {
    return ptx::bf16x2_of(lo, hi);
  }
  static __device__ __forceinline__ void widen(const Vector& v, float (&values)[kPerVector]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      values[2 * i] = __uint_as_float(v.word[i] << 16);
      values[2 * i + 1] = __uint_as_float(v.word[i] & 0xffff0000);
    }
  }
  static __device__ __forceinline__ Vector narrow(const float (&values)[kPerVector]) {
    return {narrow(values[0], values[1]), narrow(values[2], values[3]),
            narrow(values[4], values[5]), narrow(values[6], values[7])};
  }
};

/// Element `index` of a tensor, widened to f32.
template <Type kType>
__device__ __forceinline__ float load(const void* tensor, long long index) {
  using Storage = typename Element<kType>::Storage;
  return Element<kType>::widen(__ldg(static_cast<const Storage*>(tensor) + index));
}
/// Rounds to nearest even and stores.
template <Type kType>
__device__ __forceinline__ void store(void* tensor, long long index, float value) {
  using Storage = typename Element<kType>::Storage;
  static_cast<Storage*>(tensor)[index] = Element<kType>::narrow(value);
}

/// Elements [index, index + kCount) as f32: by vectors if `kAligned` says that the address of
/// `index` is a multiple of 16 bytes (kCount then is whole vectors), else one by one, and only the
/// first `valid` of them.
template <Type kType, bool kAligned, int kCount>
__device__ __forceinline__ void load_row(const void* tensor, long long index,
                                         float (&values)[kCount], int valid = kCount) {
  using Storage = typename Element<kType>::Storage;
  const Storage* from = static_cast<const Storage*>(tensor) + index;
  if constexpr (kAligned) {
    constexpr int kPer = Element<kType>::kPerVector;
    static_assert(kCount % kPer == 0, "an aligned row is whole vectors of 16 bytes");
#pragma unroll
    for (int v = 0; v < kCount / kPer; ++v) {
      float part[kPer];
      Element<kType>::widen(load_vector(from + v * kPer), part);
#pragma unroll
      for (int i = 0; i < kPer; ++i) values[v * kPer + i] = part[i];
    }
  } else {
#pragma unroll
    for (int i = 0; i < kCount; ++i)
      values[i] = i < valid ? Element<kType>::widen(__ldg(from + i)) : 0.0f;
  }
}
/// The inverse, rounding to nearest even.
template <Type kType, bool kAligned, int kCount>
__device__ __forceinline__ void store_row(void* tensor, long long index,
                                          const float (&values)[kCount], int valid = kCount) {
  using Storage = typename Element<kType>::Storage;
  Storage* to = static_cast<Storage*>(tensor) + index;
  if constexpr (kAligned) {
    constexpr int kPer = Element<kType>::kPerVector;
    static_assert(kCount % kPer == 0, "an aligned row is whole vectors of 16 bytes");
#pragma unroll
    for (int v = 0; v < kCount / kPer; ++v) {
      float part[kPer];
#pragma unroll
      for (int i = 0; i < kPer; ++i) part[i] = values[v * kPer + i];
      store_vector(to + v * kPer, Element<kType>::narrow(part));
    }
  } else {
#pragma unroll
    for (int i = 0; i < kCount; ++i)
      if (i < valid) to[i] = Element<kType>::narrow(values[i]);
  }
}

/// What is multiplied: tf32 is rounded to its ten bits, the other types are as they are.
template <Type kType>
__device__ __forceinline__ float multiplicand(float value) {
  return kType == Type::kTf32 ? ptx::tf32_of(value) : value;
}

}  // namespace convoke::cuda
