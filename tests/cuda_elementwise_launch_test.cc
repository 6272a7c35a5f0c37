// How the elementwise kernels are launched, over the fake driver: entries, grids, arguments,
// streams and captures, and what a driver that fails, or none at all, makes of it.
#include <cmath>
#include <vector>

#include "convoke/elementwise.h"
#include "tests/fake_gpu_fixture.h"

namespace convoke {
namespace {

using elementwise::Args;
using elementwise::Config;
using elementwise::Entry;
using elementwise::Kind;
using elementwise::Type;

class CudaElementwiseLaunch : public FakeGpuTest {
 protected:
  static ConstBuffer in(const GpuBuffer& b) { return b; }
  static Buffer out(const GpuBuffer& b) { return b; }

  const std::shared_ptr<Target> gpu = target();
  const Device device = Device::over(gpu);
  const GpuBuffer x{gpu, 1 << 20}, y{gpu, 1 << 20}, grad{gpu, 1 << 20}, grad_v{gpu, 1 << 20};
  const GpuBuffer steps{gpu, 4096}, totals{gpu, 4096}, workspace{gpu, 1 << 16};

  QuantizerArgs quantizer_args(std::int64_t count, void* stream = nullptr) const {
    return {in(x), out(y), count, {}, 0.5f, 3, stream};
  }
};

TEST_F(CudaElementwiseLaunch, AQuantizerIsTwoEntriesOfOneImage) {
  const Quantizer quantizer(device, {DataType::kF32, DataType::kU8, 8, {}});
  EXPECT_EQ(compiled(), 1);
  quantizer.quantize(quantizer_args(5000));
  quantizer.dequantize(quantizer_args(2048));
  ASSERT_EQ(fake->launches.size(), 2u);
  const FakeLaunch& q = fake->launches[0];
  EXPECT_EQ(q.entry, "convoke_quantize");
  EXPECT_EQ(fake->launches[1].entry, "convoke_dequantize");
  EXPECT_EQ(q.config.grid_x, 3u) << "2048 elements a block";
  EXPECT_EQ(fake->launches[1].config.grid_x, 1u);
  EXPECT_EQ(q.config.grid_y, 1u);
  EXPECT_EQ(q.config.grid_z, 1u);
  EXPECT_EQ(q.config.block_x, 256u);
  EXPECT_EQ(q.config.block_y * q.config.block_z, 1u);
  EXPECT_EQ(q.config.shared_bytes, 8192u) << "four numbers of f64 a thread";
  EXPECT_EQ(q.cluster, 1u);
  EXPECT_EQ(q.stream, nullptr);
  EXPECT_EQ(q.elementwise.x, x.data());
  EXPECT_EQ(q.elementwise.y, y.data());
  EXPECT_EQ(q.elementwise.steps, nullptr);
  EXPECT_EQ(q.elementwise.count, 5000);
  EXPECT_EQ(q.elementwise.step, 0.5f);
  EXPECT_EQ(q.elementwise.zero, 3);
  EXPECT_HAS(q.image, ".low = 0, .high = 255, .channels = 1");

  const Quantizer again(device, {DataType::kF32, DataType::kU8, 8, {}});
  EXPECT_EQ(compiled(), 1);
  again.quantize(quantizer_args(0));
  EXPECT_EQ(fake->launches.size(), 2u) << "no elements, no launch";
}

TEST_F(CudaElementwiseLaunch, GridsFollowTypesAndChannels) {
  const auto blocks = [&](const Config& config, Entry entry, long long count) {
    fake->launches.clear();
    Args args{};
    args.x = x.data(), args.y = y.data(), args.count = count;
    gpu->elementwise(config)->launch(entry, args, nullptr);
    std::vector<unsigned> grids;
    for (const FakeLaunch& l : fake->launches) grids.push_back(l.config.grid_x);
    return grids;
  };
  using Grids = std::vector<unsigned>;
  const Config half{Kind::kQuantizer, Type::kF16, Type::kS8};
  EXPECT_EQ(blocks(half, Entry::kQuantize, 4096), Grids{1}) << "wider vectors of narrower reals";
  EXPECT_EQ(blocks(half, Entry::kDequantize, 4097), Grids{2});
  EXPECT_EQ(blocks(half, Entry::kQuantize, (4096LL << 20) + 1), Grids{1 << 20})
      << "threads take further turns";
  Config lsq{Kind::kLsq, Type::kF32, Type::kF32};
  EXPECT_EQ(blocks(lsq, Entry::kForward, 20000), Grids{10});
  EXPECT_EQ(blocks(lsq, Entry::kBackward, 20000), (Grids{3, 1})) << "chunks of 8192, one channel";
  lsq.channels = 3, lsq.inner = 5000;
  EXPECT_EQ(blocks(lsq, Entry::kBackward, 30000), (Grids{6, 3})) << "two chunks for each channel";
  lsq.channels = 100, lsq.inner = 1;
  EXPECT_EQ(blocks(lsq, Entry::kInitialStep, 200000), (Grids{8, 100}))
      << "neighbours of different channels: four tiles of 32, two chunks of 1024 each";
}

TEST_F(CudaElementwiseLaunch, LsqPassesWhatEachEntryReads) {
  const Lsq lsq(device, {DataType::kF32, DataType::kF32, 4, true, {2, 3}});
  lsq.forward({in(x), in(steps), out(y), 12, nullptr});
  lsq.backward(
      {in(x), in(steps), in(grad), out(grad_v), out(totals), out(workspace), 12, 5, nullptr});
  lsq.initial_step({in(x), out(totals), out(workspace), 12, nullptr});
  ASSERT_EQ(fake->launches.size(), 5u);
  const char* const entries[] = {"convoke_forward", "convoke_backward", "convoke_gradient_totals",
                                 "convoke_magnitudes", "convoke_step_totals"};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(fake->launches[i].entry, entries[i]);
    EXPECT_EQ(fake->launches[i].elementwise.x, x.data());
    EXPECT_EQ(fake->launches[i].elementwise.count, 12);
  }
  const Args& forward = fake->launches[0].elementwise;
  EXPECT_EQ(forward.steps, steps.data());
  EXPECT_EQ(forward.y, y.data());
  for (const std::size_t i : {1, 2}) {
    const Args& backward = fake->launches[i].elementwise;
    EXPECT_EQ(backward.steps, steps.data());
    EXPECT_EQ(backward.grad_y, grad.data());
    EXPECT_EQ(backward.y, grad_v.data());
    EXPECT_EQ(backward.totals, totals.data());
    EXPECT_EQ(backward.partial, workspace.data());
    EXPECT_EQ(backward.factor, 1 / std::sqrt(5.0 * 7));
  }
  for (const std::size_t i : {3, 4}) {
    const Args& first = fake->launches[i].elementwise;
    EXPECT_EQ(first.steps, nullptr);
    EXPECT_EQ(first.totals, totals.data());
    EXPECT_EQ(first.partial, workspace.data());
    EXPECT_EQ(first.factor, 2 / (6 * std::sqrt(7.0)));
  }
  fake->launches.clear();
  lsq.backward({{}, in(steps), {}, {}, out(totals), {}, 0, 0, nullptr});
  ASSERT_EQ(fake->launches.size(), 1u) << "of no elements the gradient of the steps alone";
  EXPECT_EQ(fake->launches[0].entry, "convoke_gradient_totals");
  EXPECT_EQ(fake->launches[0].elementwise.factor, 0);
}

TEST_F(CudaElementwiseLaunch, UsesTheCallersStreamContextAndCapture) {
  setenv("FAKE_CUDA_DEVICES", "2", 1);
  const auto second = target(1);
  const Quantizer quantizer(Device::over(second), {});
  const GpuBuffer a(second, 64), b(second, 64);
  const CudaContext context(*driver, 1), other(*driver, 0);
  cu::Stream stream = nullptr;
  {
    const CurrentContext current(context);
    driver->cuStreamCreate(&stream, 0);
  }
  const CurrentContext callers(other);
  const QuantizerArgs args{in(a), out(b), 16, {}, 1, 0, stream};
  quantizer.quantize(args);
  ASSERT_EQ(fake->launches.size(), 1u);
  EXPECT_EQ(fake->launches[0].device, 1);
  EXPECT_EQ(fake->launches[0].stream, stream);
  EXPECT_FALSE(fake->launches[0].captured);
  cu::Context now = nullptr;
  driver->cuCtxGetCurrent(&now);
  EXPECT_EQ(now, other.handle());

  driver->cuStreamBeginCapture(stream, cu::CaptureMode::kGlobal);
  quantizer.quantize(args);
  cu::Graph graph = nullptr;
  driver->cuStreamEndCapture(stream, &graph);
  EXPECT_EQ(fake->unsafe_in_capture, 0);
  ASSERT_EQ(fake->launches.size(), 2u);
  EXPECT_TRUE(fake->launches[1].captured);
  driver->cuGraphDestroy(graph);

  const Quantizer first(device, {});
  EXPECT_HAS(what_of([&] { first.quantize(quantizer_args(16, stream)); }), "primary context");
  driver->cuStreamDestroy(stream);
}

TEST_F(CudaElementwiseLaunch, PointersOfAnotherKindAreNamed) {
  setenv("FAKE_CUDA_DEVICES", "2", 1);
  const auto other = target(1);
  const GpuBuffer elsewhere(other, 64);
  std::vector<float> host(64);
  const Buffer host_memory{host.data(), 256};
  const ConstBuffer read{host.data(), 256};
  const Lsq lsq(device, {});
  const auto refused = [&](const auto& change) {
    LsqBackwardArgs args{in(x),          in(steps), in(grad), out(grad_v), out(totals),
                         out(workspace), 16,        0,        nullptr};
    change(args);
    return what_of([&] { lsq.backward(args); }, ErrorCode::kUsage);
  };
  EXPECT_HAS(refused([&](LsqBackwardArgs& a) { a.v = read; }), "what is read at");
  EXPECT_HAS(refused([&](LsqBackwardArgs& a) { a.v = read; }), "host memory");
  EXPECT_HAS(refused([&](LsqBackwardArgs& a) { a.v = in(elsewhere); }), "memory of cuda:1");
  EXPECT_HAS(refused([&](LsqBackwardArgs& a) { a.step = read; }), "the steps at");
  EXPECT_HAS(refused([&](LsqBackwardArgs& a) { a.grad_y = read; }), "grad_y at");
  EXPECT_HAS(refused([&](LsqBackwardArgs& a) { a.grad_v = host_memory; }), "what is written at");
  EXPECT_HAS(refused([&](LsqBackwardArgs& a) { a.grad_step = host_memory; }),
             "the result of each channel at");
  EXPECT_HAS(refused([&](LsqBackwardArgs& a) { a.workspace = host_memory; }), "workspace at");
  EXPECT_TRUE(fake->launches.empty());
}

TEST_F(CudaElementwiseLaunch, WhatTheDriverRefusesIsSaid) {
  setenv("FAKE_CUDA_FAIL", "cuModuleLoadDataEx:200", 1);
  EXPECT_HAS(what_of([&] { Quantizer(device, {}); }), "CUDA_ERROR_INVALID_IMAGE");
  unsetenv("FAKE_CUDA_FAIL");
  const Quantizer quantizer(device, {});
  setenv("FAKE_CUDA_FAIL", "cuLaunchKernelEx:701", 1);
  const std::string what = what_of([&] { quantizer.quantize(quantizer_args(16)); });
  for (const char* part :
       {"launching", "quantizer F32 S8", "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "cuda:0"})
    EXPECT_HAS(what, part);
  unsetenv("FAKE_CUDA_FAIL");
  quantizer.quantize(quantizer_args(16));
  ASSERT_EQ(fake->launches.size(), 1u);

  // Of two kernels the second is not launched when the first was refused.
  const Lsq lsq(device, {});
  setenv("FAKE_CUDA_FAIL", "cuLaunchKernelEx:700", 1);
  const auto first_step = [&] {
    lsq.initial_step({in(x), out(totals), out(workspace), 16, nullptr});
  };
  EXPECT_HAS(what_of(first_step), "CUDA_ERROR_ILLEGAL_ADDRESS");
  unsetenv("FAKE_CUDA_FAIL");
  EXPECT_HAS(what_of(first_step), "the context of cuda:0 is lost by CUDA_ERROR_ILLEGAL_ADDRESS");
  EXPECT_HAS(what_of([&] {
               Quantizer(device, {DataType::kF16, DataType::kS8, 8, {}});
             }),
             "the context of cuda:0 is lost");
  EXPECT_EQ(fake->launches.size(), 1u);
  fake->lost = 0;  // so that the buffers can be freed
}

TEST_F(CudaElementwiseLaunch, WithoutAGpuOrACompilerNothingIsMade) {
  CudaTargetParts none = parts();
  none.gpu = nullptr;
  const Device compiles_only = Device::over(make_cuda_target(std::move(none)));
  EXPECT_HAS(what_of([&] { Quantizer(compiles_only, {}); }), "no GPU");
  EXPECT_HAS(what_of([&] { Lsq(compiles_only, {}); }), "no GPU");
  setenv("FAKE_NVRTC_FAIL", "1", 1);
  EXPECT_HAS(what_of([&] { Lsq(device, {}); }), "the fake says no");
  EXPECT_HAS(what_of([] { CudaDriver("/nowhere/libcuda.so.1"); }), "/nowhere/libcuda.so.1");
}

}  // namespace
}  // namespace convoke
