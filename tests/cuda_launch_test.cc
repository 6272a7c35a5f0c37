// How kernels are launched and timed, over the fake driver: arguments, shapes, streams, contexts,
// captures, pointers, failures.
#include <thread>

#include "runtime/cuda_kernel.h"
#include "tests/counting_new.h"
#include "tests/fake_gpu_fixture.h"

namespace convoke {
namespace {

class CudaLaunchTest : public FakeGpuTest {
 protected:
  CudaLaunchTest() { spec.epilogue = "relu(acc*scale[k]+residual)"; }
  /// Buffers of a launch of 2 images.
  struct Buffers {
    Buffers(const std::shared_ptr<Target>& t, const ConvSpec& s, std::int64_t workspace_bytes)
        : x(t, s.x_elements(2) * 2),
          w(t, s.w_elements() * 2),
          y(t, s.y_elements(2) * 2),
          scale(t, s.k * 4),
          residual(t, s.y_elements(2) * 2),
          workspace(t, workspace_bytes),
          operands{scale, residual} {}
    LaunchArgs args(void* stream = nullptr) const {
      LaunchArgs a;
      a.x = x, a.w = w, a.y = y, a.workspace = workspace;
      a.operands = operands;
      a.operand_count = 2;
      a.batch = 2;
      a.stream = stream;
      return a;
    }
    GpuBuffer x, w, y, scale, residual, workspace;
    ConstBuffer operands[2];
  };
};

TEST_F(CudaLaunchTest, PassesArgumentsAndShape) {
  const auto t = target();
  const auto kernel = t->get(spec, mma);
  const Buffers b(t, spec, 64);
  kernel->launch(b.args(), WeightForm::kPlain);
  ASSERT_EQ(fake->launches.size(), 1u);
  const FakeLaunch& l = fake->launches[0];
  EXPECT_EQ(l.entry, "convoke_kernel");
  EXPECT_EQ(l.args.x, b.x.data());
  EXPECT_EQ(l.args.w, b.w.data());
  EXPECT_EQ(l.args.y, b.y.data());
  EXPECT_EQ(l.args.operands[0], b.scale.data());
  EXPECT_EQ(l.args.operands[1], b.residual.data());
  EXPECT_EQ(l.args.workspace, nullptr);
  EXPECT_EQ(l.args.n, 2);
  EXPECT_EQ(l.stream, nullptr);
  EXPECT_EQ(l.config.grid_x, 2u) << "128 pixels in tiles of 64, one tile of filters";
  EXPECT_EQ(l.config.block_x, 128u);
  EXPECT_GT(l.config.shared_bytes, 0u);
  EXPECT_EQ(static_cast<int>(l.config.shared_bytes), fake->shared_bytes);
  EXPECT_EQ(l.cluster, 1u);
  EXPECT_EQ(kernel->alignment(), 16u);
  EXPECT_EQ(kernel->packed_weight_bytes(), 0);
}

TEST_F(CudaLaunchTest, ASplitIsReducedInASecondStep) {
  const auto t = target();
  const auto kernel = t->get(spec, split);
  const std::int64_t bytes = 4 * 2 * 8 * 8 * 64 * 4;
  EXPECT_EQ(kernel->workspace_bytes(2, WeightForm::kPlain), bytes);
  EXPECT_EQ(t->workspace_bytes(spec, split, WeightForm::kPlain), bytes);
  const auto steps = kernel->steps(2, WeightForm::kPlain);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].name, "conv");
  EXPECT_EQ(steps[0].workspace_bytes, bytes);
  EXPECT_EQ(steps[1].name, "reduce");
  EXPECT_EQ(kernel->steps(1, WeightForm::kPlain)[0].workspace_bytes, bytes / 2);
  const Buffers b(t, spec, static_cast<std::size_t>(bytes));
  kernel->launch(b.args(), WeightForm::kPlain);
  ASSERT_EQ(fake->launches.size(), 2u);
  EXPECT_EQ(fake->launches[0].config.grid_x, 8u);
  EXPECT_EQ(fake->launches[0].args.workspace, b.workspace.data());
  EXPECT_EQ(fake->launches[1].entry, "convoke_reduce");
  EXPECT_EQ(fake->launches[1].args.y, b.y.data());
  EXPECT_EQ(fake->launches[1].config.shared_bytes, 0u);
}

