// Tunes one problem within a number of seconds: carries out the steps of a Search on a target and
// stores each sample as it comes. Split from tune(), which shares a budget over problems.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "autotune/build_ahead.h"
#include "autotune/problem_tensors.h"
#include "autotune/search.h"
#include "autotune/tune.h"

namespace convoke {

/// What the problems of one tune() share.
struct TuneSession {
  Target& target;
  TuningDb& db;
  const TuneOptions& options;
  Executor& executor;  ///< runs the reference
  BuildThreads& builders;
  double try_seconds = 0;  ///< of a candidate, as the last problem found; 0: unknown
};

class ProblemTuner {
 public:
  /// Called after each candidate with how many were tried and how many will be at most.
  using Progress = std::function<void(int candidate, int candidates)>;
  /// Told how many seconds the problem took until its first candidate was verified, if that was
  /// news; says how many it has in all.
  using FirstDone = std::function<double(double seconds)>;

  /// All references must outlive the tuner, the target the session's threads too.
  ProblemTuner(TuneSession& session, const ConvSpec& spec, Progress progress);
  /// Chooses the candidates, if that was not done, and has built what `seconds` may measure.
  /// `ahead`: while another problem is measured; the first kernels are what measuring would wait
  /// for.
  void prepare(double seconds, bool ahead);
  /// Tries, verifies and measures until the search is done, the seconds are over (the default is
  /// still finished) or the stop flag is set. Failures are in the result, not thrown.
  /// @pre prepared
  TuneResult run(double seconds, const FirstDone& first_done);

 private:
  KernelConfig first_config() const;
  std::vector<int> winners_of_relatives() const;
  std::string choose_candidates();
  void use_known_samples();
  void begin_building();
  void want(std::optional<int> first, double to_try, double to_build);
  void search(const FirstDone& first_done);
  void release();
  TuneResult conclude();
  bool out_of_time(SearchStep::Kind next) const;
  bool kernels_in_time(int next);
  double seconds_to_try() const;
  double try_seconds() const;
  void carry_out(const SearchStep& step);
  void try_candidate(int i);
  void refine(int i);
  void verify(int i);
  void compare(const std::vector<int>& finalists);
  void reject(int i, const std::string& why);
  void check_device(int i, const Error& error);
  void store(int i);
  TimedCall& cold(int i);
  std::vector<Timing> measure(const std::vector<int>& candidates, double seconds, int rounds,
                              bool warm);
  const Verifier& verifier_for(const KernelConfig& config);
  double elapsed() const;
  bool stopped() const { return options_.stop && options_.stop->load(); }
  int most_candidates() const;
  const KernelConfig& config(int i) const { return configs_[static_cast<std::size_t>(i)]; }

  TuneSession& session_;
  Target& target_;
  const ConvSpec& spec_;
  TuningDb& db_;
  const TuneOptions& options_;
  double seconds_ = 0;
  Progress progress_;
  std::chrono::steady_clock::time_point start_;
  std::string problem_;
  std::optional<std::string> why_none_;  ///< empty: there are candidates; none: not prepared
  std::exception_ptr failure_;           ///< of prepare()

  std::vector<KernelConfig> configs_;
  std::unique_ptr<Search> search_;
  std::unique_ptr<ProblemTensors> tensors_;
  std::map<std::int64_t, Verifier> verifiers_;             ///< by the images that they check
  std::map<int, std::unique_ptr<TimedCall>> cold_, warm_;  ///< of candidates in the running
  std::map<int, Timing> timings_;
  std::set<int> verified_;
  std::unique_ptr<BuildAhead> builder_;
  TuneResult result_;
  double verify_seconds_ = 0;  ///< that the last verification took
  double tried_seconds_ = 0;   ///< that all short and longer samples took, without waiting
  double waited_seconds_ = 0;  ///< for kernels
  bool undecidable_ = false;   ///< the verdict concerns the problem, not a candidate
};

}  // namespace convoke
