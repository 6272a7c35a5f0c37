// The verifier on sparse specs: a right kernel passes with any pattern, baked or bound, and a
// kernel that reads what is pruned, forgets what is kept or holds on to another pattern fails. The
// kernels are plain loops; nothing is emitted or compiled.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "autotune/reference.h"
#include "autotune/sparse_data.h"
#include "autotune/verify.h"
#include "compiler/epilogue.h"
#include "compiler/sparsity.h"
#include "compiler/spec_text.h"
#include "tests/fake_target.h"
#include "tests/naive_conv.h"

namespace convoke {
namespace {

enum class Fault {
  kNone,
  kMultipliesByZero,        // a mask as a factor: NaN at an infinite or NaN weight
  kReadsPrunedWeights,      // as if they were kept
  kDropsOneKeptWeight,      // the last one
  kSkipsPrunedOutputs,      // never writes them
  kZeroForPrunedOutputs,    // not the epilogue of zero
  kHoldsOnToOnePattern,     // bound: the first that it was given
  kHoldsOnToPackedWeights,  // bound: packs by the first pattern that it was given
  kChangesTheTables,
};

/// Tables of a bound pattern: a byte a weight. Packed weights: the kept ones, zeros elsewhere.
struct SparseKernel final : Kernel {
  ConvSpec spec;
  Fault fault;
  Epilogue epilogue;
  mutable std::vector<std::uint8_t> held, held_packed;

  SparseKernel(const ConvSpec& s, Fault f)
      : spec(s), fault(f), epilogue(Epilogue::parse(s.epilogue)) {}
  std::vector<PlanStep> steps(std::int64_t, WeightForm) const override { return {}; }
  std::int64_t workspace_bytes(std::int64_t, WeightForm) const override { return 0; }
  std::int64_t packed_weight_bytes() const override {
    return spec.w_elements() * size_of(spec.w_type);
  }
  std::int64_t pattern_bytes() const override {
    return Sparsity::parse(spec.sparsity).bound ? spec.w_elements() : 0;
  }
  std::vector<std::uint8_t> mask_of(const SparsityPattern& pattern) const {
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(spec.w_elements()));
    for (std::int64_t k = 0; k < spec.k; ++k)
      for (std::int64_t c = 0; c < spec.c_per_group(); ++c)
        for (std::int64_t r = 0; r < spec.r; ++r)
          for (std::int64_t s = 0; s < spec.s; ++s)
            mask[static_cast<std::size_t>(weight_index(spec, k, c, r, s))] =
                pattern.keeps(k, r, s, c);
    return mask;
  }
  void pack_pattern(const SparsityPattern& pattern, void* tables) const override {
    const auto mask = mask_of(pattern);
    std::memcpy(tables, mask.data(), mask.size());
  }
  std::vector<std::uint8_t> mask_for(const void* tables) const {
    if (spec.pattern != nullptr) return mask_of(*spec.pattern);
    const auto* bytes = static_cast<const std::uint8_t*>(tables);
    return {bytes, bytes + spec.w_elements()};
  }
  void prepack(const void* w, const void* pattern, void* packed, void*) const override {
    if (held_packed.empty()) held_packed = mask_for(pattern);
    const auto mask = fault == Fault::kHoldsOnToPackedWeights ? held_packed : mask_for(pattern);
    for (std::int64_t i = 0; i < spec.w_elements(); ++i)
      store_element(packed, i, spec.w_type,
                    mask[static_cast<std::size_t>(i)] ? load_element(w, i, spec.w_type) : 0);
  }
  void launch(const LaunchArgs& args, WeightForm form) const override;
};

void SparseKernel::launch(const LaunchArgs& args, WeightForm) const {
  std::vector<std::uint8_t> mask = mask_for(args.pattern.data);
  if (held.empty()) held = mask;
  if (fault == Fault::kHoldsOnToOnePattern) mask = held;
  if (fault == Fault::kDropsOneKeptWeight)
    for (std::size_t i = mask.size(); i-- > 0;)
      if (mask[i]) {
        mask[i] = 0;
        break;
      }
  if (fault == Fault::kChangesTheTables)
    static_cast<std::uint8_t*>(const_cast<void*>(args.pattern.data))[0] ^= 1;
  test::for_each_output(
      spec, args.batch, [&](std::int64_t n, std::int64_t k, std::int64_t p, std::int64_t q) {
        double sum = 0;
        bool any = false;
        const std::int64_t group = k / spec.k_per_group();
        for (std::int64_t r = 0; r < spec.r; ++r)
          for (std::int64_t s = 0; s < spec.s; ++s) {
            const std::int64_t h = p * spec.stride_h - spec.pad_h + r * spec.dilation_h;
            const std::int64_t column = q * spec.stride_w - spec.pad_w + s * spec.dilation_w;
            for (std::int64_t c = 0; c < spec.c_per_group(); ++c) {
              const std::int64_t at = weight_index(spec, k, c, r, s);
              const bool kept = mask[static_cast<std::size_t>(at)] != 0;
              any = any || kept;
              if (h < 0 || h >= spec.h || column < 0 || column >= spec.w) continue;
              if (!kept && fault != Fault::kMultipliesByZero && fault != Fault::kReadsPrunedWeights)
                continue;
              const double x =
                  load_element(args.x.data,
                               image_index(spec.x_layout, n, group * spec.c_per_group() + c, h,
                                           column, spec.c, spec.h, spec.w),
                               spec.x_type);
              const double factor = kept || fault == Fault::kReadsPrunedWeights ? 1 : 0;
              sum += factor * x * load_element(args.w.data, at, spec.w_type);
            }
          }
        const std::int64_t at = test::y_index(spec, n, k, p, q);
        double operands[kMaxEpilogueOperands] = {};
        for (std::size_t i = 0; i < args.operand_count; ++i)
          operands[i] = epilogue.operands()[i].per_channel
                            ? load_element(args.operands[i].data, k, DataType::kF32)
                            : load_element(args.operands[i].data, at, spec.y_type);
        double value = epilogue.evaluate(static_cast<float>(sum), operands);
        if (!any && fault == Fault::kSkipsPrunedOutputs) return;
        if (!any && fault == Fault::kZeroForPrunedOutputs) value = 0;
        store_element(args.y.data, at, spec.y_type, value);
      });
}

struct SparseTarget final : StubTarget {
  Fault fault = Fault::kNone;
  int builds = 0;

