#include "autotune/tune.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "autotune/problem_tuner.h"
#include "compiler/spec_text.h"
#include "runtime/thread_pool.h"

namespace convoke {
namespace {

using Clock = std::chrono::steady_clock;

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
  double work_left = 0;
  for (const ConvSpec& spec : problems) {
    work.push_back(from_database(target, spec, db, options) ? 0 : predicted_work(target, spec));
    work_left += work.back();
  }
  ThreadPool reference_pool(usable_cpus());
  const auto tuner_of = [&](std::size_t i) {
    return std::make_unique<ProblemTuner>(target, problems[i], db, options, reference_pool,
                                          [&progress, i](int candidate, int candidates) {
                                            if (progress) progress(i, candidate, candidates);
                                          });
  };
  // Of the one before, builds may be under way that nobody wants any more: not waited for here.
  std::unique_ptr<ProblemTuner> before, tuner, next;
  std::vector<TuneResult> results;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    const ConvSpec& spec = problems[i];
    if (progress) progress(i, 0, 0);
    const double left = options.budget_seconds - seconds_since(start);
    const double share = work_left > 0 ? std::max(left, 0.0) * work[i] / work_left : 0;
    work_left -= work[i];
    before = std::move(tuner);
    tuner = std::move(next);
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
      if (!tuner) tuner = tuner_of(i);
      tuner->prepare();
      // Where kernels are built beside timing.
      if (i + 1 < problems.size() && target.build_threads() > 0 &&
          !from_database(target, problems[i + 1], db, options)) {
        next = tuner_of(i + 1);
        next->prepare();
      }
      results.push_back(tuner->run(share));
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
