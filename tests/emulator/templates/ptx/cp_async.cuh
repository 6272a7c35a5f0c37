// templates/ptx/cp_async.cuh for g++: copies are done at once.
#pragma once

#include "tests/emulator/block.h"

namespace convoke::cuda::ptx {

inline unsigned shared_address(const void* pointer) {
  return static_cast<unsigned>(static_cast<const char*>(pointer) - memory);
}
template <int kBytes>
inline void cp_async(unsigned to, const void* from, bool valid) {
  misaligned_accesses += to % kBytes != 0;
  if (!valid) {
    std::memset(memory + to, 0, kBytes);
    return;
  }
  misaligned_accesses += reinterpret_cast<std::uintptr_t>(from) % kBytes != 0;
  std::memcpy(memory + to, from, kBytes);
}
inline void cp_async_commit() {}
template <int kPending>
inline void cp_async_wait() {}

}  // namespace convoke::cuda::ptx
