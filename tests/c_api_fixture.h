// What tests of the C ABI share: handles that free themselves, a CPU device, refusals, an executor.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "convoke/convoke.h"

namespace convoke::test {

struct Spec {
  explicit Spec(const char* text) {
    EXPECT_EQ(convoke_spec_parse(text, &handle), CONVOKE_OK) << convoke_last_error();
  }
  ~Spec() { convoke_spec_destroy(handle); }
  convoke_spec_fields fields() const {
    convoke_spec_fields f{};
    EXPECT_EQ(convoke_spec_get(handle, &f), CONVOKE_OK);
    return f;
  }
  convoke_spec* handle = nullptr;
};

struct CApi : testing::Test {
  CApi() {
    EXPECT_EQ(convoke_device_open("cpu", nullptr, &device), CONVOKE_OK) << convoke_last_error();
  }
  ~CApi() override { convoke_device_destroy(device); }
  convoke_plan* plan(const char* text, const convoke_plan_options* options = nullptr) {
    const Spec spec(text);
    convoke_plan* made = nullptr;
    EXPECT_EQ(convoke_plan_create(device, spec.handle, options, &made), CONVOKE_OK)
        << convoke_last_error();
    return made;
  }
  convoke_device* device = nullptr;
};

/// Expects `status` and a sentence that holds `part`.
inline void refuses(convoke_status got, convoke_status status, const std::string& part) {
  EXPECT_EQ(got, status) << convoke_last_error();
  EXPECT_NE(std::string(convoke_last_error()).find(part), std::string::npos)
      << convoke_last_error() << "\nwithout: " << part;
}

/// An executor of one worker; `calls` counts its loops.
inline void run_in_order(void* calls, std::int64_t tasks, convoke_loop_body body, void* context) {
  ++*static_cast<int*>(calls);
  for (std::int64_t i = 0; i < tasks; ++i) body(context, i, i + 1, 0);
}

}  // namespace convoke::test
