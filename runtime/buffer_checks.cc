#include "runtime/buffer_checks.h"

#include <fmt/format.h>

#include <cstdint>

#include "convoke/error.h"

namespace convoke {

void refuse(const std::string& message) { throw Error(ErrorCode::kUsage, message); }

void check_buffer(const char* name, const void* data, std::size_t have, std::size_t need,
                  std::size_t alignment) {
  if (data == nullptr) refuse(fmt::format("{} is null: {} bytes are needed", name, need));
  if (have < need) refuse(fmt::format("{} has {} bytes: {} are needed", name, have, need));
  if (reinterpret_cast<std::uintptr_t>(data) % alignment != 0)
    refuse(fmt::format("{} at {} is misaligned: a multiple of {} bytes is needed", name,
                       fmt::ptr(data), alignment));
}

void check_disjoint(const Extent& written, const Extent& other) {
  const auto a = reinterpret_cast<std::uintptr_t>(written.data),
             b = reinterpret_cast<std::uintptr_t>(other.data);
  if (a < b + other.bytes && b < a + written.bytes)
    refuse(fmt::format(
        "{} ({} bytes at {}) overlaps {} ({} bytes at {}): it is written and must be apart",
        written.name, written.bytes, fmt::ptr(written.data), other.name, other.bytes,
        fmt::ptr(other.data)));
}

}  // namespace convoke
