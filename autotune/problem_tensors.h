// The tensors of one problem in device memory, shared by all kernels that are timed on it: filled
// with random floats (zeros and small integers draw less power and run faster), every page touched
// before the first launch. Where the target's last cache would keep a whole launch's tensors, there
// are several sets of them, so that a measurement rotates past it: a layer of a real network finds
// its tensors in memory. What one kernel needs of its own, packed weights and workspace, comes with
// its timed call.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "convoke/conv_spec.h"
#include "convoke/convoke.hpp"
#include "convoke/sparsity_pattern.h"
#include "runtime/target.h"

namespace convoke {

/// Images of a timed or checked launch whose batch is open.
inline constexpr std::int64_t kOpenBatchImages = 2;

/// Device memory, given back with the object. @throws what Target::allocate throws
class DeviceBuffer {
 public:
  DeviceBuffer(Target& target, std::size_t bytes);
  ~DeviceBuffer();
  DeviceBuffer(DeviceBuffer&& other) noexcept;
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(DeviceBuffer&&) = delete;
  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  Target* target_;
  void* data_;
  std::size_t bytes_;
};

/// Sets of `set_bytes` each that rotate past a cache of `cache_bytes`: about three times its size,
/// as replacement is not strictly by age; 1 if there is no cache, bounded in number and bytes.
std::int64_t rotated_sets(std::int64_t set_bytes, std::int64_t cache_bytes);

class ProblemTensors {
 public:
  /// @throws Error kUsage for a sparse spec without a pattern that is not bound
  ProblemTensors(Target& target, const ConvSpec& spec, std::uint64_t seed);
  /// Launches of `kernel`, weights packed beforehand, over all sets in turn, or over one (`warm`).
  /// Must not outlive this object.
  std::unique_ptr<TimedCall> timed(std::shared_ptr<const Kernel> kernel, bool warm = false) const;
  /// Whether there are several sets, so that cold and warm differ.
  bool rotates() const { return sets_.size() > 1; }

  /// For a peer that computes the same on the same tensors: images, plain weights, output.
  const void* x() const { return sets_.front().x.data(); }
  const void* w() const { return sets_.front().w.data(); }
  void* y() const { return sets_.front().y.data(); }

 private:
  struct Set {
    DeviceBuffer x, w, y;
    std::vector<DeviceBuffer> operand_buffers;
    std::vector<ConstBuffer> operands;
  };
  Target& target_;
  std::int64_t batch_;
  std::int32_t x_zero_;
  SparsityPattern::Ptr pattern_;  ///< drawn, where it is an operand
  std::vector<Set> sets_;
};

}  // namespace convoke
