// Units of sparse kernels compile without spills: every kind, baked and bound, on configurations of
// the search space. No GPU is needed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "compiler/cuda_config.h"
#include "compiler/cuda_cost.h"
#include "compiler/cuda_device.h"
#include "compiler/emit_cuda.h"
#include "compiler/spec_text.h"
#include "convoke/error.h"
#include "convoke/sparsity_pattern.h"
#include "runtime/cuda_compiler.h"

namespace convoke {
namespace {

struct Case {
  const char *problem, *sparsity;
};
constexpr Case kCases[] = {
    {"mb8ic256ih14oc256kh3ph1 dtype=f16", "channel:0.5"},
    {"mb8ic64ih14oc100kh3ph1 dtype=bf16 epilogue=relu(acc*scale[k]+bias[k]+residual)",
     "channel:0.25@4"},
    {"g4mb4ic64ih9oc72kh3sh2ph1 dtype=tf32 layout=nchw", "channel:0.6"},
    {"mb8ic256ih14oc256kh3ph1 dtype=f16", "input:0.5@64"},
    {"mb8ic256ih14oc256kh3ph1 dtype=f16", "input:0.5@8"},
    {"mb8ic96ih14oc64kh3ph1 dtype=bf16", "input:0.5@2"},
    {"mb4ic33ih14oc64kh3ph1 dtype=f16", "input:0.5"},
    {"mb4ic32ih14oc64kh5ph2 dtype=tf32 layout=nchw", "input:0.25@4"},
    {"mb8ic256ih14oc256kh3ph1 dtype=f16", "block:0.5@64x64"},
    {"mb8ic128ih14oc96kh3ph1 dtype=bf16", "block:0.25@32x16"},
    {"g2mb4ic64ih14oc64kh3ph1 dtype=f32", "block:0.5@16x8"},
    {"mb4ic20ih30iw30oc40kh1kw9pw4", "block:0.5@4x12"},
    {"mb8ic256ih14oc256kh3ph1 dtype=f16", "nm:2:4"},
    {"g2mb4ic24ih14oc72kh3ph1 dtype=bf16", "nm:2:4"},
};

TEST(SparseUnits, CompileWithoutSpills) {
  const Nvrtc* compiler = nullptr;
  try {
    compiler = &nvrtc();
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  const std::vector<CudaDevice>& known = known_cuda_devices();
  const CudaDevice device = *std::find_if(
      known.begin(), known.end(), [](const CudaDevice& d) { return arch_name(d) == "sm_90a"; });
  for (const Case& c : kCases)
    for (const char* bound : {"", ":bound"}) {
      ConvSpec spec =
          parse_problem(fmt::format("{} sparsity={}{}", c.problem, c.sparsity, bound)).spec;
      if (*bound == '\0') spec = with_pattern(spec, SparsityPattern::random(spec, 1));
      std::vector<KernelConfig> configs = enumerate_cuda_configs(spec, device);
      std::erase_if(configs, [](const KernelConfig& config) {
        return config.cuda.masked || config.cuda.family == cuda::Family::kSparse;
      });
      ASSERT_FALSE(configs.empty()) << print_spec(spec);
      // The likeliest of the baked ones, one from the middle of the bound ones.
      const std::size_t at = *bound == '\0' ? 0 : configs.size() / 2;
      const EmittedKernel emitted = emit_cuda(spec, configs[at].cuda);
      try {
        const CudaImage image = compile_cuda(*compiler, template_files(),
                                             {emitted.source, "sm_90a", "unit.cu", "unit"}, "");
        EXPECT_EQ(why_slow(image.resources), "")
            << print_spec(spec) << " " << print_config(configs[at]);
      } catch (const Error& error) {
        ADD_FAILURE() << print_spec(spec) << " " << print_config(configs[at]) << "\n"
                      << emitted.source.substr(0, 3000) << error.what();
      }
    }
}

TEST(SparseUnits, TwoOfFourCompilesForEveryTensorCore) {
  const Nvrtc* compiler = nullptr;
  try {
    compiler = &nvrtc();
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  const ConvSpec spec =
      parse_problem("mb128ic512ih7oc512kh3ph1 dtype=f16 sparsity=nm:2:4:bound").spec;
  for (const char* arch : {"sm_80", "sm_86", "sm_90a", "sm_100a", "sm_120a"}) {
    const CudaDevice device = parse_arch(arch);
    std::vector<KernelConfig> configs = enumerate_cuda_configs(spec, device);
    std::erase_if(configs, [](const KernelConfig& config) { return config.cuda.masked; });
    ASSERT_FALSE(configs.empty()) << arch;
    const EmittedKernel emitted = emit_cuda(spec, configs[0].cuda);
    const CudaImage image =
        compile_cuda(*compiler, template_files(), {emitted.source, arch, "unit.cu", "unit"}, "");
    EXPECT_EQ(why_slow(image.resources), "") << arch << " " << print_config(configs[0]);
    EXPECT_EQ(image.log.find("dvisory"), std::string::npos) << image.log;
  }
}

}  // namespace
}  // namespace convoke
