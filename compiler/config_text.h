// The words of a configuration's text, for both targets: a family, then NAME=VALUE fields in any
// order, none of them twice. Every refusal names the word and the limit.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "convoke/error.h"

namespace convoke {

[[noreturn]] inline void bad_config_word(std::string_view word, const std::string& why) {
  throw Error(ErrorCode::kUsage, fmt::format("configuration word '{}': {}", word, why));
}

inline constexpr const char* kMaskedNeedsSparsity =
    "masked=1 is for sparse specs: dense weights have nothing to mask";

/// An integer from 0 to `limit`. @throws Error kUsage
inline int parse_config_integer(std::string_view word, std::string_view name,
                                std::string_view value, int limit) {
  int number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < 0 || number > limit)
    bad_config_word(word, fmt::format("{} is an integer from 0 to {}", name, limit));
  return number;
}

using ConfigFamilyFn = std::function<void(std::string_view word)>;
using ConfigFieldFn =
    std::function<void(std::string_view word, std::string_view name, std::string_view value)>;

/// Splits `text` and hands over its words in their order. @throws Error kUsage
inline void parse_config_words(std::string_view text, const ConfigFamilyFn& family,
                               const ConfigFieldFn& field) {
  std::vector<std::string_view> names;
  for (bool first = true;; first = false) {
    const std::size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    if (first) {
      family(word);
    } else {
      const std::size_t equals = word.find('=');
      const std::string_view name = word.substr(0, equals);
      if (std::find(names.begin(), names.end(), name) != names.end())
        bad_config_word(word, "the field is given twice");
      names.push_back(name);
      if (equals == std::string_view::npos) bad_config_word(word, "expected NAME=VALUE");
      field(word, name, word.substr(equals + 1));
    }
    if (comma == std::string_view::npos) return;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace convoke
