// A loaded CPU kernel: the machine code, its schedule, and the executor that it runs on. The
// workspace is one buffer of the caller's: packed weights first (only when the launch takes plain
// weights), then one scratch area per worker, each part aligned to 64 bytes. The batch is an
// argument, so one kernel serves all.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "compiler/cpu_kernel_args.h"
#include "compiler/cpu_schedule.h"
#include "runtime/cpu_pack.h"
#include "runtime/target.h"

namespace convoke {

/// Bytes of workspace, also without a kernel at hand.
std::int64_t cpu_workspace_bytes(const CpuSchedule& schedule, int workers, WeightForm form);

class CpuKernel final : public Kernel {
 public:
  /// @param entry code that stays mapped while `code` lives.
  /// @throws Error kUsage if the spec is sparse, not bound, and has no pattern that fits.
  CpuKernel(const ConvSpec& spec, const CpuSchedule& schedule, std::shared_ptr<Executor> executor,
            CpuKernelFn entry, std::shared_ptr<const void> code);
  std::vector<PlanStep> steps(std::int64_t batch, WeightForm form) const override;
  std::int64_t workspace_bytes(std::int64_t batch, WeightForm form) const override;
  std::int64_t packed_weight_bytes() const override { return packer_.bytes(); }
  std::int64_t pattern_bytes() const override { return bound_ ? schedule_.sparse.bytes : 0; }
  void pack_pattern(const SparsityPattern& pattern, void* tables) const override;
  void prepack(const void* w, const void* pattern, void* packed, void* stream) const override;
  void launch(const LaunchArgs& args, WeightForm form) const override;

 private:
  ConvSpec spec_;
  CpuSchedule schedule_;
  bool bound_;                     ///< the pattern is an operand
  std::vector<std::byte> tables_;  ///< of a baked pattern, for packing
  WeightPacker packer_;
  std::shared_ptr<Executor> executor_;
  CpuKernelFn entry_;
  std::shared_ptr<const void> code_;
  std::vector<PlanStep> plain_steps_, packed_steps_;
};

}  // namespace convoke
