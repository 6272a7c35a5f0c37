// The elementwise kernels on a GPU: a loaded unit of emit_elementwise and the shapes of its
// launches. A launch allocates nothing, waits for nothing, and may be part of a stream capture.
#pragma once

#include <memory>
#include <string>

#include "runtime/cuda_builder.h"
#include "runtime/cuda_kernel.h"
#include "runtime/target.h"

namespace convoke {

CudaWork make_elementwise_work(const elementwise::Config& config);

class CudaElementwise final : public ElementwiseKernel {
 public:
  /// `what` names the kernel in errors.
  CudaElementwise(std::unique_ptr<const CudaModule> module, const elementwise::Config& config,
                  std::string what);
  void launch(elementwise::Entry entry, const elementwise::Args& args, void* stream) const override;

 private:
  void run(cu::Function function, long long blocks, const elementwise::Args& args,
           void* stream) const;

  std::unique_ptr<const CudaModule> module_;
  elementwise::Config config_;
  std::string what_;
  cu::Function quantize_ = nullptr, dequantize_ = nullptr;
  cu::Function forward_ = nullptr, backward_ = nullptr, gradient_totals_ = nullptr;
  cu::Function magnitudes_ = nullptr, step_totals_ = nullptr;
};

}  // namespace convoke
