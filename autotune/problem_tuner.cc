#include "autotune/problem_tuner.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "compiler/spec_text.h"
#include "runtime/thread_pool.h"

namespace convoke {
namespace {

using Kind = SearchStep::Kind;

/// Shares of a problem's seconds: one short sample, one longer sample, and what the last comparison
/// may use.
constexpr double kTryShare = 0.01, kRefineShare = 0.02, kCompareShare = 0.15;
constexpr double kMaxTrySeconds = 0.005, kMaxRefineSeconds = 0.03, kMaxCompareSeconds = 0.15;

/// The integers of a configuration; the first kCategories are names without an order.
constexpr int kCategories = 2;
std::vector<int> features(const KernelConfig& config) {
  const CpuConfig& c = config.cpu;
  return {static_cast<int>(c.family),
          static_cast<int>(c.axis),
          c.mr,
          c.nv,
          c.kc,
          c.rows,
          c.kb,
          c.unroll};
}

}  // namespace

ProblemTuner::ProblemTuner(Target& target, const ConvSpec& spec, TuningDb& db,
                           const TuneOptions& options, Executor& executor, double seconds,
                           Progress progress)
    : target_(target),
      spec_(spec),
      db_(db),
      options_(options),
      executor_(executor),
      seconds_(seconds),
      progress_(std::move(progress)),
      start_(std::chrono::steady_clock::now()),
      problem_(print_spec(spec)) {
  result_.spec = spec;
}

double ProblemTuner::elapsed() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

TuneResult ProblemTuner::run() {
  try {
    if (const std::string why = choose_candidates(); !why.empty()) {
      result_.verdict = Verdict::kUnsupported;
      result_.reason = why;
      return result_;
    }
    use_known_samples();
    search();
  } catch (const Error& e) {
    result_.error = e.code();
    result_.reason = e.what();
  } catch (const std::bad_alloc&) {
    result_.error = ErrorCode::kDevice;
    result_.reason = "not enough memory for the tensors of the problem";
  }
  if (!search_ || undecidable_) return result_;
  if (const auto winner = search_->winner()) {
    result_.verdict = Verdict::kPassed;
    result_.reason.clear();
    result_.error.reset();
    result_.winner = config(*winner);
    result_.timing = timings_[*winner];
  } else if (stopped() && result_.reason.empty()) {
    result_.reason = "stopped before a configuration was verified";
  }
  return result_;
}

/// Fills configs_, the default first. Returns why there is none.
std::string ProblemTuner::choose_candidates() {
  if (std::string why = target_.why_unsupported(spec_); !why.empty()) return why;
  const auto fits = [&](const KernelConfig& c) {
    return options_.workspace_limit < 0 ||
           target_.workspace_bytes(spec_, c, WeightForm::kPacked) <= options_.workspace_limit;
  };
  if (options_.config) {
    if (std::string why = target_.why_illegal(spec_, *options_.config); !why.empty()) return why;
    configs_ = {*options_.config};
  } else {
    configs_ = {target_.default_config(spec_)};
    for (const KernelConfig& c : target_.enumerate(spec_))
      if (!(c == configs_.front())) configs_.push_back(c);
  }
  std::erase_if(configs_, [&](const KernelConfig& c) { return !fits(c); });
  if (configs_.empty())
    return fmt::format("no configuration gets by with a workspace of {} bytes",
                       options_.workspace_limit);

  std::vector<SearchCandidate> candidates;
  for (const KernelConfig& c : configs_)
    candidates.push_back({target_.predict_us(spec_, c), features(c)});
  SearchOptions search;
  search.candidates = std::min(std::max(options_.candidates, 1), static_cast<int>(configs_.size()));
  search.categories = kCategories;
  search_ = std::make_unique<Search>(std::move(candidates), 0, search);
  return "";
}

/// Takes up an earlier, interrupted session where it ended.
void ProblemTuner::use_known_samples() {
  if (options_.force) return;
  for (const Sample& s : db_.samples(target_.info(), problem_)) {
    if (s.compiler != target_.info().compiler || s.emitter != target_.info().emitter) continue;
    const auto found = std::find_if(configs_.begin(), configs_.end(), [&](const KernelConfig& c) {
      return print_config(c) == s.config;
    });
    if (found == configs_.end()) continue;
    const int i = static_cast<int>(found - configs_.begin());
    if (s.n == 0) {
      search_->fail(i);
      continue;
    }
    timings_[i] = {s.median_us, s.spread_us, s.n};
    search_->know(i, s.median_us, s.verified);
  }
}

void ProblemTuner::search() {
  const int most = std::min(std::max(options_.candidates, 1), static_cast<int>(configs_.size()));
  while (!stopped() && !undecidable_) {
    const SearchStep step = search_->next();
    if (step.kind == Kind::kDone) return;
    if (out_of_time(step.kind)) {
      if (step.kind != Kind::kTry) return;
      search_->stop_trying();
      continue;
    }
    carry_out(step);
    if (progress_) progress_(std::min(search_->tried(), most), most);
  }
}

/// Nothing is begun once the seconds are over, but one configuration is verified and measured in
/// any case.
bool ProblemTuner::out_of_time(Kind next) const {
  if (!search_->winner()) return false;
  return elapsed() > seconds_ * (next == Kind::kTry ? 1 - kCompareShare : 1);
}

void ProblemTuner::carry_out(const SearchStep& step) {
  const int i = step.candidates.front();
  try {
    switch (step.kind) {
      case Kind::kTry:
        return try_candidate(i);
      case Kind::kRefine:
        return refine(i);
      case Kind::kVerify:
        return verify(i);
      case Kind::kCompare:
        return compare(step.candidates);
      case Kind::kDone:
        return;
    }
  } catch (const Error& e) {  // this candidate's failure, unless every one fails
    result_.error = e.code();
    reject(i, e.what());
  }
}

const std::function<void()>& ProblemTuner::runner(int i) {
  if (!tensors_) tensors_ = std::make_unique<ProblemTensors>(target_, spec_, options_.seed);
  auto found = runners_.find(i);
  if (found != runners_.end()) return found->second;
  CacheSource source = CacheSource::kMemory;
  const std::shared_ptr<const Kernel> kernel = target_.get(spec_, config(i), &source);
  result_.compiled += source == CacheSource::kCompiled;
  return runners_[i] = tensors_->runner(kernel);
}

/// On a machine with cores to spare, builds what is likely to come next while the current one is
/// timed.
void ProblemTuner::build_ahead(int current) {
  const auto next = search_->likely_next();
  if (!next || *next == current || usable_cpus() <= target_.info().threads) return;
  ahead_ = std::async(std::launch::async, [this, next = *next] {
    try {
      target_.get(spec_, config(next));
    } catch (const Error&) {  // met again, and reported, when the candidate is tried
    }
  });
}

void ProblemTuner::try_candidate(int i) {
  const auto& run = runner(i);
  build_ahead(i);
  const Timing t =
      measure_interleaved({run}, std::min(kMaxTrySeconds, kTryShare * seconds_), 1).front();
  if (ahead_.valid()) ahead_.get();
  ++result_.measured;
  timings_[i] = t;
  search_->report(i, t.median_us);
  const SearchStep next = search_->next();
  if (next.kind == Kind::kRefine && next.candidates.front() == i) return;
  store(i, false);  // too slow: this sample is all there will be
  runners_.erase(i);
}

void ProblemTuner::refine(int i) {
  timings_[i] =
      measure_interleaved({runner(i)}, std::min(kMaxRefineSeconds, kRefineShare * seconds_), 3)
          .front();
  search_->report(i, timings_[i].median_us);
  store(i, false);
}

void ProblemTuner::verify(int i) {
  if (!verifier_) verifier_ = std::make_unique<Verifier>(target_, spec_, options_.seed, &executor_);
  const VerifyResult checked = verifier_->check(config(i));
  switch (checked.verdict) {
    case Verdict::kPassed:
      search_->report_verified(i);
      return store(i, true);
    case Verdict::kFailed:
      result_.verdict = Verdict::kFailed;
      spdlog::warn("{} with {} is wrong and left out: {}", problem_, print_config(config(i)),
                   checked.reason);
      timings_[i] = {};
      store(i, false);
      return reject(i, checked.reason);
    case Verdict::kUntrusted:
    case Verdict::kUnsupported:
      undecidable_ = true;
      result_.verdict = checked.verdict;
      result_.reason = checked.reason;
  }
}

void ProblemTuner::compare(const std::vector<int>& finalists) {
  std::vector<std::function<void()>> runs;
  for (const int i : finalists) {
    try {
      runner(i)();
    } catch (const Error& e) {
      return reject(i, e.what());  // the others are compared without it
    }
    runs.push_back(runner(i));
  }
  const double left = std::max(seconds_ - elapsed(), 0.0) / static_cast<double>(runs.size());
  const std::vector<Timing> timings = measure_interleaved(runs, std::min(kMaxCompareSeconds, left));
  std::vector<double> us;
  for (std::size_t f = 0; f < finalists.size(); ++f) {
    timings_[finalists[f]] = timings[f];
    store(finalists[f], true);
    us.push_back(timings[f].median_us);
  }
  search_->report_compared(us);
}

void ProblemTuner::reject(int i, const std::string& why) {
  search_->fail(i);
  runners_.erase(i);
  ++result_.rejected;
  if (result_.reason.empty()) result_.reason = fmt::format("{}: {}", print_config(config(i)), why);
}

void ProblemTuner::store(int i, bool verified) {
  const DeviceInfo& info = target_.info();
  Sample s;
  s.device = info.key, s.driver = info.driver, s.compiler = info.compiler, s.emitter = info.emitter;
  s.problem = problem_;
  s.config = print_config(config(i));
  s.n = timings_[i].n, s.median_us = timings_[i].median_us, s.spread_us = timings_[i].spread_us;
  s.verified = verified;
  db_.add({s});
}

}  // namespace convoke
