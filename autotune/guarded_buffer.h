// A device buffer between two red zones, for kernels under test: contents and zones start as a
// pattern that is NaN in every float type, so an element that is never written, a read outside and
// a write outside all show. y has a pattern of its own, so that a NaN computed from what was read
// outside is no unwritten element. Optionally starts one element past a 64-byte boundary: no more
// alignment than an operand promises.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/target.h"

namespace convoke {

class GuardedBuffer {
 public:
  /// Two bytes, repeated from the start of the buffer in both directions (little endian).
  enum class Poison : std::uint16_t { kRead = 0xffff, kOutput = 0xfffe };

  /// `skew`: bytes past a 64-byte boundary at which the buffer starts.
  GuardedBuffer(Target& target, std::string name, std::size_t bytes, std::size_t skew = 0,
                Poison poison = Poison::kRead)
      : GuardedBuffer(target, std::move(name), bytes, skew, poison, nullptr) {}
  GuardedBuffer(Target& target, std::string name, const std::vector<std::byte>& contents,
                std::size_t skew = 0);
  ~GuardedBuffer();
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  void* data() const { return static_cast<std::byte*>(memory_) + begin_; }
  std::size_t bytes() const { return bytes_; }
  /// Copies contents and red zones back from the device.
  void read_back();
  /// What read_back() brought.
  const std::byte* contents() const { return current_.data() + begin_; }
  /// Takes the contents that read_back() brought as what they must stay.
  void accept_contents();
  /// What was changed outside the buffer, one sentence, or empty. After read_back().
  std::string damage_outside() const;
  /// The same, and the contents count too.
  std::string damage() const;
  /// Whether `size` bytes at `offset` of the contents still are poison.
  static bool is_poison(const std::byte* contents, std::size_t offset, std::size_t size,
                        Poison poison);

 private:
  GuardedBuffer(Target& target, std::string name, std::size_t bytes, std::size_t skew,
                Poison poison, const std::byte* contents);

  Target& target_;
  std::string name_;
  std::size_t bytes_;
  std::size_t begin_;
  Poison poison_;
  void* memory_ = nullptr;
  std::vector<std::byte> written_, current_;
};

}  // namespace convoke
