// Kernels built ahead of time run where there is no NVRTC: `convoke compile` fills a folder, and
// another process, told to look for NVRTC where there is none, takes its kernels from there. The
// first two steps need no GPU, the last does.
#include <fstream>

#include "tests/gpu_support.h"
#include "tests/subprocess.h"

namespace convoke {
namespace {

using Environment = std::vector<std::pair<std::string, std::string>>;

class GpuAot : public test::GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    char name[] = "/tmp/convoke-aot-XXXXXX";
    folder_ = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  Finished convoke(std::vector<std::string> words, const Environment& environment) const {
    words.insert(words.begin(), test::program_folder() / "convoke");
    return Subprocess(words, environment).wait();
  }
  std::string folder_;
};

TEST_F(GpuAot, RunsWithoutNvrtc) {
  const std::string list = folder_ + "/list.txt";
  std::ofstream(list) << "mb2ic64ih14oc64kh3ph1 dtype=f16\nmb2ic3ih16oc8kh3ph1\n";
  const Finished built =
      convoke({"compile", "--target", "cuda", "--problems", list, "-o", folder_ + "/kernels"},
              {{"CONVOKE_CACHE_DIR", folder_ + "/a"}});
  ASSERT_EQ(built.code, 0) << built.err;

  const Environment without = {{"CONVOKE_NVRTC", "/nonexistent/libnvrtc.so"},
                               {"CONVOKE_CACHE_DIR", folder_ + "/b"}};
  const std::vector<std::string> verify = {"verify", "--target", "cuda", "--problems", list};
  const Finished alone = convoke(verify, without);
  EXPECT_EQ(alone.code, 4);
  EXPECT_NE(alone.err.find("/nonexistent/libnvrtc.so"), std::string::npos) << alone.err;
  Environment with_folder = without;
  with_folder.emplace_back("CONVOKE_SYSTEM_CACHE", folder_ + "/kernels");
  const Finished run = convoke(verify, with_folder);
  EXPECT_EQ(run.code, 0) << run.err;
}

}  // namespace
}  // namespace convoke
