// Recursive descent over the grammar
//   sum     := product (('+' | '-') product)*
//   product := unary (('*' | '/') unary)*
//   unary   := '-'* primary
//   primary := number | 'acc' | name ['[' 'k' ']'] | function '(' sum (',' sum)* ')' | '(' sum ')'
// Every node is folded as it is made, so the tree never holds more than the text's operands and
// operators.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "compiler/epilogue.h"
#include "compiler/epilogue_ops.h"

namespace convoke {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name(char c) { return is_name_start(c) || is_digit(c); }

std::string function_names() {
  std::string names;
  for (int i = 0; i <= static_cast<int>(EpilogueOp::kHardswish); ++i) {
    const EpilogueOpInfo& info = epilogue_op_info(static_cast<EpilogueOp>(i));
    if (info.function) names += (names.empty() ? "" : ", ") + std::string(info.name);
  }
  return names;
}

}  // namespace

class EpilogueParser {
 public:
  explicit EpilogueParser(std::string_view text) : text_(text) {}

  Epilogue parse() {
    skip_blanks();
    if (at_ == text_.size()) return Epilogue();
    const std::size_t start = at_;
    const int root = sum();
    if (at_ < text_.size())
      fail(at_, "unexpected " + found() + ", expected an operator or the end");
    Epilogue result;
    result.nodes_.clear();
    copy_postorder(root, result);
    if (!depends_on_acc(result)) fail(start, "the result does not depend on acc");
    result.operands_ = std::move(operands_);  // folding drops constants alone
    if (!result.is_identity()) result.text_ = print_epilogue(result.nodes_, result.operands_);
    return result;
  }

 private:
  [[noreturn]] void fail(std::size_t at, const std::string& reason) const {
    throw Error(ErrorCode::kUsage, fmt::format("epilogue column {}: {}", at + 1, reason));
  }

  // ---- text ----
  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool accept(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    skip_blanks();
    return true;
  }
  std::string found() const {
    if (at_ == text_.size()) return "end of text";
    const char c = text_[at_];
    if (is_name_start(c)) {
      std::size_t end = at_;
      while (end < text_.size() && is_name(text_[end])) ++end;
      return fmt::format("'{}'", text_.substr(at_, end - at_));
    }
    if (c < ' ' || c > '~') return fmt::format("byte 0x{:02x}", static_cast<unsigned char>(c));
    return fmt::format("'{}'", c);
  }

  // ---- grammar ----
  int sum() {
    int left = product();
    for (;;) {
      const std::size_t at = at_;
      if (accept('+')) {
        left = make(at, EpilogueOp::kAdd, left, product());
      } else if (accept('-')) {
        left = make(at, EpilogueOp::kSub, left, product());
      } else {
        return left;
      }
    }
  }

  int product() {
    int left = unary();
    for (;;) {
      const std::size_t at = at_;
      if (accept('*')) {
        left = make(at, EpilogueOp::kMul, left, unary());
      } else if (accept('/')) {
        left = make(at, EpilogueOp::kDiv, left, unary());
      } else {
        return left;
      }
    }
  }

  int unary() {
    const std::size_t at = at_;
    bool negative = false;
    while (accept('-')) negative = !negative;
    const int value = primary();
    return negative ? make(at, EpilogueOp::kNeg, value) : value;
  }

  int primary() {
    if (is_digit(peek()) || peek() == '.') return number();
    if (is_name_start(peek())) return named();
    const std::size_t open = at_;
    if (!accept('(')) fail(at_, "unexpected " + found() + ", expected a value");
    enter(open);
    const int value = sum();
    if (!accept(')'))
      fail(at_,
           fmt::format("unexpected {}, expected ')' for the '(' in column {}", found(), open + 1));
    --depth_;
    return value;
  }

  void enter(std::size_t at) {
    if (++depth_ > kMaxEpilogueDepth)
      fail(at, fmt::format("nested more than {} deep", kMaxEpilogueDepth));
  }

