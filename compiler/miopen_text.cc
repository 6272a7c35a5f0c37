#include "compiler/miopen_text.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <string>

#include "compiler/descriptor.h"
#include "compiler/epilogue.h"

namespace convoke {
namespace {

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kUsage, message); }

struct Flag {
  char letter;
  const char* name;
  const char* value;  ///< default; null: accepted, but nothing that Convoke computes depends on it
};

// Letters, names and defaults are the driver's (ROCm/MIOpen driver/conv_driver.hpp). The depth
// entries count as run-only because spatial_dim must be 2. The last two are older names.
constexpr Flag kFlags[] = {
    {'I', "in_layout", "NCHW"},
    {'O', "out_layout", "NCHW"},
    {'f', "fil_layout", ""},
    {'_', "spatial_dim", "2"},
    {'F', "forw", "0"},
    {'n', "batchsize", "100"},
    {'c', "in_channels", "3"},
    {'H', "in_h", "32"},
    {'W', "in_w", "32"},
    {'k', "out_channels", "32"},
    {'y', "fil_h", "3"},
    {'x', "fil_w", "3"},
    {'u', "conv_stride_h", "1"},
    {'v', "conv_stride_w", "1"},
    {'p', "pad_h", "0"},
    {'q', "pad_w", "0"},
    {'r', "pad_val", "0"},
    {'l', "dilation_h", "1"},
    {'j', "dilation_w", "1"},
    {'g', "group_count", "1"},
    {'m', "mode", "conv"},
    {'z', "pad_mode", "default"},
    {'b', "bias", "0"},
    {'Z', "tensor_vect", "0"},
    {'L', "vector_length", "1"},
    {'U', "in_cast_type", "-1"},
    {'T', "out_cast_type", "-1"},
    {'R', "wei_cast_type", "-1"},
    {'!', "in_d", nullptr},
    {'@', "fil_d", nullptr},
    {'#', "conv_stride_d", nullptr},
    {'$', "pad_d", nullptr},
    {'^', "dilation_d", nullptr},
    {'%', "trans_output_pad_d", nullptr},
    {'Y', "trans_output_pad_h", nullptr},
    {'X', "trans_output_pad_w", nullptr},
    {'i', "iter", nullptr},
    {'V', "verify", nullptr},
    {'C', "verification_cache", nullptr},
    {'t', "time", nullptr},
    {'w', "wall", nullptr},
    {'s', "search", nullptr},
    {'P', "printconv", nullptr},
    {'o', "dump_output", nullptr},
    {'d', "in_data", nullptr},
    {'e', "weights", nullptr},
    {'a', "in_bias", nullptr},
    {'D', "dout_data", nullptr},
    {'S', "solution", nullptr},
    {'G', "gpualloc", nullptr},
    {'u', "conv_stride_0", "1"},
    {'v', "conv_stride_1", "1"},
};

const Flag& find_flag(std::string_view word) {
  const bool is_long = word.substr(0, 2) == "--";
  for (const Flag& f : kFlags) {
    if (is_long ? word.substr(2) == f.name
                : word.size() == 2 && word[0] == '-' && word[1] == f.letter) {
      return f;
    }
  }
  fail(fmt::format("unknown MIOpenDriver flag \"{}\"", word));
}

/// The values of a line by the flag's letter.
class Values {
 public:
  explicit Values(const std::vector<std::string_view>& words, std::size_t first) {
    for (const Flag& f : kFlags) {
      if (f.value != nullptr) values_[f.letter] = f.value;
    }
    for (std::size_t i = first; i < words.size(); i += 2) {
      const Flag& flag = find_flag(words[i]);
      if (i + 1 == words.size()) fail(fmt::format("MIOpenDriver flag {} has no value", words[i]));
      if (flag.value != nullptr) values_[flag.letter] = words[i + 1];
    }
  }

  const std::string& text(char letter) const { return values_.at(letter); }

