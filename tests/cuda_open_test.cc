// Device::open of GPUs, over the fake driver and the fake compiler through the environment: which
// target a name means, what "auto" settles for, what a plan tells of its device.
#include "convoke/convoke.hpp"
#include "tests/fake_gpu_fixture.h"

namespace convoke {
namespace {

// Before anything reads the environment, which is done once.
const int environment_set = [] {
  setenv("CONVOKE_CUDA_DRIVER", CONVOKE_FAKE_CUDA, 1);
  setenv("CONVOKE_NVRTC", CONVOKE_FAKE_NVRTC, 1);
  return 0;
}();

class CudaOpenTest : public FakeGpuTest {};

TEST_F(CudaOpenTest, NamesOfTargets) {
  setenv("FAKE_CUDA_DEVICES", "2", 1);
  EXPECT_EQ(Device::open("cuda").name(), "cuda:0");
  EXPECT_EQ(Device::open("cuda:0").name(), "cuda:0");
  EXPECT_EQ(Device::open("cuda:1").name(), "cuda:1");
  EXPECT_EQ(Device::open("cpu").name(), "cpu");
  EXPECT_EQ(Device::open("cuda:1").description(),
            "Other GPU, sm_90a, 100 SMs, 4 GiB, NVRTC 13.0.1");
  EXPECT_HAS(what_of([] { Device::open("cuda:2"); }), "there are 2");
  for (const char* name : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda1", "CUDA",
                           "cuda:99999999999999999999"})
    EXPECT_HAS(what_of([&] { Device::open(name); }, ErrorCode::kUsage), name);
}

TEST_F(CudaOpenTest, AutoIsTheGpuIfOneWorks) {
  EXPECT_EQ(Device::open("auto").name(), "cuda:0");
  EXPECT_EQ(Device::open().name(), "cuda:0");
  setenv("FAKE_CUDA_DEVICES", "0", 1);
  EXPECT_EQ(Device::open("auto").name(), "cpu");
  unsetenv("FAKE_CUDA_DEVICES");
  setenv("FAKE_CUDA_CAPABILITY", "61", 1);
  EXPECT_EQ(Device::open("auto").name(), "cpu");
  EXPECT_HAS(what_of([] { Device::open("cuda"); }), "6.1");
}

TEST_F(CudaOpenTest, ACompilerNewerThanTheDriverIsRefused) {
  setenv("FAKE_CUDA_VERSION", "12080", 1);
  EXPECT_EQ(nvrtc(0).major(), 13);
  const std::string what = what_of([] { nvrtc(12); });
  EXPECT_HAS(what, "NVRTC 13.0");
  EXPECT_HAS(what, "the driver is for CUDA 12");
  EXPECT_HAS(what, "CONVOKE_NVRTC");
  setenv("FAKE_NVRTC_VERSION", "11", 1);
  EXPECT_HAS(what_of([] { nvrtc(12); }), "NVRTC 11.0: 12.0 or later");
}

TEST_F(CudaOpenTest, PlansTellStepsAlignmentAndSource) {
  const Device device = Device::open("cuda");
  spec.n = kOpenBatch;
  const Plan plan(device, spec, {.config = print_config(split)});
  EXPECT_EQ(plan.config(), print_config(split));
  EXPECT_EQ(plan.alignment(), 16u);
  ASSERT_EQ(plan.steps().size(), 2u);
  EXPECT_EQ(plan.steps()[0].workspace_bytes, plan.workspace_bytes(1));
  EXPECT_EQ(plan.workspace_bytes(5), 5 * plan.workspace_bytes(1));
  EXPECT_TRUE(Plan(device, spec, {.config = print_config(split)}).from_cache());
}

TEST_F(CudaOpenTest, UnalignedPointersAreRefusedWhereTheKernelNeedsAlignment) {
  const Device device = Device::open("cuda");
  const std::shared_ptr<Target> t(&device.target(), [](Target*) {});
  const GpuBuffer x(t, 1 << 16), w(t, 1 << 17), y(t, 1 << 16);
  LaunchArgs args;
  args.x = x, args.w = w, args.y = y;
  const Plan plan(device, spec, {.config = print_config(mma)});
  plan.launch(args);
  args.x.data = static_cast<const char*>(x.data()) + 2;
  EXPECT_HAS(what_of([&] { plan.launch(args); }, ErrorCode::kUsage), "multiple of 16 bytes");
  EXPECT_EQ(fake->launches.size(), 1u);
}

}  // namespace
}  // namespace convoke
