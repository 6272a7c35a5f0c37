// The emitted CUDA units: how long they are, what they depend on, and the templates that were built
// in.
#include "compiler/emit_cuda.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "compiler/kernel_config.h"
#include "compiler/spec_text.h"

namespace convoke {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string source(const std::string& problem, const std::string& config) {
  const ConvSpec spec = parse_problem(problem).spec;
  const CudaConfig cuda = parse_config(config).cuda;
  EXPECT_EQ(why_illegal_cuda(spec, cuda, CudaDevice{}), "");
  return emit_cuda(spec, cuda).source;
}

const char* const kTile = "cuda:mma,bm=64,bn=64,bk=64,wm=2,wn=2,stages=2";

TEST(EmitCuda, TheBatchAndTheNameAreNoPartOfTheSource) {
  const std::string one = source("mb1ic64ih14oc64kh3ph1 dtype=f16", kTile);
  EXPECT_EQ(source("mb128ic64ih14oc64kh3ph1n\"first\" dtype=f16", kTile), one);
  EXPECT_EQ(source("mb?ic64ih14oc64kh3ph1 dtype=f16", kTile), one);
}

TEST(EmitCuda, WhateverDecidesTheCodeIsInTheSource) {
  const std::string base = "mb8ic64ih14oc64kh3ph1", one = source(base + " dtype=f16", kTile);
  for (const char* other :
       {"mb8ic64ih15oc64kh3ph1 dtype=f16", "mb8ic64ih14oc72kh3ph1 dtype=f16",
        "mb8ic64ih14oc64kh3ph2 dtype=f16", "mb8ic64ih14oc64kh3ph1 dtype=bf16",
        "mb8ic64ih14oc64kh3ph1sh2 dtype=f16", "mb8ic64ih14oc64kh3ph2dh1 dtype=f16",
        "g2mb8ic64ih14oc64kh3ph1 dtype=f16", "mb8ic64ih14oc64kh3ph1 dtype=f16 layout=nchw",
        "mb8ic64ih14oc64kh3ph1 dtype=f16 epilogue=relu(acc)"})
    EXPECT_NE(source(other, kTile), one) << other;
  for (const char* change : {",split=2", ",split=2,split_by=cluster"})
    EXPECT_NE(source(base + " dtype=f16", kTile + std::string(change)), one) << change;
}

TEST(EmitCuda, AUnitIsShort) {
  const std::string longest = source(
      "g4mb8ic1024ih112iw113oc1024oh38ow29kh5kw7sh3sw4dh1dw2ph5pw9 dtype=f16 "
      "epilogue=relu(acc*scale[k]+bias[k]+residual)",
      "cuda:mma,bm=128,bn=128,bk=64,wm=2,wn=2,stages=4,split=2");
  EXPECT_LE(std::count(longest.begin(), longest.end(), '\n'), 25);
  EXPECT_THAT(longest, HasSubstr("convoke_reduce"));
  const std::string plain = source("mb8ic64ih14oc64kh3ph1 dtype=f16", kTile);
  EXPECT_LE(std::count(plain.begin(), plain.end(), '\n'), 25);
  EXPECT_THAT(plain, Not(HasSubstr("convoke_reduce")));
  EXPECT_THAT(plain, Not(HasSubstr("stride_h")));  // the default
}

TEST(EmitCuda, TheConfigIsTheOneOfTheSource) {
  const ConvSpec spec =
      parse_problem("mb8ic64ih14oc48kh3ph1 dtype=f16 epilogue=acc*scale[k]+residual").spec;
  const EmittedKernel kernel = emit_cuda(spec, parse_config(kTile).cuda);
  EXPECT_EQ(kernel.config.k, 48);
  EXPECT_EQ(kernel.config.operands, 2);
  EXPECT_EQ(kernel.config.per_channel_operands, 1u);
  EXPECT_EQ(kernel.config.split_k, 1);
  EXPECT_THAT(kernel.source, HasSubstr(".k = 48,"));
  EXPECT_THAT(kernel.source, HasSubstr(".operands = 2,"));
  EXPECT_THAT(kernel.source, HasSubstr(".per_channel_operands = 1,"));
}

TEST(EmitCuda, TheTemplatesAreBuiltInByteForByte) {
  const auto& files = embedded_templates();
  ASSERT_FALSE(files.empty());
  for (const TemplateFile& file : files) {
    std::ifstream disk(CONVOKE_SOURCE_DIR "/" + file.name, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(disk), {}};
    EXPECT_EQ(file.text, text) << file.name;
  }
  const auto has = [&](const char* name) {
    return std::any_of(files.begin(), files.end(), [&](const auto& f) { return f.name == name; });
  };
  EXPECT_TRUE(has("templates/conv_config.h"));
  EXPECT_TRUE(has("templates/ptx/convert.cuh"));
  EXPECT_EQ(templates_digest(files), embedded_templates_digest());
  std::vector<TemplateFile> changed = files;
  changed[0].text += ' ';
  EXPECT_NE(templates_digest(changed), embedded_templates_digest());
}

}  // namespace
}  // namespace convoke
