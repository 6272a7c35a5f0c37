// Plans on a GPU against the host's reference, bit for bit: every family, type and layout, splits,
// epilogues, open batches, the C ABI; and what a launch refuses.
#include <algorithm>
#include <cmath>
#include <map>

#include "convoke/convoke.h"
#include "tests/gpu_support.h"

namespace convoke {
namespace {

using test::GpuProblem;
using GpuLaunch = test::GpuTest;

struct Case {
  const char* text;
  const char* family;  ///< of the configurations to run; "" is the default configuration
};

/// Of the configurations of a family, the first, the last and some between; for the GEMM families
/// also one that is split each way.
std::vector<std::string> some_configs(Target& target, const ConvSpec& spec,
                                      const std::string& family) {
  std::vector<std::string> all;
  for (const KernelConfig& config : target.enumerate(spec)) {
    const std::string text = print_config(config);
    if (text.rfind("cuda:" + family, 0) == 0) all.push_back(text);
  }
  if (all.empty()) return {};
  std::vector<std::string> some;
  for (std::size_t i = 0; i < 4; ++i) some.push_back(all[i * (all.size() - 1) / 3]);
  for (const char* word :
       {"split=4", "split_by=cluster", "order=batch", "patch=1", "patch=1,split_by=cluster"}) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const std::string& text) {
      return text.find(word) != std::string::npos;
    });
    if (found != all.end()) some.push_back(*found);
  }
  std::sort(some.begin(), some.end());
  some.erase(std::unique(some.begin(), some.end()), some.end());
  return some;
}

TEST_F(GpuLaunch, EveryFamilyEqualsTheReference) {
  const std::vector<Case> cases = {
      {"mb3ic64ih14oc96kh3ph1 dtype=f16", "mma"},
      {"mb2ic64ih9oc40kh3sh2ph1 dtype=bf16", "mma"},
      {"mb2ic32ih8oc64kh1 dtype=tf32", "mma"},
      {"mb2ic13ih9oc21kh3ph1 dtype=f16", "mma"},
      {"mb2ic16ih10oc24kh3ph1 dtype=f16 layout=nchw", "mma"},
      {"g2mb2ic32ih7oc32kh3ph1dh1 dtype=f16 epilogue=relu(acc*scale[k]+bias[k]+residual)", "mma"},
      {"mb64ic64ih2oc64kh3ph1 dtype=f16", "mma"},
      {"mb3ic192ih11oc40kh5sh2ph2 dtype=bf16 epilogue=relu(acc+bias[k])", "mma"},
      {"g2mb5ic128ih9oc48kh3dh1 dtype=f16", "mma"},
      {"mb3ic32ih14oc48kh3ph1", "fma"},
      {"mb2ic7ih9oc20kh5ph2 epilogue=relu(acc+bias[k])", "fma"},
      {"mb2ic3ih33oc24kh7sh2ph3 dtype=f16", "direct"},
      {"g3mb2ic9ih8oc15kh3ph1 dtype=bf16 layout=nchw", "direct"},
      {"mb1ic5ih6iw9oc6kh3kw2ph2pw0 epilogue=max(acc,residual)", "direct"},
      {"g32mb2ic32ih15oc32kh3ph1 dtype=f16", "depthwise"},
      {"g12mb2ic12ih9oc24kh5sh2ph2", "depthwise"},
      {"mb2ic5ih7oc6kh3ph1 dtype=f16", "reference"},
  };
  std::map<std::string, int> ran;
  for (const Case& c : cases) {
    const ConvSpec spec = parse_spec(c.text);
    GpuProblem problem(target(), spec);
    std::vector<std::string> configs = some_configs(target(), spec, c.family);
    if (std::string(c.family) == "reference") configs = {"cuda:reference"};
    EXPECT_FALSE(configs.empty()) << c.text << " has no configuration of " << c.family;
    for (const std::string& config : configs) {
      const Plan plan(*device_, spec, {.config = config});
      problem.poison();
      plan.launch(problem.args(plan));
      EXPECT_EQ(problem.wrong(), "") << c.text << "  " << plan.config();
      ++ran[c.family];
    }
  }
  for (const auto& [family, count] : ran) RecordProperty(family, count);
}

TEST_F(GpuLaunch, DefaultsEqualTheReference) {
  for (const char* text : {"mb2ic64ih28oc64kh3ph1 dtype=f16", "mb2ic64ih28oc64kh3ph1",
                           "mb128ic512ih1oc512kh3ph1 dtype=f16", "mb4ic3ih32oc64kh3ph1 dtype=f16",
                           "g16mb2ic16ih20oc16kh3ph1 layout=nchw", "mb1ic1ih1oc1kh1 dtype=bf16",
                           "mb2ic20ih12oc50kh5 dtype=tf32 epilogue=abs(acc)"}) {
    const ConvSpec spec = parse_spec(text);
    GpuProblem problem(target(), spec);
    const Plan plan(*device_, spec);
    plan.launch(problem.args(plan));
    EXPECT_EQ(problem.wrong(), "") << text << "  " << plan.config();
  }
}

