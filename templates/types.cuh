// The element types as a kernel sees them: stored as words, computed in f32, those of 8 bits summed
// in s32. Loads go through the read-only path: what a kernel reads is never written while it runs.
// Rows of elements move in pieces of up to 16 bytes where their alignment is known. tf32 is f32 in
// memory; whoever multiplies it rounds it first (multiplicand()).
#pragma once

#include "templates/conv_types.h"
#include "templates/ptx/convert.cuh"
#include "templates/ptx/memory.cuh"

namespace convoke::cuda {

/// A piece of memory that one instruction moves: 1 to 16 bytes, at a multiple of its size. A piece
/// of 1 or 2 bytes is the low part of its word.
template <int kBytes>
struct Piece {
  static_assert(kBytes == 1 || kBytes == 2 || kBytes == 4 || kBytes == 8 || kBytes == 16,
                "one load or store moves 1, 2, 4, 8 or 16 bytes");
  unsigned word[kBytes < 4 ? 1 : kBytes / 4];
};
using Vector = Piece<16>;

template <int kBytes>
__device__ __forceinline__ Piece<kBytes> load_piece(const void* from) {
  if constexpr (kBytes == 1) {
    return {__ldg(static_cast<const unsigned char*>(from))};
  } else if constexpr (kBytes == 2) {
    return {__ldg(static_cast<const unsigned short*>(from))};
  } else if constexpr (kBytes == 4) {
    return {__ldg(static_cast<const unsigned*>(from))};
  } else if constexpr (kBytes == 8) {
    const uint2 v = __ldg(static_cast<const uint2*>(from));
    return {v.x, v.y};
  } else {
    const uint4 v = __ldg(static_cast<const uint4*>(from));
    return {v.x, v.y, v.z, v.w};
  }
}
template <int kBytes>
__device__ __forceinline__ void store_piece(void* to, const Piece<kBytes>& piece) {
  const unsigned* word = piece.word;
  if constexpr (kBytes == 1)
    *static_cast<unsigned char*>(to) = static_cast<unsigned char>(word[0]);
  else if constexpr (kBytes == 2)
    *static_cast<unsigned short*>(to) = static_cast<unsigned short>(word[0]);
  else if constexpr (kBytes == 4)
    *static_cast<unsigned*>(to) = word[0];
  else if constexpr (kBytes == 8)
    ptx::store8(to, word[0], word[1]);
  else
    ptx::store16(to, word[0], word[1], word[2], word[3]);
}

/// One element in memory, and conversions. The 2-byte types also convert two at a time, `lo` nearer
/// the start of memory, those of a byte four. Narrowing rounds to nearest even; 8-bit integers
/// saturate, and a NaN becomes 0.
template <Type kType>
struct Element {
  using Storage = float;
  static __device__ __forceinline__ float widen(Storage stored) { return stored; }
  static __device__ __forceinline__ Storage narrow(float value) { return value; }
};
template <>
struct Element<Type::kF16> {
  using Storage = unsigned short;
  static __device__ __forceinline__ float widen(Storage stored) {
    return ptx::float_of_f16(stored);
  }
  static __device__ __forceinline__ Storage narrow(float value) { return ptx::f16_of(value); }
  static __device__ __forceinline__ unsigned narrow(float lo, float hi) {
    return ptx::f16x2_of(lo, hi);
  }
};
template <>
struct Element<Type::kBf16> {
  using Storage = unsigned short;
  static __device__ __forceinline__ float widen(Storage stored) {
    return __uint_as_float(static_cast<unsigned>(stored) << 16);
  }
  static __device__ __forceinline__ Storage narrow(float value) { return ptx::bf16_of(value); }
  static __device__ __forceinline__ unsigned narrow(float lo, float hi) {
    return ptx::bf16x2_of(lo, hi);
  }
};

template <Type kType, typename Byte>
struct ByteElement {
  using Storage = Byte;
  static __device__ __forceinline__ float widen(Storage stored) { return stored; }
  static __device__ __forceinline__ Storage narrow(float value) {
    return static_cast<Storage>(narrow(value, 0, 0, 0));
  }
  static __device__ __forceinline__ unsigned narrow(float a, float b, float c, float d) {
    return ptx::bytes_of<kType>(a, b, c, d);
  }
};
template <>
struct Element<Type::kS8> : ByteElement<Type::kS8, signed char> {};
template <>
struct Element<Type::kU8> : ByteElement<Type::kU8, unsigned char> {};
template <>
struct Element<Type::kS32> {  // of sums, which are stored as they are
  using Storage = int;
  static __device__ __forceinline__ Storage narrow(int sum) { return sum; }
};

/// What products are added up in: f32, of 8-bit integers s32, which holds every sum exactly.
template <bool kInteger>
struct SumType {
  using Type = float;
};
template <>
struct SumType<true> {
  using Type = int;
};
template <ConvConfig kCfg>
using Sum = typename SumType<is_integer(kCfg.x_type)>::Type;
constexpr Type sum_type(const ConvConfig& c) {
  return is_integer(c.x_type) ? Type::kS32 : Type::kF32;
}
/// What an epilogue begins with.
__device__ __forceinline__ float sum_as_f32(float sum) { return sum; }
__device__ __forceinline__ float sum_as_f32(int sum) { return __int2float_rn(sum); }

/// Sums as the words that they travel in, and back.
__device__ __forceinline__ unsigned bits_of(float sum) { return __float_as_uint(sum); }
__device__ __forceinline__ unsigned bits_of(int sum) { return static_cast<unsigned>(sum); }
template <typename Value>
__device__ __forceinline__ Value sum_of_bits(unsigned bits) {
  if constexpr (Value(1) / 2 == 0)
    return static_cast<int>(bits);
  else
    return __uint_as_float(bits);
}

/// Element `i` of a piece, widened.
template <Type kType, int kBytes>
__device__ __forceinline__ float element(const Piece<kBytes>& piece, int i) {
  if constexpr (size_of(kType) == 4)
    return __uint_as_float(piece.word[i]);
  else if constexpr (size_of(kType) == 1)
    return Element<kType>::widen(
        static_cast<typename Element<kType>::Storage>(piece.word[i / 4] >> i % 4 * 8));
  else
    return Element<kType>::widen(static_cast<unsigned short>(piece.word[i / 2] >> i % 2 * 16));
}
/// A piece of elements values[0], values[1], ..
template <Type kType, int kBytes, typename Value>
__device__ __forceinline__ Piece<kBytes> narrow_piece(const Value* values) {
  Piece<kBytes> piece;
  constexpr int kCount = kBytes / size_of(kType);
  if constexpr (size_of(kType) == 1) {
    const auto at = [&](int i) { return i < kCount ? values[i] : 0.0f; };
#pragma unroll
    for (int i = 0; i < kCount; i += 4)
      piece.word[i / 4] = Element<kType>::narrow(at(i), at(i + 1), at(i + 2), at(i + 3));
  } else if constexpr (kBytes == 2) {
    piece.word[0] = Element<kType>::narrow(values[0]);
  } else {
#pragma unroll
    for (int i = 0; i < kBytes / 4; ++i) {
      if constexpr (size_of(kType) == 4)
        piece.word[i] = bits_of(values[i]);
      else
        piece.word[i] = Element<kType>::narrow(values[2 * i], values[2 * i + 1]);
    }
  }
  return piece;
}

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

/// Elements [index, index + kCount) as f32. `kAligned` says that their address is a multiple of
/// their size or of 16 bytes, whichever is less, and moves them in such pieces; otherwise they move
/// one by one, and only the first `valid` of them (the others read as zero).
template <Type kType, bool kAligned, int kCount>
__device__ __forceinline__ void load_row(const void* tensor, long long index,
                                         float (&values)[kCount], int valid = kCount) {
  using Storage = typename Element<kType>::Storage;
  const Storage* from = static_cast<const Storage*>(tensor) + index;
  if constexpr (kAligned) {
    constexpr int kBytes = widest_piece(kCount * size_of(kType)), kPer = kBytes / size_of(kType);
    static_assert(kCount % kPer == 0, "an aligned row is whole pieces");
#pragma unroll
    for (int at = 0; at < kCount; at += kPer) {
      const Piece<kBytes> piece = load_piece<kBytes>(from + at);
#pragma unroll
      for (int i = 0; i < kPer; ++i) values[at + i] = element<kType>(piece, i);
    }
  } else {
#pragma unroll
    for (int i = 0; i < kCount; ++i)
      values[i] = i < valid ? Element<kType>::widen(__ldg(from + i)) : 0.0f;
  }
}
/// The inverse, rounding to nearest even (kS32: of sums, as they are).
template <Type kType, bool kAligned, int kCount, typename Value>
__device__ __forceinline__ void store_row(void* tensor, long long index,
                                          const Value (&values)[kCount], int valid = kCount) {
  using Storage = typename Element<kType>::Storage;
  Storage* to = static_cast<Storage*>(tensor) + index;
  if constexpr (kAligned) {
    constexpr int kBytes = widest_piece(kCount * size_of(kType)), kPer = kBytes / size_of(kType);
    static_assert(kCount % kPer == 0, "an aligned row is whole pieces");
#pragma unroll
    for (int at = 0; at < kCount; at += kPer)
      store_piece(to + at, narrow_piece<kType, kBytes>(values + at));
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
/// Element `i` of a piece, or `index` of a tensor, as it is multiplied: f32, of 8-bit types s32.
template <Type kType, int kBytes>
__device__ __forceinline__ auto factor(const Piece<kBytes>& piece, int i) {
  if constexpr (is_integer(kType))
    return static_cast<int>(
        static_cast<typename Element<kType>::Storage>(piece.word[i / 4] >> i % 4 * 8));
  else
    return multiplicand<kType>(element<kType>(piece, i));
}
template <Type kType>
__device__ __forceinline__ auto load_factor(const void* tensor, long long index) {
  if constexpr (is_integer(kType))
    return static_cast<int>(
        __ldg(static_cast<const typename Element<kType>::Storage*>(tensor) + index));
  else
    return multiplicand<kType>(load<kType>(tensor, index));
}

}  // namespace convoke::cuda
