#include "compiler/descriptor.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace convoke {
namespace {

using Wide = __int128;

/// Largest count that a name may carry.
constexpr std::int64_t kMaxCount = 1'000'000'000;

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kUsage, message); }

/// The entries of one spatial axis as given; 0 is not given, but for pad, where -1 is.
struct Axis {
  char letter;
  std::int64_t in = 0, taps = 0, out = 0, stride = 1, dilation = 0, pad = -1;

  bool absent() const {
    return in == 0 && taps == 0 && out == 0 && dilation == 0 && stride == 1 && pad < 1;
  }
};

struct Entries {
  std::int64_t groups = 1, batch = 2, channels = 0, filters = 0;
  Axis d{'d'}, h{'h'}, w{'w'};
};

/// Where the entry of this name is kept, or null.
std::int64_t* find_entry(Entries& e, std::string_view name) {
  if (name == "mb") return &e.batch;
  if (name == "ic") return &e.channels;
  if (name == "oc") return &e.filters;
  if (name.size() != 2) return name == "g" ? &e.groups : nullptr;
  Axis* axis = name[1] == 'd' ? &e.d : name[1] == 'h' ? &e.h : name[1] == 'w' ? &e.w : nullptr;
  if (axis == nullptr) return nullptr;
  switch (name[0]) {
    case 'i':
      return &axis->in;
    case 'k':
      return &axis->taps;
    case 'o':
      return &axis->out;
    case 's':
      return &axis->stride;
    case 'd':
      return &axis->dilation;
    case 'p':
      return &axis->pad;
    default:
      return nullptr;
  }
}

/// Reads the number at `pos` and moves behind it.
std::int64_t read_number(std::string_view word, std::size_t& pos, std::string_view name) {
  std::int64_t value = 0;
  const char* begin = word.data() + pos;
  const auto [end, error] = std::from_chars(begin, word.data() + word.size(), value);
  if (error == std::errc::invalid_argument) {
    fail(fmt::format("the descriptor's entry {} at column {} has no number", name,
                     pos - name.size() + 1));
  }
  const std::string_view digits(begin, end - begin);
  if (error == std::errc::result_out_of_range || value > kMaxDim || value < 0) {
    const bool may_be_zero = name[0] == 'p' || name[0] == 'd';
    fail(fmt::format("{} is {} but must be {} to {}", name, digits, may_be_zero ? 0 : 1, kMaxDim));
  }
  pos += digits.size();
  return value;
}

void read_name(std::string_view text, Problem& problem) {
  const auto unquote = [&text] {
    while (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
      text = text.substr(1, text.size() - 2);
    }
  };
  unquote();
  const std::size_t star = text.find_last_not_of("0123456789");
  if (star != std::string_view::npos && text[star] == '*' && star + 1 < text.size()) {
    const std::string_view digits = text.substr(star + 1);
    std::int64_t count = 0;
    const auto error = std::from_chars(digits.data(), digits.data() + digits.size(), count).ec;
    if (error != std::errc() || count < 1 || count > kMaxCount) {
      fail(fmt::format("the count {} after the name is not 1 to {}", digits, kMaxCount));
    }
    problem.count = count;
    text = text.substr(0, star);
    unquote();
  }
  problem.name = text;
}

Entries read_entries(std::string_view word, Problem& problem) {
  Entries e;
  std::size_t pos = 0;
  while (pos < word.size()) {
    if (word[pos] == '_') {
      ++pos;
      continue;
    }
    if (word[pos] == 'n') {
      read_name(word.substr(pos + 1), problem);
      break;
    }
    const std::string_view name = word.substr(pos, word[pos] == 'g' ? 1 : 2);
    std::int64_t* entry = find_entry(e, name);
    if (entry == nullptr) {
      fail(fmt::format(
          "cannot read \"{}\" at column {} of the descriptor: the entries are g, mb, ic, oc, "
          "ih iw, oh ow, kh kw, sh sw, dh dw, ph pw and n",
          word.substr(pos, 16), pos + 1));
    }
    pos += name.size();
    if (name == "mb" && pos < word.size() && word[pos] == '?') {
      *entry = kOpenBatch;
      ++pos;
    } else {
      *entry = read_number(word, pos, name);
    }
  }
  return e;
}

/// The low padding benchdnn deduces: half of what the outputs need, truncated towards zero.
std::int64_t deduce_pad(std::int64_t in, std::int64_t taps, std::int64_t stride,
                        std::int64_t dilation, std::int64_t out) {
  const Wide total = Wide(out - 1) * stride - in + Wide(taps - 1) * dilation + 1;
  return static_cast<std::int64_t>(total / 2);
}

Wide output_size(std::int64_t in, std::int64_t taps, std::int64_t stride, std::int64_t dilation,
                 std::int64_t pad) {
  return (in - (Wide(taps - 1) * dilation + 1) + 2 * Wide(pad)) / stride + 1;
}

