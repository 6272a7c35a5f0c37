// Goldens of the emitted CUDA units, one a family and one with everything that a unit can have.
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "compiler/emit_cuda.h"
#include "compiler/sparsity.h"
#include "compiler/spec_text.h"
#include "convoke/sparsity_pattern.h"
#include "tests/golden_file.h"

namespace convoke {
namespace {

struct Golden {
  const char* name;
  const char* problem;
  const char* config;
};

void PrintTo(const Golden& golden, std::ostream* out) {
  *out << golden.problem << ' ' << golden.config;
}

const Golden kGoldens[] = {
    {"mma_f16", "mb128ic64ih56oc64kh3ph1 dtype=f16",
     "cuda:mma,bm=64,bn=64,bk=64,wm=2,wn=2,stages=2"},
    {"mma_split_epilogue",
     "mb128ic512ih7oc512kh3ph1 dtype=bf16 epilogue=relu(acc*scale[k]+bias[k]+residual)",
     "cuda:mma,bm=64,bn=128,bk=64,wm=2,wn=2,stages=4,split=4"},
    {"fma_cluster", "mb1ic256ih14iw12oc256kh1kw1 dtype=f32",
     "cuda:fma,bm=64,bn=64,bk=32,wm=2,wn=2,stages=3,split=2,split_by=cluster"},
    {"mma_s8_zero_point",
     "mb8ic64ih14oc64kh3ph1 x=u8 w=s8 y=s8 quant=zp epilogue=relu(acc*scale[k]+skip[f16])",
     "cuda:mma,bm=128,bn=64,bk=64,wm=2,wn=2,stages=3"},
    {"direct_nchw", "g2mb2ic6ih9iw7oc4kh3kw2sh2dh1ph2 dtype=f32 layout=nchw",
     "cuda:direct,bm=2,bn=2,bk=1"},
    {"mma_filters", "mb8ic32ih14oc16kh3ph1 dtype=f16 sparsity=channel:0.5",
     "cuda:mma,bm=64,bn=16,bk=32,wm=2,wn=1,stages=3"},
    {"mma_lists_bound", "mb8ic64ih14oc64kh3ph1 dtype=bf16 sparsity=block:0.5@32x16:bound",
     "cuda:mma,bm=64,bn=32,bk=32,wm=2,wn=1,stages=3"},
    {"mma_pairs_bound", "mb8ic64ih14oc64kh3ph1 dtype=bf16 sparsity=nm:2:4:bound",
     "cuda:mma,bm=64,bn=64,bk=64,wm=2,wn=2,stages=3"},
    {"sparse_lists_bound", "mb8ic64ih14oc64kh3ph1 dtype=bf16 sparsity=unstructured:0.1:bound",
     "cuda:sparse,bm=128,bn=32,bk=16,wm=1,wn=4,tp=4,tq=4"},
    {"sparse_code", "mb8ic8ih14oc8kh3ph1 sparsity=unstructured:0.1",
     "cuda:sparse,bm=128,bn=8,bk=4,wm=1,wn=1,tp=8,tq=16,code=1"},
    {"depthwise_u8_zero_point",
     "g32mb8ic32ih14oc32kh3ph1 x=u8 w=s8 y=u8 quant=zp epilogue=relu(acc*scale[k])",
     "cuda:depthwise,bm=4,bn=8,bk=4"},
    {"depthwise", "g32mb8ic32ih14oc32kh3ph1 dtype=f16", "cuda:depthwise,bm=7,bn=8,bk=4"},
};

class GoldenCudaTest : public testing::TestWithParam<Golden> {};

TEST_P(GoldenCudaTest, SourceIsAsBefore) {
  ConvSpec spec = parse_problem(GetParam().problem).spec;
  if (!spec.sparsity.empty() && !Sparsity::parse(spec.sparsity).bound)
    spec = with_pattern(spec, SparsityPattern::from_units(spec, {0, 1, 4, 5, 6, 11, 12, 15}));
  const CudaConfig config = parse_config(GetParam().config).cuda;
  ASSERT_EQ(why_illegal_cuda(spec, config, CudaDevice{}), "");
  expect_golden(std::string(GetParam().name) + ".cu", emit_cuda(spec, config).source);
}

INSTANTIATE_TEST_SUITE_P(Cuda, GoldenCudaTest, testing::ValuesIn(kGoldens),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace convoke

int main(int argc, char** argv) { return convoke::run_golden_tests(argc, argv); }
