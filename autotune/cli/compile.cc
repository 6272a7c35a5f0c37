// `convoke compile`: kernels ahead of time, for GPUs that need not be here, into a folder that a
// machine without NVRTC reads as CONVOKE_SYSTEM_CACHE.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include "autotune/cli/commands.h"
#include "autotune/cli/interrupt.h"
#include "autotune/cli/json.h"
#include "autotune/cli/terminal.h"
#include "autotune/tune.h"
#include "runtime/cuda_context.h"
#include "runtime/thread_pool.h"

namespace convoke::cli {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;
constexpr int kMaxJobs = 1024;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// One kernel to build and, afterwards, what became of it.
struct Job {
  const Problem* problem = nullptr;
  std::string arch;
  Target* target = nullptr;
  std::optional<KernelConfig> config;
  std::string config_source;
  std::string status, reason, key;
  int exit_code = 0;
  std::int64_t bytes = 0;
  double seconds = 0;

  void refuse(const Error& error) {
    status = error.code() == ErrorCode::kUnsupported ? "unsupported" : "error";
    reason = error.what();
    exit_code = static_cast<int>(error.code());
  }
};

/// The database's fastest verified sample of any GPU of this architecture, if this build can still
/// run it.
std::optional<KernelConfig> tuned_for_arch(const Target& target, const std::string& arch,
                                           const ConvSpec& spec,
                                           const std::vector<Sample>& samples) {
  const std::string text = print_spec(spec);
  const Sample* best = nullptr;
  std::optional<KernelConfig> config;
  for (const Sample& sample : samples) {
    const bool fits = sample.verified && sample.n > 0 && sample.problem == text &&
                      sample.emitter == target.info().emitter &&
                      sample.device.find(arch) != std::string::npos;
    if (!fits || (best != nullptr && sample.median_us >= best->median_us)) continue;
    if (const auto usable = usable_config(target, spec, sample.config)) {
      best = &sample;
      config = usable;
    }
  }
  return config;
}

void choose_config(Job& job, const Selectors& selectors, const std::vector<Sample>& samples) {
  const ConvSpec& spec = job.problem->spec;
  if (const std::string why = job.target->why_unsupported(spec); !why.empty())
    return job.refuse(Error(ErrorCode::kUnsupported, why));
  if (selectors.config) {
    job.config = selectors.config;
    job.config_source = "option";
    if (const std::string why = job.target->why_illegal(spec, *job.config); !why.empty())
      job.refuse(Error(ErrorCode::kUsage, fmt::format("--config: {} cannot run this problem: {}",
                                                      print_config(*job.config), why)));
    return;
  }
  job.config = tuned_for_arch(*job.target, job.arch, spec, samples);
  job.config_source = job.config ? "database" : "default";
  if (!job.config) job.config = job.target->default_config(spec);
}

void build(Job& job, const std::string& folder) {
  const Clock::time_point start = Clock::now();
  try {
    const AheadOfTimeKernel kernel =
        job.target->compile_into(folder, job.problem->spec, *job.config);
    job.status = kernel.was_there ? "present" : "built";
    job.key = kernel.key;
    job.bytes = kernel.bytes;
  } catch (const Error& error) {
    job.refuse(error);
  }
  job.seconds = seconds_since(start);
}

Json to_json(const Job& job) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
  };
  return {{"command", "compile"},
          {"problem", print_spec(job.problem->spec)},
          {"name", or_null(job.problem->name)},
          {"arch", job.arch},
          {"status", job.status},
          {"config", job.config ? Json(print_config(*job.config)) : Json(nullptr)},
          {"config_source", or_null(job.config_source)},
          {"key", or_null(job.key)},
          {"bytes", job.bytes},
          {"seconds", job.seconds},
          {"reason", or_null(job.reason)}};
}

std::string outline(const Job& job) {
  if (!job.reason.empty()) return fmt::format("{}: {}", job.status, job.reason);
  return fmt::format("{} in {:.2f} s, {}", job.status, job.seconds,
                     print_bytes(static_cast<double>(job.bytes)));
}

