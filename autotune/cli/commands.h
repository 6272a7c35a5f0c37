// The commands of `convoke`, one function and one file each. Every one takes the words as typed,
// returns the exit status and throws Error for whatever stops it as a whole; what stops one problem
// of many goes into its record.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "autotune/cli/options.h"
#include "autotune/cli/report.h"
#include "autotune/tuning_db.h"
#include "runtime/target.h"

namespace convoke::cli {

/// Everything that was typed after the command's name.
struct CommandLine {
  RawSelectors selectors;
  bool force = false;              ///< tune --force
  std::string candidates;          ///< tune --candidates
  std::string peer;                ///< bench --peer
  std::string format;              ///< emit --format
  std::vector<std::string> archs;  ///< emit --arch, compile --arch
  std::string jobs;                ///< compile -j
  std::string output;              ///< emit -o, compile -o, cache export -o
  std::string file;                ///< cache import, cache merge
};

int run_tune(const CommandLine& line);
int run_bench(const CommandLine& line);
int run_verify(const CommandLine& line);
int run_emit(const CommandLine& line);
int run_explain(const CommandLine& line);
int run_compile(const CommandLine& line);
int run_doctor(const CommandLine& line);
int run_cache_ls(const CommandLine& line);
int run_cache_stats(const CommandLine& line);
int run_cache_verify(const CommandLine& line);
int run_cache_clear(const CommandLine& line);
int run_cache_export(const CommandLine& line);
int run_cache_import(const CommandLine& line);
int run_cache_merge(const CommandLine& line);

/// The configuration that a command uses and where it came from.
struct Choice {
  KernelConfig config;
  std::string source;            ///< "option", "database" or "default"
  std::optional<Sample> sample;  ///< the database's, if it decided
};
/// `fixed` (of --config) if given, else the tuning database's winner, else the default.
/// @throws Error kUsage if `fixed` cannot run `spec`.
Choice choose(Target& target, const ConvSpec& spec, const std::optional<KernelConfig>& fixed);

/// Fills in what every command says about a problem that runs: configuration, its origin, images.
/// False, with the record's verdict set, if the target or --workspace-limit has no kernel for it.
/// @throws Error kUsage if --config cannot run the problem.
bool choose_for(Record& record, Target& target, const Selectors& selectors);

/// Runs `one` on a record of each problem in turn, with progress, and prints the report. What stops
/// one problem goes into its record; Ctrl-C ends the run, and so does a budget of `one`'s that
/// `clock` says is spent. Returns the exit status.
int run_each(const char* command, const Selectors& selectors, const std::vector<Problem>& problems,
             const DeviceInfo& device, const BudgetClock& clock,
             const std::function<void(Record&)>& one);

/// Images of a launch: the spec's batch, or kOpenBatchImages where it is open.
std::int64_t launch_batch(const ConvSpec& spec);

/// Why a launch needs more than `limit` bytes of workspace, or empty; -1 is no limit.
std::string why_too_much_workspace(const Target& target, const ConvSpec& spec,
                                   const KernelConfig& config, std::int64_t limit);

/// Writes `text` to `path`, or to stdout if `path` is empty or "-". @throws Error kUsage naming the
/// path and the cause.
void write_output(const std::string& path, const std::string& text);

}  // namespace convoke::cli
