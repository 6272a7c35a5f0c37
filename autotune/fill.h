// Data of the correctness method. Integer fills are small whole numbers whose sums f32 holds
// exactly, in any order of summation, so that a right kernel agrees with the reference bit for bit;
// float fills are uniform and compared by tolerance. Ranges shrink with the reduction length and
// with what the output type can tell apart (2^8 for bf16, 2^11 for f16), and only then the density
// of non-zeros does: a dense fill sees more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "convoke/conv_spec.h"

namespace convoke {

enum class FillKind {
  kIntegers,  ///< small integers, dense enough in non-zeros, ranges chosen by integer_range()
  kFloats,    ///< uniform in [-1, 1); operands have a magnitude in [0.5, 1.5), so that they may
              ///< divide. 8-bit types: the whole range of the type, both ends included. Where sums
              ///< of that would saturate nearly everywhere, weights of neighbouring channels are
              ///< opposite and most pairs zero, and the inputs of a pair differ by 1 at most
};

/// Which tensor is filled. kOperand is a tensor operand of the epilogue, kChannelOperand one of K
/// values.
enum class TensorRole { kX, kW, kY, kOperand, kChannelOperand };

/// How the integer data of a problem is drawn: x from +-{1..max_x} with probability `density`, else
/// 0; w alike.
struct IntegerRange {
  int max_x = 1;
  int max_w = 1;
  double density = 1;  ///< of the non-zeros, in x and in w each
  bool exact = false;  ///< sums and epilogue are exact in f32: outputs must agree bit for bit
};

/// About what one product of 8-bit data of the whole range adds to a sum.
inline constexpr double kTypicalByteProduct = 4096;

/// Largest magnitudes of integer operands.
inline constexpr int kMaxIntegerOperand = 4;
inline constexpr int kMaxIntegerChannelOperand = 2;

/// The largest range whose sums are exact (whatever weights a sparse spec's pattern keeps) and for
/// which most outputs still change when their sum changes by one (a sum beyond the output's
/// precision, or in the flat part of a clamp, would hide an error).
IntegerRange integer_range(const ConvSpec& spec);

/// Fills `bytes` (a whole number of elements of `type`). Element i depends on (seed, role, i) and
/// on the range that `spec` gives, on nothing else.
void fill(std::vector<std::byte>& bytes, DataType type, TensorRole role, FillKind kind,
          const ConvSpec& spec, std::uint64_t seed);

// Conversions used by references, independent of the kernels' own. No alignment is needed.
double load_element(const void* data, std::int64_t index, DataType type);
/// Rounds to nearest even into the type; e4m3 and the integers saturate, the others overflow to
/// infinity.
void store_element(void* data, std::int64_t index, DataType type, double value);
/// The value that store_element would store.
double round_to(DataType type, double value);

}  // namespace convoke
