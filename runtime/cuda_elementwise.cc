#include "runtime/cuda_elementwise.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "compiler/emit_elementwise.h"

namespace convoke {
namespace {

using elementwise::Args;
using elementwise::Entry;

/// Kernels take further turns beyond it.
constexpr long long kMostBlocks = 1 << 20;

}  // namespace

CudaWork make_elementwise_work(const elementwise::Config& config) {
  CudaWork work;
  work.source = emit_elementwise(config);
  work.problem = describe_elementwise(config);
  work.config = "cuda:elementwise";
  work.threads = elementwise::kThreads;
  work.shared_bytes = elementwise::kSharedBytes;
  return work;
}

CudaElementwise::CudaElementwise(std::unique_ptr<const CudaModule> module,
                                 const elementwise::Config& config, std::string what)
    : module_(std::move(module)), config_(config), what_(std::move(what)) {
  if (config_.kind == elementwise::Kind::kQuantizer) {
    quantize_ = module_->function("convoke_quantize", 0);
    dequantize_ = module_->function("convoke_dequantize", 0);
  } else {
    forward_ = module_->function("convoke_forward", 0);
    backward_ = module_->function("convoke_backward", 0);
    gradient_totals_ = module_->function("convoke_gradient_totals", 0);
    magnitudes_ = module_->function("convoke_magnitudes", 0);
    step_totals_ = module_->function("convoke_step_totals", 0);
  }
}

void CudaElementwise::launch(Entry entry, const Args& args, void* stream) const {
  const CudaContext& context = module_->context();
  const CurrentContext current(context);
  const auto usable = [&context](const char* name, const void* pointer) {
    if (pointer != nullptr) context.require_usable(name, pointer);
  };
  usable("what is read", args.x), usable("what is written", args.y);
  usable("grad_y", args.grad_y), usable("the steps", args.steps);
  usable("the result of each channel", args.totals), usable("workspace", args.partial);

  const long long pieces = elementwise::map_blocks(config_, args.count);
  const long long sums = elementwise::sum_blocks(config_, args.count);
  switch (entry) {
    case Entry::kQuantize:
      return run(quantize_, pieces, args, stream);
    case Entry::kDequantize:
      return run(dequantize_, pieces, args, stream);
    case Entry::kForward:
      return run(forward_, pieces, args, stream);
    case Entry::kBackward:
      run(backward_, sums, args, stream);
      return run(gradient_totals_, config_.channels, args, stream);
    case Entry::kInitialStep:
      run(magnitudes_, sums, args, stream);
      return run(step_totals_, config_.channels, args, stream);
  }
}

void CudaElementwise::run(cu::Function function, long long blocks, const Args& args,
                          void* stream) const {
  if (blocks == 0) return;
  cu::LaunchConfig launch{};
  launch.grid_x = static_cast<unsigned>(std::min(blocks, kMostBlocks));
  launch.grid_y = launch.grid_z = 1;
  launch.block_x = elementwise::kThreads, launch.block_y = launch.block_z = 1;
  launch.shared_bytes = elementwise::kSharedBytes;
  launch.stream = static_cast<cu::Stream>(stream);
  void* parameters[] = {const_cast<Args*>(&args)};
  const CudaContext& context = module_->context();
  const cu::Result result =
      context.driver().cuLaunchKernelEx(&launch, function, parameters, nullptr);
  if (result == cu::Result::kSuccess) [[likely]]
    return;
  const bool foreign =
      result == cu::Result::kInvalidHandle || result == cu::Result::kInvalidContext;
  context.fail(result, fmt::format("launching {}{}", what_,
                                   foreign ? " (the stream must be one of this GPU's primary "
                                             "context)"
                                           : ""));
}

}  // namespace convoke
