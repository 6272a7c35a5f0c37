// The mma family without a GPU: whole kernels on an emulated block, whose instructions do what the
// PTX ISA says of their fragments. 2 of 4 weights on the sparse tensor cores and images as patches;
// the plain dense kernel runs beside them: it is right on GPUs, so it vouches for the emulation.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "compiler/cuda_sparse.h"
#include "convoke/sparsity_pattern.h"
#include "tests/emulator/block.h"
// After the words that they are written in.
#include "templates/mma.cuh"
#include "templates/pack.cuh"
#include "tests/emulator/config_spec.h"

namespace convoke::cuda {
namespace {

TEST(Pairs, KeepTheKeptInOrder) {
  for (unsigned mask = 0; mask < 16; ++mask) {
    if ((mask & 1) + (mask >> 1 & 1) + (mask >> 2 & 1) + (mask >> 3) > 2) continue;
    const Pair pair = pair_of(mask);
    EXPECT_LT(pair.first, pair.second) << mask;
    EXPECT_LT(pair.second, 4) << mask;
    EXPECT_EQ(mask & ~(1u << pair.first | 1u << pair.second), 0u) << mask;
  }
}

TEST(Pairs, EveryElementOfASlabHasItsPlace) {
  for (const int size : {1, 2})
    for (int element = 0; element < pairs_elements(size); ++element) {
      const PairPlace place = pair_place(size, element);
      ASSERT_TRUE(place.filter >= 0 && place.filter < 16 && place.k >= 0 &&
                  place.k < pairs_positions(size));
      EXPECT_EQ(place.which == 2 ? pair_bits_at(size, place.filter, place.k)
                                 : pair_value_at(size, place.filter, place.k, place.which),
                element);
    }
}

struct Plain {
  float operator()(float acc, const float*) const { return acc; }
};

/// Channels, filters, image and taps; tiles of 32 pixels by 32 filters on two warps.
constexpr ConvConfig problem(int c, int k, int h, int r, Sparse sparse = Sparse::kPairs) {
  ConvConfig config;
  config.family = Family::kMma;
  config.x_type = Type::kF16, config.y_type = Type::kF32;
  config.c = c, config.k = k, config.h = config.w = h, config.r = config.s = r;
  config.pad_h = config.pad_w = r / 2;
  config.p = config.q = h + 2 * (r / 2) - r + 1;
  config.block_m = config.block_n = 32, config.block_k = 64;
  config.warps_m = 1, config.warps_n = 2, config.stages = 3;
  config.sparse = sparse, config.unit_k = config.unit_c = 1, config.bound = true;
  return config;
}
constexpr ConvConfig grouped_strided() {
  ConvConfig c = problem(48, 40, 9, 3);
  c.groups = 2, c.stride_h = 2, c.dilation_w = 2, c.pad_w = 2;
  c.p = 5, c.x_type = Type::kBf16;
  return c;
}
constexpr ConvConfig split() {
  ConvConfig c = problem(40, 48, 5, 3);
  c.split_k = 3;
  return c;
}
constexpr ConvConfig by_batch() {
  ConvConfig c = problem(64, 16, 3, 3);
  c.order = PixelOrder::kBatch;
  c.block_n = 16, c.warps_m = 2, c.warps_n = 1;
  return c;
}
constexpr ConvConfig wide() {
  ConvConfig c = problem(136, 70, 5, 1);
  c.block_m = 48, c.block_n = 64, c.warps_n = 2, c.stages = 2;
  return c;
}

/// Images as patches: of tiles that cross rows and images.
constexpr ConvConfig patch(int c, int k, int h, int r, int block_m, int warps_m) {
  ConvConfig config = problem(c, k, h, r, Sparse::kDense);
  config.patch = 1, config.bound = false;
  config.block_m = block_m, config.warps_m = warps_m, config.warps_n = 1;
  return config;
}
constexpr ConvConfig with_pairs(ConvConfig config) {
  config.sparse = Sparse::kPairs, config.bound = true, config.unit_k = config.unit_c = 1;
  return config;
}
constexpr ConvConfig with_filters(ConvConfig config, int kept) {
  config.sparse = Sparse::kFilters, config.bound = config.per_filter = true;
  config.unit_k = 1, config.unit_c = static_cast<int>(config.c), config.kept = kept;
  return config;
}
constexpr ConvConfig with_lists(ConvConfig config, int unit_k, int unit_c, int kept) {
  config.sparse = Sparse::kLists, config.bound = true, config.per_input = unit_k == 0;
  config.unit_k = unit_k, config.unit_c = unit_c, config.kept = kept;
  return config;
}
constexpr ConvConfig patch_strided() {
  ConvConfig c = patch(64, 24, 11, 5, 64, 2);
  c.block_k = 32, c.stride_h = c.stride_w = 2, c.w = 17, c.s = 3, c.pad_w = 1;
  c.p = 6, c.q = 9;
  return c;
}
constexpr ConvConfig patch_grouped() {
  ConvConfig c = patch(128, 40, 9, 3, 96, 3);
  c.groups = 2, c.dilation_h = 2, c.pad_h = 0, c.pad_w = 1;
  c.p = 5, c.q = 9, c.block_k = 32, c.stages = 4;
  return c;
}

/// The same problem in 8 bits, tiles of as many bytes; outputs are the sums.
constexpr ConvConfig in_bytes(ConvConfig config, Type type, bool zero_point) {
  config.x_type = type, config.y_type = Type::kS32;
  config.block_k *= 2, config.zero_point = zero_point;
  return config;
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <ConvConfig kCfg>
class EmulatedRun {
  static constexpr bool kIntegers = is_integer(kCfg.x_type);
  using Output = Sum<kCfg>;  // which y holds

 public:
  explicit EmulatedRun(long long images, const char* sparsity = "") : images_(images) {
    spec_ = test::spec_of_config(kCfg);
    if (kCfg.sparse != Sparse::kDense) {
      spec_.sparsity = sparsity;
      pattern_ = SparsityPattern::random(spec_, 7);
      std::vector<std::int64_t> kept = pattern_->kept();
      if (kCfg.sparse == Sparse::kPairs)  // one of four, none
        std::erase_if(kept, [](std::int64_t unit) { return unit % 7 == 0; });
      pattern_ = SparsityPattern::from_units(spec_, kept);
      words_ = make_pattern_words(kCfg, *pattern_);
    }
    x_.resize(static_cast<std::size_t>(images * kCfg.c * kCfg.h * kCfg.w));
    for (double& value : x_) value = draw(kCfg.x_type);
    w_.resize(static_cast<std::size_t>(kCfg.k * c_per_group(kCfg) * kCfg.r * kCfg.s));
    for (std::size_t i = 0; i < w_.size(); ++i) {
      w_[i] = draw(weight_type(kCfg.x_type));
      if (kIntegers) continue;  // pruned ones differ from zero
      // On padding an infinity must not show; elsewhere it does.
      if (i % 4999 == 5) w_[i] = kInfinity;
      if (!keeps(static_cast<long long>(i))) w_[i] = std::numeric_limits<double>::quiet_NaN();
    }
  }

  void check() {
    const auto x = narrow<kCfg.x_type>(x_);
    const auto w = narrow<weight_type(kCfg.x_type)>(w_);
    std::vector<uint4> packed(static_cast<std::size_t>(packed_bytes(kCfg) / 16 + 1));
    std::vector<Output> workspace(static_cast<std::size_t>(workspace_bytes(kCfg, images_) / 4));
    ConvArgs args{x.data(), w.data(), nullptr, workspace.data(), {}, images_};
    args.x_zero = kZero;
    if constexpr (reads_packed_weights(kCfg)) {
      ASSERT_EQ(why_illegal_sparse(kCfg), nullptr);
      pack(args, packed.data());
      args.w = packed.data();
      if (kCfg.sparse != Sparse::kPairs) args.pattern = words_.data();  // else packing reads it
    }
    ASSERT_EQ(why_illegal_gemm(kCfg, 80, 164 << 10), nullptr);
    for (const bool late : {false, true}) {
      std::vector<Output> y(static_cast<std::size_t>(images_ * kCfg.p * kCfg.q * kCfg.k),
                            static_cast<Output>(12345678));
      args.y = y.data();
      run(args, late);
      compare(y);
    }
  }

 private:
  void pack(ConvArgs args, void* packed) const {
    args.pattern = words_.data(), args.y = packed;
    gridDim.x = 1, blockIdx.x = 0;
    for (threadIdx.x = 0; threadIdx.x < kPackThreads; ++threadIdx.x) run_pack<kCfg>(args);
  }
  void run(const ConvArgs& args, bool late) const {
    ptx::unordered_pairs = 0, ptx::bank_conflicts = 0, ptx::late_copies = late;
    EXPECT_EQ(run_blocks(grid(kCfg, images_).x, threads(kCfg), [&] { run_mma<kCfg, Plain>(args); }),
              0);
    EXPECT_EQ(ptx::unordered_pairs, 0);
    // Rows of a patch are as far apart as their pixels are in the images.
    if (kCfg.patch == 0 || (kCfg.q == kCfg.w && kCfg.p == kCfg.h)) {
      EXPECT_EQ(ptx::bank_conflicts, 0);
    }
    if constexpr (has_reduce(kCfg))
      for (blockIdx.x = 0; blockIdx.x < reduce_grid(kCfg, images_).x; ++blockIdx.x)
        for (threadIdx.x = 0; threadIdx.x < kReduceThreads; ++threadIdx.x)
          run_reduce<kCfg, Plain>(args);
  }
  double draw(Type type) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    const int value = static_cast<int>(state_ >> 33);
    if (type == Type::kS8) return value % 256 - 128;
    return value % (type == Type::kU8 ? 256 : 4);
  }
  template <Type kType>
  static auto narrow(const std::vector<double>& values) {
    std::vector<typename Element<kType>::Storage> stored;
    for (const double value : values)
      stored.push_back(Element<kType>::narrow(static_cast<float>(value)));
    return stored;
  }
  bool keeps(long long i) const {
    const long long c = c_per_group(kCfg), tap = i / c % (kCfg.r * kCfg.s);
    return pattern_ == nullptr ||
           pattern_->keeps(i / (c * kCfg.r * kCfg.s), tap / kCfg.s, tap % kCfg.s, i % c);
  }
  double expected(long long n, long long p, long long q, long long k) const {
    const long long channels = c_per_group(kCfg), first = k / k_per_group(kCfg) * channels;
    double sum = 0;
    for (long long r = 0; r < kCfg.r; ++r)
      for (long long s = 0; s < kCfg.s; ++s) {
        const long long h = p * kCfg.stride_h - kCfg.pad_h + r * kCfg.dilation_h;
        const long long w = q * kCfg.stride_w - kCfg.pad_w + s * kCfg.dilation_w;
        if (h < 0 || h >= kCfg.h || w < 0 || w >= kCfg.w) continue;
        for (long long c = 0; c < channels; ++c) {
          const long long at = ((k * kCfg.r + r) * kCfg.s + s) * channels + c;
          if (keeps(at))
            sum += w_[static_cast<std::size_t>(at)] *
                   (x_[static_cast<std::size_t>(((n * kCfg.h + h) * kCfg.w + w) * kCfg.c + first +
                                                c)] -
                    kZero);
        }
      }
    return sum;
  }
  void compare(const std::vector<Output>& y) const {
    int wrong = 0, infinite = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      const auto at = static_cast<long long>(i);
      const long long pixel = at / kCfg.k, image = pixel / (kCfg.p * kCfg.q);
      const double want = expected(image, pixel / kCfg.q % kCfg.p, pixel % kCfg.q, at % kCfg.k);
      infinite += want - want != 0;
      const bool same = want != want ? y[i] != y[i] : y[i] == want;
      if (!same && wrong++ < 3)
        ADD_FAILURE() << "pixel " << pixel << ", filter " << at % kCfg.k << ": " << y[i] << ", not "
                      << want;
    }
    EXPECT_EQ(wrong, 0) << "of " << y.size();
    EXPECT_LT(2 * static_cast<std::size_t>(infinite), y.size());
  }

