// One interface before every kind of device: spec -> config -> emitted -> compiled -> loaded ->
// launch. The tuner, the plan, the verifier and the command line speak only this; a second target
// adds an implementation, not a second way.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/cuda_device.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"
#include "convoke/convoke.hpp"
#include "runtime/kernel_cache.h"
#include "templates/elementwise_config.h"

namespace convoke {

/// What the caches and reports say about a device.
struct DeviceInfo {
  std::string target;          ///< "cpu", "cuda:0"
  std::string model;           ///< "AMD EPYC 7B13"
  std::string key;             ///< identifies samples that may be compared: model + isa + threads
  std::string driver;          ///< driver or kernel release
  std::string compiler;        ///< "LLVM 19.1.7"
  std::string emitter;         ///< digest of the emitting sources
  int threads = 1;             ///< workers (cpu)
  double peak_gflops_f32 = 0;  ///< estimate used for fraction_of_limit
};

/// What a device is doing to its clocks; a measurement is worth what they were.
struct DeviceState {
  int clock_mhz = 0;         ///< of the multiprocessors; 0: unknown
  int memory_clock_mhz = 0;  ///< 0: unknown
  std::string throttle{};    ///< why the clocks are held down by a fault or by heat, or empty
};

enum class EmitFormat { kSource, kPtx, kCubin, kSass, kLl, kAsm };

/// Work that is ready to be timed over and over on a device.
class TimedCall {
 public:
  virtual ~TimedCall() = default;
  /// Seconds that `repeats` calls take back to back, by the device's own clock.
  virtual double seconds(std::int64_t repeats) = 0;
  /// Fewer calls than this take as long: they run together.
  virtual std::int64_t least_repeats() const { return 1; }
};
/// Enqueues one launch on a stream (null on the CPU, which runs it).
using TimedLaunch = std::function<void(void* stream)>;

/// Code that is ready to run, whatever it computes: what the caches keep in memory. Immutable,
/// thread-safe.
class LoadedCode {
 public:
  virtual ~LoadedCode() = default;
};

/// A convolution's kernel: the loaded code and everything launch needs.
class Kernel : public LoadedCode {
 public:
  /// What a launch of `batch` images does, in order.
  virtual std::vector<PlanStep> steps(std::int64_t batch, WeightForm form) const = 0;
  virtual std::int64_t workspace_bytes(std::int64_t batch, WeightForm form) const = 0;
  virtual std::int64_t packed_weight_bytes() const = 0;
  /// Alignment in bytes that launch needs of x, w, y and the tensor operands: that of their
  /// elements (1: no more than that) or more.
  virtual std::size_t alignment() const { return 1; }
  /// What the compiler did badly (spills, dropped directives): a kernel that is right, but that a
  /// tuner need not time. Empty: nothing.
  virtual std::string why_slow() const { return ""; }
  /// Bytes of the tables of a bound pattern; they depend on the signature alone. 0: not bound.
  virtual std::int64_t pattern_bytes() const { return 0; }
  /// Writes all pattern_bytes() to `tables`, host memory. The plan has checked that the pattern is
  /// one of the signature.
  virtual void pack_pattern(const SparsityPattern& pattern, void* tables) const {
    static_cast<void>(pattern), static_cast<void>(tables);
  }
  /// `pattern`: the tables where the device reads them; null unless bound.
  virtual void prepack(const void* w, const void* pattern, void* packed, void* stream) const = 0;
  /// Sizes, alignments and overlaps are checked by the plan, kinds of memory here. `args.batch` is
  /// the real batch. Enqueued on args.stream on a GPU.
  virtual void launch(const LaunchArgs& args, WeightForm form) const noexcept(false) = 0;
};

/// The kernels of elementwise.h for one set of constants.
class ElementwiseKernel : public LoadedCode {
 public:
  /// Pointers, sizes and overlaps are checked by the caller, kinds of memory here. Enqueued on
  /// `stream` on a GPU.
  virtual void launch(elementwise::Entry entry, const elementwise::Args& args,
                      void* stream) const = 0;
};

/// An entry of a folder of kernels.
struct AheadOfTimeKernel {
  std::string key;
  std::int64_t bytes = 0;  ///< of its images
  bool was_there = false;  ///< nothing was compiled
};

class Target {
 public:
  virtual ~Target() = default;
  virtual const DeviceInfo& info() const = 0;

  /// Why this target cannot run `spec` at all, or empty.
  virtual std::string why_unsupported(const ConvSpec& spec) const = 0;
  /// Why `config` cannot run `spec` here, or empty.
  virtual std::string why_illegal(const ConvSpec& spec, const KernelConfig& config) const = 0;
  virtual std::vector<KernelConfig> enumerate(const ConvSpec& spec) const = 0;
  virtual KernelConfig default_config(const ConvSpec& spec) const = 0;
  /// Predicted microseconds of one launch; only the order of the values is promised.
  virtual double predict_us(const ConvSpec& spec, const KernelConfig& config) const = 0;
  /// Lower bound of the time from arithmetic peak and compulsory bytes, microseconds. The first
  /// call measures the memory's bandwidth (tens of milliseconds).
  virtual double limit_us(const ConvSpec& spec) const = 0;
  /// Time in which the memory moves the compulsory bytes of a launch, wherever its caches would
  /// keep them, microseconds; 0 if it is not known. limit_us is this or more where caches do not
  /// hold all tensors.
  virtual double bytes_us(const ConvSpec&) const { return 0; }
  /// What Kernel::workspace_bytes will say, without compiling: for spec.n images, or one if the
  /// batch is open.
  virtual std::int64_t workspace_bytes(const ConvSpec& spec, const KernelConfig& config,
                                       WeightForm form) const = 0;

