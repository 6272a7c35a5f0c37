// What Convoke costs besides the work, with Google Benchmark: a launch of next to no arithmetic,
// and the way from a spec to a callable kernel, cold (compile) and from the disk cache. One thread:
// waking workers is not the plan's.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "compiler/kernel_config.h"
#include "compiler/spec_text.h"
#include "convoke/convoke.hpp"
#include "runtime/target.h"

namespace convoke {
namespace {

constexpr char kTinySpec[] = "mb1ic1ih1oc8oh1kh1ph0";
constexpr char kLayer[] = "mb8ic64ih56oc64oh56kh3ph1";

/// CONVOKE_CACHE_DIR of this process: a directory of its own, removed at the end.
class ScratchCache {
 public:
  ScratchCache() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "convoke-bench-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
    setenv("CONVOKE_CACHE_DIR", path_.c_str(), 1);
  }
  ~ScratchCache() { std::filesystem::remove_all(path_); }

 private:
  std::string path_;
};

Device one_thread() {
  DeviceOptions options;
  options.threads = 1;
  return Device::open("cpu", options);
}

void launch(benchmark::State& state, int operands, const char* text) {
  const Plan plan(one_thread(), parse_spec(text), {.config = {}, .weights = WeightForm::kPacked});
  alignas(64) float x[8] = {1}, w[64] = {2}, y[8], operand[8] = {};
  alignas(64) std::byte packed[4096], workspace[4096];
  LaunchArgs args;
  const ConstBuffer buffers[] = {{operand, 32}, {operand, 32}};
  args.x = {x, 4};
  args.y = {y, 32};
  args.w = {w, 32};
  if (plan.packed_weight_bytes() > 0) {
    plan.prepack({w, 32}, {packed, sizeof packed});
    args.w = {packed, static_cast<std::size_t>(plan.packed_weight_bytes())};
  }
  args.operands = buffers;
  args.operand_count = operands;
  args.workspace = {workspace, sizeof workspace};
  for (auto _ : state) plan.launch(args);
}

void launch_tiny(benchmark::State& state) { launch(state, 0, kTinySpec); }
void launch_tiny_with_operands(benchmark::State& state) {
  launch(state, 2, "mb1ic1ih1oc8oh1kh1ph0 epilogue=relu(acc*scale[k]+bias[k])");
}

/// A fresh target each time: nothing in memory.
void get_kernel(benchmark::State& state, bool clear) {
  const ConvSpec spec = parse_spec(kLayer);
  for (auto _ : state) {
    state.PauseTiming();
    DeviceOptions options;
    options.threads = 1;
    const std::shared_ptr<Target> target = make_cpu_target(options);
    const KernelConfig config = target->default_config(spec);
    if (clear) target->cache().clear();
    state.ResumeTiming();
    CacheSource source{};
    benchmark::DoNotOptimize(target->get(spec, config, &source));
    if (source != (clear ? CacheSource::kCompiled : CacheSource::kDisk))
      return state.SkipWithError("not the source that was meant");
  }
}

void spec_to_kernel_cold(benchmark::State& state) { get_kernel(state, true); }
void spec_to_kernel_from_disk(benchmark::State& state) {
  const std::shared_ptr<Target> target = make_cpu_target({});
  const ConvSpec spec = parse_spec(kLayer);
  target->get(spec, target->default_config(spec));
  get_kernel(state, false);
}

BENCHMARK(launch_tiny);
BENCHMARK(launch_tiny_with_operands);
BENCHMARK(spec_to_kernel_cold)->Unit(benchmark::kMillisecond);
BENCHMARK(spec_to_kernel_from_disk)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace convoke

int main(int argc, char** argv) {
  const convoke::ScratchCache cache;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
