// Threads that build for several problems: in which order, how many, on whose account. Builds wait
// for the test, so that what is compared are orders and counts, not times.
#include "autotune/build_ahead.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/fake_target.h"

#if defined(__linux__)
#include <sys/resource.h>
#endif

namespace convoke {
namespace {

using namespace std::chrono_literals;

/// What was begun, by whom, how much of it at a time; builds end when the gate is open.
class BuildAheadTest : public ::testing::Test {
 protected:
  BuildAhead::Get items_of(const std::string& problem) {
    return [this, problem](int item, CacheSource* source) { return build(problem, item, source); };
  }
  std::shared_ptr<const Kernel> build(const std::string& problem, int item, CacheSource* source) {
    std::unique_lock<std::mutex> lock(mutex_);
    const bool here = std::this_thread::get_id() == test_thread_;
    begun_.push_back(problem + std::to_string(item));
    at_once_ += !here, most_ = std::max(most_, at_once_);
    changed_.notify_all();
    if (!here) changed_.wait(lock, [&] { return open_; });
    at_once_ -= !here;
    ++ended_;
    changed_.notify_all();
    if (source) *source = CacheSource::kCompiled;
    if (item == kBroken) throw Error(ErrorCode::kDevice, "it does not build");
    return std::make_shared<FakeKernel>(ConvSpec{}, item);
  }
  void open() {
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void await_begun(std::size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return begun_.size() >= count; });
  }
  void await_ended(std::size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return ended_ >= count; });
  }
  std::vector<std::string> begun() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return begun_;
  }

  static constexpr int kBroken = 99;
  const std::thread::id test_thread_ = std::this_thread::get_id();
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  std::vector<std::string> begun_;
  std::size_t ended_ = 0;
  int at_once_ = 0, most_ = 0;  ///< on threads of the pool
};

using Names = std::vector<std::string>;

TEST_F(BuildAheadTest, TheProblemInHandGoesFirstAndInItsOrder) {
  BuildThreads threads(1);
  BuildAhead current(threads, items_of("a")), next(threads, items_of("b"));
  next.want({1, 2});
  await_begun(1);
  next.want({2, 3});
  current.want({7, 5});
  current.want({6, 5, 4});  // instead of what was wanted before
  open();
  await_ended(6);
  EXPECT_EQ(begun(), (Names{"b1", "a6", "a5", "a4", "b2", "b3"}));
}

TEST_F(BuildAheadTest, NoMoreAtATimeThanThereAreThreads) {
  BuildThreads threads(3);
  EXPECT_EQ(threads.count(), 3);
  BuildAhead current(threads, items_of("a")), next(threads, items_of("b"));
  current.want({1, 2, 3, 4, 5, 6});
  next.want({1, 2, 3, 4, 5, 6});
  await_begun(3);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(begun().size(), 3u);
  open();
  await_ended(12);
  EXPECT_EQ(most_, 3);
  const Names all = begun();
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 12u);  // each once
}

TEST_F(BuildAheadTest, WhatNobodyHasBegunIsBuiltByTheOneThatTakesIt) {
  BuildThreads threads(1);
  BuildAhead current(threads, items_of("a"));
  current.want({1, 2});
  await_begun(1);  // and held up
  CacheSource source = CacheSource::kMemory;
  EXPECT_NE(current.take(2, &source), nullptr);
  EXPECT_EQ(source, CacheSource::kCompiled);
  EXPECT_EQ(begun(), (Names{"a1", "a2"}));
  open();
  EXPECT_NE(current.take(1, nullptr), nullptr);
  EXPECT_EQ(current.take(1, nullptr), current.take(1, nullptr));
  EXPECT_EQ(begun().size(), 2u);

  BuildThreads none(0);
  BuildAhead alone(none, items_of("c"));
  alone.want({1, 2});
  EXPECT_NE(alone.take(2, nullptr), nullptr);
  EXPECT_EQ(begun().back(), "c2");
}

