#include "autotune/problem_tensors.h"

#include <utility>

#include "autotune/fill.h"
#include "compiler/epilogue.h"

namespace convoke {
namespace {

DeviceBuffer filled(Target& target, const ConvSpec& spec, std::int64_t elements, DataType type,
                    TensorRole role, std::uint64_t seed) {
  std::vector<std::byte> host(static_cast<std::size_t>(elements) *
                              static_cast<std::size_t>(size_of(type)));
  fill(host, type, role, FillKind::kFloats, spec, seed);
  DeviceBuffer buffer(target, host.size());
  target.copy_in(buffer.data(), host.data(), host.size());
  return buffer;
}

/// What one kernel needs beside the problem's tensors.
struct Runner {
  Runner(Target& target, std::shared_ptr<const Kernel> k, std::int64_t batch)
      : kernel(std::move(k)),
        packed(target, static_cast<std::size_t>(kernel->packed_weight_bytes())),
        workspace(target,
                  static_cast<std::size_t>(kernel->workspace_bytes(batch, WeightForm::kPacked))) {}
  std::shared_ptr<const Kernel> kernel;
  DeviceBuffer packed, workspace;
  LaunchArgs args;
};

}  // namespace

DeviceBuffer::DeviceBuffer(Target& target, std::size_t bytes)
    : target_(&target), data_(bytes > 0 ? target.allocate(bytes) : nullptr), bytes_(bytes) {}

DeviceBuffer::~DeviceBuffer() {
  if (data_) target_->deallocate(data_);
}

DeviceBuffer::DeviceBuffer(DeviceBuffer&& other) noexcept
    : target_(other.target_),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

ProblemTensors::ProblemTensors(Target& target, const ConvSpec& spec, std::uint64_t seed)
    : target_(target),
      batch_(spec.open_batch() ? kOpenBatchImages : spec.n),
      x_(filled(target, spec, spec.x_elements(batch_), spec.x_type, TensorRole::kX, seed)),
      w_(filled(target, spec, spec.w_elements(), spec.w_type, TensorRole::kW, seed)),
      // Filled too: its pages must exist before the first timed launch.
      y_(filled(target, spec, spec.y_elements(batch_), spec.y_type, TensorRole::kY, seed)) {
  const Epilogue epilogue = Epilogue::parse(spec.epilogue);
  for (const EpilogueOperand& operand : epilogue.operands()) {
    ++seed;  // two operands of one shape must differ
    operand_buffers_.push_back(
        operand.per_channel
            ? filled(target, spec, spec.k, DataType::kF32, TensorRole::kChannelOperand, seed)
            : filled(target, spec, spec.y_elements(batch_), spec.y_type, TensorRole::kOperand,
                     seed));
  }
  for (const DeviceBuffer& buffer : operand_buffers_)
    operands_.push_back({buffer.data(), buffer.bytes()});
}

std::function<void()> ProblemTensors::runner(std::shared_ptr<const Kernel> kernel) const {
  auto run = std::make_shared<Runner>(target_, std::move(kernel), batch_);
  const bool packs = run->packed.bytes() > 0;
  if (packs) run->kernel->prepack(w_.data(), run->packed.data(), nullptr);
  const DeviceBuffer& weights = packs ? run->packed : w_;
  run->args.x = {x_.data(), x_.bytes()};
  run->args.w = {weights.data(), weights.bytes()};
  run->args.y = {y_.data(), y_.bytes()};
  run->args.operands = operands_.data();
  run->args.operand_count = operands_.size();
  run->args.workspace = {run->workspace.data(), run->workspace.bytes()};
  run->args.batch = batch_;
  return [run, packs] {
    run->kernel->launch(run->args, packs ? WeightForm::kPacked : WeightForm::kPlain);
  };
}

}  // namespace convoke
