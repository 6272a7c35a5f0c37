// The tuner over a target whose kernels are plain loops that also wait.
#include "autotune/tune.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "autotune/candidate.h"
#include "autotune/problem_tensors.h"
#include "compiler/spec_text.h"
#include "tests/timed_target.h"

namespace convoke {
namespace {

using test::Clock;
using FakeTarget = test::TimedTarget;

ConvSpec spec(const char* text = "mb2ic2ih4oc4oh4kh3ph1") { return parse_problem(text).spec; }

TuneOptions quick(double seconds = 5) {
  TuneOptions options;
  options.budget_seconds = seconds;
  return options;
}

class TuneTest : public ::testing::Test {
 protected:
  TuneTest() {
    for (int mr = 1; mr <= 8; ++mr) target_.behaviours[mr].us = 200.0 + 150 * std::abs(mr - 5);
  }
  FakeTarget target_;
  TuningDb db_{""};
};

TEST_F(TuneTest, TheFastestVerifiedConfigurationWins) {
  const auto results = tune(target_, {spec()}, db_, quick());
  ASSERT_EQ(results.size(), 1u);
  const TuneResult& r = results[0];
  EXPECT_EQ(r.verdict, Verdict::kPassed) << r.reason;
  ASSERT_TRUE(r.winner);
  EXPECT_EQ(r.winner->cpu.mr, 5);
  EXPECT_FALSE(r.from_database);
  EXPECT_EQ(r.measured, 8);
  EXPECT_EQ(r.compiled, 8);
  EXPECT_EQ(r.rejected, 0);
  EXPECT_GE(r.timing.median_us, 200);
  EXPECT_LT(r.timing.median_us, 350);
  EXPECT_GE(r.timing.n, 5);
  EXPECT_EQ(db_.best(target_.info(), print_spec(spec()))->config, print_config(*r.winner));
}

TEST_F(TuneTest, AWrongKernelNeverWins) {
  target_.behaviours[5].wrong = true;
  target_.behaviours[5].us = 50;
  target_.behaviours[2].wrong = true;  // slow and wrong: need not even be checked
  const TuneResult r = tune(target_, {spec()}, db_, quick())[0];
  EXPECT_EQ(r.verdict, Verdict::kPassed) << r.reason;
  ASSERT_TRUE(r.winner);
  EXPECT_TRUE(r.winner->cpu.mr == 4 || r.winner->cpu.mr == 6) << r.winner->cpu.mr;
  EXPECT_GE(r.rejected, 1);
  for (const Sample& s : db_.all()) {
    const int mr = parse_config(s.config).cpu.mr;
    EXPECT_FALSE(s.verified && (mr == 5 || mr == 2));
  }
}

TEST_F(TuneTest, AllWrongIsFailedAndNothingIsCached) {
  for (auto& [mr, b] : target_.behaviours) b.wrong = true;
  const TuneResult r = tune(target_, {spec()}, db_, quick())[0];
  EXPECT_EQ(r.verdict, Verdict::kFailed);
  EXPECT_FALSE(r.winner);
  EXPECT_NE(r.reason, "");
  EXPECT_FALSE(db_.best(target_.info(), print_spec(spec())));
  EXPECT_EQ(choose_config(target_, spec(), db_), target_.default_config(spec()));
}

TEST_F(TuneTest, ADatabaseHitCompilesAndMeasuresNothing) {
  const TuneResult first = tune(target_, {spec()}, db_, quick())[0];
  target_.compiles = 0;
  const TuneResult again = tune(target_, {spec()}, db_, quick())[0];
  EXPECT_TRUE(again.from_database);
  EXPECT_EQ(again.winner, first.winner);
  EXPECT_EQ(again.timing.median_us, first.timing.median_us);
  EXPECT_EQ(again.measured + again.compiled + target_.compiles, 0);
  EXPECT_EQ(choose_config(target_, spec(), db_), *first.winner);

  TuneOptions force = quick();
  force.force = true;
  const TuneResult forced = tune(target_, {spec()}, db_, force)[0];
  EXPECT_FALSE(forced.from_database);
  EXPECT_EQ(*forced.winner, choose_config(target_, spec(), db_));  // what plans will use
  // The same problem twice in a list is tuned once.
  TuningDb fresh("");
  const auto twice = tune(target_, {spec(), spec()}, fresh, quick());
  EXPECT_FALSE(twice[0].from_database);
  EXPECT_TRUE(twice[1].from_database);
}

TEST_F(TuneTest, WinnersOfOtherPatternsAreTriedFirst) {
  const auto sparse = [](const char* word) {
    ConvSpec s = spec((std::string("mb2ic2ih4oc4oh4kh3ph1 sparsity=") + word).c_str());
    s.pattern = SparsityPattern::random(s, 1);
    return s;
  };
  const ConvSpec wanted = sparse("channel:0.5");
  Sample won;
  won.device = target_.info().key, won.driver = target_.info().driver;
  won.compiler = target_.info().compiler, won.emitter = target_.info().emitter;
  won.n = 10, won.median_us = 100, won.verified = true;
  const auto config_text = [&](int mr) {
    for (const KernelConfig& c : target_.enumerate(wanted))
      if (c.cpu.mr == mr) return print_config(c);
    return std::string();
  };
  won.problem = print_spec(sparse("channel:0.25")), won.config = config_text(7);
  db_.add({won});
  won.problem = print_spec(spec("mb2ic2ih4oc4oh4kh3ph1 epilogue=relu(acc) sparsity=channel:0.25"));
  won.config = config_text(8);  // of another problem
  db_.add({won});
  TuneOptions two = quick();
  two.candidates = 2;
  tune(target_, {wanted}, db_, two);
  std::set<std::string> tried;
  for (const Sample& s : db_.samples(target_.info(), print_spec(wanted))) tried.insert(s.config);
  EXPECT_TRUE(tried.contains(config_text(7)));
  EXPECT_FALSE(tried.contains(config_text(8)));
}

TEST_F(TuneTest, AWinnerThatIsNoLongerLegalIsNotChosen) {
  const TuneResult first = tune(target_, {spec()}, db_, quick())[0];
  target_.behaviours.erase(first.winner->cpu.mr);
  EXPECT_EQ(choose_config(target_, spec(), db_), target_.default_config(spec()));
  Sample s = db_.all()[0];
  s.config = "quantum:mr=1", s.median_us = 0.5, s.n = 5, s.verified = true;
  db_.add({s});
  EXPECT_EQ(choose_config(target_, spec(), db_), target_.default_config(spec()));
}

TEST_F(TuneTest, AWinnerThatCannotBeHadIsNotChosen) {
  const TuneResult first = tune(target_, {spec()}, db_, quick())[0];
  ASSERT_NE(*first.winner, target_.default_config(spec()));
  target_.missing_mr = first.winner->cpu.mr;
  EXPECT_EQ(choose_config(target_, spec(), db_), target_.default_config(spec()));
}

TEST_F(TuneTest, FailingCandidatesAndProblemsDoNotStopTheOthers) {
  target_.behaviours[1].build_error = ErrorCode::kDevice;  // the default
  target_.behaviours[3].launch_fails = true;
  target_.unsupported_k = 7;
  const auto results = tune(
      target_, {spec(), spec("ic2ih4oc7oh4kh3ph1"), spec("mb1ic2ih5oc4oh5kh3ph1")}, db_, quick());
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].verdict, Verdict::kPassed) << results[0].reason;
  EXPECT_EQ(results[0].winner->cpu.mr, 5);
  EXPECT_EQ(results[0].rejected, 2);
  EXPECT_EQ(results[1].verdict, Verdict::kUnsupported);
  EXPECT_EQ(results[1].reason, "K is not supported by the fake");
  EXPECT_EQ(results[2].verdict, Verdict::kPassed);
}

