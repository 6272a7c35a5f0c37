// The public elementwise classes: what they refuse, and how their arguments become a kernel's.
#include "convoke/elementwise.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "convoke/quantize.h"
#include "runtime/buffer_checks.h"
#include "runtime/target.h"

namespace convoke {
namespace {

using elementwise::Args;
using elementwise::Config;
using elementwise::Entry;
using elementwise::Kind;
using elementwise::Type;

Type real_type(const char* what, DataType type) {
  switch (type) {
    case DataType::kF32:
      return Type::kF32;
    case DataType::kF16:
      return Type::kF16;
    case DataType::kBf16:
      return Type::kBf16;
    default:
      refuse(fmt::format("{} of type {}: must be f32, f16 or bf16", what, to_string(type)));
  }
}

void set_range(Config& config, int bits, bool is_signed) {
  if (bits < 2 || bits > 8) refuse(fmt::format("integers of {} bits: must be 2 to 8", bits));
  config.low = is_signed ? -(1 << (bits - 1)) : 0;
  config.high = (1 << (is_signed ? bits - 1 : bits)) - 1;
}

void set_channels(Config& config, const ScaleChannels& channels) {
  if (channels.count < 1 || channels.inner < 1 || channels.count > kMaxDim / channels.inner)
    refuse(
        fmt::format("{} channels with runs of {} elements: both must be at least 1, their "
                    "product at most {}",
                    channels.count, channels.inner, kMaxDim));
  config.channels = channels.count;
  config.inner = channels.count == 1 ? 1 : channels.inner;
}

/// Kernels over some constants, and what all launches check.
struct Kernels {
  std::shared_ptr<Target> target;  // before the kernel: it is destroyed after it
  Config config;
  std::shared_ptr<const ElementwiseKernel> kernel;

  Kernels(const Device& device, const Config& c)
      : target(device.shared_target()), config(c), kernel(target->elementwise(c)) {}

  void check_count(std::int64_t count) const {
    const std::int64_t unit = config.channels * config.inner;
    if (count < 0 || count > kMaxElements || count % unit != 0)
      refuse(fmt::format("{} elements: must be a multiple of {} (channels * inner) from 0 to {}",
                         count, unit, kMaxElements));
  }

  /// An array of `count` elements. @throws Error kUsage
  static Extent checked(const char* name, const ConstBuffer& buffer, std::int64_t count,
                        int element_bytes) {
    const auto need = static_cast<std::size_t>(count) * static_cast<std::size_t>(element_bytes);
    if (need > 0)
      check_buffer(name, buffer.data, buffer.bytes, need, static_cast<std::size_t>(element_bytes));
    return {name, buffer.data, need};
  }
  static Extent checked(const char* name, const Buffer& buffer, std::int64_t count,
                        int element_bytes) {
    return checked(name, ConstBuffer{buffer.data, buffer.bytes}, count, element_bytes);
  }
  Extent checked_steps(const char* name, const ConstBuffer& buffer) const {
    return checked(name, buffer, config.channels, 4);
  }
  Extent checked_workspace(const Buffer& buffer, std::int64_t count) const {
    return checked("workspace", buffer, elementwise::partial_sums(config, count), 4);
  }
};

/// What is written is apart from all that is read, and from what else is written.
void check_apart(std::initializer_list<Extent> written, std::initializer_list<Extent> read) {
  for (const Extent* w = written.begin(); w != written.end(); ++w) {
    for (const Extent& r : read) check_disjoint(*w, r);
    for (const Extent* other = written.begin(); other != w; ++other) check_disjoint(*w, *other);
  }
}

Config quantizer_config(const QuantizerSpec& spec) {
  if (!is_integer(spec.integer))
    refuse(fmt::format("integers of type {}: must be s8 or u8", to_string(spec.integer)));
  Config config;
  config.kind = Kind::kQuantizer;
  config.x = real_type("reals", spec.real);
  config.y = spec.integer == DataType::kS8 ? Type::kS8 : Type::kU8;
  set_range(config, spec.bits, spec.integer == DataType::kS8);
  set_channels(config, spec.channels);
  return config;
}

Config lsq_config(const LsqSpec& spec) {
  Config config;
  config.kind = Kind::kLsq;
  config.x = real_type("v", spec.v);
  config.y = real_type("y", spec.y);
  set_range(config, spec.bits, spec.is_signed);
  set_channels(config, spec.channels);
  return config;
}

}  // namespace

struct Quantizer::Impl : Kernels {
  DataType integer;
  Impl(const Device& device, const QuantizerSpec& spec)
      : Kernels(device, quantizer_config(spec)), integer(spec.integer) {}

  void check_scale(const QuantizerArgs& args) const {
    if (args.zero < config.low || args.zero > config.high)
      refuse(fmt::format("the zero point is {}: it must be {} to {}", args.zero, config.low,
                         config.high));
    if (args.scales.data == nullptr) {
      if (config.channels != 1)
        refuse(fmt::format("no scales are given for {} channels", config.channels));
      check(QuantScale{args.scale, args.zero}, integer);
    } else if (args.scale != 0) {
      refuse(fmt::format("both scales and a scale of {} for all are given", args.scale));
    }
  }