TEST_F(CudaLaunchTest, AClusterIsAnAttributeOfTheLaunch) {
  const auto t = target();
  KernelConfig config = split;
  config.cuda.split_by = cuda::SplitBy::kCluster;
  const Buffers b(t, spec, 64);
  t->get(spec, config)->launch(b.args(), WeightForm::kPlain);
  ASSERT_EQ(fake->launches.size(), 1u);
  EXPECT_EQ(fake->launches[0].cluster, 4u);
}

TEST_F(CudaLaunchTest, UsesTheCallersStreamAndContext) {
  setenv("FAKE_CUDA_DEVICES", "2", 1);
  const auto first = target(0), second = target(1);
  const auto kernel = second->get(spec, mma);
  const CudaContext context(*driver, 1), other(*driver, 0);
  cu::Stream stream = nullptr;
  {
    const CurrentContext current(context);
    driver->cuStreamCreate(&stream, 0);
  }
  const CurrentContext callers(other);
  const Buffers b(second, spec, 64);
  kernel->launch(b.args(stream), WeightForm::kPlain);
  ASSERT_EQ(fake->launches.size(), 1u);
  EXPECT_EQ(fake->launches[0].device, 1);
  EXPECT_EQ(fake->launches[0].stream, stream);
  cu::Context now = nullptr;
  driver->cuCtxGetCurrent(&now);
  EXPECT_EQ(now, other.handle());
  const Buffers wrong(first, spec, 64);
  EXPECT_HAS(
      what_of([&] { first->get(spec, mma)->launch(wrong.args(stream), WeightForm::kPlain); }),
      "primary context");
  driver->cuStreamDestroy(stream);
}

TEST_F(CudaLaunchTest, PointersOfAnotherKindAreNamed) {
  setenv("FAKE_CUDA_DEVICES", "2", 1);
  const auto t = target(0), other = target(1);
  const auto kernel = t->get(spec, split);
  const Buffers b(t, spec, 1 << 20), elsewhere(other, spec, 64);
  std::vector<char> host(1 << 20);
  const auto refused = [&](auto change) {
    LaunchArgs args = b.args();
    change(args);
    return what_of([&] { kernel->launch(args, WeightForm::kPlain); }, ErrorCode::kUsage);
  };
  EXPECT_HAS(refused([&](LaunchArgs& a) { a.x.data = host.data(); }), "x at");
  EXPECT_HAS(refused([&](LaunchArgs& a) { a.w.data = host.data(); }), "host memory");
  EXPECT_HAS(refused([&](LaunchArgs& a) { a.y.data = host.data(); }), "y at");
  EXPECT_HAS(refused([&](LaunchArgs& a) { a.workspace.data = host.data(); }), "workspace at");
  const ConstBuffer operands[] = {b.scale, {host.data(), host.size()}};
  EXPECT_HAS(refused([&](LaunchArgs& a) { a.operands = operands; }), "residual at");
  EXPECT_HAS(refused([&](LaunchArgs& a) { a.x = elsewhere.x; }), "memory of cuda:1");
  EXPECT_TRUE(fake->launches.empty());
}

TEST_F(CudaLaunchTest, APointerIsLookedAtOnce) {
  const auto t = target();
  const auto kernel = t->get(spec, mma);
  const Buffers b(t, spec, 64);
  kernel->launch(b.args(), WeightForm::kPlain);
  const int queries = fake->pointer_queries;
  EXPECT_GE(queries, 5);
  for (int i = 0; i < 100; ++i) kernel->launch(b.args(), WeightForm::kPlain);
  EXPECT_EQ(fake->pointer_queries, queries);
}

