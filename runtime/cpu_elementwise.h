// The elementwise kernels on the CPU: loops that the compiler turns into vectors, for the x86-64
// baseline and for AVX2, over pieces that the executor hands out. There is nothing to specialise:
// types are template arguments, the rest is read as it runs. Formulas and the order of sums are
// templates/elementwise_config.h's, so that the bits are those of a GPU and do not depend on the
// number of threads.
#pragma once

#include <memory>

#include "compiler/cpu_isa.h"
#include "runtime/target.h"

namespace convoke {

class CpuElementwise final : public ElementwiseKernel {
 public:
  CpuElementwise(const elementwise::Config& config, std::shared_ptr<Executor> executor,
                 const CpuIsa& isa);
  void launch(elementwise::Entry entry, const elementwise::Args& args, void* stream) const override;

 private:
  elementwise::Config config_;
  std::shared_ptr<Executor> executor_;
  bool avx2_;
};

}  // namespace convoke
