#include "autotune/verify.h"

#include "autotune/cli/commands.h"
#include "autotune/cli/interrupt.h"
#include "autotune/cli/report.h"
#include "autotune/cli/terminal.h"
#include "runtime/thread_pool.h"

namespace convoke::cli {
namespace {

void check(Target& target, const Selectors& selectors, Executor& executor, Record& record) {
  const ConvSpec& spec = record.problem.spec;
  const std::string why = target.why_unsupported(spec);
  if (!why.empty()) return set_verdict(record, Verdict::kUnsupported, why);
  const Choice choice = choose(target, spec, selectors.config);
  record.config = choice.config;
  record.config_source = choice.source;
  record.batch = launch_batch(spec);
  const std::string workspace =
      why_too_much_workspace(target, spec, choice.config, selectors.workspace_limit);
  if (!workspace.empty()) return set_verdict(record, Verdict::kUnsupported, workspace);
  const VerifyResult result =
      Verifier(target, spec, selectors.seed, &executor).check(choice.config);
  set_verdict(record, result.verdict, result.reason);
  record.max_error = result.max_error;
  record.tolerance = result.tolerance;
}

}  // namespace

int run_verify(const CommandLine& line) {
  const Selectors selectors = parse(line.selectors);
  const std::vector<Problem> problems = select_problems(selectors);
  const Device device = open_device(selectors.target);
  ThreadPool reference_pool(usable_cpus());

  Report report("verify", device.target().info(), problems.size(), selectors.json);
  const BudgetClock clock(selectors.budget_seconds);
  {
    Progress progress("verify", problems.size(), selectors.budget_seconds);
    for (std::size_t i = 0; i < problems.size() && !interrupted() && !clock.spent(); ++i) {
      Record record;
      record.problem = problems[i];
      progress.update(i, 0, label(problems[i]));
      try {
        check(device.target(), selectors, reference_pool, record);
      } catch (const Error& error) {
        set_error(record, error);
      }
      progress.done(i, label(problems[i]), outline(record));
      report.add(std::move(record));
    }
  }
  return report.finish(interrupted());
}

}  // namespace convoke::cli
