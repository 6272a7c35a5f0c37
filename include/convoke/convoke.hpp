// Convoke's C++ API: open a device, describe a convolution, make a plan, launch it.
//   auto device = convoke::Device::open("auto");
//   convoke::Plan plan(device, convoke::parse_spec("mb8ic64ih56oc64oh56kh3ph1"));
//   plan.launch({.x = ..., .w = ..., .y = ...});   // buffers the caller owns
// A plan is immutable and may be launched from many threads at once, each with its own workspace.
// launch() allocates nothing, reads no environment and takes no lock of the library's caches.
// C++17. Every failure is a convoke::Error with a code (error.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "convoke/conv_spec.h"
#include "convoke/error.h"
#include "convoke/export.h"
#include "convoke/sparsity_pattern.h"

namespace convoke {

class Target;

/// "0.1.0"
CONVOKE_API const char* version();

/// Parses any text form of a problem (benchdnn descriptor + words, MIOpenDriver line).
/// @throws Error kUsage
CONVOKE_API ConvSpec parse_spec(std::string_view text);
/// The canonical text of a spec.
CONVOKE_API std::string to_string(const ConvSpec& spec);

/// Where a CPU plan's parallel loop runs. A host with a pool of its own implements this.
class CONVOKE_API Executor {
 public:
  virtual ~Executor() = default;
  /// How many workers may run at once, >= 1, constant over the executor's life.
  virtual int workers() const = 0;
  /// Calls body(context, begin, end, worker) on disjoint ranges that cover [0, tasks), worker in
  /// [0, workers()), no two calls with the same worker at the same time; returns when all are done.
  /// Must not throw and must not allocate if the host relies on launch() not allocating.
  using Body = void (*)(void* context, std::int64_t begin, std::int64_t end, int worker);
  virtual void parallel_for(std::int64_t tasks, Body body, void* context) = 0;
};

struct DeviceOptions {
  int threads =
      0;  ///< size of the default pool; 0: CONVOKE_NUM_THREADS, else all cores this process may use
  Executor* executor =
      nullptr;  ///< used instead of the default pool; must outlive the device and its plans
};

/// A place where convolutions run. Cheap to copy: copies share one target and its loaded kernels.
class CONVOKE_API Device {
 public:
  /// `target`: "cpu", "cuda" or "cuda:N" (GPU N), "auto": cuda:0 if there is a GPU that works, else
  /// cpu. @throws Error kUsage (unknown name), kDevice (no driver, no such GPU).
  static Device open(std::string_view target = "auto", const DeviceOptions& options = {});
  std::string name() const;         ///< target, e.g. "cpu"
  std::string description() const;  ///< processor, instruction set, threads
  /// Lower bound of the time of one launch of spec.n images (one if the batch is open), from the
  /// arithmetic peak and the compulsory bytes, in microseconds. @throws Error kUnsupported
  double limit_us(const ConvSpec& spec) const;
  Target& target() const { return *target_; }  ///< internal
  const std::shared_ptr<Target>& shared_target() const { return target_; }  ///< internal
  /// Internal: a device over a target that was made elsewhere (tests, tools).
  static Device over(std::shared_ptr<Target> target) { return Device(std::move(target)); }

