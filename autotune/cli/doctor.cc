#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "autotune/cli/commands.h"
#include "autotune/cli/findings.h"
#include "autotune/cli/json.h"
#include "autotune/cli/report.h"
#include "autotune/cli/terminal.h"
#include "runtime/cpu_features.h"
#include "runtime/cpu_library.h"
#include "runtime/env.h"
#include "runtime/kernel_cache.h"
#include "runtime/thread_pool.h"

namespace convoke::cli {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

const char* isa_needs(IsaLevel level) {
  switch (level) {
    case IsaLevel::kSse2:
      return "any x86-64";
    case IsaLevel::kAvx2:
      return "AVX2, FMA, F16C";
    case IsaLevel::kAvx512:
      return "AVX-512 F, BW, DQ, VL";
    case IsaLevel::kAvx512Vnni:
      return "AVX-512 F, BW, DQ, VL and AVX512-VNNI";
    case IsaLevel::kAvx512Bf16:
      return "the same and AVX512-BF16";
    case IsaLevel::kAmx:
      return "AMX-TILE, AMX-BF16, AMX-INT8 and the kernel's permission";
  }
  return "";
}

void look_at_processor(Findings& findings) {
  const CpuDescription* cpu = nullptr;
  try {
    cpu = &cpu_description();
  } catch (const Error& error) {
    return findings.missing("processor", error.what(),
                            "unset CONVOKE_CPU_ISA or name a level that this processor has",
                            error.code());
  }
  findings.fine("processor", cpu->model);
  for (const IsaLevel level : kIsaLevels) {
    const char* state = level == cpu->isa.level        ? "in use"
                        : level <= cpu->isa.level      ? "there"
                        : level <= cpu->hardware.level ? "there, switched off by CONVOKE_CPU_ISA"
                                                       : "not there";
    findings.fine(fmt::format("isa {}", to_string(level)),
                  fmt::format("{} (needs {})", state, isa_needs(level)));
  }
  const auto size = [](std::int64_t bytes) { return print_bytes(static_cast<double>(bytes)); };
  findings.fine(
      "caches",
      fmt::format("L1 {}, L2 {} a core; L3 {}", size(cpu->isa.l1_bytes), size(cpu->isa.l2_bytes),
                  cpu->isa.l3_bytes ? size(cpu->isa.l3_bytes) : std::string("none")));
  findings.fine("clock", fmt::format("about {:.2f} GHz", cpu->max_ghz));
}

void look_at_threads(Findings& findings) {
  const std::string set = env_value(EnvVar::kNumThreads);
  const int usable = usable_cpus();
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  if (!set.empty())
    return findings.fine("threads",
                         fmt::format("{} (CONVOKE_NUM_THREADS; {} CPUs usable)", set, usable));
  findings.fine("threads",
                usable < online
                    ? fmt::format("{} (the affinity mask or the cgroup quota; {} CPUs online)",
                                  usable, online)
                    : fmt::format("{} (all CPUs online)", usable));
}

/// The CPU target from spec to loaded kernel, on a problem that no user has cached.
void look_at_cpu_target(Findings& findings) {
  const char* todo =
      "build the target convoke_cpu (cmake --build --preset release) and keep libconvoke_cpu.so "
      "beside convoke, or name it "
      "in CONVOKE_CPU_LIBRARY";
  try {
    const std::string path = cpu_library_path();
    std::error_code failed;
    const auto bytes = fs::file_size(path, failed);
    findings.fine(
        "CPU library",
        fmt::format("{} (LLVM {}{})", path, cpu_library().llvm_version,
                    failed ? std::string() : ", " + print_bytes(static_cast<double>(bytes))));
    const Device device = Device::open("cpu");
    Target& target = device.target();
    const ConvSpec spec = parse_problem("mb1ic3ih5oc7kh3ph1").spec;
    const KernelConfig config = target.default_config(spec);
    const auto start = std::chrono::steady_clock::now();
    target.load(spec, config, target.compile(spec, config));
    const double ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    findings.fine("CPU target",
                  fmt::format("works: a small kernel compiled and loaded in {:.1f} ms", ms));
  } catch (const Error& error) {
    findings.missing("CPU target", error.what(), todo, error.code());
  }
}

void look_at_directory(Findings& findings, const char* topic, const std::string& path,
                       bool must_write) {
  std::error_code failed;
  if (!fs::is_directory(path, failed))
    return findings.hint(topic,
                         fmt::format("{} is not there", path.empty() ? "no directory" : path),
                         must_write ? "set CONVOKE_CACHE_DIR to a directory that can be written"
                                    : "create it or unset CONVOKE_SYSTEM_CACHE");
  const fs::space_info space = fs::space(path, failed);
  const std::string free =
      failed ? "unknown free space" : print_bytes(static_cast<double>(space.available)) + " free";
  const bool writable = access(path.c_str(), W_OK) == 0;
  const std::string found =
      fmt::format("{} ({}, {})", path, writable ? "writable" : "read-only", free);
  constexpr std::uintmax_t kLittle = 64 << 20;
  if (must_write && !writable)
    findings.hint(
        topic, found,
        "kernels are compiled anew in each process: set CONVOKE_CACHE_DIR to a writable directory");
  else if (must_write && !failed && space.available < kLittle)
    findings.hint(topic, found,
                  "make room or set CONVOKE_CACHE_DIR: entries that do not fit are not kept");
  else
    findings.fine(topic, found);
}

void look_at_caches(Findings& findings) {
  look_at_directory(findings, "cache", cache_directory(), true);
  const std::string system = env_value(EnvVar::kSystemCache);
  if (!system.empty()) {
    look_at_directory(findings, "system cache", system, false);
    look_at_kernel_folder(findings, system);
  }
  try {
    const std::vector<CacheEntry> entries = KernelCache(cache_directory(), system).list();
    std::size_t broken = 0;
    for (const CacheEntry& entry : entries) broken += !entry.intact;
    const std::string found = fmt::format("{} ({} broken)", entries.size(), broken);
    if (broken)
      findings.hint(
          "kernels", found,
          "broken entries are not used and are written anew; convoke cache clear removes them");
    else
      findings.fine("kernels", found);
  } catch (const Error& error) {
    findings.missing("kernels", error.what(), "set CONVOKE_CACHE_DIR to another directory",
                     ErrorCode::kCache);
  }
  const TuningDb& db = tuning_db();
  const std::string found = fmt::format("{} samples in {}", db.all().size(), db.path());
  if (db.problem_with_file().empty())
    findings.fine("tuning database", found);
  else
    findings.missing(
        "tuning database", fmt::format("{}: {}", found, db.problem_with_file()),
        "results of tuning are not kept: set CONVOKE_CACHE_DIR to a writable directory",
        ErrorCode::kCache);
}

void look_at_environment(Findings& findings) {
  for (const EnvInfo& info : env_table()) {
    const std::string value = env_value(info.var);
    findings.fine(info.name, value.empty()
                                 ? fmt::format("not set: {} ({})", info.fallback, info.what)
                                 : fmt::format("'{}' ({})", value, info.what));
  }
  std::vector<std::string> known;
  for (const EnvInfo& info : env_table()) known.push_back(info.name);
  for (const std::string& name : unknown_env()) {
    const std::string near = nearest(name, known);
    findings.hint(name, "set, but no such variable is known",
                  near.empty() ? "unset it" : fmt::format("did you mean {}?", near));
  }
}

}  // namespace

