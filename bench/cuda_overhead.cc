// What Convoke costs on a GPU besides the work, as one JSON object: the host's time for
// Plan::launch beside a bare cuLaunchKernelEx of the same kernel, and the way from a spec to a
// loaded kernel, compiled and from the disk cache. Needs no library besides Convoke's own, so that
// it runs from a build that was carried to the GPU.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "autotune/measure.h"
#include "autotune/problem_tensors.h"
#include "bench/bare_kernel.h"
#include "compiler/spec_text.h"
#include "runtime/cuda_context.h"

namespace convoke {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 200;
constexpr int kLaunches = 100;  // of a round: fewer than the driver queues before it blocks
constexpr int kBuilds = 5;

double us_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

/// Median and best of the host's time of a launch, of rounds that take turns.
Json time_launches(const std::vector<std::pair<const char*, std::function<void()>>>& calls,
                   const std::function<void()>& wait) {
  std::vector<std::vector<double>> times(calls.size());
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < calls.size(); ++i) {
      wait();
      const Clock::time_point start = Clock::now();
      for (int n = 0; n < kLaunches; ++n) calls[i].second();
      times[i].push_back(us_since(start) / kLaunches);
    }
  }
  wait();
  Json result;
  for (std::size_t i = 0; i < calls.size(); ++i)
    result[calls[i].first] = {{"median_us", quantile(times[i], 0.5)},
                              {"least_us", *std::min_element(times[i].begin(), times[i].end())}};
  return result;
}

Json launches(Target& target, const Device& device, const char* text, const char* config) {
  const ConvSpec spec = parse_spec(text);
  const Plan plan(device, spec, {.config = config});
  const auto bytes = [](std::int64_t elements, DataType type) {
    return static_cast<std::size_t>(elements) * size_of(type);
  };
  const DeviceBuffer x(target, bytes(spec.x_elements(spec.n), spec.x_type)),
      w(target, bytes(spec.w_elements(), spec.w_type)),
      y(target, bytes(spec.y_elements(spec.n), spec.y_type));
  LaunchArgs args;
  args.x = {x.data(), x.bytes()};
  args.w = {w.data(), w.bytes()};
  args.y = {y.data(), y.bytes()};
  const CudaContext context(cuda_driver(), 0);
  const CurrentContext current(context);
  BareKernel bare(target, spec, config, args);
  Json result =
      time_launches({{"plan", [&] { plan.launch(args); }}, {"bare", [&] { bare.launch(); }}},
                    [&] { context.check(cuda_driver().cuCtxSynchronize(), "waiting"); });
  result["problem"] = print_spec(spec);
  result["config"] = plan.config();
  result["extra_us"] =
      result["plan"]["median_us"].get<double>() - result["bare"]["median_us"].get<double>();
  return result;
}

/// Milliseconds from spec to loaded kernel, each time with a fresh target: nothing in memory.
Json builds(const char* text, const char* config) {
  const ConvSpec spec = parse_spec(text);
  std::vector<double> cold, disk;
  std::string used;
  for (int i = 0; i < 2 * kBuilds; ++i) {
    const std::shared_ptr<Target> target = make_cuda_target(0);
    const KernelConfig chosen = *config ? parse_config(config) : target->default_config(spec);
    used = print_config(chosen);
    const bool compile = i < kBuilds;
    if (compile) target->cache().clear();
    CacheSource source{};
    const Clock::time_point start = Clock::now();
    target->get(spec, chosen, &source);
    (compile ? cold : disk).push_back(us_since(start) / 1000);
    if (source != (compile ? CacheSource::kCompiled : CacheSource::kDisk))
      throw Error(ErrorCode::kCache,
                  "a kernel did not come from where it was meant to: is "
                  "CONVOKE_SYSTEM_CACHE set?");
  }
  return {{"problem", print_spec(spec)},
          {"config", used},
          {"compile_ms", quantile(cold, 0.5)},
          {"compile_most_ms", *std::max_element(cold.begin(), cold.end())},
          {"disk_ms", quantile(disk, 0.5)}};
}

void run() {
  const Device device = Device::open("cuda:0");
  Target& target = device.target();
  Json result = {{"device", target.info().model},
                 {"driver", target.info().driver},
                 {"compiler", target.info().compiler}};
  result["launch"] = {
      launches(target, device, "mb1ic8ih1oc8oh1kh1 dtype=f16", "cuda:direct,bm=1,bn=1,bk=1"),
      launches(target, device, "mb1ic64ih4oc64kh3ph1 dtype=f16",
               "cuda:mma,bm=32,bn=64,bk=64,wm=2,wn=2,stages=3")};
  result["build"] = {builds("mb128ic64ih56oc64kh3ph1 dtype=f16", ""),
                     builds("mb128ic256ih14oc256kh3ph1 dtype=f16",
                            "cuda:mma,bm=128,bn=128,bk=64,wm=2,wn=4,stages=4"),
                     builds("mb128ic3ih224oc64kh7sh2ph3 dtype=f16", ""),
                     builds("mb128ic64ih56oc64kh3ph1", ""),
                     builds("g512mb128ic512ih14oc512kh3ph1 dtype=f16", "")};
  std::printf("%s\n", Json{{"schema", 1}, {"overhead", result}}.dump().c_str());
}

}  // namespace
}  // namespace convoke

int main() {
  std::string pattern = (std::filesystem::temp_directory_path() / "convoke-bench-XXXXXX").string();
  const std::string cache = mkdtemp(pattern.data());
  setenv("CONVOKE_CACHE_DIR", cache.c_str(), 1);
  int code = 0;
  try {
    convoke::run();
  } catch (const convoke::Error& error) {
    std::fprintf(stderr, "cuda_overhead: error: %s\n", error.what());
    code = static_cast<int>(error.code());
  }
  std::filesystem::remove_all(cache);
  return code;
}
