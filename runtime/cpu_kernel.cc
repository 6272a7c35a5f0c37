#include "runtime/cpu_kernel.h"

#include <fmt/format.h>

#include <utility>

#include "compiler/sparsity.h"
#include "convoke/error.h"

namespace convoke {
namespace {

std::int64_t aligned(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

/// What the workers of one launch share; lives on the caller's stack.
struct Launch {
  CpuKernelFn entry;
  const CpuKernelArgs* args;
  std::byte* scratch;
  std::int64_t scratch_stride;
};

void run_tasks(void* context, std::int64_t begin, std::int64_t end, int worker) {
  const auto* launch = static_cast<const Launch*>(context);
  launch->entry(launch->args, begin, end, launch->scratch + worker * launch->scratch_stride);
}

struct Packing {
  const WeightPacker* packer;
  const void* w;
  void* packed;
  const void* tables;
};

void run_packing(void* context, std::int64_t begin, std::int64_t end, int) {
  const auto* packing = static_cast<const Packing*>(context);
  packing->packer->pack(packing->w, packing->packed, begin, end, packing->tables);
}

}  // namespace

std::int64_t cpu_workspace_bytes(const CpuSchedule& schedule, int workers, WeightForm form) {
  const std::int64_t packed = form == WeightForm::kPlain ? aligned(schedule.weights.bytes) : 0;
  return packed + workers * aligned(schedule.scratch_bytes);
}

CpuKernel::CpuKernel(const ConvSpec& spec, const CpuSchedule& schedule,
                     std::shared_ptr<Executor> executor, CpuKernelFn entry,
                     std::shared_ptr<const void> code)
    : spec_(spec),
      schedule_(schedule),
      bound_(Sparsity::parse(spec.sparsity).bound),
      packer_(spec, schedule.weights, schedule.sparse),
      executor_(std::move(executor)),
      entry_(entry),
      code_(std::move(code)) {
  const PlanStep conv{"conv",
                      cpu_workspace_bytes(schedule_, executor_->workers(), WeightForm::kPacked)};
  if (packer_.bytes() > 0) plain_steps_.push_back({"pack_weights", packer_.bytes()});
  plain_steps_.push_back(conv);
  packed_steps_.push_back(conv);
  if (bound_ || schedule_.sparse.form == SparseForm::kDense) return;
  if (spec.pattern == nullptr)
    throw Error(ErrorCode::kUsage,
                fmt::format("sparsity {} has no pattern: set ConvSpec::pattern, or add :bound",
                            spec.sparsity));
  tables_.resize(static_cast<std::size_t>(schedule_.sparse.bytes));
  pack_pattern(*spec.pattern, tables_.data());
}

void CpuKernel::pack_pattern(const SparsityPattern& pattern, void* tables) const {
  write_sparse_tables(spec_, schedule_, pattern, tables);
}

std::vector<PlanStep> CpuKernel::steps(std::int64_t, WeightForm form) const {
  return form == WeightForm::kPlain ? plain_steps_ : packed_steps_;
}

std::int64_t CpuKernel::workspace_bytes(std::int64_t, WeightForm form) const {
  return cpu_workspace_bytes(schedule_, executor_->workers(), form);
}

void CpuKernel::prepack(const void* w, const void* pattern, void* packed, void* /*stream*/) const {
  Packing packing{&packer_, w, packed, bound_ ? pattern : tables_.data()};
  executor_->parallel_for(packer_.units(), run_packing, &packing);
}

void CpuKernel::launch(const LaunchArgs& launch_args, WeightForm form) const {
  auto* workspace = static_cast<std::byte*>(launch_args.workspace.data);
  CpuKernelArgs args;
  args.x = launch_args.x.data;
  args.w = launch_args.w.data;
  args.y = launch_args.y.data;
  args.n = launch_args.batch;
  args.pattern = launch_args.pattern.data;
  args.x_zero = launch_args.x_zero;
  for (std::size_t i = 0; i < launch_args.operand_count; ++i)
    args.operand[i] = launch_args.operands[i].data;
  if (form == WeightForm::kPlain && packer_.bytes() > 0) {
    prepack(args.w, launch_args.pattern.data, workspace, launch_args.stream);
    args.w = workspace;
    workspace += aligned(packer_.bytes());
  }
  Launch launch{entry_, &args, workspace, aligned(schedule_.scratch_bytes)};
  executor_->parallel_for(schedule_.tasks(args.n), run_tasks, &launch);
}

}  // namespace convoke