int run_doctor(const CommandLine& line) {
  Findings findings;
  findings.fine("convoke", version());
  look_at_processor(findings);
  look_at_threads(findings);
  look_at_cpu_target(findings);
  look_at_cuda(findings);
  look_at_caches(findings);
  look_at_environment(findings);

  std::vector<int> codes;
  std::size_t hints = 0;
  for (const Finding& finding : findings.list()) {
    codes.push_back(finding.exit_code);
    hints += !finding.todo.empty();
    if (line.selectors.json) {
      write_json_line({{"command", "doctor"},
                       {"topic", finding.topic},
                       {"status", finding.exit_code      ? "missing"
                                  : finding.todo.empty() ? "fine"
                                                         : "hint"},
                       {"found", finding.found},
                       {"todo", finding.todo.empty() ? Json(nullptr) : Json(finding.todo)}});
      continue;
    }
    write_stdout(fmt::format("{:<22} {}\n", finding.topic, finding.found));
    if (!finding.todo.empty()) write_stdout(fmt::format("{:<22} -> {}\n", "", finding.todo));
  }
  const int exit_code = worst_exit_code(codes);
  if (line.selectors.json)
    write_json_line({{"summary",
                      {{"command", "doctor"},
                       {"topics", findings.list().size()},
                       {"todo", hints},
                       {"exit_code", exit_code}}}});
  return exit_code;
}

}  // namespace convoke::cli
