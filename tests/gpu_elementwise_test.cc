// The elementwise kernels on a GPU: quantize.h and LSQ's closed form bit for bit, the bits of the
// CPU's kernels, the same bits every time, in a captured graph too, and how near they come to the
// speed of a copy.
#include <cstdlib>

#include "tests/elementwise_check.h"
#include "tests/gpu_support.h"

namespace convoke {
namespace {

using namespace test;  // NOLINT: the checks
using GpuElementwise = GpuTest;

TEST_F(GpuElementwise, QuantizersEqualTheHost) {
  for (const DataType real : kReals) {
    check_quantizer(*device_, real, DataType::kS8, -3);
    check_quantizer(*device_, real, DataType::kU8, 77);
    for (const DataType integer : {DataType::kS8, DataType::kU8})
      check_every_integer(*device_, integer, real);
  }
  check_bad_scales(*device_);
}

TEST_F(GpuElementwise, LsqEqualsTheClosedForm) {
  for (const DataType v : kReals)
    for (const DataType y : kReals) check_lsq(*device_, v, y, 4, true);
  check_lsq(*device_, DataType::kF32, DataType::kF32, 2, true);
  check_lsq(*device_, DataType::kF16, DataType::kF16, 8, false);
}

TEST_F(GpuElementwise, NanInfinitiesAndStepsThatAreNone) { check_lsq_specials(*device_); }

TEST_F(GpuElementwise, LsqIsQuantizationThereAndBack) { check_lsq_is_quantization(*device_); }

TEST_F(GpuElementwise, GivesTheBitsOfTheCpuEveryTime) {
  const Device cpu = Device::open("cpu");
  for (const ScaleChannels channels : {ScaleChannels{1, 1}, ScaleChannels{64, 4701}}) {
    const std::int64_t count = channels.count == 1 ? 3000017 : 64 * 4701;
    const LsqSpec spec{DataType::kF16, DataType::kF16, 4, true, channels};
    const std::vector<float> v = reals(count, 1, 8, DataType::kF16, false),
                             grad_y = reals(count, 0.1f, 9, DataType::kF16, false),
                             steps = steps_of(channels.count, 7.3f);
    const LsqProblem here(*device_, spec, v, steps), there(cpu, spec, v, steps);
    const Gradients want = there.backward(grad_y);
    const std::vector<float> y = there.forward(), first_step = there.initial_step();
    for (int i = 0; i < 3; ++i) {
      const Gradients got = here.backward(grad_y);
      expect_same(got.v, want.v, "grad_v");
      expect_same(got.step, want.step, "grad_step");
      expect_same(here.forward(), y, "y");
      expect_same(here.initial_step(), first_step, "the first step");
    }
  }
}

TEST_F(GpuElementwise, ACapturedBackwardRunsAgain) {
  const HostContext context;
  const Stream stream;
  const std::int64_t count = 100003;
  const std::vector<float> v = reals(count, 1, 8, DataType::kF32, false);
  const Lsq lsq(*device_, {});
  const DeviceArray vs(*device_, store_all(v, DataType::kF32), 4),
      step(*device_, store_all({2.5f}, DataType::kF32), 4),
      grad_v(*device_, Bytes(v.size() * 4), 4), grad_step(*device_, Bytes(4), 4),
      workspace(*device_, Bytes(static_cast<std::size_t>(lsq.workspace_bytes(count))), 4);
  LsqBackwardArgs args;
  args.v = args.grad_y = vs.input(), args.step = step.input();
  args.grad_v = grad_v.buffer(), args.grad_step = grad_step.buffer();
  args.workspace = workspace.buffer(), args.count = count;
  lsq.backward(args);
  const Bytes want = grad_step.read();
  args.stream = stream.get();
  const Graph graph(stream, [&] { lsq.backward(args); });
  for (int i = 0; i < 3; ++i) {
    const float poison = kNan;
    target().copy_in(grad_step.buffer().data, &poison, 4);
    graph.replay(stream);
    stream.wait();
    EXPECT_EQ(grad_step.read(), want);
  }
}

TEST_F(GpuElementwise, HostMemoryIsRefused) {
  const std::vector<float> x(16, 1);
  const DeviceArray q(*device_, Bytes(16), 1);
  QuantizerArgs args;
  args.x = {x.data(), 64}, args.y = q.buffer(), args.count = 16, args.scale = 1;
  const Quantizer quantizer(*device_, {});
  EXPECT_THROW(quantizer.quantize(args), Error);
}

/// Bytes moved a second, of what must be moved, over buffers beyond the last cache. Printed and
/// recorded: a share of the memory's speed depends on the GPU, so that only nonsense fails.
TEST_F(GpuElementwise, Speed) {
  const std::int64_t count = std::int64_t{1} << 28;
  const auto bytes = static_cast<std::size_t>(count);
  const DeviceBuffer a(target(), bytes * 4), b(target(), bytes * 4), c(target(), bytes * 4);
  const DeviceArray step(*device_, store_all(std::vector<float>(64, 0.5f), DataType::kF32), 4),
      grad_step(*device_, Bytes(256), 4);
  // Reals of each type that are neither zeros nor special, the same pattern in all bytes.
  for (const DeviceBuffer* buffer : {&a, &b, &c}) {
    const Bytes pattern(1 << 20, std::byte{0x3c});
    for (std::size_t at = 0; at < buffer->bytes(); at += pattern.size())
      target().copy_in(static_cast<char*>(buffer->data()) + at, pattern.data(), pattern.size());
  }
  const double memory = find_cuda_gpu(cuda_driver(), 0).device.memory_gb_s;
  const auto report = [&](const std::string& what, double moved, const TimedLaunch& launch) {
    launch(nullptr);
    const auto timed = target().prepare_timing({launch});
    double best = timed->seconds(20);
    for (int i = 0; i < 5; ++i) best = std::min(best, timed->seconds(20));
    const double gb_s = moved * 20 / best / 1e9;
    printf("%-28s %7.1f us %6.0f GB/s %5.2f of the memory's %.0f\n", what.c_str(), best / 20 * 1e6,
           gb_s, gb_s / memory, memory);
    RecordProperty(what, static_cast<int>(gb_s));
    EXPECT_GT(gb_s, 0.1 * memory) << what;
  };
  for (const ScaleChannels channels :
       {ScaleChannels{1, 1}, ScaleChannels{64, 4608}, ScaleChannels{64, 1}}) {
    const std::int64_t unit = channels.count * channels.inner, n = count / unit * unit;
    const auto elements = static_cast<double>(n);
    for (const DataType real : {DataType::kF32, DataType::kF16}) {
      const std::string name = std::string(" ") + to_string(real) + " " +
                               std::to_string(channels.count) + "x" +
                               std::to_string(channels.inner);
      const int size = size_of(real);
      const Quantizer quantizer(*device_, {real, DataType::kS8, 8, channels});
      QuantizerArgs args;
      args.x = {a.data(), a.bytes()}, args.y = {b.data(), b.bytes()}, args.count = n;
      args.scales = step.input();
      const auto on = [](auto arguments, void* stream) {
        arguments.stream = stream;
        return arguments;
      };
      report("quantize" + name, elements * (size + 1),
             [=, &quantizer](void* s) { quantizer.quantize(on(args, s)); });
      report("dequantize" + name, elements * (size + 1),
             [=, &quantizer](void* s) { quantizer.dequantize(on(args, s)); });
      const Lsq lsq(*device_, {real, real, 4, true, channels});
      const LsqForwardArgs forward{args.x, step.input(), args.y, n, nullptr};
      report("forward" + name, elements * 2 * size,
             [=, &lsq](void* s) { lsq.forward(on(forward, s)); });
      const DeviceBuffer workspace(target(), static_cast<std::size_t>(lsq.workspace_bytes(n)));
      LsqBackwardArgs backward;
      backward.v = args.x, backward.grad_y = {c.data(), c.bytes()}, backward.grad_v = args.y;
      backward.step = step.input(), backward.grad_step = grad_step.buffer();
      backward.workspace = {workspace.data(), workspace.bytes()}, backward.count = n;
      report("backward" + name, elements * 3 * size,
             [=, &lsq](void* s) { lsq.backward(on(backward, s)); });
    }
  }
}

}  // namespace
}  // namespace convoke
