// A kernel of Convoke launched by nothing but cuLaunchKernelEx, with everything prepared: what
// Plan::launch is measured against.
#pragma once

#include <string>

#include "compiler/emit_cuda.h"
#include "convoke/convoke.hpp"
#include "runtime/cuda_driver.h"
#include "runtime/target.h"
#include "templates/conv_config.h"

namespace convoke {

class BareKernel {
 public:
  /// @pre a current context; `config` has one kernel (no reduction over the workspace)
  BareKernel(Target& target, const ConvSpec& spec, const std::string& config,
             const LaunchArgs& args)
      : driver_(cuda_driver()) {
    const KernelConfig parsed = parse_config(config);
    const std::string image = target.compile(spec, parsed).image;
    check(driver_.cuModuleLoadDataEx(&module_, image.c_str(), 0, nullptr, nullptr), "loading");
    check(driver_.cuModuleGetFunction(&function_, module_, "convoke_kernel"), "finding");
    const cuda::ConvConfig c = make_conv_config(spec, parsed.cuda);
    const cuda::Dim3 grid = cuda::grid(c, args.batch > 0 ? args.batch : spec.n);
    launch_.grid_x = grid.x, launch_.grid_y = grid.y, launch_.grid_z = grid.z;
    launch_.block_x = static_cast<unsigned>(cuda::threads(c));
    launch_.block_y = launch_.block_z = 1;
    launch_.shared_bytes = static_cast<unsigned>(cuda::shared_bytes(c));
    if (launch_.shared_bytes > 48 << 10)
      check(driver_.cuFuncSetAttribute(function_, cu::FunctionAttribute::kMaxDynamicSharedSizeBytes,
                                       static_cast<int>(launch_.shared_bytes)),
            "asking for shared memory of");
    launch_.stream = static_cast<cu::Stream>(args.stream);
    args_.x = args.x.data, args_.w = args.w.data, args_.y = args.y.data;
    args_.n = args.batch > 0 ? args.batch : spec.n;
  }
  ~BareKernel() { driver_.cuModuleUnload(module_); }
  BareKernel(const BareKernel&) = delete;
  BareKernel& operator=(const BareKernel&) = delete;

  void launch() {
    void* parameters[] = {&args_};
    check(driver_.cuLaunchKernelEx(&launch_, function_, parameters, nullptr), "launching");
  }

 private:
  void check(cu::Result result, const char* doing) const {
    if (result != cu::Result::kSuccess)
      throw Error(ErrorCode::kDevice,
                  std::string(doing) + " a bare kernel: " + driver_.describe(result));
  }
  const CudaDriver& driver_;
  cu::Module module_{};
  cu::Function function_{};
  cu::LaunchConfig launch_{};
  cuda::ConvArgs args_{};
};

}  // namespace convoke
