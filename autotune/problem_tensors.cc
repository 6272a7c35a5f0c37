#include "autotune/problem_tensors.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "autotune/fill.h"
#include "compiler/epilogue.h"
#include "runtime/pattern_checks.h"

namespace convoke {
namespace {

constexpr std::int64_t kMaxSets = 256;
constexpr std::int64_t kMaxSetsBytes = std::int64_t{1} << 30;

using Bytes = std::vector<std::byte>;

/// Random floats: a stretch of them again and again, as drawing each costs seconds on large
/// tensors. Its length is a prime, so that it falls differently on every row.
Bytes floats(const ConvSpec& spec, std::int64_t elements, DataType type, TensorRole role,
             std::uint64_t seed) {
  constexpr std::int64_t kDrawn = 1000003;
  const auto size = static_cast<std::size_t>(size_of(type));
  Bytes host(static_cast<std::size_t>(std::min(elements, kDrawn)) * size);
  fill(host, type, role, FillKind::kFloats, spec, seed);
  const std::size_t drawn = host.size();
  host.resize(static_cast<std::size_t>(elements) * size);
  for (std::size_t at = drawn; at < host.size(); at += drawn)
    std::copy_n(host.begin(), std::min(drawn, host.size() - at),
                host.begin() + static_cast<std::ptrdiff_t>(at));
  return host;
}

DeviceBuffer on_device(Target& target, const Bytes& host) {
  DeviceBuffer buffer(target, host.size());
  target.copy_in(buffer.data(), host.data(), host.size());
  return buffer;
}

/// What one kernel needs beside the problem's tensors.
struct Runner {
  Runner(Target& target, std::shared_ptr<const Kernel> k, std::int64_t batch)
      : kernel(std::move(k)),
        workspace(target,
                  static_cast<std::size_t>(kernel->workspace_bytes(batch, WeightForm::kPacked))) {}
  std::shared_ptr<const Kernel> kernel;
  DeviceBuffer workspace;
  std::deque<DeviceBuffer> packed, tables;  ///< one a set, as cold as what a dense kernel reads
  std::vector<LaunchArgs> args;             ///< one a set
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

std::int64_t rotated_sets(std::int64_t set_bytes, std::int64_t cache_bytes) {
  if (cache_bytes <= 0 || set_bytes <= 0) return 1;
  const std::int64_t wanted = (3 * cache_bytes + set_bytes - 1) / set_bytes;
  const std::int64_t affordable = std::max<std::int64_t>(kMaxSetsBytes / set_bytes, 1);
  return std::clamp<std::int64_t>(wanted, 1, std::min(affordable, kMaxSets));
}

ProblemTensors::ProblemTensors(Target& target, const ConvSpec& spec, std::uint64_t seed)
    : target_(target),
      batch_(spec.open_batch() ? kOpenBatchImages : spec.n),
      x_zero_(spec.quant.empty() ? 0 : 1),
      pattern_(takes_pattern(spec) ? SparsityPattern::random(spec, seed) : nullptr) {
  const Bytes x = floats(spec, spec.x_elements(batch_), spec.x_type, TensorRole::kX, seed);
  const Bytes w = floats(spec, spec.w_elements(), spec.w_type, TensorRole::kW, seed);
  // Filled too: its pages must exist before the first timed launch.
  const Bytes y = floats(spec, spec.y_elements(batch_), spec.y_type, TensorRole::kY, seed);
  std::vector<Bytes> operands;
  std::size_t set_bytes = x.size() + w.size() + y.size();
  const Epilogue epilogue = Epilogue::parse(spec.epilogue);
  for (const EpilogueOperand& operand : epilogue.operands()) {
    ++seed;  // two operands of one shape must differ
    operands.push_back(
        floats(spec, operand.elements(spec, batch_), operand.element_type(spec.y_type),
               operand.per_channel ? TensorRole::kChannelOperand : TensorRole::kOperand, seed));
    set_bytes += operands.back().size();
  }
  // The same numbers in every set: what matters is that they lie elsewhere.
  const std::int64_t sets =
      rotated_sets(static_cast<std::int64_t>(set_bytes), target.cache_bytes());
  for (std::int64_t i = 0; i < sets; ++i) {
    Set set{on_device(target, x), on_device(target, w), on_device(target, y), {}, {}};
    for (const Bytes& operand : operands) {
      set.operand_buffers.push_back(on_device(target, operand));
      set.operands.push_back({set.operand_buffers.back().data(), operand.size()});
    }
    sets_.push_back(std::move(set));
  }
}

std::unique_ptr<TimedCall> ProblemTensors::timed(std::shared_ptr<const Kernel> kernel,
                                                 bool warm) const {
  auto run = std::make_shared<Runner>(target_, std::move(kernel), batch_);
  const auto packed_bytes = static_cast<std::size_t>(run->kernel->packed_weight_bytes());
  const bool packs = packed_bytes > 0;
  Bytes host_tables(static_cast<std::size_t>(run->kernel->pattern_bytes()));
  if (!host_tables.empty()) run->kernel->pack_pattern(*pattern_, host_tables.data());
  for (const Set& set : sets_) {
    const DeviceBuffer& tables = run->tables.emplace_back(on_device(target_, host_tables));
    LaunchArgs args;
    args.x = {set.x.data(), set.x.bytes()};
    args.w = {set.w.data(), set.w.bytes()};
    args.y = {set.y.data(), set.y.bytes()};
    args.operands = set.operands.data();
    args.operand_count = set.operands.size();
    args.pattern = {tables.data(), tables.bytes()};
    args.workspace = {run->workspace.data(), run->workspace.bytes()};
    args.batch = batch_;
    args.x_zero = x_zero_;
    if (packs) {
      const DeviceBuffer& packed = run->packed.emplace_back(target_, packed_bytes);
      run->kernel->prepack(set.w.data(), tables.data(), packed.data(), nullptr);
      args.w = {packed.data(), packed.bytes()};
    }
    run->args.push_back(args);
    if (warm) break;
  }
  if (packs) {
    // Timed launches run on a stream of their own: a copy waits for what was enqueued on any.
    std::byte last{};
    target_.copy_out(&last, run->packed.back().data(), sizeof last);
  }
  const WeightForm form = packs ? WeightForm::kPacked : WeightForm::kPlain;
  std::vector<TimedLaunch> launches;
  for (std::size_t i = 0; i < run->args.size(); ++i)
    launches.push_back([run, i, form](void* stream) {
      LaunchArgs args = run->args[i];
      args.stream = stream;
      run->kernel->launch(args, form);
    });
  return target_.prepare_timing(std::move(launches));
}

}  // namespace convoke
