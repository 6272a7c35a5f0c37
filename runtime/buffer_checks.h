// What a launch asks of the buffers it is given, before anything is written.
#pragma once

#include <cstddef>
#include <string>

namespace convoke {

struct Extent {
  const char* name;
  const void* data;
  std::size_t bytes;
};

/// @throws Error kUsage
[[noreturn]] void refuse(const std::string& message);

/// One comparison each on the way of a right launch; the sentences are made only for a wrong one.
/// @throws Error kUsage: null, too small, misaligned.
void check_buffer(const char* name, const void* data, std::size_t have, std::size_t need,
                  std::size_t alignment);

/// @throws Error kUsage with both names and places.
void check_disjoint(const Extent& written, const Extent& other);

}  // namespace convoke
