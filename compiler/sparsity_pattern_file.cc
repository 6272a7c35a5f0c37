// The text form of a pattern: written canonically, read with every way of being damaged in mind.
#include <fmt/format.h>

#include <charconv>

#include "compiler/cache_key.h"
#include "compiler/sparsity.h"
#include "compiler/sparsity_units.h"
#include "compiler/text_file.h"
#include "convoke/error.h"
#include "convoke/sparsity_pattern.h"

namespace convoke {
namespace {

constexpr std::string_view kFirstLine = "convoke-sparsity 1";
constexpr std::string_view kWhat = "sparsity pattern";
constexpr std::string_view kHashWord = "sha256 ";
constexpr std::size_t kLineLength = 100;

[[noreturn]] void fail(const std::string& message) {
  throw Error(ErrorCode::kUsage, "sparsity pattern: " + message);
}

std::int64_t parse_unit(std::string_view text, std::string_view word) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    fail(fmt::format("\"{}\" is neither a unit nor a range of units, such as 4-7", shown(word)));
  return value;
}

/// "g1ic64oc64kh3kw3" as a spec with one output pixel.
ConvSpec parse_shape(std::string_view text) {
  ConvSpec spec;
  const std::pair<std::string_view, std::int64_t*> entries[] = {
      {"g", &spec.groups}, {"ic", &spec.c}, {"oc", &spec.k}, {"kh", &spec.r}, {"kw", &spec.s}};
  std::string_view rest = text;
  for (const auto& [name, value] : entries) {
    const bool named = rest.substr(0, name.size()) == name;
    if (named) rest.remove_prefix(name.size());
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), *value);
    if (!named || error != std::errc())
      fail(fmt::format("the shape is \"{}\" but must read g1ic64oc64kh3kw3", shown(text)));
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  }
  if (!rest.empty())
    fail(fmt::format("the shape is \"{}\" but must read g1ic64oc64kh3kw3", shown(text)));
  spec.h = spec.r, spec.w = spec.s;
  return spec;
}

std::vector<std::int64_t> parse_kept(std::string_view lines, std::int64_t units) {
  std::vector<std::int64_t> kept;
  while (!lines.empty()) {
    std::string_view line = take(lines, '\n');
    while (!line.empty()) {
      const std::string_view word = take(line, ' ');
      std::string_view rest = word;
      const bool range = rest.find('-') != std::string_view::npos;
      const std::int64_t first = parse_unit(take(rest, '-'), word);
      const std::int64_t last = range ? parse_unit(rest, word) : first;
      if (first > last || last >= units)
        fail(fmt::format("\"{}\" is not within the {} units, 0 to {}", shown(word), units,
                         units - 1));
      // Ranges that overlap are found by from_units; this keeps many of them from filling memory.
      if (!kept.empty() && first <= kept.back())
        fail(fmt::format("\"{}\" stands after unit {}: units must ascend", shown(word),
                         kept.back()));
      for (std::int64_t unit = first; unit <= last; ++unit) kept.push_back(unit);
    }
  }
  return kept;
}

/// The text before the last line, after its hash was checked.
std::string_view checked_body(std::string_view text) {
  std::string_view trimmed = text;
  while (!trimmed.empty() && (trimmed.back() == '\n' || trimmed.back() == '\r'))
    trimmed.remove_suffix(1);
  const std::size_t line = trimmed.rfind('\n');
  const std::string_view last =
      line == std::string_view::npos ? std::string_view{} : trimmed.substr(line + 1);
  constexpr std::size_t kHexDigits = 64;
  if (last.substr(0, kHashWord.size()) != kHashWord || last.size() != kHashWord.size() + kHexDigits)
    fail("its last line is not \"sha256 \" and 64 digits: it is cut off");
  const std::string_view body = text.substr(0, line + 1);
  const std::string_view said = last.substr(kHashWord.size());
  if (const std::string hash = sha256_hex(body); hash != said)
    fail(fmt::format("its text has SHA-256 {} but its last line says {}: it was damaged or changed",
                     hash, shown(said)));
  return body;
}

}  // namespace

std::string SparsityPattern::body() const {
  std::string text = fmt::format("{}\n{}\n", kFirstLine, description());
  std::size_t line = text.size();
  for (std::size_t i = 0; i < kept_.size();) {
    std::size_t last = i;
    while (last + 1 < kept_.size() && kept_[last + 1] == kept_[last] + 1) ++last;
    const std::string word =
        last == i ? fmt::format("{}", kept_[i]) : fmt::format("{}-{}", kept_[i], kept_[last]);
    if (text.size() > line) {
      const bool full = text.size() - line + 1 + word.size() > kLineLength;
      text += full ? '\n' : ' ';
      if (full) line = text.size();
    }
    text += word;
    i = last + 1;
  }
  return text.size() > line ? text + '\n' : text;
}

std::string SparsityPattern::text() const {
  return fmt::format("{}{}{}\n", body(), kHashWord, hash_);
}

SparsityPattern::Ptr SparsityPattern::parse(std::string_view text) {
  std::string_view rest = text;
  if (const std::string_view first = take(rest, '\n'); first != kFirstLine)
    fail(fmt::format("its first line is \"{}\" but must be \"{}\"", shown(first), kFirstLine));
  rest = checked_body(text);
  take(rest, '\n');
  std::string_view word = take(rest, '\n');
  const std::string_view description = word;
  ConvSpec spec = parse_shape(take(word, ' '));
  spec.sparsity = Sparsity::parse(word).text();
  Ptr pattern = from_units(spec, parse_kept(rest, UnitGrid(spec).units()));
  if (pattern->description() != description)
    fail(fmt::format("its second line is \"{}\" but the units in it are those of \"{}\"",
                     shown(description), pattern->description()));
  return pattern;
}

SparsityPattern::Ptr SparsityPattern::load(const std::string& path) {
  const std::string text = read_whole_file(path, kWhat);
  try {
    return parse(text);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", path, error.what()));
  }
}

void SparsityPattern::save(const std::string& path) const { write_whole_file(path, text(), kWhat); }

}  // namespace convoke
