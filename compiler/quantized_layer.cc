// A layer's rules, and the way of its scales into the kernel's epilogue.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "compiler/epilogue.h"
#include "compiler/epilogue_ops.h"
#include "compiler/quant_range.h"
#include "compiler/sparsity.h"
#include "convoke/error.h"
#include "convoke/quantize.h"

namespace convoke {
namespace {

constexpr std::string_view kReserved = "q_";

[[noreturn]] void fail(const std::string& message) {
  throw Error(ErrorCode::kUsage, "quantised layer: " + message);
}

bool is_reserved(const EpilogueOperand& operand) {
  return operand.name.compare(0, kReserved.size(), kReserved) == 0;
}

void check_spec(const ConvSpec& spec, const QuantScale& x) {
  spec.validate();
  if (spec.pass != Pass::kFprop)
    fail(fmt::format("the pass is {} but must be fprop", to_string(spec.pass)));
  if (!is_integer(spec.x_type) || spec.w_type != DataType::kS8)
    fail(fmt::format("x is {} and w is {}: x must be s8 or u8, and w s8", to_string(spec.x_type),
                     to_string(spec.w_type)));
  if (spec.y_type == DataType::kS32)
    fail("y is s32, a sum without scales: it must be one of s8, u8, f16, bf16, f32");
  if (spec.quant != quant_word(x))
    fail(fmt::format("the spec's quant is \"{}\" but must be \"{}\", as the zero point of x is {}",
                     spec.quant, quant_word(x), x.zero));
}

void check_scale(const char* name, const QuantScale& scale, DataType type) {
  try {
    check(scale, type);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", name, error.what()));
  }
}

/// Kernels multiply in f32, some with subnormals flushed to zero.
void check_product(const std::string& what, float value) {
  if (!std::isnormal(value))
    fail(fmt::format("{} is {}, which is not a normal number of f32, {} to {}", what, value,
                     std::numeric_limits<float>::min(), std::numeric_limits<float>::max()));
}

void check_weights(const QuantizedLayer& layer) {
  const ConvSpec& spec = layer.spec;
  if (layer.weights.size() != static_cast<std::size_t>(spec.w_elements()))
    fail(fmt::format("there are {} weights but the spec has {}", layer.weights.size(),
                     spec.w_elements()));
  const auto low = std::find(layer.weights.begin(), layer.weights.end(), -kLargestWeight - 1);
  if (low != layer.weights.end())
    fail(fmt::format("weight {} is {} but must be within -{} and {}", low - layer.weights.begin(),
                     *low, kLargestWeight, kLargestWeight));
  const std::size_t scales = layer.weight_scales.size();
  if (scales != 1 && scales != static_cast<std::size_t>(spec.k))
    fail(
        fmt::format("there are {} weight scales: there must be {}, one for each output channel, "
                    "or one for all",
                    scales, spec.k));
  for (std::size_t k = 0; k < scales; ++k) {
    check_scale(fmt::format("weight scale {}", k).c_str(), {layer.weight_scales[k], 0},
                DataType::kS8);
    check_product(fmt::format("the product of x's scale, {}, and weight scale {}, {},",
                              layer.x.scale, k, layer.weight_scales[k]),
                  layer.x.scale * layer.weight_scales[k]);
  }
}

void check_output(const QuantizedLayer& layer) {
  const ConvSpec& spec = layer.spec;
  if (layer.y.has_value() != is_integer(spec.y_type))
    fail(fmt::format("y is {}, which {}", to_string(spec.y_type),
                     layer.y ? "takes no scale" : "needs a scale"));
  if (layer.y) {
    check_scale("y", *layer.y, spec.y_type);
    check_product(fmt::format("the reciprocal of y's scale, {},", layer.y->scale),
                  1 / layer.y->scale);
  }
  const std::size_t biases = layer.bias.size();
  if (biases != 0 && biases != static_cast<std::size_t>(spec.k))
    fail(fmt::format("there are {} biases: there must be {}, one for each output channel, or none",
                     biases, spec.k));
  for (std::size_t k = 0; k < biases; ++k)
    if (!std::isfinite(layer.bias[k]))
      fail(fmt::format("bias {} is {}, not a finite number", k, layer.bias[k]));
}

bool has_operand(const QuantizedLayer& layer, std::string_view name) {
  if (name == "q_scale") return true;
  if (name == "q_rescale") return layer.y.has_value();
  if (name == "q_zero") return layer.y && layer.y->zero != 0;
  return name == "bias" && !layer.bias.empty();
}

/// The texts are canonical, so that the file's line of the spec can be split at blanks.
void check_texts(const QuantizedLayer& layer) {
  const ConvSpec& spec = layer.spec;
  const Epilogue epilogue = Epilogue::parse(spec.epilogue);
  if (spec.epilogue != epilogue.text())
    fail(fmt::format("the epilogue \"{}\" must be in its canonical form, \"{}\"", spec.epilogue,
                     epilogue.text()));
  if (const std::string text = Sparsity::parse(spec.sparsity).text(); spec.sparsity != text)
    fail(fmt::format("the sparsity \"{}\" must be in its canonical form, \"{}\"", spec.sparsity,
                     text));
  for (const EpilogueOperand& operand : epilogue.operands())
    if (is_reserved(operand) && !(operand.per_channel && has_operand(layer, operand.name)))
      fail(fmt::format("the epilogue \"{}\" names {}{}, which is no operand of this layer's scales",
                       spec.epilogue, operand.name, operand.per_channel ? "[k]" : ""));
}

/// Nodes of an expression, copied with the scales put in.
class ScaledNodes {
 public:
  explicit ScaledNodes(const Epilogue& real) : operands(real.operands()) {
    std::vector<int> moved;
    for (EpilogueNode node : real.nodes()) {
      for (int& arg : node.arg)
        if (arg >= 0) arg = moved[static_cast<std::size_t>(arg)];
      const bool is_sum = node.op == EpilogueOp::kAcc;
      nodes.push_back(node);
      moved.push_back(is_sum ? combine(EpilogueOp::kMul, "q_scale") : last());
    }
  }

