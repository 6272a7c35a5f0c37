// Real kernels through the public API: right against the reference, with either form of weights,
// any batch, any executor and several threads at once; nothing allocated, the same bits each time,
// nothing compiled twice.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "autotune/reference.h"
#include "compiler/spec_text.h"
#include "convoke/convoke.hpp"
#include "runtime/cpu_library.h"
#include "runtime/cpu_target.h"
#include "runtime/thread_pool.h"
#include "tests/counting_new.h"

namespace convoke {
namespace {

namespace fs = std::filesystem;

/// 64-byte aligned floats.
class Floats {
 public:
  explicit Floats(std::int64_t count)
      : size_(static_cast<std::size_t>(count)), lines_(size_ / 16 + 1) {}
  float* data() { return reinterpret_cast<float*>(lines_.data()); }
  const float* data() const { return reinterpret_cast<const float*>(lines_.data()); }
  std::size_t bytes() const { return size_ * sizeof(float); }
  float& operator[](std::size_t i) { return data()[i]; }

 private:
  struct alignas(64) Line {
    float f[16];
  };
  std::size_t size_;
  std::vector<Line> lines_;
};

/// The buffers of an f32 problem with small integers, so that any right kernel gives the
/// reference's bits.
struct Job {
  Job(const Plan& plan, std::int64_t batch, WeightForm form = WeightForm::kPlain)
      : spec(plan.spec()),
        x(spec.x_elements(batch)),
        w(spec.w_elements()),
        y(spec.y_elements(batch)),
        bias(spec.k),
        packed(plan.packed_weight_bytes() / 4 + 1),
        workspace(plan.workspace_bytes(spec.open_batch() ? batch : 0) / 4 + 1) {
    for (std::size_t i = 0; i < x.bytes() / 4; ++i) x[i] = static_cast<float>(i * 7 % 11) - 5;
    for (std::size_t i = 0; i < w.bytes() / 4; ++i) w[i] = static_cast<float>(i * 5 % 7) - 3;
    for (std::size_t i = 0; i < bias.bytes() / 4; ++i) bias[i] = static_cast<float>(i % 5) - 2;
    for (std::size_t i = 0; i < y.bytes() / 4; ++i) y[i] = -12345;
    operand = {bias.data(), bias.bytes()};
    args.x = {x.data(), x.bytes()};
    args.w = {w.data(), w.bytes()};
    args.y = {y.data(), y.bytes()};
    args.operands = &operand;
    args.operand_count = plan.operand_names().size();
    args.workspace = {workspace.data(), workspace.bytes()};
    args.batch = spec.open_batch() ? batch : 0;
    if (form == WeightForm::kPacked && plan.packed_weight_bytes() > 0) {
      plan.prepack(args.w, {packed.data(), packed.bytes()});
      args.w = {packed.data(), packed.bytes()};
    }
    ReferenceArgs reference;
    reference.x = x.data();
    reference.w = w.data();
    if (args.operand_count > 0) reference.operands = {bias.data()};
    reference.batch = batch;
    expected = reference_fprop(spec, reference, nullptr, false).value;
  }
  /// Outputs that differ from the reference.
  int wrong() {
    int count = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
      count += static_cast<double>(y[i]) != expected[i] ? 1 : 0;
    return count;
  }
  const ConvSpec& spec;
  Floats x, w, y, bias, packed, workspace;
  ConstBuffer operand;
  LaunchArgs args;
  std::vector<double> expected;
};

class CpuLaunch : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("convoke_launch_test_" + std::to_string(getpid()));
    fs::remove_all(root_);
  }
  void TearDown() override { fs::remove_all(root_); }
  Device device(std::shared_ptr<Executor> executor = std::make_shared<ThreadPool>(2)) {
    CpuTargetParts parts;
    parts.cpu = cpu_description();
    parts.executor = std::move(executor);
    parts.cache_dir = root_.string();
    parts.backend = cpu_library;
    return Device::over(make_cpu_target(std::move(parts)));
  }
  fs::path root_;
};

const char* const kProblem = "mb?ic16ih9oc24oh9kh3ph1 epilogue=relu(acc+bias[k])";

TEST_F(CpuLaunch, BothFormsOfWeights) {
  const Device d = device();
  for (const char* text : {"mb2ic16ih9oc24oh9kh3ph1 epilogue=acc+bias[k]", "mb3ic8ih7oc9oh7kh1",
                           "mb1ic3ih12oc8oh6kh3sh2ph1", "mb2ic16ih9oc24oh9kh3ph1 layout=nchw",
                           "g4mb2ic16ih8oc32oh8kh3ph1", "mb1ic1ih1oc1oh1kh3ph1"})
    for (const WeightForm form : {WeightForm::kPlain, WeightForm::kPacked}) {
      PlanOptions options;
      options.weights = form;
      const Plan plan(d, parse_spec(text), options);
      Job job(plan, plan.spec().n, form);
      plan.launch(job.args);
      EXPECT_EQ(job.wrong(), 0) << text << " with " << plan.config();
    }
}

