#include "runtime/cuda_driver.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "convoke/error.h"
#include "runtime/dynamic_library.h"
#include "runtime/env.h"

namespace convoke {
namespace {

/// cuGetProcAddress as of CUDA 12.0: the door to all others.
using GetProcAddress = cu::Result (*)(const char* symbol, void** function, int version,
                                      std::uint64_t flags, int* status);

[[noreturn]] void refuse(const std::string& sentence) { throw Error(ErrorCode::kDevice, sentence); }

std::string dotted(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

}  // namespace

CudaDriver::CudaDriver(const std::string& library) {
  std::string why;
  const DynamicLibrary opened = open_library(library, why);
  if (opened.handle == nullptr)
    refuse(
        fmt::format("no CUDA driver: {} could not be opened ({}); install NVIDIA's driver or set "
                    "CONVOKE_CUDA_DRIVER to the library's path",
                    library, why));
  path_ = opened.path;
  using DriverGetVersion = cu::Result (*)(int*);
  const auto get_version =
      reinterpret_cast<DriverGetVersion>(dlsym(opened.handle, "cuDriverGetVersion"));
  if (get_version == nullptr || get_version(&version_) != cu::Result::kSuccess)
    refuse(fmt::format("{} is not a CUDA driver: it tells no version", path_));
  const auto get = reinterpret_cast<GetProcAddress>(dlsym(opened.handle, "cuGetProcAddress_v2"));
  if (version_ < kMinDriverVersion || get == nullptr)
    refuse(
        fmt::format("the CUDA driver {} is too old: it is for CUDA {}, {} or later is needed; "
                    "update NVIDIA's driver",
                    path_, dotted(version_), dotted(kMinDriverVersion)));
  const auto find = [&](const char* name, int version) {
    void* function = nullptr;
    int status = 0;
    if (get(name, &function, version, 0, &status) != cu::Result::kSuccess || function == nullptr)
      refuse(fmt::format("the CUDA driver {} (CUDA {}) has no {} of CUDA {}: reinstall it", path_,
                         version_text(), name, dotted(version)));
    return function;
  };
#define CONVOKE_FIND(name, version, parameters) \
  name = reinterpret_cast<decltype(name)>(find(#name, version));
  CONVOKE_CUDA_DRIVER_FUNCTIONS(CONVOKE_FIND)
#undef CONVOKE_FIND
}

std::string CudaDriver::version_text() const { return dotted(version_); }

std::string CudaDriver::describe(cu::Result result) const {
  const char* name = nullptr;
  const char* text = nullptr;
  if (cuGetErrorName(result, &name) != cu::Result::kSuccess || name == nullptr)
    return fmt::format("CUDA error {}", static_cast<int>(result));
  if (cuGetErrorString(result, &text) != cu::Result::kSuccess || text == nullptr) return name;
  return fmt::format("{} ({})", name, text);
}

const CudaDriver& cuda_driver() {
  static const CudaDriver driver([] {
    const std::string asked = env_value(EnvVar::kCudaDriver);
    return asked.empty() ? "libcuda.so.1" : asked;
  }());
  return driver;
}

}  // namespace convoke
