// The two halves of a check, before any kernel runs: input data of a problem and what a right
// kernel makes of it. Integer data gives exact outputs where the epilogue allows, floats give a
// value and a tolerance per output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "autotune/fill.h"
#include "autotune/reference.h"
#include "runtime/target.h"

namespace convoke {

using Bytes = std::vector<std::byte>;

/// Inputs of a launch, in the spec's layouts and types; operands in the epilogue's order.
struct Inputs {
  Bytes x, w;
  std::vector<Bytes> operands;
  std::int32_t x_zero = 0;

  std::vector<const void*> operand_pointers() const;
};

/// What a right kernel writes, in y's layout.
struct Expected {
  std::vector<double> value;     ///< rounded to y's type where it must agree bit for bit
  std::vector<float> tolerance;  ///< per output; empty: bit for bit
  double telling = 0;  ///< outputs that show a change of their sum by one (meant for integer data)
  double comparable = 0;  ///< outputs in range of y's type, with a finite tolerance
};

std::size_t byte_size(std::int64_t elements, DataType type);
/// Channel k of the element at `index` of y.
std::int64_t channel_of(const ConvSpec& spec, std::int64_t index);

Inputs make_inputs(const ConvSpec& spec, const Epilogue& epilogue, std::int64_t batch,
                   FillKind kind, std::uint64_t seed);
/// Runs the reference, on `target` if it has one of its own (null: loops on the host). `epilogue`
/// is that of the spec. Of a sparse spec the pruned weights of `inputs` must be zero.
Expected make_expected(Target* target, const ConvSpec& spec, const Epilogue& epilogue,
                       const Inputs& inputs, std::int64_t batch, FillKind kind, Executor* executor);
/// Builds what make_expected() runs on the target, so that it need not wait for a compiler.
/// Thread-safe. @throws Error as Target::get does.
void build_reference(Target& target, const ConvSpec& spec);
/// Outputs that read at least one input element, if all weights are kept.
double reachable_outputs(const ConvSpec& spec, std::int64_t batch);

}  // namespace convoke