TEST_F(TuneTest, WhenNothingBuildsTheErrorIsReported) {
  for (auto& [mr, b] : target_.behaviours) b.build_error = ErrorCode::kDevice;
  const TuneResult r = tune(target_, {spec()}, db_, quick())[0];
  EXPECT_FALSE(r.winner);
  EXPECT_EQ(r.error, ErrorCode::kDevice);
  EXPECT_NE(r.reason.find("it does not build"), std::string::npos) << r.reason;
}

TEST_F(TuneTest, TheBudgetIsKeptAndEveryProblemGetsItsDefault) {
  for (auto& [mr, b] : target_.behaviours) b.us = 4000 + mr;
  std::vector<ConvSpec> problems;
  for (const char* text : {"mb1ic4ih6oc8oh6kh3ph1", "mb1ic2ih5oc4oh5kh3ph1",
                           "mb1ic4ih4oc8oh4kh3ph1", "mb1ic4ih3oc8oh3kh3ph1"})
    problems.push_back(spec(text));
  const auto start = Clock::now();
  const auto results = tune(target_, problems, db_, quick(0.6));
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  EXPECT_LT(seconds, 1.2);  // one step late per problem at most
  for (const TuneResult& r : results) {
    EXPECT_EQ(r.verdict, Verdict::kPassed) << r.reason;
    EXPECT_LT(r.measured, 8);
  }
}

