#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "autotune/cli/commands.h"
#include "autotune/cli/explain_sparsity.h"
#include "autotune/cli/json.h"
#include "autotune/cli/report.h"
#include "autotune/cli/terminal.h"
#include "compiler/cuda_cost.h"
#include "compiler/emit_cuda.h"
#include "runtime/cuda_context.h"
#include "templates/conv_config.h"

namespace convoke::cli {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t kRanked = 5;

struct Ranked {
  double us = 0;
  KernelConfig config;
};

/// How a GPU runs a kernel. What only the compiler knows is zero where the cache does not tell.
struct GpuLaunch {
  unsigned blocks = 0, cluster = 1;
  int threads = 0, registers = 0, resident_blocks = 0;
  std::int64_t shared_bytes = 0, spill_bytes = 0;
  double occupancy = 0;
};

GpuLaunch describe_launch(Target& target, const ConvSpec& spec, const KernelConfig& config,
                          const std::string& key, std::int64_t batch) {
  const cuda::ConvConfig c = make_conv_config(spec, config.cuda);
  GpuLaunch launch;
  launch.blocks = cuda::grid(c, batch).x;
  launch.cluster = cuda::cluster(c).x;
  launch.threads = cuda::threads(c);
  launch.shared_bytes = cuda::shared_bytes(c);
  const std::optional<CompiledKernel> entry = target.cache().find(key);
  if (!entry) return launch;
  const Json metadata = Json::parse(entry->metadata, nullptr, false);
  if (!metadata.is_object()) return launch;
  launch.registers = metadata.value("registers", 0);
  launch.spill_bytes = metadata.value("spill_bytes", std::int64_t{0});
  launch.shared_bytes = metadata.value("shared_bytes", launch.shared_bytes);
  if (launch.registers == 0) return launch;
  const CudaDevice device =
      find_cuda_gpu(cuda_driver(), parse_ordinal(target.info().target)).device;
  launch.resident_blocks =
      cuda_resident_blocks(launch.threads, launch.registers, launch.shared_bytes, device);
  launch.occupancy =
      static_cast<double>(launch.resident_blocks * launch.threads) / cuda_resident_threads(device);
  return launch;
}

/// Everything known about one problem; what follows `unsupported` is only there where it is empty.
struct Explanation {
  Problem problem;
  std::int64_t batch = 0;
  double nominal_macs = 0, live_macs = 0, bytes = 0, intensity = 0;
  std::int64_t live_taps = 0;
  std::string unsupported;
  double limit_us = 0, arithmetic_us = 0;
  Choice choice;
  std::string key, cached;
  std::vector<PlanStep> steps;
  std::int64_t workspace = 0, packed_weights = 0;
  std::size_t space = 0;
  double chosen_us = 0;
  std::vector<Ranked> best;
  std::optional<GpuLaunch> launch;
  std::optional<SparsityExplanation> sparsity;

