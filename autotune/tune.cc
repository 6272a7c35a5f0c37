#include "autotune/tune.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "autotune/budget.h"
#include "autotune/problem_tuner.h"
#include "compiler/spec_text.h"
#include "runtime/thread_pool.h"

namespace convoke {
namespace {

using Clock = std::chrono::steady_clock;

/// Problems that are prepared while one is measured.
constexpr std::size_t kMostAhead = 8;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Predicted seconds of tuning, for the shares alone: building a candidate and launching it some
/// ten times.
double predicted_work(Target& target, const ConvSpec& spec) {
  constexpr double kBuildSeconds = 0.05, kLaunches = 10;
  if (!target.why_unsupported(spec).empty()) return 0;
  return kBuildSeconds + kLaunches * target.limit_us(spec) * 1e-6;
}

bool fits(Target& target, const ConvSpec& spec, const KernelConfig& config,
          const TuneOptions& options) {
  return options.workspace_limit < 0 ||
         target.workspace_bytes(spec, config, WeightForm::kPacked) <= options.workspace_limit;
}

/// The answer that needs no measurement.
std::optional<TuneResult> from_database(Target& target, const ConvSpec& spec, const TuningDb& db,
                                        const TuneOptions& options) {
  if (options.force || !target.why_unsupported(spec).empty()) return std::nullopt;
  const auto best = db.best(target.info(), print_spec(spec));
  // Measured while the clocks were held down: plans use it, but it is worth another look.
  if (!best || !best->throttle.empty()) return std::nullopt;
  const auto config = usable_config(target, spec, best->config);
  if (!config || !fits(target, spec, *config, options)) return std::nullopt;
  if (options.config && !(*config == *options.config)) return std::nullopt;
  TuneResult result;
  result.spec = spec;
  result.verdict = Verdict::kPassed;
  result.winner = config;
  result.timing = timing_of(*best);
  result.from_database = true;
  return result;
}

/// Plans take the database's best, which another session may have measured: the result names the
/// same one.
void report_what_plans_use(Target& target, const TuningDb& db, TuneOptions options,
                           TuneResult& result) {
  if (result.verdict != Verdict::kPassed) return;
  options.force = false;
  if (const auto best = from_database(target, result.spec, db, options)) {
    result.winner = best->winner;
    result.timing = best->timing;
  }
}

TuneResult not_begun(const ConvSpec& spec, const std::string& why) {
  TuneResult result;
  result.spec = spec;
  result.reason = why;
  return result;
}

TuneResult without_device(const ConvSpec& spec) {
  TuneResult result = not_begun(spec, "the device was lost before this problem was begun");
  result.error = ErrorCode::kDevice;
  result.device_lost = true;
  return result;
}

}  // namespace

std::vector<TuneResult> tune(Target& target, const std::vector<ConvSpec>& problems, TuningDb& db,
                             const TuneOptions& options, const TuneProgress& progress,
                             const TuneDone& done) {
  const Clock::time_point start = Clock::now();
  std::vector<double> work;
  for (const ConvSpec& spec : problems)
    work.push_back(from_database(target, spec, db, options) ? 0 : predicted_work(target, spec));
  Budget budget(work);
  ThreadPool reference_pool(usable_cpus());
  const int spare = usable_cpus() > target.info().threads ? 1 : 0;  // of a target on the CPU
  BuildThreads builders(std::max(target.build_threads(), spare));
  TuneSession session{target, db, options, reference_pool, builders};
  const auto tuner_of = [&](std::size_t i) {
    return std::make_unique<ProblemTuner>(session, problems[i],
                                          [&progress, i](int candidate, int candidates) {
                                            if (progress) progress(i, candidate, candidates);
                                          });
  };
  std::vector<std::unique_ptr<ProblemTuner>> tuners(problems.size());  // those that are prepared
  // Where kernels are built beside timing: of the next problem, and of those whose turn comes
  // before a build that is begun one problem later would end.
  const auto prepare_after = [&](std::size_t i, double left) {
    if (target.build_threads() == 0) return;
    double until_then = 0;
    for (std::size_t j = i + 1; j < std::min(i + 1 + kMostAhead, problems.size()); ++j) {
      const double share = budget.share(j, left);
      const bool twice = !options.force && print_spec(problems[j]) == print_spec(problems[j - 1]);
      if (!tuners[j] && !twice && !from_database(target, problems[j], db, options)) {
        tuners[j] = tuner_of(j);
        tuners[j]->prepare(share - budget.first_seconds(), true);
      }
      left -= share;
      until_then += share;
      if (until_then >= builders.build_seconds()) return;
    }
  };
  std::vector<TuneResult> results;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    const ConvSpec& spec = problems[i];
    if (progress) progress(i, 0, 0);
    const double left = options.budget_seconds - seconds_since(start);
    std::unique_ptr<ProblemTuner> tuner = std::move(tuners[i]);
    const bool lost = !results.empty() && results.back().device_lost;
    // Asked again: the same problem may stand in the list twice.
    if (lost) {
      results.push_back(without_device(spec));
    } else if (auto known = from_database(target, spec, db, options)) {
      results.push_back(std::move(*known));
    } else if (options.stop && options.stop->load()) {
      results.push_back(not_begun(spec, "stopped before this problem was begun"));
    } else if (left <= 0 && target.why_unsupported(spec).empty()) {
      results.push_back(
          not_begun(spec, fmt::format("the budget of {} s was used up before this problem",
                                      options.budget_seconds)));
    } else {
      const double share = budget.share(i, left);
      if (!tuner) tuner = tuner_of(i);
      tuner->prepare(share, false);
      prepare_after(i, left - share);
      results.push_back(tuner->run(share, [&](double first_seconds) {
        budget.first_took(first_seconds);
        return budget.share(i, left);
      }));
      report_what_plans_use(target, db, options, results.back());
    }
    if (done) done(i, results.back());
  }
  return results;
}

Timing timing_of(const Sample& s) {
  return {s.median_us, s.spread_us, s.n, s.warm_us, s.clock_mhz, s.throttle};
}

std::optional<KernelConfig> usable_config(const Target& target, const ConvSpec& spec,
                                          const std::string& text) {
  try {
    const KernelConfig config = parse_config(text);
    if (target.why_illegal(spec, config).empty()) return config;
  } catch (const Error&) {  // written by another version
  }
  return std::nullopt;
}

KernelConfig choose_config(Target& target, const ConvSpec& spec, const TuningDb& db) {
  if (const auto best = db.best(target.info(), print_spec(spec)))
    if (const auto config = usable_config(target, spec, best->config);
        config && target.obtainable(spec, *config))
      return *config;
  return target.default_config(spec);
}

}  // namespace convoke
