// A CPU kernel around an entry of the test's own, and the limits that times are compared with.
#include "runtime/cpu_kernel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>

#include "compiler/spec_text.h"
#include "runtime/cpu_limits.h"
#include "runtime/thread_pool.h"

namespace convoke {
namespace {

/// What the entry of a kernel was given, task by task.
struct Seen {
  static inline std::atomic<int> calls[1000];
  static inline std::atomic<int> bad{0};
  static inline std::int64_t scratch_bytes = 0;
  static void entry(const CpuKernelArgs* args, std::int64_t begin, std::int64_t end,
                    void* scratch) {
    if (reinterpret_cast<std::uintptr_t>(scratch) % 64 != 0) bad.fetch_add(1);
    // Nobody else may write here while this worker does.
    auto* mine = static_cast<volatile unsigned char*>(scratch);
    for (std::int64_t i = 0; i < scratch_bytes; ++i) mine[i] = static_cast<unsigned char>(begin);
    for (std::int64_t task = begin; task < end; ++task) calls[task].fetch_add(1);
    if (static_cast<const float*>(args->w)[0] != 5 ||
        static_cast<const float*>(args->operand[1])[0] != 6)
      bad.fetch_add(1);
    for (std::int64_t i = 0; i < scratch_bytes; ++i)
      if (mine[i] != static_cast<unsigned char>(begin)) bad.fetch_add(1);
  }
};

TEST(CpuKernel, GivesEachWorkerItsScratchAndTheCodeItsArguments) {
  const ConvSpec spec = parse_problem("mb?ic1ih4oc1oh4kh1").spec;
  CpuSchedule schedule;
  schedule.weights = make_packed_weights(spec, 1, 8, 0);  // one panel: the weight and seven zeros
  schedule.scratch_bytes = 100;
  schedule.images_per_task = 3;
  schedule.row_blocks = 4;
  Seen::scratch_bytes = 100;
  const CpuKernel kernel(spec, schedule, std::make_shared<ThreadPool>(3), Seen::entry, nullptr);
  EXPECT_EQ(kernel.packed_weight_bytes(), 32);
  EXPECT_EQ(kernel.workspace_bytes(1, WeightForm::kPacked), 3 * 128);
  EXPECT_EQ(kernel.workspace_bytes(1, WeightForm::kPlain), 64 + 3 * 128);
  ASSERT_EQ(kernel.steps(1, WeightForm::kPlain).size(), 2u);
  EXPECT_EQ(kernel.steps(1, WeightForm::kPlain)[0].name, "pack_weights");
  EXPECT_EQ(kernel.steps(1, WeightForm::kPlain)[0].workspace_bytes, 32);
  EXPECT_EQ(kernel.steps(1, WeightForm::kPlain)[1].workspace_bytes, 3 * 128);
  ASSERT_EQ(kernel.steps(1, WeightForm::kPacked).size(), 1u);

  struct alignas(64) {
    unsigned char bytes[64 + 3 * 128 + 64];
  } workspace;
  float weight = 5, operand = 6, packed[8] = {};
  const ConstBuffer operands[2] = {{nullptr, 0}, {&operand, 4}};
  for (const WeightForm form : {WeightForm::kPlain, WeightForm::kPacked})
    for (const std::int64_t n : {1, 3, 4, 700}) {
      std::memset(workspace.bytes, 0x5A, sizeof workspace.bytes);
      for (auto& c : Seen::calls) c = 0;
      Seen::bad = 0;
      kernel.prepack(&weight, nullptr, packed, nullptr);
      LaunchArgs args;
      args.w = {form == WeightForm::kPlain ? &weight : packed, 0};
      args.operands = operands;
      args.operand_count = 2;
      args.workspace = {workspace.bytes, sizeof workspace.bytes};
      args.batch = n;
      kernel.launch(args, form);
      const std::int64_t tasks = (n + 2) / 3 * 4;
      for (std::int64_t i = 0; i < 1000; ++i)
        ASSERT_EQ(Seen::calls[i].load(), i < tasks ? 1 : 0) << n << " task " << i;
      EXPECT_EQ(Seen::bad.load(), 0);
      for (auto i = static_cast<std::size_t>(kernel.workspace_bytes(n, form));
           i < sizeof workspace.bytes; ++i)
        ASSERT_EQ(workspace.bytes[i], 0x5A) << "beyond the workspace";
    }
}

TEST(CpuLimits, ArithmeticAndBytes) {
  CpuIsa isa;
  isa.level = IsaLevel::kSse2;
  EXPECT_DOUBLE_EQ(cpu_peak_gflops(isa, 3, 2, DataType::kF32), 2.0 * 4 * 3 * 2);
  isa.level = IsaLevel::kAvx512;
  EXPECT_DOUBLE_EQ(cpu_peak_gflops(isa, 3, 1, DataType::kBf16), 2.0 * 2 * 16 * 3);
  EXPECT_DOUBLE_EQ(cpu_peak_gflops(isa, 3, 1, DataType::kU8), 2.0 * 2 * 32 * 3);
  isa.level = IsaLevel::kAvx512Vnni;
  EXPECT_DOUBLE_EQ(cpu_peak_gflops(isa, 3, 1, DataType::kU8), 2.0 * 2 * 64 * 3);
  isa.level = IsaLevel::kAvx512Bf16;
  EXPECT_DOUBLE_EQ(cpu_peak_gflops(isa, 3, 1, DataType::kBf16), 2.0 * 2 * 32 * 3);
  isa.level = IsaLevel::kAmx;
  EXPECT_DOUBLE_EQ(cpu_peak_gflops(isa, 1, 1, DataType::kBf16), 1024);

  // A 1x1 filter of stride 2 reads a quarter of the input.
  const ConvSpec spec = parse_problem("mb1ic4ih8oc2oh4kh1sh2 epilogue=acc+bias[k]+residual").spec;
  EXPECT_DOUBLE_EQ(compulsory_bytes(spec, 3), 4.0 * (3 * 4 * 16 + 8 + 3 * 2 * 16 + 2 + 3 * 2 * 16));
  // Below the last-level cache the bytes are free, above it they count.
  isa.level = IsaLevel::kAvx2;
  isa.l3_bytes = 1 << 30;
  const double arithmetic = cpu_limit_us(spec, isa, 1, 1, 1e-6);
  EXPECT_DOUBLE_EQ(arithmetic, 2 * spec.macs(1) / 32 / 1e3);
  isa.l3_bytes = 0;
  EXPECT_DOUBLE_EQ(cpu_limit_us(spec, isa, 1, 1, 1e-6), compulsory_bytes(spec, 1) / 1e-6 / 1e3);

  // Pruned weights are neither multiplied nor read: 2 of 8 stay.
  ConvSpec sparse = spec;
  sparse.sparsity = "unstructured:0.25";
  EXPECT_DOUBLE_EQ(compulsory_bytes(spec, 3) - compulsory_bytes(sparse, 3), 4.0 * 6);
  isa.l3_bytes = 1 << 30;
  EXPECT_DOUBLE_EQ(cpu_limit_us(sparse, isa, 1, 1, 1e-6), arithmetic / 4);
}

TEST(CpuLimits, MeasuredBandwidthIsPlausible) {
  ThreadPool pool(2);
  const double gb_s = measure_read_gb_s(pool);
  EXPECT_GT(gb_s, 0.1);
  EXPECT_LT(gb_s, 10000);
}

}  // namespace
}  // namespace convoke
