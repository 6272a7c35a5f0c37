// The search, driven over synthetic cost surfaces: no device, no clock.
#include "autotune/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <set>

namespace convoke {
namespace {

using Kind = SearchStep::Kind;

/// A grid of 3 kinds x 6 x 6 sizes with a smooth cost and one best point; the model sees it
/// distorted.
struct Surface {
  std::vector<SearchCandidate> candidates;
  std::vector<double> cost;

  explicit Surface(double distortion, unsigned seed = 1) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0, 1);
    for (int kind = 0; kind < 3; ++kind)
      for (int a = 1; a <= 32; a *= 2)
        for (int b = 1; b <= 32; b *= 2) {
          const double x = std::log2(a) - 3, y = std::log2(b) - 2;
          cost.push_back(100 * (1 + 0.3 * kind) * (1 + 0.08 * (x * x + y * y + 0.5 * x * y)));
          candidates.push_back({cost.back() * std::exp(distortion * normal(random)), {kind, a, b}});
        }
  }
  int best() const {
    return static_cast<int>(std::min_element(cost.begin(), cost.end()) - cost.begin());
  }
  double best_cost() const { return cost[static_cast<std::size_t>(best())]; }
};

struct Trace {
  std::vector<SearchStep> steps;
  std::optional<int> winner;
  int count(Kind kind) const {
    return static_cast<int>(std::count_if(steps.begin(), steps.end(),
                                          [&](const SearchStep& s) { return s.kind == kind; }));
  }
  std::vector<int> of(Kind kind) const {
    std::vector<int> found;
    for (const auto& s : steps)
      if (s.kind == kind) found.insert(found.end(), s.candidates.begin(), s.candidates.end());
    return found;
  }
};

using Cost = std::function<double(int candidate)>;
using Good = std::function<bool(int candidate)>;

Trace drive(
    Search& search, const Cost& cost, const Good& right = [](int) { return true; }) {
  Trace trace;
  while (true) {
    const SearchStep step = search.next();
    if (step.kind == Kind::kDone) break;
    trace.steps.push_back(step);
    if (trace.steps.size() > 1000) {
      ADD_FAILURE() << "the search does not end";
      break;
    }
    const int i = step.candidates.at(0);
    if (step.kind == Kind::kVerify) {
      right(i) ? search.report_verified(i) : search.fail(i);
    } else if (step.kind == Kind::kCompare) {
      std::vector<double> us;
      for (const int c : step.candidates) us.push_back(cost(c));
      search.report_compared(us);
    } else {
      search.report(i, cost(i));
    }
  }
  trace.winner = search.winner();
  return trace;
}

SearchOptions options(int candidates) {
  SearchOptions o;
  o.candidates = candidates;
  o.categories = 1;
  return o;
}

TEST(Search, TriesTheDefaultFirstAndNoCandidateTwice) {
  const Surface s(0.2);
  Search search(s.candidates, 50, options(12));
  const Trace t = drive(search, [&](int i) { return s.cost[static_cast<std::size_t>(i)]; });
  const std::vector<int> tried = t.of(Kind::kTry);
  EXPECT_EQ(tried.front(), 50);
  EXPECT_EQ(tried.size(), 12u);
  EXPECT_EQ(std::set<int>(tried.begin(), tried.end()).size(), tried.size());
  EXPECT_EQ(t.count(Kind::kCompare), 1);
  EXPECT_EQ(t.steps.back().kind, Kind::kCompare);
  EXPECT_EQ(search.next().kind, Kind::kDone);
}

TEST(Search, EarlyOnesFollowTheFirst) {
  const Surface s(0.2);
  SearchOptions o = options(12);
  o.early = {50, 77, 31, 77};
  Search search(s.candidates, 50, o);
  const std::vector<int> tried =
      drive(search, [&](int i) { return s.cost[static_cast<std::size_t>(i)]; }).of(Kind::kTry);
  ASSERT_EQ(tried.size(), 12u);
  EXPECT_EQ(std::vector<int>(tried.begin(), tried.begin() + 3), (std::vector<int>{50, 77, 31}));
  EXPECT_EQ(std::set<int>(tried.begin(), tried.end()).size(), tried.size());
}

TEST(Search, FindsNearlyTheBestUnderADistortedModel) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const Surface s(0.3, seed);
    Search search(s.candidates, 0, options(16));
    const Trace t = drive(search, [&](int i) { return s.cost[static_cast<std::size_t>(i)]; });
    ASSERT_TRUE(t.winner);
    EXPECT_LE(s.cost[static_cast<std::size_t>(*t.winner)], 1.12 * s.best_cost()) << seed;
  }
}

