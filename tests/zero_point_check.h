// Random 8-bit problems with a zero point, dense and sparse, in the families of the CPU that
// multiply them in f32: every one must be the integer formula bit for bit, with zero points at
// either end of the range and in it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "autotune/verify.h"
#include "compiler/epilogue.h"
#include "compiler/spec_text.h"
#include "runtime/target.h"
#include "tests/random_spec.h"

namespace convoke::test {

/// `each` problems of depthwise, of the sparse family and of gemm's windows, if `target` has these.
inline void check_random_zero_points(Target& target, IsaLevel level, std::uint64_t seed, int each) {
  const auto check = [&](const char* name, bool sparse, const auto& wanted) {
    RandomSpecs random(seed);
    int done = 0;
    for (int drawn = 0; done < each && drawn < 100 * each; ++drawn) {
      ConvSpec spec = random.quantise(random.next(2e5));
      if (!sparse && spec.groups == 1) continue;
      spec.quant = "zp";
      spec.epilogue = Epilogue::parse(spec.epilogue).text();
      if (sparse) spec = random.prune(spec);
      std::vector<KernelConfig> space = target.enumerate(spec);
      std::erase_if(space, [&](const KernelConfig& config) { return !wanted(config.cpu); });
      if (space.empty()) continue;
      const auto last = static_cast<std::int64_t>(space.size()) - 1;
      const KernelConfig& config = space[static_cast<std::size_t>(random.pick(0, last))];
      const VerifyResult result =
          Verifier(target, spec, seed + static_cast<std::uint64_t>(drawn)).check(config);
      EXPECT_EQ(result.verdict, Verdict::kPassed)
          << print_spec(spec) << " --config " << print_config(config) << ": " << result.reason;
      ++done;
    }
    EXPECT_EQ(done, each) << name;
  };
  check("depthwise", false,
        [](const CpuConfig& config) { return config.family == CpuFamily::kDepthwise; });
  check("sparse", true,
        [](const CpuConfig& config) { return config.family == CpuFamily::kSparse; });
  if (level < IsaLevel::kAvx2) return;
  check("windows", true, [](const CpuConfig& config) { return config.window != 0; });
}

}  // namespace convoke::test
