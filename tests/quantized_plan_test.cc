// From real weights and sample data to a launch: calibrated, quantised, saved, loaded, run on the
// CPU, against the convolution of the reals that the integers stand for.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "compiler/spec_text.h"
#include "convoke/convoke.hpp"
#include "convoke/quantize.h"

namespace convoke {
namespace {

constexpr const char* kExpression = "relu(acc + bias[k])";

std::vector<float> normal_data(std::int64_t count, float mean, float deviation, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(mean, deviation);
  std::vector<float> data(static_cast<std::size_t>(count));
  for (float& value : data) value = normal(random);
  return data;
}

/// relu(x * w + bias) in f64, NHWC, one group.
std::vector<double> real_outputs(const ConvSpec& s, const std::vector<float>& x,
                                 const std::vector<float>& w, const std::vector<float>& bias) {
  std::vector<double> y;
  for (std::int64_t i = 0; i < s.y_elements(s.n); ++i) {
    const std::int64_t k = i % s.k, q = i / s.k % s.q, p = i / s.k / s.q % s.p,
                       n = i / s.k / s.q / s.p;
    double sum = bias[static_cast<std::size_t>(k)];
    for (std::int64_t r = 0; r < s.r; ++r)
      for (std::int64_t t = 0; t < s.s; ++t) {
        const std::int64_t row = p * s.stride_h - s.pad_h + r,
                           column = q * s.stride_w - s.pad_w + t;
        if (row < 0 || row >= s.h || column < 0 || column >= s.w) continue;
        for (std::int64_t c = 0; c < s.c; ++c)
          sum +=
              static_cast<double>(
                  x[static_cast<std::size_t>(((n * s.h + row) * s.w + column) * s.c + c)]) *
              static_cast<double>(w[static_cast<std::size_t>(((k * s.r + r) * s.s + t) * s.c + c)]);
      }
    y.push_back(std::max(sum, 0.0));
  }
  return y;
}

template <typename T>
std::vector<T> launch(const QuantizedLayer& layer, const std::vector<std::uint8_t>& x) {
  const Plan plan(Device::open("cpu"), layer.spec);
  std::vector<std::vector<float>> values;
  for (const std::string& name : plan.operand_names()) values.push_back(layer.operand(name));
  std::vector<ConstBuffer> operands;
  for (const auto& value : values) operands.push_back({value.data(), value.size() * sizeof(float)});
  std::vector<T> y(static_cast<std::size_t>(layer.spec.y_elements(layer.spec.n)));
  std::vector<char> workspace(static_cast<std::size_t>(plan.workspace_bytes()) + 64);
  LaunchArgs args;
  args.x = {x.data(), x.size()};
  args.w = {layer.weights.data(), layer.weights.size()};
  args.y = {y.data(), y.size() * sizeof(T)};
  args.operands = operands.data();
  args.operand_count = operands.size();
  args.workspace = {workspace.data() + 64 - reinterpret_cast<std::uintptr_t>(workspace.data()) % 64,
                    static_cast<std::size_t>(plan.workspace_bytes())};
  args.x_zero = layer.x.zero;
  plan.launch(args);
  return y;
}

struct Case {
  ConvSpec spec;
  std::vector<float> x, w, bias;
  std::vector<double> real;  ///< outputs before anything is quantised
  QuantizedLayer layer;
  std::vector<std::uint8_t> q;  ///< x, quantised
  std::vector<double> exact;    ///< outputs of the reals that the integers stand for
};

/// A layer calibrated on its own data, gone through a file.
Case make_case(const std::string& types, bool symmetric, WeightScales scales) {
  Case c;
  c.spec = parse_problem("mb2ic12ih9oc10kh3ph1 " + types).spec;
  c.x = normal_data(c.spec.x_elements(2), 0.5f, 1, 1);
  if (c.spec.x_type == DataType::kU8 && symmetric)
    for (float& value : c.x) value = std::max(value, 0.0f);
  c.w = normal_data(c.spec.w_elements(), 0, 0.1f, 2);
  c.bias = normal_data(c.spec.k, 0, 0.3f, 3);
  c.real = real_outputs(c.spec, c.x, c.w, c.bias);
  Calibrator inputs, outputs;
  inputs.add(c.x.data(), c.x.size());
  const std::vector<float> sample(c.real.begin(), c.real.end());
  outputs.add(sample.data(), sample.size());
  const auto method = CalibrationMethod::mean_squared_error();
  std::optional<QuantScale> y;
  if (is_integer(c.spec.y_type)) y = outputs.choose(method, c.spec.y_type, false);
  c.spec.epilogue = kExpression;
  const QuantizedLayer layer =
      quantize_layer(c.spec, c.w.data(), c.w.size(), scales,
                     inputs.choose(method, c.spec.x_type, symmetric), y, c.bias);
  c.layer = QuantizedLayer::parse(layer.bytes());
  c.q.resize(c.x.size());
  quantize(c.x.data(), c.x.size(), c.layer.x, c.spec.x_type, c.q.data());
  std::vector<float> x(c.x.size()), w(c.w.size());
  dequantize(c.q.data(), c.q.size(), c.layer.x, c.spec.x_type, x.data());
  const std::size_t filter = w.size() / static_cast<std::size_t>(c.spec.k);
  for (std::size_t i = 0; i < w.size(); ++i)
    w[i] = c.layer.weights[i] *
           c.layer.weight_scales[c.layer.weight_scales.size() == 1 ? 0 : i / filter];
  c.exact = real_outputs(c.spec, x, w, c.bias);
  return c;
}

double relative_error(const std::vector<double>& y, const std::vector<double>& real) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < y.size(); ++i)
    error += std::pow(y[i] - real[i], 2), size += real[i] * real[i];
  return std::sqrt(error / size);
}

