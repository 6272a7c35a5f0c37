// The integers of the 8-bit types, in one place for scales, calibration, layers, kernels and plans.
#pragma once

#include <string>

#include "compiler/sparsity.h"
#include "convoke/quantize.h"

namespace convoke {

struct QuantRange {
  int low = 0, high = 0;  ///< inclusive
};

/// @throws Error kUsage unless `type` is s8 or u8.
QuantRange quant_range(DataType type);

/// Quantised weights are within [-kLargestWeight, kLargestWeight]: -128 has no positive match.
inline constexpr int kLargestWeight = 127;

/// ConvSpec::quant of a convolution whose x has this scale: launches take a zero point other than
/// 0.
inline std::string quant_word(const QuantScale& x) { return Quant{x.zero != 0}.text(); }

}  // namespace convoke