  std::int64_t number(char letter, std::int64_t least, std::int64_t most = kMaxDim) const {
    const std::string& t = text(letter);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), value);
    if (error != std::errc() || end != t.data() + t.size() || value < least || value > most) {
      fail(fmt::format("{} is \"{}\" but must be a number from {} to {}", describe(letter), t,
                       least, most));
    }
    return value;
  }

  /// Refuses a value that would change the problem in a way that ConvSpec cannot say.
  void require(char letter, std::string_view only, const char* hint) const {
    if (text(letter) == only) return;
    fail(
        fmt::format("{} is \"{}\" but must be {}: {}", describe(letter), text(letter), only, hint));
  }

  static std::string describe(char letter) {
    return fmt::format("MIOpenDriver flag -{} (--{})", letter,
                       find_flag(std::string{'-', letter}).name);
  }

 private:
  std::map<char, std::string> values_;
};

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

Pass read_pass(const Values& v) {
  switch (const std::int64_t forw = v.number('F', 0, 6)) {
    case 0:
    case 1:
      return Pass::kFprop;
    case 2:
      return Pass::kDgrad;
    case 4:
      return Pass::kWgrad;
    default:
      fail(fmt::format("{} is {}, which is more than one pass: it must be 0, 1, 2 or 4",
                       Values::describe('F'), forw));
  }
}

Layout read_layout(const Values& v, char letter) {
  if (v.text(letter) == "NCHW") return Layout::kNchw;
  if (v.text(letter) == "NHWC") return Layout::kNhwc;
  fail(fmt::format("{} is \"{}\" but must be NCHW or NHWC", Values::describe(letter),
                   v.text(letter)));
}

void refuse_what_does_not_exist(const Values& v) {
  v.require('_', "2", "only 2-D convolutions are supported");
  v.require('m', "conv", "for a transposed convolution give the forward one with -F 2");
  v.require('z', "default", "give the padding with -p and -q");
  v.require('r', "0", "padding contributes nothing");
  v.require('Z', "0", "vectorised layouts are not supported");
  v.require('L', "1", "vectorised layouts are not supported");
  for (const char cast : {'U', 'T', 'R'}) v.require(cast, "-1", "casts are not supported");
}

}  // namespace

bool is_miopen_line(const std::vector<std::string_view>& words) {
  return !words.empty() &&
         (base_name(words[0]) == "MIOpenDriver" || words[0].substr(0, 4) == "conv");
}

Problem parse_miopen(const std::vector<std::string_view>& words) {
  const std::size_t mode = base_name(words[0]) == "MIOpenDriver" ? 1 : 0;
  if (mode >= words.size()) fail("the MIOpenDriver line names no operation: give conv");
  Problem problem;
  ConvSpec& s = problem.spec;
  if (words[mode] == "conv") {
    set_data_type(s, DataType::kF32);
  } else if (words[mode] == "convfp16") {
    set_data_type(s, DataType::kF16);
  } else if (words[mode] == "convbfp16") {
    set_data_type(s, DataType::kBf16);
  } else if (words[mode] == "convint8") {
    set_data_type(s, DataType::kS8);
  } else {
    fail(
        fmt::format("unknown MIOpenDriver operation \"{}\": it must be one of conv, convfp16, "
                    "convbfp16, convint8",
                    words[mode]));
  }
  const Values v(words, mode + 1);
  refuse_what_does_not_exist(v);
  s.pass = read_pass(v);
  s.n = v.number('n', 1), s.groups = v.number('g', 1);
  s.c = v.number('c', 1), s.h = v.number('H', 1), s.w = v.number('W', 1);
  s.k = v.number('k', 1), s.r = v.number('y', 1), s.s = v.number('x', 1);
  s.stride_h = v.number('u', 1), s.stride_w = v.number('v', 1);
  s.dilation_h = v.number('l', 1), s.dilation_w = v.number('j', 1);
  s.pad_h = v.number('p', 0), s.pad_w = v.number('q', 0);
  s.p = deduce_output('h', s.h, s.r, s.stride_h, s.dilation_h, s.pad_h);
  s.q = deduce_output('w', s.w, s.s, s.stride_w, s.dilation_w, s.pad_w);
  s.x_layout = read_layout(v, 'I');
  s.y_layout = read_layout(v, 'O');
  if (!v.text('f').empty() && read_layout(v, 'f') != s.x_layout) {
    fail(fmt::format("{} is {} but the weights follow the input's layout, {}",
                     Values::describe('f'), v.text('f'), v.text('I')));
  }
  const bool bias = !v.text('b').empty() && v.number('b', 0, 1) == 1;
  if (bias && s.pass == Pass::kFprop) s.epilogue = Epilogue::parse("acc+bias[k]").text();
  return problem;
}

}  // namespace convoke
