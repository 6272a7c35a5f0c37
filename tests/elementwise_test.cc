// The elementwise kernels on the CPU: against quantize.h and the closed form bit for bit, LSQ's
// gradients against finite differences, the same bits whatever the threads and the instruction set,
// and what launches refuse.
#include "convoke/elementwise.h"

#include <gtest/gtest.h>

#include <functional>

#include "runtime/cpu_elementwise.h"
#include "runtime/half.h"
#include "runtime/thread_pool.h"
#include "tests/counting_new.h"
#include "tests/elementwise_check.h"
#include "tests/usage_error.h"

namespace convoke {
namespace {

using namespace test;  // NOLINT: the checks

const Device& cpu() {
  static const Device device = Device::open("cpu");
  return device;
}

TEST(Quantizer, EqualsTheHostBitForBit) {
  for (const DataType real : kReals) {
    check_quantizer(cpu(), real, DataType::kS8, 0);
    check_quantizer(cpu(), real, DataType::kU8, 77);
  }
  check_quantizer(cpu(), DataType::kF32, DataType::kS8, -128);
}

TEST(Quantizer, EveryIntegerComesBack) {
  for (const DataType real : kReals)
    for (const DataType integer : {DataType::kS8, DataType::kU8})
      check_every_integer(cpu(), integer, real);
}

TEST(Quantizer, ScalesThatAreNone) { check_bad_scales(cpu()); }

TEST(Lsq, EqualsTheClosedForm) {
  for (const DataType v : kReals)
    for (const DataType y : kReals) check_lsq(cpu(), v, y, 4, true);
  for (const int bits : {2, 3, 8}) check_lsq(cpu(), DataType::kF32, DataType::kF32, bits, true);
  for (const int bits : {2, 5, 8}) check_lsq(cpu(), DataType::kF16, DataType::kF16, bits, false);
}

TEST(Lsq, NanInfinitiesAndStepsThatAreNone) { check_lsq_specials(cpu()); }

TEST(Lsq, IsQuantizationThereAndBack) { check_lsq_is_quantization(cpu()); }

TEST(Lsq, BoundsBelongToTheOutside) {
  // t = -9, -8, -7.5, 0, 6.5, 7, 8 with bounds -8 and 7: at a bound the paper has no gradient of v.
  const std::vector<float> v = {-4.5f, -4, -3.75f, 0, 3.25f, 3.5f, 4}, ones(v.size(), 1);
  for (std::size_t i = 0; i < v.size(); ++i) {
    const LsqProblem one(cpu(), {DataType::kF32, DataType::kF32, 4, true, {}}, {v[i]}, {0.5f});
    const float y[] = {-4, -4, -4, 0, 3, 3.5f, 3.5f}, grad_v[] = {0, 0, 1, 1, 1, 0, 0},
                d[] = {-8, -8, -0.5f, 0, -0.5f, 7, 7};
    EXPECT_EQ(one.forward()[0], y[i]) << i;
    const Gradients got = one.backward({1});
    EXPECT_EQ(got.v[0], grad_v[i]) << i;
    EXPECT_FLOAT_EQ(got.step[0], d[i] / std::sqrt(7.0f)) << i;
  }
}

/// Rounding has no derivative; the straight-through estimator's is that of a surrogate in which the
/// residual of rounding, r = round(clip(t)) - clip(t), is held as it is at (v, s):
///   F(v, s) = (clip(v / s) + r) * s
/// Between the bounds F = v + r * s, so that dF/dv = 1 and dF/ds = r = round(t) - t; beyond them
/// r = 0 and F = -Qn * s or Qp * s. At (v, s) itself F is LSQ's output. F is smooth but at the
/// bounds, from which the data keep away, so that differences of a smooth loss of F, in f64, are
/// what backward() must give for the loss's gradient at F.
TEST(Lsq, GradientsAreFiniteDifferencesOfTheSurrogate) {
  const ScaleChannels channels{3, 50};
  const LsqRange range = lsq_range(3, true);
  std::vector<float> v = reals(3 * 50 * 2, 0.02f, 7, DataType::kF32, false);
  const std::vector<float> steps = {0.11f, 0.4f, 1.7f};
  for (std::size_t i = 0; i < v.size(); ++i) {
    const float step = steps[channel_of(channels, i)], t = v[i] / step;
    if (std::fabs(t - range.low) < 0.01f || std::fabs(t - range.high) < 0.01f) v[i] += 0.1f * step;
  }
  const auto clip = [&](double t) {
    return std::min(std::max(t, static_cast<double>(range.low)), static_cast<double>(range.high));
  };
  std::vector<double> residual(v.size()), weight(v.size());
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double t = clip(static_cast<double>(v[i]) / steps[channel_of(channels, i)]);
    residual[i] = std::nearbyint(t) - t;
    weight[i] = std::sin(static_cast<double>(i));
  }
  const auto surrogate = [&](std::size_t i, double value, double step) {
    return (clip(value / step) + residual[i]) * step;
  };
  // Of one element: w * F + sin(F).
  const auto loss = [&](std::size_t i, double value, double step) {
    const double f = surrogate(i, value, step);
    return weight[i] * f + std::sin(f);
  };
  std::vector<float> grad_y(v.size());
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double f = surrogate(i, v[i], steps[channel_of(channels, i)]);
    grad_y[i] = static_cast<float>(weight[i] + std::cos(f));
  }
  const LsqProblem problem(cpu(), {DataType::kF32, DataType::kF32, 3, true, channels}, v, steps);
  const std::vector<float> y = problem.forward();
  const Gradients got = problem.backward(grad_y);
  constexpr double kH = 1e-5;
  std::vector<double> by_step(steps.size());
  for (std::size_t i = 0; i < v.size(); ++i) {
    const std::size_t c = channel_of(channels, i);
    const double s = steps[c], value = v[i];
    EXPECT_NEAR(y[i], surrogate(i, value, s), 1e-6) << i;
    const double by_v = (loss(i, value + kH, s) - loss(i, value - kH, s)) / (2 * kH);
    EXPECT_NEAR(got.v[i], by_v, 1e-6) << i;
    by_step[c] += (loss(i, value, s + kH) - loss(i, value, s - kH)) / (2 * kH);
  }
  const double scale = 1 / std::sqrt(100.0 * 3);
  for (std::size_t c = 0; c < steps.size(); ++c)
    EXPECT_NEAR(got.step[c], by_step[c] * scale, 2e-5) << c;
  // N as the caller counts it.
  const Gradients features = problem.backward(grad_y, 50);
  for (std::size_t c = 0; c < steps.size(); ++c)
    EXPECT_NEAR(features.step[c], by_step[c] / std::sqrt(50.0 * 3), 3e-5) << c;
}

