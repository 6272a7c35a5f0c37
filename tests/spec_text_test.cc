// The text forms of a problem: what benchdnn and MIOpenDriver write is read as they read it.
// Malformed text is in spec_text_errors_test.cc, random text in spec_text_fuzz_test.cc.
#include "compiler/spec_text.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <tuple>
#include <vector>

#include "compiler/sparsity.h"

namespace convoke {
namespace {

std::string canonical(std::string_view text) { return print_problem(parse_problem(text)); }

TEST(Descriptor, ReadsEveryEntry) {
  const Problem p =
      parse_problem("g2mb128ic64ih56iw58oc32oh28ow21kh3kw5sh2sw3dh1dw2ph4pw17nres2a_branch2b*3");
  const ConvSpec& s = p.spec;
  EXPECT_EQ(std::tie(s.groups, s.n, s.c, s.h, s.w, s.k, s.p, s.q),
            std::make_tuple(2, 128, 64, 56, 58, 32, 28, 21));
  EXPECT_EQ(std::tie(s.r, s.s, s.stride_h, s.stride_w), std::make_tuple(3, 5, 2, 3));
  EXPECT_EQ(std::tie(s.dilation_h, s.dilation_w), std::make_tuple(2, 3)) << "dh is zero-based";
  EXPECT_EQ(std::tie(s.pad_h, s.pad_w), std::make_tuple(4, 17));
  EXPECT_EQ(p.name, "res2a_branch2b");
  EXPECT_EQ(p.count, 3);
}

/// One text, the canonical one for it, and what benchdnn's rules make of it, worked out by hand.
struct Reading {
  const char* text;
  const char* canonical;
  std::int64_t p, q, pad_h, pad_w;
};

const Reading kReadings[] = {
    // mb defaults to 2, entries come in any order, the last of two counts, `_` means nothing.
    {"ic3ih8oc4kh3", "mb2ic3ih8oc4kh3", 6, 6, 0, 0},
    {"kh3oc4_ih8ic3_mb5", "mb5ic3ih8oc4kh3", 6, 6, 0, 0},
    {"mb1mb7ic3__ih8oc4kh3_", "mb7ic3ih8oc4kh3", 6, 6, 0, 0},
    // w follows h only where no w entry is given; a padding of 0 alone is none.
    {"ic3ih8oc4kh3ph1sh2", "mb2ic3ih8oc4kh3sh2ph1", 4, 4, 1, 1},
    {"ic3ih8oc4kh3ph1pw0", "mb2ic3ih8oc4kh3ph1", 8, 8, 1, 1},
    {"ic3ih8iw8oc4kh3kw3ph1", "mb2ic3ih8iw8oc4kh3kw3ph1", 8, 6, 1, 0},
    {"ic3ih8iw8oc4kh3kw3sh2ph1pw1", "mb2ic3ih8iw8oc4kh3kw3sh2ph1pw1", 4, 8, 1, 1},
    // A 0 among the sizes is a size not given.
    {"ic3ih8iw0oc4oh0kh3kw0ph1", "mb2ic3ih8oc4kh3ph1", 8, 8, 1, 1},
    // The output is deduced from the padding, which is 0 if neither is given.
    {"ic64ih56oc64oh56kh3ph1", "mb2ic64ih56oc64kh3ph1", 56, 56, 1, 1},
    {"ic64ih56oc64kh3", "mb2ic64ih56oc64kh3", 54, 54, 0, 0},
    // The padding is deduced from the output: half of what is needed, rounded towards zero.
    {"ic64ih56oc64oh54kh3", "mb2ic64ih56oc64kh3", 54, 54, 0, 0},
    {"ic64ih56oc64oh56kh3", "mb2ic64ih56oc64kh3ph1", 56, 56, 1, 1},
    {"ic3ih224oc64oh112kh7sh2", "mb2ic3ih224oc64oh112kh7sh2", 112, 112, 2, 2},
    {"ic8ih10oc8oh10kh4", "mb2ic8ih10oc8oh10kh4", 10, 10, 1, 1},
    {"ic256ih56oc512oh28kh1sh2", "mb2ic256ih56oc512kh1sh2", 28, 28, 0, 0},
    // Both given and neither follows from the other: the high padding differs.
    {"ic8ih10oc8oh9kh4ph2", "mb2ic8ih10oc8oh9kh4ph2", 9, 9, 2, 2},
    {"ic8ih10oc8oh7kh4ph0", "mb2ic8ih10oc8kh4", 7, 7, 0, 0},
    {"ic8ih10oc8oh10kh4ph0", "mb2ic8ih10oc8oh10kh4ph0", 10, 10, 0, 0},
    // Division truncates towards zero, so that a filter may stick out by less than a stride.
    {"ic1ih3oc1kh5sh3", "mb2ic1ih3oc1kh5sh3", 1, 1, 0, 0},
    // Without h entries there is one row; depth entries that say nothing are no third dimension.
    {"ic3iw10oc4kw3pw1", "mb2ic3ih1iw10oc4kh1kw3pw1", 1, 10, 0, 1},
    {"ic3id0ih8od0oc4kd0kh3sd1dd0pd0", "mb2ic3ih8oc4kh3", 6, 6, 0, 0},
    // Dilation 0 is none; one group is no group.
    {"g1mb128ic64ih56iw56oc64oh56ow56kh3kw3sh1sw1dh0dw0ph1pw1", "mb128ic64ih56oc64kh3ph1", 56, 56,
     1, 1},
    {"g32ic32ih9oc64kh3dh1ph2", "g32mb2ic32ih9oc64kh3dh1ph2", 9, 9, 2, 2},
    // Examples of benchdnn's documentation and inputs.
    {"ic3ih227iw227_oc96oh55ow55_kh11kw11_sh4sw4ph0pw0_n\"alexnet:conv1\"",
     "mb2ic3ih227oc96kh11sh4nalexnet:conv1", 55, 55, 0, 0},
    {"mb1ic3ih224iw224oc64oh112ow112kh7kw7sh2sw2ph3pw3nresnet_50:conv1",
     "mb1ic3ih224oc64kh7sh2ph3nresnet_50:conv1", 112, 112, 3, 3},
    {"ic64ih56oc64oh56kh3ph1n\"resnet_50:res2[a,b,c]_branch2b*3\"",
     "mb2ic64ih56oc64kh3ph1nresnet_50:res2[a,b,c]_branch2b*3", 56, 56, 1, 1},
    {"g1024mb1ic1024ih7oc1024oh7kh3ph1n\"mobilenet:conv6/dw\"",
     "g1024mb1ic1024ih7oc1024kh3ph1nmobilenet:conv6/dw", 7, 7, 1, 1},
    // An open batch is ours.
    {"mb?ic3ih8oc4kh3", "mb?ic3ih8oc4kh3", 6, 6, 0, 0},
};

TEST(Descriptor, ReadsAsBenchdnnDoes) {
  for (const Reading& c : kReadings) {
    const ConvSpec s = parse_problem(c.text).spec;
    EXPECT_EQ(std::tie(s.p, s.q, s.pad_h, s.pad_w), std::tie(c.p, c.q, c.pad_h, c.pad_w)) << c.text;
    EXPECT_EQ(canonical(c.text), c.canonical);
    EXPECT_EQ(canonical(c.canonical), c.canonical);
  }
}

TEST(Descriptor, NameAndCount) {
  const auto read = [](const std::string& name) {
    const Problem p = parse_problem("ic3ih8oc4kh3n" + name);
    return p.name + "|" + std::to_string(p.count);
  };
  EXPECT_EQ(read(""), "|1");
  EXPECT_EQ(read("a*3"), "a|3");
  EXPECT_EQ(read("\"a*3\""), "a|3");
  EXPECT_EQ(read("*12"), "|12");
  EXPECT_EQ(read("a*"), "a*|1");
  EXPECT_EQ(read("a*b"), "a*b|1");
  EXPECT_EQ(read("a_kh3=b*2"), "a_kh3=b|2");
  // A name that ends like a count keeps its count in print, or it would read back as another.
  EXPECT_EQ(read("a*3*1"), "a*3|1");
  EXPECT_EQ(canonical("ic3ih8oc4kh3na*3*1"), "mb2ic3ih8oc4kh3na*3*1");
}

TEST(Words, SetWhatTheyName) {
  const ConvSpec s = parse_problem(
                         "ic3ih8oc4kh3 pass=dgrad dtype=f16 y=f32 layout=nchw ylayout=nhwc batch=7 "
                         "epilogue=relu(acc+bias[k]) sparsity=block:0.250@8x4 quant=zp")
                         .spec;
  EXPECT_EQ(s.pass, Pass::kDgrad);
  EXPECT_EQ(s.x_type, DataType::kF16);
  EXPECT_EQ(s.w_type, DataType::kF16);
  EXPECT_EQ(s.y_type, DataType::kF32);
  EXPECT_EQ(s.x_layout, Layout::kNchw);
  EXPECT_EQ(s.y_layout, Layout::kNhwc);
  EXPECT_EQ(s.n, 7);
  EXPECT_EQ(s.epilogue, "relu(acc+bias[k])");
  EXPECT_EQ(s.sparsity, "block:0.25@8x4");
  EXPECT_EQ(s.quant, "zp");
}

TEST(Words, PrintCanonically) {
  const std::string d = "mb2ic3ih8oc4kh3";
  EXPECT_EQ(
      canonical(d + " pass=fprop dtype=f32 layout=nhwc epilogue=acc sparsity=none quant=none"), d);
  EXPECT_EQ(canonical(d + " batch=?"), "mb?ic3ih8oc4kh3");
  EXPECT_EQ(canonical(d + " w=f16 y=f16 x=f16"), d + " dtype=f16");
  EXPECT_EQ(canonical(d + " dtype=tf32"), d + " dtype=tf32");
  EXPECT_EQ(canonical(d + " x=tf32 w=tf32"), d + " dtype=tf32") << "y of tf32 is f32";
  EXPECT_EQ(canonical(d + " dtype=e4m3 y=f16"), d + " dtype=e4m3") << "y of e4m3 is f16";
  EXPECT_EQ(canonical(d + " y=s32 dtype=s8"), d + " x=s8 w=s8 y=s32");
  EXPECT_EQ(canonical(d + " ylayout=nchw layout=nchw xlayout=nchw"), d + " layout=nchw");
  EXPECT_EQ(canonical(d + " ylayout=nchw"), d + " xlayout=nhwc ylayout=nchw");
  EXPECT_EQ(canonical("\t " + d + "   dtype=f16\t"), d + " dtype=f16");
}

TEST(Sparsity, CanonicalText) {
  const std::pair<const char*, const char*> cases[] = {
      {"none", ""},
      {"", ""},
      {"channel:0.50", "channel:0.5"},
      {"channel:1.0@1", "channel:1"},
      {"channel:.25@16", "channel:0.25@16"},
      {"input:1e-1@08", "input:0.1@8"},
      {"block:0.3@4x128", "block:0.3@4x128"},
      {"unstructured:0.1000000000000000055", "unstructured:0.1"},
      {"nm:2:4", "nm:2:4"},
      {"nm:02:04", "nm:2:4"},
      {"channel:0.50:bound", "channel:0.5:bound"},
      {"channel:.25@16:bound", "channel:0.25@16:bound"},
      {"input:0.5@08:bound", "input:0.5@8:bound"},
      {"block:0.3@4x128:bound", "block:0.3@4x128:bound"},
      {"unstructured:0.1:bound", "unstructured:0.1:bound"},
      {"nm:02:04:bound", "nm:2:4:bound"},
  };
  for (const auto& [text, expected] : cases) {
    const Sparsity s = Sparsity::parse(text);
    EXPECT_EQ(s.text(), expected) << text;
    EXPECT_EQ(Sparsity::parse(s.text()), s) << text;
  }
  EXPECT_EQ(Sparsity::parse("nm:1:4").keep, 0.25);
  EXPECT_TRUE(Sparsity::parse("nm:1:4:bound").bound);
  EXPECT_FALSE(Sparsity::parse("nm:1:4").bound);
}

TEST(MiOpen, ReadsDriverLines) {
  const std::pair<const char*, const char*> cases[] = {
      // MIOpen's defaults.
      {"conv", "mb100ic3ih32oc32kh3 layout=nchw"},
      {"conv -n 128 -c 64 -H 56 -W 56 -k 64 -y 3 -x 3 -p 1 -q 1 -u 1 -v 1 -l 1 -j 1 -m conv -g 1 "
       "-F 1 -t 1",
       "mb128ic64ih56oc64kh3ph1 layout=nchw"},
      {"./bin/MIOpenDriver convfp16 -n 8 -c 4 -H 9 -W 8 -k 6 -y 5 -x 3 -p 2 -q 0 -u 2 -v 1 -l 1 -j "
       "2 -g 2 -F 2 -V 0 -i 20 -w 1 -s 1",
       "g2mb8ic4ih9iw8oc6kh5kw3sh2dw1ph2 pass=dgrad dtype=f16 layout=nchw"},
      {"MIOpenDriver convbfp16 --batchsize 1 --in_channels 8 --in_h 6 --in_w 6 --out_channels 8 "
       "--fil_h 1 --fil_w 1 --conv_stride_h 2 --conv_stride_w 2 --pad_h 0 --pad_w 0 --dilation_h 1 "
       "--dilation_w 1 --group_count 1 --forw 4 --mode conv --spatial_dim 2 --verify 0",
       "mb1ic8ih6oc8kh1sh2 pass=wgrad dtype=bf16 layout=nchw"},
      {"convint8 --in_layout NHWC --fil_layout NHWC --out_layout NHWC --conv_stride_0 2",
       "mb100ic3ih32iw32oc32kh3kw3sh2 dtype=s8"},
      {"conv -I NHWC", "mb100ic3ih32oc32kh3 xlayout=nhwc ylayout=nchw"},
      {"conv -b 1 -F 1", "mb100ic3ih32oc32kh3 layout=nchw epilogue=acc+bias[k]"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(canonical(text), expected) << text;
}

class ProblemList : public testing::Test {
 protected:
  std::string write(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    return path_;
  }
  std::string error_of_list(const std::string& path) {
    try {
      read_problem_list(path);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kUsage);
      return e.what();
    }
    return "read";
  }
  void TearDown() override { std::filesystem::remove(path_); }

  const std::string path_ = testing::TempDir() + "convoke_problem_list_test.txt";
};

TEST_F(ProblemList, SkipsCommentsAndBlanksAndKeepsLines) {
  const auto problems = read_problem_list(
      write("# caf\xc3\xa9\r\n\n   \t\nic3ih8oc4kh3na*2 # first\r\nconv -n 1#second"));
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(print_problem(problems[0]), "mb2ic3ih8oc4kh3na*2");
  EXPECT_EQ(problems[0].line, 4);
  EXPECT_EQ(problems[1].line, 5);
  EXPECT_EQ(problems[1].spec.n, 1);
}

TEST_F(ProblemList, ErrorsNameFileAndLine) {
  EXPECT_EQ(error_of_list(write("ic3ih8oc4kh3\n\nic3ih8oc4kh3sh0\n")),
            path_ + ":3: sh is 0 but must be 1 to 2147483647");
  EXPECT_EQ(error_of_list(write("# nothing\n")), path_ + ": the list holds no problem");
  EXPECT_EQ(error_of_list("/nonexistent/list.txt"),
            "cannot read the problem list /nonexistent/list.txt: No such file or directory");
  EXPECT_EQ(error_of_list(testing::TempDir()),
            "cannot read the problem list " + testing::TempDir() + ": Is a directory");
}

}  // namespace
}  // namespace convoke
