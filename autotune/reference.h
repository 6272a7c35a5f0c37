// The independent reference: plain loops in f64, nothing shared with any kernel but ConvSpec. It
// runs once per problem on all cores, so the loops are blocked just enough to keep the multipliers
// busy: eight filters by six pixels in registers. Padding is skipped, never multiplied.
#pragma once

#include <vector>

#include "compiler/epilogue.h"
#include "convoke/conv_spec.h"
#include "convoke/convoke.hpp"

namespace convoke {

/// Operands of a reference run; all in the spec's layouts and types. `operands` in the epilogue's
/// order.
struct ReferenceArgs {
  const void* x = nullptr;
  const void* w = nullptr;
  std::vector<const void*> operands;
  std::int64_t batch = 1;
  std::int32_t x_zero = 0;  ///< taken from every x
};

struct ReferenceResult {
  std::vector<double> value;  ///< after the epilogue, before rounding to y's type; in y's layout
  std::vector<double> magnitude;  ///< reference_magnitude(); empty if not asked for
};

/// Forward convolution with epilogue. `executor` may be null (one thread). Double accumulation:
/// exact for integer-valued data up to 2^53.
/// @throws Error kUnsupported for another pass or sparsity.
ReferenceResult reference_fprop(const ConvSpec& spec, const ReferenceArgs& args, Executor* executor,
                                bool want_magnitude);

/// Upper bound of the sum of |x*w| per output, the scale of the tolerance: sqrt(sum x^2 * sum w^2)
/// by Cauchy and Schwarz, about 4/3 of the sum for uniform data at 1/K of its cost.
std::vector<double> reference_magnitude(const ConvSpec& spec, const ReferenceArgs& args,
                                        Executor* executor);

/// Values of the epilogue's operands at output (n, k, p, q), read from `operands`.
void load_operands(const ConvSpec& spec, const Epilogue& epilogue,
                   const std::vector<const void*>& operands, std::int64_t k, std::int64_t y_index,
                   double* values);

/// Index of an element in a dense image tensor.
inline std::int64_t image_index(Layout layout, std::int64_t n, std::int64_t c, std::int64_t h,
                                std::int64_t w, std::int64_t channels, std::int64_t height,
                                std::int64_t width) {
  return layout == Layout::kNhwc ? ((n * height + h) * width + w) * channels + c
                                 : ((n * channels + c) * height + h) * width + w;
}

}  // namespace convoke
