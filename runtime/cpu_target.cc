#include "runtime/cpu_target.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "compiler/cache_key.h"
#include "compiler/cpu_cost.h"
#include "compiler/cpu_schedule.h"
#include "compiler/spec_text.h"
#include "runtime/cpu_elementwise.h"
#include "runtime/cpu_kernel.h"
#include "runtime/cpu_library.h"
#include "runtime/cpu_limits.h"
#include "runtime/env.h"
#include "runtime/kernel_dump.h"
#include "runtime/kernel_store.h"
#include "runtime/thread_pool.h"

namespace convoke {
namespace {

/// Bytes of the backend, given back when they go out of scope.
class BackendBytes {
 public:
  explicit BackendBytes(const ConvokeCpuBackend& backend) : backend_(backend) {}
  ~BackendBytes() { backend_.release(&bytes_); }
  BackendBytes(const BackendBytes&) = delete;
  BackendBytes& operator=(const BackendBytes&) = delete;
  ConvokeBytes* get() { return &bytes_; }
  std::string text() const {
    return bytes_.data == nullptr ? "" : std::string(bytes_.data, bytes_.size);
  }

 private:
  const ConvokeCpuBackend& backend_;
  ConvokeBytes bytes_{nullptr, 0};
};

class CpuTarget final : public Target {
 public:
  explicit CpuTarget(CpuTargetParts parts);
  const DeviceInfo& info() const override { return info_; }
  std::string why_unsupported(const ConvSpec& spec) const override {
    return why_unsupported_cpu(spec, isa());
  }
  std::string why_illegal(const ConvSpec& spec, const KernelConfig& config) const override {
    return convoke::why_illegal(spec, config, isa());
  }
  std::vector<KernelConfig> enumerate(const ConvSpec& spec) const override {
    return enumerate_cpu_configs(spec, isa(), info_.threads);
  }
  KernelConfig default_config(const ConvSpec& spec) const override {
    return default_cpu_config(spec, isa(), info_.threads);
  }
  double predict_us(const ConvSpec& spec, const KernelConfig& config) const override {
    return predict_cpu_us(spec, config.cpu, isa(), info_.threads);
  }
  double limit_us(const ConvSpec& spec) const override;
  double bytes_us(const ConvSpec& spec) const override;
  std::int64_t workspace_bytes(const ConvSpec& spec, const KernelConfig& config,
                               WeightForm form) const override {
    return cpu_workspace_bytes(make_cpu_schedule(spec, config.cpu, isa()),
                               parts_.executor->workers(), form);
  }
  std::string emit(const ConvSpec& spec, const KernelConfig& config,
                   EmitFormat format) const override;
  std::string cache_key(const ConvSpec& spec, const KernelConfig& config) const override {
    return cpu_cache_key(spec, config, isa(), parts_.backend().llvm_version);
  }
  CompiledKernel compile(const ConvSpec& spec, const KernelConfig& config) const override;
  std::shared_ptr<const Kernel> load(const ConvSpec& spec, const KernelConfig& config,
                                     const CompiledKernel& compiled) const override;
  std::shared_ptr<const Kernel> get(const ConvSpec& spec, const KernelConfig& config,
                                    CacheSource* source) override;
  std::shared_ptr<const ElementwiseKernel> elementwise(const elementwise::Config& config) override {
    return std::make_shared<const CpuElementwise>(config, parts_.executor, isa());
  }
  KernelCache& cache() override { return kernels_.cache(); }
  void* allocate(std::size_t bytes) override;
  void deallocate(void* pointer) override { std::free(pointer); }
  void copy_in(void* device, const void* host, std::size_t bytes) override {
    copy(device, host, bytes);
  }
  void copy_out(void* host, const void* device, std::size_t bytes) override {
    copy(host, device, bytes);
  }

