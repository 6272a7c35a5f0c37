#include "runtime/cuda_target.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "compiler/cache_key.h"
#include "compiler/cuda_cost.h"
#include "compiler/emit_cuda.h"
#include "compiler/epilogue.h"
#include "compiler/spec_text.h"
#include "runtime/cache_entry.h"
#include "runtime/cuda_aot.h"
#include "runtime/cuda_compiler.h"
#include "runtime/cuda_kernel.h"
#include "runtime/cuda_limits.h"
#include "runtime/cuda_timing.h"
#include "runtime/env.h"
#include "runtime/kernel_dump.h"
#include "runtime/kernel_store.h"
#include "runtime/nvml.h"
#include "runtime/usable_cpus.h"

namespace convoke {
namespace {

/// What stands for the compiler's version in the key of a kernel built ahead of time, and in every
/// key of a machine without a compiler.
constexpr char kAnyCompiler[] = "any";

/// A unit on its way through the compiler: what names it, what a launch of it needs.
struct Unit {
  EmittedKernel emitted;
  std::string problem, config;  // their texts
  std::vector<std::string> operand_names;
  std::string what() const { return problem + " with " + config; }
};

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
  std::int64_t workspace_bytes(const ConvSpec& spec, const KernelConfig& config,
                               WeightForm) const override {
    return cuda::workspace_bytes(make_conv_config(spec, config.cuda),
                                 spec.open_batch() ? 1 : spec.n);
  }
  std::string emit(const ConvSpec& spec, const KernelConfig& config,
                   EmitFormat format) const override;
  std::string cache_key(const ConvSpec& spec, const KernelConfig& config) const override {
    return key_of(unit_of(spec, config).emitted, native_arch(), key_compiler());
  }
  CompiledKernel compile(const ConvSpec& spec, const KernelConfig& config) const override;
  AheadOfTimeKernel compile_into(const std::string& folder, const ConvSpec& spec,
                                 const KernelConfig& config) const override;
  std::shared_ptr<const Kernel> load(const ConvSpec& spec, const KernelConfig& config,
                                     const CompiledKernel& compiled) const override;
  std::shared_ptr<const Kernel> get(const ConvSpec& spec, const KernelConfig& config,
                                    CacheSource* source) override;
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
                      double* sums) override;

 private:
  void require_legal(const ConvSpec& spec, const KernelConfig& config) const;
  const std::shared_ptr<const CudaContext>& gpu_to(const char* purpose) const;
  Unit unit_of(const ConvSpec& spec, const KernelConfig& config) const;
  bool has_compiler() const { return info_.compiler != kNoCompiler; }
  const char* key_compiler() const {
    return has_compiler() ? info_.compiler.c_str() : kAnyCompiler;
  }
  std::string native_arch() const {
    return has_compiler() ? compile_arch(parts_.device, parts_.nvrtc()) : arch_name(parts_.device);
  }
  std::string key_of(const EmittedKernel& emitted, const std::string& arch,
                     const std::string& compiler) const;
  std::vector<std::string> ahead_of_time_keys(const EmittedKernel& emitted) const;
  CudaImage compile_image(const Unit& unit, const std::string& arch) const;
  CompiledKernel compile_unit(const Unit& unit, const std::string& arch) const;
  std::shared_ptr<const Kernel> load_unit(const Unit& unit, const CompiledKernel& compiled) const;
  std::shared_ptr<const Kernel> get_unit(const Unit& unit, CacheSource* source);

  static constexpr char kNoCompiler[] = "no compiler";
  CudaTargetParts parts_;
  DeviceInfo info_;
  KernelStore kernels_;
};

