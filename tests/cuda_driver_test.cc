// What is found of a driver and its GPUs, and the one sentence for each thing that is missing.
#include "runtime/cuda_driver.h"

#include <thread>

#include "tests/fake_gpu_fixture.h"

namespace convoke {
namespace {

TEST(CudaDriverMissing, IsOneSentence) {
  EXPECT_HAS(what_of([] { CudaDriver("/nonexistent/libcuda.so.1"); }), "no CUDA driver");
  EXPECT_HAS(what_of([] { CudaDriver("/nonexistent/libcuda.so.1"); }), "/nonexistent/libcuda.so.1");
  EXPECT_HAS(what_of([] { CudaDriver("libc.so.6"); }), "is not a CUDA driver");
}

TEST_F(FakeGpuTest, KnowsItsVersion) {
  EXPECT_EQ(driver->version_text(), "13.0");
  EXPECT_EQ(driver->path(), CONVOKE_FAKE_CUDA);
  setenv("FAKE_CUDA_VERSION", "12080", 1);
  EXPECT_EQ(CudaDriver(CONVOKE_FAKE_CUDA).version_text(), "12.8");
  setenv("FAKE_CUDA_VERSION", "11080", 1);
  const std::string what = what_of([] { CudaDriver{CONVOKE_FAKE_CUDA}; });
  EXPECT_HAS(what, "too old");
  EXPECT_HAS(what, "CUDA 11.8");
  EXPECT_HAS(what, "12.0");
}

TEST_F(FakeGpuTest, DescribesResults) {
  EXPECT_EQ(driver->describe(cu::Result::kOutOfMemory), "CUDA_ERROR_OUT_OF_MEMORY (a fake error)");
  EXPECT_EQ(driver->describe(static_cast<cu::Result>(12345)), "CUDA error 12345");
}

TEST_F(FakeGpuTest, NoGpu) {
  setenv("FAKE_CUDA_DEVICES", "0", 1);
  EXPECT_HAS(what_of([&] { CudaContext(*driver, 0); }), "no NVIDIA GPU");
  unsetenv("FAKE_CUDA_DEVICES");
  setenv("FAKE_CUDA_FAIL", "cuInit:100", 1);
  EXPECT_HAS(what_of([&] { CudaContext(*driver, 0); }), "no NVIDIA GPU");
  setenv("FAKE_CUDA_FAIL", "cuInit:803", 1);
  EXPECT_HAS(what_of([&] { CudaContext(*driver, 0); }), "restart the machine");
  setenv("FAKE_CUDA_FAIL", "cuInit:34", 1);
  EXPECT_HAS(what_of([&] { CudaContext(*driver, 0); }), "stub");
}

TEST_F(FakeGpuTest, NoSuchGpu) {
  setenv("FAKE_CUDA_DEVICES", "2", 1);
  EXPECT_EQ(count_cuda_gpus(*driver), 2);
  EXPECT_HAS(what_of([&] { CudaContext(*driver, 2); }), "no GPU cuda:2: there are 2");
  EXPECT_HAS(what_of([&] { CudaContext(*driver, -1); }), "no GPU cuda:-1");
}

TEST_F(FakeGpuTest, AnOldGpuIsRefused) {
  setenv("FAKE_CUDA_CAPABILITY", "70", 1);
  const std::string what = what_of([&] { CudaContext(*driver, 0); });
  EXPECT_HAS(what, "compute capability 7.0");
  EXPECT_HAS(what, "7.5");
}

TEST_F(FakeGpuTest, ReadsTheFigures) {
  const CudaGpu gpu = find_cuda_gpu(*driver, 0);
  EXPECT_EQ(gpu.name, "Fake GPU");
  EXPECT_EQ(gpu.memory_bytes, std::int64_t{1} << 30);
  EXPECT_EQ(arch_name(gpu.device), "sm_90a");
  EXPECT_EQ(gpu.device.multiprocessors, 100);
  EXPECT_EQ(gpu.device.shared_bytes_block, 227 << 10);
  EXPECT_EQ(gpu.device.l2_bytes, 32 << 20);
  EXPECT_DOUBLE_EQ(gpu.device.clock_ghz, 1.5);
  EXPECT_DOUBLE_EQ(gpu.device.memory_gb_s, 2 * 1e9 * 4096 / 8 / 1e9);
  setenv("FAKE_CUDA_CAPABILITY", "86", 1);
  EXPECT_EQ(arch_name(find_cuda_gpu(*driver, 0).device), "sm_86");
}

TEST_F(FakeGpuTest, AContextIsRetainedAndGivenBack) {
  const int before = fake->contexts;
  {
    const CudaContext context(*driver, 0);
    EXPECT_EQ(fake->contexts, before + 1);
    cu::Context now = nullptr;
    {
      const CurrentContext current(context);
      driver->cuCtxGetCurrent(&now);
      EXPECT_EQ(now, context.handle());
      const CurrentContext again(context);
    }
    driver->cuCtxGetCurrent(&now);
    EXPECT_EQ(now, nullptr);
  }
  EXPECT_EQ(fake->contexts, before);
  setenv("FAKE_CUDA_FAIL", "cuDevicePrimaryCtxRetain:2", 1);
  EXPECT_HAS(what_of([&] { CudaContext(*driver, 0); }), "CUDA_ERROR_OUT_OF_MEMORY");
  EXPECT_EQ(fake->contexts, before);
}

TEST_F(FakeGpuTest, TheCallersContextComesBack) {
  setenv("FAKE_CUDA_DEVICES", "2", 1);
  const CudaContext first(*driver, 0), second(*driver, 1);
  const CurrentContext callers(second);
  { const CurrentContext current(first); }
  cu::Context now = nullptr;
  driver->cuCtxGetCurrent(&now);
  EXPECT_EQ(now, second.handle());
}

TEST(KnownArchitectures, HaveNamesThatParse) {
  for (const CudaDevice& device : known_cuda_devices()) {
    EXPECT_EQ(parse_arch(arch_name(device)).multiprocessors, device.multiprocessors);
    EXPECT_EQ(device.arch_specific, device.capability >= 90);
  }
  EXPECT_EQ(parse_arch("sm_90").capability, 90);
  const std::string what = what_of([] { parse_arch("sm_70"); }, ErrorCode::kUsage);
  EXPECT_HAS(what, "'sm_70'");
  EXPECT_HAS(what, "sm_75, sm_80");
}

}  // namespace
}  // namespace convoke
