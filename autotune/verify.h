// Is a kernel right? Runs one plan on integer-valued data (bit for bit) and on random floats (tolerance from type and
// reduction length) against the reference, with poisoned outputs and red zones around every buffer.
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
  double max_error = 0;   ///< largest |y - reference| of the float run (0 when every bit agreed)
  double tolerance = 0;   ///< limit of that element
  std::string reason;     ///< one sentence unless passed: where, expected, got
};

/// Holds the inputs and the reference result of one problem, so that many candidates are checked against one
/// reference run.
class Verifier {
 public:
  /// Runs the reference (spec.n images; 2 when the batch is open).
  /// `executor` speeds the reference up and may be null.
  Verifier(Target& target, const ConvSpec& spec, std::uint64_t seed, Executor* executor = nullptr);
  ~Verifier();
  /// Checks one configuration, plain and packed weights.
  VerifyResult check(const KernelConfig& config) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace convoke
