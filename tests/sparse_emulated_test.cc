// The sparse family's CUDA templates as plain C++, blocks of fibers with barriers: random problems,
// kinds of patterns and tiles through the verifier (bit for bit on integers, infinities on padding,
// pruned weights that are infinite, two patterns a bound kernel, red zones). The code form runs the
// very steps that a unit is emitted from.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "autotune/verify.h"
#include "compiler/cuda_sparse.h"
#include "compiler/cuda_weights.h"
#include "compiler/spec_text.h"
#include "tests/emulator/config_spec.h"
#include "tests/emulator/fibers.h"
// After the words that they are written in.
#include "templates/sparse.cuh"
#include "tests/emulator/random_config.h"
#include "tests/fake_target.h"

namespace convoke {
namespace {

using cuda::ConvArgs;
using cuda::ConvConfig;
using cuda::Sparse;

constexpr const char* kEpilogueTexts[] = {"", "relu(acc*scale[k]+bias[k]+residual)",
                                          "abs(min(acc,residual))-bias[k]",
                                          "acc+residual[{}]-skip"};
template <int kNumber>
struct HostEpilogue {
  float operator()(float acc, const float* operand) const {
    if (kNumber == 0) return acc;
    if (kNumber == 1) {
      const float sum = acc * operand[0] + operand[1] + operand[2];
      return 0.0f > sum ? 0.0f : sum;
    }
    if (kNumber == 2) return std::fabs(acc < operand[0] ? acc : operand[0]) - operand[1];
    return acc + operand[0] - operand[1];
  }
};

/// The parts of the code of the kernel under test.
std::vector<std::vector<CodeStep>> code_parts;
struct HostCode {
  template <typename Sums>
  static void part(int number, Sums& sums) {
    for (const CodeStep& step : code_parts[static_cast<std::size_t>(number)]) {
      const int a = static_cast<int>(step.a);
      if (step.call == CodeStep::Call::kPixels) sums.x(a);
      if (step.call == CodeStep::Call::kWeights) sums.w(a);
      if (step.call == CodeStep::Call::kMultiply) sums.f(a, static_cast<int>(step.b));
    }
  }
};

template <ConvConfig kCfg>
void run_kernel(const ConvArgs& args, unsigned blocks) {
  using E = HostEpilogue<cuda::test::epilogue_number(kCfg)>;
  emulator::Block block(cuda::threads(kCfg));
  gridDim = {blocks, 1, 1};
  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) {
    std::fill(std::begin(cuda::memory), std::end(cuda::memory), '\xff');  // NaN
    block.run([&] { cuda::run_sparse<kCfg, E, HostCode>(args); });
  }
}
template <ConvConfig kCfg>
void run_pack(const ConvArgs& args, unsigned blocks) {
  gridDim = {blocks, 1, 1};
  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x)
    for (threadIdx.x = 0; threadIdx.x < cuda::kPackThreads; ++threadIdx.x)
      cuda::pack_kept_weights<kCfg>(args);
}

struct Case {
  ConvConfig config;
  void (*kernel)(const ConvArgs&, unsigned);
  void (*pack)(const ConvArgs&, unsigned);
};

