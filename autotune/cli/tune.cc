#include "autotune/tune.h"

#include <fmt/format.h>

#include "autotune/cli/commands.h"
#include "autotune/cli/interrupt.h"
#include "autotune/cli/report.h"
#include "autotune/cli/terminal.h"

namespace convoke::cli {
namespace {

constexpr int kMaxCandidates = 100000;

Record make_record(Target& target, const Problem& problem, const TuneResult& result,
                   const std::optional<KernelConfig>& fixed) {
  Record record;
  record.problem = problem;
  set_verdict(record, result.verdict, result.reason);
  if (result.error) set_error(record, Error(*result.error, result.reason));
  if (fixed && target.why_unsupported(problem.spec).empty()) {
    // The tuner calls it unsupported; it is the user's choice that does not fit.
    try {
      choose(target, problem.spec, fixed);
    } catch (const Error& error) {
      set_error(record, error);
    }
  }
  record.config = result.winner;
  if (result.winner) {
    record.config_source = result.from_database ? "database" : "measured";
    record.timing = result.timing;
    record.batch = launch_batch(problem.spec);
    record.limit_us = target.limit_us(problem.spec);
    record.bytes_us = target.bytes_us(problem.spec);
  }
  record.measured = result.measured;
  record.compiled = result.compiled;
  record.rejected = result.rejected;
  return record;
}

}  // namespace

int run_tune(const CommandLine& line) {
  const Selectors selectors = parse(line.selectors);
  TuneOptions options;
  if (selectors.budget_seconds) options.budget_seconds = *selectors.budget_seconds;
  if (line.candidates == "all")
    options.candidates = kMaxCandidates;
  else if (!line.candidates.empty())
    options.candidates =
        static_cast<int>(parse_integer("--candidates", line.candidates, 1, kMaxCandidates));
  options.seed = selectors.seed;
  options.force = line.force;
  options.config = selectors.config;
  options.workspace_limit = selectors.workspace_limit;
  options.stop = &interrupted();

  const std::vector<Problem> problems = select_problems(selectors);
  const Device device = open_device(selectors.target);
  Target& target = device.target();
  std::vector<ConvSpec> specs;
  for (const Problem& problem : problems) specs.push_back(problem.spec);

  Report report("tune", target.info(), problems.size(), selectors.json);
  {
    Progress progress("tune", problems.size(), options.budget_seconds);
    const auto step = [&](std::size_t index, int candidate, int candidates) {
      progress.update(index, candidates > 0 ? static_cast<double>(candidate) / candidates : 0.0,
                      label(problems[index]));
    };
    const auto done = [&](std::size_t index, const TuneResult& result) {
      // Not begun before Ctrl-C: the summary counts these.
      if (interrupted() && !result.winner && result.measured + result.rejected == 0 &&
          result.verdict == Verdict::kUntrusted)
        return;
      Record record = make_record(target, problems[index], result, selectors.config);
      progress.done(index, label(problems[index]), outline(record));
      report.add(std::move(record));
    };
    tune(target, specs, tuning_db(), options, step, done);
  }
  return report.finish(interrupted());
}

}  // namespace convoke::cli