/// What compiles, or why nothing does: a device without NVRTC can still enumerate, explain and run
/// what was built before.
std::string compiler_name(const CudaTargetParts& parts, const char* none) {
  try {
    return parts.nvrtc().name();
  } catch (const Error& error) {
    spdlog::debug("no CUDA compiler: {}", error.what());
    return none;
  }
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
  info_.compiler = compiler_name(parts_, kNoCompiler);
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

Unit CudaTarget::unit_of(const ConvSpec& spec, const KernelConfig& config) const {
  Unit unit{emit_cuda(spec, config.cuda), print_spec(spec), print_config(config), {}};
  const Epilogue epilogue = Epilogue::parse(spec.epilogue);
  for (const EpilogueOperand& operand : epilogue.operands())
    unit.operand_names.push_back(operand.name);
  return unit;
}

std::string CudaTarget::key_of(const EmittedKernel& emitted, const std::string& arch,
                               const std::string& compiler) const {
  return sha256_hex(fmt::format("templates {}\ncompiler {}\noptions {}\n{}",
                                parts_.templates->digest, compiler,
                                fmt::join(code_options(arch), " "), emitted.source));
}

/// A cubin for this architecture first, then PTX of the newest one that the GPU can run.
std::vector<std::string> CudaTarget::ahead_of_time_keys(const EmittedKernel& emitted) const {
  if (parts_.system_cache_dir.empty()) return {};
  std::vector<std::string> keys = {key_of(emitted, arch_name(parts_.device), kAnyCompiler)};
  const std::vector<CudaDevice>& known = known_cuda_devices();
  for (auto other = known.rbegin(); other != known.rend(); ++other)
    if (other->capability <= parts_.device.capability)
      keys.push_back(key_of(emitted, portable_arch(*other), kAnyCompiler));
  return keys;
}

CudaImage CudaTarget::compile_image(const Unit& unit, const std::string& arch) const {
  const Nvrtc& compiler = parts_.nvrtc();
  const std::string key = key_of(unit.emitted, arch, compiler.name());
  const std::string keep_in = !parts_.dump_dir.empty()    ? parts_.dump_dir
                              : !parts_.cache_dir.empty() ? parts_.cache_dir + "/failed"
                                                          : "";
  CudaImage image = compile_cuda(compiler, *parts_.templates,
                                 {unit.emitted.source, arch, unit.what(), key}, keep_in);
  if (!parts_.dump_dir.empty())
    dump_kernel(parts_.dump_dir, key,
                {{"spec", fmt::format("{}\n{}\n", unit.problem, unit.config)},
                 {"cu", unit.emitted.source},
                 {"ptx", image.ptx},
                 {"cubin", image.image},
                 {"log", image.log}});
  return image;
}

CompiledKernel CudaTarget::compile_unit(const Unit& unit, const std::string& arch) const {
  CudaImage image = compile_image(unit, arch);
  const KernelResources& resources = image.resources;
  const nlohmann::ordered_json metadata = {
      {"target", "cuda"},
      {"spec", unit.problem},
      {"config", unit.config},
      {"arch", arch},
      {"compiler", parts_.nvrtc().name()},
      {"emitter", info_.emitter},
      {"threads", cuda::threads(unit.emitted.config)},
      {"registers", resources.registers},
      {"shared_bytes", resources.shared_bytes + cuda::shared_bytes(unit.emitted.config)},
      {"stack_bytes", resources.stack_bytes},
      {"spill_bytes", resources.spill_stores + resources.spill_loads}};
  return {std::move(image.image), std::move(image.log), metadata.dump()};
}

std::string CudaTarget::emit(const ConvSpec& spec, const KernelConfig& config,
                             EmitFormat format) const {
  require_legal(spec, config);
  const Unit unit = unit_of(spec, config);
  const auto cubin = [&] {
    std::string image = compile_image(unit, native_arch()).image;
    if (is_ptx(image))
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("{} makes no cubin for {}: emit ptx, or install a newer NVRTC",
                              info_.compiler, arch_name(parts_.device)));
    return image;
  };
  switch (format) {
    case EmitFormat::kSource:
      return unit.emitted.source;
    case EmitFormat::kPtx:
      return compile_image(unit, native_arch()).ptx;
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
  return compile_unit(unit_of(spec, config), compile_arch(parts_.device, parts_.nvrtc()));
}

AheadOfTimeKernel CudaTarget::compile_into(const std::string& folder, const ConvSpec& spec,
                                           const KernelConfig& config) const {
  require_legal(spec, config);
  const Unit unit = unit_of(spec, config);
  AheadOfTimeKernel result;
  result.was_there = true;
  for (const std::string& arch :
       {portable_arch(parts_.device), compile_arch(parts_.device, parts_.nvrtc())}) {
    result.key = key_of(unit.emitted, arch, kAnyCompiler);
    std::optional<CompiledKernel> kernel = read_entry(folder, result.key);
    if (!kernel) {
      result.was_there = false;
      kernel = compile_unit(unit, arch);
      const std::string problem = write_entry(folder, result.key, *kernel);
      if (!problem.empty()) throw Error(ErrorCode::kCache, problem);
    }
    result.bytes += static_cast<std::int64_t>(kernel->image.size());
  }
  record_config(folder, spec, arch_name(parts_.device), config);
  return result;
}

std::shared_ptr<const Kernel> CudaTarget::load_unit(const Unit& unit,
                                                    const CompiledKernel& compiled) const {
  return std::make_shared<CudaKernel>(
      std::make_unique<const CudaModule>(gpu_to("load kernels on"), compiled.image),
      unit.emitted.config, unit.what(), unit.operand_names, parse_ptxas_log(compiled.log));
}

std::shared_ptr<const Kernel> CudaTarget::load(const ConvSpec& spec, const KernelConfig& config,
                                               const CompiledKernel& compiled) const {
  return load_unit(unit_of(spec, config), compiled);
}

std::shared_ptr<const Kernel> CudaTarget::get_unit(const Unit& unit, CacheSource* source) {
  const std::string arch = native_arch();
  return kernels_.get({.key = key_of(unit.emitted, arch, key_compiler()),
                       .substitutes = ahead_of_time_keys(unit.emitted),
                       .compile = [&] { return compile_unit(unit, arch); },
                       .load = [&](const CompiledKernel& k) { return load_unit(unit, k); }},
                      source);
}

std::shared_ptr<const Kernel> CudaTarget::get(const ConvSpec& spec, const KernelConfig& config,
                                              CacheSource* source) {
  require_legal(spec, config);
  gpu_to("load kernels on");
  return get_unit(unit_of(spec, config), source);
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

bool CudaTarget::reference_sums(const ConvSpec& spec, std::int64_t batch, const void* x,
                                const void* w, double* sums) {
  // Without a compiler the verifier's kernel is nowhere; the host adds up then.
  if (!why_unsupported(spec).empty() || !has_compiler()) return false;
  const Unit unit{emit_cuda_reference_sums(spec), print_spec(spec), "the reference", {}};
  const std::shared_ptr<const Kernel> kernel = get_unit(unit, nullptr);
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
