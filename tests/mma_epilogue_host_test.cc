// How the mma family finishes 8-bit sums, without a GPU: operands of several types beside outputs
// of others, at the tails of pixels and filters. Every buffer ends at a page that cannot be read,
// and the emulated block counts what is less aligned than its width.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "compiler/cuda_sparse.h"
#include "convoke/sparsity_pattern.h"
#include "tests/emulator/block.h"
#include "tests/fenced_buffer.h"
// After the words that they are written in.
#include "templates/mma.cuh"
#include "templates/pack.cuh"
#include "tests/emulator/config_spec.h"

namespace convoke::cuda {
namespace {

using convoke::test::FencedBuffer;
using convoke::test::Side;

/// acc * scale[k] + residual: powers of two and small integers, so that f32 holds every step.
struct Scaled {
  float operator()(float acc, const float* operand) const { return acc * operand[0] + operand[1]; }
};

constexpr ConvConfig problem(int c, int k, Type y, Type residual, bool zero_point) {
  ConvConfig config;
  config.family = Family::kMma;
  config.x_type = Type::kU8, config.y_type = y;
  config.c = c, config.k = k, config.h = 4, config.w = 5, config.r = config.s = 3;
  config.pad_h = config.pad_w = 1, config.p = 4, config.q = 5;
  config.block_m = config.block_n = 32, config.block_k = 64;
  config.warps_m = 1, config.warps_n = 2, config.stages = 2;
  config.operands = 2, config.per_channel_operands = 0b01;
  config.operand_types = (static_cast<unsigned>(residual) + 1) << 4;
  config.zero_point = zero_point;
  return config;
}
constexpr ConvConfig nchw_output(ConvConfig config) {
  config.y_layout = Layout::kNchw;
  return config;
}
constexpr ConvConfig grouped(ConvConfig config, int groups) {
  config.groups = groups;
  return config;
}
constexpr ConvConfig split(ConvConfig config) {
  config.split_k = 2;
  return config;
}
constexpr ConvConfig with_filters(ConvConfig config, int kept) {
  config.sparse = Sparse::kFilters, config.bound = config.per_filter = true;
  config.unit_k = 1, config.unit_c = static_cast<int>(c_per_group(config)), config.kept = kept;
  return config;
}

template <typename Body>
auto with_type(Type type, const Body& body) {
  switch (type) {
    case Type::kF32:
      return body.template operator()<Type::kF32>();
    case Type::kF16:
      return body.template operator()<Type::kF16>();
    case Type::kBf16:
      return body.template operator()<Type::kBf16>();
    case Type::kU8:
      return body.template operator()<Type::kU8>();
    default:
      return body.template operator()<Type::kS8>();
  }
}

/// A tensor at the end of its memory.
class Tensor {
 public:
  Tensor(Type type, std::vector<float> values)
      : type_(type),
        values_(std::move(values)),
        bytes_(values_.size() * static_cast<std::size_t>(size_of(type)), Side::kEnd, 16) {
    with_type(type_, [&]<Type kType>() {
      auto* const to = static_cast<typename Element<kType>::Storage*>(bytes_.data());
      for (std::size_t i = 0; i < values_.size(); ++i) to[i] = Element<kType>::narrow(values_[i]);
    });
  }
  float operator[](long long i) const { return values_[static_cast<std::size_t>(i)]; }
  float stored(long long i) const {
    return with_type(type_, [&]<Type kType>() { return load<kType>(bytes_.data(), i); });
  }
  void* data() const { return bytes_.data(); }

 private:
  Type type_;
  std::vector<float> values_;
  FencedBuffer bytes_;
};

template <ConvConfig kCfg>
class FinishedRun {
 public:
  explicit FinishedRun(const char* sparsity = "") {
    if (kCfg.sparse == Sparse::kDense) return;
    ConvSpec spec = test::spec_of_config(kCfg);
    spec.sparsity = sparsity;
    pattern_ = SparsityPattern::random(spec, 3);
    words_ = make_pattern_words(kCfg, *pattern_);
  }

  void check() {
    ASSERT_EQ(why_illegal_sparse(kCfg), nullptr);
    ASSERT_EQ(why_illegal_gemm(kCfg, 80, 164 << 10), nullptr);
    const auto bytes = [](long long n) { return static_cast<std::size_t>(n); };
    const FencedBuffer packed(bytes(packed_bytes(kCfg)), Side::kEnd, 16);
    const FencedBuffer tables(words_.size() * 4, Side::kEnd, 16);
    const FencedBuffer sums(bytes(workspace_bytes(kCfg, kImages)), Side::kEnd, 16);
    if (!words_.empty()) std::memcpy(tables.data(), words_.data(), words_.size() * 4);
    ConvArgs args{x_.data(), w_.data(), y_.data(), sums.data(), {scale_.data(), residual_.data()},
                  kImages};
    args.pattern = static_cast<const unsigned*>(tables.data()), args.x_zero = kZero;
    if constexpr (reads_packed_weights(kCfg)) {
      args.y = packed.data();
      gridDim.x = 1, blockIdx.x = 0;
      for (threadIdx.x = 0; threadIdx.x < kPackThreads; ++threadIdx.x) run_pack<kCfg>(args);
      args.w = packed.data(), args.y = y_.data();
    }
    EXPECT_EQ(
        run_blocks(grid(kCfg, kImages).x, threads(kCfg), [&] { run_mma<kCfg, Scaled>(args); }), 0);
    if constexpr (has_reduce(kCfg)) {
      misaligned_accesses = 0;
      for (blockIdx.x = 0; blockIdx.x < reduce_grid(kCfg, kImages).x; ++blockIdx.x)
        for (threadIdx.x = 0; threadIdx.x < kReduceThreads; ++threadIdx.x)
          run_reduce<kCfg, Scaled>(args);
      EXPECT_EQ(misaligned_accesses, 0);
    }
    compare();
  }

