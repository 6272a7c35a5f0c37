// How far a right result may lie from the reference: rounding errors of an f32 sum, of an epilogue
// evaluated in f32, and of the output's type. Bounds follow the values of each output (a running
// error analysis), not one number for all: tight where the data allows it, infinite where it does
// not (a division by nearly zero).
#pragma once

#include <cstdint>

#include "compiler/epilogue.h"
#include "convoke/conv_spec.h"

namespace convoke {

/// A value and a bound of the distance from it to what a right kernel computes.
struct Bounded {
  double value;
  double error;
};

/// Largest relative error of rounding to nearest into `type` (0 for the integers up to s32).
double unit_roundoff(DataType type);

/// c such that |computed - exact| <= c * sum|x*w| for an f32 sum of `products` in any order, fused
/// or not: the smaller of gamma_n = n*u/(1 - n*u) (Higham, "Accuracy and Stability of Numerical
/// Algorithms", 2002, section 3.1) and its probabilistic form exp(lambda*sqrt(n)*u + n*u^2/(1 - u))
/// - 1 with lambda = 8 (Higham and Mary, "A new approach to probabilistic rounding error analysis",
/// SIAM J. Sci. Comput. 41(5), 2019, theorem 2.4), u = 2^-24.
double sum_error(std::int64_t products);

/// The epilogue at `acc` and how far an evaluation in f32 may be off, when the sum is off by
/// acc.error. + - * / cost one rounding each (fusing a multiply and an add only saves one);
/// sigmoid, tanh, silu and gelu may be off by 16 roundings of their result's scale. `operands` are
/// exact.
Bounded evaluate_bounded(const Epilogue& epilogue, Bounded acc, const double* operands);

/// Adds the rounding of the store into `type`; error is infinite where the result may overflow.
Bounded stored(Bounded value, DataType type);

/// Whether f32 computes every step of the epilogue exactly for all integer sums up to `acc_bound`
/// and integer operands up to the bounds given (f32[K] and tensor ones).
bool exact_in_f32(const Epilogue& epilogue, double acc_bound, double channel_bound,
                  double tensor_bound);

/// Whether the stored output would differ if the sum were larger or smaller by `change`; never for
/// a zero sum.
bool is_sensitive(const Epilogue& epilogue, DataType type, double acc, const double* operands,
                  double change = 1);

}  // namespace convoke
