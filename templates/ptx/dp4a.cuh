// Four products of 8-bit integers added to a sum, in one instruction.
#pragma once

#include "templates/conv_types.h"

namespace convoke::cuda::ptx {

/// sum + the products of the four bytes of x (s8 or u8) with those of w (s8).
template <Type kType>
__device__ __forceinline__ int dp4a(unsigned x, unsigned w, int sum) {
  int result;
  if constexpr (kType == Type::kS8) {
    asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(result) : "r"(x), "r"(w), "r"(sum));
  } else {
    static_assert(kType == Type::kU8, "dp4a multiplies s8 and u8");
    asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(result) : "r"(x), "r"(w), "r"(sum));
  }
  return result;
}

}  // namespace convoke::cuda::ptx