TEST(Search, NeighboursClimbToABestThatTheModelMisses) {
  Surface s(0);
  for (auto& c : s.candidates) {  // the model puts the valley elsewhere
    const double x = std::log2(c.features[1]) - 1, y = std::log2(c.features[2]) - 2;
    c.predicted_us = 100 * (1 + 0.3 * c.features[0]) * (1 + 0.08 * (x * x + y * y));
  }
  SearchOptions climb = options(20), list_only = options(20);
  list_only.neighbour_share = 0;
  list_only.candidates = 8;
  climb.candidates = 16;
  const Cost cost = [&](int i) { return s.cost[static_cast<std::size_t>(i)]; };
  Search a(s.candidates, 0, climb), b(s.candidates, 0, list_only);
  EXPECT_EQ(drive(a, cost).winner, s.best());
  EXPECT_NE(drive(b, cost).winner, s.best());
}

TEST(Search, SpendsOneShortSampleOnAHopelessCandidate) {
  const Surface s(0.5, 3);
  Search search(s.candidates, s.best(), options(12));
  const Trace t = drive(search, [&](int i) { return s.cost[static_cast<std::size_t>(i)]; });
  const std::vector<int> refined = t.of(Kind::kRefine);
  EXPECT_LT(refined.size(), 12u);
  for (const int i : refined) EXPECT_LE(s.cost[static_cast<std::size_t>(i)], 1.5 * s.best_cost());
  EXPECT_EQ(t.winner, s.best());
}

TEST(Search, SurvivesNoise) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const Surface s(0.2, seed);
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0, 0.04);
    Search search(s.candidates, 0, options(16));
    const Trace t = drive(search, [&](int i) {
      return s.cost[static_cast<std::size_t>(i)] * std::exp(normal(random));
    });
    ASSERT_TRUE(t.winner);
    EXPECT_LE(s.cost[static_cast<std::size_t>(*t.winner)], 1.25 * s.best_cost()) << seed;
  }
}

TEST(Search, AWrongCandidateNeverWinsNorJudgesOthers) {
  const Surface s(0.2);
  const auto wrong = [](int i) { return i % 3 == 1; };  // and they look ten times as fast
  const Cost cost = [&](int i) {
    return s.cost[static_cast<std::size_t>(i)] * (wrong(i) ? 0.1 : 1);
  };
  Search search(s.candidates, 4, options(16));  // the default itself is wrong
  const Trace t = drive(search, cost, [&](int i) { return !wrong(i); });
  ASSERT_TRUE(t.winner);
  EXPECT_FALSE(wrong(*t.winner));
  for (const int i : t.of(Kind::kCompare)) EXPECT_FALSE(wrong(i));
  EXPECT_LE(s.cost[static_cast<std::size_t>(*t.winner)], 1.3 * s.best_cost());
}

TEST(Search, EveryComparedCandidateWasVerified) {
  const Surface s(0.3, 5);
  Search search(s.candidates, 7, options(12));
  const Trace t = drive(search, [&](int i) { return s.cost[static_cast<std::size_t>(i)]; });
  const std::vector<int> verified = t.of(Kind::kVerify);
  for (const int i : t.of(Kind::kCompare))
    EXPECT_NE(std::find(verified.begin(), verified.end(), i), verified.end());
  EXPECT_NE(std::find(verified.begin(), verified.end(), 7), verified.end());  // the default too
}

TEST(Search, VerifiedOnesThatAreNearAreComparedToo) {
  // Each better than the last, so that every one leads once and is verified.
  std::vector<SearchCandidate> candidates;
  for (int i = 0; i < 8; ++i) candidates.push_back({1.0 + i, {0, i}});
  Search search(candidates, 0, options(8));
  const Trace t = drive(search, [](int i) { return 200.0 - 10 * i; });
  EXPECT_EQ(t.of(Kind::kVerify).size(), 8u);
  // 130 us is the best; 190 us is within half of it, 200 us is not.
  EXPECT_EQ(t.of(Kind::kCompare), (std::vector<int>{7, 6, 5, 4, 3, 2, 1}));
}

TEST(Search, FailuresAreNotAskedAgain) {
  const Surface s(0.2);
  Search search(s.candidates, 0, options(10));
  const Trace t = drive(search, [&](int i) {
    return i % 2 == 0 ? std::nan("") : s.cost[static_cast<std::size_t>(i)];
  });
  EXPECT_EQ(t.of(Kind::kTry).size(), 10u);
  ASSERT_TRUE(t.winner);
  EXPECT_EQ(*t.winner % 2, 1);
}

