#include "runtime/nvml.h"

#include <dlfcn.h>

#include <type_traits>
#include <utility>

#include "runtime/dynamic_library.h"

namespace convoke {
namespace {

constexpr int kSmClock = 1, kMemoryClock = 2;

constexpr std::pair<unsigned long long, const char*> kReasons[] = {
    {0x08, "hardware slowdown"},
    {0x20, "too hot (driver)"},
    {0x40, "too hot (hardware)"},
    {0x80, "power brake"},
};

}  // namespace

NvmlFunctions open_nvml() {
  std::string why;
  const DynamicLibrary library = open_library("libnvidia-ml.so.1", why);
  if (library.handle == nullptr) return {};
  NvmlFunctions f;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library.handle, name));
    return function != nullptr;
  };
  const bool complete =
      find(f.nvmlInit_v2, "nvmlInit_v2") &&
      find(f.nvmlDeviceGetHandleByPciBusId_v2, "nvmlDeviceGetHandleByPciBusId_v2") &&
      find(f.nvmlDeviceGetClockInfo, "nvmlDeviceGetClockInfo") &&
      find(f.nvmlDeviceGetCurrentClocksThrottleReasons,
           "nvmlDeviceGetCurrentClocksThrottleReasons");
  return complete ? f : NvmlFunctions{};
}

std::string describe_throttle(unsigned long long reasons) {
  std::string text;
  for (const auto& [bit, name] : kReasons)
    if ((reasons & bit) != 0) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

Nvml::Nvml(const NvmlFunctions& functions)
    : functions_(functions),
      works_(functions.nvmlInit_v2 != nullptr && functions.nvmlInit_v2() == 0) {}

DeviceState Nvml::state(const std::string& pci_bus_id) const {
  DeviceState state;
  void* device = nullptr;
  if (!works_ || functions_.nvmlDeviceGetHandleByPciBusId_v2(pci_bus_id.c_str(), &device) != 0)
    return state;
  unsigned mhz = 0;
  if (functions_.nvmlDeviceGetClockInfo(device, kSmClock, &mhz) == 0)
    state.clock_mhz = static_cast<int>(mhz);
  if (functions_.nvmlDeviceGetClockInfo(device, kMemoryClock, &mhz) == 0)
    state.memory_clock_mhz = static_cast<int>(mhz);
  unsigned long long reasons = 0;
  if (functions_.nvmlDeviceGetCurrentClocksThrottleReasons(device, &reasons) == 0)
    state.throttle = describe_throttle(reasons);
  return state;
}

const Nvml& nvml() {
  static const Nvml library(open_nvml());
  return library;
}

}  // namespace convoke
