// What ptxas says, as numbers. The logs are NVRTC 13.0's own, shortened.
#include "runtime/ptxas_log.h"

#include <gtest/gtest.h>

namespace convoke {
namespace {

constexpr char kTwoEntries[] =
    "ptxas info    : 0 bytes gmem\n"
    "ptxas info    : Compiling entry function 'convoke_reduce' for 'sm_90a'\n"
    "ptxas info    : Function properties for convoke_reduce\n"
    "ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
    "ptxas info    : Used 8 registers, used 0 barriers\n"
    "ptxas info    : Compile time = 2.327 ms\n"
    "ptxas info    : Compiling entry function 'convoke_kernel' for 'sm_90a'\n"
    "ptxas info    : Function properties for convoke_kernel\n"
    "ptxas         .     800 bytes stack frame, 24 bytes spill stores, 36 bytes spill loads\n"
    "ptxas info    : Used 40 registers, used 1 barriers, 800 bytes cumulative stack size, 4096 "
    "bytes "
    "smem\n"
    "ptxas info    : Compile time = 66.229 ms\n";

TEST(PtxasLog, TakesTheLargestOfTheEntries) {
  const KernelResources r = parse_ptxas_log(kTwoEntries);
  EXPECT_EQ(r.registers, 40);
  EXPECT_EQ(r.stack_bytes, 800);
  EXPECT_EQ(r.spill_stores, 24);
  EXPECT_EQ(r.spill_loads, 36);
  EXPECT_EQ(r.shared_bytes, 4096);
  EXPECT_TRUE(r.dropped.empty());
}

TEST(PtxasLog, SaysWhyAKernelIsSlow) {
  EXPECT_EQ(why_slow({}), "");
  EXPECT_EQ(why_slow({.registers = 255, .shared_bytes = 1 << 16}), "");
  EXPECT_NE(why_slow(parse_ptxas_log(kTwoEntries)).find("24 bytes"), std::string::npos);
  EXPECT_NE(why_slow({.stack_bytes = 16}).find("stack frame of 16"), std::string::npos);
  EXPECT_NE(why_slow({.spill_loads = 4}), "");
}

TEST(PtxasLog, NoticesDroppedDirectives) {
  for (const char* line :
       {"ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions are "
        "serialized due to the presence of Extern calls in the function 'convoke_kernel'",
        "ptxas info    : (C7504) Potential Performance Loss: 'setmaxnreg' ignored to maintain "
        "minimum register requirements.",
        "ptxas warning : setmaxnreg ignored; unable to determine register count at entry"}) {
    const KernelResources r =
        parse_ptxas_log(std::string("ptxas info : Used 8 registers\n") + line);
    ASSERT_EQ(r.dropped.size(), 1u) << line;
    EXPECT_NE(why_slow(r).find(line), std::string::npos);
  }
}

TEST(PtxasLog, LeavesOtherTextAlone) {
  for (const char* text :
       {"", "\n\n", "registers", " registers", "bytes stack frame", "C75", "C75x0", "C751",
        "Used many registers", "99999999999999999999 registers",
        "ptxas info    : Overriding maximum register limit 256 for 'k' with  32 of maxrregcount"})
    EXPECT_EQ(parse_ptxas_log(text), KernelResources{}) << text;
}

TEST(PtxasLog, FindsTheLineThatSaysWhatIsWrong) {
  EXPECT_EQ(first_error_line(""), "");
  EXPECT_EQ(first_error_line("warning: x\nk.cu(1): error: foo\nk.cu(2): error: bar\n"),
            "k.cu(1): error: foo");
  EXPECT_EQ(first_error_line("something else\nmore"), "something else");
  EXPECT_EQ(first_error_line("a\nptxas fatal   : aborted"), "ptxas fatal   : aborted");
}

}  // namespace
}  // namespace convoke
