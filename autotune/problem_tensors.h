// The tensors of one problem in device memory, shared by all kernels that are timed on it: filled
// with random floats (zeros and small integers draw less power and run faster), every page touched
// before the first launch. A Runner adds what one kernel needs of its own: packed weights and
// workspace.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "convoke/conv_spec.h"
#include "convoke/convoke.hpp"
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

class ProblemTensors {
 public:
  ProblemTensors(Target& target, const ConvSpec& spec, std::uint64_t seed);
  /// A call that launches `kernel` once on these tensors, weights packed beforehand. Must not
  /// outlive this object.
  std::function<void()> runner(std::shared_ptr<const Kernel> kernel) const;

  /// For a peer that computes the same on the same tensors: images, plain weights, output.
  const void* x() const { return x_.data(); }
  const void* w() const { return w_.data(); }
  void* y() const { return y_.data(); }

 private:
  Target& target_;
  std::int64_t batch_;
  DeviceBuffer x_, w_, y_;
  std::vector<DeviceBuffer> operand_buffers_;
  std::vector<ConstBuffer> operands_;
};

}  // namespace convoke
