// Tables of sparse CUDA kernels: what they hold is the pattern, no more and no less, for every tile
// size that takes it.
#include "compiler/cuda_sparse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "compiler/cuda_config.h"
#include "compiler/cuda_weights.h"
#include "compiler/emit_cuda.h"
#include "compiler/spec_text.h"
#include "convoke/error.h"

namespace convoke {
namespace {

using cuda::ConvConfig;

ConvSpec sparse_spec(const std::string& problem, std::uint64_t seed = 3) {
  const ConvSpec spec = parse_problem(problem).spec;
  return with_pattern(spec, SparsityPattern::random(spec, seed));
}

CudaConfig tile(int bn, bool masked = false) {
  CudaConfig config;
  config.family = cuda::Family::kMma;
  config.bm = 64, config.bn = bn, config.bk = 32, config.wm = 2, config.wn = 1, config.stages = 3;
  config.masked = masked;
  return config;
}

using Weight = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;  // k, r, s, c

/// Weights that the lists reach; each once.
std::set<Weight> listed(const ConvConfig& c, const std::vector<std::uint32_t>& words) {
  std::set<Weight> found;
  const std::int64_t filters = cuda::k_per_group(c),
                     tiles = c.per_input ? 1 : cuda::gemm_tiles_n(c);
  for (std::int64_t group = 0; group < c.groups; ++group)
    for (std::int64_t t = 0; t < tiles; ++t) {
      const auto list = static_cast<std::size_t>(cuda::list_of(c, group, t));
      for (std::uint32_t e = words[list]; e < words[list + 1]; ++e) {
        const std::uint32_t* entry =
            &words[static_cast<std::size_t>(cuda::first_entry_word(c)) + e * cuda::kEntryWords];
        const std::int64_t r = (entry[0] & 0xffff) + cuda::span_r(c).begin;
        const std::int64_t s = (entry[0] >> 16) + cuda::span_s(c).begin;
        const std::int64_t rows = c.per_input ? filters : c.block_n;
        for (std::int64_t row = 0; row < rows && t * rows + row < filters; ++row) {
          if (!c.per_input && (entry[2] >> row / c.unit_k & 1) == 0) continue;
          for (std::int64_t i = 0; i < cuda::list_channels(c); ++i)
            EXPECT_TRUE(
                found.insert({group * filters + t * rows + row, r, s, entry[1] + i}).second);
        }
      }
    }
  return found;
}

std::set<Weight> kept_weights(const ConvSpec& spec) {
  std::set<Weight> kept;
  for (std::int64_t k = 0; k < spec.k; ++k)
    for (std::int64_t r = 0; r < spec.r; ++r)
      for (std::int64_t s = 0; s < spec.s; ++s)
        for (std::int64_t c = 0; c < spec.c_per_group(); ++c)
          if (spec.tap_r_live(r) && spec.tap_s_live(s) && spec.pattern->keeps(k, r, s, c))
            kept.insert({k, r, s, c});
  return kept;
}

TEST(CudaSparse, ListsReachTheKeptWeightsOfLiveTaps) {
  for (const char* problem :
       {"mb2ic64ih9oc64kh3ph1 dtype=f16 sparsity=input:0.5@8",
        "mb2ic33ih9oc20kh3ph1 dtype=f16 sparsity=input:0.3",
        "mb2ic20ih9oc20kh3ph1 dtype=f16 sparsity=input:0.5@8",  // the last group is of four
        "g2mb2ic32ih9oc24kh3ph1 dtype=f16 sparsity=input:0.5@4",
        "mb2ic64ih9oc64kh3ph1 dtype=f16 sparsity=block:0.5@16x16",
        "mb2ic20ih9oc40kh3ph1 dtype=f16 sparsity=block:0.4@8x12",
        "g2mb2ic32ih9oc72kh3ph1 dtype=f16 sparsity=block:0.25@64x4",
        "mb2ic64ih1oc64kh3ph1 dtype=f16 sparsity=block:0.5@32x8"})  // eight dead taps
    for (const int bn : {8, 16, 32, 64, 128}) {
      const ConvSpec spec = sparse_spec(problem);
      const ConvConfig c = make_conv_config(spec, tile(bn));
      if (cuda::why_illegal_sparse(c) != nullptr) continue;
      const std::vector<std::uint32_t> words = make_pattern_words(c, *spec.pattern);
      ASSERT_EQ(static_cast<std::int64_t>(words.size()), cuda::pattern_words(c));
      EXPECT_EQ(listed(c, words), kept_weights(spec)) << problem << " bn=" << bn;
    }
}

TEST(CudaSparse, FiltersAreListedAndFoundAgain) {
  for (const char* problem : {"mb2ic64ih9oc64kh3ph1 dtype=f16 sparsity=channel:0.5",
                              "g3mb2ic6ih9oc63kh3ph1 dtype=f16 sparsity=channel:0.4@4"}) {
    const ConvSpec spec = sparse_spec(problem);
    const ConvConfig c = make_conv_config(spec, tile(32));
    const std::vector<std::uint32_t> words = make_pattern_words(c, *spec.pattern);
    ASSERT_EQ(static_cast<std::int64_t>(words.size()), cuda::pattern_words(c));
    const std::int64_t filters = cuda::k_per_group(c);
    for (std::int64_t k = 0; k < spec.k; ++k) {
      const std::uint32_t place = words[static_cast<std::size_t>(c.groups * c.kept + k)];
      ASSERT_EQ(place != cuda::kPruned, spec.pattern->keeps(k, 0, 0, 0));
      if (place != cuda::kPruned) {
        EXPECT_EQ(words[static_cast<std::size_t>(k / filters * c.kept + place)], k % filters);
      }
    }
    for (std::int64_t i = 1; i < c.kept; ++i)  // ascending, then none
      EXPECT_TRUE(words[i - 1] < words[i] || words[i] == filters);
  }
}

TEST(CudaSparse, AMaskHasABitForEachUnit) {
  const ConvSpec spec = sparse_spec("g2mb2ic20ih9oc12kh3ph1 dtype=f16 sparsity=unstructured:0.1");
  const ConvConfig c = make_conv_config(spec, tile(32, true));
  const std::vector<std::uint32_t> words = make_pattern_words(c, *spec.pattern);
  ASSERT_EQ(cuda::units(c), spec.pattern->units());
  for (std::int64_t k = 0; k < spec.k; ++k)
    for (std::int64_t r = 0; r < 3; ++r)
      for (std::int64_t s = 0; s < 3; ++s)
        for (std::int64_t i = 0; i < 10; ++i) {
          const std::int64_t unit = cuda::unit_of(c, k / 6, k % 6, r, s, i);
          EXPECT_EQ((words[static_cast<std::size_t>(unit / 32)] >> unit % 32 & 1) != 0,
                    spec.pattern->keeps(k, r, s, i));
        }
}

TEST(CudaSparse, SizesDependOnTheSignatureAlone) {
  for (const char* problem : {"g2mb2ic32ih9oc64kh3ph1 dtype=f16 sparsity=channel:0.5@4:bound",
                              "mb2ic64ih9oc64kh3ph1 dtype=f16 sparsity=input:0.5@8:bound",
                              "mb2ic64ih9oc64kh3ph1 dtype=f16 sparsity=block:0.3@16x16:bound",
                              "mb2ic64ih9oc64kh3ph1 dtype=f16 sparsity=block:0.3@8x8:bound"}) {
    const ConvSpec spec = parse_problem(problem).spec;
    const ConvConfig c = make_conv_config(spec, tile(32));
    for (std::uint64_t seed = 1; seed < 6; ++seed) {
      const auto words = make_pattern_words(c, *SparsityPattern::random(spec, seed));
      EXPECT_EQ(static_cast<std::int64_t>(words.size()), cuda::pattern_words(c)) << problem;
    }
  }
  const ConvSpec half = parse_problem("mb2ic64ih9oc64kh3ph1 sparsity=block:0.25@16x16:bound").spec;
  const ConvSpec more = parse_problem("mb2ic64ih9oc64kh3ph1 sparsity=block:0.5@16x16:bound").spec;
  const ConvConfig c = make_conv_config(half, tile(16));
  EXPECT_THROW(make_pattern_words(c, *SparsityPattern::random(more, 1)), Error);
}

/// `p`: output rows.
CudaConfig weights_tile(int bn, int bk, std::int64_t p = 9, bool code = false) {
  CudaConfig config;
  config.family = cuda::Family::kSparse;
  config.bm = 64, config.bn = bn, config.bk = bk, config.wm = 1, config.wn = 1;
  config.tp = p < 4 ? 1 : 4, config.tq = p < 4 ? 1 : 8;
  config.code = code;
  return config;
}

constexpr const char* kWeights[] = {
    "mb2ic20ih9oc12kh3ph1 sparsity=unstructured:0.2",
    "g2mb2ic10ih9oc14kh3sh2ph1 dtype=f16 layout=nchw sparsity=nm:1:3",
    "mb2ic16ih9oc16kh3dh1ph2 sparsity=block:0.3@4x6",
    "mb2ic16ih1oc16kh3ph1 sparsity=unstructured:0.4",  // eight dead taps
    "mb2ic7ih9oc5kh3ph1 sparsity=channel:0.5@2",
    "mb2ic7ih9oc5kh3ph1 sparsity=input:0.5@2"};

TEST(CudaSparse, ListsOfWeightsReachTheKeptOnesOfLiveTaps) {
  for (const char* problem : kWeights)
    for (const int bk : {2, 8})
      for (const int bn : {3, 8}) {
        const ConvSpec spec = sparse_spec(problem);
        const ConvConfig c = make_conv_config(spec, weights_tile(bn, bk, spec.p));
        ASSERT_EQ(cuda::why_illegal_weights(c, 200 << 10), nullptr) << problem;
        const std::vector<std::uint32_t> words = make_pattern_words(c, *spec.pattern);
        ASSERT_EQ(static_cast<std::int64_t>(words.size()), cuda::pattern_words(c));
        const auto lists = static_cast<std::size_t>(cuda::weight_lists(c));
        EXPECT_LE(words[lists], cuda::weight_entries(c));
        const std::int64_t filters = cuda::k_per_group(c), chunks = cuda::sparse_chunks(c);
        std::set<Weight> found;
        for (std::size_t list = 0; list < lists; ++list) {
          // Place in [group][tile][chunk][filter], and what the bits say is there.
          const auto at = static_cast<std::int64_t>(list);
          const std::int64_t row = at % bn, chunk = at / bn % chunks;
          const std::int64_t tile = at / bn / chunks % cuda::sparse_tiles_n(c);
          const std::int64_t group = at / bn / chunks / cuda::sparse_tiles_n(c);
          const std::int64_t k = tile * bn + row;
          std::uint32_t count = 0;
          for (std::int64_t i = chunk * bk; i < (chunk + 1) * bk && k < filters; ++i)
            for (std::int64_t r = cuda::span_r(c).begin; r < cuda::span_r(c).end; ++r)
              for (std::int64_t s = cuda::span_s(c).begin; s < cuda::span_s(c).end; ++s) {
                if (i >= cuda::c_per_group(c)) continue;
                const auto unit = static_cast<std::size_t>(cuda::unit_of(c, group, k, r, s, i));
                if ((words[lists + 1 + unit / 32] >> unit % 32 & 1) == 0) continue;
                ++count;
                EXPECT_TRUE(found.insert({group * filters + k, r, s, i}).second);
              }
          const std::uint32_t begin = (words[list] + 1) / 2 * 2;
          EXPECT_EQ(words[list + 1], count == 0 ? words[list] : begin + count) << problem;
        }
        EXPECT_EQ(found, kept_weights(spec)) << problem;
      }
}

/// Weights by the code's steps: places of the staged chunk tell tap and channel apart.
TEST(CudaSparse, CodeReachesTheKeptWeightsOfLiveTaps) {
  for (const char* problem : kWeights) {
    const ConvSpec spec = sparse_spec(problem);
    const CudaConfig config = weights_tile(3, 4, spec.p, true);
    ASSERT_EQ(why_illegal_cuda(spec, config, CudaDevice{}), "") << problem;
    const ConvConfig c = make_conv_config(spec, config);
    const std::vector<std::uint32_t> words = make_pattern_words(c, *spec.pattern);
    ASSERT_EQ(static_cast<std::int64_t>(words.size()), cuda::pattern_words(c));
    const std::int64_t chunks = cuda::sparse_chunks(c), tiles = cuda::sparse_tiles_n(c);
    const std::int64_t channels = cuda::c_per_group(c), filters = cuda::k_per_group(c);
    std::set<Weight> found;
    std::vector<std::int64_t> used(static_cast<std::size_t>(c.groups * tiles));
    for (std::int64_t part = 0; part < c.groups * tiles * chunks; ++part) {
      const std::int64_t tile = part / chunks;
      std::int64_t pixels = -1, quad = -1;
      for (const CodeStep& step : kept_code(c, *spec.pattern, part)) {
        if (step.call == CodeStep::Call::kPixels) pixels = step.a;
        if (step.call == CodeStep::Call::kWeights) quad = step.a;
        if (step.call != CodeStep::Call::kMultiply) continue;
        const std::int64_t place = quad * 4 + step.b;
        EXPECT_EQ(place, used[static_cast<std::size_t>(tile)]++);
        const std::uint32_t index = words[static_cast<std::size_t>(tile * c.kept + place)];
        const bool nhwc = c.x_layout == cuda::Layout::kNhwc;
        const std::int64_t rest = index % (channels * c.r * c.s),
                           k = index / (channels * c.r * c.s);
        const std::int64_t tap = nhwc ? rest / channels : rest % (c.r * c.s);
        const std::int64_t channel = nhwc ? rest % channels : rest / (c.r * c.s);
        EXPECT_EQ(k, tile / tiles * filters + tile % tiles * c.block_n + step.a);
        EXPECT_EQ(pixels, cuda::staged_weight(c, cuda::staged_pitch(c), tap / c.s, tap % c.s,
                                              channel - part % chunks * c.block_k));
        EXPECT_TRUE(found.insert({k, tap / c.s, tap % c.s, channel}).second);
      }
    }
    EXPECT_EQ(found, kept_weights(spec)) << problem;
  }
}

TEST(CudaSparse, WeightsOfABoundPatternHaveTheRoomOfTheSignature) {
  for (const char* problem : {"mb2ic20ih9oc12kh3ph1 sparsity=unstructured:0.2:bound",
                              "mb2ic21ih9oc12kh3ph1 sparsity=nm:2:5:bound"}) {
    const ConvSpec spec = parse_problem(problem).spec;
    const ConvConfig c = make_conv_config(spec, weights_tile(4, 4));
    for (std::uint64_t seed = 1; seed < 6; ++seed) {
      const auto words = make_pattern_words(c, *SparsityPattern::random(spec, seed));
      EXPECT_EQ(static_cast<std::int64_t>(words.size()), cuda::pattern_words(c)) << problem;
      EXPECT_LE(words[static_cast<std::size_t>(cuda::weight_lists(c))], cuda::weight_entries(c));
    }
    // All kept weights in one filter, as far as the kind allows.
    std::vector<std::int64_t> first;
    for (std::int64_t i = 0; i < 2; ++i) first.push_back(i);
    const auto words = make_pattern_words(c, *SparsityPattern::from_units(spec, first));
    EXPECT_EQ(words[static_cast<std::size_t>(cuda::weight_lists(c))], 2u);
  }
  const ConvSpec less = parse_problem("mb2ic20ih9oc12kh3ph1 sparsity=unstructured:0.2:bound").spec;
  const ConvSpec more = parse_problem("mb2ic20ih9oc12kh3ph1 sparsity=unstructured:0.9:bound").spec;
  const ConvConfig c = make_conv_config(less, weights_tile(4, 4));
  EXPECT_THROW(make_pattern_words(c, *SparsityPattern::random(more, 1)), Error);
}

TEST(CudaSparse, CodeIsRefusedWhereItCannotBe) {
  const auto why = [](const char* problem, const CudaConfig& config) {
    const ConvSpec spec = parse_problem(problem).spec;
    const bool bound = std::string(problem).find(":bound") != std::string::npos;
    return why_illegal_cuda(bound ? spec : with_pattern(spec, SparsityPattern::random(spec, 1)),
                            config, CudaDevice{});
  };
  const char* const small = "mb2ic16ih9oc16kh3ph1 sparsity=unstructured:0.5";
  EXPECT_EQ(why(small, weights_tile(4, 4, 9, true)), "");
  EXPECT_NE(why((std::string(small) + ":bound").c_str(), weights_tile(4, 4, 9, true)), "");
  EXPECT_NE(why("mb2ic64ih9oc64kh3ph1 sparsity=unstructured:0.5", weights_tile(4, 4, 9, true)), "");
  CudaConfig warps = weights_tile(4, 4, 9, true);
  warps.wn = 2;
  EXPECT_NE(why(small, warps), "");
  EXPECT_EQ(why_illegal_cuda(parse_problem("mb2ic16ih9oc16kh3ph1").spec, weights_tile(4, 4),
                             CudaDevice{}),
            "cuda:sparse,bm=64,bn=4,bk=4,wm=1,wn=1,tp=4,tq=8: the sparse family needs a sparsity, "
            "and no masked=1");
}

TEST(CudaSparse, AKernelIsNotEmittedWithoutItsPattern) {
  const char* const problem = "mb2ic64ih9oc64kh3ph1 dtype=f16 sparsity=input:0.5@8";
  EXPECT_THROW(emit_cuda(parse_problem(problem).spec, tile(32)), Error);
  const ConvSpec bound = parse_problem(std::string(problem) + ":bound").spec;
  EXPECT_EQ(emit_cuda(bound, tile(32)).source.find("kPattern"), std::string::npos);
}

TEST(CudaSparse, RefusesTilesThatNoListFits) {
  const CudaDevice device;
  const auto why = [&](const char* problem, int bn) {
    return why_illegal_cuda(sparse_spec(problem), tile(bn), device);
  };
  EXPECT_EQ(why("mb2ic64ih9oc64kh3ph1 dtype=f16 sparsity=block:0.5@16x16", 32), "");
  EXPECT_NE(why("mb2ic64ih9oc64kh3ph1 dtype=f16 sparsity=block:0.5@24x16", 32), "");
  EXPECT_NE(why("mb2ic64ih9oc64kh3ph1 dtype=f16 sparsity=unstructured:0.5", 32), "");
}

TEST(CudaSparse, TwoOfFourIsForTheTensorCoresThatSkip) {
  const auto why = [](const std::string& problem, int bk = 64, int bn = 32) {
    CudaConfig config = tile(bn);
    config.bk = bk;
    return why_illegal_cuda(sparse_spec(problem), config, CudaDevice{});
  };
  for (const char* sparsity : {"nm:2:4", "nm:1:4", "nm:1:2"}) {
    const std::string problem =
        std::string("g2mb2ic40ih9oc64kh3ph1 dtype=bf16 sparsity=") + sparsity;
    EXPECT_EQ(why(problem), "");
    const ConvSpec spec = sparse_spec(problem);
    CudaConfig config = tile(32);
    config.bk = 64;
    const ConvConfig c = make_conv_config(spec, config);
    ASSERT_EQ(c.sparse, cuda::Sparse::kPairs);
    // Half of the weights and four bits for each two, of whole tiles: 180 of 192 positions.
    EXPECT_EQ(cuda::packed_bytes(c), 64 * 192 * 9 / 8);
    const std::vector<std::uint32_t> words = make_pattern_words(c, *spec.pattern);
    std::int64_t kept = 0;
    for (const std::uint32_t word : words) kept += __builtin_popcount(word);
    EXPECT_EQ(kept, spec.pattern->kept_weights());
  }
  // Of 8 bits as many bytes of positions: 288 of 384, half of the weights and half a byte for four.
  const ConvSpec bytes = sparse_spec("g2mb2ic64ih9oc64kh3ph1 dtype=s8 sparsity=nm:2:4");
  CudaConfig wide = tile(32);
  wide.bk = 128;
  EXPECT_EQ(why_illegal_cuda(bytes, wide, CudaDevice{}), "");
  EXPECT_EQ(cuda::packed_bytes(make_conv_config(bytes, wide)), 64 * 384 * 5 / 8);
  const auto refuses = [&](const std::string& text, const char* reason) {
    EXPECT_NE(text.find(reason), std::string::npos) << text;
  };
  refuses(why("mb2ic64ih9oc64kh3ph1 dtype=f16 sparsity=nm:2:4", 32), "bk=64");
  refuses(why("mb2ic64ih9oc64kh3ph1 dtype=f16 sparsity=nm:2:4", 64, 8), "multiples of 16");
  refuses(why("mb2ic64ih9oc64kh3ph1 dtype=f16 layout=nchw sparsity=nm:2:4"), "nhwc");
  refuses(why("mb2ic66ih9oc64kh3ph1 dtype=f16 sparsity=nm:2:4"), "multiples of 4");
  refuses(why("mb2ic64ih9oc64kh3ph1 dtype=tf32 sparsity=nm:2:4"), "f16, bf16, s8 and u8");
  refuses(why("mb2ic64ih9oc64kh3ph1 dtype=f16 sparsity=nm:3:4"), "single weights");
}

}  // namespace
}  // namespace convoke
