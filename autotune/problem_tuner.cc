#include "autotune/problem_tuner.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <thread>

#include "autotune/candidate.h"
#include "autotune/expected.h"
#include "compiler/sparsity.h"
#include "compiler/spec_text.h"
#include "runtime/pattern_checks.h"

namespace convoke {
namespace {

using Kind = SearchStep::Kind;

/// Shares of a problem's seconds: one short sample, one longer sample, and what the last comparison
/// may use.
constexpr double kTryShare = 0.01, kRefineShare = 0.02, kCompareShare = 0.15;
constexpr int kCompareRounds = 5;
constexpr double kMaxTrySeconds = 0.005, kMaxRefineSeconds = 0.03, kMaxCompareSeconds = 0.15;

/// Clocks that a fault or heat holds down give the next measurement this long to recover.
constexpr double kThrottlePause = 0.5;
constexpr int kThrottleAttempts = 3;

/// Of the finalists one is verified already, and often another.
constexpr int kFinalistsToVerify = 2;

/// Winners of other patterns that are tried before the model's choice.
constexpr std::size_t kMostRelatives = 4;

constexpr int kCandidates = 12, kCandidatesBuiltAhead = 24;

}  // namespace

ProblemTuner::ProblemTuner(TuneSession& session, const ConvSpec& spec, Progress progress)
    : session_(session),
      target_(session.target),
      spec_(spec),
      db_(session.db),
      options_(session.options),
      progress_(std::move(progress)),
      problem_(print_spec(spec)) {
  result_.spec = spec;
}

double ProblemTuner::elapsed() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void ProblemTuner::prepare(double seconds, bool ahead) {
  if (failure_) return;
  try {
    if (!why_none_) {
      why_none_ = choose_candidates();
      if (!why_none_->empty()) return;
      use_known_samples();
      begin_building();
    }
    if (!builder_) return;
    std::optional<int> first;
    if (const SearchStep step = search_->next(); step.kind == Kind::kTry)
      first = step.candidates.front();
    const double to_try = seconds * (1 - kCompareShare);
    // Whatever is begun ahead is there in time.
    want(first, to_try, ahead ? std::numeric_limits<double>::infinity() : to_try);
  } catch (...) {
    failure_ = std::current_exception();  // the result's, not the problem's that is measured
  }
}

/// The item after the candidates is what the verifier's reference runs. A thread may build on when
/// the tuner is gone, so that it has specification and configurations of its own.
void ProblemTuner::begin_building() {
  builder_ = std::make_unique<BuildAhead>(
      session_.builders,
      [&target = target_, spec = spec_, configs = configs_](
          int item, CacheSource* source) -> std::shared_ptr<const Kernel> {
        const auto i = static_cast<std::size_t>(item);
        if (i < configs.size()) return target.get(spec, configs[i], source);
        build_reference(target, spec);
        return nullptr;
      });
}

/// `first`, then what the first verification needs, then the candidates that can be measured in
/// `to_try` seconds; all of them within `to_build`.
void ProblemTuner::want(std::optional<int> first, double to_try, double to_build) {
  std::vector<int> items;
  if (first) items.push_back(*first);
  if (verifiers_.empty()) items.push_back(static_cast<int>(configs_.size()));
  const std::vector<int> upcoming =
      search_->upcoming(worth_building(session_.builders.count(), try_seconds(), to_try));
  items.insert(items.end(), upcoming.begin(), upcoming.end());
  builder_->want(items, to_build);
}

TuneResult ProblemTuner::run(double seconds, const FirstDone& first_done) {
  seconds_ = seconds;
  start_ = std::chrono::steady_clock::now();
  try {
    if (failure_) std::rethrow_exception(failure_);
    if (!why_none_->empty()) {
      result_.verdict = Verdict::kUnsupported;
      result_.reason = *why_none_;
      return result_;
    }
    search(first_done);
  } catch (const Error& e) {
    result_.error = e.code();
    result_.reason = e.what();
  } catch (const std::bad_alloc&) {
    result_.error = ErrorCode::kDevice;
    result_.reason = "not enough memory for the tensors of the problem";
  }
  release();
  return conclude();
}

/// What the device holds for this problem, and what threads would still build for it.
void ProblemTuner::release() {
  if (result_.measured > 0) session_.try_seconds = try_seconds();
  builder_.reset();
  cold_.clear(), warm_.clear();
  verifiers_.clear();
  tensors_.reset();
}

TuneResult ProblemTuner::conclude() {
  if (!search_ || undecidable_ || result_.device_lost) return result_;
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

/// The default, or, of a sparse spec whose dense problem was tuned, the winner of that on masked
/// weights: dense must always be beaten.
KernelConfig ProblemTuner::first_config() const {
  if (!spec_.sparsity.empty()) {
    ConvSpec dense = spec_;
    dense.sparsity.clear(), dense.pattern.reset();
    if (const auto best = db_.best(target_.info(), print_spec(dense)))
      if (auto config = usable_config(target_, dense, best->config)) {
        (config->target == TargetKind::kCuda ? config->cuda.masked : config->cpu.masked) = true;
        if (target_.why_illegal(spec_, *config).empty()) return *config;
      }
  }
  return target_.default_config(spec_);
}

/// Of a sparse spec: what won on the same problem with other patterns, those of its own kind
/// first. Time changes little from one keep ratio to the next, and so does the best tile.
std::vector<int> ProblemTuner::winners_of_relatives() const {
  if (spec_.sparsity.empty()) return {};
  const auto dense_text = [](ConvSpec spec) {
    spec.sparsity.clear(), spec.pattern.reset();
    return print_spec(spec);
  };
  const std::string dense = dense_text(spec_);
  const SparsityKind kind = Sparsity::parse(spec_.sparsity).kind;
  std::vector<int> same_kind, others;
  for (const std::string& problem : db_.problems(target_.info())) {
    // The text of the shape is the same, so that few of a large database are parsed.
    if (problem == problem_ || !problem.starts_with(dense.substr(0, dense.find(' ')))) continue;
    ConvSpec relative;
    try {
      relative = parse_problem(problem).spec;
    } catch (const Error&) {  // written by another version
      continue;
    }
    if (relative.sparsity.empty() || dense_text(relative) != dense) continue;
    const auto best = db_.best(target_.info(), problem);
    if (!best) continue;
    const auto found = std::find_if(configs_.begin(), configs_.end(), [&](const KernelConfig& c) {
      return print_config(c) == best->config;
    });
    if (found == configs_.end()) continue;
    (Sparsity::parse(relative.sparsity).kind == kind ? same_kind : others)
        .push_back(static_cast<int>(found - configs_.begin()));
  }
  same_kind.insert(same_kind.end(), others.begin(), others.end());
  std::vector<int> early;
  for (const int i : same_kind)
    if (early.size() < kMostRelatives && std::find(early.begin(), early.end(), i) == early.end())
      early.push_back(i);
  return early;
}

/// Fills configs_, the default first. Returns why there is none.
std::string ProblemTuner::choose_candidates() {
  if (std::string why = target_.why_unsupported(spec_); !why.empty()) return why;
  takes_pattern(spec_);  // a sparse spec without one is refused before anything is built
  const auto fits = [&](const KernelConfig& c) {
    return options_.workspace_limit < 0 ||
           target_.workspace_bytes(spec_, c, WeightForm::kPacked) <= options_.workspace_limit;
  };
  if (options_.config) {
    if (std::string why = target_.why_illegal(spec_, *options_.config); !why.empty()) return why;
    configs_ = {*options_.config};
  } else {
    configs_ = {first_config()};
    for (const KernelConfig& c : target_.enumerate(spec_))
      if (!(c == configs_.front())) configs_.push_back(c);
  }
  std::erase_if(configs_, [&](const KernelConfig& c) { return !fits(c); });
  if (configs_.empty())
    return fmt::format("no configuration gets by with a workspace of {} bytes",
                       options_.workspace_limit);

  std::vector<SearchCandidate> candidates;
  for (const KernelConfig& c : configs_)
    candidates.push_back({target_.predict_us(spec_, c), features(c).values});
  SearchOptions search;
  search.candidates = most_candidates();
  search.categories = features(configs_.front()).categories;
  search.early = winners_of_relatives();
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
    if (!s.throttle.empty()) continue;  // measured again
    timings_[i] = timing_of(s);
    if (s.verified) verified_.insert(i);
    search_->know(i, s.median_us, s.verified);
  }
}

int ProblemTuner::most_candidates() const {
  const int wanted = options_.candidates > 0       ? options_.candidates
                     : target_.build_threads() > 1 ? kCandidatesBuiltAhead
                                                   : kCandidates;
  return std::min(wanted, static_cast<int>(configs_.size()));
}

void ProblemTuner::search(const FirstDone& first_done) {
  bool first_pending = !search_->winner();
  const int most = most_candidates();
  // What every candidate needs: without it there is no use in trying them one by one.
  if (search_->next().kind != Kind::kDone)
    tensors_ = std::make_unique<ProblemTensors>(target_, spec_, options_.seed);
  while (!stopped() && !undecidable_) {
    const SearchStep step = search_->next();
    if (step.kind == Kind::kDone) return;
    if (out_of_time(step.kind)) {
      if (step.kind != Kind::kTry) return;
      search_->stop_trying();
      continue;
    }
    if (step.kind == Kind::kTry && !kernels_in_time(step.candidates.front())) continue;
    carry_out(step);
    if (first_pending && search_->winner()) {
      first_pending = false;
      seconds_ = first_done(elapsed());
    }
    if (progress_) progress_(std::min(search_->tried(), most), most);
  }
}

/// Nothing is begun once the seconds are over, but one configuration is verified and measured in
/// any case. Trying ends while there is time to verify and compare the best: a problem that overran
/// its share would take it from those after it in the list.
bool ProblemTuner::out_of_time(Kind next) const {
  if (!search_->winner()) return false;
  return next == Kind::kTry ? seconds_to_try() < 0 : elapsed() > seconds_;
}

/// That are left until the best must be verified and compared.
double ProblemTuner::seconds_to_try() const {
  return seconds_ * (1 - kCompareShare) - kFinalistsToVerify * verify_seconds_ - elapsed();
}

/// Measuring a candidate; 0 before one was.
double ProblemTuner::try_seconds() const {
  return result_.measured > 0 ? tried_seconds_ / result_.measured : session_.try_seconds;
}

/// Whether the candidate's kernel will be there before trying ends. If not, trying goes on with
/// those that will: what is built already costs little to measure.
bool ProblemTuner::kernels_in_time(int next) {
  if (!search_->winner() || builder_->ready_within(seconds_to_try(), next)) return true;
  search_->try_only(builder_->ready_within(seconds_to_try()));
  return false;
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
    if (e.code() == ErrorCode::kDevice) check_device(i, e);
    if (result_.verdict != Verdict::kFailed) result_.error = e.code();
    reject(i, e.what());
  }
}

