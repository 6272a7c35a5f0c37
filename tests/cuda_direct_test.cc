// The search spaces and the legality of the direct, depthwise and reference families: every problem
// has a configuration, none is handed out twice, what is refused is refused for its reason.
#include "compiler/cuda_direct.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "compiler/cuda_config.h"
#include "compiler/emit_cuda.h"
#include "compiler/spec_text.h"
#include "templates/conv_config.h"
#include "tests/random_spec.h"

namespace convoke {
namespace {

using cuda::ConvConfig;
using cuda::Family;

std::vector<CudaConfig> all_of(const ConvSpec& spec, Family family) {
  std::vector<CudaConfig> configs;
  const auto add = [&](const CudaConfig& config) { configs.push_back(config); };
  if (family == Family::kDirect)
    enumerate_cuda_direct(spec, add);
  else
    enumerate_cuda_depthwise(spec, add);
  return configs;
}

std::vector<CudaConfig> legal_of(const ConvSpec& spec, Family family) {
  std::vector<CudaConfig> configs = all_of(spec, family);
  std::erase_if(configs, [&](const CudaConfig& config) {
    const ConvConfig c = make_conv_config(spec, config);
    return (family == Family::kDirect ? cuda::why_illegal_direct(c)
                                      : cuda::why_illegal_depthwise(c)) != nullptr;
  });
  return configs;
}

void expect_no_twins(const std::vector<CudaConfig>& configs, const ConvSpec& spec) {
  for (std::size_t i = 0; i < configs.size(); ++i)
    EXPECT_EQ(std::count(configs.begin(), configs.end(), configs[i]), 1)
        << print_spec(spec) << ' ' << print_cuda_config(configs[i]);
}

TEST(CudaDirect, EveryProblemHasLegalConfigurations) {
  test::RandomSpecs specs(8);
  int depthwise = 0;
  for (int i = 0; i < 400; ++i) {
    const ConvSpec spec = specs.next();
    const auto direct = legal_of(spec, Family::kDirect);
    EXPECT_EQ(direct.size(), all_of(spec, Family::kDirect).size()) << print_spec(spec);
    EXPECT_FALSE(direct.empty()) << print_spec(spec);
    expect_no_twins(direct, spec);
    const auto candidates = legal_of(spec, Family::kDepthwise);
    const bool fits = spec.c_per_group() == 1 && spec.x_layout == spec.y_layout;
    EXPECT_EQ(!candidates.empty(), fits) << print_spec(spec);
    expect_no_twins(candidates, spec);
    depthwise += fits;
  }
  EXPECT_GT(depthwise, 30);
}

TEST(CudaDirect, HugeDimensionsAreJudgedInNoTime) {
  // 2^31 taps, strides and outputs: nothing here may walk them.
  const ConvSpec spec = parse_problem("mb1ic1ih1iw2147483647oc1oh1ow1kh1kw2147483647ph0pw0").spec;
  EXPECT_FALSE(legal_of(spec, Family::kDirect).empty());
  EXPECT_TRUE(legal_of(spec, Family::kDepthwise).empty());
}

ConvConfig depthwise_3x3() {
  const ConvSpec spec = parse_problem("g64mb1ic64ih56oc64oh56kh3ph1 dtype=f16").spec;
  CudaConfig config;
  config.family = Family::kDepthwise;
  config.bm = 4, config.bn = 8, config.bk = 4;
  return make_conv_config(spec, config);
}

TEST(CudaDepthwise, ColumnsAreThoseThatTheTapsRead) {
  ConvConfig c = depthwise_3x3();
  cuda::Columns columns = cuda::depthwise_columns(c);
  ASSERT_EQ(columns.count, 6);  // 4 outputs, 3 taps
  EXPECT_EQ(columns.at[5], 5);
  c.stride_w = 4;  // beyond the filter: columns 3, 7, 11 are read by nobody
  columns = cuda::depthwise_columns(c);
  ASSERT_EQ(columns.count, 12);
  EXPECT_EQ(columns.at[3], 4);
  c.stride_w = 1, c.dilation_w = 100;
  columns = cuda::depthwise_columns(c);
  ASSERT_EQ(columns.count, 12);
  EXPECT_EQ(columns.at[4], 100);
}

TEST(CudaDepthwise, NothingIsOfferedThatIsTooWide) {
  for (const char* type : {"f32", "f16", "s8"}) {
    const ConvSpec spec =
        parse_problem(std::string("g64mb1ic64ih56oc64oh56kh3ph1 dtype=") + type).spec;
    for (const CudaConfig& config : all_of(spec, Family::kDepthwise))
      EXPECT_LE(config.bn, cuda::kMaxDepthwiseFilters) << print_cuda_config(config);
  }
}

ConvConfig depthwise_dots_3x3() {
  ConvConfig c = depthwise_3x3();
  c.x_type = c.y_type = cuda::Type::kS8;
  return c;
}

/// Whether the dots of each output are its taps, each once, at the columns where it meets them.
void expect_all_taps(const ConvConfig& c, const std::string& what) {
  const cuda::Columns columns = cuda::depthwise_columns(c);
  const cuda::Dots dots = cuda::depthwise_dots(c);
  std::vector<std::vector<int>> met(c.block_m, std::vector<int>(c.s));
  for (int word = 0; word < dots.words; ++word)
    for (int dot = dots.first[word]; dot < dots.first[word + 1]; ++dot)
      for (int b = 0; b < 4; ++b) {
        const int s = dots.pattern[dots.pattern_of[dot]].at[b], m = dots.output[dot];
        if (s < 0) continue;
        EXPECT_EQ(columns.at[dots.word[word].at[b]], m * c.stride_w + s * c.dilation_w) << what;
        ++met[m][s];
      }
  for (const auto& taps : met) EXPECT_EQ(std::count(taps.begin(), taps.end(), 1), c.s) << what;
}

TEST(CudaDepthwise, DotsAreTheTapsOfEachOutput) {
  ConvConfig c = depthwise_dots_3x3();
  for (c.s = 1; c.s <= 12; ++c.s)
    for (c.stride_w = 1; c.stride_w <= 5; ++c.stride_w)
      for (c.dilation_w = 1; c.dilation_w <= 4; ++c.dilation_w)
        for (c.block_m = 1; c.block_m <= cuda::kMaxDepthwiseOutputs; c.block_m += 3) {
          if (cuda::depthwise_columns(c).count > cuda::kMaxDepthwiseColumns) continue;
          expect_all_taps(c, fmt::format("{} taps, stride {}, dilation {}, {} outputs", c.s, c.stride_w,
                                         c.dilation_w, c.block_m));
        }
}

TEST(CudaDepthwise, DotsAreFew) {
  // 3 taps of stride 1: two outputs a word, one dot each; of 2, a word each; 5 taps: four outputs
  // of two words.
  const auto counts = [](long long taps, long long stride, long long dilation) {
    ConvConfig c = depthwise_dots_3x3();
    c.s = taps, c.stride_w = stride, c.dilation_w = dilation;
    const cuda::Dots dots = cuda::depthwise_dots(c);
    return std::vector<int>{dots.words, dots.count, dots.patterns};
  };
  EXPECT_EQ(counts(3, 1, 1), (std::vector<int>{2, 4, 2}));
  EXPECT_EQ(counts(3, 2, 1), (std::vector<int>{4, 4, 1}));
  EXPECT_EQ(counts(3, 1, 2), (std::vector<int>{2, 4, 2}));
  EXPECT_EQ(counts(5, 1, 1), (std::vector<int>{2, 8, 8}));
  EXPECT_EQ(counts(1, 1, 1), (std::vector<int>{1, 4, 4}));
}

TEST(CudaDepthwise, PiecesOfColumnsCrossNoEdge) {
  ConvConfig c = depthwise_dots_3x3();
  EXPECT_EQ(cuda::depthwise_piece_columns(c), 1);  // of many channels
  c.x_layout = c.y_layout = cuda::Layout::kNchw, c.block_n = 1;
  EXPECT_EQ(cuda::depthwise_piece_columns(c), 4);
  const cuda::ColumnPieces pieces = cuda::depthwise_pieces(c);  // -1 | 0 to 3 | 4
  ASSERT_EQ(pieces.count, 3);
  EXPECT_EQ(pieces.at[0], -3);  // four columns that end with padding, seen from column -1
  EXPECT_EQ(pieces.at[1], 1);
  EXPECT_EQ(pieces.place[0], 3);
  EXPECT_EQ(pieces.of[5], 2);
  EXPECT_EQ(cuda::alignment(c), 4);
  c.w = 58;
  EXPECT_EQ(cuda::depthwise_piece_columns(c), 2);
  c.w = 56, c.block_m = 7;
  EXPECT_EQ(cuda::depthwise_piece_columns(c), 1);
  c.stride_w = 4;
  EXPECT_EQ(cuda::depthwise_piece_columns(c), 4);
  c.x_type = cuda::Type::kF16;
  EXPECT_EQ(cuda::depthwise_piece_columns(c), 1);
}

TEST(CudaDepthwise, AlignmentIsThatOfItsWidestPiece) {
  ConvConfig c = depthwise_3x3();
  EXPECT_EQ(cuda::alignment(c), 16);
  c.block_n = 2;
  EXPECT_EQ(cuda::alignment(c), 4);
  c.y_type = cuda::Type::kF32;
  EXPECT_EQ(cuda::alignment(c), 8);
  c.block_n = 1;
  EXPECT_EQ(cuda::alignment(c), 1);  // its elements'
  c.x_layout = c.y_layout = cuda::Layout::kNchw;
  EXPECT_EQ(cuda::alignment(c), 16);  // rows of four outputs
  c.q = 55;
  EXPECT_EQ(cuda::alignment(c), 1);
}

TEST(CudaDepthwise, RefusesWithTheReason) {
  const auto why = [](auto change) {
    ConvConfig c = depthwise_3x3();
    change(c);
    const char* reason = cuda::why_illegal_depthwise(c);
    return std::string(reason == nullptr ? "" : reason);
  };
  EXPECT_EQ(why([](ConvConfig&) {}), "");
  EXPECT_NE(why([](ConvConfig& c) { c.groups = 32; }).find("one input channel"), std::string::npos);
  EXPECT_NE(why([](ConvConfig& c) {
              c.k = 63 * 64, c.groups = c.c = 64, c.block_n = 2;
            }).find("filters of a group"),
            std::string::npos);
  EXPECT_NE(why([](ConvConfig& c) { c.s = 33; }).find("32 taps"), std::string::npos);
  EXPECT_NE(why([](ConvConfig& c) { c.block_m = 16; }).find("64"), std::string::npos);
  EXPECT_NE(why([](ConvConfig& c) { c.x_type = cuda::Type::kF32; }).find("16 bytes"),
            std::string::npos);
}

TEST(CudaDirect, GridsAreCappedAndWalked) {
  ConvConfig c;
  c.family = Family::kDirect;
  c.block_m = c.block_n = c.block_k = 1;
  c.k = 1 << 20, c.p = c.q = 1 << 12;
  EXPECT_EQ(cuda::grid(c, 1).x, 2147483647u);
  c.k = 3, c.p = c.q = 5;
  EXPECT_EQ(cuda::grid(c, 2).x, 2u);  // 150 threads of 128
}

}  // namespace
}  // namespace convoke