  long long images_;
  ConvSpec spec_;
  SparsityPattern::Ptr pattern_;
  std::vector<std::uint32_t> words_;
  static constexpr int kZero = kCfg.zero_point ? 77 : 0;
  std::vector<double> x_, w_;
  unsigned long long state_ = 1;
};

TEST(PairsKernel, TheEmulationRunsTheDenseKernel) {
  EmulatedRun<problem(24, 40, 5, 3, Sparse::kDense)>(2).check();
}
TEST(PairsKernel, TailsOfPixelsFiltersAndReduction) {
  EmulatedRun<problem(24, 40, 5, 3)>(2, "nm:2:4").check();
  EmulatedRun<problem(8, 33, 4, 3)>(1, "nm:2:4").check();
  EmulatedRun<problem(12, 16, 4, 3)>(2, "nm:2:4").check();  // copies of 8 bytes
  EmulatedRun<problem(72, 20, 4, 1)>(2, "nm:2:4").check();
}
TEST(PairsKernel, GroupsStridesAndDilations) {
  EmulatedRun<grouped_strided()>(2, "nm:2:4").check();
}
TEST(PairsKernel, SplitReduction) { EmulatedRun<split()>(2, "nm:2:4").check(); }
TEST(PairsKernel, BatchOrder) { EmulatedRun<by_batch()>(34, "nm:2:4").check(); }
TEST(PairsKernel, WarpsOf48PixelsBy32Filters) { EmulatedRun<wide()>(3, "nm:2:4").check(); }

TEST(PatchKernel, TilesThatCrossRowsAndImages) {
  EmulatedRun<patch(64, 40, 7, 3, 64, 2)>(3).check();    // one patch
  EmulatedRun<patch(192, 24, 5, 3, 128, 4)>(2).check();  // three
}
TEST(PatchKernel, PaddingAsWideAsTheFilterReaches) {
  constexpr ConvConfig kWide = [] {
    ConvConfig c = patch(64, 16, 6, 3, 64, 2);
    c.pad_h = c.pad_w = 2, c.p = c.q = 8;
    return c;
  }();
  EmulatedRun<kWide>(2).check();
  constexpr ConvConfig kUneven = [] {
    ConvConfig c = patch(64, 16, 6, 3, 32, 1);
    c.pad_h = 0, c.pad_w = 2, c.p = 6, c.q = 7, c.s = 2, c.dilation_w = 2;
    return c;
  }();
  EmulatedRun<kUneven>(2).check();
}
TEST(PatchKernel, NoPadding) {
  constexpr ConvConfig kValid = [] {
    ConvConfig c = patch(64, 16, 9, 3, 32, 1);
    c.pad_h = c.pad_w = 0, c.p = c.q = 7;
    return c;
  }();
  EmulatedRun<kValid>(3).check();
}
TEST(PatchKernel, StridesGroupsAndDilations) {
  EmulatedRun<patch_strided()>(2).check();
  EmulatedRun<patch_grouped()>(2).check();
}

TEST(PatchKernel, SplitReduction) {
  constexpr ConvConfig kSplit = [] {
    ConvConfig c = patch(320, 24, 5, 3, 32, 1);
    c.split_k = 3;  // one patch, two, two
    return c;
  }();
  EmulatedRun<kSplit>(2).check();
  EmulatedRun<with_pairs(kSplit)>(2, "nm:2:4").check();
}
TEST(PatchKernel, KeptFilters) {
  EmulatedRun<with_filters(patch(64, 64, 6, 3, 64, 2), 26)>(2, "channel:0.4").check();
}
TEST(PatchKernel, ListsOfChannels) {
  EmulatedRun<with_lists(patch(192, 24, 6, 3, 64, 2), 0, 64, 18)>(2, "input:0.6@64").check();
  // 13 units of 8: a patch of eight, and one that is filled up.
  EmulatedRun<with_lists(patch(208, 24, 6, 3, 64, 2), 0, 8, 144)>(2, "input:0.5@8").check();
}
TEST(PatchKernel, ListsOfBlocks) {
  // Few kept taps of some channels: their successors have to be waited for.
  EmulatedRun<with_lists(patch(256, 64, 6, 3, 64, 2), 32, 64, 72)>(2, "block:0.3@32x64").check();
  EmulatedRun<with_lists(patch(64, 64, 6, 3, 64, 2), 16, 64, 72)>(2, "block:0.5@16x64").check();
}
TEST(ByteKernel, TailsOfPixelsFiltersAndReduction) {
  EmulatedRun<in_bytes(problem(48, 40, 5, 3, Sparse::kDense), Type::kS8, false)>(2).check();
  EmulatedRun<in_bytes(problem(24, 33, 4, 3, Sparse::kDense), Type::kU8, false)>(1).check();
  EmulatedRun<in_bytes(problem(20, 16, 4, 1, Sparse::kDense), Type::kU8, true)>(2).check();
}
TEST(ByteKernel, ElementsThroughRegisters) {
  EmulatedRun<in_bytes(problem(3, 40, 6, 3, Sparse::kDense), Type::kS8, false)>(2).check();
  EmulatedRun<in_bytes(problem(13, 24, 4, 3, Sparse::kDense), Type::kU8, true)>(2).check();
}
TEST(ByteKernel, ZeroPointsOnPadding) {
  EmulatedRun<in_bytes(problem(32, 40, 5, 3, Sparse::kDense), Type::kS8, true)>(2).check();
  constexpr ConvConfig kGrouped = [] {
    ConvConfig c = in_bytes(problem(96, 40, 9, 3, Sparse::kDense), Type::kU8, true);
    c.groups = 2, c.stride_h = 2, c.dilation_w = 2, c.pad_w = 3;
    c.p = 5, c.q = 11;
    return c;
  }();
  EmulatedRun<kGrouped>(2).check();
}
TEST(ByteKernel, SplitsAndBatchOrder) {
  constexpr ConvConfig kSplit = [] {
    ConvConfig c = in_bytes(problem(80, 48, 5, 3, Sparse::kDense), Type::kS8, true);
    c.split_k = 3;
    return c;
  }();
  EmulatedRun<kSplit>(2).check();
  constexpr ConvConfig kBatch = [] {
    ConvConfig c = in_bytes(problem(128, 16, 3, 3, Sparse::kDense), Type::kU8, true);
    c.order = PixelOrder::kBatch;
    c.block_n = 16, c.warps_m = 2, c.warps_n = 1;
    return c;
  }();
  EmulatedRun<kBatch>(34).check();
}
TEST(ByteKernel, Patches) {
  EmulatedRun<in_bytes(patch(128, 40, 7, 3, 64, 2), Type::kS8, true)>(3).check();
  EmulatedRun<in_bytes(patch_strided(), Type::kU8, false)>(2).check();
}
TEST(ByteKernel, SkipsWhatIsPruned) {
  using enum Type;
  EmulatedRun<in_bytes(with_filters(patch(128, 64, 6, 3, 64, 2), 26), kS8, true)>(2, "channel:0.4")
      .check();
  EmulatedRun<in_bytes(with_lists(patch(384, 24, 6, 3, 64, 2), 0, 128, 18), kU8, true)>(
      2, "input:0.6@128")
      .check();
  EmulatedRun<in_bytes(with_lists(patch(128, 64, 6, 3, 64, 2), 16, 128, 72), kU8, true)>(
      2, "block:0.5@16x128")
      .check();
  constexpr ConvConfig kMasked = in_bytes(problem(32, 40, 5, 3, Sparse::kMasked), kS8, true);
  EmulatedRun<kMasked>(2, "unstructured:0.3").check();
}

TEST(ByteKernel, TwoOfFour) {
  using enum Type;
  EmulatedRun<in_bytes(problem(48, 40, 5, 3), kS8, false)>(2, "nm:2:4").check();
  EmulatedRun<in_bytes(problem(8, 33, 4, 3), kU8, true)>(1, "nm:2:4").check();
  EmulatedRun<in_bytes(with_pairs(patch(256, 40, 6, 3, 64, 2)), kU8, true)>(2, "nm:2:4").check();
}

TEST(PatchKernel, TwoOfFour) {
  EmulatedRun<with_pairs(patch(128, 40, 6, 3, 64, 2))>(2, "nm:2:4").check();
}

}  // namespace
}  // namespace convoke::cuda
