// NVRTC as it is found on this machine: what is compiled for which architecture, what its log says,
// what happens when it is missing. Skips where there is none, but for the last part.
#include "runtime/nvrtc.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "compiler/cuda_device.h"
#include "convoke/error.h"
#include "runtime/cuda_compiler.h"

namespace convoke {
namespace {

namespace fs = std::filesystem;

std::string what_of(const std::function<void()>& call, ErrorCode code = ErrorCode::kDevice) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  return "no error";
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

class NvrtcTest : public testing::Test {
 protected:
  void SetUp() override {
    try {
      nvrtc_ = &nvrtc();
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
    root_ = fs::temp_directory_path() / ("convoke_nvrtc_test_" + std::to_string(getpid()));
  }
  void TearDown() override { fs::remove_all(root_); }
  CudaImage compile(const std::string& source, const std::string& arch = "sm_90a",
                    const std::string& keep_in = "") const {
    return compile_cuda(*nvrtc_, templates_, {source, arch, "the test", std::string(64, 'a')},
                        keep_in);
  }
  const Nvrtc* nvrtc_ = nullptr;
  fs::path root_;
  TemplateFiles templates_{{{"templates/answer.h", "constexpr int kAnswer = 42;\n"}}, "digest"};
  const std::string source_ =
      "#include \"templates/answer.h\"\n"
      "extern \"C\" __global__ void convoke_kernel(int* x) { x[threadIdx.x] = kAnswer; }\n";
};

TEST_F(NvrtcTest, SaysWhatItIs) {
  EXPECT_GE(nvrtc_->major(), kMinNvrtcMajor);
  EXPECT_EQ(nvrtc_->name().rfind("NVRTC " + std::to_string(nvrtc_->major()) + ".", 0), 0u);
  EXPECT_EQ(std::count(nvrtc_->name().begin(), nvrtc_->name().end(), '.'), 2) << nvrtc_->name();
  EXPECT_TRUE(fs::exists(nvrtc_->path())) << nvrtc_->path();
  EXPECT_FALSE(nvrtc_->architectures().empty());
  EXPECT_EQ(&nvrtc(), nvrtc_);
}

TEST_F(NvrtcTest, CompilesForEveryArchitectureThatItKnows) {
  for (const CudaDevice& device : known_cuda_devices()) {
    const std::string arch = compile_arch(device, *nvrtc_);
    const CudaImage image = compile(source_, arch);
    EXPECT_EQ(is_ptx(image.image), arch.rfind("compute_", 0) == 0) << arch;
    EXPECT_GT(image.resources.registers, 0) << image.log;
    EXPECT_EQ(why_slow(image.resources), "");
    EXPECT_HAS(image.ptx, "convoke_kernel");
  }
}

TEST_F(NvrtcTest, AGpuThatItDoesNotKnowGetsPtx) {
  CudaDevice future = known_cuda_devices().back();
  future.capability = 199;
  const std::string arch = compile_arch(future, *nvrtc_);
  EXPECT_EQ(arch, "compute_" + std::to_string(nvrtc_->architectures().back()));
  const CudaImage image = compile(source_, arch);
  EXPECT_TRUE(is_ptx(image.image));
  EXPECT_EQ(image.image, image.ptx);
  CudaDevice old = future;
  old.capability = 35;
  EXPECT_HAS(what_of([&] { compile_arch(old, *nvrtc_); }), "sm_35");
}

TEST_F(NvrtcTest, TheSameSourceMakesTheSameImage) {
  EXPECT_EQ(compile(source_).image, compile(source_).image);
}

TEST_F(NvrtcTest, ThreadsCompileAtOnce) {
  std::vector<std::thread> threads;
  std::vector<std::string> images(4);
  for (std::size_t i = 0; i < images.size(); ++i)
    threads.emplace_back([&, i] { images[i] = compile(source_).image; });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& image : images) EXPECT_EQ(image, images[0]);
}

TEST_F(NvrtcTest, TellsOfStackFrames) {
  const CudaImage image = compile(
      "extern \"C\" __global__ void k(float* x, int n) { float a[200];\n"
      "for (int i = 0; i < 200; ++i) a[i] = x[i * n];\n"
      "for (int i = 0; i < n; ++i) x[i] += a[(i * n) % 200]; }");
  EXPECT_GE(image.resources.stack_bytes, 800);
  EXPECT_HAS(why_slow(image.resources), "stack frame");
}

TEST_F(NvrtcTest, AFailureKeepsSourceAndLog) {
  const std::string what =
      what_of([&] { compile("static_assert(1 == 2, \"one is not two\");", "sm_90a", root_); });
  EXPECT_HAS(what, "one is not two");
  EXPECT_HAS(what, "the test");
  const std::string stem = root_.string() + "/" + std::string(16, 'a');
  for (const char* suffix : {".cu", ".log"}) {
    EXPECT_HAS(what, stem + suffix);
    EXPECT_TRUE(fs::exists(stem + suffix));
  }
  EXPECT_HAS(what_of([&] { compile("#include \"nowhere.h\""); }), "nowhere.h");
  EXPECT_HAS(what_of([&] { compile("int x = ;"); }), "CONVOKE_DUMP");
}

TEST_F(NvrtcTest, DisassemblesWithTheToolOfThePath) {
  fs::create_directories(root_);
  const fs::path tool = root_ / "nvdisasm";
  std::ofstream(tool) << "#!/bin/sh\nhead -c 4 \"$1\" | tail -c 3\n";
  fs::permissions(tool, fs::perms::owner_all);
  const std::string path = std::getenv("PATH");
  setenv("PATH", (root_.string() + ":" + path).c_str(), 1);
  EXPECT_EQ(disassemble(compile(source_).image), "ELF");
  std::ofstream(tool) << "#!/bin/sh\necho 'error: not for me' >&2\nexit 3\n";
  EXPECT_HAS(what_of([&] { disassemble("x"); }), "not for me");
  setenv("PATH", path.c_str(), 1);
}

TEST(NvrtcMissing, IsOneSentence) {
  EXPECT_HAS(what_of([] { Nvrtc("/nonexistent/libnvrtc.so.13"); }), "/nonexistent/libnvrtc.so.13");
  EXPECT_HAS(what_of([] { Nvrtc("libc.so.6"); }), "is not NVRTC");
}

TEST(NvrtcMissing, ReadsTheVersionInThePtx) {
  EXPECT_EQ(ptx_compiler_version("// Cuda compilation tools, release 13.0, V13.0.88\n// Based"),
            "13.0.88");
  EXPECT_EQ(ptx_compiler_version("// Cuda compilation tools, release 13.0"), "");
  EXPECT_EQ(ptx_compiler_version(""), "");
}

}  // namespace
}  // namespace convoke
