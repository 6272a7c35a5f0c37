// The CUDA templates without shared memory, run as plain C++ thread by thread: random problems with
// random tiles through the verifier (bit for bit on integers, infinities on padding, red zones, no
// better alignment than asked for). Index arithmetic goes wrong here, without a GPU.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "autotune/verify.h"
#include "compiler/spec_text.h"
#include "tests/emulator/cuda.h"
// After the words that they are written in.
#include "templates/depthwise.cuh"
#include "templates/direct.cuh"
#include "templates/reference.cuh"
#include "tests/emulator/config_spec.h"
#include "tests/emulator/random_config.h"
#include "tests/fake_target.h"
#include "tests/naive_conv.h"

namespace convoke {
namespace {

using cuda::ConvArgs;
using cuda::ConvConfig;
using cuda::Family;

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

/// Calls body() as every thread of a launch of `blocks` blocks.
template <typename Body>
void run_threads(unsigned blocks, int threads, const Body& body) {
  gridDim = {blocks, 1, 1};
  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x)
    for (threadIdx.x = 0; threadIdx.x < static_cast<unsigned>(threads); ++threadIdx.x) body();
}

/// The kernel of a config, on a grid of `blocks`.
template <ConvConfig kCfg>
void run_kernel(const ConvArgs& args, unsigned blocks) {
  using E = HostEpilogue<cuda::test::epilogue_number(kCfg)>;
  run_threads(blocks, cuda::threads(kCfg), [&] {
    if constexpr (kCfg.family == Family::kDirect)
      cuda::run_direct<kCfg, E>(args);
    else if constexpr (kCfg.family == Family::kDepthwise)
      cuda::run_depthwise<kCfg, E>(args);
    else
      cuda::run_reference<kCfg, E>(args);
  });
}
template <ConvConfig kCfg>
void run_sums(const ConvArgs& args, unsigned blocks) {
  run_threads(blocks, cuda::threads(kCfg), [&] { cuda::run_reference_sums<kCfg>(args); });
}

struct Case {
  ConvConfig config;
  void (*kernel)(const ConvArgs&, unsigned);
  void (*sums)(const ConvArgs&, unsigned) = nullptr;
};

template <Family kFamily, unsigned long long kFirst, unsigned long long... kSeeds>
std::vector<Case> make_cases(std::integer_sequence<unsigned long long, kSeeds...>) {
  std::vector<Case> cases;
  const auto add = [&]<ConvConfig kCfg>() {
    cases.push_back({kCfg, &run_kernel<kCfg>});
    if constexpr (kFamily == Family::kReference) cases.back().sums = &run_sums<kCfg>;
  };
  (add.template operator()<cuda::test::draw_config(kFamily, kFirst + kSeeds)>(), ...);
  return cases;
}
template <Family kFamily, unsigned long long kCount>
std::vector<Case> make_cases() {
  return make_cases<kFamily, 1>(std::make_integer_sequence<unsigned long long, kCount>());
}

ConvSpec spec_of(const ConvConfig& c) {
  ConvSpec spec = cuda::test::spec_of_config(c);
  spec.epilogue = fmt::format(fmt::runtime(kEpilogueTexts[cuda::test::epilogue_number(c)]),
                              to_string(cuda::test::data_type(cuda::operand_type(c, 0))));
  return spec;
}

std::string describe(const ConvConfig& c) {
  return print_spec(spec_of(c)) + " bm=" + std::to_string(c.block_m) +
         " bn=" + std::to_string(c.block_n) + " bk=" + std::to_string(c.block_k);
}

struct EmulatedKernel final : Kernel {
  Case kernel;
  bool short_grid;  ///< fewer blocks than the work has: as if it exceeded the largest grid
  EmulatedKernel(const Case& c, bool few) : kernel(c), short_grid(few) {}
  std::vector<PlanStep> steps(std::int64_t, WeightForm) const override { return {}; }
  std::int64_t workspace_bytes(std::int64_t, WeightForm) const override { return 0; }
  std::int64_t packed_weight_bytes() const override { return 0; }
  std::size_t alignment() const override { return cuda::alignment(kernel.config); }
  void prepack(const void*, const void*, void*, void*) const override {}
  void launch(const LaunchArgs& args, WeightForm) const override {
    ConvArgs device{args.x.data, args.w.data, args.y.data, nullptr, {}, args.batch};
    for (std::size_t i = 0; i < args.operand_count; ++i) device.operands[i] = args.operands[i].data;
    device.x_zero = args.x_zero;
    const unsigned blocks = cuda::grid(kernel.config, args.batch).x;
    kernel.kernel(device, short_grid ? std::max(1u, blocks / 3) : blocks);
  }
};

struct EmulatedTarget final : FakeTarget {
  std::shared_ptr<const Kernel> kernel;
  std::string why_illegal(const ConvSpec&, const KernelConfig&) const override { return ""; }
  std::shared_ptr<const Kernel> get(const ConvSpec&, const KernelConfig&, CacheSource*) override {
    return kernel;
  }
};

/// The verifier's verdict on both kinds of grid; counts the cases that it trusted.
void expect_right(const std::vector<Case>& cases, int* trusted) {
  for (const Case& c : cases) {
    const ConvSpec spec = spec_of(c.config);
    ASSERT_NO_THROW(spec.validate()) << describe(c.config);
    EmulatedTarget target;
    const Verifier verifier(target, spec, 5);
    for (const bool short_grid : {false, true}) {
      target.kernel = std::make_shared<EmulatedKernel>(c, short_grid);
      misaligned_accesses = 0;
      const VerifyResult result = verifier.check({});
      EXPECT_NE(result.verdict, Verdict::kFailed) << describe(c.config) << ": " << result.reason;
      EXPECT_EQ(misaligned_accesses, 0) << describe(c.config);
      *trusted += result.verdict == Verdict::kPassed;
    }
  }
}

TEST(TemplatesOnTheHost, DirectIsRight) {
  const auto cases = make_cases<Family::kDirect, 150>();
  int trusted = 0;
  expect_right(cases, &trusted);
  EXPECT_GT(trusted, 280);
  const auto far = [](const Case& c) {
    return std::max({c.config.stride_h, c.config.stride_w, c.config.dilation_h,
                     c.config.dilation_w}) > 1 << 19;
  };
  EXPECT_GT(std::count_if(cases.begin(), cases.end(), far), 10);
}

TEST(TemplatesOnTheHost, DepthwiseIsRight) {
  const auto cases = make_cases<Family::kDepthwise, 140>();
  int trusted = 0;
  expect_right(cases, &trusted);
  EXPECT_GT(trusted, 250);
  const auto wide = [](const Case& c) { return c.config.block_n > 1; };
  EXPECT_GT(std::count_if(cases.begin(), cases.end(), wide), 40);
  const auto with_zeros = [](const Case& c) { return c.config.zero_point; };
  EXPECT_GT(std::count_if(cases.begin(), cases.end(), with_zeros), 15);
}

/// A problem of u8 images with a zero point and padding on all sides.
constexpr ConvConfig dots(cuda::Layout layout, int channels, int multiplier, int taps, int size,
                          int stride, int dilation, int bm, int bn) {
  ConvConfig c;
  c.family = Family::kDepthwise;
  c.x_type = cuda::Type::kU8, c.y_type = cuda::Type::kS32, c.zero_point = true;
  c.x_layout = c.y_layout = layout;
  c.c = c.groups = channels, c.k = channels * multiplier;
  c.h = 7, c.w = size, c.r = 3, c.s = taps, c.pad_h = 2, c.pad_w = taps / 2 + 1;
  c.stride_h = c.stride_w = stride, c.dilation_h = c.dilation_w = dilation;
  c.p = (c.h + 2 * c.pad_h - 2 * dilation - 1) / stride + 1;
  c.q = (size + 2 * c.pad_w - (taps - 1) * dilation - 1) / stride + 1;
  c.block_m = bm, c.block_n = bn, c.block_k = 2;
  return c;
}
constexpr ConvConfig kDots[] = {dots(cuda::Layout::kNhwc, 8, 1, 3, 12, 1, 1, 4, 8),
                                dots(cuda::Layout::kNhwc, 8, 1, 3, 12, 2, 1, 4, 4),
                                dots(cuda::Layout::kNhwc, 12, 1, 3, 13, 1, 3, 7, 4),
                                dots(cuda::Layout::kNhwc, 6, 1, 2, 13, 4, 1, 3, 2),
                                dots(cuda::Layout::kNhwc, 5, 1, 1, 13, 1, 1, 5, 1),
                                dots(cuda::Layout::kNhwc, 6, 2, 5, 13, 1, 1, 4, 4),
                                dots(cuda::Layout::kNhwc, 3, 8, 7, 13, 1, 1, 5, 8),
                                dots(cuda::Layout::kNhwc, 8, 1, 9, 20, 1, 1, 5, 4),
                                dots(cuda::Layout::kNhwc, 4, 1, 22, 24, 1, 1, 2, 4),
                                dots(cuda::Layout::kNhwc, 4, 1, 8, 17, 2, 1, 3, 4),
                                dots(cuda::Layout::kNchw, 3, 1, 3, 12, 1, 1, 4, 1),
                                dots(cuda::Layout::kNchw, 3, 2, 3, 16, 1, 1, 16, 1),
                                dots(cuda::Layout::kNchw, 2, 1, 5, 8, 2, 1, 2, 1),
                                dots(cuda::Layout::kNchw, 2, 1, 3, 14, 1, 2, 6, 1),
                                dots(cuda::Layout::kNchw, 2, 1, 3, 13, 1, 1, 4, 1),
                                dots(cuda::Layout::kNchw, 2, 1, 31, 32, 1, 1, 4, 1)};

template <std::size_t... kIndex>
std::vector<Case> dot_cases(std::index_sequence<kIndex...>) {
  return {{kDots[kIndex], &run_kernel<kDots[kIndex]>}...};
}

TEST(TemplatesOnTheHost, EachWayOfDotsIsRight) {
  const auto any = [](const auto& is) {
    return std::any_of(std::begin(kDots), std::end(kDots), is);
  };
  // Patterns kept, made of kept taps, made of taps from memory; pieces of one, two and four columns.
  EXPECT_TRUE(any([](const ConvConfig& c) { return depthwise_keeps_patterns(c); }));
  EXPECT_TRUE(any([](const ConvConfig& c) {
    return depthwise_keeps_filters(c) && !depthwise_keeps_patterns(c);
  }));
  EXPECT_TRUE(any([](const ConvConfig& c) { return !depthwise_keeps_filters(c); }));
  for (const int columns : {1, 2, 4})
    EXPECT_TRUE(any([columns](const ConvConfig& c) {
      return c.x_layout == cuda::Layout::kNchw && depthwise_piece_columns(c) == columns;
    })) << columns;
  int trusted = 0;
  expect_right(dot_cases(std::make_index_sequence<std::size(kDots)>()), &trusted);
  EXPECT_EQ(trusted, 2 * static_cast<int>(std::size(kDots)));
}

TEST(TemplatesOnTheHost, ReferenceIsRight) {
  int trusted = 0;
  expect_right(make_cases<Family::kReference, 30>(), &trusted);
  EXPECT_GT(trusted, 50);
}

TEST(TemplatesOnTheHost, ReferenceSumsAreTheDefinition) {
  for (const Case& c : make_cases<Family::kReference, 30>()) {
    const ConvSpec spec = spec_of(c.config);
    constexpr std::int64_t kBatch = 3;
    std::vector<std::byte> x(spec.x_elements(kBatch) * size_of(spec.x_type));
    std::vector<std::byte> w(spec.w_elements() * size_of(spec.w_type));
    fill(x, spec.x_type, TensorRole::kX, FillKind::kIntegers, spec, 3);
    fill(w, spec.w_type, TensorRole::kW, FillKind::kIntegers, spec, 3);
    std::vector<double> sums(spec.y_elements(kBatch), 0.5);
    c.sums({x.data(), w.data(), sums.data(), nullptr, {}, kBatch}, cuda::grid(c.config, kBatch).x);
    test::for_each_output(spec, kBatch,
                          [&](std::int64_t n, std::int64_t k, std::int64_t p, std::int64_t q) {
                            ASSERT_EQ(sums[test::y_index(spec, n, k, p, q)],
                                      test::naive_sum(spec, x.data(), w.data(), n, k, p, q))
                                << describe(c.config);
                          });
  }
}

/// An image of 2^31 elements and a little: memory that is mostly never touched.
constexpr ConvConfig huge_image(Family family, cuda::Layout layout) {
  ConvConfig c;
  c.family = family;
  c.x_type = c.y_type = cuda::Type::kF16;
  c.x_layout = c.y_layout = layout;
  c.h = 2, c.w = (1LL << 30) + 8;
  c.r = 2, c.q = 3, c.stride_w = 1 << 29;
  c.block_m = c.block_n = c.block_k = 1;
  return c;
}

template <ConvConfig kCfg>
void expect_right_on_a_huge_image() {
  const std::size_t bytes = kCfg.h * kCfg.w * sizeof(_Float16);
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) GTEST_SKIP() << "4 GiB of address space are not to be had";
  auto* x = static_cast<_Float16*>(memory);
  for (long long q = 0; q < kCfg.q; ++q)
    for (long long h = 0; h < kCfg.h; ++h)
      x[h * kCfg.w + q * kCfg.stride_w] = static_cast<_Float16>(10 * h + q + 1);
  const _Float16 w[] = {1, 2};
  _Float16 y[] = {0, 0, 0};
  run_kernel<kCfg>({x, w, y, nullptr, {}, 1}, cuda::grid(kCfg, 1).x);
  for (int q = 0; q < 3; ++q) EXPECT_EQ(static_cast<float>(y[q]), q + 1 + 2 * (10 + q + 1));
  munmap(memory, bytes);
}

TEST(TemplatesOnTheHost, OffsetsBeyond32BitsAreRight) {
  using cuda::Layout;
  expect_right_on_a_huge_image<huge_image(Family::kDirect, Layout::kNhwc)>();
  expect_right_on_a_huge_image<huge_image(Family::kDirect, Layout::kNchw)>();
  expect_right_on_a_huge_image<huge_image(Family::kDepthwise, Layout::kNhwc)>();
  expect_right_on_a_huge_image<huge_image(Family::kDepthwise, Layout::kNchw)>();
  expect_right_on_a_huge_image<huge_image(Family::kReference, Layout::kNhwc)>();
}

}  // namespace
}  // namespace convoke