/// A kernel that faults takes its GPU's context with it: then nothing runs any more, whatever is
/// tried.
void ProblemTuner::check_device(int i, const Error& error) {
  try {
    const DeviceBuffer probe(target_, sizeof(int));
    const int sent = 1;
    target_.copy_in(probe.data(), &sent, sizeof sent);
  } catch (const Error&) {
    result_.device_lost = true;
    throw Error(ErrorCode::kDevice, fmt::format("the device was lost with {}: {}",
                                                print_config(config(i)), error.what()));
  }
}

TimedCall& ProblemTuner::cold(int i) {
  std::unique_ptr<TimedCall>& call = cold_[i];
  if (!call) {
    CacheSource source = CacheSource::kMemory;
    const double begin = elapsed();
    const std::shared_ptr<const Kernel> kernel = builder_->take(i, &source);
    waited_seconds_ += elapsed() - begin;
    result_.compiled += source == CacheSource::kCompiled;
    // The default, or the user's choice, is timed as it is.
    if (const std::string why = kernel->why_slow(); !why.empty() && i != 0)
      throw Error(ErrorCode::kUnsupported, why);
    call = tensors_->timed(kernel);
    if (tensors_->rotates()) warm_[i] = tensors_->timed(kernel, true);
  }
  return *call;
}

