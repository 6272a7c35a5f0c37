// How tune() spends its time on several problems: what is built ahead, in which order, and who gets
// how much of the budget.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <thread>

#include "autotune/budget.h"
#include "autotune/tune.h"
#include "tests/timed_target.h"

namespace convoke {
namespace {

using namespace std::chrono_literals;

TEST(Budget, GoesByWork) {
  const Budget budget({1, 0, 3});
  EXPECT_DOUBLE_EQ(budget.share(0, 8), 2);
  EXPECT_DOUBLE_EQ(budget.share(1, 6), 0);
  EXPECT_DOUBLE_EQ(budget.share(2, 6), 6);
}

TEST(Budget, AProblemLeavesTheOthersTheirFirstCandidates) {
  Budget budget({100, 1, 1, 0, 1});
  EXPECT_GT(budget.share(0, 10), 9.7);
  budget.first_took(1);
  budget.first_took(3);
  EXPECT_DOUBLE_EQ(budget.first_seconds(), 2);
  EXPECT_NEAR(budget.share(0, 10), 2 + 2 * 100 / 103.0, 1e-9);
  // However much one overruns, those after it share what there is.
  EXPECT_DOUBLE_EQ(budget.share(1, 3), 1);
  EXPECT_DOUBLE_EQ(budget.share(2, 2), 1);
  EXPECT_DOUBLE_EQ(budget.share(4, 1), 1);
  EXPECT_DOUBLE_EQ(budget.share(4, -1), 0);
}

/// Building takes a while, and no core.
struct SlowTarget : test::TimedTarget {
  const std::thread::id measuring = std::this_thread::get_id();
  std::map<std::int64_t, double> limits_us;  ///< by K
  int at_once = 0, most_at_once = 0;         ///< builds on threads of their own
  std::vector<std::int64_t> begun;           ///< K of the problem of each build, in order

  SlowTarget() {
    for (int mr = 1; mr <= 40; ++mr) behaviours[mr].us = 200 + 10 * std::abs(mr - 20);
    threads_beside = 8;
  }
  double limit_us(const ConvSpec& spec) const override {
    const auto found = limits_us.find(spec.k);
    return found == limits_us.end() ? 1 : found->second;
  }
  std::shared_ptr<const Kernel> get(const ConvSpec& spec, const KernelConfig& c,
                                    CacheSource* source) override {
    const bool beside = std::this_thread::get_id() != measuring;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      if (const auto found = kernels.find(print_spec(spec) + print_config(c));
          found != kernels.end()) {
        if (source) *source = CacheSource::kMemory;
        return found->second;
      }
      begun.push_back(spec.k);
      at_once += beside, most_at_once = std::max(most_at_once, at_once);
    }
    std::this_thread::sleep_for(40ms);
    {
      const std::lock_guard<std::mutex> lock(mutex);
      at_once -= beside;
    }
    return TimedTarget::get(spec, c, source);
  }
};

class TunePaceTest : public ::testing::Test {
 protected:
  TunePaceTest() {
    for (std::int64_t k = 4; k < 10; ++k)
      problems_.push_back(parse_problem(fmt::format("mb2ic2ih4oc{}oh4kh3ph1", k)).spec);
  }
  std::vector<TuneResult> run(double seconds) {
    TuneOptions options;
    options.budget_seconds = seconds;
    return tune(target_, problems_, db_, options);
  }
  /// How many builds of the first `of` are of the problem with this K.
  std::int64_t count(std::int64_t k, std::ptrdiff_t of) const {
    return std::count(target_.begun.begin(), target_.begun.begin() + of, k);
  }
  std::ptrdiff_t first(std::int64_t k) const {
    return std::find(target_.begun.begin(), target_.begun.end(), k) - target_.begun.begin();
  }
  SlowTarget target_;
  TuningDb db_{""};
  std::vector<ConvSpec> problems_;
};

TEST_F(TunePaceTest, OneSetOfThreadsBuildsForTheProblemInHandAndThenForTheNext) {
  int measured = 0;
  for (const TuneResult& r : run(3)) {
    EXPECT_EQ(r.verdict, Verdict::kPassed) << r.reason;
    measured += r.measured;
  }
  // Some 140 where nothing else runs.
  EXPECT_GE(measured, 60);
  EXPECT_LE(target_.most_at_once, 8);
  // A build is written down a moment after it was chosen.
  EXPECT_GE(count(4, 8), 7);
  for (std::int64_t k = 4; k < 9; ++k) EXPECT_LT(first(k), first(k + 1));
  // What is begun and never measured: two builds a thread where a problem ends, at most.
  EXPECT_LE(static_cast<int>(target_.begun.size()), measured + 6 * 2 * 8);
}

TEST_F(TunePaceTest, OneLargeProblemLeavesTheOthersTheirDefaults) {
  target_.limits_us[4] = 1e7;  // two thousand times the work of another
  const std::vector<TuneResult> results = run(2);
  for (const TuneResult& r : results) EXPECT_EQ(r.verdict, Verdict::kPassed) << r.reason;
}

}  // namespace
}  // namespace convoke
