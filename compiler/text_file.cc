#include "compiler/text_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "convoke/error.h"

namespace convoke {

std::string_view take(std::string_view& rest, char end) {
  const std::size_t at = rest.find(end);
  const std::string_view head = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return head;
}

std::string shown(std::string_view line) {
  std::string text;
  for (const char c : line.substr(0, 40)) text += c >= ' ' && c <= '~' ? c : '?';
  return text + (line.size() > 40 ? "..." : "");
}

std::string read_whole_file(const std::string& path, std::string_view what) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
  if (!file.is_open() || file.bad())
    throw Error(ErrorCode::kUsage,
                fmt::format("cannot read the {} {}: {}", what, path, std::strerror(errno)));
  return std::move(text).str();
}

void write_whole_file(const std::string& path, std::string_view bytes, std::string_view what) {
  // A name for each call: threads and processes may save side by side.
  static std::atomic<unsigned> calls{0};
  const std::string temporary = fmt::format("{}.{}.{}", path, getpid(), calls++);
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (file && std::rename(temporary.c_str(), path.c_str()) == 0) return;
  const std::string reason = std::strerror(errno);
  std::remove(temporary.c_str());
  throw Error(ErrorCode::kUsage, fmt::format("cannot write the {} {}: {}", what, path, reason));
}

}  // namespace convoke