template <typename T>
void expect_integers_right(const Case& c) {
  const std::vector<T> y = launch<T>(c.layer, c.q);
  const QuantScale scale = *c.layer.y;
  constexpr double kLow = std::numeric_limits<T>::min(), kHigh = std::numeric_limits<T>::max();
  std::vector<double> back;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double wanted =
        std::clamp(c.exact[i] / static_cast<double>(scale.scale) + scale.zero, kLow, kHigh);
    ASSERT_LE(std::fabs(y[i] - wanted), 0.5 + 1e-3) << i;
    back.push_back(static_cast<double>(scale.scale) * (y[i] - scale.zero));
  }
  EXPECT_LT(relative_error(back, c.real), 0.02);
}

TEST(QuantizedPlan, IntegersIn) {
  for (const WeightScales scales : {WeightScales::kPerChannel, WeightScales::kPerTensor}) {
    expect_integers_right<std::int8_t>(make_case("x=s8 w=s8 y=s8", true, scales));
    expect_integers_right<std::uint8_t>(make_case("x=u8 w=s8 y=u8", true, scales));
  }
}

TEST(QuantizedPlan, ZeroPoints) {
  for (const char* types : {"x=u8 w=s8 y=s8", "x=s8 w=s8 y=s8"}) {
    const Case c = make_case(types, false, WeightScales::kPerChannel);
    EXPECT_EQ(c.layer.spec.quant, "zp");
    EXPECT_NE(c.layer.x.zero, 0);
    EXPECT_NE(c.layer.y->zero, 0);
    expect_integers_right<std::int8_t>(c);
  }
}

TEST(QuantizedPlan, FloatsOut) {
  const Case c = make_case("x=u8 w=s8 y=f32", false, WeightScales::kPerChannel);
  const std::vector<float> y = launch<float>(c.layer, c.q);
  for (std::size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], c.exact[i], 1e-4) << i;
  EXPECT_LT(relative_error({y.begin(), y.end()}, c.real), 0.015);
}

}  // namespace
}  // namespace convoke
