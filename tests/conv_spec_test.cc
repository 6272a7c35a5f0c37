// Validity, borders and multiply-add counts of ConvSpec, against loops that know no formula.
#include "convoke/conv_spec.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "compiler/spec_text.h"
#include "convoke/error.h"
#include "convoke/sparsity_pattern.h"

namespace convoke {
namespace {

ConvSpec small_spec() {
  ConvSpec s;
  s.n = 1, s.c = 4, s.h = 8, s.w = 9, s.k = 6, s.r = 3, s.s = 3, s.p = 8, s.q = 9;
  s.pad_h = s.pad_w = 1;
  return s;
}

std::string error_of(const ConvSpec& spec) {
  try {
    spec.validate();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUsage);
    return e.what();
  }
  return "";
}

/// What the axis functions say, found by walking all pairs.
struct BruteAxis {
  std::int64_t in, taps, out, stride, dilation, pad;

  bool touches(std::int64_t o, std::int64_t tap) const {
    const std::int64_t at = o * stride - pad + tap * dilation;
    return at >= 0 && at < in;
  }
  Range valid(std::int64_t o) const {
    Range range;
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      if (!touches(o, tap)) continue;
      if (range.size() == 0) range.begin = tap;
      range.end = tap + 1;
    }
    return range;
  }
  bool live(std::int64_t tap) const {
    for (std::int64_t o = 0; o < out; ++o) {
      if (touches(o, tap)) return true;
    }
    return false;
  }
  Range live_range() const {
    Range range;
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      if (!live(tap)) continue;
      if (range.size() == 0) range.begin = tap;
      range.end = tap + 1;
    }
    return range;
  }
  std::int64_t pairs() const {
    std::int64_t sum = 0;
    for (std::int64_t o = 0; o < out; ++o) {
      for (std::int64_t tap = 0; tap < taps; ++tap) sum += touches(o, tap) ? 1 : 0;
    }
    return sum;
  }
};

class RandomSpecs {
 public:
  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }

  /// Small numbers, often with more padding, stride or dilation than sense; not always valid.
  ConvSpec next() {
    ConvSpec s;
    s.groups = pick(1, 3);
    s.n = pick(1, 3), s.c = s.groups * pick(1, 3), s.k = s.groups * pick(1, 3);
    s.h = pick(1, 12), s.w = pick(1, 12), s.r = pick(1, 6), s.s = pick(1, 6);
    s.p = pick(1, 14), s.q = pick(1, 14);
    s.stride_h = pick(1, 5), s.stride_w = pick(1, 15);
    s.dilation_h = pick(1, 5), s.dilation_w = pick(1, 15);
    s.pad_h = pick(0, 8), s.pad_w = pick(0, 8);
    return s;
  }

 private:
  std::mt19937 random_{2024};
};

TEST(ConvSpec, BordersAndMacsAgreeWithLoopsOnRandomSpecs) {
  RandomSpecs random;
  int checked = 0, dead_inside = 0, nothing_valid = 0;
  for (int i = 0; i < 20000; ++i) {
    const ConvSpec s = random.next();
    if (!error_of(s).empty()) continue;
    ++checked;
    const BruteAxis h{s.h, s.r, s.p, s.stride_h, s.dilation_h, s.pad_h};
    const BruteAxis w{s.w, s.s, s.q, s.stride_w, s.dilation_w, s.pad_w};
    const std::string text = print_spec(s);
    for (std::int64_t p = 0; p < s.p; ++p) ASSERT_EQ(s.valid_r(p), h.valid(p)) << text;
    for (std::int64_t q = 0; q < s.q; ++q) ASSERT_EQ(s.valid_s(q), w.valid(q)) << text;
    for (std::int64_t r = 0; r < s.r; ++r) ASSERT_EQ(s.tap_r_live(r), h.live(r)) << text;
    for (std::int64_t t = 0; t < s.s; ++t) ASSERT_EQ(s.tap_s_live(t), w.live(t)) << text;
    ASSERT_EQ(s.live_r(), h.live_range()) << text;
    ASSERT_EQ(s.live_s(), w.live_range()) << text;
    const std::int64_t pairs = h.pairs() * w.pairs();
    ASSERT_EQ(s.macs(3), static_cast<double>(3 * s.k * s.c_per_group() * pairs)) << text;
    ASSERT_EQ(s.nominal_macs(3), static_cast<double>(3 * s.w_elements() * s.p * s.q)) << text;
    for (std::int64_t t = s.live_s().begin; t < s.live_s().end; ++t) dead_inside += !w.live(t);
    nothing_valid += pairs == 0;
  }
  // The cases that formulas get wrong did occur.
  EXPECT_GT(checked, 2000);
  EXPECT_GT(dead_inside, 20);
  EXPECT_GT(nothing_valid, 20);
}

