// CUDA configurations: text and back, refusals that name word and limit, fields that a family does
// not read, what a GPU cannot run, and planning on problems at the edge of what is legal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "compiler/cuda_cost.h"
#include "compiler/emit_cuda.h"
#include "compiler/kernel_config.h"
#include "compiler/spec_text.h"
#include "convoke/error.h"

namespace convoke {
namespace {

using testing::HasSubstr;

ConvSpec spec(const std::string& text) { return parse_problem(text).spec; }

std::string refusal(const std::string& config) {
  try {
    parse_config(config);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "";
}

std::string why(const std::string& problem, const std::string& config, const CudaDevice& device) {
  return why_illegal_cuda(spec(problem), parse_config(config).cuda, device);
}

TEST(CudaConfig, PrintsAndParsesBack) {
  for (const char* text :
       {"cuda:mma,bm=128,bn=96,bk=64,wm=2,wn=2,stages=4", "cuda:direct,bm=2,bn=4,bk=8",
        "cuda:depthwise,bm=7,bn=8,bk=4", "cuda:reference",
        "cuda:fma,bm=64,bn=64,bk=16,wm=2,wn=2,stages=3,split=4",
        "cuda:mma,bm=32,bn=64,bk=32,wm=1,wn=2,stages=6,split=8,split_by=cluster,order=batch",
        "cuda:direct,bm=2,bn=4,bk=8,masked=1"}) {
    const KernelConfig config = parse_config(text);
    EXPECT_EQ(config.target, TargetKind::kCuda);
    EXPECT_EQ(print_config(config), text);
  }
  EXPECT_EQ(parse_config("cuda:mma,stages=4,bm=64"), parse_config("cuda:mma,bm=64,stages=4"));
  EXPECT_EQ(parse_config("cuda:mma,split=1"), parse_config("cuda:mma"));  // the same code
  EXPECT_EQ(parse_config("cuda:mma,split_by=workspace,order=image"), parse_config("cuda:mma"));
  EXPECT_EQ(parse_config("direct").target, TargetKind::kCpu);
}

TEST(CudaConfig, RefusesWordsThatAreWrongOrTwice) {
  EXPECT_THAT(refusal("cuda:wgmma"), HasSubstr("'wgmma': unknown family (known: mma,"));
  EXPECT_THAT(refusal("cuda:mma,bm=big"), HasSubstr("'bm=big': bm is an integer from 0 to 512"));
  EXPECT_THAT(refusal("cuda:mma,stages=9"), HasSubstr("integer from 0 to 8"));
  EXPECT_THAT(refusal("cuda:mma,bm=64,bm=64"), HasSubstr("given twice"));
  EXPECT_THAT(refusal("cuda:mma,mr=4"), HasSubstr("unknown field (known: bm,"));
  EXPECT_THAT(refusal("cuda:mma,bm"), HasSubstr("expected NAME=VALUE"));
  EXPECT_THAT(refusal("cuda:mma,split_by=magic"), HasSubstr("workspace or cluster"));
  EXPECT_THAT(refusal("cuda:mma,order=n"), HasSubstr("image or batch"));
  EXPECT_THAT(refusal("cuda:"), HasSubstr("unknown family"));
  EXPECT_THAT(refusal("cuda:mma,masked=2"), HasSubstr("masked is an integer from 0 to 1"));
}

TEST(CudaConfig, RefusesWhatATemplateCannotRun) {
  const CudaDevice hopper;
  CudaDevice ampere, turing;
  ampere.capability = 86, ampere.shared_bytes_block = 99 << 10;
  turing.capability = 75;
  const std::string conv = "mb8ic64ih14oc64kh3ph1 dtype=f16";
  const std::string good = "cuda:mma,bm=64,bn=64,bk=64,wm=2,wn=2,stages=2";
  EXPECT_EQ(why(conv, good, hopper), "");
  EXPECT_EQ(why(conv, good, ampere), "");
  EXPECT_THAT(why(conv, good, turing), HasSubstr("compute capability 8.0"));
  EXPECT_EQ(why(conv, "cuda:direct,bm=2,bn=2,bk=8", turing), "");
  EXPECT_EQ(why(conv, "cuda:reference", turing), "");
  EXPECT_THAT(why(conv, "cuda:direct,bm=3,bn=2,bk=8", hopper), HasSubstr("1, 2, 4 or 8"));
  EXPECT_THAT(why(conv, "cuda:depthwise,bm=2,bn=2,bk=1", hopper), HasSubstr("one input channel"));
  EXPECT_THAT(why(conv, "cuda:mma", hopper), HasSubstr("bm must be 16 to 256"));
  EXPECT_THAT(why(conv, "cuda:mma,bm=256,bn=128,bk=64,wm=4,wn=2,stages=3", ampere),
              HasSubstr("shared memory"));
  EXPECT_THAT(why(conv, good + ",split=2,split_by=cluster", ampere), HasSubstr("9.0"));
  EXPECT_THAT(why("mb8ic64ih14oc64kh3ph1", good, hopper), HasSubstr("fma is for f32"));
  EXPECT_THAT(why(conv, good + ",split_by=cluster", hopper), HasSubstr("split of 2 or more"));
  for (const char* unused : {"stages=2", "split=2", "order=batch", "wn=1"})
    EXPECT_THAT(why(conv, std::string("cuda:direct,bm=1,bn=1,bk=1,") + unused, hopper),
                HasSubstr("direct has no"));
  EXPECT_THAT(why(conv, "cuda:reference,bm=1", hopper), HasSubstr("reference has no bm"));
  EXPECT_THAT(why(conv, good + ",masked=1", hopper), HasSubstr("masked=1 is for sparse specs"));
}

TEST(CudaConfig, RefusesPatchesThatWouldNotHoldWhatTheirTapsRead) {
  const CudaDevice device;
  const std::string good = "cuda:mma,bm=64,bn=64,bk=64,wm=2,wn=2,stages=2,patch=1";
  const auto expect = [&](const char* problem, const char* what) {
    EXPECT_THAT(why(problem, good, device), HasSubstr(what)) << problem;
  };
  EXPECT_EQ(why("mb8ic64ih14oc64kh3ph1 dtype=f16", good, device), "");
  EXPECT_EQ(why("mb8ic64ih14oc64kh3ph2 dtype=f16", good, device), "");
  // Rows of outputs that begin or end beyond the filter's reach into the image.
  for (const char* wide : {"mb8ic64ih28oc64oh36kh3ph5 dtype=f16",
                           "mb8ic64ih14oc64oh27kh3ph7 dtype=f16", "mb8ic64ih8oc64kh3ph4 dtype=f16"})
    expect(wide, "padding");
  expect("mb8ic64ih14oc64kh1 dtype=f16", "two taps");
  expect("mb8ic80ih14oc64kh3ph1 dtype=f16", "multiples of bk");
  expect("mb1ic64ih65000oc64kh3ph1 dtype=f16", "2^30 pixels");
  expect("mb1ic64ih4000oc64kh3ph1 dtype=f16", "4096 pixels");
  expect("mb8ic64ih14oc64kh3ph1 dtype=f16 layout=nchw", "16 bytes");
  EXPECT_THAT(why("mb8ic64ih14oc64kh3ph1 dtype=f16",
                  "cuda:mma,bm=64,bn=64,wm=2,wn=2,stages=2,patch=1", device),
              HasSubstr("bk must be"));
  EXPECT_THAT(why("mb8ic64ih14oc64kh3ph1", "cuda:direct,bm=2,bn=2,bk=8,patch=1", device),
              HasSubstr("direct has no patch"));
  // Units that neither fill a patch nor divide one are refused, not divided by.
  for (const char* unit : {"input:0.5@96:bound", "input:0.5@48:bound"})
    EXPECT_THAT(why("mb2ic192ih14oc64kh3ph1 dtype=f16 sparsity=" + std::string(unit), good, device),
                HasSubstr("divide bk"));
}

TEST(CudaConfig, SaysWhatIsNotSupported) {
  const CudaDevice device;
  const auto unsupported = [&](const char* problem) {
    return why_unsupported_cuda(spec(problem), device);
  };
  EXPECT_EQ(unsupported("ic3ih8oc5kh3 dtype=bf16"), "");
  EXPECT_EQ(unsupported("ic3ih8oc5kh3 dtype=tf32"), "");
  EXPECT_THAT(unsupported("ic3ih8oc5kh3 pass=dgrad"), HasSubstr("only fprop"));
  EXPECT_EQ(unsupported("ic16ih8oc16kh3 dtype=s8"), "");
  EXPECT_EQ(unsupported("ic16ih8oc16kh3 x=u8 w=s8 y=f16 quant=zp"), "");
  EXPECT_THAT(unsupported("ic16ih8oc16kh3 x=s8 w=u8 y=s8"), HasSubstr("they must be s8"));
  EXPECT_THAT(unsupported("ic16ih8oc16kh3 x=s8 w=s8 y=s32 epilogue=relu(acc)"),
              HasSubstr("takes no epilogue"));
  EXPECT_THAT(unsupported("ic65536ih8oc1kh3 dtype=s8"), HasSubstr("more than s32 holds"));
  EXPECT_THAT(unsupported("ic16ih8oc16kh3 dtype=e4m3"), HasSubstr("e4m3"));
  CudaDevice volta;
  volta.capability = 70;
  EXPECT_THAT(why_unsupported_cuda(spec("ic3ih8oc5kh3"), volta), HasSubstr("sm_75 or later"));
}

TEST(CudaConfig, EveryDefaultIsLegalAndEveryConfigurationIsItsText) {
  CudaDevice devices[3];
  devices[1].capability = 86, devices[1].shared_bytes_block = 99 << 10;
  devices[1].shared_bytes_sm = 100 << 10;
  devices[2].capability = 75, devices[2].shared_bytes_block = 64 << 10;
  for (const char* problem : {
           "mb128ic64ih56oc64kh3ph1 dtype=f16",
           "mb128ic512ih1oc512kh3ph1 dtype=bf16",
           "mb128ic3ih224oc64kh7sh2ph3 dtype=f16",
           "mb1ic7ih9oc5kh3 dtype=tf32 layout=nchw",
           "g96mb1ic96ih14oc96kh3ph1",
           "mb1ic1ih20000000iw1oc1oh20000000ow1kh1kw1sw300000000",
           "mb1ic8ih1iw100000000oc8oh1kh1kw20000000",
           "mb1ic1ih1oc2147483647oh1kh1",
           "mb?ic8ih8oc8kh3ph1 dtype=f16",
       }) {
    for (const CudaDevice& device : devices) {
      const ConvSpec s = spec(problem);
      const auto start = std::chrono::steady_clock::now();
      const KernelConfig chosen = default_cuda_config(s, device);
      EXPECT_EQ(why_illegal_cuda(s, chosen.cuda, device), "") << problem;
      const auto all = enumerate_cuda_configs(s, device);
      for (const KernelConfig& config : all) {
        EXPECT_EQ(why_illegal_cuda(s, config.cuda, device), "") << problem << print_config(config);
        EXPECT_EQ(parse_config(print_config(config)), config) << print_config(config);
        EXPECT_GT(predict_cuda_us(s, config.cuda, device), 0) << print_config(config);
      }
      EXPECT_LE(all.size(), 400u) << problem;
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
      EXPECT_LT(taken.count(), 10) << problem;
    }
  }
}

}  // namespace
}  // namespace convoke
