// Quantisation through the C ABI: what the formulas give, every refusal's status and sentence,
// handles that outlive their device, a host's executor. Linked into c_api_test.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/c_api_fixture.h"

namespace {

using convoke::test::CApi;
using convoke::test::refuses;
using convoke::test::run_in_order;

struct CApiElementwise : CApi {
  ~CApiElementwise() override {
    convoke_quantizer_destroy(quantizer);
    convoke_lsq_destroy(lsq);
  }
  void make(const convoke_quantizer_spec* spec) {
    convoke_quantizer_destroy(quantizer);
    EXPECT_EQ(convoke_quantizer_create(device, spec, &quantizer), CONVOKE_OK)
        << convoke_last_error();
  }
  void make(const convoke_lsq_spec* spec) {
    convoke_lsq_destroy(lsq);
    EXPECT_EQ(convoke_lsq_create(device, spec, &lsq), CONVOKE_OK) << convoke_last_error();
  }
  convoke_quantizer* quantizer = nullptr;
  convoke_lsq* lsq = nullptr;
};

template <typename T>
convoke_const_buffer in(const std::vector<T>& values) {
  return {values.data(), values.size() * sizeof(T)};
}
template <typename T>
convoke_buffer out(std::vector<T>& values) {
  return {values.data(), values.size() * sizeof(T)};
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

TEST_F(CApiElementwise, QuantisesAndBack) {
  make(static_cast<const convoke_quantizer_spec*>(nullptr));
  const std::vector<float> x = {-10, -0.75f, -0.25f, 0.25f, 0.75f, 1.25f, kNan, 100};
  std::vector<std::int8_t> q(8);
  convoke_quantizer_args args = {};
  args.x = in(x), args.y = out(q), args.count = 8, args.scale = 0.5f, args.zero = 3;
  ASSERT_EQ(convoke_quantizer_quantize(quantizer, &args), CONVOKE_OK) << convoke_last_error();
  EXPECT_EQ(q, (std::vector<std::int8_t>{-17, 2, 2, 4, 4, 6, 0, 127}));
  std::vector<float> back(8);
  args.x = in(q), args.y = out(back);
  ASSERT_EQ(convoke_quantizer_dequantize(quantizer, &args), CONVOKE_OK) << convoke_last_error();
  EXPECT_EQ(back, (std::vector<float>{-10, -0.5f, -0.5f, 0.5f, 0.5f, 1.5f, -1.5f, 62}));

  const convoke_quantizer_spec small = {CONVOKE_F32, CONVOKE_U8, 2, {2, 2}};
  make(&small);
  const std::vector<float> scales = {1, 0.25f};
  std::vector<std::uint8_t> u(8);
  args.x = in(x), args.y = out(u), args.scales = in(scales), args.scale = 0, args.zero = 1;
  ASSERT_EQ(convoke_quantizer_quantize(quantizer, &args), CONVOKE_OK) << convoke_last_error();
  EXPECT_EQ(u, (std::vector<std::uint8_t>{0, 0, 0, 2, 2, 2, 0, 3}));
}

// Qn = 2, Qp = 1, a step of 1: t is v.
TEST_F(CApiElementwise, ComputesLsq) {
  convoke_lsq_spec spec = CONVOKE_LSQ_SPEC_INIT;
  spec.bits = 2;
  make(&spec);
  const std::vector<float> v = {-4, -0.25f, 0.25f, 1.5f}, grad_y = {1, 2, 3, 4};
  std::int64_t bytes = 0;
  ASSERT_EQ(convoke_lsq_workspace_bytes(lsq, 4, &bytes), CONVOKE_OK) << convoke_last_error();
  std::vector<char> workspace(static_cast<std::size_t>(bytes));
  std::vector<float> step(1), y(4), grad_v(4), grad_step(1);
  const convoke_lsq_initial_step_args first = {in(v), out(step), out(workspace), 4, nullptr};
  ASSERT_EQ(convoke_lsq_initial_step(lsq, &first), CONVOKE_OK) << convoke_last_error();
  EXPECT_EQ(step[0], 3) << "twice the mean";
  step[0] = 1;
  const convoke_lsq_forward_args forward = {in(v), in(step), out(y), 4, nullptr};
  ASSERT_EQ(convoke_lsq_forward(lsq, &forward), CONVOKE_OK) << convoke_last_error();
  EXPECT_EQ(y, (std::vector<float>{-2, 0, 0, 1}));
  convoke_lsq_backward_args backward = {
      in(v), in(step), in(grad_y), out(grad_v), out(grad_step), out(workspace), 4, 0, nullptr};
  ASSERT_EQ(convoke_lsq_backward(lsq, &backward), CONVOKE_OK) << convoke_last_error();
  EXPECT_EQ(grad_v, (std::vector<float>{0, 2, 3, 0}));
  EXPECT_EQ(grad_step[0], (1 * -2 + 2 * 0.25f + 3 * -0.25f + 4 * 1) / 2);
  backward.shared_by = 16;
  ASSERT_EQ(convoke_lsq_backward(lsq, &backward), CONVOKE_OK) << convoke_last_error();
  EXPECT_EQ(grad_step[0], 1.75f / 4);

  spec.is_signed = 0;
  make(&spec);
  ASSERT_EQ(convoke_lsq_forward(lsq, &forward), CONVOKE_OK) << convoke_last_error();
  EXPECT_EQ(y, (std::vector<float>{0, 0, 0, 2})) << "1.5 is a tie";
}

TEST_F(CApiElementwise, OutlivesTheDeviceAndKeepsItsExecutor) {
  int calls = 0;
  const convoke_executor executor = {1, run_in_order, &calls};
  const convoke_device_options options = {0, &executor};
  convoke_device_destroy(device);
  ASSERT_EQ(convoke_device_open("cpu", &options, &device), CONVOKE_OK) << convoke_last_error();
  make(static_cast<const convoke_quantizer_spec*>(nullptr));
  make(static_cast<const convoke_lsq_spec*>(nullptr));
  convoke_device_destroy(device);
  device = nullptr;
  const std::size_t count = 100000;  // too many for the calling thread alone
  const std::vector<float> x(count, 1.5f), step(1, 0.5f);
  std::vector<std::int8_t> q(count);
  std::vector<float> y(count);
  convoke_quantizer_args args = {};
  args.x = in(x), args.y = out(q), args.count = static_cast<std::int64_t>(count), args.scale = 0.5f;
  ASSERT_EQ(convoke_quantizer_quantize(quantizer, &args), CONVOKE_OK) << convoke_last_error();
  EXPECT_EQ(q, std::vector<std::int8_t>(count, 3));
  EXPECT_EQ(calls, 1);
  const convoke_lsq_forward_args forward = {in(x), in(step), out(y), args.count, nullptr};
  ASSERT_EQ(convoke_lsq_forward(lsq, &forward), CONVOKE_OK) << convoke_last_error();
  EXPECT_EQ(y, x);
  EXPECT_EQ(calls, 2);
}

TEST_F(CApiElementwise, RefusesWhatItCannotMake) {
  const auto quantizer_of = [&](convoke_quantizer_spec spec, const char* part) {
    convoke_quantizer* made = reinterpret_cast<convoke_quantizer*>(1);
    refuses(convoke_quantizer_create(device, &spec, &made), CONVOKE_USAGE, part);
    EXPECT_EQ(made, nullptr);
  };
  quantizer_of({CONVOKE_S8, CONVOKE_S8, 8, {1, 1}}, "reals of type s8: must be f32, f16 or bf16");
  quantizer_of({CONVOKE_F32, CONVOKE_S32, 8, {1, 1}}, "integers of type s32: must be s8 or u8");
  quantizer_of({static_cast<convoke_type>(99), CONVOKE_S8, 8, {1, 1}},
               "real is 99: must be a convoke_type");
  quantizer_of({}, "integers of type f32");
  quantizer_of({CONVOKE_F32, CONVOKE_S8, 0, {1, 1}}, "integers of 0 bits: must be 2 to 8");
  quantizer_of({CONVOKE_F32, CONVOKE_S8, 8, {0, 1}}, "0 channels with runs of 1 elements");
  const auto lsq_of = [&](convoke_lsq_spec spec, const char* part) {
    convoke_lsq* made = reinterpret_cast<convoke_lsq*>(1);
    refuses(convoke_lsq_create(device, &spec, &made), CONVOKE_USAGE, part);
    EXPECT_EQ(made, nullptr);
  };
  lsq_of({CONVOKE_U8, CONVOKE_F32, 8, 1, {1, 1}}, "v of type u8: must be f32, f16 or bf16");
  lsq_of({CONVOKE_F32, static_cast<convoke_type>(-1), 8, 1, {1, 1}},
         "y is -1: must be a convoke_type");
  lsq_of({CONVOKE_F32, CONVOKE_F32, 9, 1, {1, 1}}, "integers of 9 bits: must be 2 to 8");
  lsq_of({CONVOKE_F32, CONVOKE_F32, 8, 1, {1, -2}}, "runs of -2 elements");

  refuses(convoke_quantizer_create(nullptr, nullptr, &quantizer), CONVOKE_USAGE, "device is null");
  refuses(convoke_quantizer_create(device, nullptr, nullptr), CONVOKE_USAGE, "quantizer is null");
  refuses(convoke_lsq_create(nullptr, nullptr, &lsq), CONVOKE_USAGE, "device is null");
  refuses(convoke_lsq_create(device, nullptr, nullptr), CONVOKE_USAGE, "lsq is null");
}

TEST_F(CApiElementwise, RefusesBadLaunchesOfAQuantizer) {
  make(static_cast<const convoke_quantizer_spec*>(nullptr));
  const std::vector<float> x(12), scales = {1, 1};
  std::vector<std::int8_t> q(12, 77);
  const auto launch = [&](const auto& change, const char* part) {
    convoke_quantizer_args args = {};
    args.x = in(x), args.y = out(q), args.count = 12, args.scale = 1;
    change(args);
    refuses(convoke_quantizer_quantize(quantizer, &args), CONVOKE_USAGE, part);
  };
  using Args = convoke_quantizer_args;
  // Zero, negative, subnormal, not a number, infinite.
  for (const auto& [scale, text] : std::initializer_list<std::pair<float, const char*>>{
           {0.f, "0"}, {-0.5f, "-0.5"}, {1e-40f, "1e-40"}, {kNan, "nan"}, {kInf, "inf"}})
    launch(
        [scale = scale](Args& a) { a.scale = scale; },
        (std::string("quantisation: the scale is ") + text + " but must be a normal number above 0")
            .c_str());
  launch([](Args& a) { a.zero = 128; }, "the zero point is 128: it must be -128 to 127");
  launch([](Args& a) { a.zero = -129; }, "the zero point is -129: it must be -128 to 127");
  launch([](Args& a) { a.x.data = nullptr; }, "x is null: 48 bytes are needed");
  launch([](Args& a) { a.y.data = nullptr; }, "y is null: 12 bytes are needed");
  launch([](Args& a) { a.y.bytes = 11; }, "y has 11 bytes: 12 are needed");
  launch([](Args& a) { a.count = -1; }, "-1 elements: must be");
  launch([](Args& a) { a.count = INT64_MAX; }, "9223372036854775807 elements: must be");
  launch([&](Args& a) { a.scales = in(scales); }, "both scales and a scale of 1");
  EXPECT_EQ(q, std::vector<std::int8_t>(12, 77)) << "nothing is written before a refusal";
  convoke_quantizer_args args = {};
  for (const auto call : {convoke_quantizer_quantize, convoke_quantizer_dequantize}) {
    refuses(call(nullptr, &args), CONVOKE_USAGE, "quantizer is null");
    refuses(call(quantizer, nullptr), CONVOKE_USAGE, "args is null");
  }
}

TEST_F(CApiElementwise, RefusesBadLaunchesOfLsq) {
  const convoke_lsq_spec spec = {CONVOKE_F32, CONVOKE_F32, 4, 1, {2, 3}};
  make(&spec);
  const std::vector<float> v(12), grad_y(12);
  std::vector<float> step(2, 1), y(12, 7), grad_step(2), workspace(2);
  std::int64_t bytes = 0;
  refuses(convoke_lsq_workspace_bytes(lsq, 13, &bytes), CONVOKE_USAGE, "13 elements: must be");
  refuses(convoke_lsq_workspace_bytes(lsq, 12, nullptr), CONVOKE_USAGE, "bytes is null");
  refuses(convoke_lsq_workspace_bytes(nullptr, 12, &bytes), CONVOKE_USAGE, "lsq is null");
  convoke_lsq_forward_args forward = {in(v), {}, out(y), 12, nullptr};
  refuses(convoke_lsq_forward(lsq, &forward), CONVOKE_USAGE, "step is null: 8 bytes are needed");
  forward.step = in(step), forward.y = {const_cast<float*>(v.data()), 48};
  refuses(convoke_lsq_forward(lsq, &forward), CONVOKE_USAGE, "overlaps");
  convoke_lsq_backward_args backward = {in(v), in(step), in(grad_y), out(y), out(grad_step),
                                        {},    12,       0,          nullptr};
  refuses(convoke_lsq_backward(lsq, &backward), CONVOKE_USAGE, "workspace is null: 8 bytes");
  backward.workspace = out(workspace), backward.shared_by = -1;
  refuses(convoke_lsq_backward(lsq, &backward), CONVOKE_USAGE, "shared by -1 elements");
  convoke_lsq_initial_step_args first = {in(v), out(step), out(workspace), 0, nullptr};
  refuses(convoke_lsq_initial_step(lsq, &first), CONVOKE_USAGE, "no elements: there is no mean");
  EXPECT_EQ(y, std::vector<float>(12, 7)) << "nothing is written before a refusal";
  refuses(convoke_lsq_forward(nullptr, &forward), CONVOKE_USAGE, "lsq is null");
  refuses(convoke_lsq_forward(lsq, nullptr), CONVOKE_USAGE, "args is null");
  refuses(convoke_lsq_backward(lsq, nullptr), CONVOKE_USAGE, "args is null");
  refuses(convoke_lsq_initial_step(lsq, nullptr), CONVOKE_USAGE, "args is null");
}

}  // namespace
