// The f64 reference against the definition of a convolution, on small problems of every kind.
#include "autotune/reference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "compiler/spec_text.h"
#include "tests/naive_conv.h"

namespace convoke {
namespace {

std::vector<std::byte> data(const ConvSpec& spec, TensorRole role, FillKind kind) {
  const bool x = role == TensorRole::kX;
  const DataType type = x ? spec.x_type : spec.w_type;
  std::vector<std::byte> bytes((x ? spec.x_elements(spec.n) : spec.w_elements()) * size_of(type));
  fill(bytes, type, role, kind, spec, 7);
  return bytes;
}

/// Integers: equal. Floats: equal to f64 rounding; magnitude is an upper bound, and not a wild one.
void expect_right(const ConvSpec& spec, Executor* executor = nullptr) {
  for (const FillKind kind : {FillKind::kIntegers, FillKind::kFloats}) {
    const auto x = data(spec, TensorRole::kX, kind);
    const auto w = data(spec, TensorRole::kW, kind);
    const auto result = reference_fprop(spec, {x.data(), w.data(), {}, spec.n}, executor, true);
    ASSERT_EQ(result.value.size(), static_cast<std::size_t>(spec.y_elements(spec.n)));
    test::for_each_output(
        spec, spec.n, [&](std::int64_t n, std::int64_t k, std::int64_t p, std::int64_t q) {
          const double want = test::naive_sum(spec, x.data(), w.data(), n, k, p, q);
          const std::int64_t at = test::y_index(spec, n, k, p, q);
          if (kind == FillKind::kIntegers)
            ASSERT_EQ(result.value[at], want) << print_spec(spec) << " output " << at;
          else
            ASSERT_NEAR(result.value[at], want, 1e-13 * (1 + result.magnitude[at]))
                << print_spec(spec);
          ASSERT_LE(std::abs(want), result.magnitude[at] * (1 + 1e-12)) << print_spec(spec);
        });
  }
}

class ReferenceCase : public testing::TestWithParam<const char*> {};

TEST_P(ReferenceCase, EqualsTheDefinition) { expect_right(parse_problem(GetParam()).spec); }

INSTANTIATE_TEST_SUITE_P(
    Problems, ReferenceCase,
    testing::Values("mb2ic5ih9oc7oh9kh3ph1", "mb1ic3ih11oc19oh6kh3sh2ph1",
                    "g2mb2ic6ih8oc10oh8kh3ph1",                // groups
                    "g6mb1ic6iw13ih7oc12oh7ow13kh3kw3ph1pw1",  // depthwise, multiplier 2
                    "mb1ic4ih15oc9oh9kh3dh3ph1",               // dilation
                    "mb1ic2ih11oc3oh5kh2sh2ph0",               // the last rows are never read
                    "mb1ic3ih9iw9oc4oh9ow6kh1kw7ph0pw2",       // 1x7
                    "mb1ic2ih3oc5oh13kh3ph6",                  // mostly padding
                    "mb3ic17ih1oc33oh1kh1ph0", "mb2ic5ih6oc9oh6kh3ph1 layout=nchw",
                    "g3mb1ic9ih5oc6oh3kh3sh2ph1 xlayout=nchw ylayout=nhwc",
                    "mb2ic5ih9oc8oh9kh3ph1 dtype=bf16", "mb2ic5ih9oc8oh9kh3ph1 dtype=f16"));

TEST(Reference, EqualsTheDefinitionOnRandomProblems) {
  std::mt19937 random(3);
  const auto pick = [&](int low, int high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  int checked = 0;
  while (checked < 150) {
    ConvSpec spec;
    spec.groups = pick(1, 3);
    spec.n = pick(1, 2), spec.c = spec.groups * pick(1, 4), spec.k = spec.groups * pick(1, 10);
    spec.h = pick(1, 9), spec.w = pick(1, 15), spec.r = pick(1, 4), spec.s = pick(1, 4);
    spec.p = pick(1, 8), spec.q = pick(1, 14);
    spec.stride_h = pick(1, 3), spec.stride_w = pick(1, 3);
    spec.dilation_h = pick(1, 3), spec.dilation_w = pick(1, 3);
    spec.pad_h = pick(0, 5), spec.pad_w = pick(0, 5);
    if (pick(0, 1)) spec.x_layout = spec.y_layout = Layout::kNchw;
    try {
      spec.validate();
    } catch (const Error&) {
      continue;
    }
    ++checked;
    expect_right(spec);
  }
}

TEST(Reference, SkipsPaddingAndDeadTaps) {
  ConvSpec spec = parse_problem("mb1ic1ih1oc1oh1kh3ph1").spec;
  std::vector<float> w(9, INFINITY);
  w[4] = 3;
  const float x = 2;
  EXPECT_EQ(reference_fprop(spec, {&x, w.data(), {}, 1}, nullptr, false).value[0], 6);
}

TEST(Reference, AppliesTheEpilogueWithItsOperands) {
  ConvSpec spec =
      parse_problem("mb1ic1ih1iw2oc2oh1ow2kh1kw1ph0 epilogue=relu(acc*scale[k]+r)").spec;
  const float x[] = {1, 2}, w[] = {3, 5}, scale[] = {2, -1}, residual[] = {1, 7, 2, 20};
  const auto y = reference_fprop(spec, {x, w, {scale, residual}, 1}, nullptr, false).value;
  EXPECT_EQ(y, (std::vector<double>{7, 2, 14, 10}));
}

TEST(Reference, RefusesWhatItCannotCompute) {
  ConvSpec spec;
  spec.pass = Pass::kWgrad;
  const float one = 1;
  EXPECT_THROW(reference_fprop(spec, {&one, &one, {}, 1}, nullptr, false), Error);
}

/// Runs tasks backwards, one at a time: no result may depend on the order.
class BackwardExecutor final : public Executor {
 public:
  int workers() const override { return 1; }
  void parallel_for(std::int64_t tasks, Body body, void* context) override {
    for (std::int64_t i = tasks - 1; i >= 0; --i) body(context, i, i + 1, 0);
  }
};

TEST(Reference, DoesNotDependOnTheExecutor) {
  BackwardExecutor backward;
  expect_right(parse_problem("g2mb3ic10ih7oc20oh7kh3ph1").spec, &backward);
}

}  // namespace
}  // namespace convoke