TEST_F(TuneTest, NoBudgetLeft) {
  const TuneResult r = tune(target_, {spec()}, db_, quick(0))[0];
  EXPECT_FALSE(r.winner);
  EXPECT_EQ(r.reason, "the budget of 0 s was used up before this problem");
}

TEST_F(TuneTest, StopKeepsWhatWasMeasured) {
  std::atomic<bool> stop{false};
  TuneOptions options = quick();
  options.stop = &stop;
  int built = 0;
  target_.on_get = [&](int) {
    if (++built == 6) stop = true;
  };
  const auto results = tune(target_, {spec(), spec("mb1ic2ih5oc4oh5kh3ph1")}, db_, options);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_TRUE(results[0].winner);
  EXPECT_LT(results[0].measured, 8);
  EXPECT_FALSE(results[1].winner);
  EXPECT_EQ(results[1].reason, "stopped before this problem was begun");
  EXPECT_FALSE(db_.all().empty());
  EXPECT_TRUE(db_.best(target_.info(), print_spec(spec())));
}

TEST_F(TuneTest, AnInterruptedSessionIsResumed) {
  // Interrupted before anything was verified: samples are there, a winner is not.
  Sample s;
  const DeviceInfo& d = target_.info();
  s.device = d.key, s.driver = d.driver, s.compiler = d.compiler, s.emitter = d.emitter;
  s.problem = print_spec(spec());
  s.n = 5;
  std::vector<Sample> known;
  for (const int mr : {1, 2, 3, 4}) {
    s.config = print_config(FakeTarget::config(mr));
    s.median_us = target_.behaviours[mr].us;
    known.push_back(s);
  }
  s.config = print_config(FakeTarget::config(8)), s.n = 0, s.median_us = 0;  // was wrong
  known.push_back(s);
  db_.add(known);
  std::set<int> built;
  target_.on_get = [&](int mr) { built.insert(mr); };
  const TuneResult r = tune(target_, {spec()}, db_, quick())[0];
  EXPECT_EQ(r.winner->cpu.mr, 5);
  EXPECT_EQ(r.measured, 3);  // 5, 6 and 7
  EXPECT_FALSE(built.contains(8));
}

TEST_F(TuneTest, OneFixedConfiguration) {
  TuneOptions options = quick();
  options.config = FakeTarget::config(2);
  const TuneResult r = tune(target_, {spec()}, db_, options)[0];
  EXPECT_EQ(r.winner, options.config);
  EXPECT_EQ(r.measured, 1);
  options.config = FakeTarget::config(40);
  const TuneResult illegal = tune(target_, {spec()}, db_, options)[0];
  EXPECT_EQ(illegal.verdict, Verdict::kUnsupported);
  EXPECT_EQ(illegal.reason, "no such mr");
}

TEST_F(TuneTest, WorkspaceLimitExcludesCandidates) {
  TuneOptions options = quick();
  options.workspace_limit = 350;
  const TuneResult r = tune(target_, {spec()}, db_, options)[0];
  EXPECT_EQ(r.winner->cpu.mr, 3);
  options.workspace_limit = 50;
  const TuneResult none = tune(target_, {spec("mb1ic2ih5oc4oh5kh3ph1")}, db_, options)[0];
  EXPECT_EQ(none.verdict, Verdict::kUnsupported);
  EXPECT_EQ(none.reason, "no configuration gets by with a workspace of 50 bytes");
}

