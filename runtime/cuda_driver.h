// The CUDA driver, opened at run time: one function pointer for each line of the list in
// cuda_abi.h, each of the version that the list names. A process on a machine without a driver
// starts, runs its CPU plans, and gets one sentence when it asks for a GPU. Nothing here touches a
// device: that is cuda_device.h.
#pragma once

#include <string>

#include "runtime/cuda_abi.h"

namespace convoke {

/// The oldest driver that has all we call, as cuDriverGetVersion counts.
inline constexpr int kMinDriverVersion = 12000;

class CudaDriver {
 public:
  /// Opens a library by path or name. @throws Error kDevice: not found, not a driver, too old.
  explicit CudaDriver(const std::string& library);

#define CONVOKE_DECLARE(name, version, parameters) cu::Result(*name) parameters = nullptr;
  CONVOKE_CUDA_DRIVER_FUNCTIONS(CONVOKE_DECLARE)
#undef CONVOKE_DECLARE

  const std::string& path() const { return path_; }
  /// The newest CUDA version that it knows: 13000 for 13.0.
  int version() const { return version_; }
  int major() const { return version_ / 1000; }
  std::string version_text() const;  ///< "13.0"
  /// "CUDA_ERROR_OUT_OF_MEMORY (out of memory)".
  std::string describe(cu::Result result) const;

 private:
  std::string path_;
  int version_ = 0;
};

/// The process's driver: CONVOKE_CUDA_DRIVER, else libcuda.so.1. Opened once; a failure is tried
/// again at the next call. @throws Error kDevice with what is missing and what to do.
const CudaDriver& cuda_driver();

}  // namespace convoke
