// One GPU of this process: its figures, its primary context (which CUDA's runtime API and PyTorch
// use too, so that their buffers and streams are ours), and the words for what goes wrong on it.
// Every call makes the context current for its own duration and leaves the caller's as it was, so
// that several GPUs can be used from one thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "compiler/cuda_device.h"
#include "runtime/cuda_driver.h"

namespace convoke {

/// What the driver says of GPU `ordinal`, without a context.
struct CudaGpu {
  int ordinal = 0;
  cu::Device handle = 0;
  std::string name;  ///< "NVIDIA H200"
  std::int64_t memory_bytes = 0;
  std::string pci_bus_id;  ///< "00000000:1b:00.0", as NVML names it
  CudaDevice device;
};

/// The GPUs that the driver lists. @throws Error kDevice if it lists none or cannot start.
int count_cuda_gpus(const CudaDriver& driver);
/// @throws Error kDevice: no such GPU, or one older than sm_75.
CudaGpu find_cuda_gpu(const CudaDriver& driver, int ordinal);
/// Release of the driver's kernel module ("580.65.06"); empty where the system does not tell.
std::string cuda_module_release();

class CudaContext {
 public:
  /// Retains the primary context. @throws Error kDevice
  CudaContext(const CudaDriver& driver, int ordinal);
  ~CudaContext();
  CudaContext(const CudaContext&) = delete;
  CudaContext& operator=(const CudaContext&) = delete;

  const CudaDriver& driver() const { return driver_; }
  const CudaGpu& gpu() const { return gpu_; }
  cu::Context handle() const { return handle_; }
  std::string name() const;  ///< "cuda:0"

  /// Throws for any failure; `doing` ends the sentence: "copying to the GPU".
  void check(cu::Result result, const char* doing) const {
    if (result != cu::Result::kSuccess) [[unlikely]]
      fail(result, doing);
  }
  /// @throws Error kDevice with the driver's words. After an error that destroys the context
  /// (CUDA keeps reporting it, or others that follow from it) every sentence says that the GPU's
  /// context is lost.
  [[noreturn]] void fail(cu::Result result, const std::string& doing) const;

  /// That kernels of this GPU can use `pointer`: memory of the GPU, managed, or pinned. Asks the
  /// driver once for a pointer and remembers some; costs a load and a comparison then. A remembered
  /// address that has become something else meanwhile is not noticed: this is there to explain a
  /// mistake, not to prevent every one. Never blocks. The context must be current.
  /// @throws Error kUsage naming the buffer
  void require_usable(const char* name, const void* pointer) const {
    const auto place = (reinterpret_cast<std::uintptr_t>(pointer) >> 8) % usable_.size();
    if (usable_[place].load(std::memory_order_relaxed) != pointer) [[unlikely]]
      find_usable(name, pointer);
  }

 private:
  void find_usable(const char* name, const void* pointer) const;

  const CudaDriver& driver_;
  CudaGpu gpu_;
  cu::Context handle_ = nullptr;
  mutable std::atomic<cu::Result> lost_{cu::Result::kSuccess};
  mutable std::array<std::atomic<const void*>, 1024> usable_{};
};

/// Makes a context current on this thread for a scope.
class CurrentContext {
 public:
  explicit CurrentContext(const CudaContext& context) : driver_(context.driver()) {
    cu::Context now = nullptr;
    driver_.cuCtxGetCurrent(&now);
    if (now == context.handle()) return;
    context.check(driver_.cuCtxPushCurrent(context.handle()), "making the GPU current");
    pushed_ = true;
  }
  ~CurrentContext() {
    cu::Context popped = nullptr;
    if (pushed_) driver_.cuCtxPopCurrent(&popped);
  }
  CurrentContext(const CurrentContext&) = delete;
  CurrentContext& operator=(const CurrentContext&) = delete;

 private:
  const CudaDriver& driver_;
  bool pushed_ = false;
};

/// For calls that a stream capture of this or another thread must survive (loading a kernel,
/// allocating): they are no part of what is captured.
class OutsideCapture {
 public:
  explicit OutsideCapture(const CudaContext& context) : driver_(context.driver()) {
    driver_.cuThreadExchangeStreamCaptureMode(&mode_);
  }
  ~OutsideCapture() { driver_.cuThreadExchangeStreamCaptureMode(&mode_); }
  OutsideCapture(const OutsideCapture&) = delete;
  OutsideCapture& operator=(const OutsideCapture&) = delete;

 private:
  const CudaDriver& driver_;
  cu::CaptureMode mode_ = cu::CaptureMode::kRelaxed;  // then the thread's own
};

}  // namespace convoke
