// Configurations: text and back, fields that a family does not read, and planning on problems at
// the edge of what is legal, which may neither hang nor offer what its own parser refuses.
#include "compiler/kernel_config.h"

#include <gtest/gtest.h>

#include <chrono>

#include "compiler/cpu_isa.h"
#include "compiler/spec_text.h"
#include "convoke/error.h"

namespace convoke {
namespace {

std::string refusal(const std::string& config) {
  try {
    parse_config(config);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(KernelConfig, RefusesWordsThatAreWrongOrTwice) {
  EXPECT_NE(refusal("gem,mr=6").find("unknown family"), std::string::npos);
  EXPECT_NE(refusal("gemm,mr=six").find("integer from 0 to 64"), std::string::npos);
  EXPECT_NE(refusal("gemm,mr=65").find("integer from 0 to 64"), std::string::npos);
  EXPECT_NE(refusal("gemm,mr=6,mr=4").find("given twice"), std::string::npos);
  EXPECT_NE(refusal("gemm,depth=1").find("unknown field"), std::string::npos);
}

TEST(KernelConfig, SaysWhetherASparseSpecIsMasked) {
  for (const char* text : {"cpu:gemm,axis=q,mr=6,nv=2,masked=1", "cpu:direct,nv=1,masked=1"}) {
    EXPECT_EQ(print_config(parse_config(text)), text);
    EXPECT_TRUE(is_masked(parse_config(text)));
  }
  EXPECT_EQ(parse_config("direct,nv=1,masked=0"), parse_config("direct,nv=1"));
  EXPECT_FALSE(is_masked(parse_config("direct,nv=1")));
  EXPECT_NE(refusal("direct,masked=2").find("masked is an integer from 0 to 1"), std::string::npos);
  const ConvSpec dense = parse_problem("mb1ic4ih4oc6kh3ph1").spec;
  EXPECT_NE(why_illegal(dense, parse_config("direct,nv=1,masked=1"), CpuIsa{})
                .find("masked=1 is for sparse specs"),
            std::string::npos);
}

TEST(KernelConfig, RefusesFieldsThatTheFamilyDoesNotRead) {
  const ConvSpec spec = parse_problem("mb1ic4ih4oc6kh3ph1").spec;
  CpuIsa isa;
  isa.level = IsaLevel::kAvx2;
  EXPECT_EQ(why_illegal(spec, parse_config("direct,nv=1"), isa), "");
  for (const char* unused : {"kc=2", "unroll=2", "kb=1", "mr=4", "axis=n"})
    EXPECT_NE(why_illegal(spec, parse_config(std::string("direct,nv=1,") + unused), isa), "")
        << unused;
}

TEST(KernelConfig, AmxRefusesWhatItsTilesCannotHold) {
  CpuIsa isa;
  isa.level = IsaLevel::kAmx;
  const auto refusal = [&](const char* problem, const char* config) {
    return why_illegal(parse_problem(problem).spec, parse_config(config), isa);
  };
  const char* small = "mb64ic3ih8oc64kh3ph1 dtype=u8 quant=zp";
  EXPECT_EQ(refusal(small, "amx,mr=32,nv=2"), "");
  EXPECT_NE(refusal(small, "amx,mr=48,nv=1").find("mr of 16 or 32"), std::string::npos);
  EXPECT_NE(refusal(small, "amx,mr=32,nv=3").find("9 of the 8 tile registers"), std::string::npos);
  EXPECT_NE(refusal(small, "amx,axis=n,mr=16,nv=1").find("axis=n needs rows"), std::string::npos);
  // 2^20 of these images, staged, are 2^64 bytes.
  EXPECT_NE(refusal("mb?ic1ih1048576iw4194304oc1kh3kw3ph1pw1 dtype=s8",
                    "amx,axis=n,mr=16,nv=1,rows=1048576")
                .find("axis=n takes images of at most"),
            std::string::npos);
}

TEST(KernelConfig, PlanningHoldsOnHugeProblems) {
  const char* problems[] = {
      "mb1ic1ih20000000iw1oc1oh20000000ow1kh1kw1sw300000000",
      "mb1ic1ih1iw2147483647oc1oh1kh1kw1",
      "mb1ic8ih1iw4000oc8oh1kh1kw1000dw1",
      "mb1ic8ih1iw100000000oc8oh1kh1kw20000000",
      "mb1ic2ih4iw4oc16kh3kw3ph1000000pw1 dtype=bf16",
      "mb1ic2147483647ih1iw1oc1oh1ow1kh1kw1sw2147483647",
      "mb1ic1ih1oc2147483647oh1kh1",
      "g96mb1ic96ih14oc96kh3ph1",
      "mb8ic128ih28oc128kh3ph1",
  };
  for (const IsaLevel level : {IsaLevel::kSse2, IsaLevel::kAvx2, IsaLevel::kAmx}) {
    CpuIsa isa;
    isa.level = level;
    for (const char* problem : problems) {
      const ConvSpec spec = parse_problem(problem).spec;
      const auto start = std::chrono::steady_clock::now();
      EXPECT_EQ(why_illegal(spec, default_cpu_config(spec, isa, 2), isa), "") << problem;
      for (const KernelConfig& config : enumerate_cpu_configs(spec, isa, 2))
        EXPECT_EQ(parse_config(print_config(config)), config) << problem << print_config(config);
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
      EXPECT_LT(taken.count(), 10) << problem << " at " << to_string(level);
    }
  }
}

TEST(UnsupportedOnTheCpu, EightBitProblemsThatHaveNoResult) {
  const auto why = [](const char* text) {
    return why_unsupported_cpu(parse_problem(text).spec, CpuIsa{});
  };
  EXPECT_EQ(why("mb1ic8ih4oc8kh1 dtype=s8"), "");
  EXPECT_EQ(why("mb1ic8ih4oc8kh1 dtype=u8 quant=zp"), "");
  EXPECT_EQ(why("mb1ic8ih4oc8kh1 x=s8 w=u8 y=s8"),
            "weights of type u8 are not built; with x of s8 or u8 they must be s8");
  EXPECT_EQ(why("mb1ic8ih4oc8kh1 x=s8 w=s8 y=s32 epilogue=relu(acc)"),
            "y of s32 is the sum itself and takes no epilogue (relu(acc))");
  EXPECT_EQ(why("mb1ic8ih4oc8kh1 quant=zp"), "quant=zp needs x of s8 or u8, but it is f32");
  EXPECT_EQ(why("mb1ic131071ih1oc1kh1 dtype=s8"), "");
  EXPECT_EQ(why("mb1ic131072ih1oc1kh1 dtype=s8"),
            "a sum of 131072 products may reach 2147483648, more than s32 holds: 2147483647 at "
            "most");
  EXPECT_EQ(why("mb1ic65793ih1oc1kh1 dtype=u8"), "");
  EXPECT_NE(why("mb1ic65794ih1oc1kh1 dtype=u8"), "");
  EXPECT_NE(why("mb1ic65794ih1oc1kh1 dtype=s8 quant=zp"), "");
}

// Beyond 2^24 f32 would round: 1024 products of s8 fit, of u8 or less a zero point 514.
TEST(EightBitsInF32, AreTakenUpToTheBound) {
  const auto depthwise = [](const std::string& text, const char* config) {
    return why_illegal(parse_problem(text).spec, parse_config(config), CpuIsa{});
  };
  const auto of = [&](const std::string& text) {
    return depthwise("g4mb1ic4oc4ih99iw99" + text, "depthwise,mr=1,nv=1");
  };
  EXPECT_EQ(of("kh32kw16 dtype=s8"), "");
  EXPECT_EQ(of("kh32kw16 x=s8 w=s8 y=s8 quant=zp"), "");
  EXPECT_EQ(of("kh33kw16 x=s8 w=s8 y=s8 quant=zp"),
            "a sum of 528 products may reach 17233920, more than f32 holds exactly: 2^24");
  EXPECT_EQ(of("kh33kw16 dtype=s8"), "");
  EXPECT_NE(of("kh33kw16 dtype=u8"), "");
  for (const char* config : {"sparse,mr=4,unroll=2", "gemm,mr=2,nv=1,unroll=2,window=4"}) {
    const auto sparse = [&](const char* text) {
      return why_illegal(parse_problem(text).spec, parse_config(config),
                         CpuIsa{.level = IsaLevel::kAvx2});
    };
    EXPECT_EQ(sparse("ic514ih4oc8kh1 x=u8 w=s8 y=u8 quant=zp sparsity=unstructured:0.2"), "");
    EXPECT_EQ(sparse("ic515ih4oc8kh1 x=u8 w=s8 y=u8 quant=zp sparsity=unstructured:0.2"),
              "a sum of 515 products may reach 16809600, more than f32 holds exactly: 2^24");
  }
}

}  // namespace
}  // namespace convoke
