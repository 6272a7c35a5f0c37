#include "compiler/sparsity.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "convoke/conv_spec.h"
#include "convoke/error.h"

namespace convoke {
namespace {

constexpr const char* kForms =
    "none, channel:KEEP[@B], input:KEEP[@G], block:KEEP@KxC, unstructured:KEEP, nm:N:M, each but "
    "none with :bound if its indices are operands";

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kUsage, message); }

/// Splits off what stands before `separator`; the rest is empty if there is none.
std::string_view cut(std::string_view& rest, char separator, bool& found) {
  const std::size_t at = rest.find(separator);
  found = at != std::string_view::npos;
  const std::string_view head = rest.substr(0, at);
  rest = found ? rest.substr(at + 1) : std::string_view{};
  return head;
}

int parse_int(std::string_view text, const char* what, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    fail(fmt::format("sparsity {} is \"{}\" but must be a number from {} to {}", what, text, least,
                     most));
  }
  return value;
}

double parse_keep(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || !(value > 0 && value <= 1)) {
    fail(fmt::format("sparsity keep ratio is \"{}\" but must be above 0 and at most 1", text));
  }
  return value;
}

/// KEEP and what follows its @, which only `block` must have.
void parse_structured(std::string_view rest, std::string_view whole, Sparsity& s) {
  bool sized = false;
  s.keep = parse_keep(cut(rest, '@', sized));
  if (s.kind == SparsityKind::kUnstructured && sized) {
    fail(fmt::format("sparsity \"{}\" has a block size, which unstructured has not", whole));
  }
  if (s.kind == SparsityKind::kChannel && sized) s.rows = parse_int(rest, "B", 1, kMaxBlockSide);
  if (s.kind == SparsityKind::kInput && sized) s.columns = parse_int(rest, "G", 1, kMaxBlockSide);
  if (s.kind == SparsityKind::kBlock) {
    bool both = false;
    const std::string_view rows = cut(rest, 'x', both);
    if (!sized || !both) {
      fail(fmt::format("sparsity \"{}\" has no block size: it must read block:KEEP@KxC", whole));
    }
    s.rows = parse_int(rows, "K of KxC", kMinBlockSide, kMaxBlockSide);
    s.columns = parse_int(rest, "C of KxC", kMinBlockSide, kMaxBlockSide);
  }
}

}  // namespace

Sparsity Sparsity::parse(std::string_view text) {
  Sparsity s;
  if (text.empty() || text == "none") return s;
  std::string_view rest = text;
  constexpr std::string_view kBound = ":bound";
  s.bound = text.size() > kBound.size() && text.substr(text.size() - kBound.size()) == kBound;
  if (s.bound) rest.remove_suffix(kBound.size());
  bool found = false;
  const std::string_view kind = cut(rest, ':', found);
  if (kind == "nm" && found) {
    const std::string_view n = cut(rest, ':', found);
    if (!found) fail(fmt::format("sparsity \"{}\" must read nm:N:M", text));
    s.kind = SparsityKind::kNm;
    s.m = parse_int(rest, "M of nm:N:M", 2, kMaxNmGroup);
    s.n = parse_int(n, "N of nm:N:M", 1, s.m);
    s.keep = static_cast<double>(s.n) / s.m;
    return s;
  }
  if (kind == "channel") s.kind = SparsityKind::kChannel;
  if (kind == "input") s.kind = SparsityKind::kInput;
  if (kind == "block") s.kind = SparsityKind::kBlock;
  if (kind == "unstructured") s.kind = SparsityKind::kUnstructured;
  if (s.kind == SparsityKind::kNone || !found) {
    fail(fmt::format("unknown sparsity \"{}\": it must be one of {}", text, kForms));
  }
  parse_structured(rest, text, s);
  return s;
}

std::string Sparsity::text() const {
  const char* const end = bound ? ":bound" : "";
  switch (kind) {
    case SparsityKind::kNone:
      return "";
    case SparsityKind::kChannel:
      return fmt::format("channel:{}{}{}", keep, rows == 1 ? "" : fmt::format("@{}", rows), end);
    case SparsityKind::kInput:
      return fmt::format("input:{}{}{}", keep, columns == 1 ? "" : fmt::format("@{}", columns),
                         end);
    case SparsityKind::kBlock:
      return fmt::format("block:{}@{}x{}{}", keep, rows, columns, end);
    case SparsityKind::kUnstructured:
      return fmt::format("unstructured:{}{}", keep, end);
    case SparsityKind::kNm:
      return fmt::format("nm:{}:{}{}", n, m, end);
  }
  fail(fmt::format("sparsity kind {} does not exist", static_cast<int>(kind)));
}

Quant Quant::parse(std::string_view text) {
  if (text.empty() || text == "none") return {};
  if (text != "zp")
    fail(fmt::format("unknown quantisation \"{}\": it must be none, or zp if x has a zero point",
                     text));
  return {true};
}

std::string why_not_quantised(const ConvSpec& spec) {
  if (spec.quant.empty() || is_integer(spec.x_type)) return "";
  return fmt::format("quant={} needs x of s8 or u8, but it is {}", spec.quant,
                     to_string(spec.x_type));
}

std::string Quant::text() const { return zero_point ? "zp" : ""; }

}  // namespace convoke
