// The text forms of a problem: what benchdnn and MIOpenDriver write is read as they read it, what
// is printed reads back, and whatever else comes in gets one sentence.
#include "compiler/spec_text.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "compiler/sparsity.h"

namespace convoke {
namespace {

std::string canonical(std::string_view text) { return print_problem(parse_problem(text)); }

std::string error_of(std::string_view text) {
  try {
    return "parsed as " + canonical(text);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUsage) << text;
    return e.what();
  }
}

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
                         "epilogue=relu(acc+bias[k]) sparsity=block:0.250@8x4 quant=s8:channel:zp")
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
  EXPECT_EQ(s.quant, "s8:channel:zp");
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
  };
  for (const auto& [text, expected] : cases) {
    const Sparsity s = Sparsity::parse(text);
    EXPECT_EQ(s.text(), expected) << text;
    EXPECT_EQ(Sparsity::parse(s.text()), s) << text;
  }
  EXPECT_EQ(Sparsity::parse("nm:1:4").keep, 0.25);
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

TEST(Errors, OneSentenceWithTheValueAndTheLimit) {
  const std::string entries =
      " of the descriptor: the entries are g, mb, ic, oc, ih iw, oh ow, kh kw, sh sw, dh dw, ph pw "
      "and n";
  const std::string keys =
      ": after the descriptor come key=value words without blanks, the key being one of pass, "
      "dtype, x, w, y, layout, xlayout, ylayout, epilogue, sparsity, quant, batch";
  const std::pair<std::string, std::string> cases[] = {
      {"", "the problem is empty: give a descriptor such as mb1ic3ih32oc6kh5"},
      {" \t ", "the problem is empty: give a descriptor such as mb1ic3ih32oc6kh5"},
      {std::string("ic3\0ih8", 7), "byte 0x00 at column 4 is not printable ASCII"},
      {"ic3ih8oc4kh3n\xc3\xa9", "byte 0xc3 at column 14 is not printable ASCII"},
      // Malformed.
      {"ic3xx8", "cannot read \"xx8\" at column 4" + entries},
      {"ic3ih8oc4kh3 ph1", "cannot read \"ph1\"" + keys},
      {"ic3ih8oc4kh3 kind=1", "cannot read \"kind=1\"" + keys},
      {"ic3ih8oc4kh3 epilogue=relu(acc + 1)", "cannot read \"+\"" + keys},
      {"ic3ihoc4kh3", "the descriptor's entry ih at column 4 has no number"},
      {"ic?ih8oc4kh3", "the descriptor's entry ic at column 1 has no number"},
      {"ic3ih8oc4kh3 dtype=f16 dtype=f32", "dtype= is given twice"},
      // Zero, negative, too large.
      {"mb0ic3ih8oc4kh3", "the batch (mb) is 0 but must be 1 to 2147483647"},
      {"ic0ih8oc4kh3", "the number of input channels (ic) is 0 but must be 1 to 2147483647"},
      {"ih8oc4kh3", "the number of input channels (ic) is 0 but must be 1 to 2147483647"},
      {"g0ic3ih8oc4kh3", "the number of groups (g) is 0 but must be 1 to 2147483647"},
      {"ic3ih8oc4kh3sh0", "sh is 0 but must be 1 to 2147483647"},
      {"ic3ih-8oc4kh3", "ih is -8 but must be 1 to 2147483647"},
      {"ic3ih8oc4kh3ph-1", "ph is -1 but must be 0 to 2147483647"},
      {"ic2147483648ih8oc4kh3", "ic is 2147483648 but must be 1 to 2147483647"},
      {"ic3ih99999999999999999999oc4kh3", "ih is 99999999999999999999 but must be 1 to 2147483647"},
      {"ic3ih8oc4kh3dh2147483647",
       "there is no output: the filter's extent along h, 3 taps with dilation 2147483648, is more "
       "than the input of 8 with padding 0 on both sides"},
      {"ic3ih8oc4oh2147483647kh3sh2147483647ph2147483647",
       "the bottom padding that 2147483647 outputs of stride 2147483647 need is more than "
       "2147483647"},
      {"ic3ih8oc4oh2147483647kh2147483647sh2147483647dh2147483646",
       "the top padding (ph) is 4611686011984936958 but must be 0 to 2147483647"},
      {"mb65536ic65536ih65536oc1kh1",
       "the input, 65536 x 65536 x 65536 x 65536 elements, is larger than 17592186044416 elements"},
      {"ic3ih8oc4kh3 batch=0", "batch is \"0\" but must be ? or a number from 1 to 2147483647"},
      {"ic3ih8oc4kh3 batch=2147483648",
       "batch is \"2147483648\" but must be ? or a number from 1 to 2147483647"},
      {"ic3ih8oc4kh3na*0", "the count 0 after the name is not 1 to 1000000000"},
      {"ic3ih8oc4kh3na*99999999999999999999",
       "the count 99999999999999999999 after the name is not 1 to 1000000000"},
      // Inconsistent.
      {"ic3oc4", "the descriptor gives neither ih and kh nor iw and kw"},
      {"ic3ih8oc4", "ih and kh must both be given and at least 1, but ih is 8 and kh is 0"},
      {"ic3ih8oc4kh3kw3", "iw and kw must both be given and at least 1, but iw is 0 and kw is 3"},
      {"ic3ih8oc4kh3sw2", "iw and kw must both be given and at least 1, but iw is 0 and kw is 0"},
      {"g2ic3ih8oc4kh3", "2 groups do not divide 3 input channels (ic)"},
      {"g3ic3ih8oc4kh3", "3 groups do not divide 4 output channels (oc)"},
      {"ic3ih3oc4kh5",
       "there is no output: the filter's extent along h, 5 taps with dilation 1, is more than the "
       "input of 3 with padding 0 on both sides"},
      {"ic3ih9oc4oh3kh1sh3",
       "the ph deduced from ih9, kh1 and oh3 is -1 but must be at least 0: give ph, or fewer "
       "inputs"},
      {"ic3ih9oc4oh3kh3ph1",
       "the bottom padding is -5 but must be more than minus the stride, -1: the input has room "
       "for "
       "more than the 3 outputs given"},
      {"ic3id8ih8oc4kd3kh3",
       "the descriptor \"ic3id8ih8oc4kd3kh3\" has 3-D entries (id, od, kd, sd, dd, pd): only 2-D "
       "convolutions are supported"},
      // Values of words.
      {"ic3ih8oc4kh3 pass=forward",
       "unknown pass \"forward\": it must be one of fprop, dgrad, wgrad"},
      {"ic3ih8oc4kh3 dtype=f64",
       "unknown type \"f64\": it must be one of f32, tf32, f16, bf16, s8, u8, e4m3, s32"},
      {"ic3ih8oc4kh3 dtype=s32",
       "s32 is only a type of outputs: give it as y=s32, with dtype=s8 or dtype=u8"},
      {"ic3ih8oc4kh3 layout=chwn", "unknown layout \"chwn\": it must be one of nhwc, nchw"},
      {"ic3ih8oc4kh3 y=s8", "y is s8, which needs x and w of s8 or u8, but they are f32 and f32"},
      {"ic3ih8oc4kh3 sparsity=row:0.5",
       "unknown sparsity \"row:0.5\": it must be one of none, channel:KEEP[@B], input:KEEP[@G], "
       "block:KEEP@KxC, unstructured:KEEP, nm:N:M"},
      {"ic3ih8oc4kh3 sparsity=channel:0",
       "sparsity keep ratio is \"0\" but must be above 0 and at most 1"},
      {"ic3ih8oc4kh3 sparsity=channel:1.5",
       "sparsity keep ratio is \"1.5\" but must be above 0 and at most 1"},
      {"ic3ih8oc4kh3 sparsity=channel:nan",
       "sparsity keep ratio is \"nan\" but must be above 0 and at most 1"},
      {"ic3ih8oc4kh3 sparsity=channel:0.5@0",
       "sparsity B is \"0\" but must be a number from 1 to 128"},
      {"ic3ih8oc4kh3 sparsity=block:0.5",
       "sparsity \"block:0.5\" has no block size: it must read block:KEEP@KxC"},
      {"ic3ih8oc4kh3 sparsity=block:0.5@2x8",
       "sparsity K of KxC is \"2\" but must be a number from 4 to 128"},
      {"ic3ih8oc4kh3 sparsity=block:0.5@8x256",
       "sparsity C of KxC is \"256\" but must be a number from 4 to 128"},
      {"ic3ih8oc4kh3 sparsity=unstructured:0.5@4",
       "sparsity \"unstructured:0.5@4\" has a block size, which unstructured has not"},
      {"ic3ih8oc4kh3 sparsity=nm:5:4",
       "sparsity N of nm:N:M is \"5\" but must be a number from 1 to 4"},
      {"ic3ih8oc4kh3 sparsity=nm:2", "sparsity \"nm:2\" must read nm:N:M"},
      {"ic3ih8oc4kh3 quant=s4:channel",
       "unknown quantisation \"s4:channel\": it must be none, s8:channel or s8:tensor, the last "
       "two "
       "with :zp if the input has a zero point"},
      // MIOpenDriver.
      {"MIOpenDriver", "the MIOpenDriver line names no operation: give conv"},
      {"convfp8 -n 1",
       "unknown MIOpenDriver operation \"convfp8\": it must be one of conv, convfp16, convbfp16, "
       "convint8"},
      {"conv -N 1", "unknown MIOpenDriver flag \"-N\""},
      {"conv --batch 1", "unknown MIOpenDriver flag \"--batch\""},
      {"conv 17", "unknown MIOpenDriver flag \"17\""},
      {"conv -n", "MIOpenDriver flag -n has no value"},
      {"conv -n 0",
       "MIOpenDriver flag -n (--batchsize) is \"0\" but must be a number from 1 to 2147483647"},
      {"conv -p -1",
       "MIOpenDriver flag -p (--pad_h) is \"-1\" but must be a number from 0 to 2147483647"},
      {"conv -c 12x",
       "MIOpenDriver flag -c (--in_channels) is \"12x\" but must be a number from 1 to 2147483647"},
      {"conv -F 3",
       "MIOpenDriver flag -F (--forw) is 3, which is more than one pass: it must be 0, 1, 2 or 4"},
      {"conv -m trans",
       "MIOpenDriver flag -m (--mode) is \"trans\" but must be conv: for a transposed convolution "
       "give the forward one with -F 2"},
      {"conv --spatial_dim 3",
       "MIOpenDriver flag -_ (--spatial_dim) is \"3\" but must be 2: only 2-D convolutions are "
       "supported"},
      {"conv -I CHWN", "MIOpenDriver flag -I (--in_layout) is \"CHWN\" but must be NCHW or NHWC"},
      {"conv -I NHWC -f NCHW",
       "MIOpenDriver flag -f (--fil_layout) is NCHW but the weights follow the input's layout, "
       "NHWC"},
      {"conv -g 2", "2 groups do not divide 3 input channels (ic)"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(error_of(text), message) << text;
}

TEST(Errors, OfTheEpilogueNameTheColumn) {
  EXPECT_EQ(error_of("ic3ih8oc4kh3 epilogue=relu(acc").substr(0, 16), "epilogue column ");
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
  EXPECT_EQ(error_of_list(write("# nothing\n")), path_ + ":1: the list holds no problem");
  EXPECT_EQ(error_of_list("/nonexistent/list.txt"),
            "cannot read the problem list /nonexistent/list.txt: No such file or directory");
  EXPECT_EQ(error_of_list(testing::TempDir()),
            "cannot read the problem list " + testing::TempDir() + ": Is a directory");
}

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
    const char* const quants[] = {"", "s8:tensor", "s8:channel:zp"};
    s.epilogue = epilogues[pick(0, 2)], s.sparsity = patterns[pick(0, 2)];
    s.quant = quants[pick(0, 2)];
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
    "ic3iw10oc4kw3pw1n\"a*3*1\" sparsity=block:0.25@8x16 quant=s8:channel:zp y=s32 dtype=s8",
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