TEST_F(GpuLaunch, OneImageServesEveryBatch) {
  const ConvSpec spec = parse_spec("mb?ic32ih7oc64kh3ph1 dtype=f16");
  const Plan plan(*device_, spec);
  for (const std::int64_t batch : {1, 2, 3, 16, 33}) {
    GpuProblem problem(target(), spec, 1, batch);
    plan.launch(problem.args(plan));
    EXPECT_EQ(problem.wrong(), "") << batch;
  }
}

TEST_F(GpuLaunch, SameBitsEveryTime) {
  const ConvSpec spec = parse_spec("mb4ic256ih7oc64kh3ph1 dtype=f16");
  for (const std::string& config : some_configs(target(), spec, "mma")) {
    const ProblemTensors tensors(target(), spec, 7);
    const Plan plan(*device_, spec, {.config = config});
    const std::size_t bytes = static_cast<std::size_t>(spec.y_elements(spec.n)) * 2;
    const DeviceBuffer y(target(), bytes),
        workspace(target(), static_cast<std::size_t>(plan.workspace_bytes()) + 64);
    LaunchArgs args;
    args.x = {tensors.x(), static_cast<std::size_t>(spec.x_elements(spec.n)) * 2};
    args.w = {tensors.w(), static_cast<std::size_t>(spec.w_elements()) * 2};
    args.y = {y.data(), bytes};
    args.workspace = {workspace.data(), workspace.bytes()};
    std::vector<std::byte> first(bytes), again(bytes);
    plan.launch(args);
    target().copy_out(first.data(), y.data(), bytes);
    for (int i = 0; i < 5; ++i) {
      plan.launch(args);
      target().copy_out(again.data(), y.data(), bytes);
      ASSERT_EQ(first, again) << config;
    }
  }
}

/// What a launch says; empty if it does not refuse.
std::string refusal(const Plan& plan, const LaunchArgs& args) {
  try {
    plan.launch(args);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage) << error.what();
    return error.what();
  }
  return "";
}

TEST_F(GpuLaunch, RefusesHostMemoryAndUnalignedPointers) {
  const ConvSpec spec = parse_spec("mb2ic64ih8oc64kh3ph1 dtype=f16");
  GpuProblem problem(target(), spec);
  const Plan plan(*device_, spec, {.config = some_configs(target(), spec, "mma").front()});
  const std::size_t need = static_cast<std::size_t>(spec.x_elements(2)) * 2;
  std::vector<char> host(need + 4096);
  LaunchArgs args = problem.args(plan);
  char* aligned = host.data() + 256 - reinterpret_cast<std::uintptr_t>(host.data()) % 256;
  args.x = {aligned, need};
  const std::string kind = refusal(plan, args);
  EXPECT_NE(kind.find("x"), std::string::npos) << kind;
  EXPECT_NE(kind.find("host"), std::string::npos) << kind;

  ASSERT_EQ(plan.alignment(), 16u);
  const DeviceBuffer wide(target(), need + 64);
  args = problem.args(plan);
  args.x = {static_cast<char*>(wide.data()) + 2, need};
  const std::string unaligned = refusal(plan, args);
  EXPECT_NE(unaligned.find("multiple of 16"), std::string::npos) << unaligned;
  plan.launch(problem.args(plan));  // the device is none the worse
  EXPECT_EQ(problem.wrong(), "");
}

TEST_F(GpuLaunch, OutOfMemoryIsOneSentence) {
  for (const std::size_t bytes : {std::size_t{1} << 44, std::size_t{1} << 50}) {
    try {
      target().allocate(bytes);
      FAIL() << bytes << " bytes were allocated";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kDevice);
      EXPECT_NE(std::string(error.what()).find(std::to_string(bytes)), std::string::npos)
          << error.what();
      EXPECT_NE(std::string(error.what()).find("batch"), std::string::npos) << error.what();
    }
  }
  target().deallocate(target().allocate(1 << 20));
}

TEST_F(GpuLaunch, ThroughTheCAbi) {
  convoke_device* device = nullptr;
  convoke_spec* spec = nullptr;
  convoke_plan* plan = nullptr;
  const char* text = "mb2ic32ih9oc48kh3ph1 dtype=f16";
  ASSERT_EQ(convoke_device_open("cuda:0", nullptr, &device), CONVOKE_OK) << convoke_last_error();
  ASSERT_EQ(convoke_spec_parse(text, &spec), CONVOKE_OK);
  ASSERT_EQ(convoke_plan_create(device, spec, nullptr, &plan), CONVOKE_OK) << convoke_last_error();
  EXPECT_STREQ(convoke_device_name(device), "cuda:0");
  GpuProblem problem(target(), parse_spec(text));
  const Plan same(*device_, parse_spec(text));
  const LaunchArgs a = problem.args(same);
  convoke_launch_args args{};
  args.x = {a.x.data, a.x.bytes};
  args.w = {a.w.data, a.w.bytes};
  args.y = {a.y.data, a.y.bytes};
  args.workspace = {a.workspace.data, a.workspace.bytes};
  EXPECT_EQ(convoke_plan_launch(plan, &args), CONVOKE_OK) << convoke_last_error();
  EXPECT_EQ(problem.wrong(), "");
  convoke_plan_destroy(plan);
  convoke_spec_destroy(spec);
  convoke_device_destroy(device);
}

}  // namespace
}  // namespace convoke