/// In turn; what was measured while the clocks were held down is stored with the reason, and
/// measured again after a pause. If they stay down, the samples keep the reason: the next session
/// measures them anew.
std::vector<Timing> ProblemTuner::measure(const std::vector<int>& candidates, double seconds,
                                          int rounds, bool warm) {
  std::vector<TimedCall*> calls, warm_calls;
  for (const int i : candidates) {
    calls.push_back(&cold(i));
    if (tensors_->rotates() && warm) warm_calls.push_back(warm_.at(i).get());
  }
  for (int attempt = 1;; ++attempt) {
    std::vector<Timing> timings = measure_interleaved(calls, seconds, rounds);
    const std::vector<Timing> warm_timings = measure_interleaved(warm_calls, seconds / 2, rounds);
    const DeviceState state = target_.state();
    for (std::size_t f = 0; f < candidates.size(); ++f) {
      Timing& t = timings[f];
      t.warm_us = !warm_timings.empty() ? warm_timings[f].median_us
                  : tensors_->rotates() ? timings_[candidates[f]].warm_us
                                        : t.median_us;
      t.clock_mhz = state.clock_mhz;
      t.throttle = state.throttle;
    }
    if (state.throttle.empty() || attempt == kThrottleAttempts) return timings;
    spdlog::warn("the clocks are held down ({}): measured again after a pause", state.throttle);
    for (std::size_t f = 0; f < candidates.size(); ++f) {
      timings_[candidates[f]] = timings[f];
      store(candidates[f]);
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(kThrottlePause * attempt));
  }
}

