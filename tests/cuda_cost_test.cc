// Orders that the model of CUDA kernels must get right; its microseconds mean little.
#include "compiler/cuda_cost.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>

#include "compiler/emit_cuda.h"
#include "compiler/kernel_config.h"
#include "compiler/spec_text.h"

namespace convoke {
namespace {

ConvSpec spec(const std::string& text) { return parse_problem(text).spec; }

double us(const std::string& problem, const std::string& config,
          const CudaDevice& device = CudaDevice()) {
  const CudaConfig c = parse_config(config).cuda;
  EXPECT_EQ(why_illegal_cuda(spec(problem), c, device), "") << config;
  return predict_cuda_us(spec(problem), c, device);
}

const char* const kLarge = "mb128ic256ih14oc256kh3ph1 dtype=f16";
const char* const kTile128 = "cuda:mma,bm=128,bn=128,bk=64,wm=2,wn=2,stages=3";
const char* const kTile32 = "cuda:mma,bm=32,bn=32,bk=64,wm=1,wn=2,stages=3";
const char* const kStudy = "cuda:mma,bm=64,bn=64,bk=64,wm=2,wn=2,stages=2";

TEST(CudaCost, MoreWorkTakesLonger) {
  for (const char* config : {kTile128, kTile32, kStudy}) {
    const double one = us("mb128ic256ih14oc256kh3ph1 dtype=f16", config);
    EXPECT_GT(us("mb256ic256ih14oc256kh3ph1 dtype=f16", config), 1.5 * one);
    EXPECT_GT(us("mb128ic512ih14oc256kh3ph1 dtype=f16", config), 1.5 * one);
  }
}

TEST(CudaCost, OneBlockMoreThanAWaveCostsAWave) {
  // 132 multiprocessors with one block each of 256x128, 8 warps of many registers.
  const std::string config = "cuda:mma,bm=256,bn=128,bk=64,wm=4,wn=2,stages=4";
  const double wave = us("mb132ic512ih16oc128kh1 dtype=f16", config);
  const double more = us("mb133ic512ih16oc128kh1 dtype=f16", config);
  const double less = us("mb131ic512ih16oc128kh1 dtype=f16", config);
  EXPECT_GT(more - wave, 3 * (wave - less));
}

TEST(CudaCost, LargeTilesWinOnLargeProblemsAndSmallOnesOnSmall) {
  EXPECT_LT(us(kLarge, kTile128), 0.8 * us(kLarge, kTile32));
  EXPECT_LT(us(kLarge, kTile128), us(kLarge, kStudy));
  const std::string small = "mb1ic256ih14oc256kh3ph1 dtype=f16";
  EXPECT_LT(us(small, kTile32), us(small, kTile128));
}

TEST(CudaCost, ASplitPaysForFewTilesAndNotForMany) {
  const std::string few = "mb64ic4608ih1oc256kh1 dtype=f16";  // four tiles of 72 steps
  for (const char* split : {",split=8", ",split=8,split_by=cluster"}) {
    EXPECT_LT(us(few, kStudy + std::string(split)), 0.7 * us(few, kStudy)) << split;
    EXPECT_GT(us(kLarge, kStudy + std::string(split)), us(kLarge, kStudy)) << split;
  }
}

TEST(CudaCost, BatchOrderPaysWhereTapsAreDead) {
  const std::string config = "cuda:mma,bm=32,bn=64,bk=64,wm=1,wn=2,stages=4";
  const std::string batch = config + ",order=batch";
  const std::string tiny = "mb128ic512ih2oc512kh3ph1 dtype=f16";  // four taps of nine live
  EXPECT_LT(us(tiny, batch), 0.7 * us(tiny, config));
  const std::string one_image = "mb1ic512ih7oc512kh3ph1 dtype=f16";  // a tile of one row each
  EXPECT_GT(us(one_image, batch), us(one_image, config));
}

TEST(CudaCost, TypesTakeTheTimeOfTheirUnits) {
  const std::string problem = "mb128ic256ih14oc256kh3ph1 dtype=";
  const std::string tile = ",bm=64,bn=64,bk=32,wm=2,wn=2,stages=3";
  const double f16 = us(problem + "f16", "cuda:mma" + tile);
  const double tf32 = us(problem + "tf32", "cuda:mma" + tile);
  const double f32 = us(problem + "f32", "cuda:fma" + tile);
  EXPECT_LT(f16, tf32);
  EXPECT_LT(tf32, f32);
  const std::string bytes = ",bm=64,bn=64,bk=64,wm=2,wn=2,stages=3";
  EXPECT_LT(us(problem + "s8", "cuda:mma" + bytes), f16);
}

TEST(CudaCost, TwoOfFourIsOfferedAndChosenInEveryTypeThatMultipliesIt) {
  for (const char* type : {"f16", "bf16", "s8", "u8"}) {
    const ConvSpec pairs =
        spec(std::string("mb128ic256ih14oc256kh3ph1 sparsity=nm:2:4:bound dtype=") + type);
    EXPECT_FALSE(default_cuda_config(pairs, CudaDevice()).cuda.masked) << type;
  }
}

TEST(CudaCost, BandwidthBoundsWhatDoesLittleArithmetic) {
  // 206 MB in, 206 MB out: more than 80 us on an H200 whatever the configuration.
  const std::string pointwise = "mb128ic256ih56oc256kh1 dtype=f16";
  EXPECT_GT(us(pointwise, kTile128), 80);
  CudaDevice slow;
  slow.memory_gb_s /= 4;
  EXPECT_GT(us(pointwise, kTile128, slow), 2 * us(pointwise, kTile128));
}

TEST(CudaCost, WhatAnEpilogueReadsAndWeightsWithTheirSumsAreTraffic) {
  const auto memory = [](const std::string& problem, const std::string& config) {
    const ConvSpec s = spec(problem);
    return cuda_memory_us(s, make_conv_config(s, parse_config(config).cuda), CudaDevice(), s.n);
  };
  // 103 MB of residual in f16 (51 in s8) on top of as much x and y.
  const std::string pointwise = "mb128ic128ih56oc128kh1 dtype=f16";
  const double none = memory(pointwise, kTile128);
  EXPECT_EQ(memory(pointwise + " epilogue=acc*scale[k]", kTile128), none);
  const double f16 = memory(pointwise + " epilogue=acc+residual", kTile128) - none;
  const double s8 = memory(pointwise + " epilogue=acc+residual[s8]", kTile128) - none;
  EXPECT_NEAR(f16, none / 2, none / 10);
  EXPECT_NEAR(s8, f16 / 2, f16 / 100);
  // Of one image the sums of weights are 4 / 64 of the weights' bytes.
  const std::string bytes = "mb1ic64ih2oc512kh3ph1 x=u8 w=s8 y=u8";
  const std::string tile = "cuda:mma,bm=64,bn=64,bk=64,wm=2,wn=2,stages=2";
  const double more = memory(bytes + " quant=zp", tile) / memory(bytes, tile);
  EXPECT_GT(more, 1.05);
  EXPECT_LT(more, 1.07);
}

TEST(CudaCost, TheBestFamilyIsTheOneMadeForTheProblem) {
  const auto chosen = [](const char* problem) {
    return default_cuda_config(spec(problem), CudaDevice{}).cuda.family;
  };
  EXPECT_EQ(chosen("g128mb32ic128ih56oc128kh3ph1 dtype=f16"), cuda::Family::kDepthwise);
  EXPECT_EQ(chosen(kLarge), cuda::Family::kMma);
  EXPECT_EQ(chosen("mb128ic3ih224oc64kh7sh2ph3 dtype=f16"), cuda::Family::kMma);
  EXPECT_EQ(chosen("mb128ic256ih14oc256kh3ph1"), cuda::Family::kFma);
  EXPECT_EQ(chosen("g32mb32ic64ih56oc64kh3ph1 dtype=f16"), cuda::Family::kDirect);
}

TEST(CudaCost, TheStudysConfigurationIsAlwaysACandidate) {
  for (const char* problem : {kLarge, "mb128ic512ih1oc512kh3ph1 dtype=bf16"}) {
    const auto all = enumerate_cuda_configs(spec(problem), CudaDevice{});
    EXPECT_NE(std::find(all.begin(), all.end(), parse_config(kStudy)), all.end()) << problem;
  }
}

}  // namespace
}  // namespace convoke
