// NVIDIA's management library, opened at run time, for one question: what is a GPU doing to its
// clocks right now? Without it (containers often lack it) the answer is that nothing is known; it
// is never an error.
#pragma once

#include <string>

#include "runtime/target.h"

namespace convoke {

/// The functions that we call, as the library exports them; 0 is success.
struct NvmlFunctions {
  int (*nvmlInit_v2)() = nullptr;
  int (*nvmlDeviceGetHandleByPciBusId_v2)(const char* bus_id, void** device) = nullptr;
  int (*nvmlDeviceGetClockInfo)(void* device, int clock, unsigned* mhz) = nullptr;
  int (*nvmlDeviceGetCurrentClocksThrottleReasons)(void* device,
                                                   unsigned long long* reasons) = nullptr;
};
/// Of libnvidia-ml.so.1; all null if it is missing or lacks one.
NvmlFunctions open_nvml();

/// What NVML's bits say in words: heat and faults. The power limit is not among them: it is how
/// heavy kernels run on this GPU, and the clock tells.
std::string describe_throttle(unsigned long long reasons);

class Nvml {
 public:
  explicit Nvml(const NvmlFunctions& functions);
  /// Of the GPU with this PCI bus id ("00000000:1b:00.0").
  DeviceState state(const std::string& pci_bus_id) const;

 private:
  NvmlFunctions functions_;
  bool works_ = false;
};

/// The process's.
const Nvml& nvml();

}  // namespace convoke
