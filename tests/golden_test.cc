// Goldens of the emitted IR, before any pass of LLVM: one small kernel a family and layout. A
// difference fails (golden_file.h). Each is compiled too, for its own instruction set whatever this
// machine has, and must use the instruction that its level is there for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "compiler/cpu_isa.h"
#include "compiler/kernel_config.h"
#include "compiler/sparsity.h"
#include "compiler/spec_text.h"
#include "convoke/sparsity_pattern.h"
#include "runtime/cpu_library.h"
#include "tests/golden_file.h"

namespace convoke {
namespace {

struct Golden {
  const char* name;
  const char* problem;
  const char* config;
  IsaLevel level;
  const char* instruction;  ///< in the assembly
};

void PrintTo(const Golden& golden, std::ostream* out) {
  *out << golden.problem << ' ' << golden.config;
}

const Golden kGoldens[] = {
    {"gemm_q_nhwc", "mb1ic2ih3oc8kh3ph1", "gemm,axis=q,mr=3,nv=1,unroll=1", IsaLevel::kAvx2,
     "vfmadd"},
    {"gemm_n_nhwc", "mb4ic2ih1oc8kh3ph1", "gemm,axis=n,mr=2,nv=1,rows=2,unroll=1", IsaLevel::kAvx2,
     "vfmadd"},
    {"gemm_1x1_sse2", "mb1ic2ih2oc4kh1", "gemm,axis=q,mr=2,nv=1,unroll=1", IsaLevel::kSse2,
     "mulps"},
    {"gemm_epilogue_nchw", "mb1ic2ih2oc16kh1 layout=nchw epilogue=relu(acc*scale[k]+bias[k])",
     "gemm,axis=q,mr=1,nv=1,unroll=1", IsaLevel::kAvx512, "zmm"},
    {"gemm_bf16", "mb1ic2ih2oc16kh1 dtype=bf16", "gemm,axis=q,mr=1,nv=1,unroll=1",
     IsaLevel::kAvx512Bf16, "vdpbf16ps"},
    {"direct_f16", "mb1ic3ih3oc5kh2sh2 dtype=f16", "direct,nv=1,rows=1", IsaLevel::kAvx2,
     "vcvtph2ps"},
    {"depthwise", "g8mb1ic8ih3oc8kh3ph1", "depthwise,mr=3,nv=1,rows=1", IsaLevel::kAvx2, "vfmadd"},
    {"sparse_windows_bound", "mb1ic8ih2oc8kh1 sparsity=unstructured:0.2:bound",
     "gemm,axis=q,mr=1,nv=1,unroll=2,window=8", IsaLevel::kAvx2, "vpermd"},
    {"sparse_nm", "mb1ic8ih2oc8kh1 sparsity=nm:2:4", "gemm,axis=q,mr=2,nv=1,unroll=1,window=4",
     IsaLevel::kAvx2, "vpermilps"},
    {"sparse_lists", "mb1ic8ih3oc8kh3ph1 sparsity=block:0.5@4x4", "gemm,axis=q,mr=3,nv=1,unroll=1",
     IsaLevel::kAvx2, "vfmadd"},
    {"sparse_channels_bound", "mb1ic2ih2oc8kh1 sparsity=channel:0.5:bound",
     "gemm,axis=q,mr=2,nv=1,unroll=1", IsaLevel::kAvx2, "vfmadd"},
    {"sparse_straight", "mb1ic1ih3oc2kh2ph1 sparsity=unstructured:0.3", "sparse,axis=q,mr=2,rows=2",
     IsaLevel::kAvx2, "vfmadd"},
    {"sparse_planes", "mb1ic2ih3oc2kh2 sparsity=unstructured:0.5",
     "sparse,axis=q,mr=2,rows=2,unroll=1", IsaLevel::kAvx2, "vfmadd"},
    {"amx_bf16", "mb1ic32ih4oc16kh1 dtype=bf16", "amx,mr=16,nv=1", IsaLevel::kAmx, "tdpbf16ps"},
    {"gemm_s8_vnni", "mb1ic3ih2oc16kh2ph1 dtype=s8", "gemm,axis=q,mr=3,nv=1,unroll=1",
     IsaLevel::kAvx512Vnni, "vpdpbusd"},
    {"amx_u8_zero_point", "mb1ic64ih4oc16kh1 dtype=u8 quant=zp", "amx,mr=16,nv=1", IsaLevel::kAmx,
     "tdpbusd"},
};

std::string emit(const Golden& golden, int format) {
  CpuIsa isa;
  isa.level = golden.level;
  const ConvSpec spec = parse_problem(golden.problem).spec;
  const KernelConfig config = parse_config(golden.config);
  const std::string why = why_illegal(spec, config, isa);
  if (!why.empty()) return "illegal: " + why;
  const ConvokeCpuBackend& backend = cpu_library();
  const ConvokeCpuIsa crossing = {static_cast<int32_t>(isa.level), isa.l1_bytes, isa.l2_bytes,
                                  isa.l3_bytes};
  ConvokeBytes bytes = {};
  const Sparsity sparsity = Sparsity::parse(spec.sparsity);
  const bool baked = sparsity.kind != SparsityKind::kNone && !sparsity.bound;
  const std::string pattern = baked ? SparsityPattern::random(spec, 1)->text() : "";
  const int32_t status = backend.emit(print_spec(spec).c_str(), baked ? pattern.c_str() : nullptr,
                                      print_config(config).c_str(), &crossing, format, &bytes);
  const std::string text(bytes.data, bytes.size);
  backend.release(&bytes);
  return status == 0 ? text : "refused: " + text;
}

class GoldenTest : public testing::TestWithParam<Golden> {};

TEST_P(GoldenTest, SourceIsAsBefore) {
  const std::string now = emit(GetParam(), CONVOKE_EMIT_SOURCE);
  ASSERT_THAT(now, testing::HasSubstr("define void @convoke_kernel")) << "not a kernel";
  expect_golden(std::string(GetParam().name) + ".ll", now);
}

TEST_P(GoldenTest, CompilesToTheInstructionOfItsLevel) {
  EXPECT_THAT(emit(GetParam(), CONVOKE_EMIT_OBJECT), testing::StartsWith("\x7f"
                                                                         "ELF"));
  EXPECT_THAT(emit(GetParam(), CONVOKE_EMIT_ASM), testing::HasSubstr(GetParam().instruction));
}

INSTANTIATE_TEST_SUITE_P(Cpu, GoldenTest, testing::ValuesIn(kGoldens),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace convoke

int main(int argc, char** argv) { return convoke::run_golden_tests(argc, argv); }
