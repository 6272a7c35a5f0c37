// The GPU's naive kernel against the host's reference, which it stands in for in the verifier:
// integers bit for bit, floats to the rounding of f64, on small problems of every kind. Skips
// without a GPU.
#include <gtest/gtest.h>

#include "autotune/fill.h"
#include "autotune/reference.h"
#include "compiler/spec_text.h"
#include "runtime/target.h"
#include "tests/random_spec.h"

namespace convoke {
namespace {

class GpuReference : public testing::Test {
 protected:
  void SetUp() override {
    try {
      target_ = make_cuda_target(0);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDevice) throw;
      GTEST_SKIP() << error.what();
    }
  }

  void expect_right(const ConvSpec& with_epilogue) {
    ConvSpec spec = with_epilogue;
    spec.epilogue.clear();
    const std::int64_t batch = spec.open_batch() ? 3 : spec.n;
    for (const FillKind kind : {FillKind::kIntegers, FillKind::kFloats}) {
      std::vector<std::byte> x(spec.x_elements(batch) * size_of(spec.x_type));
      std::vector<std::byte> w(spec.w_elements() * size_of(spec.w_type));
      fill(x, spec.x_type, TensorRole::kX, kind, spec, 9);
      fill(w, spec.w_type, TensorRole::kW, kind, spec, 9);
      const auto want = reference_fprop(spec, {x.data(), w.data(), {}, batch}, nullptr, true);
      std::vector<double> got(want.value.size(), 0.5);
      ASSERT_TRUE(target_->reference_sums(spec, batch, x.data(), w.data(), 0, got.data()))
          << print_spec(spec);
      for (std::size_t i = 0; i < got.size(); ++i) {
        const double limit = kind == FillKind::kIntegers ? 0 : 1e-13 * (1 + want.magnitude[i]);
        ASSERT_NEAR(got[i], want.value[i], limit) << print_spec(spec) << " output " << i;
      }
    }
  }

  std::shared_ptr<Target> target_;
};

TEST_F(GpuReference, EqualsTheHostsOnRandomProblems) {
  test::RandomSpecs specs(21);
  for (int i = 0; i < 60; ++i) expect_right(specs.next(1e6));
}

TEST_F(GpuReference, EqualsTheHostsOnOddProblems) {
  for (const char* text :
       {"mb1ic1ih1oc1oh1kh1ph0", "mb2ic512ih1oc64oh1kh3ph1 dtype=f16",  // eight dead taps
        "mb3ic5ih6oc9oh6kh3ph1 dtype=tf32", "mb1ic2ih3oc5oh13kh3ph6 dtype=bf16",
        "g3mb1ic9ih5oc6oh3kh3sh2ph1 xlayout=nchw ylayout=nhwc dtype=f16",
        "mb2ic3ih9oc4oh3kh2sh4ph0 y=f32 x=bf16 w=bf16",  // columns that nothing reads
        "mb1ic3ih5oc2oh3kh1sh536870912ph536870912"})     // far beyond the image
    expect_right(parse_problem(text).spec);
}

}  // namespace
}  // namespace convoke
