// A CUDA target over the fake driver and the fake compiler, for tests that need neither.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>

#include "compiler/kernel_config.h"
#include "compiler/spec_text.h"
#include "runtime/cuda_target.h"
#include "tests/fake_cuda.h"

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

namespace convoke {

class FakeGpuTest : public testing::Test {
 protected:
  FakeGpuTest() {
    for (const char* name :
         {"FAKE_CUDA_VERSION", "FAKE_CUDA_DEVICES", "FAKE_CUDA_CAPABILITY", "FAKE_CUDA_MEMORY",
          "FAKE_CUDA_FAIL", "FAKE_NVRTC_VERSION", "FAKE_NVRTC_LOG", "FAKE_NVRTC_FAIL"})
      unsetenv(name);
    void* library = dlopen(CONVOKE_FAKE_CUDA, RTLD_NOW);
    fake = reinterpret_cast<FakeCudaState>(dlsym(library, "fake_cuda_state"))();
    fake->lost = 0;
    fake->launches.clear();
    fake->modules_loaded = fake->modules_unloaded = fake->unloaded_elsewhere = 0;
    fake->pointer_queries = fake->unsafe_in_capture = 0;
    root =
        std::filesystem::temp_directory_path() / ("convoke_fake_gpu_" + std::to_string(getpid()));
    std::filesystem::remove_all(root);
    std::filesystem::create_directories(root);
    setenv("FAKE_NVRTC_COUNT", (root / "compiled").c_str(), 1);
    driver = std::make_unique<CudaDriver>(CONVOKE_FAKE_CUDA);
    compiler = std::make_unique<const Nvrtc>(CONVOKE_FAKE_NVRTC);
  }
  ~FakeGpuTest() override { std::filesystem::remove_all(root); }

  CudaTargetParts parts(int ordinal = 0) const {
    CudaTargetParts p;
    p.gpu = std::make_shared<const CudaContext>(*driver, ordinal);
    p.device = p.gpu->gpu().device;
    p.cache_dir = (root / "cache").string();
    p.nvrtc = [this]() -> const Nvrtc& { return *compiler; };
    p.templates = &template_files();
    return p;
  }
  std::shared_ptr<Target> target(int ordinal = 0) const { return make_cuda_target(parts(ordinal)); }
  /// Compilations so far.
  int compiled() const {
    std::ifstream file(root / "compiled");
    return static_cast<int>(
        std::count(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>(), '\n'));
  }

  FakeCuda* fake = nullptr;
  std::filesystem::path root;
  std::unique_ptr<CudaDriver> driver;
  std::unique_ptr<const Nvrtc> compiler;
  ConvSpec spec = parse_problem("mb2ic64ih8oc64oh8kh3ph1 dtype=f16").spec;
  const KernelConfig mma = parse_config("cuda:mma,bm=64,bn=64,bk=32,wm=2,wn=2,stages=3");
  const KernelConfig split = parse_config("cuda:mma,bm=64,bn=64,bk=32,wm=2,wn=2,stages=3,split=4");
};

/// The sentence of an Error, whose code is checked.
inline std::string what_of(const std::function<void()>& call, ErrorCode code = ErrorCode::kDevice) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

/// Memory of the fake GPU, freed at the end.
class GpuBuffer {
 public:
  GpuBuffer(const std::shared_ptr<Target>& target, std::size_t bytes)
      : target_(target), bytes_(bytes), data_(target->allocate(bytes)) {}
  ~GpuBuffer() { target_->deallocate(data_); }
  GpuBuffer(const GpuBuffer&) = delete;
  GpuBuffer& operator=(const GpuBuffer&) = delete;
  void* data() const { return data_; }
  operator Buffer() const { return {data_, bytes_}; }       // NOLINT: it is one
  operator ConstBuffer() const { return {data_, bytes_}; }  // NOLINT

 private:
  std::shared_ptr<Target> target_;
  std::size_t bytes_;
  void* data_;
};

}  // namespace convoke
