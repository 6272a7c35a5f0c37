// templates/ptx/mma.cuh for g++: what the PTX ISA says of ldmatrix and of the fragments of
// mma.m16n8k16 and of sparse mma.m16n8k32 for two-byte types, and of mma.m16n8k32 for 8-bit
// integers, element by element.
#pragma once

#include "templates/conv_types.h"
#include "templates/types.cuh"
#include "tests/emulator/block.h"

namespace convoke::cuda::ptx {

/// How many of the eight rows of a matrix, over all loads, waited for another in their banks.
inline std::atomic<long long> bank_conflicts = 0;

template <int kMatrices>
inline void load_matrices(unsigned (&out)[kMatrices], unsigned address) {
  const unsigned lane = threadIdx.x % 32;
  EmulatedWarp& warp = emulated_warp();
  misaligned_accesses += address % 16 != 0;
  warp.lanes[lane].address = address;
  __syncwarp();
  if (lane % 8 == 0 && lane / 8 < kMatrices) {
    unsigned groups = 0;  // of banks: 16 bytes each
    for (unsigned row = 0; row < 8; ++row) groups |= 1u << warp.lanes[lane + row].address / 16 % 8;
    bank_conflicts += 8 - __builtin_popcount(groups);
  }
  for (unsigned i = 0; i < kMatrices; ++i)
    std::memcpy(&out[i], memory + warp.lanes[i * 8 + lane / 4].address + lane % 4 * 4, 4);
  __syncwarp();
}
inline void ldmatrix4(unsigned (&out)[4], unsigned address) { load_matrices(out, address); }
inline void ldmatrix2(unsigned (&out)[2], unsigned address) { load_matrices(out, address); }

/// One of the two elements of a word.
template <Type kType>
inline float half_word(unsigned word, unsigned which) {
  return Element<kType>::widen(static_cast<unsigned short>(word >> 16 * which));
}
/// Element (row, column) of the 16 by 16 values of A, (k, column) of B.
template <Type kType>
inline float element_a(const EmulatedWarp& warp, unsigned row, unsigned column) {
  return half_word<kType>(warp.lanes[row % 8 * 4 + column % 8 / 2].a[row / 8 + column / 8 * 2],
                          column % 2);
}
template <Type kType>
inline float element_b(const EmulatedWarp& warp, unsigned k, unsigned column) {
  return half_word<kType>(warp.lanes[column * 4 + k % 8 / 2].b[k / 8], k % 2);
}

template <Type kType>
inline void mma(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  static_assert(size_of(kType) == 2, "two-byte types are emulated");
  const unsigned lane = threadIdx.x % 32;
  EmulatedWarp& warp = emulated_warp();
  std::memcpy(warp.lanes[lane].a, a, sizeof a);
  std::memcpy(warp.lanes[lane].b, b, sizeof b);
  __syncwarp();
  for (unsigned e = 0; e < 4; ++e)
    for (unsigned k = 0; k < 16; ++k)
      d[e] += element_a<kType>(warp, lane / 4 + e / 2 * 8, k) *
              element_b<kType>(warp, k, lane % 4 * 2 + e % 2);
  __syncwarp();
}

/// One of the four bytes of a word.
template <Type kType>
inline int byte_of_word(unsigned word, unsigned which) {
  return static_cast<typename Element<kType>::Storage>(word >> 8 * which);
}
/// Element (row, column) of the 16 by 32 bytes of A, (k, column) of B.
template <Type kType>
inline int byte_a(const EmulatedWarp& warp, unsigned row, unsigned column) {
  return byte_of_word<kType>(warp.lanes[row % 8 * 4 + column % 16 / 4].a[row / 8 + column / 16 * 2],
                             column % 4);
}
template <Type kType>
inline int byte_b(const EmulatedWarp& warp, unsigned k, unsigned column) {
  return byte_of_word<kType>(warp.lanes[column * 4 + k % 16 / 4].b[k / 16], k % 4);
}

template <Type kType>
inline void mma(int (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  const unsigned lane = threadIdx.x % 32;
  EmulatedWarp& warp = emulated_warp();
  std::memcpy(warp.lanes[lane].a, a, sizeof a);
  std::memcpy(warp.lanes[lane].b, b, sizeof b);
  __syncwarp();
  for (unsigned e = 0; e < 4; ++e)
    for (unsigned k = 0; k < 32; ++k)
      d[e] += byte_a<kType>(warp, lane / 4 + e / 2 * 8, k) *
              byte_b<Type::kS8>(warp, k, lane % 4 * 2 + e % 2);
  __syncwarp();
}

/// What orders of indices the instruction was given that it does not take.
inline std::atomic<long long> unordered_pairs = 0;

template <Type kType, int kHalf>
inline void mma_pairs(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[4],
                      unsigned pairs) {
  const unsigned lane = threadIdx.x % 32;
  EmulatedWarp& warp = emulated_warp();
  std::memcpy(warp.lanes[lane].a, a, sizeof a);
  std::memcpy(warp.lanes[lane].b, b, sizeof b);
  warp.lanes[lane].pairs = pairs;
  __syncwarp();
  for (unsigned e = 0; e < 4; ++e) {
    const unsigned row = lane / 4 + e / 2 * 8;
    for (unsigned four = 0; four < 8; ++four) {
      // Columns 0 to 15 in the first lane of the selected two, 16 to 31 in the second; row + 8 in
      // the upper half of their words.
      const unsigned word = warp.lanes[row % 8 * 4 + 2 * kHalf + four / 4].pairs;
      const unsigned bits = word >> (row / 8 * 16 + four % 4 * 4) & 15;
      unordered_pairs += (bits & 3) >= bits >> 2;
      for (unsigned which = 0; which < 2; ++which)
        d[e] += element_a<kType>(warp, row, four * 2 + which) *
                element_b<kType>(warp, four * 4 + (bits >> 2 * which & 3), lane % 4 * 2 + e % 2);
    }
  }
  __syncwarp();
}

template <Type kType, int kHalf>
inline void mma_pairs(int (&d)[4], const unsigned (&a)[4], const unsigned (&b)[4], unsigned pairs) {
  const unsigned lane = threadIdx.x % 32;
  EmulatedWarp& warp = emulated_warp();
  std::memcpy(warp.lanes[lane].a, a, sizeof a);
  std::memcpy(warp.lanes[lane].b, b, sizeof b);
  warp.lanes[lane].pairs = pairs;
  __syncwarp();
  for (unsigned e = 0; e < 4; ++e) {
    const unsigned row = lane / 4 + e / 2 * 8;
    for (unsigned four = 0; four < 16; ++four) {
      // Columns 0 to 31 in the first two lanes of four, 32 to 63 in the others; rows below 8 in
      // the even ones.
      const unsigned word = warp.lanes[row % 8 * 4 + four / 8 * 2 + row / 8].pairs;
      const unsigned bits = word >> (four % 8 * 4) & 15;
      unordered_pairs += (bits & 3) >= bits >> 2;
      for (unsigned which = 0; which < 2; ++which)
        d[e] += byte_a<Type::kS8>(warp, row, four * 2 + which) *
                byte_b<kType>(warp, four * 4 + (bits >> 2 * which & 3), lane % 4 * 2 + e % 2);
    }
  }
  __syncwarp();
}

}  // namespace convoke::cuda::ptx