TEST(ConvSpec, ValidMeansRoomForTheOutputs) {
  RandomSpecs random;
  int valid = 0, invalid = 0;
  for (int i = 0; i < 5000; ++i) {
    const ConvSpec s = random.next();
    const bool room = s.pad_h_high() > -s.stride_h && s.pad_w_high() > -s.stride_w;
    EXPECT_EQ(error_of(s).empty(), room) << print_spec(s);
    ++(room ? valid : invalid);
  }
  EXPECT_GT(valid, 500);
  EXPECT_GT(invalid, 500);
}

TEST(ConvSpec, HugeAxesNeedNoWalk) {
  ConvSpec s;
  s.n = s.c = s.k = 1;
  s.h = kMaxDim, s.r = 3, s.p = kMaxDim, s.pad_h = 1;
  EXPECT_EQ(error_of(s), "");
  EXPECT_EQ(s.macs(1), 3.0 * kMaxDim - 2);
  EXPECT_EQ(s.live_r(), (Range{0, 3}));
  // One row in, a filter as tall as a dimension can be: only the tap at the padding touches it.
  s.h = 1, s.r = kMaxDim, s.p = 1, s.pad_h = kMaxDim / 2;
  EXPECT_EQ(error_of(s), "");
  EXPECT_EQ(s.macs(1), 1.0);
  EXPECT_EQ(s.live_r(), (Range{kMaxDim / 2, kMaxDim / 2 + 1}));
}

TEST(ConvSpec, CifarTailHasOneLiveTapOfNine) {
  const ConvSpec s = parse_problem("mb1ic512ih1oc512kh3ph1").spec;
  EXPECT_EQ(s.live_r(), (Range{1, 2}));
  EXPECT_EQ(s.live_s(), (Range{1, 2}));
  EXPECT_EQ(s.macs(1) * 9, s.nominal_macs(1));
}

struct Broken {
  std::function<void(ConvSpec&)> change;
  const char* message;
};

