// The operators of epilogue expressions: names, arity, binding strength, and the one definition of
// what each computes. Parser, folding, evaluation and both lowerings follow this table. NaN rule:
// max(a, b) is `a > b ? a : b` and min(a, b) is `a < b ? a : b`, so the second argument is the
// result when either is NaN (and when both are zero); relu, relu6 and clamp pass their argument as
// the second one, so a NaN sum stays NaN. Trade-off: these are the x86 instructions, not IEEE
// minimum/maximum.
#pragma once

#include <cmath>
#include <optional>
#include <string_view>

#include "compiler/epilogue.h"

namespace convoke {

/// How tightly an operator binds in the text; a child that binds looser than its place needs
/// parentheses.
enum class EpilogueBinding { kSum, kProduct, kUnary, kPrimary };

struct EpilogueOpInfo {
  const char* name;  ///< of the function, or the sign of the operator
  int arity;
  EpilogueBinding binding;
  bool function;  ///< written name(args)
};

const EpilogueOpInfo& epilogue_op_info(EpilogueOp op);
/// The function called `name`, if there is one.
std::optional<EpilogueOp> find_epilogue_function(std::string_view name);

/// 1 / sqrt(2), of gelu(x) = 0.5 x (1 + erf(x / sqrt(2))).
inline constexpr double kInvSqrt2 = 0.70710678118654752440;

template <typename T>
T epilogue_max(T a, T b) {
  return a > b ? a : b;
}
template <typename T>
T epilogue_min(T a, T b) {
  return a < b ? a : b;
}

/// The value of `op` on up to three arguments, in T. Leaves have no value here.
/// The smooth functions are computed in f64 and rounded once.
template <typename T>
T apply_epilogue_op(EpilogueOp op, T a, T b, T c) {
  const double x = static_cast<double>(a);
  switch (op) {
    case EpilogueOp::kAdd:
      return a + b;
    case EpilogueOp::kSub:
      return a - b;
    case EpilogueOp::kMul:
      return a * b;
    case EpilogueOp::kDiv:
      return a / b;
    case EpilogueOp::kMin:
      return epilogue_min(a, b);
    case EpilogueOp::kMax:
      return epilogue_max(a, b);
    case EpilogueOp::kNeg:
      return -a;
    case EpilogueOp::kAbs:
      return std::fabs(a);
    case EpilogueOp::kRelu:
      return epilogue_max(T(0), a);
    case EpilogueOp::kRelu6:
      return epilogue_min(T(6), epilogue_max(T(0), a));
    case EpilogueOp::kClamp:
      return epilogue_min(c, epilogue_max(b, a));
    case EpilogueOp::kSigmoid:
      return static_cast<T>(1.0 / (1.0 + std::exp(-x)));
    case EpilogueOp::kSilu:
      return static_cast<T>(x / (1.0 + std::exp(-x)));
    case EpilogueOp::kTanh:
      return static_cast<T>(std::tanh(x));
    case EpilogueOp::kGelu:
      return static_cast<T>(0.5 * x * (1.0 + std::erf(x * kInvSqrt2)));
    case EpilogueOp::kHardswish:
      return static_cast<T>(x * (epilogue_min(6.0, epilogue_max(0.0, x + 3.0)) / 6.0));
    case EpilogueOp::kAcc:
    case EpilogueOp::kConstant:
    case EpilogueOp::kPerChannel:
    case EpilogueOp::kTensor:
      break;
  }
  return a;
}

/// Canonical text of the expression whose root is the last node.
std::string print_epilogue(const std::vector<EpilogueNode>& nodes,
                           const std::vector<EpilogueOperand>& operands);

}  // namespace convoke