  /// The last node and an operand, as the new last node.
  int combine(EpilogueOp op, const char* name) {
    const int left = last();
    EpilogueNode leaf, node;
    leaf.op = EpilogueOp::kPerChannel;
    leaf.operand = index_of(name);
    nodes.push_back(leaf);
    node.op = op;
    node.arg[0] = left, node.arg[1] = last();
    nodes.push_back(node);
    return last();
  }

  std::vector<EpilogueNode> nodes;
  std::vector<EpilogueOperand> operands;

 private:
  int last() const { return static_cast<int>(nodes.size()) - 1; }
  int index_of(const char* name) {
    const EpilogueOperand wanted{name, true, std::nullopt};
    const auto at = std::find(operands.begin(), operands.end(), wanted);
    const auto index = static_cast<int>(at - operands.begin());
    if (at == operands.end()) operands.push_back(wanted);
    return index;
  }
};

}  // namespace

std::int64_t QuantizedLayer::largest_sum() const {
  const QuantRange range = quant_range(spec.x_type);
  const std::int64_t magnitude = std::max(std::abs(range.low - std::int64_t{x.zero}),
                                          std::abs(range.high - std::int64_t{x.zero}));
  std::int64_t sum = magnitude * kLargestWeight;
  for (const std::int64_t factor : {spec.c_per_group(), spec.r, spec.s})
    if (__builtin_mul_overflow(sum, factor, &sum)) return std::numeric_limits<std::int64_t>::max();
  return sum;
}

void QuantizedLayer::check() const {
  check_spec(spec, x);
  check_scale("x", x, spec.x_type);
  check_weights(*this);
  check_output(*this);
  check_texts(*this);
  constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();
  if (const std::int64_t largest = largest_sum(); largest > kLimit)
    fail(fmt::format("a sum of {} products may reach {}, more than s32 holds: {} at most",
                     spec.c_per_group() * spec.r * spec.s, largest, kLimit));
}

std::string QuantizedLayer::epilogue(std::string_view expression) const {
  const Epilogue real = Epilogue::parse(expression);
  for (const EpilogueOperand& operand : real.operands())
    if (is_reserved(operand))
      fail(
          fmt::format("the expression names {}, but names that begin with {} are those of scales: "
                      "give it another",
                      operand.name, kReserved));
  ScaledNodes scaled(real);
  if (y) scaled.combine(EpilogueOp::kMul, "q_rescale");
  if (y && y->zero != 0) scaled.combine(EpilogueOp::kAdd, "q_zero");
  const std::string text = print_epilogue(scaled.nodes, scaled.operands);
  try {
    return Epilogue::parse(text).text();
  } catch (const Error& error) {
    fail(fmt::format("with its scales the expression reads \"{}\", which is too much: {}", text,
                     error.what()));
  }
}

std::vector<float> QuantizedLayer::operand(std::string_view name) const {
  check();
  if (!has_operand(*this, name)) {
    std::string names;
    for (const char* known : {"q_scale", "q_rescale", "q_zero", "bias"})
      if (has_operand(*this, known)) names += (names.empty() ? "" : ", ") + std::string(known);
    fail(fmt::format("there is no operand \"{}\"; there are {}", name, names));
  }
  if (name == "bias") return bias;
  std::vector<float> values(static_cast<std::size_t>(spec.k));
  for (std::size_t k = 0; k < values.size(); ++k)
    values[k] = name == "q_scale"     ? x.scale * weight_scales[weight_scales.size() == 1 ? 0 : k]
                : name == "q_rescale" ? 1 / y->scale
                                      : static_cast<float>(y->zero);
  return values;
}

QuantizedLayer quantize_layer(const ConvSpec& spec, const float* w, std::size_t count,
                              WeightScales scales, const QuantScale& x,
                              const std::optional<QuantScale>& y, const std::vector<float>& bias) {
  QuantizedWeights weights = quantize_weights(spec, w, count, scales);
  QuantizedLayer layer{spec, std::move(weights.values), std::move(weights.scales), x, y, bias};
  layer.spec.quant = quant_word(x);
  layer.spec.epilogue = layer.epilogue(spec.epilogue.empty() ? "acc" : spec.epilogue);
  layer.check();
  return layer;
}

}  // namespace convoke
