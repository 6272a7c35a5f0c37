// The epilogue: a small expression over the accumulator, parsed once and lowered by both targets.
//   relu(acc * scale[k] + bias[k] + residual)
// `acc` is the f32 sum; `name[k]` is an f32 vector of K values; a bare `name` is a tensor of the
// output's shape, layout and type, read at the output's position and widened to f32; `name[s8]` is
// such a tensor of another type (f32, f16, bf16, s8 or u8). All arithmetic
// is f32, in the order written (constants are folded, nothing is reassociated), so that both
// targets and the reference compute the same expression. max(a, b) is `a > b ? a : b`, min(a, b) is
// `a < b ? a : b`: the second argument wins when either is NaN. relu(x) is max(0, x), clamp(x, lo,
// hi) is min(hi, max(lo, x)), relu6 likewise, so they pass a NaN sum on. Trade-off: no common
// subexpressions, no types but f32.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convoke/conv_spec.h"
#include "convoke/error.h"

namespace convoke {

enum class EpilogueOp {
  kAcc,
  kConstant,
  kPerChannel,
  kTensor,  // leaves
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMin,
  kMax,
  kNeg,
  kAbs,  // arithmetic
  kRelu,
  kRelu6,
  kClamp,  // clamp(x, lo, hi)
  kSigmoid,
  kSilu,
  kTanh,
  kGelu,
  kHardswish,  // gelu: 0.5 x (1 + erf(x / sqrt 2)); silu: x / (1 + exp(-x));
               // hardswish: x * (relu6(x + 3) / 6)
};

/// One node; arguments are indices of earlier nodes, so a forward walk is an evaluation order.
struct EpilogueNode {
  EpilogueOp op = EpilogueOp::kAcc;
  int arg[3] = {-1, -1, -1};
  float value = 0;   ///< kConstant
  int operand = -1;  ///< kPerChannel, kTensor: index into Epilogue::operands
};

struct EpilogueOperand {
  std::string name;
  bool per_channel = false;      ///< f32[K]; otherwise a tensor like the output
  std::optional<DataType> type;  ///< of a tensor's elements, if the expression names it
  bool operator==(const EpilogueOperand&) const = default;

  /// Of the elements, beside an output of type `y`.
  DataType element_type(DataType y) const {
    return per_channel ? DataType::kF32 : type.value_or(y);
  }
  /// Elements, for `batch` images.
  std::int64_t elements(const ConvSpec& spec, std::int64_t batch) const {
    return per_channel ? spec.k : spec.y_elements(batch);
  }
};

/// Most operands that one expression may name.
inline constexpr int kMaxEpilogueOperands = 8;
/// Most nodes, and deepest nesting of parentheses and calls: bounds the emitted code and the
/// parser's stack. Operands and operators that folding removes count only until it does.
inline constexpr int kMaxEpilogueNodes = 128;
inline constexpr int kMaxEpilogueDepth = 64;

class Epilogue {
 public:
  /// The identity, `acc`.
  Epilogue();
  /// Parses and folds. Empty text is `acc`. Operands are numbered by first appearance. A name may
  /// not be used in two ways ([k], without, [TYPE]); a result that does not depend on `acc` is refused.
  /// Folding keeps every value, NaN, infinities and the sign of zero included; an operation on
  /// constants whose result is not finite stays as written. Blanks are spaces and tabs.
  /// @throws Error kUsage: "epilogue column C: reason", C one-based, in bytes, and exact.
  static Epilogue parse(std::string_view text);

  /// Canonical text (no spaces, shortest round-trip literals, fewest parentheses); empty for the
  /// identity. parse(text()) gives the same nodes.
  const std::string& text() const { return text_; }
  bool is_identity() const { return nodes_.size() == 1; }
  /// In evaluation order; the last is the result.
  const std::vector<EpilogueNode>& nodes() const { return nodes_; }
  const std::vector<EpilogueOperand>& operands() const { return operands_; }

  /// Evaluates in f64 with f32 rounding nowhere: the oracle of tests and references.
  /// `operand_values[i]` is the value of operands()[i] at the output position.
  double evaluate(double acc, const double* operand_values) const;

  /// The same in f32, each operation rounded: what kernels compute of 8-bit types, bit for bit if
  /// is_exact().
  float evaluate_f32(float acc, const double* operand_values) const;
  /// Whether every operation is one that IEEE 754 rounds correctly, on any machine.
  bool is_exact() const;

  /// CUDA C++ of `struct Epilogue { float operator()(float acc, const float* operand) const; };`,
  /// on the device, where operand[i] is the value of operands()[i] at the output position. Uses
  /// only +-*/, fminf-like comparisons, expf, tanhf and erff. Unless `contract`, sums and products
  /// are CUDA's intrinsics of one rounding each.
  std::string lower_cuda(bool contract) const;

 private:
  friend class EpilogueParser;
  std::vector<EpilogueNode> nodes_;
  std::vector<EpilogueOperand> operands_;
  std::string text_;
};

}  // namespace convoke
