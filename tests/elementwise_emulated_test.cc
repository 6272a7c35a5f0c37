// The elementwise CUDA templates as plain C++, blocks of fibers with barriers: the checks that a
// GPU must pass, over a target whose kernels run here, with grids of every size; and bit for bit
// what the CPU's kernels give.
#include <gtest/gtest.h>

#include <map>

#include "compiler/emit_elementwise.h"
#include "tests/emulator/fibers.h"
// After the words that they are written in.
#include "templates/elementwise.cuh"
#include "tests/elementwise_check.h"
#include "tests/fake_target.h"
#include "tests/usage_error.h"

namespace convoke {
namespace {

using namespace test;  // NOLINT: the checks
using cuda::Type;
using elementwise::Args;
using elementwise::Config;
using elementwise::Entry;
using elementwise::Kind;

/// Of a launch; kernels take further turns.
long long most_blocks = 1 << 20;

template <typename Body>
void run_blocks_of(long long blocks, const Body& body) {
  blocks = std::min(blocks, most_blocks);
  static emulator::Block block(elementwise::kThreads);
  gridDim = {static_cast<unsigned>(blocks), 1, 1};
  for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x) {
    std::fill_n(cuda::memory, elementwise::kSharedBytes, '\xff');  // NaN
    block.run(body);
  }
}

template <Config kCfg>
void run(Entry entry, const Args& args) {
  const long long pieces = elementwise::map_blocks(kCfg, args.count),
                  sums = elementwise::sum_blocks(kCfg, args.count);
  if constexpr (kCfg.kind == Kind::kQuantizer) {
    if (entry == Entry::kQuantize)
      run_blocks_of(pieces, [&] { cuda::run_quantize<kCfg>(args); });
    else
      run_blocks_of(pieces, [&] { cuda::run_dequantize<kCfg>(args); });
  } else if (entry == Entry::kForward) {
    run_blocks_of(pieces, [&] { cuda::run_forward<kCfg>(args); });
  } else if (entry == Entry::kBackward) {
    run_blocks_of(sums, [&] { cuda::run_sums<kCfg, true>(args); });
    run_blocks_of(kCfg.channels, [&] { cuda::run_totals<kCfg, true>(args); });
  } else {
    run_blocks_of(sums, [&] { cuda::run_sums<kCfg, false>(args); });
    run_blocks_of(kCfg.channels, [&] { cuda::run_totals<kCfg, false>(args); });
  }
}

using Run = void (*)(Entry, const Args&);

class EmulatedKernel final : public ElementwiseKernel {
 public:
  explicit EmulatedKernel(Run run) : run_(run) {}
  void launch(Entry entry, const Args& args, void*) const override { run_(entry, args); }