  int number() {
    const std::size_t at = at_;
    float value = 0;
    const auto [end, error] =
        std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error == std::errc::invalid_argument) fail(at, "'.' is not a number");
    at_ = end - text_.data();
    if (error == std::errc::result_out_of_range) {
      fail(at, fmt::format("{} is outside the range of f32 (1e-45 to 3.4028235e38)",
                           text_.substr(at, at_ - at)));
    }
    if (is_name(peek()) || peek() == '.') {
      fail(at_, fmt::format("unexpected {} after a number", found()));
    }
    skip_blanks();
    return push(at, {.op = EpilogueOp::kConstant, .value = value});
  }

  int named() {
    const std::size_t at = at_;
    while (is_name(peek())) ++at_;
    const std::string_view name = text_.substr(at, at_ - at);
    skip_blanks();
    if (const auto function = find_epilogue_function(name)) return call(at, *function);
    if (peek() == '(')
      fail(at, fmt::format("unknown function '{}'; there are {}", name, function_names()));
    if (name == "acc") {
      if (peek() == '[') fail(at_, "acc takes no [k]");
      return push(at, {.op = EpilogueOp::kAcc});
    }
    if (name == "inf" || name == "nan")
      fail(at, fmt::format("'{}' is not a literal and not a name for an operand", name));
    return operand(at, name);
  }

  static std::optional<DataType> operand_type(std::string_view word) {
    for (const DataType type :
         {DataType::kF32, DataType::kF16, DataType::kBf16, DataType::kS8, DataType::kU8})
      if (word == to_string(type)) return type;
    return std::nullopt;
  }

  int operand(std::size_t at, std::string_view name) {
    EpilogueOperand operand{std::string(name), false, std::nullopt};
    if (accept('[')) {
      const std::size_t index = at_;
      while (is_name(peek())) ++at_;
      const std::string_view word = text_.substr(index, at_ - index);
      if (word == "k") {
        operand.per_channel = true;
      } else if (operand.type = operand_type(word); !operand.type) {
        at_ = index;
        fail(at_, fmt::format("unexpected {}, expected k, for a value of each output channel, or "
                              "the type of a tensor: f32, f16, bf16, s8 or u8",
                              found()));
      }
      skip_blanks();
      if (!accept(']')) fail(at_, "unexpected " + found() + ", expected ']'");
    }
    std::size_t i = 0;
    while (i < operands_.size() && operands_[i].name != name) ++i;
    if (i == operands_.size()) {
      if (i == kMaxEpilogueOperands) {
        fail(at, fmt::format("'{}' is operand {}; an epilogue has at most {}", name, i + 1,
                             kMaxEpilogueOperands));
      }
      operands_.push_back(operand);
    } else if (operands_[i] != operand) {
      fail(at, operands_[i].per_channel != operand.per_channel
                   ? fmt::format("'{}' is used both with and without [k]", name)
                   : fmt::format("'{}' is used with two types", name));
    }
    return push(at, {.op = operand.per_channel ? EpilogueOp::kPerChannel : EpilogueOp::kTensor,
                     .operand = static_cast<int>(i)});
  }

  int call(std::size_t at, EpilogueOp op) {
    const EpilogueOpInfo& info = epilogue_op_info(op);
    if (peek() != '(')
      fail(at_, fmt::format("unexpected {}, expected '(' after {}", found(), info.name));
    enter(at_);
    accept('(');
    int arg[3] = {-1, -1, -1};
    std::size_t lower_limit = at_;
    for (int i = 0; i < info.arity; ++i) {
      if (i > 0 && !accept(',')) {
        fail(at_, fmt::format("unexpected {}, expected ','; {} takes {} arguments", found(),
                              info.name, info.arity));
      }
      if (i == 1) lower_limit = at_;
      arg[i] = sum();
    }
    if (!accept(')')) {
      fail(at_, fmt::format("unexpected {}, expected ')'; {} takes {} argument{}", found(),
                            info.name, info.arity, info.arity == 1 ? "" : "s"));
    }
    --depth_;
    if (op == EpilogueOp::kClamp && is_constant(arg[1]) && is_constant(arg[2]) &&
        value(arg[1]) > value(arg[2])) {
      fail(lower_limit, fmt::format("clamp's lower limit {} is above its upper limit {}",
                                    value(arg[1]), value(arg[2])));
    }
    return make(at, op, arg[0], arg[1], arg[2]);
  }

  // ---- nodes ----
  bool is_constant(int i) const { return nodes_[i].op == EpilogueOp::kConstant; }
  bool is_constant(int i, float v) const {  // -0 is not 0 here
    return is_constant(i) && value(i) == v && std::signbit(value(i)) == std::signbit(v);
  }
  bool is_negative_constant(int i) const { return is_constant(i) && std::signbit(value(i)); }
  float value(int i) const { return nodes_[i].value; }

  int push(std::size_t at, const EpilogueNode& node) {
    // Folded nodes stay in nodes_ as garbage until the end, so only live ones are counted.
    if (++live_ > kMaxEpilogueNodes) fail(at, fmt::format("more than {} nodes", kMaxEpilogueNodes));
    nodes_.push_back(node);
    return static_cast<int>(nodes_.size()) - 1;
  }

  int make(std::size_t at, EpilogueOp op, int a, int b = -1, int c = -1) {
    const int folded = fold_constants(op, a, b, c);
    if (folded >= 0) return folded;
    normalise_sign(op, b);
    const int simpler = simplify(op, a, b);
    if (simpler >= 0) return simpler;
    return push(at, {.op = op, .arg = {a, b, c}});
  }

  // A result that is not finite has no literal, so such an operation stays as it is written.
  int fold_constants(EpilogueOp op, int a, int b, int c) {
    for (const int i : {a, b, c}) {
      if (i >= 0 && !is_constant(i)) return -1;
    }
    const auto arg = [&](int i) { return i < 0 ? 0.0f : value(i); };
    const float result = apply_epilogue_op<float>(op, arg(a), arg(b), arg(c));
    if (!std::isfinite(result)) return -1;
    live_ -= (b >= 0) + (c >= 0);
    nodes_[a].value = result;
    return a;
  }

  // Only rewrites that keep every value, NaN, infinities and the sign of zero among them: x + 0
  // turns -0 into 0 and stays, x - 0 goes.
  int simplify(EpilogueOp op, int a, int b) {
    const auto keep = [&](int kept) {
      --live_;
      return kept;
    };
    switch (op) {
      case EpilogueOp::kAdd:
        if (is_constant(a, -0.0f)) return keep(b);
        break;
      case EpilogueOp::kSub:
        if (is_constant(b, 0.0f)) return keep(a);
        break;
      case EpilogueOp::kMul:
        if (is_constant(b, 1.0f)) return keep(a);
        if (is_constant(a, 1.0f)) return keep(b);
        break;
      case EpilogueOp::kDiv:
        if (is_constant(b, 1.0f)) return keep(a);
        break;
      case EpilogueOp::kNeg:
        if (nodes_[a].op == EpilogueOp::kNeg) return keep(nodes_[a].arg[0]);
        break;
      case EpilogueOp::kAbs:
        if (nodes_[a].op == EpilogueOp::kNeg) {
          nodes_[a].op = EpilogueOp::kAbs;
          return a;
        }
        [[fallthrough]];
      case EpilogueOp::kRelu:
      case EpilogueOp::kRelu6:
        if (nodes_[a].op == op) return a;
        break;
      default:
        break;
    }
    return -1;
  }

  // x + -y is x - y and x - -y is x + y, exactly; one of the two is the canonical one.
  void normalise_sign(EpilogueOp& op, int& b) {
    if (op != EpilogueOp::kAdd && op != EpilogueOp::kSub) return;
    if (is_negative_constant(b)) {
      nodes_[b].value = -nodes_[b].value;
    } else if (nodes_[b].op == EpilogueOp::kNeg) {
      b = nodes_[b].arg[0];
      --live_;
    } else {
      return;
    }
    op = op == EpilogueOp::kAdd ? EpilogueOp::kSub : EpilogueOp::kAdd;
  }

  // ---- result ----
  int copy_postorder(int from, Epilogue& to) const {
    EpilogueNode node = nodes_[from];
    for (int& arg : node.arg) {
      if (arg >= 0) arg = copy_postorder(arg, to);
    }
    to.nodes_.push_back(node);
    return static_cast<int>(to.nodes_.size()) - 1;
  }

  static bool depends_on_acc(const Epilogue& epilogue) {
    for (const EpilogueNode& node : epilogue.nodes_) {
      if (node.op == EpilogueOp::kAcc) return true;
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int live_ = 0;
  std::vector<EpilogueNode> nodes_;
  std::vector<EpilogueOperand> operands_;
};

Epilogue Epilogue::parse(std::string_view text) { return EpilogueParser(text).parse(); }

}  // namespace convoke
