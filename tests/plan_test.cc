// Plans over a target of the test's own: what they refuse, that a refusal writes nothing, what they
// choose, and what a launch costs. Nothing is compiled here; cpu_target_test.cc runs real kernels.
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <thread>

#include "convoke/convoke.hpp"
#include "runtime/cpu_kernel.h"
#include "runtime/thread_pool.h"
#include "tests/counting_new.h"
#include "tests/fake_target.h"

namespace convoke {
namespace {

/// Buffers of one launch in one block, 0x5A everywhere, with red zones of 64 bytes between them.
struct Arena {
  explicit Arena(const Plan& plan, std::int64_t batch = 0) {
    const ConvSpec& s = plan.spec();
    const std::int64_t n = s.open_batch() ? batch : s.n;
    const std::size_t sizes[] = {static_cast<std::size_t>(s.x_elements(n)) * 4,
                                 static_cast<std::size_t>(s.w_elements()) * 4,
                                 static_cast<std::size_t>(s.y_elements(n)) * 4,
                                 static_cast<std::size_t>(s.k) * 4,
                                 static_cast<std::size_t>(s.y_elements(n)) * 4,
                                 static_cast<std::size_t>(plan.workspace_bytes(batch)),
                                 std::size_t{kPackedBytes}};
    std::size_t total = 64;
    for (int i = 0; i < 7; ++i) {
      offset[i] = total;
      total += (sizes[i] + 63) / 64 * 64 + 64;
    }
    block.resize(total / 64);
    std::memset(block.data(), 0x5A, total);
    args.x = {at(0), sizes[0]};
    args.w = {at(1), sizes[1]};
    args.y = {at(2), sizes[2]};
    operands[0] = {at(3), sizes[3]};
    operands[1] = {at(4), sizes[4]};
    args.workspace = {at(5), sizes[5]};
    packed = {at(6), sizes[6]};
    args.batch = batch;
    if (!plan.operand_names().empty()) {
      args.operands = operands;
      args.operand_count = plan.operand_names().size();
    }
  }
  std::byte* at(int i) { return reinterpret_cast<std::byte*>(block.data()) + offset[i]; }
  /// Bytes that are no longer 0x5A.
  std::size_t touched() const {
    const auto* bytes = reinterpret_cast<const unsigned char*>(block.data());
    std::size_t count = 0;
    for (std::size_t i = 0; i < block.size() * 64; ++i) count += bytes[i] != 0x5A ? 1 : 0;
    return count;
  }
  struct alignas(64) Line {
    unsigned char bytes[64];
  };
  std::vector<Line> block;
  std::size_t offset[7] = {};
  ConstBuffer operands[2];
  LaunchArgs args;
  Buffer packed;
};

const char* const kFixed = "mb2ic4ih6oc3oh4kh3 epilogue=relu(acc*scale[k]+residual)";
const char* const kOpen = "mb?ic4ih6oc3oh4kh3";

class PlanTest : public testing::Test {
 protected:
  Plan plan(const char* text, const PlanOptions& options = {}) {
    return Plan(device_, parse_spec(text), options);
  }
  std::shared_ptr<FakeTarget> target_ = std::make_shared<FakeTarget>();
  Device device_ = Device::over(target_);
};

/// The message of the kUsage error that `call` throws.
std::string refusal(const std::function<void()>& call, ErrorCode code = ErrorCode::kUsage) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

struct BadLaunch {
  const char* name;
  std::function<void(Arena&)> spoil;
  const char* says;
};

std::byte* shifted(const void* p, int bytes) {
  return const_cast<std::byte*>(static_cast<const std::byte*>(p)) + bytes;
}

TEST_F(PlanTest, RefusesBadArgumentsBeforeWriting) {
  const Plan p = plan(kFixed);
  ASSERT_EQ(p.operand_names(), (std::vector<std::string>{"scale", "residual"}));
  const BadLaunch cases[] = {
      {"null x", [](Arena& a) { a.args.x.data = nullptr; }, "x is null: 1152 bytes"},
      {"null w", [](Arena& a) { a.args.w.data = nullptr; }, "w is null: 432 bytes"},
      {"null y", [](Arena& a) { a.args.y.data = nullptr; }, "y is null: 384 bytes"},
      {"null workspace", [](Arena& a) { a.args.workspace.data = nullptr; },
       "workspace is null: 640 bytes"},
      {"null operands", [](Arena& a) { a.args.operands = nullptr; }, "0 operands: the epilogue"},
      {"null operand", [](Arena& a) { a.operands[1].data = nullptr; }, "residual is null"},
      {"short x", [](Arena& a) { a.args.x.bytes -= 1; }, "x has 1151 bytes: 1152 are needed"},
      {"short w", [](Arena& a) { a.args.w.bytes = 0; }, "w has 0 bytes: 432"},
      {"short y", [](Arena& a) { a.args.y.bytes -= 4; }, "y has 380 bytes: 384"},
      {"short scale", [](Arena& a) { a.operands[0].bytes -= 1; }, "scale has 11 bytes: 12"},
      {"short residual", [](Arena& a) { a.operands[1].bytes -= 1; }, "residual has 383 bytes: 384"},
      {"short workspace", [](Arena& a) { a.args.workspace.bytes -= 1; },
       "workspace has 639 bytes: 640"},
      {"odd x", [](Arena& a) { a.args.x.data = shifted(a.args.x.data, 2); }, "x at"},
      {"odd w", [](Arena& a) { a.args.w.data = shifted(a.args.w.data, 1); }, "w at"},
      {"odd y", [](Arena& a) { a.args.y.data = shifted(a.args.y.data, 3); }, "y at"},
      {"odd scale", [](Arena& a) { a.operands[0].data = shifted(a.operands[0].data, 2); },
       "scale at"},
      {"odd workspace",
       [](Arena& a) { a.args.workspace.data = shifted(a.args.workspace.data, 32); },
       "multiple of 64 bytes"},
      {"y in x", [](Arena& a) { a.args.y.data = shifted(a.args.x.data, 1148); }, "y (384 bytes at"},
      {"y over w", [](Arena& a) { a.args.w.data = shifted(a.args.y.data, 380); }, "overlaps w"},
      {"y is residual", [](Arena& a) { a.operands[1].data = a.args.y.data; }, "overlaps residual"},
      {"workspace over x",
       [](Arena& a) {
         a.args.x.data = a.args.workspace.data;
         a.args.workspace.bytes = 640;
       },
       "workspace (640 bytes at"},
      {"workspace over scale", [](Arena& a) { a.operands[0].data = a.args.workspace.data; },
       "overlaps scale"},
      {"no operands", [](Arena& a) { a.args.operand_count = 0; }, "0 operands: the epilogue"},
      {"one operand", [](Arena& a) { a.args.operand_count = 1; }, "1 operands"},
      {"three operands", [](Arena& a) { a.args.operand_count = 3; }, "3 operands"},
      {"other batch", [](Arena& a) { a.args.batch = 3; }, "batch 3: this plan is for 2 images"},
      {"negative batch", [](Arena& a) { a.args.batch = -1; }, "batch -1"},
  };
  for (const BadLaunch& bad : cases) {
    Arena arena(p);
    bad.spoil(arena);
    const std::string what = refusal([&] { p.launch(arena.args); });
    EXPECT_NE(what.find(bad.says), std::string::npos) << bad.name << ": " << what;
    EXPECT_EQ(arena.touched(), 0u) << bad.name;
  }
  Arena arena(p);
  p.launch(arena.args);
  EXPECT_EQ(arena.touched(), 384u + 640u) << "y and the workspace, not a byte more";
  arena.args.batch = 2;
  EXPECT_NO_THROW(p.launch(arena.args));
}

TEST_F(PlanTest, OpenBatchIsCheckedForTheRealSize) {
  const Plan p = plan(kOpen);
  EXPECT_NE(refusal([&] { p.workspace_bytes(); }).find("the batch of this plan is open"),
            std::string::npos);
  for (const std::int64_t n : {1, 2, 7}) {
    Arena arena(p, n);
    EXPECT_NO_THROW(p.launch(arena.args));
    EXPECT_EQ(arena.touched(), static_cast<std::size_t>(n) * 192 + 640);
  }
  Arena small(p, 2);
  small.args.batch = 3;
  EXPECT_NE(refusal([&] { p.launch(small.args); }).find("x has 1152 bytes: 1728 are needed"),
            std::string::npos);
  for (const std::int64_t n :
       {std::int64_t{0}, std::int64_t{-5}, kMaxElements, std::int64_t{1} << 62}) {
    small.args.batch = n;
    EXPECT_NE(refusal([&] { p.launch(small.args); }).find("give 1 to"), std::string::npos) << n;
  }
  EXPECT_EQ(small.touched(), 0u);
}

TEST_F(PlanTest, NeighboursThatOnlyTouchAreFine) {
  const Plan p = plan(kOpen, {.weights = WeightForm::kPacked});
  struct alignas(64) {
    unsigned char bytes[4096];
  } block;
  LaunchArgs args;
  args.workspace = {block.bytes, 384};
  args.x = {block.bytes + 384, 576};
  args.y = {block.bytes + 960, 192};
  args.w = {block.bytes + 1152, 256};
  args.batch = 1;
  EXPECT_NO_THROW(p.launch(args));
  args.y.bytes = 4000;  // the rest of a larger allocation, of which only 192 bytes are written
  EXPECT_NO_THROW(p.launch(args));
}

TEST_F(PlanTest, PackedWeights) {
  const Plan p = plan(kFixed, {.weights = WeightForm::kPacked});
  EXPECT_EQ(p.packed_weight_bytes(), kPackedBytes);
  ASSERT_EQ(p.steps().size(), 1u);
  EXPECT_EQ(plan(kFixed).steps()[0].name, "pack_weights");
  Arena arena(p);
  const auto prepack = [&](ConstBuffer w, Buffer to) { return refusal([&] { p.prepack(w, to); }); };
  EXPECT_NE(prepack({nullptr, 432}, arena.packed).find("w is null"), std::string::npos);
  EXPECT_NE(prepack({arena.args.w.data, 431}, arena.packed).find("w has 431"), std::string::npos);
  EXPECT_NE(prepack(arena.args.w, {nullptr, 256}).find("packed buffer is null"), std::string::npos);
  EXPECT_NE(prepack(arena.args.w, {arena.packed.data, 255}).find("has 255 bytes: 256"),
            std::string::npos);
  EXPECT_NE(prepack(arena.args.w, {shifted(arena.packed.data, 4), 256}).find("multiple of 64"),
            std::string::npos);
  EXPECT_NE(prepack(arena.args.w, {arena.at(1), 256}).find("overlaps w"), std::string::npos);
  EXPECT_EQ(arena.touched(), 0u);
  p.prepack(arena.args.w, arena.packed);
  EXPECT_EQ(arena.touched(), 256u);
  arena.args.w = {shifted(arena.packed.data, 4), 256};
  EXPECT_NE(refusal([&] { p.launch(arena.args); }).find("multiple of 64"), std::string::npos);
  arena.args.w = {arena.packed.data, 256};
  EXPECT_NO_THROW(p.launch(arena.args));
}

const char* const kPruned = "g2mb1ic8ih4oc8kh1 sparsity=channel:0.5";

TEST_F(PlanTest, SparseSpecsNeedAPatternOfTheirOwn) {
  const ConvSpec spec = parse_spec(kPruned);
  const auto says = [&](const ConvSpec& s) { return refusal([&] { Plan(device_, s); }); };
  EXPECT_NE(says(spec).find("sparsity channel:0.5 has no pattern: set ConvSpec::pattern"),
            std::string::npos)
      << says(spec);
  const SparsityPattern::Ptr pattern = SparsityPattern::random(spec, 1);
  EXPECT_NO_THROW(Plan(device_, with_pattern(spec, pattern)));
  ConvSpec other = spec;
  other.pattern = SparsityPattern::random(parse_spec("g2mb1ic8ih4oc16kh1 sparsity=channel:0.5"), 1);
  says(other);
  other.pattern = SparsityPattern::from_units(spec, {0, 4});
  EXPECT_NE(says(other).find("the pattern keeps channel:0.25, the spec says channel:0.5"),
            std::string::npos)
      << says(other);
  other.pattern = pattern;
  other.sparsity = "channel:0.5:bound";
  says(other);
  other.sparsity.clear();
  says(other);
  other.sparsity = "chanel:0.5";
  EXPECT_NE(says(other).find("unknown sparsity \"chanel:0.5\""), std::string::npos);
}

TEST_F(PlanTest, BoundPatternsAreCheckedWhereTheyArePacked) {
  const Plan p = plan("g2mb1ic8ih4oc8kh1 sparsity=channel:0.5:bound");
  const ConvSpec& spec = p.spec();
  EXPECT_EQ(p.pattern_bytes(), kTableBytes);
  alignas(16) unsigned char tables[kTableBytes + 16] = {};
  const auto says = [&](const SparsityPattern::Ptr& pattern, Buffer to) {
    return refusal([&] { p.pack_pattern(*pattern, to); });
  };
  const Buffer room{tables, kTableBytes};
  EXPECT_NE(
      says(SparsityPattern::random(parse_spec("mb1ic8ih4oc8kh1 sparsity=channel:0.5"), 1), room)
          .find("this plan is for g2"),
      std::string::npos);
  EXPECT_NE(
      says(SparsityPattern::random(parse_spec("g2mb1ic8ih4oc8kh1 sparsity=input:0.5"), 1), room)
          .find("the pattern is one for"),
      std::string::npos);
  const std::string uneven = says(SparsityPattern::from_units(spec, {0, 1, 2, 4}), room);
  EXPECT_NE(
      uneven.find("keeps 3 of 4 units in group 0, this plan's channel:0.5:bound stands for 2"),
      std::string::npos)
      << uneven;
  says(SparsityPattern::from_units(spec, {}), room);
  const SparsityPattern::Ptr right = SparsityPattern::from_units(spec, {0, 3, 4, 5});
  EXPECT_NE(says(right, {nullptr, kTableBytes}).find("buffer is null"), std::string::npos);
  EXPECT_NE(says(right, {tables, kTableBytes - 1}).find("has 127 bytes: 128"), std::string::npos);
  EXPECT_NE(says(right, {tables + 4, kTableBytes}).find("multiple of 16"), std::string::npos);
  EXPECT_EQ(tables[0], 0);
  p.pack_pattern(*right, room);
  EXPECT_EQ(tables[0], 0x33);
  EXPECT_EQ(tables[kTableBytes - 1], 0x33);
  EXPECT_EQ(tables[kTableBytes], 0);
  EXPECT_NE(refusal([&] { plan(kFixed).pack_pattern(*right, room); }).find("takes no pattern"),
            std::string::npos);
  EXPECT_EQ(plan(kFixed).pattern_bytes(), 0);
}

TEST_F(PlanTest, AnyNOfMPatternSuitsABoundPlan) {
  const Plan p = plan("mb1ic8ih4oc2kh1 sparsity=nm:2:4:bound");
  alignas(16) unsigned char tables[kTableBytes];
  for (const std::vector<std::int64_t>& kept :
       {std::vector<std::int64_t>{}, {0}, {0, 1, 4, 6, 8, 9, 12, 13}})
    EXPECT_NO_THROW(
        p.pack_pattern(*SparsityPattern::from_units(p.spec(), kept), {tables, kTableBytes}));
}

TEST_F(PlanTest, BoundLaunchesTakeThePatternsTables) {
  const Plan p = plan("mb1ic8ih4oc8kh1 sparsity=channel:0.5:bound");
  struct alignas(64) {
    unsigned char bytes[4096];
  } room;
  Arena arena(p);
  const auto says = [&](ConstBuffer tables) {
    arena.args.pattern = tables;
    return refusal([&] { p.launch(arena.args); });
  };
  EXPECT_NE(says({}).find("the pattern is null: 128 bytes"), std::string::npos);
  EXPECT_NE(says({room.bytes, 127}).find("the pattern has 127 bytes"), std::string::npos);
  EXPECT_NE(says({room.bytes + 32, 128}).find("multiple of 64"), std::string::npos);
  EXPECT_NE(says({arena.args.y.data, 128}).find("overlaps the pattern"), std::string::npos);
  EXPECT_NE(says({arena.args.workspace.data, 128}).find("overlaps the pattern"), std::string::npos);
  EXPECT_EQ(arena.touched(), 0u);
  const auto prepack = [&](ConstBuffer tables) {
    return refusal([&] { p.prepack(arena.args.w, arena.packed, nullptr, tables); });
  };
  EXPECT_NE(prepack({}).find("the pattern is null"), std::string::npos);
  EXPECT_NE(prepack({arena.packed.data, 128}).find("overlaps the pattern"), std::string::npos);
  EXPECT_EQ(arena.touched(), 0u);
  p.prepack(arena.args.w, arena.packed, nullptr, {room.bytes, 128});
  EXPECT_EQ(static_cast<unsigned char*>(arena.packed.data)[0], 0x44) << "the kernel has the tables";
  arena.args.pattern = {room.bytes, 128};
  EXPECT_NO_THROW(p.launch(arena.args));

  const Plan dense = plan(kFixed);
  Arena other(dense);
  other.args.pattern = {room.bytes, 128};
  EXPECT_NE(refusal([&] { dense.launch(other.args); }).find("a pattern is given"),
            std::string::npos);
  EXPECT_EQ(other.touched(), 0u);
}

TEST_F(PlanTest, ZeroPointsAreCheckedAgainstTheSpec) {
  const auto says = [&](const char* text, std::int32_t zero) {
    const Plan p = plan(text);
    Arena arena(p);
    arena.args.x_zero = zero;
    const std::string why = refusal([&] { p.launch(arena.args); });
    EXPECT_EQ(arena.touched(), 0u);
    return why;
  };
  EXPECT_NE(
      says("mb1ic8ih4oc8kh1 dtype=s8", 3).find("x_zero is 3, but this plan has no zero point"),
      std::string::npos);
  EXPECT_NE(says("mb1ic8ih4oc8kh1 dtype=s8 quant=zp", 128)
                .find("x_zero is 128: a zero point of s8 is -128 to 127"),
            std::string::npos);
  EXPECT_NE(says("mb1ic8ih4oc8kh1 dtype=u8 quant=zp", -1)
                .find("x_zero is -1: a zero point of u8 is 0 to 255"),
            std::string::npos);
  const Plan p = plan("mb1ic8ih4oc8kh1 dtype=u8 quant=zp");
  Arena arena(p);
  arena.args.x_zero = 255;
  EXPECT_NO_THROW(p.launch(arena.args));
}

TEST_F(PlanTest, ConstructionRefusals) {
  EXPECT_NE(refusal([&] { plan(kFixed, {.config = "cpu:gemm,mr=9"}); }).find("mr must be 1 to 6"),
            std::string::npos);
  refusal([&] { plan(kFixed, {.config = "cpu:nonsense"}); });
  ConvSpec spec = parse_spec(kFixed);
  spec.c = 0;
  refusal([&] { Plan(device_, spec); });
  EXPECT_NE(refusal([] { Device::open("gpu9"); }).find("unknown target 'gpu9'"), std::string::npos);
  refusal([] { Device::open("cpu", {.threads = -1}); });
}

TEST_F(PlanTest, ChoosesTheConfiguration) {
  EXPECT_EQ(plan(kFixed).config(), print_config(config_of(6)));
  EXPECT_EQ(plan(kFixed, {.config = "gemm,mr=4"}).config(), print_config(config_of(4)));
  set_choose_config([](Target&, const ConvSpec& spec) {
    return spec.open_batch() ? std::string() : print_config(config_of(3));
  });
  EXPECT_EQ(plan(kFixed).config(), print_config(config_of(3)));
  EXPECT_EQ(plan(kOpen).config(), print_config(config_of(6)));
  EXPECT_EQ(plan(kFixed, {.config = "gemm,mr=4"}).config(), print_config(config_of(4)));
  set_choose_config(nullptr);
}

TEST_F(PlanTest, KeepsToTheWorkspaceLimit) {
  EXPECT_EQ(plan(kFixed, {.workspace_limit = 640}).config(), print_config(config_of(6)));
  EXPECT_EQ(plan(kFixed, {.workspace_limit = 639}).config(), print_config(config_of(5)))
      << "the fastest that fits";
  EXPECT_EQ(plan(kFixed, {.workspace_limit = 320}).config(), print_config(config_of(1)));
  EXPECT_EQ(plan(kOpen, {.weights = WeightForm::kPacked, .workspace_limit = 64}).config(),
            print_config(config_of(1)));
  const std::string none =
      refusal([&] { plan(kFixed, {.workspace_limit = 319}); }, ErrorCode::kUnsupported);
  EXPECT_NE(none.find("319 bytes: the smallest that any configuration needs is 320"),
            std::string::npos)
      << none;
  const std::string fixed =
      refusal([&] { plan(kFixed, {.config = "gemm,mr=2", .workspace_limit = 100}); });
  EXPECT_NE(fixed.find("needs 384 bytes of workspace, the limit is 100"), std::string::npos)
      << fixed;
}

TEST_F(PlanTest, SaysWhereTheKernelCameFrom) {
  for (const CacheSource source :
       {CacheSource::kMemory, CacheSource::kDisk, CacheSource::kCompiled}) {
    target_->source_of_next = source;
    EXPECT_EQ(plan(kFixed).from_cache(), source != CacheSource::kCompiled);
  }
}

TEST_F(PlanTest, OutlivesItsDeviceAndMoves) {
  auto device = std::make_unique<Device>(Device::over(std::make_shared<FakeTarget>()));
  Plan first(*device, parse_spec(kFixed));
  device.reset();
  Plan second = std::move(first);
  Arena arena(second);
  EXPECT_NO_THROW(second.launch(arena.args));
}

TEST_F(PlanTest, TwoThreadsLaunchOnePlan) {
  const Plan p = plan(kFixed);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        Arena arena(p);
        p.launch(arena.args);
        if (arena.touched() != 384u + 640u) wrong.fetch_add(1);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
}

/// The fastest of many rounds: what the code costs, without what else the machine does.
double best_us(const std::function<void()>& call) {
  double best = 1e9;
  for (int round = 0; round < 100; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 200; ++i) call();
    best = std::min(
        best, std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
                      .count() /
                  200);
  }
  return best;
}

/// A real CPU kernel object around code that does nothing, so that checks, packing of arguments and
/// the pool remain.
class EmptyWork : public PlanTest {
 protected:
  double launch_us(std::shared_ptr<Executor> executor, std::int64_t rows) {
    const ConvSpec spec = parse_spec("mb1ic1ih8oc1oh8kh1");
    CpuSchedule schedule;
    schedule.row_blocks = rows;
    const CpuKernel kernel(
        spec, schedule, std::move(executor),
        [](const CpuKernelArgs*, std::int64_t, std::int64_t, void*) {}, nullptr);
    LaunchArgs args;
    args.batch = 1;
    return best_us([&] { kernel.launch(args, WeightForm::kPacked); });
  }
};

TEST_F(EmptyWork, LaunchOverheadIsUnderTwoMicroseconds) {
  const Plan p = plan("mb1ic1ih1oc1oh1kh1", {.weights = WeightForm::kPacked});
  Arena arena(p);
  arena.args.w = {arena.packed.data, 256};
  const double checks = best_us([&] { p.launch(arena.args); });
  const double one_task = launch_us(std::make_shared<ThreadPool>(2), 1);
  const double pool = launch_us(std::make_shared<ThreadPool>(2), 64);
  RecordProperty("checks_ns", static_cast<int>(checks * 1e3));
  RecordProperty("one_task_ns", static_cast<int>(one_task * 1e3));
  RecordProperty("pool_ns", static_cast<int>(pool * 1e3));
  std::printf("launch: checks %.3f us, one task %.3f us, 64 empty tasks on two threads %.3f us\n",
              checks, one_task, pool);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(checks + one_task, 2.0);
  EXPECT_LT(checks + pool, 2.0);
#endif
}

TEST_F(PlanTest, LaunchAllocatesNothing) {
  const Plan fixed = plan(kFixed), open = plan(kOpen);
  Arena a(fixed), b(open, 3);
  const std::int64_t before = allocations.load();
  for (int i = 0; i < 10; ++i) {
    fixed.launch(a.args);
    open.launch(b.args);
  }
  EXPECT_EQ(allocations.load(), before);
}

}  // namespace
}  // namespace convoke