  void launch(Entry entry, Type from, Type to, const QuantizerArgs& args) const {
    check_count(args.count);
    check_scale(args);
    if (args.count == 0) return;
    const Extent x = checked("x", args.x, args.count, cuda::size_of(from)),
                 y = checked("y", args.y, args.count, cuda::size_of(to));
    check_apart({y}, {x});
    if (args.scales.data != nullptr) check_apart({y}, {checked_steps("scales", args.scales)});
    Args a{};
    a.x = args.x.data, a.y = args.y.data;
    a.steps = static_cast<const float*>(args.scales.data);
    a.count = args.count;
    a.step = args.scale, a.zero = args.zero;
    kernel->launch(entry, a, args.stream);
  }
};

Quantizer::Quantizer(const Device& device, const QuantizerSpec& spec)
    : impl_(std::make_unique<Impl>(device, spec)) {}
Quantizer::Quantizer(Quantizer&&) noexcept = default;
Quantizer& Quantizer::operator=(Quantizer&&) noexcept = default;
Quantizer::~Quantizer() = default;

void Quantizer::quantize(const QuantizerArgs& args) const {
  impl_->launch(Entry::kQuantize, impl_->config.x, impl_->config.y, args);
}
void Quantizer::dequantize(const QuantizerArgs& args) const {
  impl_->launch(Entry::kDequantize, impl_->config.y, impl_->config.x, args);
}

struct Lsq::Impl : Kernels {
  Impl(const Device& device, const LsqSpec& spec) : Kernels(device, lsq_config(spec)) {}

  Args operands(const ConstBuffer& v, const void* step, std::int64_t count) const {
    Args a{};
    a.x = v.data;
    a.steps = static_cast<const float*>(step);
    a.count = count;
    return a;
  }
};

Lsq::Lsq(const Device& device, const LsqSpec& spec) : impl_(std::make_unique<Impl>(device, spec)) {}
Lsq::Lsq(Lsq&&) noexcept = default;
Lsq& Lsq::operator=(Lsq&&) noexcept = default;
Lsq::~Lsq() = default;

std::int64_t Lsq::workspace_bytes(std::int64_t count) const {
  impl_->check_count(count);
  return elementwise::partial_sums(impl_->config, count) * 4;
}

void Lsq::forward(const LsqForwardArgs& args) const {
  const Impl& p = *impl_;
  p.check_count(args.count);
  const Extent v = p.checked("v", args.v, args.count, cuda::size_of(p.config.x)),
               y = p.checked("y", args.y, args.count, cuda::size_of(p.config.y)),
               step = p.checked_steps("step", args.step);
  if (args.count == 0) return;
  check_apart({y}, {v, step});
  Args a = p.operands(args.v, args.step.data, args.count);
  a.y = args.y.data;
  p.kernel->launch(Entry::kForward, a, args.stream);
}

void Lsq::backward(const LsqBackwardArgs& args) const {
  const Impl& p = *impl_;
  p.check_count(args.count);
  if (args.shared_by < 0)
    refuse(
        fmt::format("a step is shared by {} elements: must be 1 or more, or 0 for those of "
                    "the launch",
                    args.shared_by));
  const int v_bytes = cuda::size_of(p.config.x);
  const Extent v = p.checked("v", args.v, args.count, v_bytes),
               step = p.checked_steps("step", args.step),
               grad_y = p.checked("grad_y", args.grad_y, args.count, cuda::size_of(p.config.y)),
               grad_v = p.checked("grad_v", args.grad_v, args.count, v_bytes),
               grad_step = p.checked("grad_step", args.grad_step, p.config.channels, 4),
               workspace = p.checked_workspace(args.workspace, args.count);
  check_apart({grad_v, grad_step, workspace}, {v, step, grad_y});
  Args a = p.operands(args.v, args.step.data, args.count);
  a.grad_y = args.grad_y.data, a.y = args.grad_v.data;
  a.totals = static_cast<float*>(args.grad_step.data);
  a.partial = static_cast<float*>(args.workspace.data);
  const std::int64_t n =
      args.shared_by > 0 ? args.shared_by : elementwise::per_channel(p.config, args.count);
  a.factor = n == 0 ? 0 : 1 / std::sqrt(static_cast<double>(n) * p.config.high);
  p.kernel->launch(Entry::kBackward, a, args.stream);
}

void Lsq::initial_step(const LsqInitialStepArgs& args) const {
  const Impl& p = *impl_;
  p.check_count(args.count);
  if (args.count == 0) refuse("an initial step of no elements: there is no mean");
  const Extent v = p.checked("v", args.v, args.count, cuda::size_of(p.config.x)),
               step = p.checked("step", args.step, p.config.channels, 4),
               workspace = p.checked_workspace(args.workspace, args.count);
  check_apart({step, workspace}, {v});
  Args a = p.operands(args.v, nullptr, args.count);
  a.totals = static_cast<float*>(args.step.data);
  a.partial = static_cast<float*>(args.workspace.data);
  const auto n = static_cast<double>(elementwise::per_channel(p.config, args.count));
  a.factor = 2 / (n * std::sqrt(static_cast<double>(p.config.high)));
  p.kernel->launch(Entry::kInitialStep, a, args.stream);
}

}  // namespace convoke
