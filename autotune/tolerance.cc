#include "autotune/tolerance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "autotune/fill.h"

namespace convoke {
namespace {

constexpr double kU = 0x1p-24;  // unit roundoff of f32
/// Roundings granted to a transcendental function.
constexpr double kFunctionRoundings = 16;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Bounded rounded(double value, double error) {
  return {value, error + kU * (std::abs(value) + error)};
}

Bounded divide(Bounded a, Bounded b) {
  const double value = a.value / b.value;
  const double nearest = std::abs(b.value) - b.error;
  if (!(nearest > 0)) return {value, kInfinity};
  return rounded(value, (a.error + std::abs(value) * b.error) / nearest);
}

/// f(a) for f with slope at most `slope` and results of about `scale`.
Bounded function(double value, Bounded a, double slope, double scale) {
  return {value, slope * a.error + kFunctionRoundings * kU * scale};
}

Bounded apply_node(const EpilogueNode& node, const std::array<Bounded, 3>& arg) {
  const Bounded a = arg[0];
  const Bounded b = arg[1];
  switch (node.op) {
    case EpilogueOp::kAcc:
    case EpilogueOp::kConstant:
    case EpilogueOp::kPerChannel:
    case EpilogueOp::kTensor:
      return {};  // leaves: the caller's
    case EpilogueOp::kAdd:
      return rounded(a.value + b.value, a.error + b.error);
    case EpilogueOp::kSub:
      return rounded(a.value - b.value, a.error + b.error);
    case EpilogueOp::kMul:
      return rounded(a.value * b.value,
                     std::abs(a.value) * b.error + std::abs(b.value) * a.error + a.error * b.error);
    case EpilogueOp::kDiv:
      return divide(a, b);
    case EpilogueOp::kMin:
      return {std::min(a.value, b.value), std::max(a.error, b.error)};
    case EpilogueOp::kMax:
      return {std::max(a.value, b.value), std::max(a.error, b.error)};
    case EpilogueOp::kNeg:
      return {-a.value, a.error};
    case EpilogueOp::kAbs:
      return {std::abs(a.value), a.error};
    case EpilogueOp::kRelu:
      return {std::max(a.value, 0.0), a.error};
    case EpilogueOp::kRelu6:
      return {std::clamp(a.value, 0.0, 6.0), a.error};
    case EpilogueOp::kClamp:
      return {std::min(std::max(a.value, b.value), arg[2].value),
              std::max({a.error, b.error, arg[2].error})};
    case EpilogueOp::kSigmoid:
      return function(1 / (1 + std::exp(-a.value)), a, 0.25, 1);
    case EpilogueOp::kTanh:
      return function(std::tanh(a.value), a, 1, 1);
    case EpilogueOp::kSilu:
      return function(a.value / (1 + std::exp(-a.value)), a, 1.1, std::abs(a.value));
    case EpilogueOp::kGelu:
      return function(0.5 * a.value * (1 + std::erf(a.value * M_SQRT1_2)), a, 1.13,
                      std::abs(a.value));
    case EpilogueOp::kHardswish:
      return function(a.value * std::clamp(a.value + 3, 0.0, 6.0) / 6, a, 1.5, std::abs(a.value));
  }
  return {0, kInfinity};
}

/// Values of a node: multiples of 2^-bits, at most `bound` in magnitude.
struct Grid {
  double bound = 0;
  int bits = 0;
};

bool f32_holds(const Grid& grid) { return std::ldexp(grid.bound, grid.bits) <= 0x1p24; }

Grid grid_of_constant(float value) {
  Grid grid{std::abs(static_cast<double>(value)), 0};
  while (std::ldexp(grid.bound, grid.bits) != std::floor(std::ldexp(grid.bound, grid.bits)))
    ++grid.bits;
  return grid;
}

}  // namespace

double unit_roundoff(DataType type) {
  switch (type) {
    case DataType::kF32:
      return kU;
    case DataType::kTf32:
    case DataType::kF16:
      return 0x1p-11;
    case DataType::kBf16:
      return 0x1p-8;
    case DataType::kE4m3:
      return 0x1p-4;
    case DataType::kS8:
    case DataType::kU8:
    case DataType::kS32:
      return 0;
  }
  return kInfinity;
}

double sum_error(std::int64_t products) {
  const auto n = static_cast<double>(products);
  const double probable = std::expm1(8 * std::sqrt(n) * kU + n * kU * kU / (1 - kU));
  return n * kU < 0.5 ? std::min(probable, n * kU / (1 - n * kU)) : probable;
}

Bounded evaluate_bounded(const Epilogue& epilogue, Bounded acc, const double* operands) {
  std::array<Bounded, kMaxEpilogueNodes> results;  // left uninitialised: this runs once per output
  const auto& nodes = epilogue.nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const EpilogueNode& node = nodes[i];
    switch (node.op) {
      case EpilogueOp::kAcc:
        results[i] = acc;
        break;
      case EpilogueOp::kConstant:
        results[i] = {node.value, 0};
        break;
      case EpilogueOp::kPerChannel:
      case EpilogueOp::kTensor:
        results[i] = {operands[node.operand], 0};
        break;
      default: {
        std::array<Bounded, 3> arg;
        for (int j = 0; j < 3; ++j)
          if (node.arg[j] >= 0) arg[j] = results[node.arg[j]];
        results[i] = apply_node(node, arg);
      }
    }
  }
  return results[nodes.size() - 1];
}

