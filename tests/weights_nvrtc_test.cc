// Units of the sparse family compile without spills for sm_80, sm_90a and sm_120a, lists and code,
// baked and bound; code of as many weights as it takes compiles in seconds. No GPU is needed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "compiler/cuda_config.h"
#include "compiler/cuda_cost.h"
#include "compiler/emit_cuda.h"
#include "compiler/spec_text.h"
#include "convoke/error.h"
#include "convoke/sparsity_pattern.h"
#include "runtime/cuda_compiler.h"

namespace convoke {
namespace {

class WeightsUnits : public testing::Test {
 protected:
  void SetUp() override {
    try {
      compiler_ = &nvrtc();
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
  }

  static ConvSpec spec_of(const std::string& problem) {
    const ConvSpec spec = parse_problem(problem).spec;
    return problem.find(":bound") == std::string::npos
               ? with_pattern(spec, SparsityPattern::random(spec, 1))
               : spec;
  }

  /// Configurations of the sparse family, the likeliest first.
  static std::vector<CudaConfig> configs_of(const ConvSpec& spec, const CudaDevice& device,
                                            bool code) {
    std::vector<std::pair<double, CudaConfig>> ranked;
    for (const KernelConfig& config : enumerate_cuda_configs(spec, device))
      if (config.cuda.family == cuda::Family::kSparse && config.cuda.code == code)
        ranked.push_back({predict_cuda_us(spec, config.cuda, device), config.cuda});
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<CudaConfig> configs;
    for (const auto& [us, config] : ranked) configs.push_back(config);
    return configs;
  }

  void expect_compiles(const ConvSpec& spec, const CudaConfig& config, const std::string& arch) {
    const std::string what = print_spec(spec) + " " + print_config(config) + " " + arch;
    const EmittedKernel emitted = emit_cuda(spec, config);
    try {
      const CudaImage image =
          compile_cuda(*compiler_, template_files(), {emitted.source, arch, "unit.cu", "unit"}, "");
      EXPECT_EQ(why_slow(image.resources), "") << what;
      EXPECT_LT(image.image.size(), std::size_t{4} << 20) << what;
    } catch (const Error& error) {
      ADD_FAILURE() << what << "\n" << emitted.source.substr(0, 3000) << error.what();
    }
  }

  const Nvrtc* compiler_ = nullptr;
};

constexpr const char* kLists[] = {
    "mb8ic256ih14oc256kh3ph1 dtype=f16 sparsity=unstructured:0.1:bound",
    "mb8ic64ih56oc100kh3ph1 epilogue=relu(acc*scale[k]+bias[k]+residual) sparsity=nm:1:4",
    "g2mb4ic34ih27oc42kh3sh2dh1ph2 dtype=tf32 layout=nchw sparsity=nm:2:5:bound",
    "mb4ic120ih1oc84kh1 dtype=bf16 sparsity=unstructured:0.5:bound",
    "mb4ic64ih28oc64kh1sh3ph0 dtype=f16 xlayout=nchw ylayout=nhwc sparsity=channel:0.5@2:bound"};

TEST_F(WeightsUnits, ListsCompileWithoutSpills) {
  const std::vector<CudaDevice>& known = known_cuda_devices();
  int number = 0;
  for (const CudaDevice& device : known) {
    const std::string arch = arch_name(device);
    if (arch != "sm_80" && arch != "sm_90a" && arch != "sm_120a") continue;
    for (const char* problem : kLists) {
      const ConvSpec spec = spec_of(problem);
      const std::vector<CudaConfig> configs = configs_of(spec, device, false);
      ASSERT_FALSE(configs.empty()) << problem;
      expect_compiles(spec, configs[number++ % 2 == 0 ? 0 : configs.size() / 2], arch);
    }
  }
}

constexpr const char* kCode[] = {
    "mb128ic1ih28oc6kh5ph2 sparsity=unstructured:0.5",
    "mb128ic6ih14oc16kh5 dtype=f16 sparsity=unstructured:0.3",
    "mb4ic16ih30oc20kh3ph1 dtype=bf16 epilogue=relu(acc*scale[k]+bias[k]+residual) sparsity=nm:1:4",
    "mb64ic120ih1oc84kh1 layout=nchw sparsity=unstructured:0.1"};

TEST_F(WeightsUnits, CodeCompilesWithoutSpills) {
  const std::vector<CudaDevice>& known = known_cuda_devices();
  int number = 0;
  for (const CudaDevice& device : known) {
    const std::string arch = arch_name(device);
    if (arch != "sm_80" && arch != "sm_90a" && arch != "sm_120a") continue;
    for (const char* problem : kCode) {
      const ConvSpec spec = spec_of(problem);
      const std::vector<CudaConfig> configs = configs_of(spec, device, true);
      ASSERT_FALSE(configs.empty()) << problem;
      expect_compiles(spec, configs[number++ % 2 == 0 ? 0 : configs.size() / 2], arch);
    }
  }
}

TEST_F(WeightsUnits, CodeOfAllWeightsThatItTakesCompilesInSeconds) {
  constexpr double kMostSeconds = 30;  // several times what a busy machine of 2026 takes
  for (const char* problem : {"mb8ic64ih28oc64kh3ph1 dtype=f16 sparsity=unstructured:0.111",
                              "mb64ic64ih1oc64kh1 sparsity=unstructured:1"}) {
    const ConvSpec spec = spec_of(problem);
    ASSERT_GT(spec.pattern->kept_weights(), cuda::kMaxCodeWeights - 64);
    const CudaDevice device;
    std::vector<CudaConfig> configs = configs_of(spec, device, true);
    ASSERT_FALSE(configs.empty()) << problem;
    // The most instructions: as many sums a thread as there are.
    const auto sums = [](const CudaConfig& c) { return c.bm / (32 * c.wm); };
    const auto most = std::max_element(
        configs.begin(), configs.end(),
        [&](const CudaConfig& a, const CudaConfig& b) { return sums(a) < sums(b); });
    const auto start = std::chrono::steady_clock::now();
    expect_compiles(spec, *most, arch_name(device));
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    EXPECT_LT(seconds, kMostSeconds) << print_config(*most);
    RecordProperty(problem, fmt::format("{:.1f} s, {}", seconds, print_config(*most)));
    fmt::print("{}: {:.1f} s\n", print_config(*most), seconds);
  }
}

}  // namespace
}  // namespace convoke
