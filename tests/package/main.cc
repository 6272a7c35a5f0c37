// Uses an installed Convoke through its public headers alone: results, errors and text must cross
// the library's boundary.
#include <convoke/version.h>

#include <convoke/convoke.hpp>
#include <cstdio>
#include <cstring>
#include <vector>

extern "C" int c_host_works(void);

namespace {

int fail(const char* what) {
  std::fprintf(stderr, "package test: %s\n", what);
  return 1;
}

bool error_is_caught() {
  try {
    convoke::parse_spec("mb1ic0oc4ih8kh3");
  } catch (const convoke::Error& error) {
    return error.code() == convoke::ErrorCode::kUsage && std::strlen(error.what()) > 0;
  }
  return false;
}

/// A 1x1 convolution of ones with two input channels: every output is 2.
bool plan_runs() {
  const convoke::ConvSpec spec = convoke::parse_spec("mb1ic2ih4oc8oh4kh1");
  const convoke::Device device = convoke::Device::open("cpu");
  const convoke::Plan plan(device, spec);
  const std::vector<float> x(spec.x_elements(1), 1.f), w(spec.w_elements(), 1.f);
  std::vector<float> y(spec.y_elements(1), -1.f);
  std::vector<char> workspace(plan.workspace_bytes() + 64);
  char* aligned = workspace.data() + 64 - reinterpret_cast<std::uintptr_t>(workspace.data()) % 64;
  convoke::LaunchArgs args;
  args.x = {x.data(), x.size() * sizeof(float)};
  args.w = {w.data(), w.size() * sizeof(float)};
  args.y = {y.data(), y.size() * sizeof(float)};
  args.workspace = {aligned, static_cast<std::size_t>(plan.workspace_bytes())};
  plan.launch(args);
  for (const float value : y) {
    if (value != 2.f) return false;
  }
  return true;
}

}  // namespace

int main() {
  if (std::strcmp(convoke::version(), CONVOKE_VERSION) != 0) return fail("versions differ");
  if (std::strcmp(convoke::to_string(convoke::DataType::kBf16), "bf16") != 0) return fail("text");
  if (convoke::to_string(convoke::parse_spec("mb1ic2ih4oc8oh4kh1")).empty())
    return fail("spec text");
  if (!error_is_caught()) return fail("an Error did not arrive as itself");
  if (c_host_works() == 0) return fail("the C ABI");
  if (!plan_runs()) return fail("wrong result");
  std::puts("package test: passed");
  return 0;
}