  std::shared_ptr<const Kernel> load(const ConvSpec& spec, const KernelConfig&,
                                     const CompiledKernel&) const override {
    return std::make_shared<SparseKernel>(spec, fault);
  }
  std::shared_ptr<const Kernel> get(const ConvSpec& spec, const KernelConfig& config,
                                    CacheSource* source) override {
    ++builds;
    return StubTarget::get(spec, config, source);
  }
};

VerifyResult check(const ConvSpec& spec, Fault fault = Fault::kNone) {
  SparseTarget target;
  target.fault = fault;
  return Verifier(target, spec, 1).check({});
}

ConvSpec drawn(const std::string& text, std::uint64_t seed = 3) {
  const ConvSpec spec = parse_problem(text).spec;
  if (Sparsity::parse(spec.sparsity).bound) return spec;
  return with_pattern(spec, SparsityPattern::random(spec, seed));
}

constexpr const char* kProblems[] = {
    "mb2ic8ih6oc8oh6kh3ph1",
    "g2mb1ic8ih9oc16oh5kh3sh2ph1 dtype=bf16 layout=nchw",
    "mb?ic8ih5oc12oh5kh3ph1 epilogue=relu(acc*scale[k]+bias[k]+residual)",
    "mb1ic8ih1oc8oh1kh3ph1 dtype=f16",  // eight dead taps of nine
    "mb1ic8ih3oc8oh15kh3ph7",           // most outputs see padding alone
    "mb1ic8ih6oc8oh4kh3 epilogue=gelu(acc*0.1)",
};
constexpr const char* kSparsities[] = {
    "channel:0.5",      "channel:0.5@4", "input:0.5",        "input:0.5@2",   "block:0.5@4x4",
    "unstructured:0.5", "nm:2:4",        "unstructured:0.1", "channel:0.125",
};

TEST(SparseVerifier, LetsARightKernelPass) {
  for (const char* problem : kProblems)
    for (const char* sparsity : kSparsities)
      for (const char* bound : {"", ":bound"}) {
        const std::string text = std::string(problem) + " sparsity=" + sparsity + bound;
        const VerifyResult result = check(drawn(text));
        EXPECT_EQ(result.verdict, Verdict::kPassed) << text << ": " << result.reason;
      }
}

TEST(SparseVerifier, BoundPatternsShareOneKernel) {
  SparseTarget target;
  const Verifier verifier(target, drawn("mb1ic8ih6oc8oh6kh3ph1 sparsity=block:0.5@4x4:bound"), 1);
  EXPECT_EQ(verifier.check({}).verdict, Verdict::kPassed);
  EXPECT_EQ(target.builds, 1);
}

TEST(SparseVerifier, TakesEveryPatternThatACallerMayGive) {
  const auto passes = [](const ConvSpec& spec, std::vector<std::int64_t> kept) {
    const VerifyResult result =
        check(with_pattern(spec, SparsityPattern::from_units(spec, std::move(kept))));
    EXPECT_EQ(result.verdict, Verdict::kPassed) << print_spec(spec) << ": " << result.reason;
  };
  for (const char* sparsity :
       {"channel:0.5", "input:0.5", "block:0.5@4x4", "unstructured:0.5", "nm:2:4"}) {
    const ConvSpec spec =
        parse_problem(std::string("mb1ic8ih6oc8oh6kh3ph1 epilogue=relu(acc+bias[k]) sparsity=") +
                      sparsity)
            .spec;
    passes(spec, {});
    passes(spec, {0});
    passes(spec, {sparsity_units(spec).units - 1});
    if (Sparsity::parse(sparsity).kind == SparsityKind::kNm) continue;
    std::vector<std::int64_t> all;
    for (std::int64_t i = 0; i < sparsity_units(spec).units; ++i) all.push_back(i);
    passes(spec, all);
  }
  // Another pattern in each group, and none in one.
  passes(parse_problem("g4mb1ic16ih5oc16oh5kh3ph1 sparsity=channel:0.5").spec, {0, 4, 5, 6, 7, 9});
  passes(parse_problem("g4mb1ic16ih5oc16oh5kh3ph1 sparsity=input:0.5").spec, {0, 1, 2, 7, 15});
  passes(parse_problem("g2mb1ic16ih5oc8oh5kh1 sparsity=block:0.5@4x4").spec, {0, 3});
}

struct FaultCase {
  Fault fault;
  const char* sparsity;
  const char* reason;
};

TEST(SparseVerifier, CatchesEachFault) {
  const FaultCase cases[] = {
      {Fault::kMultipliesByZero, "block:0.5@4x4", "integers, plain weights"},
      {Fault::kReadsPrunedWeights, "input:0.5", "integers, plain weights"},
      {Fault::kReadsPrunedWeights, "channel:0.5:bound", "integers, plain weights"},
      {Fault::kDropsOneKeptWeight, "unstructured:0.5", "integers"},
      {Fault::kDropsOneKeptWeight, "nm:2:4:bound", "integers"},
      {Fault::kSkipsPrunedOutputs, "channel:0.5", "is unwritten"},
      {Fault::kZeroForPrunedOutputs, "channel:0.5", "is 0, expected"},
      {Fault::kHoldsOnToOnePattern, "channel:0.5:bound", "integers, second pattern, plain"},
      {Fault::kHoldsOnToPackedWeights, "unstructured:0.5:bound", "second pattern, packed"},
      {Fault::kChangesTheTables, "input:0.5:bound", "changed byte 0 of the pattern"},
  };
  for (const FaultCase& c : cases) {
    const ConvSpec spec =
        drawn(std::string("mb1ic8ih6oc8oh6kh3ph1 epilogue=acc+bias[k]*3 sparsity=") + c.sparsity);
    EXPECT_EQ(check(spec).verdict, Verdict::kPassed);
    const VerifyResult result = check(spec, c.fault);
    EXPECT_EQ(result.verdict, Verdict::kFailed) << c.sparsity << static_cast<int>(c.fault);
    EXPECT_NE(result.reason.find(c.reason), std::string::npos) << result.reason;
  }
}

TEST(SparseVerifier, DoesNotTrustSumsThatCannotBeSeen) {
  const VerifyResult result =
      check(drawn("mb1ic8ih6oc8oh6kh3ph1 epilogue=clamp(acc,0,0) sparsity=channel:0.5"));
  EXPECT_EQ(result.verdict, Verdict::kUntrusted);
  // Of 288 outputs, those of the four kept filters count.
  EXPECT_NE(result.reason.find("0 of 144 outputs would show an error, 8 are needed"),
            std::string::npos)
      << result.reason;
}

TEST(SparseVerifier, NeedsAPattern) {
  SparseTarget target;
  EXPECT_THROW(Verifier(target, parse_problem("mb1ic8ih6oc8kh3 sparsity=channel:0.5").spec, 1),
               Error);
}

TEST(SparseData, CountsOutputsThatAKeptWeightReaches) {
  const auto reached = [](const char* text, std::vector<std::int64_t> kept) {
    const ConvSpec spec = parse_problem(text).spec;
    return reachable_outputs(spec, *SparsityPattern::from_units(spec, std::move(kept)), 2);
  };
  const char* const padded = "mb2ic1ih4oc2oh4kh3ph1 sparsity=unstructured:0.5";
  EXPECT_EQ(reached(padded, {}), 0);
  EXPECT_EQ(reached(padded, {4}), 2 * 16) << "the middle tap of the first filter";
  EXPECT_EQ(reached(padded, {0}), 2 * 9) << "its first tap reads no padding at 3x3 outputs";
  EXPECT_EQ(reached(padded, {0, 8}), 2 * 14) << "only two corners see neither";
  EXPECT_EQ(reached(padded, {4, 9}), 2 * (16 + 9));
  EXPECT_EQ(reached("g2mb2ic2ih4oc4oh4kh1 sparsity=channel:0.5", {0, 3}), 2 * 2 * 16);
  EXPECT_EQ(reached("mb2ic1ih1oc1oh1kh3ph1 sparsity=unstructured:0.5", {0, 1, 2}), 0)
      << "dead taps";
}

}  // namespace
}  // namespace convoke
