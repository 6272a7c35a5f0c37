// The verifier must let a right kernel pass and catch each kind of wrong one. The kernels here are
// plain loops with one deliberate fault; nothing is emitted or compiled.
#include "autotune/verify.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "compiler/epilogue.h"
#include "compiler/spec_text.h"
#include "tests/fake_target.h"
#include "tests/naive_conv.h"

namespace convoke {
namespace {

enum class Fault {
  kNone,
  kMissesOneTap,  // the last tap of the last filter
  kShiftedTap,    // reads one column to the right
  kUnwrittenElement,
  kWritesPastTheEnd,
  kWritesBeforeTheStart,
  kMultipliesPadding,  // zero times the weight
  kReadsNeighbourTimesZero,
  kWrongEpilogue,  // drops the last operand
  kChangesItsInput,
  kChangesItsWeights,
  kTruncatesTheStore,  // rounds toward zero instead of to nearest
  kAccumulatesInBf16,
  kSlightlyOff,       // relative 1e-4: only the floats see it
  kNotDeterministic,  // last bit depends on the launch
  kWorkspaceOverrun,
  kReadsStaleWorkspace,
  kPackedDiffers,  // wrong for packed weights only
  kPackedOverrun,
  kIgnoresTheBatch,  // an open batch: always computes two images
  kThrowsUnsupported,
};

struct FaultyKernel final : Kernel {
  ConvSpec spec;
  Fault fault;
  Epilogue epilogue;
  mutable int launches = 0;

  FaultyKernel(const ConvSpec& s, Fault f)
      : spec(s), fault(f), epilogue(Epilogue::parse(s.epilogue)) {}
  std::vector<PlanStep> steps(std::int64_t, WeightForm) const override { return {}; }
  std::int64_t workspace_bytes(std::int64_t, WeightForm) const override { return 64; }
  std::int64_t packed_weight_bytes() const override {
    return spec.w_elements() * size_of(spec.w_type);
  }
  void prepack(const void* w, const void*, void* packed, void*) const override {
    std::memcpy(packed, w, packed_weight_bytes());
    if (fault == Fault::kPackedOverrun) static_cast<char*>(packed)[packed_weight_bytes()] = 1;
  }
  void launch(const LaunchArgs& args, WeightForm form) const override;

 private:
  double sum(const LaunchArgs& args, std::int64_t n, std::int64_t k, std::int64_t p,
             std::int64_t q) const;
  double finish(const LaunchArgs& args, double sum, std::int64_t k, std::int64_t at) const;
};

double FaultyKernel::sum(const LaunchArgs& args, std::int64_t n, std::int64_t k, std::int64_t p,
                         std::int64_t q) const {
  ConvSpec read = spec;
  if (fault == Fault::kShiftedTap) read.pad_w -= 1;
  double total = test::naive_sum(read, args.x.data, args.w.data, n, k, p, q);
  if (fault == Fault::kMissesOneTap && k == spec.k - 1) {
    ConvSpec fewer = spec;  // the last weight of the last filter counts as zero
    std::vector<std::byte> w(args.w.bytes);
    std::memcpy(w.data(), args.w.data, args.w.bytes);
    store_element(w.data(), spec.w_elements() - 1, spec.w_type, 0);
    total = test::naive_sum(fewer, args.x.data, w.data(), n, k, p, q);
  }
  const bool border = p == 0 && q == 0;  // the tap (0, 0) falls on padding there
  if (fault == Fault::kMultipliesPadding && border)
    total += 0 * load_element(args.w.data, k * spec.c_per_group() * spec.r * spec.s, spec.w_type);
  if (fault == Fault::kReadsNeighbourTimesZero && p == spec.p - 1 && q == 0)
    total += 0 * load_element(args.x.data, (n + 1) * spec.c * spec.h * spec.w - 1, spec.x_type);
  if (fault == Fault::kAccumulatesInBf16) total = round_to(DataType::kBf16, total);
  if (fault == Fault::kSlightlyOff) total *= total == std::floor(total) ? 1 : 1 + 1e-4;
  return total;
}

double FaultyKernel::finish(const LaunchArgs& args, double sum, std::int64_t k,
                            std::int64_t at) const {
  double operands[kMaxEpilogueOperands] = {};
  for (std::size_t i = 0; i < args.operand_count; ++i) {
    if (fault == Fault::kWrongEpilogue && i + 1 == args.operand_count) continue;
    operands[i] = epilogue.operands()[i].per_channel
                      ? load_element(args.operands[i].data, k, DataType::kF32)
                      : load_element(args.operands[i].data, at, spec.y_type);
  }
  return epilogue.evaluate(static_cast<float>(sum), operands);
}

void FaultyKernel::launch(const LaunchArgs& args, WeightForm form) const {
  ++launches;
  if (fault == Fault::kThrowsUnsupported) throw Error(ErrorCode::kUnsupported, "no such kernel");
  const std::int64_t images = fault == Fault::kIgnoresTheBatch ? 2 : args.batch;
  test::for_each_output(
      spec, images, [&](std::int64_t n, std::int64_t k, std::int64_t p, std::int64_t q) {
        const std::int64_t at = test::y_index(spec, n, k, p, q);
        if (fault == Fault::kUnwrittenElement && at == 5) return;
        double value = finish(args, sum(args, n, k, p, q), k, at);
        if (fault == Fault::kPackedDiffers && form == WeightForm::kPacked) value += 1;
        if (fault == Fault::kReadsStaleWorkspace)
          value += load_element(args.workspace.data, 3, DataType::kF32);
        if (fault == Fault::kNotDeterministic && launches % 2 == 0 && value != std::floor(value))
          value = std::nextafterf(static_cast<float>(value), 9);
        if (fault == Fault::kTruncatesTheStore && round_to(spec.y_type, value) > value)
          value = 2 * value - round_to(spec.y_type, value);  // mirrored below: rounds down
        store_element(args.y.data, at, spec.y_type, value);
      });
  auto* y = static_cast<char*>(args.y.data);
  if (fault == Fault::kWritesPastTheEnd) y[args.y.bytes + 17] = 1;
  if (fault == Fault::kWritesBeforeTheStart) y[-3] = 1;
  if (fault == Fault::kChangesItsInput) static_cast<char*>(const_cast<void*>(args.x.data))[0] ^= 1;
  if (fault == Fault::kChangesItsWeights)
    static_cast<char*>(const_cast<void*>(args.w.data))[2] ^= 1;
  if (fault == Fault::kWorkspaceOverrun) static_cast<char*>(args.workspace.data)[64] = 1;
}

/// A target whose one kernel is FaultyKernel.
struct FaultyTarget : StubTarget {
  Fault fault = Fault::kNone;
  std::string unsupported, illegal;

