// A loaded CUDA kernel: the module in a GPU's memory and what a launch needs. Everything that a
// launch computes is a constexpr function of the configuration and the batch
// (templates/conv_config.h); it allocates nothing, takes no lock and makes no text, and may be part
// of a stream capture.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/cuda_context.h"
#include "runtime/ptxas_log.h"
#include "runtime/target.h"
#include "templates/conv_config.h"

namespace convoke {

/// Code in a GPU's memory; unloaded in its own context, which it keeps alive.
class CudaModule {
 public:
  /// Loads a cubin or PTX. @throws Error kDevice with the driver's words.
  CudaModule(std::shared_ptr<const CudaContext> context, const std::string& image);
  ~CudaModule();
  CudaModule(const CudaModule&) = delete;
  CudaModule& operator=(const CudaModule&) = delete;
  /// A kernel of it, with the dynamic shared memory it will be launched with. Lazy loading ends
  /// here: nothing is loaded by the first launch, which may be part of a capture.
  cu::Function function(const char* name, std::int64_t shared_bytes) const;
  const CudaContext& context() const { return *context_; }

 private:
  std::shared_ptr<const CudaContext> context_;
  cu::Module module_ = nullptr;
};

class CudaKernel final : public Kernel {
 public:
  /// `what` names the kernel in errors: its problem and configuration.
  CudaKernel(std::unique_ptr<const CudaModule> module, const cuda::ConvConfig& config,
             std::string what, std::vector<std::string> operand_names, KernelResources resources);
  std::vector<PlanStep> steps(std::int64_t batch, WeightForm form) const override;
  std::int64_t workspace_bytes(std::int64_t batch, WeightForm form) const override {
    return cuda::launch_workspace_bytes(config_, batch, form == WeightForm::kPlain);
  }
  /// 0 if the kernel is dense: it reads plain weights.
  std::int64_t packed_weight_bytes() const override { return cuda::packed_bytes(config_); }
  std::int64_t pattern_bytes() const override {
    return config_.bound ? cuda::pattern_words(config_) * 4 : 0;
  }
  void pack_pattern(const SparsityPattern& pattern, void* tables) const override;
  std::size_t alignment() const override {
    return static_cast<std::size_t>(cuda::alignment(config_));
  }
  std::string why_slow() const override { return convoke::why_slow(resources_); }
  void prepack(const void* w, const void* pattern, void* packed, void* stream) const override;
  void launch(const LaunchArgs& args, WeightForm form) const override;

 private:
  void run(cu::Function function, const char* entry, cuda::ConvArgs& args,
           cu::LaunchConfig& launch) const;
  void pack(const void* w, const void* pattern, void* packed, void* stream) const;
  [[noreturn]] void fail(cu::Result result, const char* entry,
                         const cu::LaunchConfig& launch) const;

  std::unique_ptr<const CudaModule> module_;
  cuda::ConvConfig config_;
  std::string what_;
  std::vector<std::string> operand_names_;
  KernelResources resources_;
  cu::Function conv_ = nullptr, reduce_ = nullptr, pack_ = nullptr;
  unsigned threads_ = 0, shared_bytes_ = 0;
  cuda::Dim3 cluster_;
};

}  // namespace convoke
