// What a refused call says.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "convoke/error.h"

namespace convoke::test {

/// The sentence of the usage error that `call` must end with; "no error" if it does not.
inline std::string usage_error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "no error";
}

}  // namespace convoke::test
