// Tunes one problem after another under one wall-clock budget: rank by the model, compile, verify,
// measure interleaved, store every sample. Stops between two measurements when asked; what was
// measured is kept.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "autotune/measure.h"
#include "autotune/tuning_db.h"
#include "autotune/verify.h"
#include "runtime/target.h"

namespace convoke {

struct TuneOptions {
  /// Over all problems; shared out by predicted work, but for what a first candidate takes of each
  double budget_seconds = 60;
  /// Measured per problem at most; 0: 12, or 24 where the target builds kernels beside timing
  int candidates = 0;
  std::uint64_t seed = 1;
  bool force = false;  ///< measure even where the database already has a winner
  /// `--config`: measure this one alone, for problems where it is legal
  std::optional<KernelConfig> config;
  /// Bytes; candidates that need more (weights packed) are left out; -1: none
  std::int64_t workspace_limit = -1;
  const std::atomic<bool>* stop = nullptr;  ///< set by Ctrl-C
};

struct TuneResult {
  ConvSpec spec;
  Verdict verdict = Verdict::kUntrusted;
  std::string reason;              ///< one sentence unless passed
  std::optional<ErrorCode> error;  ///< class of the failure if candidates failed before a verdict
  std::optional<KernelConfig> winner;
  Timing timing;  ///< of the winner
  bool from_database = false;
  int measured = 0, compiled = 0;  ///< candidates
  int rejected = 0;  ///< candidates that did not build, did not run, were wrong or hardly compiled
  bool device_lost = false;  ///< nothing runs on the device any more
};

/// Called before each problem (0, 0) and after each step of a candidate.
using TuneProgress = std::function<void(std::size_t problem, int candidate, int candidates)>;

/// Called with each result when its problem ends.
using TuneDone = std::function<void(std::size_t problem, const TuneResult& result)>;

/// One result per problem, in order. Never throws for one problem's failure: its verdict and reason
/// say it. A device that is lost ends the list: what is left says so, and all samples are kept.
std::vector<TuneResult> tune(Target& target, const std::vector<ConvSpec>& problems, TuningDb& db,
                             const TuneOptions& options, const TuneProgress& progress = {},
                             const TuneDone& done = {});

/// What a sample says about times.
Timing timing_of(const Sample& sample);

/// A sample's configuration, if this build can still run it.
std::optional<KernelConfig> usable_config(const Target& target, const ConvSpec& spec,
                                          const std::string& text);

/// The winner of the database if it is still legal and can be had without a compiler that is
/// missing, else the default. The one way that plans choose.
KernelConfig choose_config(Target& target, const ConvSpec& spec, const TuningDb& db);

}  // namespace convoke
