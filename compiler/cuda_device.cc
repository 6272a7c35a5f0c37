#include "compiler/cuda_device.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "convoke/error.h"

namespace convoke {
namespace {

constexpr std::int64_t operator""_KiB(unsigned long long n) {
  return static_cast<std::int64_t>(n) << 10;
}
constexpr std::int64_t operator""_MiB(unsigned long long n) {
  return static_cast<std::int64_t>(n) << 20;
}

}  // namespace

std::string arch_name(const CudaDevice& device) {
  return fmt::format("sm_{}{}", device.capability, device.arch_specific ? "a" : "");
}

const std::vector<CudaDevice>& known_cuda_devices() {
  // Shared memory: the table "Technical Specifications per Compute Capability" of the CUDA
  // programming guide. The other figures are of a common model, from its data sheet.
  static const std::vector<CudaDevice> devices = {
      {75, false, 40, 64_KiB, 64_KiB, 4_MiB, 1.59, 320},         // T4
      {80, false, 108, 163_KiB, 164_KiB, 40_MiB, 1.41, 2039},    // A100 80 GB
      {86, false, 84, 99_KiB, 100_KiB, 6_MiB, 1.74, 768},        // RTX A6000
      {87, false, 16, 163_KiB, 164_KiB, 4_MiB, 1.30, 204},       // Jetson AGX Orin
      {89, false, 142, 99_KiB, 100_KiB, 96_MiB, 2.52, 864},      // L40S
      {90, true, 132, 227_KiB, 228_KiB, 60_MiB, 1.98, 4800},     // H200
      {100, true, 148, 227_KiB, 228_KiB, 126_MiB, 1.965, 8000},  // B200
      {120, true, 170, 99_KiB, 100_KiB, 96_MiB, 2.41, 1792},     // RTX 5090
  };
  return devices;
}

CudaDevice parse_arch(std::string_view name) {
  std::vector<std::string> names;
  for (const CudaDevice& device : known_cuda_devices()) {
    names.push_back(arch_name(device));
    if (name == names.back() || name == fmt::format("sm_{}", device.capability)) return device;
  }
  throw Error(ErrorCode::kUsage, fmt::format("unknown architecture '{}': must be one of {}", name,
                                             fmt::join(names, ", ")));
}

}  // namespace convoke
