#include "compiler/epilogue.h"

#include <array>
#include <charconv>

#include "compiler/epilogue_ops.h"

namespace convoke {
namespace {

using Binding = EpilogueBinding;

// In the order of EpilogueOp.
constexpr EpilogueOpInfo kOps[] = {
    {"acc", 0, Binding::kPrimary, false},     {"constant", 0, Binding::kPrimary, false},
    {"name[k]", 0, Binding::kPrimary, false}, {"name", 0, Binding::kPrimary, false},
    {"+", 2, Binding::kSum, false},           {"-", 2, Binding::kSum, false},
    {"*", 2, Binding::kProduct, false},       {"/", 2, Binding::kProduct, false},
    {"min", 2, Binding::kPrimary, true},      {"max", 2, Binding::kPrimary, true},
    {"-", 1, Binding::kUnary, false},         {"abs", 1, Binding::kPrimary, true},
    {"relu", 1, Binding::kPrimary, true},     {"relu6", 1, Binding::kPrimary, true},
    {"clamp", 3, Binding::kPrimary, true},    {"sigmoid", 1, Binding::kPrimary, true},
    {"silu", 1, Binding::kPrimary, true},     {"tanh", 1, Binding::kPrimary, true},
    {"gelu", 1, Binding::kPrimary, true},     {"hardswish", 1, Binding::kPrimary, true},
};
static_assert(std::size(kOps) == static_cast<std::size_t>(EpilogueOp::kHardswish) + 1,
              "one entry for each EpilogueOp");

class Printer {
 public:
  Printer(const std::vector<EpilogueNode>& nodes, const std::vector<EpilogueOperand>& operands)
      : nodes_(nodes), operands_(operands) {}

  std::string print() {
    print_node(static_cast<int>(nodes_.size()) - 1);
    return std::move(out_);
  }

 private:
  void print_node(int index) {
    const EpilogueNode& node = nodes_[index];
    const EpilogueOpInfo& info = epilogue_op_info(node.op);
    if (info.arity == 0) {
      print_leaf(node);
    } else if (info.function) {
      out_ += info.name;
      for (int i = 0; i < info.arity; ++i) {
        out_ += i == 0 ? '(' : ',';
        print_node(node.arg[i]);
      }
      out_ += ')';
    } else if (info.arity == 1) {
      out_ += info.name;
      print_child(node.arg[0], Binding::kPrimary);
    } else {
      print_child(node.arg[0], info.binding);
      out_ += info.name;
      // Operators group to the left, so an equal one on the right needs parentheses.
      print_child(node.arg[1], info.binding == Binding::kSum ? Binding::kProduct : Binding::kUnary);
    }
  }

  void print_child(int index, Binding at_least) {
    const bool parentheses = epilogue_op_info(nodes_[index].op).binding < at_least;
    if (parentheses) out_ += '(';
    print_node(index);
    if (parentheses) out_ += ')';
  }

  void print_leaf(const EpilogueNode& node) {
    if (node.op == EpilogueOp::kAcc) {
      out_ += "acc";
    } else if (node.op == EpilogueOp::kConstant) {
      char buffer[32];
      const auto end = std::to_chars(buffer, buffer + sizeof buffer, node.value).ptr;
      out_.append(buffer, end);
    } else {
      const EpilogueOperand& operand = operands_[node.operand];
      out_ += operand.name;
      if (operand.per_channel) out_ += "[k]";
      if (operand.type) out_ += std::string("[") + to_string(*operand.type) + "]";
    }
  }

  const std::vector<EpilogueNode>& nodes_;
  const std::vector<EpilogueOperand>& operands_;
  std::string out_;
};

}  // namespace

const EpilogueOpInfo& epilogue_op_info(EpilogueOp op) { return kOps[static_cast<int>(op)]; }

std::optional<EpilogueOp> find_epilogue_function(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kOps); ++i) {
    if (kOps[i].function && name == kOps[i].name) return static_cast<EpilogueOp>(i);
  }
  return std::nullopt;
}

std::string print_epilogue(const std::vector<EpilogueNode>& nodes,
                           const std::vector<EpilogueOperand>& operands) {
  return Printer(nodes, operands).print();
}

Epilogue::Epilogue() : nodes_(1) {}

namespace {

template <typename T>
T evaluate_in(const std::vector<EpilogueNode>& nodes, T acc, const double* operand_values) {
  std::array<T, kMaxEpilogueNodes> value;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const EpilogueNode& node = nodes[i];
    const auto arg = [&](int j) { return node.arg[j] < 0 ? T(0) : value[node.arg[j]]; };
    switch (node.op) {
      case EpilogueOp::kAcc:
        value[i] = acc;
        break;
      case EpilogueOp::kConstant:
        value[i] = static_cast<T>(node.value);
        break;
      case EpilogueOp::kPerChannel:
      case EpilogueOp::kTensor:
        value[i] = static_cast<T>(operand_values[node.operand]);
        break;
      default:
        value[i] = apply_epilogue_op(node.op, arg(0), arg(1), arg(2));
    }
  }
  return value[nodes.size() - 1];
}

}  // namespace

double Epilogue::evaluate(double acc, const double* operand_values) const {
  return evaluate_in<double>(nodes_, acc, operand_values);
}

float Epilogue::evaluate_f32(float acc, const double* operand_values) const {
  return evaluate_in<float>(nodes_, acc, operand_values);
}

bool Epilogue::is_exact() const {
  for (const EpilogueNode& node : nodes_) switch (node.op) {
      case EpilogueOp::kSigmoid:
      case EpilogueOp::kSilu:
      case EpilogueOp::kTanh:
      case EpilogueOp::kGelu:
      case EpilogueOp::kHardswish:
        return false;
      default:
        break;
    }
  return true;
}

}  // namespace convoke
