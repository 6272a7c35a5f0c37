// Every template, type, layout, architecture, kind of shape and epilogue, each met with each other
// at least once (pairwise covering), on configurations of the search space, and default ones: all
// must compile without spills, stack frames or dropped directives. No GPU is needed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <numeric>
#include <random>
#include <set>
#include <thread>

#include "compiler/cuda_config.h"
#include "compiler/emit_cuda.h"
#include "compiler/spec_text.h"
#include "convoke/error.h"
#include "runtime/cuda_compiler.h"

namespace convoke {
namespace {

struct Kernels {
  cuda::Family family;
  const char* dtype;
};
constexpr Kernels kKernels[] = {
    {cuda::Family::kMma, "f16"},        {cuda::Family::kMma, "bf16"},
    {cuda::Family::kMma, "tf32"},       {cuda::Family::kFma, "f32"},
    {cuda::Family::kDirect, "f16"},     {cuda::Family::kDirect, "bf16"},
    {cuda::Family::kDirect, "tf32"},    {cuda::Family::kDirect, "f32"},
    {cuda::Family::kDepthwise, "f16"},  {cuda::Family::kDepthwise, "bf16"},
    {cuda::Family::kDepthwise, "tf32"}, {cuda::Family::kDepthwise, "f32"},
    {cuda::Family::kMma, "s8"},         {cuda::Family::kMma, "u8"},
    {cuda::Family::kDirect, "u8"},      {cuda::Family::kDepthwise, "s8"},
    {cuda::Family::kReference, "s8"},
    {cuda::Family::kReference, "f16"},  {cuda::Family::kReference, "bf16"},
    {cuda::Family::kReference, "tf32"}, {cuda::Family::kReference, "f32"}};
/// The depthwise family takes them with ic groups of one channel and one or two filters.
constexpr const char* kShapes[] = {
    "ic64ih56oc64oh56kh3ph1",
    "ic17ih13oc19oh13kh3ph1",                      // odd channels
    "g4ic32ih14oc32oh14kh3ph1",                    // groups
    "ic24ih23oc40oh8kh2sh3ph0",                    // stride beyond the filter
    "ic32ih20iw28oc48oh20ow28kh3kw3dh1dw1ph2pw2",  // dilation
    "ic64ih14oc256oh14kh1ph0",
    "ic8ih5oc8oh41kh5ph20",                          // mostly padding
    "ic512ih1oc512oh1kh3ph1",                        // eight dead taps of nine
    "ic3ih224oc64oh112kh7sh2ph3",                    // a first layer
    "ic128ih17iw17oc128oh17ow17kh1kw7ph0pw3",        // a row
    "ic64ih8192iw8192oc64oh8192ow8192kh3kw3ph1pw1",  // offsets beyond 2^31
    "ic9ih7oc1oh7kh3ph1"};                           // one filter
constexpr const char* kLayouts[] = {"layout=nhwc", "layout=nchw", "xlayout=nhwc ylayout=nchw",
                                    "xlayout=nchw ylayout=nhwc"};
constexpr const char* kEpilogues[] = {"", "epilogue=relu(acc*scale[k]+bias[k]+residual)",
                                      "epilogue=gelu(acc+bias[k])",
                                      "epilogue=acc*scale[k]+residual[f16]"};

/// One choice of each factor, by index: kernels, shape, layout, epilogue, architecture.
using Choice = std::array<int, 5>;

ConvSpec spec_of(const Choice& choice) {
  const Kernels& kernels = kKernels[choice[0]];
  ConvSpec spec =
      parse_problem(fmt::format("mb?{} dtype={} {} {}", kShapes[choice[1]], kernels.dtype,
                                kLayouts[choice[2]], kEpilogues[choice[3]]))
          .spec;
  if (kernels.family == cuda::Family::kDepthwise) {
    spec.groups = spec.c;
    spec.k = spec.c * (choice[1] % 3 == 2 ? 2 : 1);
    spec.validate();
  }
  return spec;
}

/// A configuration of the family, another one for each choice; none if it cannot run the spec.
std::vector<CudaConfig> configs_of(const Choice& choice, const ConvSpec& spec) {
  const CudaDevice& device = known_cuda_devices()[choice[4]];
  std::vector<CudaConfig> configs;
  if (kKernels[choice[0]].family == cuda::Family::kReference) {
    configs.emplace_back().family = cuda::Family::kReference;
    return configs;
  }
  for (const KernelConfig& config : enumerate_cuda_configs(spec, device))
    if (config.cuda.family == kKernels[choice[0]].family) configs.push_back(config.cuda);
  return configs;
}

struct Unit {
  std::string what, arch, source;
  cuda::Family family;
};

/// Choices that meet every pair of two factors' values, as few as a greedy walk finds.
std::vector<Unit> covering_units(const Nvrtc& compiler) {
  const std::array<int, 5> sizes = {std::size(kKernels), std::size(kShapes), std::size(kLayouts),
                                    std::size(kEpilogues),
                                    static_cast<int>(known_cuda_devices().size())};
  std::vector<Choice> all;
  const int count = std::accumulate(sizes.begin(), sizes.end(), 1, std::multiplies<>());
  for (int i = 0; i < count; ++i) {
    Choice choice;
    for (int f = 0, rest = i; f < 5; rest /= sizes[f++]) choice[f] = rest % sizes[f];
    all.push_back(choice);
  }
  std::mt19937 random(1);
  std::shuffle(all.begin(), all.end(), random);
  std::set<std::array<int, 4>> met;
  const auto pairs_of = [](const Choice& choice) {
    std::vector<std::array<int, 4>> pairs;
    for (int a = 0; a < 5; ++a)
      for (int b = a + 1; b < 5; ++b) pairs.push_back({a, choice[a], b, choice[b]});
    return pairs;
  };
  std::vector<Unit> units;
  for (int wanted = 10; wanted >= 1; --wanted)
    for (const Choice& choice : all) {
      const auto pairs = pairs_of(choice);
      const auto is_new = [&](const auto& pair) { return met.count(pair) == 0; };
      if (std::count_if(pairs.begin(), pairs.end(), is_new) < wanted) continue;
      const ConvSpec spec = spec_of(choice);
      const auto configs = configs_of(choice, spec);
      if (configs.empty()) continue;
      const CudaConfig& config = configs[random() % configs.size()];
      met.insert(pairs.begin(), pairs.end());
      const CudaDevice& device = known_cuda_devices()[choice[4]];
      const std::string arch = compile_arch(device, compiler);
      const auto add = [&](const CudaConfig& c, const std::string& source) {
        units.push_back(
            {fmt::format("{} {} on {}", print_spec(spec), print_cuda_config(c), arch_name(device)),
             arch, source, c.family});
      };
      add(config, emit_cuda(spec, config).source);
      if (config.family == cuda::Family::kReference) {
        add(config, emit_cuda_reference_sums(spec).source);
        const CudaConfig first = default_cuda_config(spec, device).cuda;
        add(first, emit_cuda(spec, first).source);
      }
    }
  return units;
}

TEST(TemplatesThroughNvrtc, CompileCleanlyEverywhere) {
  const Nvrtc* compiler = nullptr;
  try {
    compiler = &nvrtc();
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  const std::vector<Unit> units = covering_units(*compiler);
  EXPECT_GT(units.size(), 150u);
  std::vector<std::string> complaints(units.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i; (i = next++) < units.size();) {
      try {
        const CudaImage image =
            compile_cuda(*compiler, template_files(), {units[i].source, units[i].arch, "", ""}, "");
        complaints[i] = why_slow(image.resources);
      } catch (const Error& error) {
        complaints[i] = error.what();
      }
    }
  };
  std::vector<std::thread> threads(std::max(1u, std::thread::hardware_concurrency()));
  for (std::thread& thread : threads) thread = std::thread(work);
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < units.size(); ++i) {
    const bool spills = complaints[i].rfind("spills ", 0) == 0;
    if (spills && units[i].family == cuda::Family::kReference) continue;  // it is never tuned
    EXPECT_EQ(complaints[i], "") << units[i].what;
  }
}

}  // namespace
}  // namespace convoke
