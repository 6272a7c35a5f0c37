// Fills: conversions, exactness of integer sums, density; and the tolerances that follow from the
// types.
#include "autotune/fill.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "autotune/tolerance.h"
#include "compiler/spec_text.h"

namespace convoke {
namespace {

double round_trip(DataType type, double value) {
  std::byte bytes[5] = {};
  store_element(bytes + 1, 0, type, value);  // odd address on purpose
  return load_element(bytes + 1, 0, type);
}

TEST(Conversion, EveryF16ValueSurvives) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const double value = load_element(&half, 0, DataType::kF16);
    if (std::isnan(value)) continue;
    std::uint16_t back = 0;
    store_element(&back, 0, DataType::kF16, value);
    ASSERT_EQ(back, half);
  }
}

TEST(Conversion, EveryBf16AndE4m3ValueSurvives) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto brain = static_cast<std::uint16_t>(bits);
    const double value = load_element(&brain, 0, DataType::kBf16);
    if (std::isnan(value)) continue;
    std::uint16_t back = 0;
    store_element(&back, 0, DataType::kBf16, value);
    ASSERT_EQ(back, brain);
  }
  for (std::uint32_t bits = 0; bits < 0x100; ++bits) {
    const auto tiny = static_cast<std::uint8_t>(bits);
    const double value = load_element(&tiny, 0, DataType::kE4m3);
    if (std::isnan(value)) continue;
    std::uint8_t back = 0;
    store_element(&back, 0, DataType::kE4m3, value);
    ASSERT_EQ(back, tiny);
  }
}

TEST(Conversion, RoundsToNearestEvenOnce) {
  EXPECT_EQ(round_trip(DataType::kBf16, 257), 256);
  EXPECT_EQ(round_trip(DataType::kBf16, 259), 260);
  // Through f32 this would first round down to the tie 257 and then to 256.
  EXPECT_EQ(round_trip(DataType::kBf16, 257 + 0x1p-30), 258);
  EXPECT_EQ(round_trip(DataType::kF16, 2049), 2048);
  EXPECT_EQ(round_trip(DataType::kF16, 2051), 2052);
  EXPECT_EQ(round_trip(DataType::kF16, 65519), 65504);
  EXPECT_EQ(round_trip(DataType::kF16, 65520), INFINITY);
  EXPECT_EQ(round_trip(DataType::kF16, -1e9), -INFINITY);
  EXPECT_EQ(round_trip(DataType::kF16, 0x1p-25), 0);
  EXPECT_EQ(round_trip(DataType::kF16, 0x1.8p-25), 0x1p-24);
  EXPECT_EQ(round_trip(DataType::kF16, 0x1.ffep-15), 0x1p-14);
  EXPECT_EQ(round_trip(DataType::kE4m3, 1000), 448);
  EXPECT_EQ(round_trip(DataType::kE4m3, 17), 16);
  EXPECT_EQ(round_trip(DataType::kTf32, 2049), 2048);
  EXPECT_EQ(round_trip(DataType::kS8, 2.5), 2);
  EXPECT_EQ(round_trip(DataType::kS8, -300), -128);
  EXPECT_EQ(round_trip(DataType::kU8, -3), 0);
  EXPECT_EQ(round_trip(DataType::kS32, 1e12), 2147483647);
  EXPECT_TRUE(std::isnan(round_trip(DataType::kF16, NAN)));
  EXPECT_TRUE(std::isnan(round_trip(DataType::kBf16, NAN)));
  EXPECT_TRUE(std::signbit(round_trip(DataType::kF16, -0.0)));
}

std::vector<double> filled(const ConvSpec& spec, DataType type, TensorRole role, FillKind kind,
                           std::size_t count, std::uint64_t seed = 1) {
  std::vector<std::byte> bytes(count * size_of(type));
  fill(bytes, type, role, kind, spec, seed);
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = load_element(bytes.data(), static_cast<std::int64_t>(i), type);
  return values;
}

TEST(Fill, DependsOnSeedRoleAndIndexOnly) {
  const ConvSpec spec = parse_problem("mb2ic64ih56oc64oh56kh3ph1").spec;
  const auto a = filled(spec, DataType::kF32, TensorRole::kX, FillKind::kFloats, 1000);
  auto longer = filled(spec, DataType::kF32, TensorRole::kX, FillKind::kFloats, 2000);
  longer.resize(1000);
  EXPECT_EQ(a, longer);
  EXPECT_NE(a, filled(spec, DataType::kF32, TensorRole::kW, FillKind::kFloats, 1000));
  EXPECT_NE(a, filled(spec, DataType::kF32, TensorRole::kX, FillKind::kFloats, 1000, 2));
}

TEST(Fill, FloatsAreUniformAndOperandsMayDivide) {
  const ConvSpec spec;
  double sum = 0;
  for (const double v : filled(spec, DataType::kF32, TensorRole::kX, FillKind::kFloats, 100000)) {
    ASSERT_GE(v, -1);
    ASSERT_LT(v, 1);
    sum += v;
  }
  EXPECT_NEAR(sum / 100000, 0, 0.01);
  for (const double v :
       filled(spec, DataType::kBf16, TensorRole::kOperand, FillKind::kFloats, 1000)) {
    ASSERT_GE(std::abs(v), 0.5);
    ASSERT_LE(std::abs(v), 1.5);
  }
}