TEST(ConvSpec, EveryRuleHasItsSentence) {
  ASSERT_EQ(error_of(small_spec()), "");
  const std::vector<Broken> cases = {
      {[](ConvSpec& s) { s.n = 0; }, "the batch (mb) is 0 but must be 1 to 2147483647"},
      {[](ConvSpec& s) { s.n = -2; }, "the batch (mb) is -2 but must be 1 to 2147483647"},
      {[](ConvSpec& s) { s.c = 0; },
       "the number of input channels (ic) is 0 but must be 1 to 2147483647"},
      {[](ConvSpec& s) { s.k = -6; },
       "the number of output channels (oc) is -6 but must be 1 to 2147483647"},
      {[](ConvSpec& s) { s.h = 0; }, "the input height (ih) is 0 but must be 1 to 2147483647"},
      {[](ConvSpec& s) { s.w = kMaxDim + 1; },
       "the input width (iw) is 2147483648 but must be 1 to 2147483647"},
      {[](ConvSpec& s) { s.r = 0; }, "the filter height (kh) is 0 but must be 1 to 2147483647"},
      {[](ConvSpec& s) { s.s = 0; }, "the filter width (kw) is 0 but must be 1 to 2147483647"},
      {[](ConvSpec& s) { s.p = 0; }, "the output height (oh) is 0 but must be 1 to 2147483647"},
      {[](ConvSpec& s) { s.q = 0; }, "the output width (ow) is 0 but must be 1 to 2147483647"},
      {[](ConvSpec& s) { s.groups = 0; },
       "the number of groups (g) is 0 but must be 1 to 2147483647"},
      {[](ConvSpec& s) { s.groups = 3; }, "3 groups do not divide 4 input channels (ic)"},
      {[](ConvSpec& s) { s.groups = 4; }, "4 groups do not divide 6 output channels (oc)"},
      {[](ConvSpec& s) { s.stride_h = 0; },
       "the vertical stride (sh) is 0 but must be 1 to 2147483647"},
      {[](ConvSpec& s) { s.stride_w = 0; },
       "the horizontal stride (sw) is 0 but must be 1 to 2147483647"},
      {[](ConvSpec& s) { s.dilation_h = 0; },
       "the vertical dilation (dh + 1) is 0 but must be 1 to 2147483647"},
      {[](ConvSpec& s) { s.dilation_w = 0; },
       "the horizontal dilation (dw + 1) is 0 but must be 1 to 2147483647"},
      {[](ConvSpec& s) { s.pad_h = -1; }, "the top padding (ph) is -1 but must be 0 to 2147483647"},
      {[](ConvSpec& s) { s.pad_w = -1; },
       "the left padding (pw) is -1 but must be 0 to 2147483647"},
      {[](ConvSpec& s) { s.p = 6; },
       "the bottom padding is -1 but must be more than minus the stride, -1: the input has room "
       "for "
       "more than the 6 outputs given"},
      {[](ConvSpec& s) { s.dilation_w = kMaxDim, s.s = kMaxDim; },
       "the dilated filter width, 2147483647 taps 2147483647 apart, is longer than 2147483647"},
      {[](ConvSpec& s) { s.p = kMaxDim, s.stride_h = kMaxDim; },
       "the bottom padding that 2147483647 outputs of stride 2147483647 need is more than "
       "2147483647"},
      {[](ConvSpec& s) { s.n = s.c = kMaxDim, s.groups = 1; },
       "the input, 2147483647 x 2147483647 x 8 x 9 elements, is larger than 17592186044416 "
       "elements"},
      {[](ConvSpec& s) { s.c = s.k = 1 << 22; },
       "the filter, 4194304 x 4194304 x 3 x 3 elements, is larger than 17592186044416 elements"},
      {[](ConvSpec& s) { s.c = 1, s.n = 1 << 20, s.k = 1 << 24; },
       "the output, 1048576 x 16777216 x 8 x 9 elements, is larger than 17592186044416 elements"},
      {[](ConvSpec& s) { s.x_type = DataType::kF16; },
       "x is f16 and w is f32: they must have one type, or both be s8 or u8"},
      {[](ConvSpec& s) { s.w_type = DataType::kS32; },
       "s32 is only a type of outputs (y): x and w must be one of f32, tf32, f16, bf16, s8, u8, "
       "e4m3"},
      {[](ConvSpec& s) { s.y_type = DataType::kS8; },
       "y is s8, which needs x and w of s8 or u8, but they are f32 and f32"},
      {[](ConvSpec& s) { s.y_type = DataType::kTf32; },
       "y is tf32, which is a way to multiply: give y=f32"},
      {[](ConvSpec& s) { s.x_type = s.w_type = DataType::kS8, s.y_type = DataType::kE4m3; },
       "y is e4m3 but x is s8: y must be one of s8, u8, s32, f32, f16, bf16"},
  };
  for (const Broken& broken : cases) {
    ConvSpec s = small_spec();
    broken.change(s);
    EXPECT_EQ(error_of(s), broken.message);
  }
}

