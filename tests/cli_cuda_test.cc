// `emit` and `compile` for GPUs that are not here: needs NVRTC, but neither driver nor GPU.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "convoke/error.h"
#include "runtime/cache_entry.h"
#include "runtime/kernel_cache.h"
#include "runtime/nvrtc.h"
#include "tests/subprocess.h"

namespace convoke {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class CliCuda : public testing::Test {
 protected:
  void SetUp() override {
    try {
      nvrtc();
    } catch (const Error& error) {
      GTEST_SKIP() << "needs NVRTC: " << error.what();
    }
    folder_ = std::string(CONVOKE_BINARY_DIR) + "/test_cache/cli_cuda_test_folder";
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  Finished convoke(std::vector<std::string> words) const {
    words.insert(words.begin(), CONVOKE_BINARY_DIR "/bin/convoke");
    return Subprocess(words, {{"CONVOKE_CUDA_DRIVER", "/nonexistent/libcuda.so"},
                              {"CONVOKE_CACHE_DIR", folder_ + "/cache"}})
        .wait();
  }
  std::string folder_;
};

TEST_F(CliCuda, EmitsPtxAndCubins) {
  const std::string problem = "mb1ic16ih8oc16kh3ph1";
  const Finished ptx = convoke({"emit", problem, "--arch", "sm_80", "--format", "ptx"});
  EXPECT_EQ(ptx.code, 0) << ptx.err;
  EXPECT_THAT(ptx.out, HasSubstr(".target sm_80"));
  const Finished cubin = convoke({"emit", problem, "--arch", "sm_90a", "--format", "cubin"});
  EXPECT_EQ(cubin.code, 0) << cubin.err;
  EXPECT_EQ(cubin.out.substr(1, 3), "ELF");
  const std::string file = folder_ + "/k.cubin";
  const Finished written =
      convoke({"emit", problem, "--arch", "sm_90a", "--format", "cubin", "--json", "-o", file});
  EXPECT_EQ(written.code, 0) << written.err;
  const json object = json::parse(written.out.substr(0, written.out.find('\n')));
  EXPECT_EQ(object["format"], "cubin");
  EXPECT_EQ(object["bytes"], std::filesystem::file_size(file));
  const Finished text =
      convoke({"emit", problem, "--arch", "sm_90a", "--format", "cubin", "--json"});
  EXPECT_EQ(text.code, 2);
  EXPECT_THAT(text.err, HasSubstr("give it a file with -o"));
}

TEST_F(CliCuda, CompilesAListForSeveralArchitectures) {
  const std::string kernels = folder_ + "/kernels";
  const Finished run =
      convoke({"compile", "--arch", "sm_80,sm_90a", "mb1ic3ih8oc4kh3", "mb2ic16ih8oc16kh1",
               "dtype=f16", "mb1ic3ih8oc4kh3", "pass=wgrad", "-o", kernels, "-j", "2", "--json"});
  EXPECT_EQ(run.code, 3) << "an unsupported problem, the others go on: " << run.err;
  std::istringstream lines(run.out);
  int built = 0, unsupported = 0;
  json object;
  for (std::string line; std::getline(lines, line);) {
    object = json::parse(line);
    EXPECT_EQ(object["schema"], 1);
    if (object.contains("summary")) continue;
    built += object["status"] == "built";
    unsupported += object["status"] == "unsupported";
    EXPECT_EQ(object["status"] == "built", object["bytes"].get<int>() > 0);
  }
  EXPECT_EQ(built, 4);
  EXPECT_EQ(unsupported, 2);
  EXPECT_EQ(object["summary"]["kernels"], 6);
  EXPECT_EQ(object["summary"]["built"], 4);
  EXPECT_EQ(object["summary"]["exit_code"], 3);
  const std::vector<CacheEntry> entries = KernelCache(kernels, "").list();
  EXPECT_EQ(entries.size(), 8u) << "a cubin and a PTX each";
  for (const CacheEntry& entry : entries) EXPECT_TRUE(entry.intact) << entry.key;
}

TEST_F(CliCuda, SaysWhenTheFolderCannotBeWritten) {
  const Finished run = convoke({"compile", "--arch", "sm_80", "mb1ic3ih8oc4kh3", "-o", "/proc/no"});
  EXPECT_EQ(run.code, 5) << run.err;
  EXPECT_THAT(run.err, HasSubstr("/proc/no"));
}

}  // namespace
}  // namespace convoke
