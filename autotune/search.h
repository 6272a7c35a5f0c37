// The search for the fastest configuration as a pure state machine: it is told what the candidates
// are and what was measured, and says what to do next. No clock, no device, no randomness: the same
// reports give the same steps, and a test can drive it over a synthetic cost surface. It knows a
// candidate only by a predicted time and a vector of integers, so any target and any model can feed
// it; a better search replaces this class alone. Shape of the search: a shortlist from the model,
// spread over the space; one short sample each and no more time for what is far slower; the
// neighbours of the best; then the best few measured against each other, interleaved.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace convoke {

struct SearchCandidate {
  double predicted_us = 0;
  /// Tile sizes and the like. Two candidates that differ in one position are neighbours; the first
  /// `categories` positions (SearchOptions) are names without an order, the others are ordered.
  std::vector<int> features;
};

struct SearchOptions {
  int candidates = 12;  ///< tried at most, the first one included
  int categories = 0;
  std::vector<int> early{};  ///< tried right after the first: what won on problems like this one
  double neighbour_share = 0.4;  ///< of the candidates, kept for neighbours of the best
  double reject_factor = 1.5;    ///< a short sample this much over the best ends a candidate
  int finalists = 3;             ///< compared again, beside those already verified
  double final_factor = 1.15;    ///< only candidates within this of the best are compared again
};

struct SearchStep {
  enum class Kind {
    kTry,      ///< build the candidate and take a short sample: report() or fail()
    kRefine,   ///< take a longer sample: report()
    kVerify,   ///< check its result: report_verified() or fail()
    kCompare,  ///< measure all of them in turn, interleaved: report_compared()
    kDone,
  };
  Kind kind = Kind::kDone;
  std::vector<int> candidates;  ///< one but for kCompare; none for kDone
};

class Search {
 public:
  /// `first` is tried before all others (the default configuration) and is the only one to be
  /// verified even if slow.
  /// @pre candidates is not empty, 0 <= first < candidates.size()
  Search(std::vector<SearchCandidate> candidates, int first, const SearchOptions& options);

  /// What to do next; the same until something is reported.
  SearchStep next() const;
  /// At most `count` candidates that may be tried after the step in hand, likeliest first, to build
  /// them ahead: what will be tried if nothing changes, then what a new best could call for.
  std::vector<int> upcoming(int count) const;

  /// Microseconds of the candidate, as the step in hand asked. A value that is not positive and
  /// finite is a failure.
  void report(int candidate, double us);
  /// Times of the candidates of a kCompare step, in its order; the search is done then.
  void report_compared(const std::vector<double>& us);
  /// The candidate does not compile, run or compute the right result: it is out.
  void fail(int candidate);
  void report_verified(int candidate);
  /// A time from an earlier session: the candidate need not be tried, but takes part in what
  /// follows.
  void know(int candidate, double us, bool verified);
  /// Nothing new is tried from here on; what was found is still verified and compared.
  void stop_trying() { trying_ = false; }
  /// Of what was not tried yet only these will be.
  void try_only(const std::vector<int>& candidates);

  /// Fastest verified candidate so far.
  std::optional<int> winner() const;
  /// Latest time of a candidate; 0 if it has none.
  double time_us(int candidate) const { return state_[static_cast<std::size_t>(candidate)].us; }
  int tried() const;

 private:
  enum class Phase { kNew, kSampled, kTimed, kRejected, kFailed };
  struct State {
    Phase phase = Phase::kNew;
    double us = 0;
    bool verified = false;
    bool compared = false;
    bool left_out = false;  ///< not to be tried
  };
  State& at(int i) { return state_[static_cast<std::size_t>(i)]; }
  const State& at(int i) const { return state_[static_cast<std::size_t>(i)]; }

  bool untried(int i) const { return at(i).phase == Phase::kNew && !at(i).left_out; }
  void make_shortlist(int first);
  int differences(int a, int b) const;
  std::vector<int> neighbours(int i) const;
  std::optional<int> next_untried() const;
  std::vector<int> untried_neighbours(int i) const;
  std::optional<int> fastest(bool verified_only) const;
  std::vector<int> finalists() const;

  std::vector<SearchCandidate> candidates_;
  SearchOptions options_;
  int first_;
  std::vector<State> state_;
  std::vector<int> shortlist_;  ///< all candidates in the order of trying, neighbours aside
  bool trying_ = true;
  bool compared_ = false;
};

}  // namespace convoke
