// The cost model ranks: it must order the plain cases rightly and give a usable number for every
// legal configuration. Absolute times are not tested; they mean nothing.
#include "compiler/cpu_cost.h"

#include <gtest/gtest.h>

#include <cmath>

#include "compiler/spec_text.h"
#include "convoke/convoke.hpp"

namespace convoke {
namespace {

CpuIsa avx2() {
  CpuIsa isa;
  isa.level = IsaLevel::kAvx2;
  isa.l1_bytes = 32 << 10, isa.l2_bytes = 512 << 10, isa.l3_bytes = 32 << 20;
  return isa;
}

double predict(const std::string& problem, const std::string& config, int threads = 2) {
  const ConvSpec spec = parse_problem(problem).spec;
  const KernelConfig parsed = parse_config(config);
  EXPECT_EQ(why_illegal(spec, parsed, avx2()), "") << problem << " " << config;
  return predict_cpu_us(spec, parsed.cpu, avx2(), threads);
}

constexpr char kLayer[] = "mb8ic64ih56oc64oh56kh3ph1";

TEST(CpuCost, LargeRegisterTilesBeatSmallOnes) {
  const double best = predict(kLayer, "gemm,axis=q,mr=6,nv=2,rows=8,unroll=4");
  EXPECT_LT(best, predict(kLayer, "gemm,axis=q,mr=2,nv=2,rows=8,unroll=4"));
  EXPECT_LT(best, predict(kLayer, "gemm,axis=q,mr=6,nv=1,rows=8,unroll=4"));
  EXPECT_LT(best, predict(kLayer, "gemm,axis=q,mr=1,nv=1,rows=8,unroll=4"));
}

TEST(CpuCost, GemmBeatsDirectOnManyChannels) {
  EXPECT_LT(predict(kLayer, "gemm,axis=q,mr=6,nv=2,rows=8,unroll=4"),
            predict(kLayer, "direct,nv=8,rows=7"));
  EXPECT_LT(predict(kLayer, "direct,nv=8,rows=7"), predict(kLayer, "direct,nv=1,rows=7"));
}

TEST(CpuCost, DepthwiseBeatsGemmAndDirectOnDepthwiseLayers) {
  const std::string layer = "g144mb8ic144ih56oc144oh56kh3ph1";
  const double depthwise = predict(layer, "depthwise,mr=8,nv=6,rows=7");
  EXPECT_LT(depthwise, predict(layer, "gemm,axis=q,mr=8,nv=1,rows=8,unroll=4"));
  EXPECT_LT(depthwise, predict(layer, "direct,nv=1,rows=7"));
  EXPECT_LT(depthwise, predict(layer, "depthwise,mr=1,nv=6,rows=7"));
}

TEST(CpuCost, AmxBeatsDotProductsOnBf16) {
  const ConvSpec spec = parse_problem("mb8ic256ih14oc256oh14kh3ph1 dtype=bf16").spec;
  CpuIsa isa = avx2();
  isa.level = IsaLevel::kAmx;
  EXPECT_EQ(default_cpu_config(spec, isa, 2).cpu.family, CpuFamily::kAmx);
}

TEST(CpuCost, IdleThreadsCost) {
  const std::string one_image = "mb1ic64ih56oc64oh56kh3ph1";
  // One task for two threads, against fourteen.
  EXPECT_GT(predict(one_image, "gemm,axis=q,mr=6,nv=2,unroll=4"),
            1.6 * predict(one_image, "gemm,axis=q,mr=6,nv=2,rows=4,unroll=4"));
  EXPECT_LT(predict(kLayer, "gemm,axis=q,mr=6,nv=2,rows=8,unroll=4", 4),
            predict(kLayer, "gemm,axis=q,mr=6,nv=2,rows=8,unroll=4", 1));
}

TEST(CpuCost, TailsOfTheTileCost) {
  // 7 pixels in a row: one tile of 7, or of 4 + 3.
  const std::string narrow = "mb16ic128ih7oc128oh7kh3ph1";
  EXPECT_LT(predict(narrow, "gemm,axis=q,mr=7,nv=1,unroll=4"),
            predict(narrow, "gemm,axis=q,mr=4,nv=1,unroll=4"));
}

TEST(CpuCost, TapsOutsideTheImageAreFree) {
  const std::string config = "gemm,axis=n,mr=6,nv=2,rows=6,unroll=4";
  const double one_tap = predict("mb12ic64ih1oc64oh1kh1", config);
  const double nine_taps_eight_dead = predict("mb12ic64ih1oc64oh1kh3ph1", config);
  EXPECT_LT(nine_taps_eight_dead, 1.2 * one_tap);
}

TEST(CpuCost, WorkCosts) {
  const std::string config = "gemm,axis=q,mr=6,nv=2,rows=8,unroll=4";
  EXPECT_GT(predict("mb16ic64ih56oc64oh56kh3ph1", config), 1.8 * predict(kLayer, config));
  EXPECT_GT(predict("mb8ic128ih56oc64oh56kh3ph1", config), 1.5 * predict(kLayer, config));
}

TEST(CpuCost, EveryLegalConfigurationHasATime) {
  for (const char* text :
       {kLayer, "mb1ic3ih224oc64oh112kh7sh2ph3", "mb2ic1ih5oc1oh5kh5ph2", "mb8ic64ih56oc256oh56kh1",
        "g32mb2ic64ih14oc64oh14kh3ph1", "mb?ic16ih8oc24oh8kh3ph1", "mb4ic512ih1oc512oh1kh3ph1",
        "mb2ic5ih9iw31oc13oh5ow16kh3kw2sh2sw2ph1pw0 dtype=bf16 layout=nchw",
        "mb2ic32ih20oc48oh10kh3sh2ph1 dtype=f16", "mb2ic8ih17oc8oh9kh3dh3ph0"}) {
    const ConvSpec spec = parse_problem(text).spec;
    for (const IsaLevel level :
         {IsaLevel::kSse2, IsaLevel::kAvx2, IsaLevel::kAvx512, IsaLevel::kAmx}) {
      CpuIsa isa = avx2();
      isa.level = level;
      const auto configs = enumerate_cpu_configs(spec, isa, 2);
      EXPECT_FALSE(configs.empty());
      for (const KernelConfig& config : configs) {
        const double us = predict_cpu_us(spec, config.cpu, isa, 2);
        EXPECT_TRUE(std::isfinite(us) && us > 0)
            << text << " " << print_config(config) << " " << us;
      }
    }
  }
}

}  // namespace
}  // namespace convoke