TEST(Search, AllFailingEndsWithoutAWinner) {
  const Surface s(0.2);
  Search search(s.candidates, 0, options(10));
  const Trace t = drive(search, [](int) { return 0.0; });
  EXPECT_EQ(t.steps.size(), 10u);
  EXPECT_FALSE(t.winner);
}

TEST(Search, OneCandidate) {
  Search search({{1.0, {0}}}, 0, options(12));
  const Trace t = drive(search, [](int) { return 5.0; });
  EXPECT_EQ(t.winner, 0);
  EXPECT_EQ(t.steps.size(), 4u);  // try, refine, verify, compare
}

TEST(Search, StopTryingStillVerifiesAndCompares) {
  const Surface s(0.2);
  Search search(s.candidates, 3, options(12));
  search.report(3, s.cost[3]);
  search.stop_trying();
  const Trace t = drive(search, [&](int i) { return s.cost[static_cast<std::size_t>(i)]; });
  EXPECT_EQ(t.count(Kind::kTry), 0);
  EXPECT_EQ(t.count(Kind::kVerify), 1);
  EXPECT_EQ(t.winner, 3);
}

TEST(Search, ResumesFromKnownTimes) {
  const Surface s(0.2);
  Search search(s.candidates, 0, options(12));
  search.know(0, s.cost[0], true);
  search.know(s.best(), s.best_cost(), false);
  search.fail(5);
  const Trace t = drive(search, [&](int i) { return s.cost[static_cast<std::size_t>(i)]; });
  EXPECT_EQ(t.of(Kind::kTry).size(), 9u);
  EXPECT_EQ(t.steps.front().kind, Kind::kVerify);
  EXPECT_EQ(t.winner, s.best());
}

TEST(Search, IsDeterministic) {
  const Surface s(0.4, 9);
  const Cost cost = [&](int i) { return s.cost[static_cast<std::size_t>(i)]; };
  Search a(s.candidates, 2, options(12)), b(s.candidates, 2, options(12));
  EXPECT_EQ(drive(a, cost).of(Kind::kTry), drive(b, cost).of(Kind::kTry));
}

TEST(Search, TheFirstUpcomingIsTheNextOneWhenNothingChanges) {
  const Surface s(0.2);
  Search search(s.candidates, s.best(), options(12));
  search.know(s.best(), s.best_cost(), true);
  int right = 0, asked = 0;
  for (int i = 0; i < 8; ++i) {
    const SearchStep step = search.next();
    ASSERT_EQ(step.kind, Kind::kTry);
    const std::vector<int> guess = search.upcoming(4);
    ASSERT_FALSE(guess.empty());
    EXPECT_LE(guess.size(), 4u);
    EXPECT_EQ(std::count(guess.begin(), guess.end(), step.candidates[0]), 0);
    search.report(step.candidates[0], 10 * s.best_cost());  // rejected: the leader stays
    ++asked;
    right += guess[0] == search.next().candidates.at(0);
  }
  EXPECT_GE(right, asked - 1);  // the border between shortlist and neighbours may differ
}

TEST(Search, NothingIsUpcomingAtTheEnd) {
  const Surface s(0.2);
  Search search(s.candidates, s.best(), options(1));
  EXPECT_TRUE(search.upcoming(4).empty());  // the only one is in hand
  Search all(s.candidates, s.best(), options(static_cast<int>(s.candidates.size())));
  EXPECT_EQ(all.upcoming(10000).size(), s.candidates.size() - 1);
  all.stop_trying();
  EXPECT_TRUE(all.upcoming(4).empty());
}

TEST(Search, TriesOnlyWhatItIsLeftWith) {
  const Surface surface(0.3);
  SearchOptions options;
  options.candidates = 20, options.categories = 1;
  Search search(surface.candidates, 40, options);
  for (const double us : {100.0, 100.0}) search.report(40, us);
  search.report_verified(40);
  search.try_only({7, 3});
  const std::vector<int> upcoming = search.upcoming(20);
  const Trace trace =
      drive(search, [&](int i) { return surface.cost[static_cast<std::size_t>(i)]; });
  const std::vector<int> tried = trace.of(Kind::kTry);
  EXPECT_EQ(std::set<int>(tried.begin(), tried.end()), (std::set<int>{3, 7}));
  EXPECT_EQ(upcoming.size(), 1u);  // beside the one in hand
  EXPECT_EQ(search.tried(), 3);
  EXPECT_TRUE(trace.winner);
}

}  // namespace
}  // namespace convoke