TEST(Lsq, TheSameBitsWhateverTheThreads) {
  const std::vector<float> v = reals(200003, 1, 8, DataType::kF32, false),
                           grad_y = reals(200003, 0.1f, 9, DataType::kF32, false);
  const LsqSpec spec{DataType::kF32, DataType::kF32, 4, true, {}};
  const LsqProblem problem(cpu(), spec, v, {7.3f});
  const Gradients first = problem.backward(grad_y);
  const std::vector<float> step = problem.initial_step();
  for (const int threads : {1, 2, 3, 5}) {
    const Device device = Device::open("cpu", {threads, nullptr});
    const LsqProblem other(device, spec, v, {7.3f});
    for (int repeat = 0; repeat < 2; ++repeat) {
      const Gradients again = other.backward(grad_y);
      expect_same(again.v, first.v, "grad_v");
      expect_same(again.step, first.step, "grad_step");
      expect_same(other.initial_step(), step, "the first step");
    }
  }
}

TEST(Lsq, TheSameBitsOnEveryInstructionSet) {
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "needs a processor with AVX2";
  using cuda::Type;
  constexpr std::int64_t kCount = 3 * 7000;
  const auto pool = std::make_shared<ThreadPool>(2);
  for (const Type stored : {Type::kF32, Type::kF16, Type::kBf16}) {
    const DataType type = stored == Type::kF32   ? DataType::kF32
                          : stored == Type::kF16 ? DataType::kF16
                                                 : DataType::kBf16;
    const elementwise::Config config{elementwise::Kind::kLsq, stored, stored, -8, 7, 3, 7000};
    const Bytes v = store_all(reals(kCount, 0.3f, 10, type, false), type),
                grads = store_all(reals(kCount, 0.1f, 11, type, false), type);
    const float steps[] = {0.3f, 2, 9};
    Bytes grad_v[2] = {Bytes(v.size()), Bytes(v.size())};
    float totals[2][3], partial[64];
    for (int i = 0; i < 2; ++i) {
      CpuIsa isa;
      isa.level = i == 0 ? IsaLevel::kSse2 : IsaLevel::kAvx2;
      elementwise::Args args{};
      args.x = v.data(), args.grad_y = grads.data(), args.y = grad_v[i].data();
      args.steps = steps, args.totals = totals[i], args.partial = partial;
      args.count = kCount, args.factor = 0.01;
      CpuElementwise(config, pool, isa).launch(elementwise::Entry::kBackward, args, nullptr);
    }
    EXPECT_EQ(grad_v[0], grad_v[1]);
    EXPECT_EQ(std::memcmp(totals[0], totals[1], sizeof totals[0]), 0);
  }
}