TEST_F(CudaLaunchTest, AllocatesNothing) {
  const Device device = Device::over(target());
  const std::shared_ptr<Target> t(&device.target(), [](Target*) {});
  const Buffers b(t, spec, 1 << 20);
  const Plan plan(device, spec, {.config = print_config(split)});
  plan.launch(b.args());
  // The fake itself allocates, to remember what it was asked.
  driver->cuLaunchKernelEx = [](const cu::LaunchConfig*, cu::Function, void**, void**) {
    return cu::Result::kSuccess;
  };
  const std::int64_t before = allocations.load();
  for (int i = 0; i < 10; ++i) plan.launch(b.args());
  EXPECT_EQ(allocations.load(), before);
}

TEST_F(CudaLaunchTest, ThreadsLaunchAtOnce) {
  const auto t = target();
  const auto kernel = t->get(spec, mma);
  const Buffers b(t, spec, 64);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k) kernel->launch(b.args(), WeightForm::kPlain);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fake->launches.size(), 200u);
}

TEST_F(CudaLaunchTest, PlansAreMadeAndLaunchedInsideACapture) {
  const Device device = Device::over(target());
  const CudaContext context(*driver, 0);
  const CurrentContext current(context);
  cu::Stream stream = nullptr;
  driver->cuStreamCreate(&stream, 0);
  const std::shared_ptr<Target> t(&device.target(), [](Target*) {});
  const Buffers b(t, spec, 64);
  driver->cuStreamBeginCapture(stream, cu::CaptureMode::kGlobal);
  const Plan plan(device, spec, {.config = print_config(mma)});
  LaunchArgs args = b.args(stream);
  args.batch = 0;
  plan.launch(args);
  cu::Graph graph = nullptr;
  driver->cuStreamEndCapture(stream, &graph);
  EXPECT_EQ(fake->unsafe_in_capture, 0);
  ASSERT_EQ(fake->launches.size(), 1u);
  EXPECT_TRUE(fake->launches[0].captured);
  driver->cuGraphDestroy(graph);
  driver->cuStreamDestroy(stream);
}

TEST_F(CudaLaunchTest, TimesByReplayingAGraph) {
  const auto t = target();
  const auto kernel = t->get(spec, split);
  const Buffers b(t, spec, 1 << 20);
  const int graphs = fake->graphs, events = fake->events, streams = fake->streams;
  {
    std::vector<TimedLaunch> launches;
    for (int i = 0; i < 3; ++i)
      launches.push_back([&](void* stream) { kernel->launch(b.args(stream), WeightForm::kPlain); });
    const auto call = t->prepare_timing(std::move(launches));
    int captured = 0;
    for (const FakeLaunch& l : fake->launches) captured += l.captured ? 1 : 0;
    EXPECT_EQ(captured % 6, 0) << "whole rounds of three launches of two kernels";
    EXPECT_GE(captured, 40) << "at least twenty launches";
    fake->launches.clear();
    EXPECT_NEAR(call->seconds(7), 7 * 2 * 10e-6, 1e-9) << "the fake's kernels take 10 us";
    EXPECT_EQ(static_cast<int>(fake->launches.size()), captured) << "one replay";
    EXPECT_NEAR(call->seconds(1000), 1000 * 2 * 10e-6, 1e-9);
  }
  EXPECT_EQ(fake->graphs, graphs);
  EXPECT_EQ(fake->events, events);
  EXPECT_EQ(fake->streams, streams);
}

