// Scales, integers and weights, against closed forms and against f64.
#include "convoke/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "compiler/spec_text.h"
#include "convoke/error.h"
#include "tests/usage_error.h"

namespace convoke {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<int> quantized(const std::vector<float>& x, const QuantScale& scale, DataType type) {
  std::vector<std::int8_t> s8(x.size());
  std::vector<std::uint8_t> u8(x.size());
  const bool is_signed = type == DataType::kS8;
  quantize(x.data(), x.size(), scale, type,
           is_signed ? static_cast<void*>(s8.data()) : static_cast<void*>(u8.data()));
  if (is_signed) return {s8.begin(), s8.end()};
  return {u8.begin(), u8.end()};
}

TEST(Scale, RangeOfScales) {
  const auto message = [](const std::string& value) {
    return "quantisation: the scale is " + value +
           " but must be a normal number above 0, from 1.1754944e-38 to 3.4028235e+38";
  };
  const auto of = [](float scale) {
    return test::usage_error_of([=] { check({scale, 0}, DataType::kS8); });
  };
  EXPECT_EQ(of(0), message("0"));
  EXPECT_EQ(of(-0.0f), message("-0"));
  EXPECT_EQ(of(-0.5f), message("-0.5"));
  EXPECT_EQ(of(1e-40f), message("1e-40"));
  EXPECT_EQ(of(kInf), message("inf"));
  EXPECT_EQ(of(kNan), message("nan"));
  EXPECT_EQ(of(std::numeric_limits<float>::min()), "no error");
  EXPECT_EQ(of(std::numeric_limits<float>::max()), "no error");
}

TEST(Scale, RangeOfZeroPoints) {
  const auto of = [](int zero, DataType type) {
    return test::usage_error_of([=] { check({1, zero}, type); });
  };
  const std::string start = "quantisation: the zero point is ";
  EXPECT_EQ(of(-129, DataType::kS8),
            start + "-129 but must be within the range of s8, -128 to 127");
  EXPECT_EQ(of(128, DataType::kS8), start + "128 but must be within the range of s8, -128 to 127");
  EXPECT_EQ(of(-1, DataType::kU8), start + "-1 but must be within the range of u8, 0 to 255");
  EXPECT_EQ(of(256, DataType::kU8), start + "256 but must be within the range of u8, 0 to 255");
  for (const int zero : {-128, 127}) EXPECT_EQ(of(zero, DataType::kS8), "no error");
  for (const int zero : {0, 255}) EXPECT_EQ(of(zero, DataType::kU8), "no error");
  EXPECT_EQ(of(0, DataType::kF16), "quantisation: type f16 has no scale: it must be s8 or u8");
  float x = 0;
  std::int8_t q = 0;
  EXPECT_NE(test::usage_error_of([&] { quantize(&x, 1, {0, 0}, DataType::kS8, &q); }), "no error");
  EXPECT_NE(test::usage_error_of([&] {
              dequantize(&q, 1, {1, 200}, DataType::kS8, &x);
            }),
            "no error");
  EXPECT_EQ(of(0, static_cast<DataType>(99)),
            "quantisation: type ? has no scale: it must be s8 or u8");
}

TEST(Quantize, RefusesNullPointers) {
  float x = 0;
  std::int8_t q = 0;
  const auto says = [](const char* name) {
    return std::string("quantisation: ") + name + " is null, but 3 elements are announced";
  };
  const auto forth = [](const float* from, std::size_t count, void* to) {
    return test::usage_error_of([=] { quantize(from, count, {}, DataType::kS8, to); });
  };
  const auto back = [](const void* from, std::size_t count, float* to) {
    return test::usage_error_of([=] { dequantize(from, count, {}, DataType::kU8, to); });
  };
  EXPECT_EQ(forth(nullptr, 3, &q), says("x"));
  EXPECT_EQ(forth(&x, 3, nullptr), says("out"));
  EXPECT_EQ(back(nullptr, 3, &x), says("q"));
  EXPECT_EQ(back(&q, 3, nullptr), says("x"));
  EXPECT_EQ(forth(nullptr, 0, nullptr), "no error");
  EXPECT_EQ(back(nullptr, 0, nullptr), "no error");
}

TEST(Quantize, TiesGoToEven) {
  EXPECT_EQ(quantized({-2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.5f, 3.5f}, {1, 0}, DataType::kS8),
            (std::vector<int>{-2, -2, 0, 0, 2, 2, 4}));
  // The zero point is added before rounding, so it decides which neighbour of a tie is even.
  EXPECT_EQ(quantized({-0.5f, 0.5f, 1.5f}, {1, 3}, DataType::kU8), (std::vector<int>{2, 4, 4}));
  EXPECT_EQ(quantized({126.5f, -127.5f, -128.5f}, {1, 0}, DataType::kS8),
            (std::vector<int>{126, -128, -128}));
  EXPECT_EQ(quantized({0.25f, 0.75f, 254.75f}, {0.5f, 0}, DataType::kU8),
            (std::vector<int>{0, 2, 255}));
}

TEST(Quantize, SaturatesAndMakesNaNZero) {
  EXPECT_EQ(quantized({127.4f, 127.6f, 1e30f, kInf, -1e30f, -kInf, kNan}, {1, 0}, DataType::kS8),
            (std::vector<int>{127, 127, 127, 127, -128, -128, 0}));
  EXPECT_EQ(quantized({255.6f, kInf, -0.4f, -0.6f, -kInf, kNan, -kNan}, {1, 0}, DataType::kU8),
            (std::vector<int>{255, 255, 0, 0, 0, 0, 0}));
  EXPECT_EQ(quantized({kNan, kInf, 0}, {1, -100}, DataType::kS8), (std::vector<int>{0, 127, -100}));
  // The quotient overflows before it saturates.
  EXPECT_EQ(quantized({3e38f, -3e38f}, {std::numeric_limits<float>::min(), 5}, DataType::kU8),
            (std::vector<int>{255, 0}));
}

/// The documented formula on all kinds of bit patterns; the rounding is lrint's.
TEST(Quantize, IsTheFormula) {
  std::mt19937 random(1);
  for (const DataType type : {DataType::kS8, DataType::kU8}) {
    const float low = type == DataType::kS8 ? -128 : 0, high = low + 255;
    for (int round = 0; round < 50; ++round) {
      const QuantScale scale{std::ldexp(1 + static_cast<float>(random() % 1000) / 1000, round - 25),
                             static_cast<int>(random() % 256) + static_cast<int>(low)};
      std::vector<float> x(1000);
      for (float& value : x)
        value = std::ldexp(static_cast<float>(static_cast<int>(random() % 2001)) - 1000, -2) *
                scale.scale;
      const std::vector<int> q = quantized(x, scale, type);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const float quotient = x[i] / scale.scale;
        const float v = quotient + static_cast<float>(scale.zero);
        EXPECT_EQ(q[i], std::lrint(std::min(std::max(v, low), high))) << x[i];
      }
    }
  }
}