/// Fills what is deduced of an axis that was given.
void complete(Axis& a) {
  if (a.in == 0 || a.taps == 0) {
    fail(
        fmt::format("i{0} and k{0} must both be given and at least 1, but i{0} is {1} and k{0} "
                    "is {2}",
                    a.letter, a.in, a.taps));
  }
  if (a.stride == 0) fail(fmt::format("s{} is 0 but must be 1 to {}", a.letter, kMaxDim));
  if (a.out == 0) {
    if (a.pad < 0) a.pad = 0;
    a.out = deduce_output(a.letter, a.in, a.taps, a.stride, a.dilation + 1, a.pad);
  } else if (a.pad < 0) {
    a.pad = deduce_pad(a.in, a.taps, a.stride, a.dilation + 1, a.out);
    if (a.pad < 0) {
      fail(
          fmt::format("the p{0} deduced from i{0}{1}, k{0}{2} and o{0}{3} is {4} but must be at "
                      "least 0: give p{0}, or fewer inputs",
                      a.letter, a.in, a.taps, a.out, a.pad));
    }
  }
}

/// The entries that one axis prints: always in and taps, the rest if it does not follow from them.
struct AxisText {
  std::string in, out, taps, stride, dilation, pad;
};

AxisText print_axis(char letter, std::int64_t in, std::int64_t taps, std::int64_t out,
                    std::int64_t stride, std::int64_t dilation, std::int64_t pad) {
  AxisText t;
  t.in = fmt::format("i{}{}", letter, in);
  t.taps = fmt::format("k{}{}", letter, taps);
  if (stride != 1) t.stride = fmt::format("s{}{}", letter, stride);
  if (dilation != 1) t.dilation = fmt::format("d{}{}", letter, dilation - 1);
  const bool out_follows = output_size(in, taps, stride, dilation, pad) == out;
  const bool pad_follows = !out_follows && deduce_pad(in, taps, stride, dilation, out) == pad;
  if (!out_follows) t.out = fmt::format("o{}{}", letter, out);
  if (!pad_follows && (pad != 0 || !out_follows)) t.pad = fmt::format("p{}{}", letter, pad);
  return t;
}

}  // namespace

std::int64_t deduce_output(char axis, std::int64_t in, std::int64_t taps, std::int64_t stride,
                           std::int64_t dilation, std::int64_t pad) {
  const Wide out = output_size(in, taps, stride, dilation, pad);
  if (out <= 0) {
    fail(
        fmt::format("there is no output: the filter's extent along {}, {} taps with dilation {}, "
                    "is more than the input of {} with padding {} on both sides",
                    axis, taps, dilation, in, pad));
  }
  return static_cast<std::int64_t>(out);
}

void parse_descriptor(std::string_view word, Problem& problem) {
  Entries e = read_entries(word, problem);
  if (!e.d.absent()) {
    fail(
        fmt::format("the descriptor \"{}\" has 3-D entries (id, od, kd, sd, dd, pd): only 2-D "
                    "convolutions are supported",
                    word.substr(0, 80)));
  }
  if (e.h.absent() && e.w.absent()) fail("the descriptor gives neither ih and kh nor iw and kw");
  const bool no_h = e.h.absent();
  const bool no_w = e.w.absent();
  if (!no_h) complete(e.h);
  if (!no_w) complete(e.w);
  if (no_w) e.w = e.h;
  if (no_h) e.h = Axis{'h', 1, 1, 1, 1, 0, 0};  // 1-D: one row, one tap

  ConvSpec& s = problem.spec;
  s.n = e.batch;
  s.groups = e.groups;
  s.c = e.channels;
  s.k = e.filters;
  s.h = e.h.in, s.w = e.w.in;
  s.r = e.h.taps, s.s = e.w.taps;
  s.p = e.h.out, s.q = e.w.out;
  s.stride_h = e.h.stride, s.stride_w = e.w.stride;
  s.dilation_h = e.h.dilation + 1, s.dilation_w = e.w.dilation + 1;
  s.pad_h = e.h.pad, s.pad_w = e.w.pad;
}

std::string print_descriptor(const ConvSpec& c) {
  const AxisText h = print_axis('h', c.h, c.r, c.p, c.stride_h, c.dilation_h, c.pad_h);
  const bool square = c.h == c.w && c.r == c.s && c.p == c.q && c.stride_h == c.stride_w &&
                      c.dilation_h == c.dilation_w && c.pad_h == c.pad_w;
  AxisText w;
  if (!square) w = print_axis('w', c.w, c.s, c.q, c.stride_w, c.dilation_w, c.pad_w);
  std::string text;
  if (c.groups != 1) text += fmt::format("g{}", c.groups);
  text += c.open_batch() ? "mb?" : fmt::format("mb{}", c.n);
  text += fmt::format("ic{}{}{}oc{}{}{}", c.c, h.in, w.in, c.k, h.out, w.out);
  text += h.taps + w.taps + h.stride + w.stride + h.dilation + w.dilation + h.pad + w.pad;
  return text;
}

std::string print_name(const std::string& name, std::int64_t count) {
  const std::size_t star = name.find_last_not_of("0123456789");
  const bool looks_counted =
      star != std::string::npos && name[star] == '*' && star + 1 < name.size();
  if (count != 1 || looks_counted) return fmt::format("n{}*{}", name, count);
  return name.empty() ? "" : "n" + name;
}

}  // namespace convoke
