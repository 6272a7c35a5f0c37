// Lowering to CUDA C++: each operation becomes one named value, so that a comparison reads its
// arguments once and the emitted text stays readable. Where a * b + c must not contract to one
// rounding, the intrinsics say so: no compiler contracts those.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "compiler/epilogue.h"
#include "compiler/epilogue_ops.h"

namespace convoke {
namespace {

std::string float_literal(float value) {
  char buffer[32];
  std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  text += 'f';
  return std::signbit(value) ? "(" + text + ")" : text;
}

class CudaLowering {
 public:
  explicit CudaLowering(bool contract) : contract_(contract) {}

  std::string lower(const Epilogue& epilogue) {
    std::array<std::string, kMaxEpilogueNodes> value;
    for (std::size_t i = 0; i < epilogue.nodes().size(); ++i) {
      const EpilogueNode& node = epilogue.nodes()[i];
      const auto arg = [&](int j) { return node.arg[j] < 0 ? std::string() : value[node.arg[j]]; };
      switch (node.op) {
        case EpilogueOp::kAcc:
          value[i] = "acc";
          break;
        case EpilogueOp::kConstant:
          value[i] = float_literal(node.value);
          break;
        case EpilogueOp::kPerChannel:
        case EpilogueOp::kTensor:
          value[i] = fmt::format("operand[{}]", node.operand);
          break;
        default:
          value[i] = operation(node.op, arg(0), arg(1), arg(2));
      }
    }
    return fmt::format(
        "struct Epilogue {{\n"
        "  __device__ __forceinline__ float operator()(float acc, const float*{}) const {{\n"
        "{}    return {};\n  }}\n}};\n",
        epilogue.operands().empty() ? "" : " operand", body_, value[epilogue.nodes().size() - 1]);
  }

 private:
  using Text = const std::string&;

  std::string name(Text expression) {
    const std::string result = fmt::format("t{}", count_++);
    body_ += fmt::format("    const float {} = {};\n", result, expression);
    return result;
  }
  std::string binary(Text a, const char* sign, Text b) { return name(a + " " + sign + " " + b); }
  std::string call(const char* function, Text a, Text b) {
    return name(fmt::format("{}({}, {})", function, a, b));
  }
  std::string max(Text a, Text b) { return name(fmt::format("{0} > {1} ? {0} : {1}", a, b)); }
  std::string min(Text a, Text b) { return name(fmt::format("{0} < {1} ? {0} : {1}", a, b)); }
  std::string relu6(Text x) { return min("6.0f", max("0.0f", x)); }
  std::string one_plus_exp_minus(Text x) { return name(fmt::format("1.0f + expf(-{})", x)); }

  std::string operation(EpilogueOp op, Text a, Text b, Text c) {
    switch (op) {
      case EpilogueOp::kAdd:
        return contract_ ? binary(a, "+", b) : call("__fadd_rn", a, b);
      case EpilogueOp::kSub:
        return contract_ ? binary(a, "-", b) : call("__fsub_rn", a, b);
      case EpilogueOp::kMul:
        return contract_ ? binary(a, "*", b) : call("__fmul_rn", a, b);
      case EpilogueOp::kDiv:
        return binary(a, "/", b);
      case EpilogueOp::kMin:
        return min(a, b);
      case EpilogueOp::kMax:
        return max(a, b);
      case EpilogueOp::kNeg:
        return name("-" + a);
      case EpilogueOp::kAbs:
        return name(fmt::format("fabsf({})", a));
      case EpilogueOp::kRelu:
        return max("0.0f", a);
      case EpilogueOp::kRelu6:
        return relu6(a);
      case EpilogueOp::kClamp:
        return min(c, max(b, a));
      case EpilogueOp::kSigmoid:
        return binary("1.0f", "/", one_plus_exp_minus(a));
      case EpilogueOp::kSilu:
        return binary(a, "/", one_plus_exp_minus(a));
      case EpilogueOp::kTanh:
        return name(fmt::format("tanhf({})", a));
      case EpilogueOp::kGelu:
        return name(fmt::format("0.5f * {0} * (1.0f + erff({0} * {1}))", a,
                                float_literal(static_cast<float>(kInvSqrt2))));
      case EpilogueOp::kHardswish:
        return name(fmt::format("{} * ({} * {})", a, relu6(binary(a, "+", "3.0f")),
                                float_literal(1.0f / 6.0f)));
      case EpilogueOp::kAcc:
      case EpilogueOp::kConstant:
      case EpilogueOp::kPerChannel:
      case EpilogueOp::kTensor:
        break;  // leaves are lowered by lower()
    }
    return a;
  }

  bool contract_;
  std::string body_;
  int count_ = 0;
};

}  // namespace

std::string Epilogue::lower_cuda(bool contract) const {
  return CudaLowering(contract).lower(*this);
}

}  // namespace convoke
