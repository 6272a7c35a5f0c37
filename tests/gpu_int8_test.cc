// 8-bit kernels on a GPU, without the command line: bit for bit the integer formula, on random
// problems and on those that take each way through the code (zero points, saturation, splits,
// orders, loaders, patches, sparsity). Skips without a GPU.
#include <cstdlib>

#include "tests/gpu_kernels.h"
#include "tests/random_spec.h"

namespace convoke::test {
namespace {

using GpuInt8 = GpuKernels;

constexpr const char* kProblems[] = {
    "mb3ic64ih14oc96kh3ph1 dtype=s8",
    "mb3ic64ih14oc100kh3ph1 x=u8 w=s8 y=u8 epilogue=relu(acc*scale[k]+skip[f32]+more[s8]*0.5)",
    "mb3ic64ih14oc96kh3ph1 x=u8 w=s8 y=s8 quant=zp "
    "epilogue=relu(acc*scale[k]+bias[k])*rescale[k]",
    "mb2ic128ih9oc40kh3sh2ph1 x=s8 w=s8 y=f16 quant=zp epilogue=acc*scale[k]+residual",
    "mb2ic13ih9oc21kh3ph1 x=u8 w=s8 y=s32 quant=zp",
    "mb2ic16ih10oc24kh3ph1 x=u8 w=s8 y=u8 layout=nchw epilogue=acc*0.01",
    "g2mb2ic64ih7oc32kh3ph1dh1 x=s8 w=s8 y=s8 quant=zp epilogue=acc*scale[k]+residual*0.5",
    "mb64ic128ih2oc64kh3ph1 x=u8 w=s8 y=f32 quant=zp epilogue=acc*0.001",
    "mb2ic512ih7oc128kh3ph1 x=s8 w=s8 y=s8 quant=zp epilogue=acc*0.01",
    "mb3ic3ih33oc24kh7sh2ph3 dtype=s8",
    "mb1ic5ih6iw9oc6kh3kw2ph2pw0 x=u8 w=s8 y=bf16 epilogue=acc*0.1",
    "g32mb2ic32ih15oc32kh3ph1 x=u8 w=s8 y=u8 epilogue=acc*0.5",
    "g12mb2ic12ih9oc24kh5sh2ph2 x=s8 w=s8 y=s8 layout=nchw quant=zp epilogue=acc*0.25",
    "g48mb2ic48ih14oc48kh3ph1 x=s8 w=s8 y=s8 quant=zp epilogue=acc*0.1+residual[f16]",
    "g16mb2ic16ih13oc16kh7ph3 x=u8 w=s8 y=s8 quant=zp epilogue=acc*0.1",
    "mb3ic128ih14oc100kh3ph1 dtype=s8 epilogue=acc*0.02 sparsity=channel:0.5",
    "mb3ic128ih14oc100kh3ph1 x=u8 w=s8 y=s8 quant=zp epilogue=acc*0.02 sparsity=channel:0.5",
    "mb3ic256ih9oc96kh3ph1 x=u8 w=s8 y=s32 quant=zp sparsity=input:0.5@64",
    "mb3ic256ih9oc96kh3ph1 x=s8 w=s8 y=f32 epilogue=acc*0.02 sparsity=input:0.5@16",
    "mb3ic256ih9oc128kh3ph1 x=u8 w=s8 y=s8 quant=zp epilogue=acc*0.02 sparsity=block:0.3@64x128",
    "mb3ic128ih9oc128kh3ph1 x=s8 w=s8 y=s8 epilogue=acc*0.02 sparsity=block:0.5@32x32",
    "mb3ic128ih9oc64kh3ph1 x=u8 w=s8 y=f32 quant=zp epilogue=acc*0.02 sparsity=nm:2:4",
    "mb2ic64ih14oc64kh3ph1 x=s8 w=s8 y=s8 epilogue=acc*0.02 sparsity=unstructured:0.3"};

TEST_F(GpuInt8, EveryWayThroughTheCodeIsRight) {
  std::vector<std::pair<ConvSpec, KernelConfig>> kernels;
  for (const char* problem : kProblems) {
    ConvSpec spec = parse_problem(problem).spec;
    if (!spec.sparsity.empty()) {
      for (const KernelConfig& config :
           configs_of(parse_problem(problem + std::string(":bound")).spec))
        kernels.push_back({parse_problem(problem + std::string(":bound")).spec, config});
      spec = with_pattern(spec, SparsityPattern::random(spec, 5));
    }
    for (const KernelConfig& config : configs_of(spec)) kernels.push_back({spec, config});
  }
  ASSERT_GT(kernels.size(), 80u);
  expect_right(kernels);
}

/// As many problems as CONVOKE_RANDOM_SPECS says, 100 otherwise.
int random_count() {
  const char* const wanted = std::getenv("CONVOKE_RANDOM_SPECS");
  return wanted == nullptr ? 100 : std::atoi(wanted);
}

class GpuInt8Random : public GpuKernels {
 protected:
  /// Random problems are now and then too small to say anything, but not often.
  void expect_mostly_trusted(const std::vector<std::pair<ConvSpec, KernelConfig>>& kernels) const {
    build(kernels);
    ThreadPool pool(usable_cpus());
    std::size_t trusted = 0;
    for (const auto& [spec, config] : kernels) {
      const VerifyResult result = Verifier(target(), spec, 1, &pool).check(config);
      EXPECT_NE(result.verdict, Verdict::kFailed)
          << print_spec(spec) << " " << print_config(config) << ": " << result.reason;
      trusted += result.verdict == Verdict::kPassed;
    }
    EXPECT_GT(trusted, kernels.size() * 3 / 4);
  }
};

/// Alternately in the default configuration and in one of all that there are; every sixth is
/// sparse.
TEST_F(GpuInt8Random, ProblemsAreRight) {
  RandomSpecs random(8);
  std::vector<std::pair<ConvSpec, KernelConfig>> kernels;
  while (static_cast<int>(kernels.size()) < random_count()) {
    ConvSpec spec = random.quantise(random.next());
    if (kernels.size() % 6 == 5) spec = random.prune(spec);
    const std::vector<KernelConfig> all = target().enumerate(spec);
    ASSERT_FALSE(all.empty()) << print_spec(spec);
    const bool by_default = kernels.size() % 2 == 0;
    const auto last = static_cast<std::int64_t>(all.size()) - 1;
    kernels.push_back({spec, by_default ? target().default_config(spec)
                                        : all[static_cast<std::size_t>(random.pick(0, last))]});
  }
  expect_mostly_trusted(kernels);
}

/// One configuration each of those of the depthwise family, which the test above seldom draws.
TEST_F(GpuInt8Random, DepthwiseProblemsAreRight) {
  RandomSpecs random(9);
  std::vector<std::pair<ConvSpec, KernelConfig>> kernels;
  while (static_cast<int>(kernels.size()) < random_count()) {
    const ConvSpec spec = random.quantise(random.next());
    std::vector<KernelConfig> all;
    if (spec.c_per_group() == 1) all = target().enumerate(spec);
    std::erase_if(all, [](const KernelConfig& config) {
      return config.cuda.family != cuda::Family::kDepthwise;
    });
    if (all.empty()) continue;
    const auto last = static_cast<std::int64_t>(all.size()) - 1;
    kernels.push_back({spec, all[static_cast<std::size_t>(random.pick(0, last))]});
  }
  expect_mostly_trusted(kernels);
}

}  // namespace
}  // namespace convoke::test