TEST(Lsq, FirstSteps) {
  const LsqSpec spec{DataType::kF32, DataType::kF32, 4, true, {2, 2}};
  const LsqProblem problem(cpu(), spec, {1, -3, 0, 0, 2, -2, 0, -0.0f}, {1, 1});
  const std::vector<float> step = problem.initial_step();
  EXPECT_FLOAT_EQ(step[0], 2 * 2 / std::sqrt(7.0f));
  EXPECT_EQ(step[1], 1) << "of nothing but zeros";
  const LsqProblem tiny(cpu(), {DataType::kF32, DataType::kF32, 8, false, {}}, {1e-40f}, {1});
  EXPECT_EQ(tiny.initial_step()[0], 0x1p-126f);
  const LsqProblem nan(cpu(), {}, {1, kNan}, {1});
  EXPECT_TRUE(std::isnan(nan.initial_step()[0]));
}

TEST(Elementwise, OfNoElements) {
  const Lsq lsq(cpu(), {});
  EXPECT_EQ(lsq.workspace_bytes(0), 0);
  const float step = 1;
  float grad_step = 5;
  LsqForwardArgs forward;
  forward.step = {&step, 4};
  lsq.forward(forward);
  LsqBackwardArgs backward;
  backward.step = {&step, 4}, backward.grad_step = {&grad_step, 4};
  lsq.backward(backward);
  EXPECT_EQ(grad_step, 0);
  QuantizerArgs none;
  none.scale = 1;
  Quantizer(cpu(), {}).quantize(none);
  Quantizer(cpu(), {}).dequantize(none);
  EXPECT_EQ(usage_error_of([&] { lsq.initial_step({}); }),
            "an initial step of no elements: there is no mean");
}

TEST(Elementwise, RefusesWhatItCannotDo) {
  const auto quantizer = [](QuantizerSpec spec) {
    return usage_error_of([=] { Quantizer(cpu(), spec); });
  };
  const auto lsq = [](LsqSpec spec) { return usage_error_of([=] { Lsq(cpu(), spec); }); };
  constexpr DataType kF32 = DataType::kF32;
  EXPECT_EQ(quantizer({DataType::kS8, DataType::kS8, 8, {}}),
            "reals of type s8: must be f32, f16 or bf16");
  EXPECT_EQ(quantizer({kF32, kF32, 8, {}}), "integers of type f32: must be s8 or u8");
  EXPECT_EQ(quantizer({kF32, DataType::kS8, 9, {}}), "integers of 9 bits: must be 2 to 8");
  EXPECT_EQ(lsq({kF32, kF32, 1, true, {}}), "integers of 1 bits: must be 2 to 8");
  EXPECT_EQ(lsq({DataType::kU8, kF32, 8, true, {}}), "v of type u8: must be f32, f16 or bf16");
  EXPECT_EQ(lsq({kF32, DataType::kTf32, 8, true, {}}), "y of type tf32: must be f32, f16 or bf16");
  EXPECT_EQ(lsq({kF32, kF32, 8, true, {0, 1}}),
            "0 channels with runs of 1 elements: both must be at least 1, their product at most "
            "2147483647");
  EXPECT_NE(lsq({kF32, kF32, 8, true, {1 << 20, 1 << 20}}), "no error");
  EXPECT_NE(lsq({kF32, kF32, 8, true, {1, -1}}), "no error");
}

class Refusals : public testing::Test {
 protected:
  std::string quantize(const std::function<void(QuantizerArgs&)>& change) const {
    QuantizerArgs args;
    args.x = {x, sizeof x}, args.y = {const_cast<std::int8_t*>(q), sizeof q};
    args.count = 12, args.scales = {step, sizeof step};
    change(args);
    return usage_error_of([&] { per_channel.quantize(args); });
  }
  std::string backward(const std::function<void(LsqBackwardArgs&)>& change) {
    LsqBackwardArgs args;
    args.v = {x, sizeof x}, args.step = {step, sizeof step}, args.grad_y = {grad, sizeof grad};
    args.grad_v = {grad_v, sizeof grad_v}, args.grad_step = {grad_step, sizeof grad_step};
    args.workspace = {partial, sizeof partial}, args.count = 12;
    change(args);
    return usage_error_of([&] { lsq.backward(args); });
  }
  float x[12] = {}, step[2] = {1, 1}, grad[12] = {}, grad_v[12] = {}, grad_step[2], partial[2];
  std::int8_t q[12] = {};
  const Quantizer per_channel{cpu(), {DataType::kF32, DataType::kS8, 4, {2, 3}}};
  const Lsq lsq{cpu(), {DataType::kF32, DataType::kF32, 8, true, {2, 3}}};
};