TEST_F(CpuLaunch, OpenBatchRunsAnyNumberOfImagesWithOneImage) {
  const Device d = device();
  const Plan plan(d, parse_spec(kProblem));
  EXPECT_FALSE(plan.from_cache());
  for (const std::int64_t n : {1, 2, 3, 8, 33}) {
    Job job(plan, n);
    plan.launch(job.args);
    EXPECT_EQ(job.wrong(), 0) << n << " images";
  }
  EXPECT_EQ(d.target().cache().list().size(), 1u);
}

TEST_F(CpuLaunch, ASecondProcessFindsTheKernelOnDisk) {
  const ConvSpec spec = parse_spec(kProblem);
  EXPECT_FALSE(Plan(device(), spec).from_cache());
  const Plan plan(device(), spec);
  EXPECT_TRUE(plan.from_cache());
  Job job(plan, 2);
  plan.launch(job.args);
  EXPECT_EQ(job.wrong(), 0);
}

TEST_F(CpuLaunch, ThreadsShareAPlan) {
  const Plan plan(device(), parse_spec(kProblem));
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      Job job(plan, t + 1);
      for (int i = 0; i < 20; ++i) {
        std::memset(job.y.data(), 0, job.y.bytes());
        plan.launch(job.args);
        wrong.fetch_add(job.wrong());
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
}

/// A host's executor: as unlike ours as the contract allows.
class BackwardsExecutor final : public Executor {
 public:
  int workers() const override { return 5; }
  void parallel_for(std::int64_t tasks, Body body, void* context) override {
    ++calls;
    for (std::int64_t task = tasks; task-- > 0;)
      body(context, task, task + 1, static_cast<int>(task % 5));
  }
  int calls = 0;
};

TEST_F(CpuLaunch, AHostsExecutor) {
  const auto executor = std::make_shared<BackwardsExecutor>();
  const Plan plan(device(executor), parse_spec(kProblem));
  Job job(plan, 3);
  executor->calls = 0;
  plan.launch(job.args);
  EXPECT_EQ(job.wrong(), 0);
  EXPECT_EQ(executor->calls, static_cast<int>(plan.steps().size()));
}

TEST_F(CpuLaunch, TheSameBitsWithAnyNumberOfThreads) {
  PlanOptions options;
  options.config = Plan(device(), parse_spec(kProblem)).config();
  std::vector<float> first;
  for (const int threads : {1, 2, 3, 7}) {
    const Plan plan(device(std::make_shared<ThreadPool>(threads)), parse_spec(kProblem), options);
    Job job(plan, 4);
    for (std::size_t i = 0; i < job.x.bytes() / 4; ++i) job.x[i] = 1.0f / static_cast<float>(i + 3);
    for (int run = 0; run < 3; ++run) {
      plan.launch(job.args);
      if (first.empty()) first.assign(job.y.data(), job.y.data() + job.y.bytes() / 4);
      EXPECT_EQ(std::memcmp(first.data(), job.y.data(), job.y.bytes()), 0) << threads << " threads";
    }
  }
}

TEST_F(CpuLaunch, AllocatesNothing) {
  for (const WeightForm form : {WeightForm::kPlain, WeightForm::kPacked}) {
    PlanOptions options;
    options.weights = form;
    const Plan plan(device(), parse_spec(kProblem), options);
    Job job(plan, 3, form);
    const std::int64_t before = allocations.load();
    for (int i = 0; i < 10; ++i) plan.launch(job.args);
    EXPECT_EQ(allocations.load(), before);
    EXPECT_EQ(job.wrong(), 0);
  }
}

TEST_F(CpuLaunch, ATinyProblemTakesUnderTwoMicroseconds) {
  PlanOptions options;
  options.weights = WeightForm::kPacked;
  const Plan plan(device(), parse_spec("mb1ic1ih1oc1oh1kh1"), options);
  Job job(plan, 1, WeightForm::kPacked);
  double best = 1e9;
  for (int round = 0; round < 100; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 200; ++i) plan.launch(job.args);
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count() / 200);
  }
  std::printf("one launch of a 1x1x1 problem: %.3f us, its only multiplication included\n", best);
  EXPECT_EQ(job.wrong(), 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(best, 2.0);
#endif
}

TEST_F(CpuLaunch, TimeFromSpecToKernel) {
  const ConvSpec spec = parse_spec("mb8ic64ih14oc64oh14kh3ph1");
  Plan(device(), parse_spec("mb1ic1ih1oc1oh1kh1"));  // opens the library
  const auto time = [&](bool cached) {
    const Device d = device();
    const auto start = std::chrono::steady_clock::now();
    const Plan plan(d, spec);
    EXPECT_EQ(plan.from_cache(), cached);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
  };
  const double cold = time(false), disk = time(true);
  std::printf("spec to kernel: %.1f ms cold, %.2f ms from disk\n", cold, disk);
  EXPECT_LT(disk, cold);
}

}  // namespace
}  // namespace convoke
