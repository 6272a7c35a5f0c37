// templates/ptx/memory.cuh for g++; addresses of shared memory are offsets in a block's.
#pragma once

#include "tests/emulator/block.h"

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

template <typename T>
inline T* opaque(T* pointer) {
  return pointer;
}
inline unsigned opaque(unsigned word) { return word; }
inline void store_shared16(unsigned to, unsigned a, unsigned b, unsigned c, unsigned d) {
  store16(memory + to, a, b, c, d);
}
inline void load_shared16(unsigned (&out)[4], unsigned from) {
  misaligned_accesses += from % 16 != 0;
  std::memcpy(out, memory + from, 16);
}
inline unsigned load_shared4(unsigned from) {
  misaligned_accesses += from % 4 != 0;
  unsigned word;
  std::memcpy(&word, memory + from, 4);
  return word;
}

}  // namespace convoke::cuda::ptx
