#include "compiler/emit_cpu_epilogue.h"

#include <llvm/IR/Intrinsics.h>

#include <array>

#include "compiler/epilogue_ops.h"

namespace convoke {
namespace {

using llvm::ArrayRef;
using llvm::Value;

// Minimax polynomials by the Remez exchange, lowest power first, rounded to f32.
// exp(r) = 1 + r + r^2 q(r) for |r| <= ln(2) / 2; relative error 3e-9.
constexpr double kExp[] = {4.999999404e-01, 1.666652113e-01, 4.166838899e-02, 8.368746378e-03,
                           1.381454291e-03};
// tanh(x) = x + x z p(z) with z = x^2, for |x| <= 0.625; relative error 5e-9.
constexpr double kTanh[] = {-3.333328068e-01, 1.333144158e-01, -5.373971537e-02, 2.063908428e-02,
                            -5.704984535e-03};
constexpr double kTanhSmall = 0.625;
// erf(x) = x + x p(x^2) for |x| <= 0.95; relative error 7e-10.
constexpr double kErf[] = {1.283791661e-01, -3.761263192e-01, 1.128366366e-01, -2.685770579e-02,
                           5.196952261e-03, -8.097703103e-04, 8.185091428e-05};
constexpr double kErfSmall = 0.95;
// erf(x) = 1 - exp(-q(x)) for 0.95 <= x <= 4; relative error 2e-9. Beyond 4 it is 1 in f32.
constexpr double kErfLog[] = {2.447301813e-04,  1.127474904e+00, 6.375171542e-01, 1.036401987e-01,
                              -2.208757587e-02, 3.008519532e-03, -1.924241224e-04};

class Lowering {
 public:
  Lowering(llvm::IRBuilderBase& builder, llvm::Type* type) : b_(builder), type_(type) {
    integers_ = b_.getInt32Ty();
    if (auto* vector = llvm::dyn_cast<llvm::VectorType>(type)) {
      integers_ = llvm::VectorType::get(integers_, vector->getElementCount());
    }
  }

  Value* constant(double value) { return llvm::ConstantFP::get(type_, value); }

  Value* operation(EpilogueOp op, Value* a, Value* b, Value* c) {
    switch (op) {
      case EpilogueOp::kAdd:
        return b_.CreateFAdd(a, b);
      case EpilogueOp::kSub:
        return b_.CreateFSub(a, b);
      case EpilogueOp::kMul:
        return b_.CreateFMul(a, b);
      case EpilogueOp::kDiv:
        return b_.CreateFDiv(a, b);
      case EpilogueOp::kMin:
        return min(a, b);
      case EpilogueOp::kMax:
        return max(a, b);
      case EpilogueOp::kNeg:
        return b_.CreateFNeg(a);
      case EpilogueOp::kAbs:
        return abs(a);
      case EpilogueOp::kRelu:
        return max(constant(0), a);
      case EpilogueOp::kRelu6:
        return relu6(a);
      case EpilogueOp::kClamp:
        return min(c, max(b, a));
      case EpilogueOp::kSigmoid:
        return b_.CreateFDiv(constant(1), one_plus_exp(b_.CreateFNeg(a)));
      case EpilogueOp::kSilu:
        return b_.CreateFDiv(a, one_plus_exp(b_.CreateFNeg(a)));
      case EpilogueOp::kTanh:
        return tanh(a);
      case EpilogueOp::kGelu:
        return gelu(a);
      case EpilogueOp::kHardswish: {
        Value* const shifted = relu6(b_.CreateFAdd(a, constant(3)));
        return b_.CreateFMul(a, b_.CreateFMul(shifted, constant(1.0 / 6)));
      }
      case EpilogueOp::kAcc:
      case EpilogueOp::kConstant:
      case EpilogueOp::kPerChannel:
      case EpilogueOp::kTensor:
        break;
    }
    llvm_unreachable("leaves are lowered by lower_epilogue");
  }

 private:
  // These two select patterns are one instruction each on x86 (maxps, minps), NaN rule included.
  Value* max(Value* a, Value* b) { return b_.CreateSelect(b_.CreateFCmpOGT(a, b), a, b); }
  Value* min(Value* a, Value* b) { return b_.CreateSelect(b_.CreateFCmpOLT(a, b), a, b); }
  Value* abs(Value* a) { return b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, a); }
  Value* relu6(Value* a) { return min(constant(6), max(constant(0), a)); }

  // Fused where the processor can, a product and a sum (never a call of fmaf) where it cannot.
  Value* multiply_add(Value* a, Value* b, Value* c) {
    return b_.CreateIntrinsic(llvm::Intrinsic::fmuladd, {type_}, {a, b, c});
  }