/// Builds every job that is not refused already, `threads` at once; reports each as it ends.
void build_all(std::vector<Job>& jobs, const std::string& folder, int threads, bool json) {
  Progress progress("compile", jobs.size());
  std::mutex reporting;
  std::atomic<std::size_t> next{0};
  std::size_t done = 0;
  std::exception_ptr stopped;  // stdout cannot be written
  const auto work = [&] {
    for (std::size_t i = next++; i < jobs.size() && !interrupted(); i = next++) {
      Job& job = jobs[i];
      if (job.status.empty()) build(job, folder);
      const std::lock_guard lock(reporting);
      if (stopped) return;
      try {
        if (json) write_json_line(to_json(job));
        progress.done(done++, fmt::format("{} {}", job.arch, label(*job.problem)), outline(job));
      } catch (...) {
        stopped = std::current_exception();
      }
    }
  };
  std::vector<std::thread> workers;
  for (int i = 1; i < threads; ++i) workers.emplace_back(work);
  work();
  for (std::thread& worker : workers) worker.join();
  if (stopped) std::rethrow_exception(stopped);
}

int finish(const std::vector<Job>& jobs, const std::string& folder, double seconds, bool json) {
  std::map<std::string, int> counted;
  std::vector<int> codes;
  std::int64_t bytes = 0;
  for (const Job& job : jobs) {
    ++counted[job.status.empty() ? "skipped" : job.status];
    codes.push_back(job.exit_code);
    bytes += job.bytes;
    if (!job.reason.empty())
      print_line(
          fmt::format("{} {}: {}: {}", job.arch, label(*job.problem), job.status, job.reason));
  }
  if (counted["skipped"] > 0) codes.push_back(static_cast<int>(ErrorCode::kWrongResult));
  const int exit_code = interrupted() ? kExitInterrupted : worst_exit_code(codes);
  std::string sentence;
  for (const auto& [status, count] : counted)
    if (count > 0) sentence += fmt::format("{}{} {}", sentence.empty() ? "" : ", ", count, status);
  print_line(fmt::format("{} kernels in {}: {}; {} in {}", jobs.size(), print_duration(seconds),
                         sentence, print_bytes(static_cast<double>(bytes)), folder));
  if (json)
    write_json_line({{"summary",
                      {{"command", "compile"},
                       {"kernels", jobs.size()},
                       {"built", counted["built"]},
                       {"present", counted["present"]},
                       {"unsupported", counted["unsupported"]},
                       {"errors", counted["error"]},
                       {"skipped", counted["skipped"]},
                       {"bytes", bytes},
                       {"output", folder},
                       {"seconds", seconds},
                       {"interrupted", interrupted().load()},
                       {"exit_code", exit_code}}}});
  return exit_code;
}

/// The architectures of --arch, else that of the GPU that is here.
std::vector<CudaDevice> choose_archs(const CommandLine& line, const Selectors& selectors) {
  if (selectors.target == "cpu")
    throw Error(
        ErrorCode::kUsage,
        "compile builds for GPUs: --target cuda; on the CPU, `convoke tune` fills the caches");
  std::vector<CudaDevice> archs = parse_archs(line.archs, selectors.target);
  if (!archs.empty()) return archs;
  try {
    return {find_cuda_gpu(cuda_driver(), parse_ordinal(selectors.target)).device};
  } catch (const Error& error) {
    throw Error(error.code(),
                fmt::format("{}; --arch sm_90a builds for a GPU that is not here", error.what()));
  }
}

}  // namespace

int run_compile(const CommandLine& line) {
  const Clock::time_point start = Clock::now();
  const Selectors selectors = parse(line.selectors);
  const std::vector<Problem> problems = select_problems(selectors);
  const int threads = line.jobs.empty()
                          ? usable_cpus()
                          : static_cast<int>(parse_integer("--jobs", line.jobs, 1, kMaxJobs));
  if (line.output.empty())
    throw Error(ErrorCode::kUsage, "-o: name the folder that receives the kernels");
  std::map<std::string, std::shared_ptr<Target>> targets;
  for (const CudaDevice& device : choose_archs(line, selectors))
    targets.emplace(arch_name(device), make_cuda_compiler(device));

  const std::vector<Sample> samples = tuning_db().all();
  std::vector<Job> jobs;
  for (const auto& [arch, target] : targets) {
    for (const Problem& problem : problems) {
      Job& job = jobs.emplace_back();
      job.problem = &problem;
      job.arch = arch;
      job.target = target.get();
      choose_config(job, selectors, samples);
    }
  }
  build_all(jobs, line.output, std::min<int>(threads, static_cast<int>(jobs.size())),
            selectors.json);
  return finish(jobs, line.output, seconds_since(start), selectors.json);
}

}  // namespace convoke::cli
