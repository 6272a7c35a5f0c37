#include "runtime/cuda_target.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "compiler/cuda_cost.h"
#include "compiler/emit_cuda.h"
#include "compiler/spec_text.h"
#include "runtime/cpu_limits.h"
#include "runtime/cuda_aot.h"
#include "runtime/cuda_builder.h"
#include "runtime/cuda_elementwise.h"
#include "runtime/cuda_kernel.h"
#include "runtime/cuda_limits.h"
#include "runtime/cuda_timing.h"
#include "runtime/env.h"
#include "runtime/kernel_store.h"
#include "runtime/nvml.h"
#include "runtime/usable_cpus.h"

namespace convoke {
namespace {

class CudaTarget final : public Target {
 public:
  explicit CudaTarget(CudaTargetParts parts);
  const DeviceInfo& info() const override { return info_; }
  std::string why_unsupported(const ConvSpec& spec) const override {
    return why_unsupported_cuda(spec, parts_.device);
  }
  std::string why_illegal(const ConvSpec& spec, const KernelConfig& config) const override;
  std::vector<KernelConfig> enumerate(const ConvSpec& spec) const override {
    return enumerate_cuda_configs(spec, parts_.device);
  }
  KernelConfig default_config(const ConvSpec& spec) const override;
  double predict_us(const ConvSpec& spec, const KernelConfig& config) const override {
    return predict_cuda_us(spec, config.cuda, parts_.device);
  }
  double limit_us(const ConvSpec& spec) const override {
    return cuda_limit_us(spec, parts_.device);
  }
  double bytes_us(const ConvSpec& spec) const override {
    return compulsory_bytes(spec, spec.open_batch() ? 1 : spec.n) / parts_.device.memory_gb_s / 1e3;
  }
  std::int64_t workspace_bytes(const ConvSpec& spec, const KernelConfig& config,
                               WeightForm form) const override {
    return cuda::launch_workspace_bytes(make_conv_config(spec, config.cuda),
                                        spec.open_batch() ? 1 : spec.n, form == WeightForm::kPlain);
  }
  std::string emit(const ConvSpec& spec, const KernelConfig& config,
                   EmitFormat format) const override;
  std::string cache_key(const ConvSpec& spec, const KernelConfig& config) const override {
    return builder_.key(make_cuda_work(spec, config));
  }
  CompiledKernel compile(const ConvSpec& spec, const KernelConfig& config) const override;
  AheadOfTimeKernel compile_into(const std::string& folder, const ConvSpec& spec,
                                 const KernelConfig& config) const override;
  std::shared_ptr<const Kernel> load(const ConvSpec& spec, const KernelConfig& config,
                                     const CompiledKernel& compiled) const override;
  std::shared_ptr<const Kernel> get(const ConvSpec& spec, const KernelConfig& config,
                                    CacheSource* source) override;
  bool obtainable(const ConvSpec& spec, const KernelConfig& config) override;
  std::shared_ptr<const ElementwiseKernel> elementwise(const elementwise::Config& config) override;
  KernelCache& cache() override { return kernels_.cache(); }
  void* allocate(std::size_t bytes) override;
  void deallocate(void* pointer) override;
  void copy_in(void* device, const void* host, std::size_t bytes) override;
  void copy_out(void* host, const void* device, std::size_t bytes) override;
  std::unique_ptr<TimedCall> prepare_timing(std::vector<TimedLaunch> launches) override {
    return prepare_cuda_timing(gpu_to("time"), std::move(launches));
  }
  std::int64_t cache_bytes() const override { return parts_.device.l2_bytes; }
  DeviceState state() override {
    return parts_.gpu == nullptr ? DeviceState{} : nvml().state(parts_.gpu->gpu().pci_bus_id);
  }
  int build_threads() const override { return std::max(1, usable_cpus() - 1); }
  bool reference_sums(const ConvSpec& spec, std::int64_t batch, const void* x, const void* w,
                      std::int32_t x_zero, double* sums) override;
  void build_reference_sums(const ConvSpec& spec) override { reference_kernel(spec); }

 private:
  void require_legal(const ConvSpec& spec, const KernelConfig& config) const;
  const std::shared_ptr<const CudaContext>& gpu_to(const char* purpose) const;
  std::shared_ptr<const Kernel> load_work(const CudaConvWork& work,
                                          const CompiledKernel& compiled) const;
  std::shared_ptr<const Kernel> get_work(const CudaConvWork& work, CacheSource* source);
  using Load = std::function<std::shared_ptr<const LoadedCode>(const CompiledKernel&)>;
  std::shared_ptr<const LoadedCode> get_code(const CudaWork& work, Load load, CacheSource* source);
  std::shared_ptr<const Kernel> reference_kernel(const ConvSpec& spec);