  Value* polynomial(ArrayRef<double> coefficients, Value* x) {
    Value* sum = constant(coefficients.back());
    for (const double coefficient : llvm::reverse(coefficients.drop_back())) {
      sum = multiply_add(sum, x, constant(coefficient));
    }
    return sum;
  }

  /// exp(x), NaN and overflow as they should be, zero below about 2^-125: only 1 + exp(x) and 1 -
  /// exp(x) are used.
  Value* exp(Value* x) {
    // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
    constexpr double kRound = 12582912.0;
    x = min(constant(89), max(constant(-87.5), x));
    Value* const shifted = multiply_add(x, constant(1.44269504088896341), constant(kRound));
    Value* const n = b_.CreateFSub(shifted, constant(kRound));
    // ln 2 in two parts; the first has so few bits that n times it is exact.
    Value* r = multiply_add(n, constant(-0.693145751953125), x);
    r = multiply_add(n, constant(-1.42860677e-6), r);
    Value* const square = b_.CreateFMul(r, r);
    Value* const fraction =
        b_.CreateFAdd(multiply_add(square, polynomial(kExp, r), r), constant(1));
    // 2^(n - 1) by its exponent bits, then twice that: 2^128 has no float, its half has.
    Value* const bits =
        b_.CreateAdd(b_.CreateBitCast(shifted, integers_), llvm::ConstantInt::get(integers_, 126));
    Value* const power = b_.CreateBitCast(b_.CreateShl(bits, 23), type_);
    Value* const half = b_.CreateFMul(fraction, power);
    return b_.CreateFAdd(half, half);
  }

  Value* one_plus_exp(Value* x) { return b_.CreateFAdd(constant(1), exp(x)); }

  Value* copy_sign(Value* magnitude, Value* sign) {
    return b_.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, magnitude, sign);
  }

  Value* tanh(Value* x) {
    Value* const t = abs(x);
    Value* const z = b_.CreateFMul(t, t);
    Value* const small = multiply_add(t, b_.CreateFMul(z, polynomial(kTanh, z)), t);
    // tanh(t) = 1 - 2 / (exp(2 t) + 1)
    Value* const ratio = b_.CreateFDiv(constant(2), one_plus_exp(b_.CreateFAdd(t, t)));
    Value* const large = b_.CreateFSub(constant(1), ratio);
    Value* const is_large = b_.CreateFCmpOGT(t, constant(kTanhSmall));
    return copy_sign(b_.CreateSelect(is_large, large, small), x);
  }

  Value* erf(Value* x) {
    Value* const t = abs(x);
    Value* const small = multiply_add(t, polynomial(kErf, b_.CreateFMul(t, t)), t);
    Value* const exponent = polynomial(kErfLog, min(constant(4), t));
    Value* const large = b_.CreateFSub(constant(1), exp(b_.CreateFNeg(exponent)));
    Value* const is_large = b_.CreateFCmpOGT(t, constant(kErfSmall));
    return copy_sign(b_.CreateSelect(is_large, large, small), x);
  }

  Value* gelu(Value* x) {
    Value* const one_plus_erf =
        b_.CreateFAdd(constant(1), erf(b_.CreateFMul(x, constant(kInvSqrt2))));
    return b_.CreateFMul(b_.CreateFMul(constant(0.5), x), one_plus_erf);
  }

  llvm::IRBuilderBase& b_;
  llvm::Type* type_;
  llvm::Type* integers_;
};

}  // namespace

Value* lower_epilogue(llvm::IRBuilderBase& builder, const Epilogue& epilogue, Value* acc,
                      ArrayRef<Value*> operands) {
  llvm::IRBuilderBase::FastMathFlagGuard guard(builder);
  builder.clearFastMathFlags();
  Lowering lowering(builder, acc->getType());
  std::array<Value*, kMaxEpilogueNodes> value;
  for (std::size_t i = 0; i < epilogue.nodes().size(); ++i) {
    const EpilogueNode& node = epilogue.nodes()[i];
    const auto arg = [&](int j) { return node.arg[j] < 0 ? nullptr : value[node.arg[j]]; };
    switch (node.op) {
      case EpilogueOp::kAcc:
        value[i] = acc;
        break;
      case EpilogueOp::kConstant:
        value[i] = lowering.constant(static_cast<double>(node.value));
        break;
      case EpilogueOp::kPerChannel:
      case EpilogueOp::kTensor:
        value[i] = operands[node.operand];
        break;
      default:
        value[i] = lowering.operation(node.op, arg(0), arg(1), arg(2));
    }
  }
  return value[epilogue.nodes().size() - 1];
}

}  // namespace convoke
