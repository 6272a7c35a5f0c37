// NVRTC, NVIDIA's run-time compiler, opened at run time like the driver. Which one: the path in
// CONVOKE_NVRTC and nothing else, or the newest major version that the driver can load cubins of
// (those of NVRTC 13 need a driver for CUDA 13). Thread-safe: programs are independent.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/cuda_abi.h"

namespace convoke {

/// The oldest NVRTC: C++20 and the architectures from sm_90 on.
inline constexpr int kMinNvrtcMajor = 12;
/// The newest major version that is looked for by name.
inline constexpr int kMaxNvrtcMajor = 13;

class Nvrtc {
 public:
  /// Opens a library by path or name. @throws Error kDevice: not found, not NVRTC, too old.
  explicit Nvrtc(const std::string& library);

  const std::string& path() const { return path_; }
  int major() const { return major_; }
  int minor() const { return minor_; }
  /// "NVRTC 13.0.88": the last number is that of the compiler inside.
  const std::string& name() const { return name_; }
  /// Architectures as numbers (75, 90, 120), ascending.
  const std::vector<int>& architectures() const { return architectures_; }

  /// (name, text) of a file that `#include "name"` finds.
  using Header = std::pair<std::string, std::string>;
  struct Output {
    bool compiled = false;
    std::string cubin;  ///< for --gpu-architecture=sm_XX
    std::string ptx;
    std::string log;
  };
  /// `file` is what the log calls the source. A source that does not compile is no exception.
  /// @throws Error kDevice for any other failure.
  Output compile(const std::string& source, const std::string& file,
                 const std::vector<Header>& headers, const std::vector<std::string>& options) const;

 private:
#define CONVOKE_DECLARE(name, parameters) cu::NvrtcResult(*name) parameters = nullptr;
  CONVOKE_NVRTC_FUNCTIONS(CONVOKE_DECLARE)
#undef CONVOKE_DECLARE
  void check(cu::NvrtcResult result, const char* what) const;
  std::string find_name() const;

  std::string path_, name_;
  int major_ = 0, minor_ = 0;
  std::vector<int> architectures_;
};

/// The process's NVRTC for a driver of CUDA `driver_major`, or for any (0: nothing is loaded here).
/// Opened once for each; a failure is tried again. @throws Error kDevice with the places tried.
const Nvrtc& nvrtc(int driver_major = 0);

/// "Cuda compilation tools, release 13.0, V13.0.88" in the head of a PTX text: "13.0.88"; empty if
/// it is not there.
std::string ptx_compiler_version(std::string_view ptx);

}  // namespace convoke