TEST_F(TuneTest, OpenBatchAndProgress) {
  std::vector<std::pair<std::size_t, int>> seen;
  const auto results = tune(target_, {spec("mb?ic2ih4oc4oh4kh3ph1"), spec()}, db_, quick(),
                            [&](std::size_t problem, int candidate, int) {
                              seen.push_back({problem, candidate});
                            });
  EXPECT_EQ(results[0].verdict, Verdict::kPassed) << results[0].reason;
  EXPECT_EQ(seen.front(), (std::pair<std::size_t, int>{0, 0}));
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), (std::pair<std::size_t, int>{1, 8}));
}

TEST_F(TuneTest, BuildsAheadOnThreadsOfItsOwn) {
  target_.threads_beside = 3;
  std::set<std::thread::id> builders;
  target_.on_get = [&](int) { builders.insert(std::this_thread::get_id()); };  // under its mutex
  const TuneResult r = tune(target_, {spec()}, db_, quick())[0];
  EXPECT_EQ(r.winner->cpu.mr, 5);
  EXPECT_EQ(r.compiled, 8);
  EXPECT_EQ(target_.compiles, 8);  // each once
  EXPECT_GT(builders.size(), 1u);
}

TEST_F(TuneTest, TheNextProblemIsBuiltWhileOneIsMeasured) {
  target_.threads_beside = 3;
  int compiled = 0;
  const auto results = tune(target_, {spec(), spec("mb2ic2ih4oc5oh4kh3ph1")}, db_, quick(), {},
                            [&](std::size_t problem, const TuneResult&) {
                              if (problem == 0) compiled = target_.compiles;
                            });
  EXPECT_GT(compiled, 8);  // all of the first problem and some of the second
  EXPECT_EQ(target_.compiles, 16);
  EXPECT_EQ(results[0].winner->cpu.mr, 5);
  EXPECT_EQ(results[1].winner->cpu.mr, 5);
}

TEST_F(TuneTest, WhatFailsToBuildAheadIsRejectedWhenItIsTried) {
  target_.threads_beside = 3;
  target_.behaviours[3].build_error = ErrorCode::kDevice;
  const TuneResult r = tune(target_, {spec()}, db_, quick())[0];
  EXPECT_EQ(r.winner->cpu.mr, 5);
  EXPECT_EQ(r.rejected, 1);
}

TEST_F(TuneTest, BadlyCompiledCandidatesAreLeftOut) {
  target_.behaviours[5].why_slow = "spills 96 bytes a thread";
  const TuneResult r = tune(target_, {spec()}, db_, quick())[0];
  EXPECT_NE(r.winner->cpu.mr, 5);
  EXPECT_EQ(r.rejected, 1);
  // The default must be timed: it is what runs without tuning.
  for (auto& [mr, b] : target_.behaviours) b.why_slow = "spills";
  target_.kernels.clear();
  TuneOptions force = quick();
  force.force = true;
  TuningDb fresh("");
  const TuneResult all = tune(target_, {spec()}, fresh, force)[0];
  EXPECT_EQ(all.verdict, Verdict::kPassed) << all.reason;
  EXPECT_EQ(all.winner->cpu.mr, 1);
}

TEST_F(TuneTest, ColdAndWarmTimesAreKept) {
  target_.last_cache = 1 << 20;
  const TuneResult r = tune(target_, {spec()}, db_, quick())[0];
  EXPECT_GT(r.timing.warm_us, 0);
  EXPECT_EQ(r.timing.clock_mhz, 1500);
  const Sample best = *db_.best(target_.info(), print_spec(spec()));
  EXPECT_EQ(best.warm_us, r.timing.warm_us);
  EXPECT_EQ(best.clock_mhz, 1500);
}

TEST_F(TuneTest, AThrottledMeasurementIsRecordedAndRepeated) {
  const DeviceState hot{900, 2600, "thermal"};
  target_.states = {hot};
  const TuneResult once = tune(target_, {spec()}, db_, quick(20))[0];
  EXPECT_EQ(once.verdict, Verdict::kPassed);
  for (const Sample& s : db_.all()) EXPECT_EQ(s.throttle, "") << s.config;
  // Where it lasts, plans use what was measured, and the next session measures anew.
  TuningDb fresh("");
  TuneOptions one = quick(20);
  one.candidates = 1;
  target_.states.assign(20, hot);
  const TuneResult lasting = tune(target_, {spec()}, fresh, one)[0];
  EXPECT_EQ(lasting.timing.throttle, "thermal");
  EXPECT_EQ(lasting.timing.clock_mhz, 900);
  EXPECT_EQ(choose_config(target_, spec(), fresh), *lasting.winner);
  target_.states.clear();
  const TuneResult again = tune(target_, {spec()}, fresh, one)[0];
  EXPECT_FALSE(again.from_database);
  EXPECT_EQ(again.timing.throttle, "");
}