 private:
  static constexpr long long kImages = 2, kOutputs = kImages * kCfg.p * kCfg.q * kCfg.k;
  static constexpr int kZero = kCfg.zero_point ? 131 : 0;

  std::vector<float> draw(long long count, int low, int high) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) {
      state_ = state_ * 6364136223846793005u + 1442695040888963407u;
      value = static_cast<float>(low + static_cast<int>((state_ >> 33) % (high - low + 1u)));
    }
    return values;
  }
  std::vector<float> draw_scales() {
    std::vector<float> values = draw(kCfg.k, 7, 9);
    for (float& value : values) value = std::ldexp(1.0f, -static_cast<int>(value));
    return values;
  }
  bool keeps(long long k) const { return pattern_ == nullptr || pattern_->keeps(k, 0, 0, 0); }
  float sum(long long n, long long p, long long q, long long k) const {
    const long long channels = c_per_group(kCfg), first = k / k_per_group(kCfg) * channels;
    float sum = 0;
    for (long long r = 0; r < kCfg.r && keeps(k); ++r)
      for (long long s = 0; s < kCfg.s; ++s) {
        const long long h = p - kCfg.pad_h + r, w = q - kCfg.pad_w + s;
        if (h < 0 || h >= kCfg.h || w < 0 || w >= kCfg.w) continue;
        for (long long c = 0; c < channels; ++c)
          sum += w_[((k * kCfg.r + r) * kCfg.s + s) * channels + c] *
                 (x_[((n * kCfg.h + h) * kCfg.w + w) * kCfg.c + first + c] - kZero);
      }
    return sum;
  }
  void compare() const {
    constexpr long long kPixels = kCfg.p * kCfg.q;
    int wrong = 0;
    for (long long at = 0; at < kOutputs; ++at) {
      const bool nhwc = kCfg.y_layout == Layout::kNhwc;
      const long long k = nhwc ? at % kCfg.k : at / kPixels % kCfg.k;
      const long long pixel = nhwc ? at / kCfg.k % kPixels : at % kPixels;
      const float acc = sum(at / kPixels / kCfg.k, pixel / kCfg.q, pixel % kCfg.q, k);
      using Stored = Element<kCfg.y_type>;
      const float want = Stored::widen(Stored::narrow(acc * scale_[k] + residual_[at]));
      if (y_.stored(at) != want && wrong++ < 3)
        ADD_FAILURE() << "output " << at << ", filter " << k << ": " << y_.stored(at) << ", not "
                      << want;
    }
    EXPECT_EQ(wrong, 0) << "of " << kOutputs;
  }

  unsigned long long state_ = 1;
  SparsityPattern::Ptr pattern_;
  std::vector<std::uint32_t> words_;
  Tensor x_{kCfg.x_type, draw(kImages* kCfg.h* kCfg.w* kCfg.c, 0, 255)};
  Tensor w_{Type::kS8, draw(kCfg.k* c_per_group(kCfg) * kCfg.r * kCfg.s, -128, 127)};
  Tensor scale_{Type::kF32, draw_scales()};
  Tensor residual_{operand_type(kCfg, 1), draw(kOutputs, 0, 100)};
  Tensor y_{kCfg.y_type, draw(kOutputs, 99, 99)};
};

using enum Type;

TEST(ByteOutputs, TensorsOfEveryTypeBesideThem) {
  FinishedRun<problem(16, 40, kS8, kF32, false)>().check();  // eight filters at once
  FinishedRun<problem(16, 36, kU8, kF16, true)>().check();   // four
  FinishedRun<problem(16, 34, kS8, kBf16, true)>().check();  // two
  FinishedRun<problem(16, 33, kU8, kS8, false)>().check();   // one
}
TEST(ByteOutputs, BytesBesideWiderOnes) {
  FinishedRun<problem(16, 40, kF32, kS8, true)>().check();
  FinishedRun<problem(16, 40, kF16, kU8, false)>().check();
}
TEST(ByteOutputs, OutputsInTheOtherLayout) {
  FinishedRun<nchw_output(problem(16, 40, kS8, kF32, true))>().check();
  FinishedRun<nchw_output(problem(16, 33, kF16, kS8, false))>().check();
}
TEST(ByteOutputs, GroupsWhoseFiltersEndWithinATile) {
  FinishedRun<grouped(problem(32, 80, kS8, kF32, true), 2)>().check();
  FinishedRun<grouped(problem(12, 42, kU8, kF16, true), 3)>().check();
}
TEST(ByteOutputs, SplitReductions) {
  FinishedRun<split(problem(16, 40, kS8, kF32, true))>().check();
  FinishedRun<split(grouped(problem(32, 36, kU8, kF16, true), 2))>().check();
  FinishedRun<split(problem(16, 33, kS8, kS8, true))>().check();
}
TEST(ByteOutputs, PrunedFiltersInBetween) {
  FinishedRun<with_filters(problem(16, 40, kS8, kF32, true), 16)>("channel:0.4").check();
  FinishedRun<split(with_filters(problem(16, 40, kU8, kF16, true), 16))>("channel:0.4").check();
}

}  // namespace
}  // namespace convoke::cuda
