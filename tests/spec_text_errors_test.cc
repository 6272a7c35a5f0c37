// Whatever is no problem gets one sentence with the value and the limit, and the usage code.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "compiler/spec_text.h"

namespace convoke {
namespace {

std::string error_of(std::string_view text) {
  try {
    return "parsed as " + print_problem(parse_problem(text));
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUsage) << text;
    return e.what();
  }
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
       "block:KEEP@KxC, unstructured:KEEP, nm:N:M, each but none with :bound if its indices are "
       "operands"},
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
      {"ic3ih8oc4kh3 sparsity=nm:2:bound", "sparsity \"nm:2:bound\" must read nm:N:M"},
      {"ic3ih8oc4kh3 sparsity=channel:bound",
       "unknown sparsity \"channel:bound\": it must be one of none, channel:KEEP[@B], "
       "input:KEEP[@G], block:KEEP@KxC, unstructured:KEEP, nm:N:M, each but none with :bound if "
       "its indices are operands"},
      {"ic3ih8oc4kh3 sparsity=none:bound",
       "unknown sparsity \"none:bound\": it must be one of none, channel:KEEP[@B], "
       "input:KEEP[@G], block:KEEP@KxC, unstructured:KEEP, nm:N:M, each but none with :bound if "
       "its indices are operands"},
      {"ic3ih8oc4kh3 sparsity=channel:0.5:bound@4",
       "sparsity keep ratio is \"0.5:bound\" but must be above 0 and at most 1"},
      {"ic3ih8oc4kh3 quant=s4:channel",
       "unknown quantisation \"s4:channel\": it must be none, or zp if x has a zero point"},
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

}  // namespace
}  // namespace convoke