void ProblemTuner::try_candidate(int i) {
  want(i, seconds_to_try(), seconds_to_try());
  const double begin = elapsed() - waited_seconds_;
  timings_[i] = measure({i}, std::min(kMaxTrySeconds, kTryShare * seconds_), 1, false).front();
  tried_seconds_ += elapsed() - waited_seconds_ - begin;
  ++result_.measured;
  search_->report(i, timings_[i].median_us);
  const SearchStep next = search_->next();
  if (next.kind == Kind::kRefine && next.candidates.front() == i) return;
  store(i);  // too slow: this sample is all there will be
  cold_.erase(i), warm_.erase(i);
}

void ProblemTuner::refine(int i) {
  const double begin = elapsed();
  timings_[i] = measure({i}, std::min(kMaxRefineSeconds, kRefineShare * seconds_), 3, true).front();
  tried_seconds_ += elapsed() - begin;
  search_->report(i, timings_[i].median_us);
  store(i);
}

const Verifier& ProblemTuner::verifier_for(const KernelConfig& config) {
  const std::int64_t images = verified_images(spec_, config);
  ConvSpec some = spec_;
  some.n = images;
  return verifiers_.try_emplace(images, target_, some, options_.seed, &session_.executor)
      .first->second;
}

void ProblemTuner::verify(int i) {
  const Verifier& verifier = verifier_for(config(i));
  const double begin = elapsed();
  const VerifyResult checked = verifier.check(config(i));
  verify_seconds_ = elapsed() - begin;
  switch (checked.verdict) {
    case Verdict::kPassed:
      search_->report_verified(i);
      verified_.insert(i);
      return store(i);
    case Verdict::kFailed:
      result_.verdict = Verdict::kFailed;
      result_.error.reset();  // a wrong result outranks candidates that could not be built
      spdlog::warn("{} with {} is wrong and left out: {}", problem_, print_config(config(i)),
                   checked.reason);
      timings_[i] = {};
      store(i);
      return reject(i, checked.reason);
    case Verdict::kUntrusted:
    case Verdict::kUnsupported:
      undecidable_ = true;
      result_.verdict = checked.verdict;
      result_.reason = checked.reason;
  }
}

void ProblemTuner::compare(const std::vector<int>& finalists) {
  builder_->want({});  // nothing is loaded beside the measurement that decides
  for (const int i : finalists) {
    try {
      cold(i).seconds(1);
    } catch (const Error& e) {
      if (e.code() == ErrorCode::kDevice) check_device(i, e);
      return reject(i, e.what());  // the others are compared without it
    }
  }
  const double left = std::max(seconds_ - elapsed(), 0.0) / static_cast<double>(finalists.size());
  const std::vector<Timing> timings =
      measure(finalists, std::min(kMaxCompareSeconds, left), kCompareRounds, true);
  std::vector<double> us;
  for (std::size_t f = 0; f < finalists.size(); ++f) {
    timings_[finalists[f]] = timings[f];
    store(finalists[f]);
    us.push_back(timings[f].median_us);
  }
  search_->report_compared(us);
}

void ProblemTuner::reject(int i, const std::string& why) {
  search_->fail(i);
  cold_.erase(i), warm_.erase(i);
  ++result_.rejected;
  if (result_.reason.empty()) result_.reason = fmt::format("{}: {}", print_config(config(i)), why);
}

void ProblemTuner::store(int i) {
  const DeviceInfo& info = target_.info();
  Sample s;
  s.device = info.key, s.driver = info.driver, s.compiler = info.compiler, s.emitter = info.emitter;
  s.problem = problem_;
  s.config = print_config(config(i));
  const Timing& t = timings_[i];
  s.n = t.n, s.median_us = t.median_us, s.spread_us = t.spread_us, s.warm_us = t.warm_us;
  s.clock_mhz = t.clock_mhz, s.throttle = t.throttle;
  s.verified = verified_.contains(i);
  db_.add({s});
}

}  // namespace convoke