TEST_F(CudaLaunchTest, AFailureWhileCapturingPassesThrough) {
  const auto t = target();
  const int graphs = fake->graphs, streams = fake->streams;
  int calls = 0;
  EXPECT_EQ(what_of(
                [&] {
                  t->prepare_timing({[&](void*) {
                    if (++calls == 3) throw Error(ErrorCode::kUsage, "enough");
                  }});
                },
                ErrorCode::kUsage),
            "enough");
  EXPECT_EQ(fake->graphs, graphs);
  EXPECT_EQ(fake->streams, streams);
}

TEST_F(CudaLaunchTest, MoreBlocksThanAGridHoldsAreRefused) {
  // One tile of 64 pixels and one of filters for each image of 8 x 8.
  const std::int64_t most = cuda::kMaxBlocks;
  spec.n = most;
  const auto t = target();
  EXPECT_EQ(t->why_illegal(spec, mma), "");
  spec.n = most + 1;
  EXPECT_HAS(t->why_illegal(spec, mma), "blocks");
  spec.n = most / 4;
  EXPECT_EQ(t->why_illegal(spec, split), "") << "four blocks a tile";
  spec.n = most / 4 + 1;
  EXPECT_HAS(t->why_illegal(spec, split), "blocks");
  EXPECT_EQ(t->why_illegal(spec, t->default_config(spec)), "");
  spec.n = kOpenBatch;
  EXPECT_EQ(t->why_illegal(spec, mma), "");
  const auto kernel = t->get(spec, mma);
  const Buffers b(t, spec, 64);
  LaunchArgs args = b.args();
  args.batch = most + 1;
  EXPECT_HAS(what_of([&] { kernel->launch(args, WeightForm::kPlain); }, ErrorCode::kUnsupported),
             "2147483648 images need more than 2147483647 blocks");
  EXPECT_TRUE(fake->launches.empty());
  args.batch = most;
  kernel->launch(args, WeightForm::kPlain);
  ASSERT_EQ(fake->launches.size(), 1u);
  EXPECT_EQ(fake->launches[0].config.grid_x, 2147483647u);
}

TEST_F(CudaLaunchTest, ALaunchThatFailsSaysWhat) {
  const auto t = target();
  const auto kernel = t->get(spec, mma);
  const Buffers b(t, spec, 64);
  setenv("FAKE_CUDA_FAIL", "cuLaunchKernelEx:701", 1);
  const std::string what = what_of([&] { kernel->launch(b.args(), WeightForm::kPlain); });
  for (const char* part : {"convoke_kernel", "cuda:mma,bm=64", "grid of 2 x 1 x 1", "128 threads",
                           "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "cuda:0", "mb2ic64ih8oc64"})
    EXPECT_HAS(what, part);
  unsetenv("FAKE_CUDA_FAIL");
  kernel->launch(b.args(), WeightForm::kPlain);
}

TEST_F(CudaLaunchTest, ALostContextIsSaidSoFromThenOn) {
  const auto t = target();
  const auto kernel = t->get(spec, mma);
  auto b = std::make_unique<Buffers>(t, spec, 64);
  setenv("FAKE_CUDA_FAIL", "cuCtxSynchronize:700", 1);
  char byte = 0;
  EXPECT_HAS(what_of([&] { t->copy_out(&byte, b->y.data(), 1); }), "is lost by CUDA_ERROR_ILLEGAL");
  unsetenv("FAKE_CUDA_FAIL");
  for (const auto& call : std::vector<std::function<void()>>{
           [&] { t->copy_out(&byte, b->y.data(), 1); },
           [&] { kernel->launch(b->args(), WeightForm::kPlain); }, [&] { t->allocate(64); },
           [&] { t->get(spec, split); }, [&] { t->prepare_timing({[](void*) {}}); }}) {
    const std::string what = what_of(call);
    EXPECT_HAS(what, "the context of cuda:0 is lost by CUDA_ERROR_ILLEGAL_ADDRESS");
    EXPECT_HAS(what, "start the process again");
  }
  EXPECT_NO_THROW(b.reset()) << "cleaning up is no error";
  fake->lost = 0;
}

}  // namespace
}  // namespace convoke
