// A quantised layer as bytes: written canonically, read with every way of being damaged in mind.
#include <fmt/format.h>

#include <charconv>

#include "compiler/cache_key.h"
#include "compiler/spec_text.h"
#include "compiler/text_file.h"
#include "convoke/error.h"
#include "convoke/quantize.h"

namespace convoke {
namespace {

constexpr std::string_view kFirstLine = "convoke-quantized-layer 1";
constexpr std::string_view kWhat = "quantised layer";
constexpr std::string_view kHashWord = "sha256 ";
constexpr std::size_t kHashLine = 7 + 64 + 1;

[[noreturn]] void fail(const std::string& message) {
  throw Error(ErrorCode::kUsage, fmt::format("{}: {}", kWhat, message));
}

/// What stands before the last line, after its hash was checked.
std::string_view checked_body(std::string_view bytes) {
  const std::size_t size = bytes.size() < kHashLine ? 0 : bytes.size() - kHashLine;
  const std::string_view body = bytes.substr(0, size);
  std::string_view last = bytes.substr(size);
  if (body.empty() || body.back() != '\n' || last.substr(0, kHashWord.size()) != kHashWord ||
      last.back() != '\n')
    fail("its last line is not \"sha256 \" and 64 digits: it is cut off, or something follows");
  last.remove_prefix(kHashWord.size());
  const std::string_view said = take(last, '\n');
  if (const std::string hash = sha256_hex(body); hash != said)
    fail(
        fmt::format("its bytes have SHA-256 {} but its last line says {}: it was damaged or "
                    "changed",
                    hash, shown(said)));
  return body;
}

/// Takes the lines of the header one by one. Each begins with a word that says what it holds.
class Header {
 public:
  explicit Header(std::string_view text) : rest_(text) {}

  std::string_view line() { return take(rest_, '\n'); }
  std::string_view rest() const { return rest_; }

  bool has(std::string_view word) const {
    return rest_.substr(0, word.size()) == word && rest_.substr(word.size(), 1) == " ";
  }

  /// The words of the line that must begin with `word`, from the second on.
  std::vector<std::string_view> words(std::string_view word) {
    if (!has(word)) {
      std::string_view found = rest_;
      fail(fmt::format("a line is \"{}\" but must begin with \"{} \"", shown(take(found, '\n')),
                       word));
    }
    std::string_view text = line();
    text.remove_prefix(word.size() + 1);
    std::vector<std::string_view> words;
    do words.push_back(take(text, ' '));
    while (!text.empty());
    return words;
  }

 private:
  std::string_view rest_;
};

template <typename T>
T parse_number(std::string_view text, std::string_view line) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    fail(fmt::format("\"{}\" in the line of {} is not a number that it can hold", shown(text),
                     line));
  return value;
}

QuantScale parse_scale(Header& header, std::string_view word) {
  const std::vector<std::string_view> words = header.words(word);
  if (words.size() != 2)
    fail(fmt::format("the line of {} must hold two words, a scale and a zero point, not {}", word,
                     words.size()));
  return {parse_number<float>(words[0], word), parse_number<std::int32_t>(words[1], word)};
}

std::vector<float> parse_floats(Header& header, std::string_view word) {
  std::vector<float> values;
  for (const std::string_view text : header.words(word))
    values.push_back(parse_number<float>(text, word));
  return values;
}

std::vector<std::int8_t> parse_weights(Header& header) {
  const std::vector<std::string_view> words = header.words("weights");
  if (words.size() != 1)
    fail(fmt::format("the line of weights must hold one word, their number, not {}", words.size()));
  const auto count = parse_number<std::uint64_t>(words[0], "weights");
  const std::string_view bytes = header.rest();
  // A newline stands between the weights and the hash.
  if (bytes.empty() || bytes.size() - 1 != count)
    fail(fmt::format("{} bytes of weights are announced but {} follow", count,
                     bytes.empty() ? 0 : bytes.size() - 1));
  return {bytes.begin(), bytes.end() - 1};
}

void append(std::string& text, std::string_view word, const std::vector<float>& values) {
  text += word;
  for (const float value : values) text += fmt::format(" {}", value);
  text += '\n';
}

}  // namespace

std::string QuantizedLayer::bytes() const {
  check();
  std::string text =
      fmt::format("{}\n{}\nx {} {}\n", kFirstLine, print_spec(spec), x.scale, x.zero);
  if (y) text += fmt::format("y {} {}\n", y->scale, y->zero);
  append(text, "weight-scales", weight_scales);
  if (!bias.empty()) append(text, "bias", bias);
  text += fmt::format("weights {}\n", weights.size());
  text.append(weights.begin(), weights.end());
  text += '\n';
  return fmt::format("{}{}{}\n", text, kHashWord, sha256_hex(text));
}

QuantizedLayer QuantizedLayer::parse(std::string_view bytes) {
  std::string_view rest = bytes;
  if (const std::string_view first = take(rest, '\n'); first != kFirstLine)
    fail(fmt::format("its first line is \"{}\" but must be \"{}\"", shown(first), kFirstLine));
  Header header(checked_body(bytes));
  header.line();
  QuantizedLayer layer;
  layer.spec = parse_problem(header.line()).spec;
  layer.x = parse_scale(header, "x");
  if (header.has("y")) layer.y = parse_scale(header, "y");
  layer.weight_scales = parse_floats(header, "weight-scales");
  if (header.has("bias")) layer.bias = parse_floats(header, "bias");
  layer.weights = parse_weights(header);
  layer.check();
  return layer;
}

QuantizedLayer QuantizedLayer::load(const std::string& path) {
  const std::string bytes = read_whole_file(path, kWhat);
  try {
    return parse(bytes);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", path, error.what()));
  }
}

void QuantizedLayer::save(const std::string& path) const { write_whole_file(path, bytes(), kWhat); }

}  // namespace convoke