TEST(Dequantize, IsExactToOneRounding) {
  for (const DataType type : {DataType::kS8, DataType::kU8}) {
    const int low = type == DataType::kS8 ? -128 : 0;
    const QuantScale scale{0.1f, low + 30};
    std::vector<std::uint8_t> q(256);
    for (int i = 0; i < 256; ++i)
      q[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(low + i);
    std::vector<float> x(256);
    dequantize(q.data(), q.size(), scale, type, x.data());
    for (int i = 0; i < 256; ++i)
      EXPECT_EQ(x[static_cast<std::size_t>(i)],
                static_cast<float>(static_cast<double>(scale.scale) * (i - 30)));
    EXPECT_EQ(x[30], 0);
    // Every integer comes back.
    std::vector<std::uint8_t> again(256);
    quantize(x.data(), x.size(), scale, type, again.data());
    EXPECT_EQ(again, q);
  }
}

ConvSpec weights_spec(const std::string& words = "") {
  return parse_problem("g2mb1ic4ih4oc4kh1" + words).spec;  // [4][1][1][2]
}

TEST(Weights, PerChannel) {
  const std::vector<float> w = {127, -1.5f, 0, 0, -2, 1, 0.5f, 0.25f};
  const QuantizedWeights q =
      quantize_weights(weights_spec(), w.data(), w.size(), WeightScales::kPerChannel);
  EXPECT_EQ(q.scales, (std::vector<float>{1, 1, 2 / 127.0f, 0.5f / 127.0f}));
  EXPECT_EQ(q.values, (std::vector<std::int8_t>{127, -2, 0, 0, -127, 64, 127, 64}));
}

TEST(Weights, PerTensor) {
  const std::vector<float> w = {63.5f, -0.75f, 0, 0, -63.5f, 0.25f, 0.75f, 1};
  for (const char* layout : {"", " layout=nchw dtype=s8"}) {
    const QuantizedWeights q =
        quantize_weights(weights_spec(layout), w.data(), w.size(), WeightScales::kPerTensor);
    EXPECT_EQ(q.scales, (std::vector<float>{0.5f}));
    EXPECT_EQ(q.values, (std::vector<std::int8_t>{127, -2, 0, 0, -127, 0, 2, 2}));
  }
}

TEST(Weights, ZerosAndExtremes) {
  std::vector<float> w(8, 0.0f);
  w[4] = std::numeric_limits<float>::max(), w[6] = 1e-44f, w[7] = -1e-37f;
  const QuantizedWeights q =
      quantize_weights(weights_spec(), w.data(), w.size(), WeightScales::kPerChannel);
  EXPECT_EQ(q.scales[0], 1);
  EXPECT_EQ(q.values[4], 127);
  // A channel this small would have a subnormal scale.
  EXPECT_EQ(q.scales[3], std::numeric_limits<float>::min());
  EXPECT_EQ(q.values[7], -9);
  for (const float scale : q.scales) check({scale, 0}, DataType::kS8);
  const std::vector<float> zeros(8, 0.0f);
  EXPECT_EQ(quantize_weights(weights_spec(), zeros.data(), 8, WeightScales::kPerTensor).scales,
            (std::vector<float>{1}));
}

TEST(Weights, StayWithinHalfAStep) {
  const ConvSpec spec = parse_problem("mb1ic20ih9oc30kh3").spec;
  std::mt19937 random(2);
  std::normal_distribution<float> normal(0, 0.05f);
  std::vector<float> w(static_cast<std::size_t>(spec.w_elements()));
  for (float& value : w) value = normal(random);
  const QuantizedWeights q = quantize_weights(spec, w.data(), w.size(), WeightScales::kPerChannel);
  const std::size_t size = w.size() / 30;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double scale = q.scales[i / size];
    EXPECT_LE(std::fabs(w[i] - scale * q.values[i]), 0.500001 * scale);
    EXPECT_NE(q.values[i], -128);
  }
}

TEST(Weights, Errors) {
  std::vector<float> w(8, 1.0f);
  const auto of = [&](std::size_t count) {
    return test::usage_error_of(
        [&] { quantize_weights(weights_spec(), w.data(), count, WeightScales::kPerChannel); });
  };
  EXPECT_EQ(of(7), "quantisation: 7 weights are given but the spec has 8");
  EXPECT_EQ(test::usage_error_of(
                [] { quantize_weights(weights_spec(), nullptr, 8, WeightScales::kPerTensor); }),
            "quantisation: w is null, but 8 elements are announced");
  w[5] = kNan;
  EXPECT_EQ(of(8), "quantisation: weight 5 is nan, not a finite number");
  w[3] = -kInf;
  EXPECT_EQ(of(8), "quantisation: weight 3 is -inf, not a finite number");
}

}  // namespace
}  // namespace convoke
