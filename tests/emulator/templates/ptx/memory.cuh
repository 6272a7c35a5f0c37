// templates/ptx/memory.cuh for g++: global stores.
#pragma once

#include "tests/emulator/cuda.h"

namespace convoke::cuda::ptx {

inline void store_words(void* to, const unsigned* words, std::size_t bytes) {
  misaligned_accesses += reinterpret_cast<std::uintptr_t>(to) % bytes != 0;
  std::memcpy(to, words, bytes);
}
inline void store8(void* to, unsigned a, unsigned b) {
  const unsigned words[] = {a, b};
  store_words(to, words, sizeof words);
}
inline void store16(void* to, unsigned a, unsigned b, unsigned c, unsigned d) {
  const unsigned words[] = {a, b, c, d};
  store_words(to, words, sizeof words);
}

}  // namespace convoke::cuda::ptx