 private:
  const CpuIsa& isa() const { return parts_.cpu.isa; }
  static void copy(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void require_legal(const ConvSpec& spec, const KernelConfig& config) const;
  std::string backend_emit(const ConvSpec& spec, const KernelConfig& config, int format) const;
  double bandwidth_gb_s() const;

  CpuTargetParts parts_;
  DeviceInfo info_;
  KernelStore kernels_;
  mutable std::once_flag bandwidth_once_;
  mutable double bandwidth_gb_s_ = 0;
};

/// What compiles, or why nothing does: a device without its library can still enumerate and
/// explain.
std::string compiler_name(const CpuTargetParts& parts) {
  try {
    return fmt::format("LLVM {}", parts.backend().llvm_version);
  } catch (const Error& error) {
    spdlog::debug("no CPU compiler: {}", error.what());
    return "no compiler";
  }
}

CpuTarget::CpuTarget(CpuTargetParts parts)
    : parts_(std::move(parts)),
      kernels_(parts_.cache_dir, parts_.system_cache_dir, parts_.kernels_in_memory) {
  utsname system{};
  uname(&system);
  info_.target = "cpu";
  info_.model = parts_.cpu.model;
  info_.threads = parts_.executor->workers();
  info_.key = fmt::format("{}, {}, {} {}", info_.model, isa_key(isa()), info_.threads,
                          info_.threads == 1 ? "thread" : "threads");
  info_.driver = fmt::format("{} {}", system.sysname, system.release);
  info_.compiler = compiler_name(parts_);
  info_.emitter = cpu_emitter_digest();
  info_.peak_gflops_f32 = cpu_peak_gflops(isa(), parts_.cpu.max_ghz, info_.threads, DataType::kF32);
}

double CpuTarget::bandwidth_gb_s() const {
  std::call_once(bandwidth_once_,
                 [this] { bandwidth_gb_s_ = measure_read_gb_s(*parts_.executor); });
  return bandwidth_gb_s_;
}

double CpuTarget::limit_us(const ConvSpec& spec) const {
  return cpu_limit_us(spec, isa(), parts_.cpu.max_ghz, info_.threads, bandwidth_gb_s());
}

double CpuTarget::bytes_us(const ConvSpec& spec) const {
  return compulsory_bytes(spec, spec.open_batch() ? 1 : spec.n) / bandwidth_gb_s() / 1e3;
}

void CpuTarget::require_legal(const ConvSpec& spec, const KernelConfig& config) const {
  if (const std::string why = why_unsupported(spec); !why.empty())
    throw Error(ErrorCode::kUnsupported, why);
  if (const std::string why = why_illegal(spec, config); !why.empty())
    throw Error(ErrorCode::kUsage, fmt::format("configuration {}: {}", print_config(config), why));
}

std::string CpuTarget::backend_emit(const ConvSpec& spec, const KernelConfig& config,
                                    int format) const {
  const ConvokeCpuBackend& backend = parts_.backend();
  const ConvokeCpuIsa isa_of_c{static_cast<std::int32_t>(isa().level), isa().l1_bytes,
                               isa().l2_bytes, isa().l3_bytes};
  BackendBytes out(backend);
  const std::string pattern = spec.pattern == nullptr ? "" : spec.pattern->text();
  const std::int32_t code =
      backend.emit(print_spec(spec).c_str(), spec.pattern == nullptr ? nullptr : pattern.c_str(),
                   print_config(config).c_str(), &isa_of_c, format, out.get());
  if (code != 0) throw Error(static_cast<ErrorCode>(code), out.text());
  return out.text();
}

std::string CpuTarget::emit(const ConvSpec& spec, const KernelConfig& config,
                            EmitFormat format) const {
  require_legal(spec, config);
  switch (format) {
    case EmitFormat::kSource:
      return backend_emit(spec, config, CONVOKE_EMIT_SOURCE);
    case EmitFormat::kLl:
      return backend_emit(spec, config, CONVOKE_EMIT_LL);
    case EmitFormat::kAsm:
      return backend_emit(spec, config, CONVOKE_EMIT_ASM);
    case EmitFormat::kPtx:
    case EmitFormat::kCubin:
    case EmitFormat::kSass:
      break;
  }
  throw Error(ErrorCode::kUnsupported, "the cpu target emits the formats source, ll and asm only");
}

CompiledKernel CpuTarget::compile(const ConvSpec& spec, const KernelConfig& config) const {
  require_legal(spec, config);
  CompiledKernel kernel;
  kernel.image = backend_emit(spec, config, CONVOKE_EMIT_OBJECT);
  const nlohmann::ordered_json metadata = {
      {"target", "cpu"},
      {"spec", print_spec(spec)},
      {"config", print_config(config)},
      {"isa", isa_key(isa())},
      {"compiler", info_.compiler},
      {"emitter", info_.emitter},
      {"scratch_bytes", make_cpu_schedule(spec, config.cpu, isa()).scratch_bytes}};
  kernel.metadata = metadata.dump();
  if (!parts_.dump_dir.empty())
    dump_kernel(parts_.dump_dir, cache_key(spec, config),
                {{"spec", fmt::format("{}\n{}\n", print_spec(spec), print_config(config))},
                 {"ll", backend_emit(spec, config, CONVOKE_EMIT_LL)},
                 {"s", backend_emit(spec, config, CONVOKE_EMIT_ASM)},
                 {"o", kernel.image},
                 {"log", kernel.log}});
  return kernel;
}

std::shared_ptr<const Kernel> CpuTarget::load(const ConvSpec& spec, const KernelConfig& config,
                                              const CompiledKernel& compiled) const {
  const ConvokeCpuBackend& backend = parts_.backend();
  void* handle = nullptr;
  void* entry = nullptr;
  BackendBytes error(backend);
  const std::int32_t code =
      backend.load(compiled.image.data(), compiled.image.size(), &handle, &entry, error.get());
  if (code != 0) throw Error(static_cast<ErrorCode>(code), error.text());
  std::shared_ptr<const void> owner(handle, [unload = backend.unload](void* h) { unload(h); });
  return std::make_shared<CpuKernel>(spec, make_cpu_schedule(spec, config.cpu, isa()),
                                     parts_.executor, reinterpret_cast<CpuKernelFn>(entry),
                                     std::move(owner));
}

std::shared_ptr<const Kernel> CpuTarget::get(const ConvSpec& spec, const KernelConfig& config,
                                             CacheSource* source) {
  require_legal(spec, config);
  return std::static_pointer_cast<const Kernel>(
      kernels_.get({.key = cache_key(spec, config),
                    .compile = [&] { return compile(spec, config); },
                    .load = [&](const CompiledKernel& k) { return load(spec, config, k); }},
                   source));
}

void* CpuTarget::allocate(std::size_t bytes) {
  constexpr std::size_t kAddressSpace = std::size_t{1} << 47;  // beyond it, rounding up might wrap
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + 63) / 64 * 64;
  void* pointer = bytes < kAddressSpace ? std::aligned_alloc(64, rounded) : nullptr;
  if (pointer == nullptr)
    throw Error(ErrorCode::kDevice,
                fmt::format("cannot allocate {} bytes of memory: free some, or use a smaller batch",
                            bytes));
  return pointer;
}

std::shared_ptr<Executor> make_executor(const DeviceOptions& options) {
  // The host owns its executor: ours is a pointer without a claim.
  if (options.executor != nullptr) return {std::shared_ptr<void>(), options.executor};
  if (options.threads < 0 || options.threads > ThreadPool::kMaxThreads)
    throw Error(ErrorCode::kUsage, fmt::format("{} threads: must be 1 to {}, or 0 for all",
                                               options.threads, ThreadPool::kMaxThreads));
  const long asked = env_integer(EnvVar::kNumThreads, 0, 1, ThreadPool::kMaxThreads);
  const bool pin = env_integer(EnvVar::kPinThreads, 0, 0, 1) == 1;
  const int threads = options.threads > 0 ? options.threads
                      : asked > 0         ? static_cast<int>(asked)
                                          : usable_cpus();
  return std::make_shared<ThreadPool>(std::min(threads, ThreadPool::kMaxThreads), pin);
}

}  // namespace

std::shared_ptr<Target> make_cpu_target(CpuTargetParts parts) {
  return std::make_shared<CpuTarget>(std::move(parts));
}

std::shared_ptr<Target> make_cpu_target(const DeviceOptions& options) {
  CpuTargetParts parts;
  parts.cpu = cpu_description();
  parts.executor = make_executor(options);
  parts.cache_dir = cache_directory();
  parts.system_cache_dir = env_value(EnvVar::kSystemCache);
  parts.dump_dir = env_value(EnvVar::kDump);
  parts.backend = cpu_library;
  return make_cpu_target(std::move(parts));
}

}  // namespace convoke