 private:
  explicit Device(std::shared_ptr<Target> target) : target_(std::move(target)) {}
  friend class Plan;
  std::shared_ptr<Target> target_;
};

enum class WeightForm {
  kPlain,   ///< launch() takes weights in the spec's layout; packing them is a step of every launch
  kPacked,  ///< launch() takes the buffer that prepack() wrote once (see Plan::packed_weight_bytes)
};

struct PlanOptions {
  std::string
      config{};  ///< fixes one configuration (text form); empty: tuning database, else a default
  WeightForm weights = WeightForm::kPlain;
  std::int64_t workspace_limit =
      -1;  ///< bytes, of n images or of one if the batch is open; -1: none. A
           ///< configuration that was not fixed gives way to one that fits
};

/// One named step of a launch and the bytes that it writes to the workspace (0: none).
struct PlanStep {
  std::string name;
  std::int64_t workspace_bytes = 0;
};

/// A caller-owned buffer and its size in bytes, which launch() checks.
struct ConstBuffer {
  const void* data = nullptr;
  std::size_t bytes = 0;
};
struct Buffer {
  void* data = nullptr;
  std::size_t bytes = 0;
};

/// Operands of a launch. Tensors are dense, in the spec's layouts; x, w, y and tensor operands must
/// be aligned to their element on the CPU and to Plan::alignment() on a GPU, a packed weight
/// buffer, the tables of a pattern and the workspace to 64 bytes. y and the workspace may not
/// overlap anything else. On a GPU all point to memory of that GPU, managed or pinned memory.
struct LaunchArgs {
  ConstBuffer x;
  ConstBuffer w;  ///< plain or packed, as PlanOptions::weights says
  Buffer y;
  const ConstBuffer* operands = nullptr;  ///< the epilogue's, in the order of Plan::operand_names()
  std::size_t operand_count = 0;
  /// The tables that pack_pattern() made, aligned to 64, if the spec's sparsity is bound; else none
  ConstBuffer pattern;
  Buffer workspace;        ///< at least workspace_bytes(batch)
  std::int64_t batch = 0;  ///< images of this launch if the spec's batch is open; else 0 or n
  void* stream = nullptr;  ///< CUDA: the CUstream (cudaStream_t) to enqueue on; null is the default
                           ///< stream. Not used on the CPU
  /// Zero point of x, a value of its type, if the spec's quant is zp; else 0
  std::int32_t x_zero = 0;
};

class CONVOKE_API Plan {
 public:
  /// Chooses (or takes) a configuration, emits, compiles or finds it in the cache, loads it.
  /// A sparse spec needs ConvSpec::pattern, unless it is bound. Plans of one bound spec share one
  /// kernel, whatever their patterns.
  /// @throws Error kUsage (bad spec or config), kUnsupported, kDevice.
  Plan(const Device& device, const ConvSpec& spec, const PlanOptions& options = {});
  Plan(Plan&&) noexcept;
  Plan& operator=(Plan&&) noexcept;
  ~Plan();

  const ConvSpec& spec() const;
  std::string config() const;  ///< text form of the configuration in use
  const std::vector<PlanStep>& steps() const;
  const std::vector<std::string>& operand_names() const;
  /// @throws Error kUsage if the batch is open and `batch` is not given.
  std::int64_t workspace_bytes(std::int64_t batch = 0) const;
  /// 0 if this configuration reads plain weights: launch() then takes those in either form.
  std::int64_t packed_weight_bytes() const;
  /// Bytes to which x, w, y and tensor operands must be aligned.
  std::size_t alignment() const;
  bool from_cache() const;  ///< the kernel came from memory or disk, nothing was compiled

  /// Bytes of the tables that a bound pattern becomes; they depend on the spec and the
  /// configuration, not on the pattern. 0 if the spec is dense or its pattern baked.
  std::int64_t pattern_bytes() const;
  /// Writes the tables of `pattern` to `tables`: host memory of pattern_bytes(), aligned to 16. On
  /// a GPU the caller copies them to where launch() reads them.
  /// @throws Error kUsage: the spec is not bound, or its shape, kind, granularity or number of kept
  /// units (channel and input: in each group) is another.
  void pack_pattern(const SparsityPattern& pattern, Buffer tables) const;
  /// Packs plain weights into a buffer of packed_weight_bytes(), aligned to 64. Of a sparse spec
  /// kept weights alone are read; a bound one needs its pattern's tables as launch() takes them.
  /// @throws Error kUsage
  void prepack(ConstBuffer w, Buffer packed, void* stream = nullptr,
               ConstBuffer pattern = {}) const;
  /// Runs all steps; returns when y is complete (CPU) or when all is enqueued on the stream (CUDA:
  /// allocates and waits for nothing, so that a stream may be capturing). On a GPU the plan must
  /// outlive its launches and every graph that captured one.
  /// @throws Error kUsage before anything is written: null, misaligned or too small buffers, wrong
  /// batch.
  void launch(const LaunchArgs& args) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace convoke