  /// Text of the kernel in one of the target's formats. @throws Error kUnsupported for another
  /// target's format.
  virtual std::string emit(const ConvSpec& spec, const KernelConfig& config,
                           EmitFormat format) const = 0;
  virtual std::string cache_key(const ConvSpec& spec, const KernelConfig& config) const = 0;
  virtual CompiledKernel compile(const ConvSpec& spec, const KernelConfig& config) const = 0;
  /// Builds a kernel ahead of time: `folder`, named by CONVOKE_SYSTEM_CACHE, then serves machines
  /// that cannot compile (cuda_aot.h). An intact entry that is there already is left alone.
  /// Thread-safe. @throws Error kUnsupported where the target has no need of it, kDevice
  /// (toolchain), kCache (the folder cannot be written).
  virtual AheadOfTimeKernel compile_into(const std::string& folder, const ConvSpec& spec,
                                         const KernelConfig& config) const;
  virtual std::shared_ptr<const Kernel> load(const ConvSpec& spec, const KernelConfig& config,
                                             const CompiledKernel& compiled) const = 0;
  /// Memory cache, then disk, then compile; the one way to a kernel.
  virtual std::shared_ptr<const Kernel> get(const ConvSpec& spec, const KernelConfig& config,
                                            CacheSource* source = nullptr) = 0;

  /// Whether get() needs no compiler that is missing: it finds the kernel, or can build it.
  virtual bool obtainable(const ConvSpec&, const KernelConfig&) { return true; }

  /// @throws Error kUnsupported if the target has none, kDevice.
  virtual std::shared_ptr<const ElementwiseKernel> elementwise(const elementwise::Config& config);

  virtual KernelCache& cache() = 0;

  /// Device memory for tuner and verifier (plain host memory on the CPU), 64-byte aligned at least.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void deallocate(void* pointer) = 0;
  /// Both wait for the device, and for what was launched on any stream before.
  virtual void copy_in(void* device, const void* host, std::size_t bytes) = 0;
  virtual void copy_out(void* host, const void* device, std::size_t bytes) = 0;

  /// Makes launches ready for timing. Several do the same work on buffers of their own and run in
  /// turn, so that a cache as large as cache_bytes() finds nothing of one in the next.
  /// The default runs them on this thread, against the host's clock.
  virtual std::unique_ptr<TimedCall> prepare_timing(std::vector<TimedLaunch> launches);
  /// Bytes of the last cache that measurements rotate past; 0: measure warm only.
  virtual std::int64_t cache_bytes() const { return 0; }
  /// Clocks at this moment; the default knows nothing.
  virtual DeviceState state() { return {}; }
  /// Threads that may build kernels while others are timed; 0: that would disturb the timing.
  virtual int build_threads() const { return 0; }

  /// The sums of a forward convolution before the epilogue, in f64, by a naive kernel of the device
  /// that shares nothing with the emitted ones; all host memory: x of `batch` images, w, and
  /// y_elements(batch) sums in y's layout. False if the target has none: the host computes it then.
  virtual bool reference_sums(const ConvSpec& spec, std::int64_t batch, const void* x,
                              const void* w, std::int32_t x_zero, double* sums) {
    static_cast<void>(spec), static_cast<void>(batch), static_cast<void>(x);
    static_cast<void>(w), static_cast<void>(x_zero), static_cast<void>(sums);
    return false;
  }
  /// Builds what reference_sums() runs, ahead of it and on any thread. @throws Error as get does.
  virtual void build_reference_sums(const ConvSpec& spec) { static_cast<void>(spec); }
};

/// The CPU target. @throws Error kDevice if libconvoke_cpu.so is missing or does not fit (only when
/// first needed: a kernel found in no cache).
std::shared_ptr<Target> make_cpu_target(const DeviceOptions& options);

/// The CUDA target of GPU `ordinal`. @throws Error kDevice with what is missing: driver, GPU, a
/// driver that is too old, an ordinal that does not exist. NVRTC is asked for when first needed.
std::shared_ptr<Target> make_cuda_target(int ordinal);
/// A target that emits and compiles for an architecture but cannot allocate, load or launch
/// (kDevice): for `emit` and `compile` on a machine without a GPU.
std::shared_ptr<Target> make_cuda_compiler(const CudaDevice& device);

/// Hook through which plan.cc asks for a tuned configuration without depending on autotune: returns
/// the config's text or empty. Set once by the library's initialisation (autotune/register.cc).
using ChooseConfigFn = std::string (*)(Target& target, const ConvSpec& spec);
void set_choose_config(ChooseConfigFn fn);
ChooseConfigFn choose_config_hook();

}  // namespace convoke
