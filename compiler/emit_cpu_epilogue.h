// The epilogue as LLVM IR: f32 vectors of any width (or scalars), straight-line code, nothing
// called. exp, tanh and erf are our own polynomials, since a call of libm inside a kernel would
// cost more than the convolution of a small layer and would need a link. Largest errors found in a
// sweep of every 1021st float, held by tests/emit_cpu_epilogue_test.cc: tanh 1.3 ulp, sigmoid 2.1,
// silu 2.2, hardswish 2.5 (sigmoid and silu down to 2^-125 and 2^-118, below which they may be
// zero); gelu 1.2e-7 |x|, because 1 + erf cancels in its negative tail.
#pragma once

#include <llvm/ADT/ArrayRef.h>
#include <llvm/IR/IRBuilder.h>

#include "compiler/epilogue.h"

namespace convoke {

/// Emits `epilogue` of `acc` at the builder's position. `operands[i]` is the value of
/// epilogue.operands()[i] and has the type of `acc`: float or a vector of float.
/// User arithmetic is emitted in the order written, never fused; fast-math flags of the builder do
/// not apply.
llvm::Value* lower_epilogue(llvm::IRBuilderBase& builder, const Epilogue& epilogue,
                            llvm::Value* acc, llvm::ArrayRef<llvm::Value*> operands);

}  // namespace convoke