TEST_F(BuildAheadTest, AFailureIsMetWhenItIsTaken) {
  BuildThreads threads(1);
  BuildAhead current(threads, items_of("a"));
  open();
  current.want({kBroken, 1});
  EXPECT_NE(current.take(1, nullptr), nullptr);
  EXPECT_THROW(current.take(kBroken, nullptr), Error);
  EXPECT_THROW(current.take(kBroken, nullptr), Error);
  EXPECT_EQ(begun().size(), 2u);  // each once
}

TEST_F(BuildAheadTest, AProblemThatEndsIsNotWaitedFor) {
  BuildThreads threads(1);
  {
    BuildAhead ended(threads, items_of("a"));
    ended.want({1, 2, 3});
    await_begun(1);
  }  // while its first is held up
  BuildAhead current(threads, items_of("b"));
  current.want({1});
  open();
  EXPECT_NE(current.take(1, nullptr), nullptr);
  EXPECT_EQ(begun(), (Names{"a1", "b1"}));
}

TEST_F(BuildAheadTest, SaysWhatWillBeReady) {
  BuildThreads threads(1);
  EXPECT_EQ(threads.build_seconds(), 0);
  BuildAhead current(threads, [&](int item, CacheSource* source) {
    if (item == 0) std::this_thread::sleep_for(20ms);
    return build("a", item, source);
  });
  EXPECT_TRUE(current.ready_within(0, 0));  // nothing is known yet
  current.take(0, nullptr);
  EXPECT_GE(threads.build_seconds(), 0.02);
  current.want({1});
  await_begun(1 + 1);
  EXPECT_TRUE(current.ready_within(0, 0));
  EXPECT_FALSE(current.ready_within(0.01, 2));
  EXPECT_TRUE(current.ready_within(1000, 2));
  EXPECT_EQ(current.ready_within(1000), (std::vector<int>{0, 1}));
  open();
  current.take(1, nullptr);
  EXPECT_EQ(current.ready_within(0), (std::vector<int>{0, 1}));
}

#if defined(__linux__)
TEST_F(BuildAheadTest, ThreadsAreLessUrgentThanTheirCaller) {
  const int before = getpriority(PRIO_PROCESS, 0);
  int there = before;
  BuildThreads threads(1);
  BuildAhead current(threads, [&](int, CacheSource*) -> std::shared_ptr<const Kernel> {
    there = getpriority(PRIO_PROCESS, 0);
    return nullptr;
  });
  current.want({1});
  while (!current.ready_within(0, 1) || current.ready_within(0).empty())
    std::this_thread::sleep_for(1ms);
  EXPECT_EQ(current.take(1, nullptr), nullptr);
  EXPECT_EQ(there, std::min(before + 10, 19));
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), before);
}
#endif

TEST_F(BuildAheadTest, WhatWouldBeReadyTooLateIsNotBegun) {
  open();
  BuildThreads threads(1);
  BuildAhead current(threads, [&](int item, CacheSource* source) {
    if (item == 0) std::this_thread::sleep_for(20ms);
    return build("a", item, source);
  });
  BuildAhead next(threads, items_of("b"));
  current.take(0, nullptr);  // so long takes a build
  current.want({1, 2}, 0.01);
  next.want({1, 2});
  await_ended(3);
  EXPECT_EQ(begun(), (Names{"a0", "b1", "b2"}));
  current.want({1, 2}, 1000);
  await_ended(5);
  EXPECT_EQ(begun(), (Names{"a0", "b1", "b2", "a1", "a2"}));
}

TEST(WorthBuilding, IsWhatTheTimeLeftCanMeasure) {
  EXPECT_EQ(worth_building(16, 0.05, 10), 64);  // four for each thread
  EXPECT_EQ(worth_building(16, 0.05, 1.5), 30);
  EXPECT_EQ(worth_building(16, 0.2, 1.5), 7);
  EXPECT_EQ(worth_building(16, 0, 0.5), 25);  // nothing is known: 20 ms
  EXPECT_EQ(worth_building(16, 0.05, -1), 0);
  EXPECT_EQ(worth_building(0, 0.05, 10), 0);
}

}  // namespace
}  // namespace convoke