Bounded stored(Bounded value, DataType type) {
  // Half of the smallest subnormal, for results near zero; integers round to the nearest one.
  double step = 0x1p-150;
  double largest = std::numeric_limits<float>::max();
  if (type == DataType::kBf16) step = 0x1p-134, largest = 0x1.fep127;
  if (type == DataType::kF16) step = 0x1p-25, largest = 65504;
  if (type == DataType::kE4m3) step = 0x1p-10, largest = 448;
  if (type == DataType::kS8 || type == DataType::kU8 || type == DataType::kS32) step = 0.5;
  const double reach = std::abs(value.value) + value.error;
  value.error = reach * (1 + unit_roundoff(type)) >= largest
                    ? kInfinity
                    : value.error + unit_roundoff(type) * reach + step;
  return value;
}

bool exact_in_f32(const Epilogue& epilogue, double acc_bound, double channel_bound,
                  double tensor_bound) {
  if (acc_bound > 0x1p24) return false;
  std::array<Grid, kMaxEpilogueNodes> grid;
  const auto& nodes = epilogue.nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const EpilogueNode& node = nodes[i];
    const Grid a = node.arg[0] >= 0 ? grid[node.arg[0]] : Grid{};
    const Grid b = node.arg[1] >= 0 ? grid[node.arg[1]] : Grid{};
    const Grid c = node.arg[2] >= 0 ? grid[node.arg[2]] : Grid{};
    switch (node.op) {
      case EpilogueOp::kAcc:
        grid[i] = {acc_bound, 0};
        break;
      case EpilogueOp::kConstant:
        grid[i] = grid_of_constant(node.value);
        break;
      case EpilogueOp::kPerChannel:
        grid[i] = {channel_bound, 0};
        break;
      case EpilogueOp::kTensor:
        grid[i] = {tensor_bound, 0};
        break;
      case EpilogueOp::kAdd:
      case EpilogueOp::kSub:
        grid[i] = {a.bound + b.bound, std::max(a.bits, b.bits)};
        if (!f32_holds(grid[i])) return false;
        break;
      case EpilogueOp::kMul:
        grid[i] = {a.bound * b.bound, a.bits + b.bits};
        if (!f32_holds(grid[i])) return false;
        break;
      case EpilogueOp::kMin:
      case EpilogueOp::kMax:
      case EpilogueOp::kNeg:
      case EpilogueOp::kAbs:
      case EpilogueOp::kRelu:
      case EpilogueOp::kClamp:  // these select: no rounding
        grid[i] = {std::max({a.bound, b.bound, c.bound}), std::max({a.bits, b.bits, c.bits})};
        break;
      case EpilogueOp::kRelu6:
        grid[i] = {std::min(a.bound, 6.0), a.bits};
        break;
      default:
        return false;
    }
  }
  return true;
}

bool is_sensitive(const Epilogue& epilogue, DataType type, double acc, const double* operands,
                  double change) {
  if (acc == 0) return false;
  const auto result = [&](double sum) {
    return round_to(type, evaluate_bounded(epilogue, {sum, 0}, operands).value);
  };
  const double here = result(acc);
  return std::isfinite(here) && (result(acc + change) != here || result(acc - change) != here);
}

}  // namespace convoke
