// The clockwork of the tuner, timed on sleeps and counters rather than on kernels.
#include "autotune/measure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <stdexcept>
#include <thread>

namespace convoke {
namespace {

using Clock = std::chrono::steady_clock;

/// Busy for `us` microseconds: a sleep would measure the scheduler.
void work(double us) {
  const auto end = Clock::now() + std::chrono::duration<double, std::micro>(us);
  while (Clock::now() < end) {
  }
}

class FunctionCall final : public TimedCall {
 public:
  explicit FunctionCall(std::function<void()> body) : body_(std::move(body)) {}
  double seconds(std::int64_t repeats) override {
    const auto start = Clock::now();
    for (std::int64_t i = 0; i < repeats; ++i) body_();
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

 private:
  std::function<void()> body_;
};

std::vector<Timing> measure(const std::vector<std::function<void()>>& bodies, double seconds_each,
                            int min_rounds = 5, double settle_seconds = 0) {
  std::deque<FunctionCall> calls(bodies.begin(), bodies.end());
  std::vector<TimedCall*> pointers;
  for (FunctionCall& call : calls) pointers.push_back(&call);
  return measure_interleaved(pointers, seconds_each, min_rounds, settle_seconds);
}

TEST(Measure, QuantilesInterpolate) {
  EXPECT_EQ(quantile({5}, 0.25), 5);
  EXPECT_EQ(quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_EQ(quantile({1, 2, 3, 4, 5}, 0.75), 4);
  EXPECT_EQ(quantile({5, 1}, 0), 1);
  EXPECT_EQ(quantile({5, 1}, 1), 5);
}

TEST(Measure, OrdersByTimeAndKeepsTheScale) {
  const auto t = measure({[] { work(300); }, [] { work(600); }, [] { work(5); }}, 0.02);
  ASSERT_EQ(t.size(), 3u);
  EXPECT_LT(t[0].median_us, t[1].median_us);
  EXPECT_LT(t[2].median_us, t[0].median_us);
  // The machine may be busy: never faster than the work, and not far slower.
  EXPECT_GE(t[0].median_us, 300);
  EXPECT_LT(t[0].median_us, 2000);
  EXPECT_GE(t[2].median_us, 5);
  EXPECT_LT(t[2].median_us, 50);
}

TEST(Measure, CallsTakeTurns) {
  std::vector<int> order;
  measure({[&] { order.push_back(0), work(250); }, [&] { order.push_back(1), work(250); }}, 0.0, 6);
  // Two runs each to warm up and calibrate, then six rounds in turn.
  ASSERT_EQ(order.size(), 16u);
  EXPECT_EQ(std::vector<int>(order.begin(), order.begin() + 4), (std::vector<int>{0, 0, 1, 1}));
  for (std::size_t i = 4; i < order.size(); ++i) EXPECT_EQ(order[i], static_cast<int>(i % 2)) << i;
}

/// As the replay of a graph of twenty launches, 10 us each.
class TwentyAtOnce final : public TimedCall {
 public:
  double seconds(std::int64_t repeats) override {
    const std::int64_t replays = (repeats + 19) / 20;
    launches += replays * 20;
    return 10e-6 * static_cast<double>(repeats);
  }
  std::int64_t least_repeats() const override { return 20; }
  std::int64_t launches = 0;
};

TEST(Measure, CallsThatRunTogetherKeepTheBudgetAndAreCounted) {
  TwentyAtOnce call;
  const Timing t = measure_interleaved({&call}, 0.02, 1, 0).front();
  EXPECT_NEAR(t.median_us, 10, 1e-6);
  EXPECT_EQ(t.n, 2000);  // 20 ms in all
  EXPECT_EQ(call.launches, t.n + 2 * 20);
}

TEST(Measure, SettlingPausesAndWarmsEachTurn) {
  int calls = 0;
  const auto start = Clock::now();
  const Timing t = measure({[&] { ++calls, work(400); }}, 0.0, 3, 0.004)[0];
  EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(3 * (4 + 4)));
  EXPECT_GE(t.n, 3 * 5);      // a turn lasts as long as the pause
  EXPECT_GE(calls, t.n + 3);  // and begins with an untimed call
  EXPECT_GE(t.median_us, 400);
}

TEST(Measure, ShortCallsAreRepeatedLongOnesAreNot) {
  int calls = 0;
  const Timing quick = measure({[&] { ++calls, work(1); }}, 0.0, 5)[0];
  EXPECT_GE(quick.n, 5 * 50);
  EXPECT_LE(quick.n, calls);
  calls = 0;
  const Timing slow = measure({[&] { ++calls, work(3000); }}, 0.0, 3)[0];
  EXPECT_EQ(slow.n, 3);
  EXPECT_GE(calls, 4);  // one or two to warm up: a busy machine makes the first look slow
  EXPECT_LE(calls, 5);
}

TEST(Measure, AColdFirstRunDoesNotCalibrate) {
  int calls = 0;
  const Timing t = measure({[&] { work(++calls == 1 ? 2000 : 5); }}, 0.0, 3)[0];
  EXPECT_GE(t.n, 3 * 10);  // turns of many calls, not of one
}

TEST(Measure, UsesTheTimeItIsGiven) {
  const auto start = Clock::now();
  const Timing t = measure({[] { work(400); }}, 0.05)[0];
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  EXPECT_GE(t.n, 20);
  EXPECT_LT(seconds, 0.5);
}

TEST(Measure, AFewDisturbedTurnsDoNotMoveTheMedian) {
  int call = 0;
  const Timing t = measure({[&] { work(++call % 10 == 0 ? 5000 : 300); }}, 0.0, 21)[0];
  EXPECT_LT(t.median_us, 1500);
}

TEST(Measure, ExceptionsPassThrough) {
  EXPECT_THROW(measure({[] { throw std::runtime_error("x"); }}, 0.01), std::runtime_error);
  EXPECT_TRUE(measure({}, 0.01).empty());
}

}  // namespace
}  // namespace convoke
