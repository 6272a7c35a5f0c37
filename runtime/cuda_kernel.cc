#include "runtime/cuda_kernel.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "compiler/cuda_config.h"
#include "compiler/cuda_sparse.h"
#include "runtime/cuda_compiler.h"

namespace convoke {

CudaModule::CudaModule(std::shared_ptr<const CudaContext> context, const std::string& image)
    : context_(std::move(context)) {
  const CurrentContext current(*context_);
  const OutsideCapture outside(*context_);
  char log[4096] = "";
  cu::JitOption names[] = {cu::JitOption::kErrorLogBuffer, cu::JitOption::kErrorLogBufferSizeBytes};
  void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
  const cu::Result result =
      context_->driver().cuModuleLoadDataEx(&module_, image.c_str(), 2, names, values);
  if (result == cu::Result::kSuccess) return;
  log[sizeof log - 1] = '\0';
  context_->fail(result,
                 fmt::format("loading {} kernel{}{}", is_ptx(image) ? "a PTX" : "a compiled",
                             *log == '\0' ? "" : ": ", first_error_line(log)));
}

CudaModule::~CudaModule() {
  // Not through CurrentContext: it may throw, and nothing is left to do if the context is lost.
  const CudaDriver& driver = context_->driver();
  if (driver.cuCtxPushCurrent(context_->handle()) != cu::Result::kSuccess) return;
  {
    const OutsideCapture outside(*context_);
    driver.cuModuleUnload(module_);
  }
  cu::Context popped = nullptr;
  driver.cuCtxPopCurrent(&popped);
}

cu::Function CudaModule::function(const char* name, std::int64_t shared_bytes) const {
  const CurrentContext current(*context_);
  const OutsideCapture outside(*context_);
  const CudaDriver& driver = context_->driver();
  cu::Function function = nullptr;
  context_->check(driver.cuModuleGetFunction(&function, module_, name), "looking up a kernel");
  int registers = 0;  // asking loads the code
  context_->check(driver.cuFuncGetAttribute(&registers, cu::FunctionAttribute::kNumRegs, function),
                  "loading a kernel");
  if (shared_bytes > 0)
    context_->check(
        driver.cuFuncSetAttribute(function, cu::FunctionAttribute::kMaxDynamicSharedSizeBytes,
                                  static_cast<int>(shared_bytes)),
        "reserving shared memory for a kernel");
  return function;
}

CudaKernel::CudaKernel(std::unique_ptr<const CudaModule> module, const cuda::ConvConfig& config,
                       std::string what, std::vector<std::string> operand_names,
                       KernelResources resources)
    : module_(std::move(module)),
      config_(config),
      what_(std::move(what)),
      operand_names_(std::move(operand_names)),
      resources_(std::move(resources)),
      threads_(static_cast<unsigned>(cuda::threads(config))),
      shared_bytes_(static_cast<unsigned>(cuda::shared_bytes(config))),
      cluster_(cuda::cluster(config)) {
  conv_ = module_->function("convoke_kernel", shared_bytes_);
  if (cuda::has_reduce(config_)) reduce_ = module_->function("convoke_reduce", 0);
  if (cuda::reads_packed_weights(config_)) pack_ = module_->function("convoke_pack", 0);
}

std::vector<PlanStep> CudaKernel::steps(std::int64_t batch, WeightForm form) const {
  std::vector<PlanStep> steps;
  if (pack_ != nullptr && form == WeightForm::kPlain)
    steps.push_back({"pack weights", cuda::packed_room(config_)});
  steps.push_back({"conv", cuda::workspace_bytes(config_, batch)});
  if (reduce_ != nullptr) steps.push_back({"reduce", 0});
  return steps;
}

void CudaKernel::pack_pattern(const SparsityPattern& pattern, void* tables) const {
  const std::vector<std::uint32_t> words = make_pattern_words(config_, pattern);
  std::memcpy(tables, words.data(), words.size() * sizeof words[0]);
}

void CudaKernel::run(cu::Function function, const char* entry, cuda::ConvArgs& args,
                     cu::LaunchConfig& launch) const {
  void* parameters[] = {&args};
  const cu::Result result =
      module_->context().driver().cuLaunchKernelEx(&launch, function, parameters, nullptr);
  if (result != cu::Result::kSuccess) [[unlikely]]
    fail(result, entry, launch);
}

/// @pre the context is current
void CudaKernel::pack(const void* w, const void* pattern, void* packed, void* stream) const {
  cuda::ConvArgs args{};
  args.w = w, args.y = packed;
  args.pattern = static_cast<const unsigned*>(pattern);
  cu::LaunchConfig launch{};
  const cuda::Dim3 grid = cuda::pack_grid(config_);
  launch.grid_x = grid.x, launch.grid_y = grid.y, launch.grid_z = grid.z;
  launch.block_x = cuda::kPackThreads, launch.block_y = 1, launch.block_z = 1;
  launch.stream = static_cast<cu::Stream>(stream);
  run(pack_, "convoke_pack", args, launch);
}

void CudaKernel::prepack(const void* w, const void* pattern, void* packed, void* stream) const {
  const CudaContext& context = module_->context();
  const CurrentContext current(context);
  context.require_usable("w", w);
  context.require_usable("the packed buffer", packed);
  if (config_.bound) context.require_usable("the pattern", pattern);
  pack(w, pattern, packed, stream);
}

void CudaKernel::launch(const LaunchArgs& args, WeightForm form) const {
  if (!grid_holds(config_, args.batch)) [[unlikely]]
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{}: {} images need more than {} blocks, the most of a launch: use a "
                            "smaller batch, larger tiles or the direct family",
                            what_, args.batch, cuda::kMaxBlocks));
  const CudaContext& context = module_->context();
  const CurrentContext current(context);
  cuda::ConvArgs kernel_args{};
  const auto usable = [&context](const char* name, const void* pointer) {
    context.require_usable(name, pointer);
    return pointer;
  };
  const bool packs = pack_ != nullptr && form == WeightForm::kPlain;
  kernel_args.x = usable("x", args.x.data);
  kernel_args.w = usable("w", args.w.data);
  kernel_args.y = const_cast<void*>(usable("y", args.y.data));
  if (config_.bound)
    kernel_args.pattern = static_cast<const unsigned*>(usable("the pattern", args.pattern.data));
  if (reduce_ != nullptr || packs)
    kernel_args.workspace = const_cast<void*>(usable("workspace", args.workspace.data));
  for (std::size_t i = 0; i < args.operand_count; ++i)
    kernel_args.operands[i] = usable(operand_names_[i].c_str(), args.operands[i].data);
  kernel_args.n = args.batch;
  kernel_args.x_zero = args.x_zero;
  if (packs) {
    pack(args.w.data, args.pattern.data, args.workspace.data, args.stream);
    kernel_args.w = args.workspace.data;
    kernel_args.workspace = static_cast<char*>(args.workspace.data) + cuda::packed_room(config_);
  }

  cu::LaunchAttribute attribute;
  cu::LaunchConfig launch{};
  const cuda::Dim3 grid = cuda::grid(config_, args.batch);
  launch.grid_x = grid.x, launch.grid_y = grid.y, launch.grid_z = grid.z;
  launch.block_x = threads_, launch.block_y = 1, launch.block_z = 1;
  launch.shared_bytes = shared_bytes_;
  launch.stream = static_cast<cu::Stream>(args.stream);
  if (cluster_.x * cluster_.y * cluster_.z > 1) {
    attribute.id = cu::LaunchAttributeId::kClusterDimension;
    attribute.value.cluster_dim = {cluster_.x, cluster_.y, cluster_.z};
    launch.attributes = &attribute;
    launch.attribute_count = 1;
  }
  run(conv_, "convoke_kernel", kernel_args, launch);
  if (reduce_ == nullptr) return;

  const cuda::Dim3 reduce_grid = cuda::reduce_grid(config_, args.batch);
  launch.grid_x = reduce_grid.x, launch.grid_y = reduce_grid.y, launch.grid_z = reduce_grid.z;
  launch.block_x = static_cast<unsigned>(cuda::reduce_threads(config_));
  launch.shared_bytes = 0;
  launch.attributes = nullptr;
  launch.attribute_count = 0;
  run(reduce_, "convoke_reduce", kernel_args, launch);
}

void CudaKernel::fail(cu::Result result, const char* entry, const cu::LaunchConfig& launch) const {
  const bool foreign =
      result == cu::Result::kInvalidHandle || result == cu::Result::kInvalidContext;
  module_->context().fail(
      result,
      fmt::format(
          "launching {} of {} with a grid of {} x {} x {} blocks of {} threads and {} bytes "
          "of shared memory{}",
          entry, what_, launch.grid_x, launch.grid_y, launch.grid_z, launch.block_x,
          launch.shared_bytes,
          foreign ? " (the stream must be one of this GPU's primary context)" : ""));
}

}  // namespace convoke
