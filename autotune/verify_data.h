// What the verifier gives to a kernel and what must come back: integer and float data, their
// references, planted infinities, and whether all that would show an error. Made once per problem,
// before any kernel runs.
#pragma once

#include <string>
#include <vector>

#include "autotune/expected.h"
#include "autotune/infinity_data.h"
#include "compiler/epilogue.h"
#include "convoke/sparsity_pattern.h"
#include "runtime/target.h"

namespace convoke {

/// An output can show an error of its sum if the sum is not zero and the stored value changes
/// (beyond the tolerance, where there is one) when the sum changes by one. A result with fewer than
/// this share of such outputs, among those that read any input at all (with a kept weight, where a
/// pattern prunes), is untrusted. (Where no output reads any input, all must equal epilogue(0), and
/// there is nothing that the data could hide.)
inline constexpr double kMinTellingShare = 0.05;
/// Share of the float outputs whose tolerance must be finite: in range, and no division by nearly
/// zero.
inline constexpr double kMinComparableShare = 0.5;

struct VerifyData {
  /// What one pattern leaves of drawn weights.
  struct Trial {
    SparsityPattern::Ptr pattern;  ///< null: everything
    Bytes w;                       ///< as kernels get them: garbage where they are pruned
    Expected expected;
    double reachable = 0;  ///< outputs that read input at all
  };

  explicit VerifyData(const ConvSpec& s) : spec(s), batch(s.open_batch() ? 2 : s.n) {}
  /// Fills in all that follows. @throws Error kUsage for a sparse spec without a pattern that is
  /// not bound
  void prepare(Target& target, std::uint64_t seed, Executor* executor);

  ConvSpec spec;
  std::int64_t batch;
  Epilogue epilogue;
  std::string untrusted;              ///< why a passing kernel proves nothing
  Inputs integers, floats;            ///< with all weights as they are drawn
  std::vector<Trial> integer_trials;  ///< two where the pattern is an operand, else one
  Trial float_trial;
  InfinityData weight_infinities, image_infinities;  ///< of the first pattern

 private:
  void expect(Target* target, Inputs& inputs, FillKind kind, Trial& trial,
              Executor* executor) const;
  void prepare_integers(Target* target, std::uint64_t seed, Executor* executor);
};

}  // namespace convoke