  std::string why_unsupported(const ConvSpec&) const override { return unsupported; }
  std::string why_illegal(const ConvSpec&, const KernelConfig&) const override { return illegal; }
  std::int64_t workspace_bytes(const ConvSpec&, const KernelConfig&, WeightForm) const override {
    return 64;
  }
  std::shared_ptr<const Kernel> load(const ConvSpec& spec, const KernelConfig&,
                                     const CompiledKernel&) const override {
    return std::make_shared<FaultyKernel>(spec, fault);
  }
};

VerifyResult check(const char* text, Fault fault) {
  FaultyTarget target;
  target.fault = fault;
  return Verifier(target, parse_problem(text).spec, 1).check({});
}

constexpr char kPadded[] = "mb2ic3ih6oc5oh6kh3ph1";

class RightKernel : public testing::TestWithParam<const char*> {};

TEST_P(RightKernel, Passes) {
  const VerifyResult result = check(GetParam(), Fault::kNone);
  EXPECT_EQ(result.verdict, Verdict::kPassed) << result.reason;
  EXPECT_TRUE(result.reason.empty());
  EXPECT_LE(result.max_error, result.tolerance);
  EXPECT_LT(result.tolerance, 0.1);
}

INSTANTIATE_TEST_SUITE_P(
    Problems, RightKernel,
    testing::Values(kPadded, "mb1ic1ih1oc1oh1kh1ph0", "mb1ic2ih1oc1oh1kh1ph0 dtype=bf16",
                    "mb?ic3ih6oc5oh6kh3ph1", "g4mb1ic4ih9oc8oh5kh3sh2ph1 dtype=bf16",
                    "mb1ic40ih5oc6oh5kh3ph1 dtype=bf16", "mb1ic40ih5oc6oh5kh3ph1 dtype=f16",
                    "mb2ic3ih6oc5oh6kh3ph1 layout=nchw",
                    "mb1ic3ih1oc4oh1kh3ph1",     // eight dead taps of nine
                    "mb1ic2ih3oc4oh15kh3ph7",    // most outputs see padding alone
                    "mb1ic2ih1oc2oh1kh1sh2ph1",  // every output does
                    "mb1ic3ih6oc5oh4kh3ph0 epilogue=relu(acc*scale[k]+bias[k]+residual)",
                    "mb1ic30ih6oc5oh4kh3ph0 epilogue=relu6(acc)",
                    "mb1ic3ih6oc5oh4kh3ph0 epilogue=gelu(acc*0.1)",
                    "mb1ic3ih6oc5oh4kh3ph0 epilogue=acc/scale[k] dtype=bf16"));

struct FaultCase {
  Fault fault;
  const char* problem;
  const char* reason;  ///< must be in the sentence
};

class WrongKernel : public testing::TestWithParam<FaultCase> {};

TEST_P(WrongKernel, IsCaught) {
  const FaultCase& param = GetParam();
  const VerifyResult right = check(param.problem, Fault::kNone);
  EXPECT_EQ(right.verdict, Verdict::kPassed) << right.reason;
  const VerifyResult result = check(param.problem, param.fault);
  EXPECT_EQ(result.verdict, Verdict::kFailed);
  EXPECT_NE(result.reason.find(param.reason), std::string::npos) << result.reason;
}

INSTANTIATE_TEST_SUITE_P(
    Faults, WrongKernel,
    testing::Values(
        FaultCase{Fault::kMissesOneTap, kPadded, "integers, plain weights: y[n=0,k=4,p=0,q=0]"},
        FaultCase{Fault::kMissesOneTap, "mb1ic512ih3oc8oh3kh3ph1 dtype=bf16", "integers"},
        FaultCase{Fault::kShiftedTap, kPadded, "integers"},
        FaultCase{Fault::kUnwrittenElement, kPadded, "y[n=0,k=0,p=0,q=1] is unwritten"},
        FaultCase{Fault::kWritesPastTheEnd, kPadded, "wrote 18 bytes past the end of y"},
        FaultCase{Fault::kWritesBeforeTheStart, kPadded, "wrote 3 bytes before the start of y"},
        FaultCase{Fault::kMultipliesPadding, kPadded,
                  "infinite weights on padding, plain weights: y[n=0,k=0,p=0,q=0] is nan"},
        FaultCase{Fault::kMultipliesPadding, "mb1ic3ih6oc5oh6kh3ph1 epilogue=relu(acc) dtype=bf16",
                  "infinite weights"},
        FaultCase{Fault::kReadsNeighbourTimesZero, kPadded, "infinite pixels"},
        FaultCase{Fault::kWrongEpilogue, "mb1ic3ih6oc5oh6kh3ph1 epilogue=acc*scale[k]+bias[k]",
                  "integers"},
        FaultCase{Fault::kWrongEpilogue, "mb1ic3ih6oc5oh6kh3ph1 epilogue=tanh(acc*0.1+bias[k])",
                  "integers"},
        FaultCase{Fault::kChangesItsInput, kPadded, "changed byte 0 of x"},
        FaultCase{Fault::kChangesItsWeights, kPadded, "changed byte 2 of the weights"},
        FaultCase{Fault::kTruncatesTheStore, "mb1ic64ih6oc5oh6kh3ph1 dtype=bf16", "is"},
        FaultCase{Fault::kAccumulatesInBf16, kPadded, "integers"},
        FaultCase{Fault::kSlightlyOff, kPadded, "floats"},
        FaultCase{Fault::kNotDeterministic, kPadded, "two launches on the same data differ"},
        FaultCase{Fault::kWorkspaceOverrun, kPadded, "past the end of the workspace (64 bytes)"},
        FaultCase{Fault::kReadsStaleWorkspace, kPadded, "is nan"},
        FaultCase{Fault::kPackedDiffers, kPadded, "integers, packed weights"},
        FaultCase{Fault::kPackedOverrun, kPadded, "past the end of the packed weights"},
        FaultCase{Fault::kIgnoresTheBatch, "mb?ic3ih6oc5oh6kh3ph1", "batch 1"}));

/// A target with a naive kernel of its own, right or wrong by one in its last sum.
struct TargetWithReference final : FaultyTarget {
  double fault_of_last = 0;
  int runs = 0;
  bool reference_sums(const ConvSpec& spec, std::int64_t batch, const void* x, const void* w,
                      std::int32_t, double* sums) override {
    ++runs;
    test::for_each_output(
        spec, batch, [&](std::int64_t n, std::int64_t k, std::int64_t p, std::int64_t q) {
          sums[test::y_index(spec, n, k, p, q)] = test::naive_sum(spec, x, w, n, k, p, q);
        });
    sums[spec.y_elements(batch) - 1] += fault_of_last;
    return true;
  }
};

TEST(Verifier, TakesTheTargetsOwnReference) {
  const ConvSpec spec = parse_problem("mb2ic3ih6oc5oh6kh3ph1 epilogue=relu(acc+bias[k])").spec;
  TargetWithReference target;
  const VerifyResult right = Verifier(target, spec, 1).check({});
  EXPECT_EQ(right.verdict, Verdict::kPassed) << right.reason;
  EXPECT_EQ(target.runs, 2);  // integers, floats
  target.fault_of_last = 1000;
  const VerifyResult wrong = Verifier(target, spec, 1).check({});
  EXPECT_EQ(wrong.verdict, Verdict::kFailed);
  EXPECT_NE(wrong.reason.find("y[n=1,k=4,p=5,q=5]"), std::string::npos) << wrong.reason;
}

/// Asks for 16 bytes, and notes what it got at the least.
struct AlignedKernel final : Kernel {
  FaultyKernel kernel;
  mutable std::uintptr_t low_bits = 0;
  explicit AlignedKernel(const ConvSpec& spec) : kernel(spec, Fault::kNone) {}
  std::size_t alignment() const override { return 16; }
  std::vector<PlanStep> steps(std::int64_t, WeightForm) const override { return {}; }
  std::int64_t workspace_bytes(std::int64_t, WeightForm) const override { return 0; }
  std::int64_t packed_weight_bytes() const override { return 0; }
  void prepack(const void*, const void*, void*, void*) const override {}
  void launch(const LaunchArgs& args, WeightForm form) const override {
    for (const void* pointer : {args.x.data, args.w.data, static_cast<const void*>(args.y.data)})
      low_bits |= reinterpret_cast<std::uintptr_t>(pointer);
    kernel.launch(args, form);
  }
};
struct AlignedTarget final : FaultyTarget {
  std::shared_ptr<AlignedKernel> kernel;
  std::shared_ptr<const Kernel> get(const ConvSpec&, const KernelConfig&, CacheSource*) override {
    return kernel;
  }
};

TEST(Verifier, GivesAKernelTheAlignmentItAsksForAndNoMore) {
  const ConvSpec spec = parse_problem(kPadded).spec;
  AlignedTarget target;
  target.kernel = std::make_shared<AlignedKernel>(spec);
  const VerifyResult result = Verifier(target, spec, 1).check({});
  EXPECT_EQ(result.verdict, Verdict::kPassed) << result.reason;
  EXPECT_EQ(target.kernel->low_bits % 32, 16u);
}

TEST(Verifier, SaysUnsupportedWithTheTargetsReason) {
  FaultyTarget target;
  target.unsupported = "no e4m3 here";
  VerifyResult result = Verifier(target, ConvSpec{}, 1).check({});
  EXPECT_EQ(result.verdict, Verdict::kUnsupported);
  EXPECT_EQ(result.reason, "no e4m3 here");
  target.unsupported.clear();
  target.illegal = "mr is too large";
  result = Verifier(target, ConvSpec{}, 1).check({});
  EXPECT_EQ(result.verdict, Verdict::kUnsupported);
  EXPECT_EQ(result.reason, "mr is too large");
  result = check(kPadded, Fault::kThrowsUnsupported);
  EXPECT_EQ(result.verdict, Verdict::kUnsupported);
  EXPECT_EQ(result.reason, "no such kernel");
}

TEST(Verifier, DoesNotTrustDataThatHidesErrors) {
  for (const char* text : {"mb1ic3ih6oc5oh6kh3ph1 epilogue=clamp(acc,0,0)",
                           "mb1ic3ih6oc5oh6kh3ph1 epilogue=min(acc,-10000)",
                           "mb1ic3ih6oc5oh6kh3ph1 dtype=f16 epilogue=acc*100000000"}) {
    const VerifyResult result = check(text, Fault::kNone);
    EXPECT_EQ(result.verdict, Verdict::kUntrusted) << text;
    EXPECT_NE(result.reason.find("outputs"), std::string::npos) << result.reason;
  }
}

TEST(Verifier, AWrongKernelFailsEvenOnUntrustedData) {
  EXPECT_EQ(
      check("mb1ic3ih6oc5oh6kh3ph1 epilogue=clamp(acc,0,0)", Fault::kUnwrittenElement).verdict,
      Verdict::kFailed);
}

TEST(Verifier, IsRightWithEverySeed) {
  FaultyTarget target;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const VerifyResult result =
        Verifier(target, parse_problem("mb1ic1ih2oc1oh3kh2ph1 epilogue=relu(acc)").spec, seed)
            .check({});
    EXPECT_EQ(result.verdict, Verdict::kPassed) << seed << ": " << result.reason;
  }
}

}  // namespace
}  // namespace convoke
