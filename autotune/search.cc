#include "autotune/search.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

namespace convoke {
namespace {

/// How much slower the model may call a candidate for each shortlisted one that it nearly equals,
/// before something else is tried first: near twins share the model's mistakes.
constexpr double kTwinPenalty = 0.12;

}  // namespace

Search::Search(std::vector<SearchCandidate> candidates, int first, const SearchOptions& options)
    : candidates_(std::move(candidates)),
      options_(options),
      first_(first),
      state_(candidates_.size()) {
  make_shortlist(first);
}

int Search::differences(int a, int b) const {
  const auto& fa = candidates_[static_cast<std::size_t>(a)].features;
  const auto& fb = candidates_[static_cast<std::size_t>(b)].features;
  int count = 0;
  for (std::size_t i = 0; i < fa.size(); ++i) count += fa[i] != fb[i];
  return count;
}

void Search::make_shortlist(int first) {
  const std::size_t n = candidates_.size();
  std::vector<int> by_prediction(n);
  std::iota(by_prediction.begin(), by_prediction.end(), 0);
  std::stable_sort(by_prediction.begin(), by_prediction.end(), [&](int a, int b) {
    return candidates_[static_cast<std::size_t>(a)].predicted_us <
           candidates_[static_cast<std::size_t>(b)].predicted_us;
  });
  shortlist_ = {first};
  std::vector<bool> taken(n);
  taken[static_cast<std::size_t>(first)] = true;
  std::vector<int> twins(n);
  const auto take = [&](int i) {
    taken[static_cast<std::size_t>(i)] = true;
    shortlist_.push_back(i);
    for (const int j : by_prediction)
      if (differences(i, j) == 1) ++twins[static_cast<std::size_t>(j)];
  };
  for (const int i : options_.early)
    if (!taken[static_cast<std::size_t>(i)]) take(i);
  const std::size_t spread =
      std::min(n, static_cast<std::size_t>(std::max(options_.candidates, 1)));
  while (shortlist_.size() < spread) {
    int best = -1;
    double best_cost = 0;
    for (const int i : by_prediction) {
      const auto at = static_cast<std::size_t>(i);
      if (taken[at]) continue;
      const double cost = candidates_[at].predicted_us * (1 + kTwinPenalty * twins[at]);
      if (best < 0 || cost < best_cost) best = i, best_cost = cost;
    }
    take(best);
  }
  for (const int i : by_prediction)
    if (!taken[static_cast<std::size_t>(i)]) shortlist_.push_back(i);
}

/// Candidates one step away: another name in one category, or the nearest value on either side of
/// one size.
std::vector<int> Search::neighbours(int i) const {
  const auto& from = candidates_[static_cast<std::size_t>(i)].features;
  std::vector<int> found;
  for (std::size_t f = 0; f < from.size(); ++f) {
    int below = -1, above = -1;
    for (int j = 0; j < static_cast<int>(candidates_.size()); ++j) {
      const auto& to = candidates_[static_cast<std::size_t>(j)].features;
      if (to[f] == from[f] || differences(i, j) != 1) continue;
      if (f < static_cast<std::size_t>(options_.categories)) {
        found.push_back(j);
        continue;
      }
      int& side = to[f] < from[f] ? below : above;
      if (side < 0 ||
          std::abs(to[f] - from[f]) <
              std::abs(candidates_[static_cast<std::size_t>(side)].features[f] - from[f]))
        side = j;
    }
    for (const int j : {below, above})
      if (j >= 0) found.push_back(j);
  }
  return found;
}

int Search::tried() const {
  return static_cast<int>(std::count_if(state_.begin(), state_.end(),
                                        [](const State& s) { return s.phase != Phase::kNew; }));
}

std::optional<int> Search::fastest(bool verified_only) const {
  std::optional<int> best;
  for (int i = 0; i < static_cast<int>(state_.size()); ++i) {
    const State& s = at(i);
    if (s.phase != Phase::kTimed || (verified_only && !s.verified)) continue;
    if (!best || s.us < at(*best).us) best = i;
  }
  return best;
}

/// Fastest first, as predicted.
std::vector<int> Search::untried_neighbours(int i) const {
  std::vector<int> found = neighbours(i);
  std::erase_if(found, [&](int j) { return !untried(j); });
  std::stable_sort(found.begin(), found.end(), [&](int a, int b) {
    return candidates_[static_cast<std::size_t>(a)].predicted_us <
           candidates_[static_cast<std::size_t>(b)].predicted_us;
  });
  return found;
}

std::optional<int> Search::next_untried() const {
  const int done = tried();
  if (!trying_ || done >= options_.candidates) return std::nullopt;
  const int kept = static_cast<int>(options_.candidates * options_.neighbour_share);
  if (done >= options_.candidates - kept)
    if (const auto best = fastest(true))
      if (const std::vector<int> near = untried_neighbours(*best); !near.empty())
        return near.front();
  for (const int i : shortlist_)
    if (untried(i)) return i;
  return std::nullopt;
}

/// The best few, and whatever else was verified and is not far behind: a winner is later looked up
/// among verified times, and only those of one comparison compare well.
std::vector<int> Search::finalists() const {
  const auto best = fastest(false);
  if (!best) return {};
  std::vector<int> timed;
  for (int i = 0; i < static_cast<int>(state_.size()); ++i)
    if (at(i).phase == Phase::kTimed) timed.push_back(i);
  std::stable_sort(timed.begin(), timed.end(), [&](int a, int b) { return at(a).us < at(b).us; });
  std::vector<int> chosen;
  for (const int i : timed) {
    const bool leads = static_cast<int>(chosen.size()) < std::max(options_.finalists, 1) &&
                       at(i).us <= options_.final_factor * at(*best).us;
    const bool near = at(i).verified && at(i).us <= options_.reject_factor * at(*best).us;
    if (leads || near) chosen.push_back(i);
  }
  return chosen;
}

SearchStep Search::next() const {
  using Kind = SearchStep::Kind;
  if (compared_) return {};
  for (int i = 0; i < static_cast<int>(state_.size()); ++i)
    if (at(i).phase == Phase::kSampled) return {Kind::kRefine, {i}};
  // A candidate that leads must be right before it may judge the others.
  const auto leader = fastest(false);
  if (leader && !at(*leader).verified) return {Kind::kVerify, {*leader}};
  if (at(first_).phase == Phase::kTimed && !at(first_).verified) return {Kind::kVerify, {first_}};
  if (const auto i = next_untried()) return {Kind::kTry, {*i}};

  const std::vector<int> last = finalists();
  for (const int i : last)
    if (!at(i).verified) return {Kind::kVerify, {i}};
  if (last.empty()) return {};
  return {Kind::kCompare, last};
}

std::vector<int> Search::upcoming(int count) const {
  const SearchStep step = next();
  const int in_hand = step.kind == SearchStep::Kind::kTry ? step.candidates.front() : -1;
  const int left = options_.candidates - tried() - (in_hand >= 0 ? 1 : 0);
  const int kept = static_cast<int>(options_.candidates * options_.neighbour_share);
  std::vector<int> found;
  const auto add_until = [&](const std::vector<int>& from, int most) {
    for (const int i : from)
      if (static_cast<int>(found.size()) < most && i != in_hand && untried(i) &&
          std::find(found.begin(), found.end(), i) == found.end())
        found.push_back(i);
  };
  if (!trying_) return found;
  add_until(shortlist_, std::min(count, left - kept));
  // More than will be tried: which of them depends on what is measured.
  if (const auto best = fastest(false); best && left > 0)
    add_until(untried_neighbours(*best), count);
  add_until(shortlist_, std::min(count, left));
  return found;
}

void Search::report(int candidate, double us) {
  if (!(us > 0) || !std::isfinite(us)) return fail(candidate);
  const SearchStep step = next();
  State& s = at(candidate);
  const auto best = fastest(true);
  s.us = us;
  if (step.kind == SearchStep::Kind::kTry) {
    const bool hopeless = best && us > options_.reject_factor * at(*best).us;
    s.phase = hopeless ? Phase::kRejected : Phase::kSampled;
  } else if (step.kind == SearchStep::Kind::kRefine) {
    s.phase = Phase::kTimed;
  }
}

void Search::report_compared(const std::vector<double>& us) {
  const std::vector<int> compared = next().candidates;
  for (std::size_t i = 0; i < compared.size() && i < us.size(); ++i) {
    if (!(us[i] > 0) || !std::isfinite(us[i])) {
      fail(compared[i]);
      continue;
    }
    at(compared[i]).us = us[i];
    at(compared[i]).compared = true;
  }
  compared_ = true;
}

void Search::fail(int candidate) { at(candidate).phase = Phase::kFailed; }

void Search::try_only(const std::vector<int>& candidates) {
  for (int i = 0; i < static_cast<int>(state_.size()); ++i)
    if (std::find(candidates.begin(), candidates.end(), i) == candidates.end())
      at(i).left_out = true;
}

void Search::report_verified(int candidate) { at(candidate).verified = true; }

void Search::know(int candidate, double us, bool verified) {
  at(candidate) = {.phase = Phase::kTimed, .us = us, .verified = verified};
}

std::optional<int> Search::winner() const {
  std::optional<int> best;
  for (int i = 0; i < static_cast<int>(state_.size()); ++i) {
    const State& s = at(i);
    if (s.phase != Phase::kTimed || !s.verified) continue;
    // Times of one comparison are only compared with each other.
    if (!best || s.compared > at(*best).compared ||
        (s.compared == at(*best).compared && s.us < at(*best).us))
      best = i;
  }
  return best;
}

}  // namespace convoke
