// Is a kernel right? Runs one configuration against the f64 reference, four ways:
//  integers    sums that f32 holds exactly: every output bit for bit (zeros of either sign are
//  equal) floats      within a bound that follows each output's own rounding errors (tolerance.h)
//  infinities  planted where only padding, dead taps or other outputs would meet them: they must
//  not spread twice       plain and packed weights give the same bits
//  patterns    pruned weights hold infinities (integers) or NaN (floats), which must not show; a
//  bound kernel runs with a second pattern, too
// always with outputs and workspace poisoned, red zones around every buffer, buffers no better
// aligned than promised, and inputs that must not change. An open batch also runs with one image.
#pragma once

#include <memory>
#include <string>

#include "compiler/kernel_config.h"
#include "runtime/target.h"

namespace convoke {

enum class Verdict { kPassed, kFailed, kUntrusted, kUnsupported };
const char* to_string(Verdict);  ///< "passed", "failed", "untrusted", "unsupported"

struct VerifyResult {
  Verdict verdict = Verdict::kUntrusted;
  double max_error = 0;  ///< largest |y - reference| of the float run
  double tolerance = 0;  ///< limit of that element
  std::string reason;    ///< one sentence unless passed: where, expected, got
};

/// Holds the inputs and the reference result of one problem, so that many candidates are checked
/// against one reference run.
class Verifier {
 public:
  /// Runs the reference (spec.n images; 2 when the batch is open), unless the target cannot run the
  /// spec anyway. `executor` speeds the reference up and may be null. The patterns of a bound spec
  /// are drawn. @throws Error kUsage for a sparse spec without a pattern that is not bound.
  Verifier(Target& target, const ConvSpec& spec, std::uint64_t seed, Executor* executor = nullptr);
  ~Verifier();
  /// Checks one configuration, plain and packed weights. Thread-safe if the target is.
  /// @throws Error kDevice where the kernel cannot be built for a reason other than its spec or
  /// config.
  VerifyResult check(const KernelConfig& config) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace convoke
