// templates/ptx/cp_async.cuh for g++: a copy is done when it is issued, or as late as its thread
// may wait for it. What is right at both ends is right in between.
#pragma once

#include "tests/emulator/block.h"

namespace convoke::cuda::ptx {

inline bool late_copies = false;

struct EmulatedCopy {
  unsigned to;
  const void* from;
  std::size_t bytes;
  bool valid;
  void run() const {
    if (valid)
      std::memcpy(memory + to, from, bytes);
    else
      std::memset(memory + to, 0, bytes);
  }
};
/// Groups of this thread, oldest first; the last is open.
inline thread_local std::deque<std::vector<EmulatedCopy>> copy_groups(1);

inline unsigned shared_address(const void* pointer) {
  return static_cast<unsigned>(static_cast<const char*>(pointer) - memory);
}
template <int kBytes>
inline void cp_async(unsigned to, const void* from, bool valid) {
  misaligned_accesses += to % kBytes != 0;
  misaligned_accesses += valid && reinterpret_cast<std::uintptr_t>(from) % kBytes != 0;
  const EmulatedCopy copy{to, from, kBytes, valid};
  if (late_copies)
    copy_groups.back().push_back(copy);
  else
    copy.run();
}
inline void cp_async_commit() { copy_groups.emplace_back(); }
template <int kPending>
inline void cp_async_wait() {
  for (; copy_groups.size() > kPending + 1; copy_groups.pop_front())
    for (const EmulatedCopy& copy : copy_groups.front()) copy.run();
}

}  // namespace convoke::cuda::ptx
