// The units that people read compile: templates/all_kernels.cu and the goldens of emitted units.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "convoke/error.h"
#include "runtime/cuda_compiler.h"

namespace convoke {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> units() {
  std::vector<fs::path> found = {CONVOKE_SOURCE_DIR "/templates/all_kernels.cu"};
  for (const auto& entry : fs::directory_iterator(CONVOKE_SOURCE_DIR "/tests/golden"))
    if (entry.path().extension() == ".cu") found.push_back(entry.path());
  return found;
}

TEST(Units, TheOnesThatPeopleReadCompile) {
  const Nvrtc* compiler = nullptr;
  try {
    compiler = &nvrtc();
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  ASSERT_GT(units().size(), 4u);
  for (const fs::path& path : units()) {
    std::ifstream file(path);
    const std::string source{std::istreambuf_iterator<char>(file), {}};
    try {
      const CudaImage image = compile_cuda(*compiler, template_files(),
                                           {source, "sm_90a", path.filename(), "unit"}, "");
      EXPECT_EQ(why_slow(image.resources), "") << path;
    } catch (const Error& error) {
      ADD_FAILURE() << path << ": " << error.what();
    }
  }
}

}  // namespace
}  // namespace convoke
