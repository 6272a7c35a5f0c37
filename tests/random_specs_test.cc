// Random problems with random legal configurations through emitter, launcher and verifier: every
// valid spec runs, and is right. A failure prints the spec's and the config's text, enough to
// repeat it.
#include <gtest/gtest.h>

#include <cstdlib>

#include "autotune/verify.h"
#include "compiler/epilogue.h"
#include "compiler/spec_text.h"
#include "runtime/cpu_features.h"
#include "runtime/target.h"
#include "tests/random_spec.h"
#include "tests/zero_point_check.h"

namespace convoke {
namespace {

void check_all(Target& target, std::uint64_t seed, int specs, int configs_each, bool sparse,
               bool quantised = false) {
  test::RandomSpecs random(seed);
  for (int i = 0; i < specs; ++i) {
    ConvSpec spec = random.next(quantised ? 5e5 : 3e6);
    if (quantised) spec = random.quantise(spec);
    spec.epilogue = Epilogue::parse(spec.epilogue).text();
    if (sparse) spec = random.prune(spec);
    const Verifier verifier(target, spec, seed + i);
    std::vector<KernelConfig> configs = {target.default_config(spec)};
    const std::vector<KernelConfig> space = target.enumerate(spec);
    ASSERT_FALSE(space.empty()) << print_spec(spec);
    for (int j = 1; j < configs_each; ++j)
      configs.push_back(space[random.pick(0, static_cast<std::int64_t>(space.size()) - 1)]);
    for (const KernelConfig& config : configs) {
      const VerifyResult result = verifier.check(config);
      EXPECT_EQ(result.verdict, Verdict::kPassed)
          << i << ": " << print_spec(spec) << " --config " << print_config(config) << ": "
          << to_string(result.verdict) << ", " << result.reason;
    }
  }
}

TEST(RandomSpecs, EveryValidSpecRunsAndIsRight) {
  const auto target = make_cpu_target({});
  check_all(*target, 1, 100, 2, false);
}

TEST(RandomSpecs, EverySparseSpecRunsAndIsRight) {
  const auto target = make_cpu_target({});
  check_all(*target, 2, 150, 3, true);
}

TEST(RandomSpecs, EveryEightBitSpecIsTheFormulaBitForBit) {
  const auto target = make_cpu_target({});
  // More of them: CONVOKE_TEST_SPECS=2000.
  const char* const wanted = std::getenv("CONVOKE_TEST_SPECS");
  const int specs = wanted != nullptr ? std::atoi(wanted) : 500;
  ASSERT_GT(specs, 0) << "CONVOKE_TEST_SPECS is " << wanted;
  check_all(*target, 3, specs, 2, false, true);
}

TEST(RandomSpecs, EverySparseEightBitSpecToo) {
  const auto target = make_cpu_target({});
  check_all(*target, 4, 150, 2, true, true);
}

TEST(RandomSpecs, ZeroPointsAreExactInF32) {
  const auto target = make_cpu_target({});
  test::check_random_zero_points(*target, cpu_description().isa.level, 5, 60);
}

}  // namespace
}  // namespace convoke
