// Memory with a page right behind its last byte, or right before its first, that cannot be read:
// who touches a byte outside is told by a SIGSEGV.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <new>

namespace convoke::test {

enum class Side { kEnd, kBegin };

/// Zeroed memory with an unreadable page right after its last byte (kEnd), or right before its
/// first (kBegin). `alignment` rounds the size up at kEnd, so that the start is aligned.
class FencedBuffer {
 public:
  FencedBuffer(std::size_t bytes, Side side, std::size_t alignment) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    const std::size_t inside = (rounded + page - 1) / page * page;
    size_ = inside + 2 * page;
    memory_ = static_cast<std::byte*>(
        mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (memory_ == MAP_FAILED || mprotect(memory_ + page, inside, PROT_READ | PROT_WRITE) != 0)
      throw std::bad_alloc();
    data_ = memory_ + page + (side == Side::kEnd ? inside - rounded : 0);
  }
  ~FencedBuffer() { munmap(memory_, size_); }
  FencedBuffer(const FencedBuffer&) = delete;
  FencedBuffer& operator=(const FencedBuffer&) = delete;
  void* data() const { return data_; }

 private:
  std::byte* memory_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace convoke::test