 private:
  Run run_;
};

class EmulatedGpu final : public FakeTarget {
 public:
  std::shared_ptr<const ElementwiseKernel> elementwise(const Config& config) override {
    const auto found = kernels.find(describe_elementwise(config));
    if (found == kernels.end())
      throw Error(ErrorCode::kUnsupported, describe_elementwise(config) + " is not in the test");
    return std::make_shared<EmulatedKernel>(found->second);
  }
  /// What some checks need; templates are instantiated below.
  static inline std::map<std::string, Run> kernels;
};

template <Config kCfg>
void add() {
  EmulatedGpu::kernels[describe_elementwise(kCfg)] = run<kCfg>;
}
template <Kind kKind, Type kX, Type kY, int kLow, int kHigh>
void add_shapes() {
  add<Config{kKind, kX, kY, kLow, kHigh, 1, 1}>();
  add<Config{kKind, kX, kY, kLow, kHigh, 6, 16}>();
  add<Config{kKind, kX, kY, kLow, kHigh, 64, 72}>();
  add<Config{kKind, kX, kY, kLow, kHigh, 5, 27}>();
  add<Config{kKind, kX, kY, kLow, kHigh, 3, 9001}>();
  add<Config{kKind, kX, kY, kLow, kHigh, 5, 49}>();
  add<Config{kKind, kX, kY, kLow, kHigh, 3, 64}>();
  add<Config{kKind, kX, kY, kLow, kHigh, 72, 1}>();
  add<Config{kKind, kX, kY, kLow, kHigh, 13, 1}>();
}

Device emulated_gpu() {
  if (EmulatedGpu::kernels.empty()) {
    add_shapes<Kind::kQuantizer, Type::kF32, Type::kS8, -128, 127>();
    add_shapes<Kind::kQuantizer, Type::kF16, Type::kU8, 0, 255>();
    add_shapes<Kind::kQuantizer, Type::kBf16, Type::kS8, -128, 127>();
    add_shapes<Kind::kLsq, Type::kF32, Type::kF32, -8, 7>();
    add_shapes<Kind::kLsq, Type::kF16, Type::kF16, 0, 255>();
    add_shapes<Kind::kLsq, Type::kF32, Type::kBf16, -2, 1>();
    add<Config{Kind::kQuantizer, Type::kF32, Type::kS8, -128, 127, 8, 8}>();
    add<Config{Kind::kLsq, Type::kF32, Type::kF32, -8, 7, 7, 24}>();
    add<Config{Kind::kLsq, Type::kF32, Type::kF32, -8, 7, 8, 1}>();
    add<Config{Kind::kLsq, Type::kF32, Type::kF32, -8, 7, 7, 9}>();
    add<Config{Kind::kQuantizer, Type::kF32, Type::kS8, -8, 7, 1, 1}>();
  }
  return Device::over(std::make_shared<EmulatedGpu>());
}

class Emulated : public testing::Test {
 protected:
  Emulated() { misaligned_accesses = 0; }
  ~Emulated() override {
    most_blocks = 1 << 20;
    EXPECT_EQ(misaligned_accesses, 0);
  }
  const Device gpu = emulated_gpu();
};

TEST_F(Emulated, QuantizersEqualTheHost) {
  check_quantizer(gpu, DataType::kF32, DataType::kS8, -3);
  check_quantizer(gpu, DataType::kF16, DataType::kU8, 77);
  check_quantizer(gpu, DataType::kBf16, DataType::kS8, 0);
  check_every_integer(gpu, DataType::kS8, DataType::kF32);
  check_every_integer(gpu, DataType::kU8, DataType::kF16);
  check_bad_scales(gpu);
}

TEST_F(Emulated, FewBlocksTakeFurtherTurns) {
  most_blocks = 3;
  check_quantizer(gpu, DataType::kF16, DataType::kU8, 0);
  check_lsq(gpu, DataType::kF32, DataType::kF32, 4, true);
}

TEST_F(Emulated, LsqEqualsTheClosedForm) {
  check_lsq(gpu, DataType::kF32, DataType::kF32, 4, true);
  check_lsq(gpu, DataType::kF16, DataType::kF16, 8, false);
  check_lsq(gpu, DataType::kF32, DataType::kBf16, 2, true);
  check_lsq_specials(gpu);
}

TEST_F(Emulated, IntegersOfFewBits) {
  const std::vector<float> v = reals(5003, 0.037f, 6, DataType::kF32);
  const DeviceArray x(gpu, store_all(v, DataType::kF32), 4), q(gpu, Bytes(v.size()), 1);
  QuantizerArgs args;
  args.x = x.input(), args.y = q.buffer(), args.count = 5003, args.scale = 0.037f, args.zero = 2;
  Quantizer(gpu, {DataType::kF32, DataType::kS8, 4, {}}).quantize(args);
  const Bytes got = q.read();
  for (std::size_t i = 0; i < v.size(); ++i) {
    const float t = v[i] / 0.037f + 2;
    const float want = std::isnan(t) ? 0 : std::nearbyint(std::min(std::max(t, -8.0f), 7.0f));
    ASSERT_EQ(static_cast<int>(static_cast<std::int8_t>(got[i])), want) << v[i];
  }
}

TEST_F(Emulated, GivesTheBitsOfTheCpu) {
  const Device cpu = Device::open("cpu");
  const LsqSpec spec{DataType::kF32, DataType::kF32, 4, true, {}};
  const std::vector<float> v = reals(50021, 1, 8, DataType::kF32, false),
                           grad_y = reals(50021, 0.1f, 9, DataType::kF32, false);
  const LsqProblem here(gpu, spec, v, {7.3f}), there(cpu, spec, v, {7.3f});
  const Gradients a = here.backward(grad_y), b = there.backward(grad_y);
  expect_same(a.v, b.v, "grad_v");
  expect_same(a.step, b.step, "grad_step");
  expect_same(here.initial_step(), there.initial_step(), "the first step");
}

}  // namespace
}  // namespace convoke
