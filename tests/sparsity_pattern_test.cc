// Patterns against brute force, unit by unit; files against every way of being damaged.
#include "convoke/sparsity_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <tuple>

#include "compiler/cache_key.h"
#include "compiler/spec_text.h"
#include "convoke/error.h"
#include "tests/usage_error.h"

namespace convoke {
namespace {

using testing::HasSubstr;
using Units = std::vector<std::int64_t>;

ConvSpec spec_of(const std::string& sparsity, const std::string& words = "",
                 const std::string& shape = "g2mb1ic10ih5oc14kh3kw2") {
  return parse_problem(shape + "iw5 sparsity=" + sparsity + " " + words).spec;
}

/// What the documentation says, with divisions in other places.
std::int64_t documented_unit(const std::string& kind, std::int64_t rows, std::int64_t columns,
                             const ConvSpec& s, std::int64_t k, std::int64_t r, std::int64_t x,
                             std::int64_t c) {
  const std::int64_t g = k / s.k_per_group(), kg = k - g * s.k_per_group();
  const auto ceil = [](std::int64_t a, std::int64_t b) { return (a - 1) / b + 1; };
  if (kind == "channel") return g * ceil(s.k_per_group(), rows) + kg / rows;
  if (kind == "input") return g * ceil(s.c_per_group(), columns) + c / columns;
  return (((g * ceil(s.k_per_group(), rows) + kg / rows) * s.r + r) * s.s + x) *
             ceil(s.c_per_group(), columns) +
         c / columns;
}

struct Kind {
  const char* text;
  std::int64_t rows, columns;
  std::int64_t units, kept;  ///< of g2ic10oc14kh3kw2, by hand
};
const Kind kKinds[] = {
    {"channel:0.5", 1, 1, 14, 8},      // 7 a group, 3.5 rounds up
    {"channel:0.5@4", 4, 1, 4, 2},     // 4 and 3 filters
    {"input:0.4", 1, 1, 10, 4},        //
    {"input:0.5@2", 1, 2, 6, 4},       // 1.5 of 3 rounds up
    {"block:0.25@4x4", 4, 4, 48, 12},  // 2 x 2 blocks a group and tap, over the layer
    {"unstructured:0.1", 1, 1, 420, 42},
    {"nm:2:4", 1, 1, 420, 252},  // 4 + 1 channels: 2 + 1 of each row
    {"nm:1:4", 1, 1, 420, 168},
    {"channel:1", 1, 1, 14, 14},
    {"unstructured:0.0001", 1, 1, 420, 1},
};

template <typename Body>
void each_weight(const ConvSpec& s, const Body& body) {
  for (std::int64_t k = 0; k < s.k; ++k)
    for (std::int64_t r = 0; r < s.r; ++r)
      for (std::int64_t x = 0; x < s.s; ++x)
        for (std::int64_t c = 0; c < s.c_per_group(); ++c) body(k, r, x, c);
}

std::size_t at(const ConvSpec& s, std::int64_t k, std::int64_t r, std::int64_t x, std::int64_t c) {
  const std::int64_t cg = s.c_per_group();
  return static_cast<std::size_t>(s.x_layout == Layout::kNhwc ? ((k * s.r + r) * s.s + x) * cg + c
                                                              : ((k * cg + c) * s.r + r) * s.s + x);
}

std::string kind_of(const Kind& kind) {
  const std::string text = kind.text;
  return text.substr(0, text.find(':'));
}

TEST(SparsityUnits, CountsAndNumbersAreThoseOfTheDocumentation) {
  for (const Kind& kind : kKinds) {
    const ConvSpec spec = spec_of(kind.text);
    const SparsityUnits units = sparsity_units(spec);
    EXPECT_EQ(std::tie(units.units, units.kept), std::tie(kind.units, kind.kept)) << kind.text;
    const auto pattern = SparsityPattern::random(spec, 7);
    EXPECT_EQ(pattern->units(), kind.units);
    EXPECT_EQ(static_cast<std::int64_t>(pattern->kept().size()), kind.kept) << kind.text;
    std::int64_t weights = 0;
    each_weight(spec, [&](auto k, auto r, auto s, auto c) {
      const std::int64_t unit =
          documented_unit(kind_of(kind), kind.rows, kind.columns, spec, k, r, s, c);
      const bool kept = std::binary_search(pattern->kept().begin(), pattern->kept().end(), unit);
      ASSERT_EQ(pattern->keeps(k, r, s, c), kept) << kind.text;
      weights += kept ? 1 : 0;
    });
    EXPECT_EQ(pattern->kept_weights(), weights) << kind.text;
  }
}

TEST(SparsityUnits, ADenseSpecHasNone) {
  EXPECT_EQ(test::usage_error_of([] { sparsity_units(parse_problem("ic3ih8oc4kh3").spec); }),
            "the problem is dense: give it a sparsity, such as sparsity=channel:0.5");
}

TEST(SparsityUnits, TooManyAreRefused) {
  ConvSpec spec = parse_problem("mb1ic65536ih1oc32768kh1 sparsity=unstructured:0.5").spec;
  EXPECT_EQ(test::usage_error_of([&] { SparsityPattern::random(spec, 1); }),
            "sparsity unstructured:0.5 of g1ic65536oc32768kh1kw1 has 2147483648 units, more than "
            "1073741824");
}

/// The largest of each range, picked one after the other, the first of equals.
Units largest(std::vector<double> sums, std::int64_t begin, std::int64_t end, std::int64_t count) {
  Units kept;
  for (; count > 0; --count) {
    const auto first = sums.begin() + begin, last = sums.begin() + end;
    const auto best = std::max_element(first, last);
    kept.push_back(best - sums.begin());
    *best = -1;
  }
  return kept;
}

Units brute_force(const Kind& kind, const ConvSpec& spec, const std::vector<float>& w) {
  std::vector<double> sums(static_cast<std::size_t>(kind.units));
  each_weight(spec, [&](auto k, auto r, auto s, auto c) {
    sums[static_cast<std::size_t>(documented_unit(kind_of(kind), kind.rows, kind.columns, spec, k,
                                                  r, s, c))] += std::fabs(w[at(spec, k, r, s, c)]);
  });
  Units kept;
  const auto add = [&](std::int64_t begin, std::int64_t end, std::int64_t count) {
    const Units some = largest(sums, begin, end, std::min(count, end - begin));
    kept.insert(kept.end(), some.begin(), some.end());
  };
  const std::string name = kind_of(kind);
  if (name == "nm") {
    for (std::int64_t row = 0; row < kind.units; row += 5) {
      add(row, row + 4, kind.text[3] - '0');
      add(row + 4, row + 5, kind.text[3] - '0');
    }
  } else if (name == "channel" || name == "input") {
    for (int g = 0; g < 2; ++g) add(g * kind.units / 2, (g + 1) * kind.units / 2, kind.kept / 2);
  } else {
    add(0, kind.units, kind.kept);
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

TEST(ByMagnitude, EqualsBruteForceInBothLayouts) {
  std::mt19937 random(3);
  for (const Kind& kind : kKinds)
    for (const char* layout : {"layout=nhwc", "layout=nchw"}) {
      const ConvSpec spec = spec_of(kind.text, layout);
      std::vector<float> w(static_cast<std::size_t>(spec.w_elements()));
      // Small integers: sums are exact, and there are ties of both signs.
      for (float& value : w) value = static_cast<float>(random() % 9) - 4;
      const auto pattern = SparsityPattern::by_magnitude(spec, w.data(), w.size());
      EXPECT_EQ(pattern->kept(), brute_force(kind, spec, w)) << kind.text << " " << layout;
    }
}

TEST(ByMagnitude, OfEqualsTheFirst) {
  const ConvSpec spec = spec_of("channel:0.3");
  const std::vector<float> w(static_cast<std::size_t>(spec.w_elements()), -1.0f);
  EXPECT_EQ(SparsityPattern::by_magnitude(spec, w.data(), w.size())->kept(), (Units{0, 1, 7, 8}));
}

TEST(ByMagnitude, RefusesNanAndAWrongCountButTakesInfinity) {
  const ConvSpec spec = spec_of("unstructured:0.0001");
  std::vector<float> w(static_cast<std::size_t>(spec.w_elements()), 1.0f);
  w[77] = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(SparsityPattern::by_magnitude(spec, w.data(), w.size())->kept(), Units{77});
  w[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(test::usage_error_of([&] { SparsityPattern::by_magnitude(spec, w.data(), w.size()); }),
            "weight 5 is NaN, which has no magnitude");
  EXPECT_EQ(test::usage_error_of([&] { SparsityPattern::by_magnitude(spec, w.data(), 419); }),
            "419 weights are given but g2ic10oc14kh3kw2 has 420");
}

TEST(Random, IsTheSameEverywhereAndAnotherForEachSeed) {
  const ConvSpec spec = spec_of("unstructured:0.1");
  const auto one = SparsityPattern::random(spec, 1);
  EXPECT_EQ(one->hash(), SparsityPattern::random(spec, 1)->hash());
  EXPECT_NE(one->hash(), SparsityPattern::random(spec, 2)->hash());
  EXPECT_EQ(SparsityPattern::random(spec_of("channel:0.3"), 1)->kept(), (Units{3, 4, 8, 10}))
      << "as SplitMix64 draws";
}

TEST(FromMask, ReadsBackWhatAPatternKeepsInBothLayouts) {
  for (const Kind& kind : kKinds)
    for (const char* layout : {"layout=nhwc", "layout=nchw"}) {
      const ConvSpec spec = spec_of(kind.text, layout);
      const auto pattern = SparsityPattern::random(spec, 5);
      std::vector<std::uint8_t> mask(static_cast<std::size_t>(spec.w_elements()));
      each_weight(spec, [&](auto k, auto r, auto s, auto c) {
        mask[at(spec, k, r, s, c)] = pattern->keeps(k, r, s, c) ? 255 : 0;
      });
      const auto read = SparsityPattern::from_mask(spec, mask.data(), mask.size());
      EXPECT_EQ(read->kept(), pattern->kept()) << kind.text << " " << layout;
      EXPECT_EQ(read->hash(), pattern->hash());
    }
}

TEST(FromMask, RefusesHalfUnitsAndAWrongCount) {
  const ConvSpec spec = spec_of("block:0.25@4x4");
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(spec.w_elements()), 0);
  mask[at(spec, 7, 1, 1, 4)] = 1;
  EXPECT_EQ(
      test::usage_error_of([&] { SparsityPattern::from_mask(spec, mask.data(), mask.size()); }),
      "the mask keeps 1 of the 4 weights of unit 31: block:0.25@4x4 keeps or prunes a unit "
      "as a whole");
  EXPECT_EQ(test::usage_error_of([&] { SparsityPattern::from_mask(spec, mask.data(), 421); }),
            "a mask of 421 elements is given but g2ic10oc14kh3kw2 has 420 weights");
}

TEST(FromUnits, RefusesWhatIsOutOfRangeUnsortedOrRepeated) {
  const auto error = [](const char* sparsity, Units units) {
    return test::usage_error_of([&] { SparsityPattern::from_units(spec_of(sparsity), units); });
  };
  EXPECT_EQ(error("channel:0.5", {1, 14}), "kept unit 1 is 14 but must be 0 to 13");
  EXPECT_EQ(error("channel:0.5", {-1}), "kept unit 0 is -1 but must be 0 to 13");
  EXPECT_EQ(error("channel:0.5", {3, 2}), "kept unit 2 stands after 3: they must ascend");
  EXPECT_EQ(error("channel:0.5", {3, 3}), "kept unit 3 is given twice");
  EXPECT_EQ(
      error("nm:2:4", {0, 1, 4, 5, 6, 8}),
      "filter 0 keeps more than 2 of channels 0 to 3 at tap (0, 1): nm:2:4 keeps at most 2 of "
      "every 4");
  EXPECT_EQ(error("nm:2:4", {0, 1, 4, 5, 6}), "no error");
  ConvSpec broken = spec_of("channel:0.5");
  broken.groups = 0;
  EXPECT_THAT(test::usage_error_of([&] { SparsityPattern::from_units(broken, {0}); }),
              HasSubstr("groups"));
}

TEST(Signature, SaysTheRatioThatIsKept) {
  const auto signature = [](const char* sparsity, Units units) {
    return SparsityPattern::from_units(spec_of(sparsity), std::move(units))->signature();
  };
  EXPECT_EQ(signature("block:0.9@4x4", {1, 2, 3}), "block:0.0625@4x4");
  EXPECT_EQ(signature("block:0.9@4x4:bound", {1, 2, 3}), "block:0.0625@4x4");
  EXPECT_EQ(signature("nm:2:4", {}), "nm:2:4");
  EXPECT_EQ(signature("input:0.4", {0, 1, 2, 3, 4}), "input:1") << "of the fullest group";
  EXPECT_EQ(signature("block:0.25@4x4", {}), "block:0.020833333333333332@4x4") << "of one unit";
}

TEST(Signature, ReadsBackAsAsManyUnitsForEveryCount) {
  const ConvSpec spec = spec_of("unstructured:0.5");
  Units units;
  for (std::int64_t unit = 0; unit < 420; ++unit) {
    units.push_back(unit);
    ConvSpec with = spec;
    with.sparsity = SparsityPattern::from_units(spec, units)->signature();
    ASSERT_EQ(sparsity_units(with).kept, unit + 1) << with.sparsity;
  }
}

TEST(WithPattern, KeepsTheTextIfItStandsForAsMany) {
  const ConvSpec spec = spec_of("channel:0.3");
  EXPECT_EQ(with_pattern(spec, SparsityPattern::random(spec, 1)).sparsity, "channel:0.3");
  const auto five = SparsityPattern::from_units(spec, {0, 1, 2, 3, 4, 7, 8, 9, 10, 11});
  EXPECT_EQ(with_pattern(spec, five).sparsity, "channel:0.7142857142857143");
  EXPECT_EQ(with_pattern(spec, five).pattern, five);
}

TEST(WithPattern, RefusesAnotherProblemAndABoundOne) {
  const auto pattern = SparsityPattern::random(spec_of("channel:0.5"), 1);
  const auto error = [&](const ConvSpec& spec) {
    return test::usage_error_of([&] { with_pattern(spec, pattern); });
  };
  EXPECT_EQ(error(spec_of("channel:0.5", "", "g2mb1ic10ih5oc16kh3kw2")),
            "the pattern is for g2ic10oc14kh3kw2 channel:0.5714285714285714 but the problem is "
            "g2ic10oc16kh3kw2 channel:0.5");
  EXPECT_THAT(error(spec_of("channel:0.5@2")), HasSubstr("but the problem is g2ic10oc14kh3kw2 "
                                                         "channel:0.5@2"));
  EXPECT_THAT(error(spec_of("input:0.5")), HasSubstr("input:0.5"));
  EXPECT_THAT(error(parse_problem("g2mb1ic10ih5oc14kh3kw2iw5").spec), HasSubstr("kw2 dense"));
  EXPECT_EQ(error(spec_of("channel:0.5:bound")),
            "sparsity channel:0.5:bound takes its pattern at each launch: leave :bound out to make "
            "the pattern part of the kernel");
  EXPECT_EQ(test::usage_error_of([] { with_pattern(spec_of("channel:0.5"), nullptr); }),
            "the sparsity pattern is null");
}

TEST(Fits, ShapeKindAndGranularityNotTheRatio) {
  const auto pattern = SparsityPattern::random(spec_of("nm:2:4"), 1);
  EXPECT_TRUE(pattern->fits(spec_of("nm:2:4:bound", "layout=nchw dtype=f16")));
  EXPECT_FALSE(pattern->fits(spec_of("nm:1:4")));
  EXPECT_FALSE(pattern->fits(spec_of("unstructured:0.5")));
  EXPECT_FALSE(pattern->fits(spec_of("nm:2:4", "", "g1mb1ic10ih5oc14kh3kw2")));
  const auto other = SparsityPattern::random(spec_of("unstructured:0.5"), 1);
  EXPECT_TRUE(other->fits(spec_of("unstructured:0.25")));
}

TEST(Equality, ComparesPatternsByWhatTheyKeep) {
  const ConvSpec spec = spec_of("channel:0.5");
  ConvSpec one = spec, same = spec, other = spec;
  one.pattern = SparsityPattern::random(spec, 1);
  same.pattern = SparsityPattern::random(spec, 1);
  other.pattern = SparsityPattern::random(spec, 2);
  EXPECT_EQ(one, same);
  EXPECT_NE(one, other);
  EXPECT_NE(one, spec);
  EXPECT_NE(spec, one);
}

TEST(Text, RoundTripsEmptyAndFullPatternsToo) {
  for (const Kind& kind : kKinds) {
    const ConvSpec spec = spec_of(kind.text);
    Units all;
    for (std::int64_t unit = 0; unit < kind.units && kind_of(kind) != "nm"; ++unit)
      all.push_back(unit);
    for (const auto& pattern :
         {SparsityPattern::random(spec, 9), SparsityPattern::from_units(spec, {}),
          SparsityPattern::from_units(spec, all)}) {
      const auto read = SparsityPattern::parse(pattern->text());
      EXPECT_EQ(read->text(), pattern->text());
      EXPECT_EQ(read->hash(), pattern->hash());
      EXPECT_EQ(read->kept(), pattern->kept());
      EXPECT_TRUE(read->fits(spec));
    }
  }
}

std::string hashed(const std::string& body) { return body + "sha256 " + sha256_hex(body) + "\n"; }

TEST(Text, IsTheDocumentedFormat) {
  const ConvSpec spec = spec_of("block:0.5@4x4");
  const auto pattern = SparsityPattern::from_units(spec, {0, 1, 2, 3, 7, 12, 13});
  const std::string body =
      "convoke-sparsity 1\ng2ic10oc14kh3kw2 block:0.14583333333333334@4x4\n0-3 7 12-13\n";
  EXPECT_EQ(pattern->text(), hashed(body));
  EXPECT_EQ(pattern->hash(), sha256_hex(body));
  const auto lines = SparsityPattern::parse(
      hashed("convoke-sparsity 1\ng2ic10oc14kh3kw2 block:0.14583333333333334@4x4\n0-1\n2 3\n\n7 "
             "12\n13\n"));
  EXPECT_EQ(lines->hash(), pattern->hash()) << "the units count, not how they are written";
  const auto many = SparsityPattern::random(spec_of("unstructured:0.5"), 1)->text();
  std::istringstream stream(many);
  for (std::string line; std::getline(stream, line);) EXPECT_LE(line.size(), 100u);
}

TEST(Text, EachKindOfDamageHasItsSentence) {
  const ConvSpec spec = spec_of("channel:0.3");
  const std::string good = SparsityPattern::random(spec, 1)->text();
  const auto error = [](const std::string& text) {
    return test::usage_error_of([&] { SparsityPattern::parse(text); });
  };
  EXPECT_EQ(error(""),
            "sparsity pattern: its first line is \"\" but must be \"convoke-sparsity 1\"");
  EXPECT_EQ(error("convoke-sparsity 2" + good.substr(18)),
            "sparsity pattern: its first line is \"convoke-sparsity 2\" but must be "
            "\"convoke-sparsity 1\"");
  for (std::size_t size = 19; size + 1 < good.size(); ++size)
    ASSERT_EQ(error(good.substr(0, size)),
              "sparsity pattern: its last line is not \"sha256 \" and 64 digits: it is cut off")
        << size;
  std::string changed = good;
  changed[good.find("10")] = '8';
  EXPECT_THAT(error(changed), HasSubstr("it was damaged or changed"));
  const auto body = [](const std::string& second, const std::string& third) {
    return hashed("convoke-sparsity 1\n" + second + "\n" + third + "\n");
  };
  const std::string head = "g2ic10oc14kh3kw2 channel:0.2857142857142857";
  EXPECT_EQ(error(body(head, "0 3 10 12")), "no error");
  EXPECT_EQ(error(body("g2ic10oc14kh3 channel:0.3", "0")),
            "sparsity pattern: the shape is \"g2ic10oc14kh3\" but must read g1ic64oc64kh3kw3");
  EXPECT_EQ(error(body("g2ic10oc14kh3kw2x channel:0.3", "0")),
            "sparsity pattern: the shape is \"g2ic10oc14kh3kw2x\" but must read g1ic64oc64kh3kw3");
  EXPECT_THAT(error(body("g0ic10oc14kh3kw2 channel:0.3", "0")), HasSubstr("groups (g) is 0"));
  EXPECT_THAT(error(body("g2ic10oc14kh3kw2 chanel:0.3", "0")), HasSubstr("unknown sparsity"));
  EXPECT_THAT(error(body("g2ic10oc14kh3kw2", "0")), HasSubstr("is dense"));
  EXPECT_EQ(
      error(body("g2ic10oc14kh3kw2 channel:0.5", "0 3 10 12")),
      "sparsity pattern: its second line is \"g2ic10oc14kh3kw2 channel:0.5\" but the units in "
      "it are those of \"g2ic10oc14kh3kw2 channel:0.2857142857142857\"");
  EXPECT_EQ(error(body(head, "0 3 x 12")),
            "sparsity pattern: \"x\" is neither a unit nor a range of units, such as 4-7");
  EXPECT_EQ(error(body(head, "0 3 10 14")),
            "sparsity pattern: \"14\" is not within the 14 units, 0 to 13");
  EXPECT_EQ(error(body(head, "0-99999999999")),
            "sparsity pattern: \"0-99999999999\" is not within the 14 units, 0 to 13");
  EXPECT_EQ(error(body(head, "3 0 10 12")),
            "sparsity pattern: \"0\" stands after unit 3: units must ascend");
}

TEST(File, SavesAndLoads) {
  const std::string path = testing::TempDir() + "convoke_sparsity_pattern_test.txt";
  const auto pattern = SparsityPattern::random(spec_of("unstructured:0.1"), 4);
  pattern->save(path);
  EXPECT_EQ(SparsityPattern::load(path)->hash(), pattern->hash());
  std::filesystem::resize_file(path, 60);
  EXPECT_EQ(test::usage_error_of([&] { SparsityPattern::load(path); }),
            path +
                ": sparsity pattern: its last line is not \"sha256 \" and 64 digits: it is cut "
                "off");
  std::filesystem::remove(path);
  EXPECT_EQ(test::usage_error_of([&] { SparsityPattern::load(path); }),
            "cannot read the sparsity pattern " + path + ": No such file or directory");
  EXPECT_EQ(test::usage_error_of([&] { SparsityPattern::load(testing::TempDir()); }),
            "cannot read the sparsity pattern " + testing::TempDir() + ": Is a directory");
  EXPECT_EQ(
      test::usage_error_of([&] { pattern->save("/nonexistent/pattern.txt"); }),
      "cannot write the sparsity pattern /nonexistent/pattern.txt: No such file or directory");
}

}  // namespace
}  // namespace convoke
