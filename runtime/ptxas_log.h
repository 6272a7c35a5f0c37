// What ptxas says about a kernel (NVRTC's log with --ptxas-options=-v), as numbers: registers,
// shared memory, stack, spills, and the directives that it dropped. Pure text in, struct out. Lines
// that are not understood are left alone: another version may say more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace convoke {

/// Of the entry that uses most of each, where a unit has several.
struct KernelResources {
  int registers = 0;              ///< a thread
  std::int64_t shared_bytes = 0;  ///< static, a block
  std::int64_t stack_bytes = 0;   ///< local memory a thread: arrays that are indexed at run time
  std::int64_t spill_stores = 0;  ///< bytes a thread
  std::int64_t spill_loads = 0;
  /// Warnings about an instruction that was serialised or a directive that was not obeyed.
  std::vector<std::string> dropped{};
  bool operator==(const KernelResources&) const = default;
};

KernelResources parse_ptxas_log(std::string_view log);

/// The first line of a log that says what is wrong, for a sentence; else its first line.
std::string first_error_line(std::string_view log);

/// Why a kernel that needs this is right, but no candidate for the fastest: spills, a stack frame,
/// a dropped directive. Empty: nothing against it.
std::string why_slow(const KernelResources& resources);

}  // namespace convoke