TEST_F(TuneTest, ALostDeviceEndsTheListAndKeepsTheSamples) {
  int built = 0;
  target_.on_get = [&](int) {
    if (++built < 5) return;
    target_.lost = true;
    throw Error(ErrorCode::kDevice, "CUDA_ERROR_ILLEGAL_ADDRESS");
  };
  const auto results = tune(target_, {spec(), spec("mb1ic2ih5oc4oh5kh3ph1")}, db_, quick());
  EXPECT_EQ(results[0].error, ErrorCode::kDevice);
  EXPECT_NE(results[0].reason.find("the device was lost with "), std::string::npos)
      << results[0].reason;
  EXPECT_NE(results[0].reason.find("ILLEGAL_ADDRESS"), std::string::npos);
  EXPECT_EQ(results[1].error, ErrorCode::kDevice);
  EXPECT_EQ(results[1].reason, "the device was lost before this problem was begun");
  EXPECT_FALSE(db_.all().empty());
}

TEST_F(TuneTest, AllCandidatesCanBeMeasured) {
  for (int mr = 1; mr <= 40; ++mr) target_.behaviours[mr].us = 100 + 10 * std::abs(mr - 33);
  TuneOptions all = quick(60);
  all.candidates = 100000;
  const TuneResult r = tune(target_, {spec()}, db_, all)[0];
  EXPECT_EQ(r.measured, 40);
  TuningDb fresh("");
  EXPECT_EQ(tune(target_, {spec()}, fresh, quick(60))[0].measured, 12);
  TuningDb other("");
  target_.threads_beside = 2;
  EXPECT_EQ(tune(target_, {spec()}, other, quick(60))[0].measured, 24);
}

TEST(Candidate, IsVerifiedOnFullTilesAndATailOfFewImages) {
  const auto images = [](const char* problem, const char* config) {
    return verified_images(parse_problem(problem).spec, parse_config(config));
  };
  const char* const tile = "cuda:mma,bm=128,bn=64,bk=64,wm=2,wn=2,stages=2";
  EXPECT_EQ(images("mb128ic64ih56oc64kh3ph1", tile), 1);  // 3136 pixels
  EXPECT_EQ(images("mb128ic64ih7oc64kh3ph1", tile), 11);
  EXPECT_EQ(images("mb128ic64ih8oc64kh3ph1", tile), 9);  // 576 pixels: 4.5 tiles
  EXPECT_EQ(images("mb2ic64ih7oc64kh3ph1", tile), 2);    // no more than there are
  EXPECT_EQ(
      images("mb512ic64ih2oc64kh3ph1", "cuda:mma,bm=32,bn=64,bk=64,wm=1,wn=2,stages=2,order=batch"),
      33);
  EXPECT_EQ(images("mb?ic64ih7oc64kh3ph1", tile), kOpenBatch);
  EXPECT_EQ(images("mb128ic64ih56oc64kh3ph1", "cpu:direct,nv=1"), 128);
}

TEST(ProblemTensors, SetsRotatePastTheCache) {
  EXPECT_EQ(rotated_sets(1 << 20, 0), 1);
  EXPECT_EQ(rotated_sets(1 << 20, 60 << 20), 180);
  EXPECT_EQ(rotated_sets(100 << 20, 60 << 20), 2);
  EXPECT_EQ(rotated_sets(std::int64_t{4} << 30, 60 << 20), 1);
  EXPECT_EQ(rotated_sets(1 << 10, 60 << 20), 256);
}

TEST_F(TuneTest, BuildsAheadWhereCoresAreToSpare) {
  target_.device.threads = 0;  // fewer than any machine has
  const TuneResult r = tune(target_, {spec()}, db_, quick())[0];
  EXPECT_EQ(r.winner->cpu.mr, 5);
}

}  // namespace
}  // namespace convoke