  /// The target's limit is the larger of its arithmetic and its memory time.
  const char* bound() const { return limit_us > 1.001 * arithmetic_us ? "memory" : "arithmetic"; }
};

std::int64_t live_taps(const ConvSpec& spec) {
  std::int64_t rows = 0, columns = 0;
  for (std::int64_t r = 0; r < spec.r; ++r) rows += spec.tap_r_live(r);
  for (std::int64_t s = 0; s < spec.s; ++s) columns += spec.tap_s_live(s);
  return rows * columns;
}

void explain_numbers(const DeviceInfo& device, Explanation& e) {
  const ConvSpec& spec = e.problem.spec;
  e.batch = launch_batch(spec);
  e.nominal_macs = spec.nominal_macs(e.batch);
  e.live_macs = spec.macs(e.batch);
  e.live_taps = live_taps(spec);
  e.bytes = static_cast<double>(spec.x_elements(e.batch)) * size_of(spec.x_type) +
            static_cast<double>(spec.w_elements()) * size_of(spec.w_type) +
            static_cast<double>(spec.y_elements(e.batch)) * size_of(spec.y_type);
  e.intensity = 2 * e.live_macs / e.bytes;
  if (device.peak_gflops_f32 > 0) e.arithmetic_us = 2 * e.live_macs / device.peak_gflops_f32 * 1e-3;
}

void explain_kernel(Target& target, const Selectors& selectors, Explanation& e) {
  const ConvSpec& spec = e.problem.spec;
  e.limit_us = target.limit_us(spec);
  e.choice = choose(target, spec, selectors.config);
  e.key = target.cache_key(spec, e.choice.config);
  const auto start = std::chrono::steady_clock::now();
  CacheSource source = CacheSource::kCompiled;
  const auto kernel = target.get(spec, e.choice.config, &source);
  const double ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  e.cached = source == CacheSource::kMemory ? "in memory"
             : source == CacheSource::kDisk
                 ? fmt::format("on disk (loaded in {:.1f} ms)", ms)
                 : fmt::format("was not cached (compiled now in {:.1f} ms)", ms);
  e.steps = kernel->steps(e.batch, WeightForm::kPacked);
  e.workspace = kernel->workspace_bytes(e.batch, WeightForm::kPacked);
  e.packed_weights = kernel->packed_weight_bytes();
  if (e.choice.config.target == TargetKind::kCuda)
    e.launch = describe_launch(target, spec, e.choice.config, e.key, e.batch);

  if (!spec.sparsity.empty()) {
    e.sparsity = explain_sparsity(target, spec, e.choice.config, tuning_db(), selectors.seed);
    e.arithmetic_us *=
        static_cast<double>(e.sparsity->kept) / static_cast<double>(e.sparsity->units);
  }
  e.chosen_us = target.predict_us(spec, e.choice.config);
  for (const KernelConfig& config : target.enumerate(spec))
    e.best.push_back({target.predict_us(spec, config), config});
  e.space = e.best.size();
  std::stable_sort(e.best.begin(), e.best.end(),
                   [](const Ranked& a, const Ranked& b) { return a.us < b.us; });
  if (e.best.size() > kRanked) e.best.resize(kRanked);
}

std::string source_text(const Choice& choice) {
  if (choice.source == "option") return "given with --config";
  if (choice.source == "default")
    return "default: the tuning database has no verified sample (run convoke tune)";
  return fmt::format("tuning database: median {:.1f} us over {} launches, {}",
                     choice.sample->median_us, choice.sample->n, choice.sample->date);
}

Json to_json(const GpuLaunch& launch) {
  const auto known = [](auto value) { return value > 0 ? Json(value) : Json(nullptr); };
  return {{"grid", launch.blocks},
          {"threads", launch.threads},
          {"cluster", launch.cluster},
          {"shared_bytes", launch.shared_bytes},
          {"registers", known(launch.registers)},
          {"spill_bytes", launch.registers > 0 ? Json(launch.spill_bytes) : Json(nullptr)},
          {"resident_blocks", known(launch.resident_blocks)},
          {"occupancy", known(launch.occupancy)}};
}

std::string to_text(const GpuLaunch& launch) {
  std::string text = fmt::format(
      "{} blocks{} of {} threads, {} of shared memory each", launch.blocks,
      launch.cluster > 1 ? fmt::format(" in clusters of {}", launch.cluster) : std::string(),
      launch.threads, print_bytes(static_cast<double>(launch.shared_bytes)));
  if (launch.registers > 0)
    text +=
        fmt::format("; {} registers a thread{}: {} on a multiprocessor, {:.0f} % of its threads",
                    launch.registers,
                    launch.spill_bytes > 0 ? fmt::format(" ({} bytes spilled)", launch.spill_bytes)
                                           : std::string(),
                    launch.resident_blocks, 100 * launch.occupancy);
  return text;
}

Json to_json(const Explanation& e, const DeviceInfo& device) {
  const ConvSpec& spec = e.problem.spec;
  Json object = {{"command", "explain"},
                 {"problem", print_spec(spec)},
                 {"name", e.problem.name.empty() ? Json(nullptr) : Json(e.problem.name)},
                 {"count", e.problem.count},
                 {"pass", to_string(spec.pass)},
                 {"target", device.target},
                 {"device", device.key},
                 {"status", e.unsupported.empty() ? "supported" : "unsupported"},
                 {"reason", e.unsupported.empty() ? Json(nullptr) : Json(e.unsupported)},
                 {"batch", e.batch},
                 {"nominal_macs", e.nominal_macs},
                 {"live_macs", e.live_macs},
                 {"taps", spec.r * spec.s},
                 {"live_taps", e.live_taps},
                 {"bytes", e.bytes},
                 {"flops_per_byte", e.intensity}};
  if (!e.unsupported.empty()) return object;
  object["limit_us"] = e.limit_us;
  object["limit_reason"] = e.bound();
  object["config"] = print_config(e.choice.config);
  object["config_source"] = e.choice.source;
  object["config_date"] = e.choice.sample ? Json(e.choice.sample->date) : Json(nullptr);
  object["time_us"] = e.choice.sample ? Json(e.choice.sample->median_us) : Json(nullptr);
  object["predicted_us"] = e.chosen_us;
  object["key"] = e.key;
  object["cached"] = e.cached;
  object["workspace_bytes"] = e.workspace;
  object["packed_weight_bytes"] = e.packed_weights;
  object["steps"] = Json::array();
  for (const PlanStep& step : e.steps)
    object["steps"].push_back({{"name", step.name}, {"workspace_bytes", step.workspace_bytes}});
  if (e.launch) object["launch"] = to_json(*e.launch);
  if (e.sparsity) object["sparsity"] = to_json(*e.sparsity);
  object["configs"] = e.space;
  object["predicted_best"] = Json::array();
  for (const Ranked& ranked : e.best)
    object["predicted_best"].push_back(
        {{"config", print_config(ranked.config)}, {"predicted_us", ranked.us}});
  return object;
}

std::string to_text(const Explanation& e, const DeviceInfo& device) {
  const ConvSpec& spec = e.problem.spec;
  std::string text;
  const auto line = [&](const char* head, const std::string& value) {
    text += fmt::format("{:<12} {}\n", head, value);
  };
  line("problem", print_problem(e.problem));
  line("input",
       fmt::format("N {}{}, C {}, H {}, W {}, {} {}", e.batch, spec.open_batch() ? " (open)" : "",
                   spec.c, spec.h, spec.w, to_string(spec.x_type), to_string(spec.x_layout)));
  line(
      "filter",
      fmt::format(
          "K {}, R {}, S {}, groups {}, stride {}x{}, dilation {}x{}, padding low {},{} high {},{}",
          spec.k, spec.r, spec.s, spec.groups, spec.stride_h, spec.stride_w, spec.dilation_h,
          spec.dilation_w, spec.pad_h, spec.pad_w, spec.pad_h_high(), spec.pad_w_high()));
  line("output", fmt::format("P {}, Q {}, {} {}", spec.p, spec.q, to_string(spec.y_type),
                             to_string(spec.y_layout)));
  line("work",
       fmt::format("{:.6g} MACs, {:.6g} of them ({:.1f} %) on valid input; {} of {} taps live",
                   e.nominal_macs, e.live_macs,
                   e.nominal_macs > 0 ? 100 * e.live_macs / e.nominal_macs : 0.0, e.live_taps,
                   spec.r * spec.s));
  line("memory", fmt::format("{} compulsory, {:.1f} FLOP/byte", print_bytes(e.bytes), e.intensity));
  line("device", fmt::format("{}, {}, about {:.0f} GFLOP/s (f32)", device.model,
                             device.target == "cpu" ? fmt::format("{} threads", device.threads)
                                                    : device.target,
                             device.peak_gflops_f32));
  if (!e.unsupported.empty()) {
    line("supported", "no: " + e.unsupported);
    return text;
  }
  line("supported", "yes");
  line("limit", fmt::format("{:.2f} us, by {} (f32 arithmetic alone: {:.2f} us)", e.limit_us,
                            e.bound(), e.arithmetic_us));
  line("config", print_config(e.choice.config));
  line("", source_text(e.choice));
  if (e.sparsity)
    for (const auto& [head, value] : to_lines(*e.sparsity, spec)) line(head.c_str(), value);
  line("kernel", fmt::format("{} {}", e.key, e.cached));
  if (e.launch) line("launch", to_text(*e.launch));
  line("weights", e.packed_weights ? fmt::format("packed once, {}",
                                                 print_bytes(static_cast<double>(e.packed_weights)))
                                   : std::string("read as they are"));
  for (std::size_t i = 0; i < e.steps.size(); ++i)
    line(i == 0 ? "steps" : "",
         fmt::format("{} ({} of workspace)", e.steps[i].name,
                     print_bytes(static_cast<double>(e.steps[i].workspace_bytes))));
  line("workspace", print_bytes(static_cast<double>(e.workspace)));
  line("ranking", fmt::format("of {} configurations, predicted (the chosen one: {:.1f} us)",
                              e.space, e.chosen_us));
  for (const Ranked& ranked : e.best)
    line("", fmt::format("{:>10.1f} us  {}", ranked.us, print_config(ranked.config)));
  return text;
}

}  // namespace

int run_explain(const CommandLine& line) {
  const Selectors selectors = parse(line.selectors);
  const std::vector<Problem> problems = select_problems(selectors);
  const Device device = open_device(selectors.target);
  Target& target = device.target();
  std::vector<int> codes;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    Explanation e;
    e.problem = problems[i];
    explain_numbers(target.info(), e);
    e.unsupported = target.why_unsupported(e.problem.spec);
    if (e.unsupported.empty()) {
      explain_kernel(target, selectors, e);
    } else {
      codes.push_back(static_cast<int>(ErrorCode::kUnsupported));
    }
    if (selectors.json) {
      write_json_line(to_json(e, target.info()));
    } else {
      write_stdout((i ? "\n" : "") + to_text(e, target.info()));
    }
  }
  const int exit_code = worst_exit_code(codes);
  if (selectors.json)
    write_json_line({{"summary",
                      {{"command", "explain"},
                       {"problems", problems.size()},
                       {"unsupported", codes.size()},
                       {"exit_code", exit_code}}}});
  return exit_code;
}

}  // namespace convoke::cli
