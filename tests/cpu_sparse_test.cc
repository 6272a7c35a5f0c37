// Sparse kernels of the CPU target on this machine: every kind, every form, bad input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/cpu_library.h"
#include "runtime/cpu_target.h"
#include "runtime/thread_pool.h"
#include "tests/sparse_check.h"

namespace convoke {
namespace {

using testing::HasSubstr;

std::shared_ptr<Target> target_of(IsaLevel level) {
  CpuTargetParts parts;
  parts.cpu = cpu_description();
  parts.cpu.isa.level = level;
  parts.executor = std::make_shared<ThreadPool>(2);
  parts.backend = cpu_library;
  return make_cpu_target(std::move(parts));
}

class SparseLevel : public testing::TestWithParam<IsaLevel> {
 protected:
  void SetUp() override {
    if (cpu_description().hardware.level < GetParam())
      GTEST_SKIP() << "this processor has no " << to_string(GetParam());
    target_ = target_of(GetParam());
  }
  std::shared_ptr<Target> target_;
};

TEST_P(SparseLevel, EqualsDenseOnMaskedWeights) { test::check_random_sparse(*target_, 11, 120); }

TEST_P(SparseLevel, EveryConfigurationOfEveryKind) {
  test::RandomSpecs random(5);
  for (const char* problem :
       {"mb3ic24ih7oc40kh3ph1 epilogue=relu(acc+bias[k])", "g2mb2ic16ih9iw11oc28kh3kw3sh2sw2ph1pw1",
        "mb10ic12ih6oc33kh2ph1 layout=nchw", "mb9ic8ih5oc12kh3ph1 dtype=bf16"})
    for (const char* kind : {"channel:0.5", "channel:0.5@4", "input:0.5", "input:0.25@4",
                             "block:0.4@8x4", "unstructured:0.1", "nm:2:4"}) {
      ConvSpec spec = parse_problem(problem + std::string(" sparsity=") + kind).spec;
      spec = with_pattern(spec, SparsityPattern::random(spec, 3));
      const std::vector<KernelConfig> space = target_->enumerate(spec);
      for (std::size_t i = 0; i < space.size(); i += 1 + space.size() / 5) {
        test::check_sparse(*target_, spec, space[i], random);
        if (HasFatalFailure()) return;
      }
    }
}

// Rows that run on into each other, lists written out as code; with and without padding.
TEST_P(SparseLevel, EveryFormOfPlanes) {
  test::RandomSpecs random(9);
  int straight = 0;
  for (const char* problem :
       {"mb2ic6ih14oc16kh5 epilogue=relu(acc+bias[k])", "mb1ic5ih10oc9kh3ph1", "mb2ic3ih9oc7kh3dh1",
        "mb1ic4ih10oc12kh3ph1 layout=nchw", "mb1ic3ih11oc10kh2sh2 dtype=f16"})
    for (const char* kind : {"unstructured:0.1", "unstructured:0.02", "nm:1:4"}) {
      ConvSpec spec = parse_problem(problem + std::string(" sparsity=") + kind).spec;
      spec = with_pattern(spec, SparsityPattern::random(spec, 3));
      std::vector<KernelConfig> space;
      for (const KernelConfig& config : target_->enumerate(spec))
        if (config.cpu.family == CpuFamily::kSparse && config.cpu.axis == TileAxis::kAxisQ)
          space.push_back(config);
      for (std::size_t i = 0; i < space.size(); i += 1 + space.size() / 6) {
        straight += space[i].cpu.unroll == 0;
        test::check_sparse(*target_, spec, space[i], random);
        if (HasFatalFailure()) return;
      }
    }
  EXPECT_GT(straight, 10);
}

// Windows within a tap, a row of taps, the whole filter; in converted input; of several pixels.
TEST_P(SparseLevel, EveryWindowOfSingleWeights) {
  test::RandomSpecs random(8);
  int checked = 0;
  for (const char* problem :
       {"mb1ic16ih5oc20kh5", "mb3ic7ih1oc35kh1 epilogue=relu(acc+bias[k])", "mb2ic3ih9oc17kh5sh2",
        "g3mb9ic24ih4oc27kh3ph1", "mb1ic20ih6oc16kh3ph1dh1 dtype=f16 layout=nchw"})
    for (const char* kind : {"unstructured:0.1", "unstructured:0.7", "unstructured:1", "nm:2:4",
                             "nm:1:4", "nm:3:7", "nm:2:16"}) {
      ConvSpec spec = parse_problem(problem + std::string(" sparsity=") + kind).spec;
      spec = with_pattern(spec, SparsityPattern::random(spec, 3));
      std::vector<KernelConfig> space;
      for (const KernelConfig& config : target_->enumerate(spec))
        if (config.cpu.window != 0) space.push_back(config);
      for (std::size_t i = 0; i < space.size(); i += 1 + space.size() / 4, ++checked) {
        test::check_sparse(*target_, spec, space[i], random);
        if (HasFatalFailure()) return;
      }
    }
  EXPECT_EQ(checked > 50, GetParam() >= IsaLevel::kAvx2) << checked;
}

INSTANTIATE_TEST_SUITE_P(Levels, SparseLevel,
                         testing::Values(IsaLevel::kSse2, IsaLevel::kAvx2, IsaLevel::kAvx512,
                                         IsaLevel::kAvx512Bf16),
                         [](const auto& info) { return std::string(to_string(info.param)); });

std::string refusal(const char* problem, const char* config) {
  return why_illegal(parse_problem(problem).spec, parse_config(config), CpuIsa{});
}

TEST(SparseConfigs, SayWhatTheyCannot) {
  constexpr const char* kGemm = "gemm,axis=q,mr=2,nv=1,unroll=1";
  EXPECT_EQ(refusal("ic8ih8oc8kh3 sparsity=channel:0.5", kGemm), "");
  EXPECT_THAT(refusal("ic8ih8oc8kh3 sparsity=nm:2:4", kGemm), HasSubstr("masked=1 alone"));
  EXPECT_EQ(refusal("ic8ih8oc8kh3 sparsity=nm:2:4", "gemm,axis=q,mr=2,nv=1,unroll=1,masked=1"), "");
  EXPECT_EQ(refusal("ic8ih8oc8kh3 sparsity=channel:0.5", "direct,nv=1"),
            "direct runs sparse specs with masked=1 alone");
  EXPECT_EQ(refusal("ic8ih8oc8kh3 sparsity=channel:0.5", "direct,nv=1,masked=1"), "");
  EXPECT_EQ(refusal("ic8ih8oc8kh3", "sparse,mr=2,unroll=1"), "sparse runs no dense weights");
  EXPECT_THAT(refusal("ic8ih8oc8kh3 sparsity=nm:2:4", "sparse,mr=2,unroll=1,masked=1"),
              HasSubstr("sparse has no masked form"));
  EXPECT_THAT(refusal("ic8ih8oc8kh3 sparsity=nm:2:4", "sparse,mr=60,unroll=1"), HasSubstr("(60)"));
  EXPECT_EQ(refusal("ic8ih8oc8kh3 sparsity=nm:2:4", "sparse,mr=2,unroll=0"), "");
  EXPECT_THAT(refusal("ic8ih8oc8kh3 sparsity=nm:2:4:bound", "sparse,mr=2,unroll=0"),
              HasSubstr("an operand of each launch"));
  EXPECT_THAT(refusal("ic64ih8oc64kh3 sparsity=nm:2:4", "sparse,mr=2,unroll=0"),
              HasSubstr("up to 4096 kept weights (18432)"));
  constexpr const char* kWindow = "gemm,axis=q,mr=2,nv=1,unroll=1,window=4";
  EXPECT_THAT(refusal("ic8ih8oc8kh3 sparsity=nm:2:4", kWindow), HasSubstr("sse2 has no"));
  EXPECT_THAT(refusal("ic8ih8oc8kh3 sparsity=input:0.5", kWindow), HasSubstr("not for input:0.5"));
  EXPECT_THAT(refusal("ic8ih8oc8kh3", kWindow), HasSubstr("the problem is dense"));
  CpuIsa avx2;
  avx2.level = IsaLevel::kAvx2;
  const auto refused = [&](const char* problem, const char* config) {
    return why_illegal(parse_problem(problem).spec, parse_config(config), avx2);
  };
  EXPECT_EQ(refused("ic8ih8oc8kh3 sparsity=nm:2:4", kWindow), "");
  EXPECT_THAT(refused("ic8ih8oc8kh3 sparsity=nm:2:4", "gemm,mr=2,nv=1,unroll=1,window=5"),
              HasSubstr("window is 4 or 8, the lanes (5)"));
  EXPECT_THAT(refused("ic3ih8oc8kh3ph1 sparsity=nm:2:4", kWindow),
              HasSubstr("does not fit into the 3 inputs"));
}

TEST(SparseKernels, NeedAPattern) {
  const auto target = target_of(IsaLevel::kSse2);
  const ConvSpec spec = parse_problem("ic8ih8oc8kh3 sparsity=channel:0.5").spec;
  try {
    target->get(spec, parse_config("gemm,axis=q,mr=2,nv=1,unroll=1"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("sparsity channel:0.5 has no pattern"));
  }
}

TEST(SparseKernels, RefuseTablesThatDoNotFit) {
  const auto target = target_of(IsaLevel::kSse2);
  const ConvSpec spec = parse_problem("ic8ih8oc8kh3 sparsity=block:0.25@4x4:bound").spec;
  const auto kernel = target->get(spec, parse_config("gemm,axis=q,mr=2,nv=1,unroll=1"));
  std::vector<std::byte> tables(static_cast<std::size_t>(kernel->pattern_bytes()));
  const auto error = [&](const char* sparsity) -> std::string {
    const ConvSpec other = parse_problem(std::string("ic8ih8oc8kh3 sparsity=") + sparsity).spec;
    try {
      kernel->pack_pattern(*SparsityPattern::random(other, 1), tables.data());
    } catch (const Error& caught) {
      return caught.what();
    }
    return "";
  };
  EXPECT_EQ(error("block:0.25@4x4"), "");
  EXPECT_EQ(error("block:0.1@4x4"), "");
  EXPECT_THAT(error("block:0.75@4x4"),
              HasSubstr("keeps more than block:0.25@4x4:bound stands for"));
  EXPECT_THAT(error("channel:0.25"), HasSubstr("the pattern is for"));
}

}  // namespace
}  // namespace convoke
