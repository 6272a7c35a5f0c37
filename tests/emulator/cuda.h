// CUDA's words for g++, enough to run templates as plain C++, those without shared memory or
// barriers thread after thread (the others: block.h): include this before a template, with
// tests/emulator before the repository on the include path, so that its ptx/ (the same functions
// without PTX) is found first.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__
#define __align__(bytes) __attribute__((aligned(bytes)))

struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct EmulatedIndex {
  unsigned x = 0, y = 0, z = 0;
};
inline thread_local EmulatedIndex threadIdx, blockIdx, gridDim;

/// How many loads and stores were less aligned than their width: a GPU would fault.
inline thread_local long long misaligned_accesses = 0;

template <typename T>
inline T __ldg(const T* from) {
  misaligned_accesses += reinterpret_cast<std::uintptr_t>(from) % sizeof(T) != 0;
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a < b ? b : a; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline float __int2float_rn(int value) { return static_cast<float>(value); }
inline unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
/// Bytes of a (0 to 3) and b (4 to 7) by the four numbers of the selector.
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  const std::uint64_t bytes = a | static_cast<std::uint64_t>(b) << 32;
  unsigned word = 0;
  for (unsigned i = 0; i < 4; ++i)
    word |= static_cast<unsigned>(bytes >> 8 * (selector >> 4 * i & 7) & 0xff) << 8 * i;
  return word;
}
