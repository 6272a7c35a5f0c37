// The independent reference: plain loops in f64, nothing shared with any kernel but ConvSpec. Slow by
// nature, so it runs on all cores and once per problem.
#pragma once

#include <vector>

#include "compiler/epilogue.h"
#include "convoke/conv_spec.h"
#include "convoke/convoke.hpp"

namespace convoke {

/// Operands of a reference run; all in the spec's layouts and types. `operands` in the epilogue's order.
struct ReferenceArgs {
  const void* x = nullptr;
  const void* w = nullptr;
  std::vector<const void*> operands;
  std::int64_t batch = 1;
};

struct ReferenceResult {
  std::vector<double> value;      ///< after the epilogue, before rounding to y's type; in y's layout
  std::vector<double> magnitude;  ///< sum of |x*w| per output: the scale of the tolerance; empty if not asked for
};

/// Forward convolution with epilogue. `executor` may be null (one thread). Double accumulation: exact for
/// integer-valued data up to 2^53.
ReferenceResult reference_fprop(const ConvSpec& spec, const ReferenceArgs& args, Executor* executor,
                                bool want_magnitude);

}  // namespace convoke
