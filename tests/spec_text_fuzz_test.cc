// What is printed reads back, for random specs; random and mutated text parses and reads back or is
// refused with an Error, never anything else.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "compiler/spec_text.h"

namespace convoke {
namespace {

/// Prints what was parsed and parses it again: the same spec, name and count, the same text.
void check_round_trip(const Problem& problem, const std::string& input) {
  const std::string text = print_problem(problem);
  const Problem again = parse_problem(text);
  ASSERT_EQ(again.spec, problem.spec) << input << " printed as " << text;
  ASSERT_EQ(again.name, problem.name) << input;
  ASSERT_EQ(again.count, problem.count) << input;
  ASSERT_EQ(print_problem(again), text) << input;
  ASSERT_EQ(print_spec(parse_problem(print_spec(problem.spec)).spec), print_spec(problem.spec));
}

TEST(RoundTrip, RandomSpecs) {
  std::mt19937 random(7);
  const auto pick = [&random](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  int valid = 0;
  for (int i = 0; i < 50000; ++i) {
    Problem problem;
    ConvSpec& s = problem.spec;
    s.pass = static_cast<Pass>(pick(0, 2));
    s.groups = pick(1, 3);
    s.n = pick(0, 4) == 0 ? kOpenBatch : pick(1, 9);
    s.c = s.groups * pick(1, 9), s.k = s.groups * pick(1, 9);
    s.h = pick(1, 12), s.r = pick(1, 5), s.p = pick(1, 12), s.stride_h = pick(1, 3);
    s.dilation_h = pick(1, 3), s.pad_h = pick(0, 4);
    s.w = s.h, s.s = s.r, s.q = s.p, s.stride_w = s.stride_h, s.dilation_w = s.dilation_h;
    s.pad_w = s.pad_h;
    if (pick(0, 1) == 1) s.w = pick(1, 12), s.q = pick(1, 12), s.pad_w = pick(0, 3);
    if (pick(0, 1) == 1) s.s = pick(1, 5), s.stride_w = pick(1, 3), s.dilation_w = pick(1, 3);
    s.x_type = static_cast<DataType>(pick(0, 7)), s.w_type = s.x_type;
    if (pick(0, 3) == 0) s.w_type = static_cast<DataType>(pick(0, 7));
    s.y_type = static_cast<DataType>(pick(0, 7));
    s.x_layout = static_cast<Layout>(pick(0, 1)), s.y_layout = static_cast<Layout>(pick(0, 1));
    const char* const epilogues[] = {"", "relu(acc)", "acc*scale[k]+bias[k]"};
    const char* const patterns[] = {"", "channel:0.5", "nm:2:4"};
    const char* const quants[] = {"", "zp"};
    s.epilogue = epilogues[pick(0, 2)], s.sparsity = patterns[pick(0, 2)];
    s.quant = quants[pick(0, 1)];
    try {
      s.validate();
    } catch (const Error&) {
      continue;
    }
    ++valid;
    check_round_trip(problem, "random spec");
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(valid, 2000);
}

const std::vector<std::string> kSeeds = {
    "g2mb128ic64ih56iw58oc32oh28ow21kh3kw5sh2sw3dh1dw2ph4pw17nres2a_branch2b*3",
    "mb?ic3ih224oc64oh112kh7sh2 dtype=f16 layout=nchw epilogue=relu(acc*scale[k]+bias[k])",
    "ic8ih10oc8oh9kh4ph2 pass=wgrad x=bf16 w=f32 y=bf16 xlayout=nhwc ylayout=nchw batch=12",
    "ic3iw10oc4kw3pw1n\"a*3*1\" sparsity=block:0.25@8x16 quant=zp y=s32 dtype=s8",
    "MIOpenDriver convfp16 -n 8 -c 4 -H 9 -W 8 -k 6 -y 5 -x 3 -p 2 -q 0 -u 2 -g 2 -F 2 -V 0",
    "conv --batchsize 1 --in_layout NHWC --fil_layout NHWC --out_layout NCHW -b 1 --pad_h 1",
};
const std::vector<std::string> kPieces = {"mb",
                                          "ic",
                                          "ih",
                                          "iw",
                                          "oc",
                                          "oh",
                                          "ow",
                                          "kh",
                                          "kw",
                                          "sh",
                                          "sw",
                                          "dh",
                                          "dw",
                                          "ph",
                                          "pw",
                                          "g",
                                          "id",
                                          "kd",
                                          "n",
                                          "*",
                                          "*2",
                                          "\"",
                                          "_",
                                          "?",
                                          "-",
                                          "=",
                                          "@",
                                          ":",
                                          " ",
                                          "\t",
                                          "x",
                                          "0",
                                          "1",
                                          "7",
                                          "2147483647",
                                          "2147483648",
                                          "9223372036854775807",
                                          "99999999999999999999",
                                          "-1",
                                          "1e9",
                                          "0.5",
                                          " dtype=",
                                          "f16",
                                          "tf32",
                                          "e4m3",
                                          "s8",
                                          "s32",
                                          " pass=",
                                          "dgrad",
                                          " layout=",
                                          "nchw",
                                          " batch=",
                                          " epilogue=",
                                          "relu(acc)",
                                          "(",
                                          ")",
                                          " sparsity=",
                                          "nm:2:4",
                                          "channel:0.5",
                                          " quant=",
                                          "s8:tensor",
                                          "conv ",
                                          "convint8 ",
                                          " -n ",
                                          " -F ",
                                          "--pad_w ",
                                          "#",
                                          "ic3ih8oc4kh3",
                                          "\n",
                                          "\xff"};

std::string mutate(std::string text, std::mt19937& random) {
  const auto pick = [&random](std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
  };
  for (std::size_t edits = 1 + pick(3); edits > 0; --edits) {
    const std::size_t at = pick(text.size() + 1);
    switch (pick(4)) {
      case 0:
        text.insert(at, kPieces[pick(kPieces.size())]);
        break;
      case 1:
        text.erase(at, pick(6));
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(pick(256));
        break;
      default: {
        const std::string& other = kSeeds[pick(kSeeds.size())];
        text = text.substr(0, at) + other.substr(pick(other.size()));
      }
    }
  }
  return text;
}

TEST(Fuzz, ParsesAndReadsBackOrThrowsError) {
  std::mt19937 random(11);
  const auto pick = [&random](std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
  };
  int parsed = 0, refused = 0;
  for (int i = 0; i < 100000; ++i) {
    std::string text;
    if (i % 3 == 0) {
      for (std::size_t pieces = pick(16); pieces > 0; --pieces) {
        text += kPieces[pick(kPieces.size())];
      }
    } else {
      text = mutate(kSeeds[pick(kSeeds.size())], random);
    }
    try {
      const Problem problem = parse_problem(text);
      ++parsed;
      check_round_trip(problem, text);
      if (HasFatalFailure()) return;
    } catch (const Error& e) {  // any other exception fails the test
      ++refused;
      ASSERT_EQ(e.code(), ErrorCode::kUsage) << text;
      ASSERT_GT(std::string(e.what()).size(), 10u) << text;
    }
  }
  EXPECT_GT(parsed, 3000) << "the mutations are too wild to test what is accepted";
  EXPECT_GT(refused, 30000);
}

}  // namespace
}  // namespace convoke
