// The GPU that a CUDA kernel is emitted for. Pure data: discovery lives in runtime/, and a kernel
// can be built for an architecture that no GPU of this machine has, with the figures of its best
// known model.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace convoke {

struct CudaDevice {
  int capability = 90;               ///< 10 * major + minor
  bool arch_specific = true;         ///< compiled as sm_90a: for this architecture alone
  int multiprocessors = 132;
  std::int64_t shared_bytes_block = 227 << 10;  ///< most that one block can have
  std::int64_t shared_bytes_sm = 228 << 10;     ///< of one multiprocessor, 1 KiB a block reserved
  std::int64_t l2_bytes = 60 << 20;
  double clock_ghz = 1.98;           ///< highest
  double memory_gb_s = 4800;
};

/// "sm_90a": what NVRTC is told, and part of a kernel's key.
std::string arch_name(const CudaDevice&);
/// The architectures that kernels can be built for without such a GPU, oldest first: sm_75, sm_80,
/// sm_86, sm_87, sm_89, sm_90a, sm_100a, sm_120a; each with the figures of a model of it.
const std::vector<CudaDevice>& known_cuda_devices();
/// One of the above by name; "sm_90" is "sm_90a". @throws Error kUsage naming the known ones.
CudaDevice parse_arch(std::string_view name);

}  // namespace convoke
