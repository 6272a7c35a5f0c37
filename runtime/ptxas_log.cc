#include "runtime/ptxas_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace convoke {
namespace {

/// The integer that stands right before `after`, or -1: "16 bytes spill stores" for
/// " bytes spill stores".
std::int64_t number_before(std::string_view line, std::string_view after) {
  const std::size_t end = line.find(after);
  if (end == line.npos) return -1;
  std::size_t begin = end;
  while (begin > 0 && line[begin - 1] >= '0' && line[begin - 1] <= '9') --begin;
  std::int64_t value = -1;
  const auto parsed = std::from_chars(line.data() + begin, line.data() + end, value);
  return parsed.ec == std::errc() && begin < end ? value : -1;
}

template <class Int>
void raise_to(Int& value, std::int64_t other) {
  value = std::max(value, static_cast<Int>(other));
}

/// "(C7510) Potential Performance Loss: wgmma.mma_async instructions are serialized ...";
/// directives of an entry that ptxas ignores ("setmaxnreg ignored to maintain minimum register
/// requirement").
bool tells_of_a_drop(std::string_view line) {
  const std::size_t code = line.find("C75");
  const bool numbered = code != line.npos && code + 5 <= line.size() &&
                        line.find_first_not_of("0123456789", code + 3) >= code + 5;
  return numbered || line.find("Potential Performance Loss") != line.npos ||
         (line.find("setmaxnreg") != line.npos && line.find("ignored") != line.npos);
}

template <class Visit>
void each_line(std::string_view text, const Visit& visit) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    visit(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
}

}  // namespace

KernelResources parse_ptxas_log(std::string_view log) {
  KernelResources r;
  each_line(log, [&r](std::string_view line) {
    if (tells_of_a_drop(line)) r.dropped.emplace_back(line);
    raise_to(r.stack_bytes, number_before(line, " bytes stack frame"));
    raise_to(r.spill_stores, number_before(line, " bytes spill stores"));
    raise_to(r.spill_loads, number_before(line, " bytes spill loads"));
    raise_to(r.registers, number_before(line, " registers"));
    raise_to(r.shared_bytes, number_before(line, " bytes smem"));
  });
  return r;
}

std::string first_error_line(std::string_view log) {
  std::string first, error;
  each_line(log, [&](std::string_view line) {
    if (first.empty()) first = line;
    if (error.empty() && (line.find("error") != line.npos || line.find("fatal") != line.npos))
      error = line;
  });
  return error.empty() ? first : error;
}

std::string why_slow(const KernelResources& r) {
  if (!r.dropped.empty()) return fmt::format("the compiler dropped a directive: {}", r.dropped[0]);
  if (r.spill_stores > 0 || r.spill_loads > 0)
    return fmt::format("spills {} bytes of registers a thread and reads {} back", r.spill_stores,
                       r.spill_loads);
  if (r.stack_bytes > 0) return fmt::format("a stack frame of {} bytes a thread", r.stack_bytes);
  return "";
}

}  // namespace convoke