/// The share of non-zeros and the largest magnitude are what integer_range says.
TEST(Fill, IntegersFollowTheirRange) {
  for (const char* text :
       {"mb1ic1ih5oc1oh5kh1", "mb2ic512ih7oc512oh7kh3ph1 dtype=bf16",
        "mb1ic2560ih8oc1280oh8kh3ph1 dtype=bf16", "mb1ic2560ih8oc1280oh8kh3ph1 dtype=f16"}) {
    const ConvSpec spec = parse_problem(text).spec;
    const IntegerRange range = integer_range(spec);
    EXPECT_TRUE(range.exact) << text;
    double zeros = 0;
    double largest = 0;
    for (const double v : filled(spec, spec.x_type, TensorRole::kX, FillKind::kIntegers, 20000)) {
      ASSERT_EQ(v, std::floor(v));
      zeros += v == 0;
      largest = std::max(largest, std::abs(v));
    }
    EXPECT_NEAR(1 - zeros / 20000, range.density, 0.02) << text;
    EXPECT_EQ(largest, range.max_x) << text;
  }
}

double deviation(const char* text) {
  const ConvSpec spec = parse_problem(text).spec;
  const IntegerRange range = integer_range(spec);
  const auto variance = [&](int max) { return range.density * (max + 1) * (2 * max + 1) / 6; };
  return std::sqrt(static_cast<double>(spec.c_per_group() * spec.r * spec.s) *
                   variance(range.max_x) * variance(range.max_w));
}

TEST(Fill, SumsStayWhereTheOutputTypeTellsThemApart) {
  // Two of three sums lie within one deviation.
  EXPECT_LE(deviation("mb1ic2560ih8oc1280oh8kh3ph1 dtype=bf16"), 256);
  EXPECT_GE(deviation("mb1ic2560ih8oc1280oh8kh3ph1 dtype=bf16"), 20);
  EXPECT_LE(deviation("mb1ic2560ih8oc1280oh8kh3ph1 dtype=f16"), 2048);
  EXPECT_LE(deviation("mb1ic64ih56oc64oh56kh3ph1 epilogue=relu6(acc)"), 20);
  EXPECT_GE(deviation("mb1ic64ih56oc64oh56kh3ph1"), 300);
}

TEST(Fill, ExactEpiloguesAreToldFromRoundingOnes) {
  const auto exact = [](const char* epilogue) {
    ConvSpec spec = parse_problem("mb1ic64ih14oc64oh14kh3ph1").spec;
    spec.epilogue = epilogue;
    return integer_range(spec).exact;
  };
  EXPECT_TRUE(exact("relu(acc*scale[k]+bias[k]+residual)"));
  EXPECT_TRUE(exact("clamp(acc*0.5,-8,8)"));
  EXPECT_TRUE(exact("min(acc,0.1)"));
  EXPECT_FALSE(exact("acc*0.1"));
  EXPECT_FALSE(exact("acc/scale[k]"));
  EXPECT_FALSE(exact("sigmoid(acc)"));
  EXPECT_FALSE(exact("acc*acc*acc*acc*acc*acc*acc"));
}

TEST(Tolerance, SumBoundIsHighamsWhereSmallAndProbabilisticBeyond) {
  EXPECT_NEAR(sum_error(9), 9 * 0x1p-24, 1e-12);
  EXPECT_NEAR(sum_error(10000), 800 * 0x1p-24, 1e-8);
  EXPECT_GT(sum_error(std::int64_t{1} << 40), 0.1);
}

TEST(Tolerance, CoversAnEvaluationInF32) {
  for (const char* text :
       {"acc*0.1+0.3", "sigmoid(acc)", "silu(acc)", "tanh(acc)", "gelu(acc)", "hardswish(acc)",
        "acc/(acc+3)", "relu6(acc*1.7-0.2)", "abs(min(acc,0.3)*max(acc,-0.7))"}) {
    const Epilogue epilogue = Epilogue::parse(text);
    for (int i = -400; i <= 400; ++i) {
      const double acc = i * 0.0317;
      const Bounded result = evaluate_bounded(epilogue, {acc, 1e-4}, nullptr);
      ASSERT_NEAR(result.value, epilogue.evaluate(acc, nullptr), 1e-12) << text;
      // The bound covers what an error of the sum does.
      for (const double off : {-1e-4, 1e-4})
        ASSERT_LE(
            std::abs(evaluate_bounded(epilogue, {acc + off, 0}, nullptr).value - result.value),
            result.error)
            << text << " at " << acc;
    }
  }
}

TEST(Tolerance, IsInfiniteWhereNothingCanBeSaid) {
  EXPECT_EQ(evaluate_bounded(Epilogue::parse("1/acc"), {1e-5, 1e-4}, nullptr).error, INFINITY);
  EXPECT_EQ(stored({70000, 0}, DataType::kF16).error, INFINITY);
  EXPECT_NEAR(stored({1, 0}, DataType::kBf16).error, 0x1p-8, 1e-9);
}

}  // namespace
}  // namespace convoke
