// Launches as a CUDA host makes them: on its own streams, captured into graphs, from several
// threads, on several GPUs, and without a single allocation.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

#include "bench/bare_kernel.h"
#include "tests/counting_new.h"
#include "tests/gpu_support.h"

namespace convoke {
namespace {

using test::GpuProblem;
using test::Graph;
using test::HostContext;
using test::Stream;
using GpuStream = test::GpuTest;

// A split over the workspace is two kernels, in order.
constexpr char kSplit[] = "cuda:mma,bm=64,bn=64,bk=64,wm=2,wn=2,stages=3,split=4";
constexpr char kProblem[] = "mb2ic128ih14oc128kh3ph1 dtype=f16 epilogue=relu(acc+bias[k])";

TEST_F(GpuStream, CapturesIntoAGraphThatReplays) {
  const HostContext context;
  const Stream stream;
  const ConvSpec spec = parse_spec(kProblem);
  for (const char* config : {"", kSplit, "cuda:direct,bm=2,bn=4,bk=8"}) {
    const Plan plan(*device_, spec, {.config = config});
    GpuProblem problem(target(), spec);
    const LaunchArgs args = problem.args(plan, stream.get());
    const Graph graph(stream, [&] {
      plan.launch(args);
      plan.launch(args);
    });
    EXPECT_NE(problem.wrong(), "") << "capturing runs nothing";
    for (int i = 0; i < 3; ++i) {
      problem.poison();
      graph.replay(stream);
      stream.wait();
      EXPECT_EQ(problem.wrong(), "") << plan.config();
    }
  }
}

TEST_F(GpuStream, APlanMadeWhileAnotherStreamCapturesIsRight) {
  const HostContext context;
  const Stream stream;
  const ConvSpec spec = parse_spec(kProblem), other = parse_spec("mb1ic24ih5oc40kh3ph1 dtype=f16");
  const Plan plan(*device_, spec);
  GpuProblem problem(target(), spec);
  const LaunchArgs args = problem.args(plan, stream.get());
  const Graph graph(stream, [&] {
    plan.launch(args);
    // A miss under capture takes the default configuration and must not end the capture.
    std::thread([&] { const Plan late(*device_, other); }).join();
  });
  graph.replay(stream);
  stream.wait();
  EXPECT_EQ(problem.wrong(), "");
}

TEST_F(GpuStream, TwoStreamsAtOnce) {
  const HostContext context;
  const Stream streams[2];
  const ConvSpec spec = parse_spec(kProblem);
  const Plan plan(*device_, spec, {.config = kSplit});
  GpuProblem problems[2] = {GpuProblem(target(), spec, 1), GpuProblem(target(), spec, 2)};
  for (int round = 0; round < 20; ++round) {
    for (GpuProblem& problem : problems) problem.poison();
    for (int i = 0; i < 2; ++i) plan.launch(problems[i].args(plan, streams[i].get()));
    for (int i = 0; i < 2; ++i) {
      streams[i].wait();
      ASSERT_EQ(problems[i].wrong(), "") << "round " << round << ", stream " << i;
    }
  }
}

TEST_F(GpuStream, TwoThreadsShareAPlanAndMakeTheirOwn) {
  const ConvSpec spec = parse_spec(kProblem);
  const Plan plan(*device_, spec);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      const HostContext context;
      const Stream stream;
      const Plan own(*device_, parse_spec("mb2ic24ih9oc40kh3ph1 dtype=f16"));
      GpuProblem shared(target(), spec, static_cast<std::uint64_t>(t) + 1),
          alone(target(), own.spec(), 5);
      for (int i = 0; i < 20; ++i) {
        shared.poison();
        alone.poison();
        plan.launch(shared.args(plan, stream.get()));
        own.launch(alone.args(own, stream.get()));
        stream.wait();
        wrong += !shared.wrong().empty() + !alone.wrong().empty();
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
}

TEST_F(GpuStream, AThreadWithoutAContextMayLaunch) {
  const ConvSpec spec = parse_spec(kProblem);
  const Plan plan(*device_, spec);
  GpuProblem problem(target(), spec);
  std::thread([&] { plan.launch(problem.args(plan)); }).join();
  EXPECT_EQ(problem.wrong(), "");
}

TEST_F(GpuStream, TwoDevices) {
  std::string why;
  const std::optional<Device> second = test::open_gpu(1, why);
  if (!second) GTEST_SKIP() << "needs two NVIDIA GPUs: " << why;
  const ConvSpec spec = parse_spec(kProblem);
  const Device* devices[2] = {&*device_, &*second};
  for (int round = 0; round < 3; ++round) {
    for (const Device* device : devices) {
      const Plan plan(*device, spec);
      GpuProblem problem(device->target(), spec, static_cast<std::uint64_t>(round) + 1);
      plan.launch(problem.args(plan));
      EXPECT_EQ(problem.wrong(), "") << device->name();
    }
  }
  const Plan plan(*device_, spec);
  GpuProblem elsewhere(second->target(), spec);
  try {
    plan.launch(elsewhere.args(plan));
    FAIL() << "memory of another GPU was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage) << error.what();
  }
}

TEST_F(GpuStream, LaunchAllocatesNothing) {
  const ConvSpec spec = parse_spec(kProblem);
  for (const char* config : {"", kSplit}) {
    const Plan plan(*device_, spec, {.config = config});
    GpuProblem problem(target(), spec);
    const LaunchArgs args = problem.args(plan);
    plan.launch(args);
    const std::int64_t before = allocations.load();
    for (int i = 0; i < 10; ++i) plan.launch(args);
    EXPECT_EQ(allocations.load(), before) << plan.config();
    EXPECT_EQ(problem.wrong(), "");
  }
}

/// Host microseconds of a launch: the best of many rounds, which what else the machine does does
/// not reach.
template <typename Call>
double best_us(const Stream& stream, const Call& call) {
  double best = 1e9;
  for (int round = 0; round < 100; ++round) {
    stream.wait();
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 100; ++i) call();
    const std::chrono::duration<double, std::micro> elapsed =
        std::chrono::steady_clock::now() - start;
    best = std::min(best, elapsed.count() / 100);
  }
  stream.wait();
  return best;
}

TEST_F(GpuStream, LaunchCostsLittleMoreThanTheDriversOwn) {
  const HostContext context;
  const Stream stream;
  const ConvSpec spec = parse_spec("mb1ic64ih4oc64kh3ph1 dtype=f16");
  const std::string config = "cuda:mma,bm=32,bn=64,bk=64,wm=2,wn=2,stages=3";
  const Plan plan(*device_, spec, {.config = config});
  GpuProblem problem(target(), spec);
  const LaunchArgs args = problem.args(plan, stream.get());
  BareKernel bare(target(), spec, config, args);
  bare.launch();
  stream.wait();
  ASSERT_EQ(problem.wrong(), "") << "the bare launch is of the same kernel";
  const double with_plan = best_us(stream, [&] { plan.launch(args); });
  const double without = best_us(stream, [&] { bare.launch(); });
  std::printf("launch: plan %.3f us, bare %.3f us\n", with_plan, without);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(with_plan - without, 0.5);
#endif
}

}  // namespace
}  // namespace convoke
