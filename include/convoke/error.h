// The one exception type of the library and its codes. Each code is also the exit status that the
// `convoke` command line gives for it, so that a host and a script see the same classes of failure.
// C++17.
#pragma once

#include <stdexcept>
#include <string>

#include "convoke/export.h"

namespace convoke {

enum class ErrorCode : int {
  kWrongResult = 1,  ///< a result differs from the reference, or nothing meaningful was compared
  kUsage = 2,        ///< the caller's input is malformed or inconsistent
  kUnsupported = 3,  ///< valid, but this build or this target cannot do it
  kDevice = 4,       ///< the device or its toolchain is missing or failed
  kCache = 5,        ///< a cache that was to be inspected or managed is broken
};

/// Thrown at the API by every fallible call. `what()` is one sentence that holds the offending
/// value, the limit, and what to do.
class CONVOKE_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace convoke
