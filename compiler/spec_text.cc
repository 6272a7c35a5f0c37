#include "compiler/spec_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <span>

#include "compiler/descriptor.h"
#include "compiler/epilogue.h"
#include "compiler/miopen_text.h"
#include "compiler/sparsity.h"

namespace convoke {
namespace {

constexpr const char* kKeys[] = {"pass",    "dtype",   "x",        "w",        "y",     "layout",
                                 "xlayout", "ylayout", "epilogue", "sparsity", "quant", "batch"};

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kUsage, message); }

/// Splits at blanks. Other bytes than printable ASCII are refused: they could not be printed back
/// into a terminal, a JSON line or a list.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const bool blank = i == text.size() || text[i] == ' ' || text[i] == '\t';
    if (!blank && (text[i] < 0x20 || text[i] > 0x7e)) {
      fail(fmt::format("byte {:#04x} at column {} is not printable ASCII",
                       static_cast<unsigned char>(text[i]), i + 1));
    }
    if (!blank) continue;
    if (i > begin) words.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  return words;
}

std::map<std::string_view, std::string_view> read_words(std::span<const std::string_view> words) {
  std::map<std::string_view, std::string_view> values;
  for (const std::string_view word : words) {
    const std::size_t equals = word.find('=');
    const std::string_view key = word.substr(0, equals);
    const bool known = std::find(std::begin(kKeys), std::end(kKeys), key) != std::end(kKeys);
    if (equals == std::string_view::npos || !known) {
      fail(
          fmt::format("cannot read \"{}\": after the descriptor come key=value words without "
                      "blanks, the key being one of {}",
                      word, fmt::join(kKeys, ", ")));
    }
    if (!values.emplace(key, word.substr(equals + 1)).second) {
      fail(fmt::format("{}= is given twice", key));
    }
  }
  return values;
}

std::int64_t parse_batch(std::string_view text) {
  if (text == "?") return kOpenBatch;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > kMaxDim) {
    fail(fmt::format("batch is \"{}\" but must be ? or a number from 1 to {}", text, kMaxDim));
  }
  return value;
}

/// The general words first (dtype, layout), then those that refine them, in whatever order given.
void apply_words(const std::map<std::string_view, std::string_view>& values, ConvSpec& s) {
  const auto given = [&values](std::string_view key, auto&& apply) {
    if (const auto it = values.find(key); it != values.end()) apply(it->second);
  };
  given("pass", [&s](auto v) { s.pass = parse_pass(v); });
  given("batch", [&s](auto v) { s.n = parse_batch(v); });
  given("dtype", [&s](auto v) { set_data_type(s, parse_data_type(v)); });
  given("x", [&s](auto v) { s.x_type = parse_data_type(v); });
  given("w", [&s](auto v) { s.w_type = parse_data_type(v); });
  given("y", [&s](auto v) { s.y_type = parse_data_type(v); });
  given("layout", [&s](auto v) { s.x_layout = s.y_layout = parse_layout(v); });
  given("xlayout", [&s](auto v) { s.x_layout = parse_layout(v); });
  given("ylayout", [&s](auto v) { s.y_layout = parse_layout(v); });
  given("epilogue", [&s](auto v) { s.epilogue = Epilogue::parse(v).text(); });
  given("sparsity", [&s](auto v) {
    std::string word = Sparsity::parse(v).text();
    if (word != s.sparsity) s.pattern = nullptr;  // it is one of the old word's
    s.sparsity = std::move(word);
  });
  given("quant", [&s](auto v) { s.quant = Quant::parse(v).text(); });
}

std::string print_types(const ConvSpec& s) {
  ConvSpec one;
  if (s.x_type == one.x_type && s.w_type == one.w_type && s.y_type == one.y_type) return "";
  // s32 is an output only, so that no word stands for it.
  if (s.x_type != DataType::kS32) set_data_type(one, s.x_type);
  if (s.x_type == one.x_type && s.w_type == one.w_type && s.y_type == one.y_type) {
    return fmt::format(" dtype={}", to_string(s.x_type));
  }
  return fmt::format(" x={} w={} y={}", to_string(s.x_type), to_string(s.w_type),
                     to_string(s.y_type));
}

std::string print_words(const ConvSpec& s) {
  std::string text;
  if (s.pass != Pass::kFprop) text += fmt::format(" pass={}", to_string(s.pass));
  text += print_types(s);
  if (s.x_layout != s.y_layout) {
    text += fmt::format(" xlayout={} ylayout={}", to_string(s.x_layout), to_string(s.y_layout));
  } else if (s.x_layout != Layout::kNhwc) {
    text += fmt::format(" layout={}", to_string(s.x_layout));
  }
  if (!s.epilogue.empty()) text += " epilogue=" + s.epilogue;
  if (!s.sparsity.empty()) text += " sparsity=" + s.sparsity;
  if (!s.quant.empty()) text += " quant=" + s.quant;
  return text;
}

}  // namespace

Problem parse_problem(std::string_view text) {
  const std::vector<std::string_view> words = split(text);
  if (words.empty()) fail("the problem is empty: give a descriptor such as mb1ic3ih32oc6kh5");
  Problem problem;
  if (is_miopen_line(words)) {
    problem = parse_miopen(words);
  } else {
    parse_descriptor(words[0], problem);
    apply_words(read_words(std::span(words).subspan(1)), problem.spec);
  }
  problem.spec.validate();
  return problem;
}

ConvSpec override_spec(const ConvSpec& spec, std::string_view words) {
  ConvSpec result = spec;
  apply_words(read_words(split(words)), result);
  result.validate();
  return result;
}

std::string print_spec(const ConvSpec& spec) { return print_descriptor(spec) + print_words(spec); }

std::string print_problem(const Problem& problem) {
  return print_descriptor(problem.spec) + print_name(problem.name, problem.count) +
         print_words(problem.spec);
}

void set_data_type(ConvSpec& spec, DataType type) {
  if (type == DataType::kS32) {
    fail("s32 is only a type of outputs: give it as y=s32, with dtype=s8 or dtype=u8");
  }
  spec.x_type = spec.w_type = spec.y_type = type;
  if (type == DataType::kU8) spec.w_type = DataType::kS8;  // weights have a sign
  if (type == DataType::kTf32) spec.y_type = DataType::kF32;
  if (type == DataType::kE4m3) spec.y_type = DataType::kF16;
}

}  // namespace convoke
