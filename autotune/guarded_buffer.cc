#include "autotune/guarded_buffer.h"

#include <fmt/format.h>

#include <algorithm>

namespace convoke {
namespace {

constexpr std::size_t kZone = 4096;  // bytes; a multiple of 64

/// Byte `i` from the start of the buffer; negative in the zone before it.
std::byte poison_byte(GuardedBuffer::Poison poison, std::ptrdiff_t i) {
  return static_cast<std::byte>(static_cast<std::uint16_t>(poison) >> (i % 2 == 0 ? 0 : 8));
}

}  // namespace

GuardedBuffer::GuardedBuffer(Target& target, std::string name, std::size_t bytes, std::size_t skew,
                             Poison poison, const std::byte* contents)
    : target_(target),
      name_(std::move(name)),
      bytes_(bytes),
      begin_(kZone + skew),
      poison_(poison),
      written_(begin_ + bytes + kZone) {
  // The pattern repeats, so ever longer pieces of it are copied: byte by byte this took as long as
  // a kernel's check on the device.
  const auto begin = static_cast<std::ptrdiff_t>(begin_);
  for (std::ptrdiff_t i = 0; i < 2; ++i) written_[i] = poison_byte(poison, i - begin);
  for (std::size_t filled = 2; filled < written_.size(); filled *= 2)
    std::copy_n(written_.begin(), std::min(filled, written_.size() - filled),
                written_.begin() + static_cast<std::ptrdiff_t>(filled));
  if (contents != nullptr) std::copy_n(contents, bytes, written_.begin() + begin);
  memory_ = target_.allocate(written_.size());
  target_.copy_in(memory_, written_.data(), written_.size());
}

GuardedBuffer::GuardedBuffer(Target& target, std::string name,
                             const std::vector<std::byte>& contents, std::size_t skew)
    : GuardedBuffer(target, std::move(name), contents.size(), skew, Poison::kRead,
                    contents.data()) {}

GuardedBuffer::~GuardedBuffer() { target_.deallocate(memory_); }

void GuardedBuffer::read_back() {
  current_.resize(written_.size());
  target_.copy_out(current_.data(), memory_, current_.size());
}

void GuardedBuffer::accept_contents() {
  const auto begin = static_cast<std::ptrdiff_t>(begin_);
  std::copy_n(current_.begin() + begin, bytes_, written_.begin() + begin);
}

std::string GuardedBuffer::damage_outside() const {
  const auto begin = static_cast<std::ptrdiff_t>(begin_);
  const auto size = static_cast<std::ptrdiff_t>(bytes_);
  // The byte nearest to the buffer, on either side.
  for (std::ptrdiff_t i = -1; i >= -begin; --i)
    if (current_[begin + i] != written_[begin + i])
      return fmt::format("wrote {} bytes before the start of {}", -i, name_);
  for (std::ptrdiff_t i = size; begin + i < static_cast<std::ptrdiff_t>(current_.size()); ++i)
    if (current_[begin + i] != written_[begin + i])
      return fmt::format("wrote {} bytes past the end of {} ({} bytes)", i - size + 1, name_,
                         bytes_);
  return {};
}

bool GuardedBuffer::is_poison(const std::byte* contents, std::size_t offset, std::size_t size,
                              Poison poison) {
  for (std::size_t i = offset; i < offset + size; ++i)
    if (contents[i] != poison_byte(poison, static_cast<std::ptrdiff_t>(i))) return false;
  return true;
}

std::string GuardedBuffer::damage() const {
  const auto [was, is] = std::mismatch(written_.begin(), written_.end(), current_.begin());
  if (was == written_.end()) return {};
  const std::string outside = damage_outside();
  if (!outside.empty()) return outside;
  return fmt::format("changed byte {} of {}",
                     was - written_.begin() - static_cast<std::ptrdiff_t>(begin_), name_);
}

}  // namespace convoke
