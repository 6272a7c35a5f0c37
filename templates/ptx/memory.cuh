// Wide stores, and a pointer that the compiler takes as it is. The stores are spelled out: an
// assignment through a vector type's pointer came out of NVRTC 13.0 as four stores of a word each.
#pragma once

namespace convoke::cuda::ptx {

__device__ __forceinline__ void store8(void* to, unsigned a, unsigned b) {
  asm volatile("st.global.v2.b32 [%0], {%1, %2};" ::"l"(to), "r"(a), "r"(b) : "memory");
}
__device__ __forceinline__ void store16(void* to, unsigned a, unsigned b, unsigned c, unsigned d) {
  asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(to), "r"(a), "r"(b), "r"(c), "r"(d)
               : "memory");
}
/// The pointer, from here on without a past that it could be computed from again.
template <typename T>
__device__ __forceinline__ T* opaque(T* pointer) {
  asm volatile("" : "+l"(pointer));
  return pointer;
}
/// The same of a word.
__device__ __forceinline__ unsigned opaque(unsigned word) {
  asm volatile("" : "+r"(word));
  return word;
}

/// The stores of 16 bytes into shared memory.
__device__ __forceinline__ void store_shared16(unsigned to, unsigned a, unsigned b, unsigned c,
                                               unsigned d) {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(a), "r"(b), "r"(c), "r"(d)
               : "memory");
}

/// The inverse, and of one word.
__device__ __forceinline__ void load_shared16(unsigned (&out)[4], unsigned from) {
  asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(from)
               : "memory");
}
__device__ __forceinline__ unsigned load_shared4(unsigned from) {
  unsigned word;
  asm volatile("ld.shared.b32 %0, [%1];" : "=r"(word) : "r"(from) : "memory");
  return word;
}

}  // namespace convoke::cuda::ptx
