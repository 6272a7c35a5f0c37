// Inputs and checks of the correctness method: integer-valued fills whose sums are exact, so that a
// right kernel agrees bit for bit; random floats for the tolerance check; poison and red zones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "convoke/conv_spec.h"

namespace convoke {

enum class FillKind {
  kIntegers,  ///< small integers, dense enough in non-zeros, ranges chosen by type and reduction length
  kFloats,    ///< uniform in [-1, 1)
};

/// Value of element i as the tensor's type, stored into `bytes` (element size from the type). Deterministic in
/// (seed, tensor, i), independent of everything else.
enum class TensorRole { kX, kW, kY, kOperand };
void fill(std::vector<std::byte>& bytes, DataType type, TensorRole role, FillKind kind, const ConvSpec& spec, std::uint64_t seed);

/// Conversions used by references, independent of the kernels' own.
double load_element(const void* data, std::int64_t index, DataType type);
/// Round to nearest even into the type.
void store_element(void* data, std::int64_t index, DataType type, double value);

}  // namespace convoke