  CudaTargetParts parts_;
  CudaBuilder builder_;
  DeviceInfo info_;
  KernelStore kernels_;
};

/// Where source and log of what does not compile are kept.
std::string failure_dir(const CudaTargetParts& parts) {
  if (!parts.dump_dir.empty()) return parts.dump_dir;
  return parts.cache_dir.empty() ? "" : parts.cache_dir + "/failed";
}

/// Like GPUs report sizes that differ a little by driver and by error correction.
std::int64_t memory_class_gib(std::int64_t bytes) {
  constexpr std::int64_t kStep = std::int64_t{4} << 30;
  return (bytes + kStep - 1) / kStep * 4;
}

std::string driver_text(const CudaDriver& driver) {
  const std::string release = cuda_module_release();
  return fmt::format("{}CUDA {}", release.empty() ? "" : fmt::format("NVIDIA {}, ", release),
                     driver.version_text());
}

CudaTarget::CudaTarget(CudaTargetParts parts)
    : parts_(std::move(parts)),
      builder_(
          {parts_.device, parts_.templates, parts_.nvrtc, failure_dir(parts_), parts_.dump_dir}),
      kernels_(parts_.cache_dir, parts_.system_cache_dir, parts_.kernels_in_memory) {
  const std::string arch = arch_name(parts_.device);
  if (parts_.gpu != nullptr) {
    const CudaGpu& gpu = parts_.gpu->gpu();
    info_.target = parts_.gpu->name();
    info_.model = gpu.name;
    info_.key = fmt::format("{}, {}, {} SMs, {} GiB", gpu.name, arch, parts_.device.multiprocessors,
                            memory_class_gib(gpu.memory_bytes));
    info_.driver = driver_text(parts_.gpu->driver());
  } else {
    info_.target = "cuda";
    info_.model = info_.key = arch + " without a GPU";
    info_.driver = "none";
  }
  info_.compiler = builder_.compiler();
  info_.emitter = parts_.templates->digest;
  info_.peak_gflops_f32 = cuda_peak_gflops(parts_.device, DataType::kF32);
}

std::string CudaTarget::why_illegal(const ConvSpec& spec, const KernelConfig& config) const {
  if (config.target != TargetKind::kCuda) return "it is a configuration of the cpu target";
  return why_illegal_cuda(spec, config.cuda, parts_.device);
}

/// What the folder built ahead of time holds for the problem, for this architecture or an older
/// one, comes before what the model thinks.
KernelConfig CudaTarget::default_config(const ConvSpec& spec) const {
  if (!parts_.system_cache_dir.empty()) {
    std::vector<std::string> archs = {arch_name(parts_.device)};
    const std::vector<CudaDevice>& known = known_cuda_devices();
    for (auto other = known.rbegin(); other != known.rend(); ++other)
      if (other->capability < parts_.device.capability) archs.push_back(arch_name(*other));
    for (const std::string& arch : archs)
      if (const auto config = recorded_config(parts_.system_cache_dir, spec, arch))
        if (why_illegal(spec, *config).empty()) return *config;
  }
  return default_cuda_config(spec, parts_.device);
}

void CudaTarget::require_legal(const ConvSpec& spec, const KernelConfig& config) const {
  if (const std::string why = why_unsupported(spec); !why.empty())
    throw Error(ErrorCode::kUnsupported, why);
  if (const std::string why = why_illegal(spec, config); !why.empty())
    throw Error(ErrorCode::kUsage, fmt::format("configuration {}: {}", print_config(config), why));
}

const std::shared_ptr<const CudaContext>& CudaTarget::gpu_to(const char* purpose) const {
  if (parts_.gpu == nullptr)
    throw Error(ErrorCode::kDevice, fmt::format("no GPU to {}: this target only compiles for {}",
                                                purpose, arch_name(parts_.device)));
  return parts_.gpu;
}

std::string CudaTarget::emit(const ConvSpec& spec, const KernelConfig& config,
                             EmitFormat format) const {
  require_legal(spec, config);
  const CudaConvWork work = make_cuda_work(spec, config);
  const auto cubin = [&] {
    std::string image = builder_.image(work).image;
    if (is_ptx(image))
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("{} makes no cubin for {}: emit ptx, or install a newer NVRTC",
                              info_.compiler, arch_name(parts_.device)));
    return image;
  };
  switch (format) {
    case EmitFormat::kSource:
      return work.source;
    case EmitFormat::kPtx:
      return builder_.image(work).ptx;
    case EmitFormat::kCubin:
      return cubin();
    case EmitFormat::kSass:
      return disassemble(cubin());
    case EmitFormat::kLl:
    case EmitFormat::kAsm:
      break;
  }
  throw Error(ErrorCode::kUnsupported,
              "the cuda target emits the formats source, ptx, cubin and sass only");
}

CompiledKernel CudaTarget::compile(const ConvSpec& spec, const KernelConfig& config) const {
  require_legal(spec, config);
  return builder_.build(make_cuda_work(spec, config));
}

AheadOfTimeKernel CudaTarget::compile_into(const std::string& folder, const ConvSpec& spec,
                                           const KernelConfig& config) const {
  require_legal(spec, config);
  AheadOfTimeKernel built = builder_.build_into(folder, make_cuda_work(spec, config));
  record_config(folder, spec, arch_name(parts_.device), config);
  return built;
}

std::shared_ptr<const Kernel> CudaTarget::load_work(const CudaConvWork& work,
                                                    const CompiledKernel& compiled) const {
  return std::make_shared<CudaKernel>(
      std::make_unique<const CudaModule>(gpu_to("load kernels on"), compiled.image), work.conv,
      work.what(), work.operand_names, parse_ptxas_log(compiled.log));
}

std::shared_ptr<const Kernel> CudaTarget::load(const ConvSpec& spec, const KernelConfig& config,
                                               const CompiledKernel& compiled) const {
  return load_work(make_cuda_work(spec, config), compiled);
}

std::shared_ptr<const LoadedCode> CudaTarget::get_code(const CudaWork& work, Load load,
                                                       CacheSource* source) {
  KernelStore::Request request{.key = builder_.key(work),
                               .compile = [&] { return builder_.build(work); },
                               .load = std::move(load)};
  if (!parts_.system_cache_dir.empty()) request.substitutes = builder_.ahead_of_time_keys(work);
  return kernels_.get(request, source);
}

std::shared_ptr<const Kernel> CudaTarget::get_work(const CudaConvWork& work, CacheSource* source) {
  const auto load = [&](const CompiledKernel& kernel) { return load_work(work, kernel); };
  return std::static_pointer_cast<const Kernel>(get_code(work, load, source));
}

std::shared_ptr<const ElementwiseKernel> CudaTarget::elementwise(
    const elementwise::Config& config) {
  const CudaWork work = make_elementwise_work(config);
  const auto load = [&](const CompiledKernel& kernel) {
    return std::make_shared<const CudaElementwise>(
        std::make_unique<const CudaModule>(gpu_to("load kernels on"), kernel.image), config,
        work.what());
  };
  gpu_to("load kernels on");
  return std::static_pointer_cast<const ElementwiseKernel>(get_code(work, load, nullptr));
}

std::shared_ptr<const Kernel> CudaTarget::get(const ConvSpec& spec, const KernelConfig& config,
                                              CacheSource* source) {
  require_legal(spec, config);
  gpu_to("load kernels on");
  return get_work(make_cuda_work(spec, config), source);
}

bool CudaTarget::obtainable(const ConvSpec& spec, const KernelConfig& config) {
  if (builder_.has_compiler()) return true;
  const CudaConvWork work = make_cuda_work(spec, config);
  std::vector<std::string> keys = builder_.ahead_of_time_keys(work);
  keys.push_back(builder_.key(work));
  return std::any_of(keys.begin(), keys.end(), [&](const std::string& key) {
    return kernels_.cache().find(key).has_value();
  });
}

void* CudaTarget::allocate(std::size_t bytes) {
  const CudaContext& gpu = *gpu_to("allocate on");
  const CurrentContext current(gpu);
  const OutsideCapture outside(gpu);
  cu::DevicePtr pointer = 0;
  const cu::Result result = gpu.driver().cuMemAlloc(&pointer, std::max<std::size_t>(bytes, 1));
  if (result == cu::Result::kOutOfMemory) {
    std::size_t free = 0, total = 0;
    gpu.driver().cuMemGetInfo(&free, &total);
    throw Error(
        ErrorCode::kDevice,
        fmt::format("cannot allocate {} bytes on {}: {} of its {} bytes are free; free some, "
                    "or use a smaller batch",
                    bytes, gpu.name(), free, total));
  }
  gpu.check(result, "allocating memory");
  return reinterpret_cast<void*>(pointer);
}

void CudaTarget::deallocate(void* pointer) {
  if (pointer == nullptr) return;
  const CudaContext& gpu = *gpu_to("free memory of");
  try {
    const CurrentContext current(gpu);
    const OutsideCapture outside(gpu);
    gpu.check(gpu.driver().cuMemFree(reinterpret_cast<cu::DevicePtr>(pointer)), "freeing memory");
  } catch (const Error& error) {  // a caller that cleans up cannot help it: the memory is lost
    spdlog::debug("{}", error.what());
  }
}

void CudaTarget::copy_in(void* device, const void* host, std::size_t bytes) {
  const CudaContext& gpu = *gpu_to("copy to");
  const CurrentContext current(gpu);
  gpu.check(gpu.driver().cuCtxSynchronize(), "waiting for the GPU");
  if (bytes > 0)
    gpu.check(gpu.driver().cuMemcpyHtoD(reinterpret_cast<cu::DevicePtr>(device), host, bytes),
              "copying to the GPU");
}

void CudaTarget::copy_out(void* host, const void* device, std::size_t bytes) {
  const CudaContext& gpu = *gpu_to("copy from");
  const CurrentContext current(gpu);
  gpu.check(gpu.driver().cuCtxSynchronize(), "waiting for the GPU");
  if (bytes > 0)
    gpu.check(gpu.driver().cuMemcpyDtoH(host, reinterpret_cast<cu::DevicePtr>(device), bytes),
              "copying from the GPU");
}

/// Null without a compiler: the verifier's kernel is nowhere then, and the host adds up.
std::shared_ptr<const Kernel> CudaTarget::reference_kernel(const ConvSpec& spec) {
  if (!why_unsupported(spec).empty() || !builder_.has_compiler()) return nullptr;
  return get_work(make_cuda_reference_work(spec), nullptr);
}

bool CudaTarget::reference_sums(const ConvSpec& spec, std::int64_t batch, const void* x,
                                const void* w, std::int32_t x_zero, double* sums) {
  const std::shared_ptr<const Kernel> kernel = reference_kernel(spec);
  if (!kernel) return false;
  const auto bytes = [](std::int64_t elements, int size) {
    return static_cast<std::size_t>(elements * size);
  };
  const std::size_t x_bytes = bytes(spec.x_elements(batch), size_of(spec.x_type)),
                    w_bytes = bytes(spec.w_elements(), size_of(spec.w_type)),
                    y_bytes = bytes(spec.y_elements(batch), sizeof(double));
  const auto buffer = [this](std::size_t size) {
    return std::shared_ptr<void>(allocate(size), [this](void* p) { deallocate(p); });
  };
  const std::shared_ptr<void> x_there = buffer(x_bytes), w_there = buffer(w_bytes),
                              y_there = buffer(y_bytes);
  copy_in(x_there.get(), x, x_bytes);
  copy_in(w_there.get(), w, w_bytes);
  LaunchArgs args;
  args.x = {x_there.get(), x_bytes}, args.w = {w_there.get(), w_bytes};
  args.y = {y_there.get(), y_bytes};
  args.batch = batch;
  args.x_zero = x_zero;
  kernel->launch(args, WeightForm::kPlain);
  copy_out(sums, y_there.get(), y_bytes);
  return true;
}

CudaTargetParts parts_of_process() {
  CudaTargetParts parts;
  parts.cache_dir = cache_directory();
  parts.system_cache_dir = env_value(EnvVar::kSystemCache);
  parts.dump_dir = env_value(EnvVar::kDump);
  parts.templates = &template_files();
  return parts;
}

}  // namespace

std::shared_ptr<Target> make_cuda_target(CudaTargetParts parts) {
  return std::make_shared<CudaTarget>(std::move(parts));
}

std::shared_ptr<Target> make_cuda_target(int ordinal) {
  const CudaDriver& driver = cuda_driver();
  CudaTargetParts parts = parts_of_process();
  parts.gpu = std::make_shared<const CudaContext>(driver, ordinal);
  parts.device = parts.gpu->gpu().device;
  parts.nvrtc = [major = driver.major()]() -> const Nvrtc& { return nvrtc(major); };
  return make_cuda_target(std::move(parts));
}

std::shared_ptr<Target> make_cuda_compiler(const CudaDevice& device) {
  CudaTargetParts parts = parts_of_process();
  parts.device = device;
  parts.nvrtc = []() -> const Nvrtc& { return nvrtc(); };
  return make_cuda_target(std::move(parts));
}

}  // namespace convoke
