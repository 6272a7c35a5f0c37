#include "autotune/verify.h"

#include "autotune/cli/commands.h"
#include "runtime/thread_pool.h"

namespace convoke::cli {

int run_verify(const CommandLine& line) {
  const Selectors selectors = parse(line.selectors);
  const std::vector<Problem> problems = select_problems(selectors);
  const Device device = open_device(selectors.target);
  Target& target = device.target();
  ThreadPool reference_pool(usable_cpus());
  return run_each("verify", selectors, problems, target.info(),
                  BudgetClock(selectors.budget_seconds), [&](Record& record) {
                    if (!choose_for(record, target, selectors)) return;
                    const Verifier verifier(target, record.problem.spec, selectors.seed,
                                            &reference_pool);
                    const VerifyResult result = verifier.check(*record.config);
                    set_verdict(record, result.verdict, result.reason);
                    record.max_error = result.max_error;
                    record.tolerance = result.tolerance;
                  });
}

}  // namespace convoke::cli