TEST(ConvSpec, HighPaddingMayBeNegativeUpToTheStride) {
  // 8 rows, stride 3, one tap: outputs at rows 0, 3 and 6; row 7 is never read.
  ConvSpec s = parse_problem("ic1ih8oc1kh1sh3").spec;
  EXPECT_EQ(s.p, 3);
  EXPECT_EQ(s.pad_h_high(), -1);
  s.h = s.w = 9;
  EXPECT_EQ(s.pad_h_high(), -2);
  EXPECT_EQ(error_of(s), "");
  s.h = 10;
  EXPECT_NE(error_of(s), "");
}

TEST(ConvSpec, AnOpenBatchIsValidAndGradientsMayBeF32) {
  ConvSpec s = small_spec();
  s.n = kOpenBatch;
  EXPECT_EQ(error_of(s), "");
  s.x_type = s.y_type = DataType::kBf16;
  EXPECT_NE(error_of(s), "");
  s.pass = Pass::kWgrad;
  EXPECT_EQ(error_of(s), "");
}

TEST(ConvSpec, EveryFieldCountsForEquality) {
  const ConvSpec base = small_spec();
  const std::vector<std::function<void(ConvSpec&)>> changes = {
      [](ConvSpec& s) { s.pass = Pass::kDgrad; },
      [](ConvSpec& s) { ++s.n; },
      [](ConvSpec& s) { ++s.c; },
      [](ConvSpec& s) { ++s.h; },
      [](ConvSpec& s) { ++s.w; },
      [](ConvSpec& s) { ++s.k; },
      [](ConvSpec& s) { ++s.r; },
      [](ConvSpec& s) { ++s.s; },
      [](ConvSpec& s) { ++s.p; },
      [](ConvSpec& s) { ++s.q; },
      [](ConvSpec& s) { ++s.groups; },
      [](ConvSpec& s) { ++s.stride_h; },
      [](ConvSpec& s) { ++s.stride_w; },
      [](ConvSpec& s) { ++s.dilation_h; },
      [](ConvSpec& s) { ++s.dilation_w; },
      [](ConvSpec& s) { ++s.pad_h; },
      [](ConvSpec& s) { ++s.pad_w; },
      [](ConvSpec& s) { s.x_type = DataType::kF16; },
      [](ConvSpec& s) { s.w_type = DataType::kF16; },
      [](ConvSpec& s) { s.y_type = DataType::kF16; },
      [](ConvSpec& s) { s.x_layout = Layout::kNchw; },
      [](ConvSpec& s) { s.y_layout = Layout::kNchw; },
      [](ConvSpec& s) { s.epilogue = "relu(acc)"; },
      [](ConvSpec& s) { s.sparsity = "channel:0.5"; },
      [](ConvSpec& s) {
        ConvSpec sparse = s;
        sparse.sparsity = "channel:0.5";
        s.pattern = SparsityPattern::random(sparse, 1);
      },
      [](ConvSpec& s) { s.quant = "zp"; }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    ConvSpec changed = base;
    changes[i](changed);
    EXPECT_NE(changed, base) << "field " << i;
  }
}

TEST(ConvSpec, NamesReadBack) {
  for (const Pass p : {Pass::kFprop, Pass::kDgrad, Pass::kWgrad}) {
    EXPECT_EQ(parse_pass(to_string(p)), p);
  }
  for (int i = 0; i < 8; ++i) {
    const auto type = static_cast<DataType>(i);
    EXPECT_EQ(parse_data_type(to_string(type)), type);
  }
  for (const Layout l : {Layout::kNhwc, Layout::kNchw}) EXPECT_EQ(parse_layout(to_string(l)), l);
  EXPECT_EQ(size_of(DataType::kTf32), 4);
  EXPECT_EQ(size_of(DataType::kBf16), 2);
  EXPECT_EQ(size_of(DataType::kE4m3), 1);
  try {
    parse_pass("forward");
    FAIL() << "accepted an unknown pass";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "unknown pass \"forward\": it must be one of fprop, dgrad, wgrad");
  }
}

}  // namespace
}  // namespace convoke