/// A random problem of the direct family's, with tiles of the sparse one.
constexpr ConvConfig draw(unsigned long long seed, Sparse sparse) {
  cuda::test::ConstexprRandom random(seed);
  while (true) {
    ConvConfig c = cuda::test::draw_config(
        cuda::Family::kDirect, static_cast<unsigned long long>(random.pick(1, 1 << 30)));
    c.family = cuda::Family::kSparse;
    c.sparse = sparse, c.bound = sparse == Sparse::kWeights && random.one_in(2);
    c.unit_k = c.unit_c = 1;
    switch (random.pick(0, 5)) {
      case 0:
        c.per_filter = true, c.unit_k = static_cast<int>(random.pick(1, 3));
        break;
      case 1:
        c.per_input = true, c.unit_c = static_cast<int>(random.pick(1, 3));
        break;
      case 2:
        c.unit_k = 4, c.unit_c = static_cast<int>(random.pick(4, 6));
        break;
      default:
        break;
    }
    c.kept = sparse == Sparse::kCode ? 4096 : c.k * c.c / c.groups * c.r * c.s;
    c.warps_m = static_cast<int>(random.power(1));
    c.warps_n = sparse == Sparse::kCode ? 1 : static_cast<int>(random.pick(1, 3));
    c.block_m = 32 * c.warps_m * static_cast<int>(random.power(2));
    c.block_n = c.warps_n * static_cast<int>(random.pick(1, 5));
    c.block_k = static_cast<int>(random.power(4));
    c.tile_p = static_cast<int>(random.power(4)), c.tile_q = static_cast<int>(random.power(6));
    if (cuda::why_illegal_weights(c, 100 << 10) == nullptr) return c;
  }
}

template <Sparse kSparse, unsigned long long... kSeeds>
std::vector<Case> make_cases(std::integer_sequence<unsigned long long, kSeeds...>) {
  std::vector<Case> cases;
  const auto add = [&]<ConvConfig kCfg>() {
    cases.push_back({kCfg, &run_kernel<kCfg>, &run_pack<kCfg>});
  };
  (add.template operator()<draw(kSeeds + 1, kSparse)>(), ...);
  return cases;
}

std::string sparsity_of(const ConvConfig& c, int number) {
  const std::string bound = c.bound ? ":bound" : "";
  const auto units = [](int n) { return n == 1 ? "" : "@" + std::to_string(n); };
  if (c.per_filter) return "channel:0.6" + units(c.unit_k) + bound;
  if (c.per_input) return "input:0.6" + units(c.unit_c) + bound;
  if (c.unit_k > 1)
    return "block:0.6@" + std::to_string(c.unit_k) + "x" + std::to_string(c.unit_c) + bound;
  constexpr const char* kSingle[] = {"unstructured:0.4", "nm:1:3", "nm:2:4", "unstructured:0.75"};
  return kSingle[number % 4] + bound;
}

/// The spec of a case; the first `kept` units of a baked pattern, or, if negative, drawn ones.
ConvSpec spec_of(const ConvConfig& c, int number, int kept) {
  ConvSpec spec = cuda::test::spec_of_config(c);
  spec.epilogue = fmt::format(fmt::runtime(kEpilogueTexts[cuda::test::epilogue_number(c)]),
                              to_string(cuda::test::data_type(cuda::operand_type(c, 0))));
  spec.sparsity = sparsity_of(c, number);
  if (c.bound) return spec;
  if (kept < 0) return with_pattern(spec, SparsityPattern::random(spec, 7));
  std::vector<std::int64_t> first;
  for (int i = 0; i < kept; ++i) first.push_back(i);
  return with_pattern(spec, SparsityPattern::from_units(spec, first));
}

std::string describe(const ConvConfig& c, const ConvSpec& spec) {
  CudaConfig config;
  config.family = c.family;
  config.bm = c.block_m, config.bn = c.block_n, config.bk = c.block_k;
  config.wm = c.warps_m, config.wn = c.warps_n, config.tp = c.tile_p, config.tq = c.tile_q;
  config.code = c.sparse == Sparse::kCode;
  return print_spec(spec) + " " + print_config(config);
}