TEST_F(Refusals, OfAQuantizer) {
  EXPECT_EQ(quantize([](QuantizerArgs&) {}), "no error");
  EXPECT_EQ(quantize([](QuantizerArgs& a) { a.count = 13; }),
            "13 elements: must be a multiple of 6 (channels * inner) from 0 to 17592186044416");
  EXPECT_NE(quantize([](QuantizerArgs& a) { a.count = -6; }), "no error");
  EXPECT_EQ(quantize([](QuantizerArgs& a) { a.x.data = nullptr; }),
            "x is null: 48 bytes are needed");
  EXPECT_EQ(quantize([](QuantizerArgs& a) { a.y.bytes = 11; }), "y has 11 bytes: 12 are needed");
  EXPECT_EQ(quantize([](QuantizerArgs& a) { a.scales.bytes = 4; }),
            "scales has 4 bytes: 8 are needed");
  EXPECT_EQ(quantize([](QuantizerArgs& a) { a.scales = {}; }),
            "no scales are given for 2 channels");
  EXPECT_EQ(quantize([](QuantizerArgs& a) { a.scale = 2; }),
            "both scales and a scale of 2 for all are given");
  EXPECT_EQ(quantize([](QuantizerArgs& a) { a.zero = 8; }),
            "the zero point is 8: it must be -8 to 7");
  EXPECT_NE(quantize([](QuantizerArgs& a) {
              a.x.data = static_cast<const char*>(a.x.data) + 1, a.count = 6;
            }).find("misaligned"),
            std::string::npos);
  EXPECT_NE(quantize([&](QuantizerArgs& a) {
              a.y = {x, 48};
            }).find("y (12 bytes"),
            std::string::npos);
  const Quantizer one(cpu(), {});
  QuantizerArgs args;
  args.x = {x, sizeof x}, args.y = {q, sizeof q}, args.count = 12;
  for (const float scale : {0.0f, -1.0f, 1e-40f, kNan, kInf}) {
    args.scale = scale;
    EXPECT_NE(usage_error_of([&] { one.quantize(args); }).find("quantisation: the scale is"),
              std::string::npos)
        << scale;
  }
}

TEST_F(Refusals, OfLsq) {
  EXPECT_EQ(backward([](LsqBackwardArgs&) {}), "no error");
  EXPECT_EQ(backward([](LsqBackwardArgs& a) { a.workspace = {}; }),
            "workspace is null: 8 bytes are needed");
  EXPECT_EQ(backward([](LsqBackwardArgs& a) { a.grad_step.bytes = 4; }),
            "grad_step has 4 bytes: 8 are needed");
  EXPECT_EQ(backward([](LsqBackwardArgs& a) { a.shared_by = -1; }),
            "a step is shared by -1 elements: must be 1 or more, or 0 for those of the launch");
  const auto overlaps = [](const std::string& message) {
    EXPECT_NE(message.find("overlaps"), std::string::npos) << message;
  };
  overlaps(backward([&](LsqBackwardArgs& a) { a.grad_v = {x, sizeof x}; }));
  overlaps(backward([&](LsqBackwardArgs& a) { a.workspace = {grad_v + 4, 16}; }));
  overlaps(backward([&](LsqBackwardArgs& a) { a.grad_step = {step, 8}; }));
}

TEST(Elementwise, LaunchesAllocateNothing) {
  const std::vector<float> v(100000, 1.5f), grad(100000, 1);
  const float step = 0.5f;
  std::vector<float> y(v.size()), grad_v(v.size()), partial(64);
  float grad_step = 0;
  const Lsq lsq(cpu(), {});
  const ConstBuffer vs{v.data(), 400000}, steps{&step, 4}, grads{grad.data(), 400000};
  const Buffer workspace{partial.data(), 256};
  const auto run = [&] {
    lsq.forward({vs, steps, {y.data(), 400000}, 100000, nullptr});
    lsq.backward({vs,
                  steps,
                  grads,
                  {grad_v.data(), 400000},
                  {&grad_step, 4},
                  workspace,
                  100000,
                  0,
                  nullptr});
  };
  run();
  const std::int64_t before = allocations.load();
  for (int i = 0; i < 10; ++i) run();
  EXPECT_EQ(allocations.load(), before);
}

TEST(Half, RoundsAsTheReference) {
  std::mt19937 random(12);
  const auto check = [](std::uint32_t bits) {
    const float value = float_of_bits(bits);
    std::uint16_t want = 0;
    store_element(&want, 0, DataType::kF16, value);
    const std::uint16_t got = float_to_half(value);
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(half_to_float(got))) << value;
    else
      EXPECT_EQ(got, want) << value;
  };
  for (int i = 0; i < 1000000; ++i) check(static_cast<std::uint32_t>(random()));
  // Every f16, the ties between neighbours, and what is next to them.
  for (std::uint32_t half = 0; half < 0x10000; ++half) {
    const std::uint32_t bits = bits_of_float(half_to_float(static_cast<std::uint16_t>(half)));
    for (const std::uint32_t off : {0x0u, 0x1u, 0xfffu, 0x1000u, 0x1001u}) check(bits + off);
  }
}

}  // namespace
}  // namespace convoke
