// templates/ptx/dp4a.cuh for g++: byte by byte.
#pragma once

#include "templates/conv_types.h"
#include "tests/emulator/cuda.h"

namespace convoke::cuda::ptx {

template <Type kType>
inline int dp4a(unsigned x, unsigned w, int sum) {
  for (int i = 0; i < 4; ++i) {
    const int a = kType == Type::kS8 ? static_cast<signed char>(x >> 8 * i)
                                     : static_cast<unsigned char>(x >> 8 * i);
    sum += a * static_cast<signed char>(w >> 8 * i);
  }
  return sum;
}

}  // namespace convoke::cuda::ptx