struct EmulatedKernel final : Kernel {
  Case kernel;
  std::vector<std::uint32_t> baked;
  EmulatedKernel(const Case& c, const ConvSpec& spec) : kernel(c) {
    if (!c.config.bound) baked = make_weight_words(c.config, *spec.pattern);
  }
  std::vector<PlanStep> steps(std::int64_t, WeightForm) const override { return {}; }
  std::int64_t workspace_bytes(std::int64_t, WeightForm form) const override {
    return form == WeightForm::kPlain ? cuda::packed_room(kernel.config) : 0;
  }
  std::int64_t packed_weight_bytes() const override { return cuda::packed_bytes(kernel.config); }
  std::int64_t pattern_bytes() const override {
    return kernel.config.bound ? cuda::pattern_words(kernel.config) * 4 : 0;
  }
  void pack_pattern(const SparsityPattern& pattern, void* tables) const override {
    const auto words = make_pattern_words(kernel.config, pattern);
    std::memcpy(tables, words.data(), words.size() * 4);
  }
  std::size_t alignment() const override { return cuda::alignment(kernel.config); }
  const unsigned* tables(const void* pattern) const {
    return kernel.config.bound ? static_cast<const unsigned*>(pattern) : baked.data();
  }
  void prepack(const void* w, const void* pattern, void* packed, void*) const override {
    ConvArgs args{};
    args.w = w, args.y = packed, args.pattern = tables(pattern);
    kernel.pack(args, cuda::pack_grid(kernel.config).x);
  }
  void launch(const LaunchArgs& args, WeightForm form) const override {
    ConvArgs device{args.x.data, args.w.data, args.y.data, nullptr, {}, args.batch};
    device.pattern = tables(args.pattern.data);
    if (form == WeightForm::kPlain) {
      prepack(args.w.data, args.pattern.data, args.workspace.data, nullptr);
      device.w = args.workspace.data;
    }
    for (std::size_t i = 0; i < args.operand_count; ++i) device.operands[i] = args.operands[i].data;
    kernel.kernel(device, cuda::grid(kernel.config, args.batch).x);
  }
};

struct EmulatedTarget final : FakeTarget {
  std::shared_ptr<const Kernel> kernel;
  std::string why_illegal(const ConvSpec&, const KernelConfig&) const override { return ""; }
  std::shared_ptr<const Kernel> get(const ConvSpec&, const KernelConfig&, CacheSource*) override {
    return kernel;
  }
};

/// Passed verdicts of all cases; none may fail.
int count_passed(const std::vector<Case>& cases, int kept = -1) {
  int passed = 0, number = 0;
  for (const Case& c : cases) {
    const ConvSpec spec = spec_of(c.config, ++number, kept);
    if (c.config.sparse == Sparse::kCode) {
      code_parts.clear();
      const std::int64_t parts =
          c.config.groups * cuda::sparse_tiles_n(c.config) * cuda::sparse_chunks(c.config);
      for (std::int64_t i = 0; i < parts; ++i)
        code_parts.push_back(kept_code(c.config, *spec.pattern, i));
    }
    EmulatedTarget target;
    target.kernel = std::make_shared<EmulatedKernel>(c, spec);
    misaligned_accesses = 0;
    const VerifyResult result = Verifier(target, spec, 5).check({});
    EXPECT_NE(result.verdict, Verdict::kFailed)
        << describe(c.config, spec) << ": " << result.reason;
    EXPECT_NE(result.verdict, Verdict::kUnsupported) << result.reason;
    EXPECT_EQ(misaligned_accesses, 0) << describe(c.config, spec);
    passed += result.verdict == Verdict::kPassed;
  }
  return passed;
}

TEST(SparseEmulated, ListsAreRight) {
  const auto cases =
      make_cases<Sparse::kWeights>(std::make_integer_sequence<unsigned long long, 48>());
  EXPECT_GT(count_passed(cases), 40);
}

TEST(SparseEmulated, CodeIsRight) {
  const auto cases =
      make_cases<Sparse::kCode>(std::make_integer_sequence<unsigned long long, 24>());
  EXPECT_GT(count_passed(cases), 18);
}

/// Nothing kept, and one unit: most outputs are the epilogue of zero, which is no evidence.
TEST(SparseEmulated, EmptyPatternsAndOneUnitAreNotWrong) {
  for (const int kept : {0, 1}) {
    count_passed(make_cases<Sparse::kWeights>(std::make_integer_sequence<unsigned long long, 8>()),
                 kept);
    count_passed(make_cases<Sparse::kCode>(std::make_integer_sequence<unsigned long long, 8>()),
                 kept);
  }
}

}  // namespace
}  // namespace convoke
