// What is made of NVML's answers, over functions of our own; and that a machine without it is fine.
#include "runtime/nvml.h"

#include <gtest/gtest.h>

#include <string>

namespace convoke {
namespace {

unsigned long long reasons = 0;
std::string asked;

NvmlFunctions fake() {
  NvmlFunctions f;
  f.nvmlInit_v2 = [] { return 0; };
  f.nvmlDeviceGetHandleByPciBusId_v2 = [](const char* bus_id, void** device) {
    asked = bus_id;
    *device = &asked;
    return asked == "00000000:1b:00.0" ? 0 : 6;
  };
  f.nvmlDeviceGetClockInfo = [](void*, int clock, unsigned* mhz) {
    *mhz = clock == 1 ? 1755 : 2619;
    return 0;
  };
  f.nvmlDeviceGetCurrentClocksThrottleReasons = [](void*, unsigned long long* out) {
    *out = reasons;
    return 0;
  };
  return f;
}

TEST(Nvml, TellsClocksAndWhyTheyAreHeldDown) {
  const Nvml library(fake());
  reasons = 0x1 | 0x4;  // idle, and at the power limit: as a busy GPU is
  const DeviceState fine = library.state("00000000:1b:00.0");
  EXPECT_EQ(fine.clock_mhz, 1755);
  EXPECT_EQ(fine.memory_clock_mhz, 2619);
  EXPECT_EQ(fine.throttle, "");
  reasons = 0x4 | 0x20 | 0x40;
  EXPECT_EQ(library.state("00000000:1b:00.0").throttle, "too hot (driver), too hot (hardware)");
}

TEST(Nvml, KnowsNothingOfAGpuThatItDoesNotList) {
  const DeviceState state = Nvml(fake()).state("00000000:99:00.0");
  EXPECT_EQ(state.clock_mhz, 0);
  EXPECT_EQ(state.throttle, "");
}

TEST(Nvml, NothingIsKnownWithoutTheLibrary) {
  EXPECT_EQ(Nvml(NvmlFunctions{}).state("00000000:1b:00.0").clock_mhz, 0);
  NvmlFunctions broken = fake();
  broken.nvmlInit_v2 = [] { return 9; };  // a library without its driver
  EXPECT_EQ(Nvml(broken).state("00000000:1b:00.0").clock_mhz, 0);
  EXPECT_EQ(nvml().state("no such GPU").clock_mhz, 0);  // whatever this machine has
}

}  // namespace
}  // namespace convoke
