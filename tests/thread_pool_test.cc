// The default executor: every task exactly once, whatever calls whom; alive after fork; no
// allocation.
#include "runtime/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/counting_new.h"

namespace convoke {
namespace {

/// Counts how often each task ran and whether two calls shared a worker.
struct Tally {
  Tally(std::int64_t tasks, int workers)
      : ran(static_cast<std::size_t>(tasks)), busy(static_cast<std::size_t>(workers)) {}
  static void body(void* context, std::int64_t begin, std::int64_t end, int worker) {
    auto* t = static_cast<Tally*>(context);
    if (worker < 0 || worker >= static_cast<int>(t->busy.size()) || begin >= end)
      t->wrong = true;
    else if (t->busy[static_cast<std::size_t>(worker)].exchange(true))
      t->wrong = true;
    for (std::int64_t i = begin; i < end; ++i) t->ran[static_cast<std::size_t>(i)].fetch_add(1);
    t->busy[static_cast<std::size_t>(worker)].store(false);
  }
  bool each_once() const {
    for (const auto& n : ran)
      if (n.load() != 1) return false;
    return !wrong.load();
  }
  std::vector<std::atomic<int>> ran;
  std::vector<std::atomic<bool>> busy;
  std::atomic<bool> wrong{false};
};

TEST(ThreadPool, RunsEachTaskOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.workers(), threads);
    for (const std::int64_t tasks : {0, 1, 2, 3, 7, 64, 1000, 100003}) {
      Tally tally(tasks, threads);
      pool.parallel_for(tasks, Tally::body, &tally);
      EXPECT_TRUE(tally.each_once()) << threads << " threads, " << tasks << " tasks";
    }
  }
}

TEST(ThreadPool, ManyShortCallsBackToBack) {
  ThreadPool pool(4);
  for (int call = 0; call < 20000; ++call) {
    std::atomic<std::int64_t> sum{0};
    pool.parallel_for(
        5,
        [](void* context, std::int64_t begin, std::int64_t end, int) {
          static_cast<std::atomic<std::int64_t>*>(context)->fetch_add(end - begin);
        },
        &sum);
    ASSERT_EQ(sum.load(), 5);  // and `sum` is gone afterwards: a late worker would crash under asan
  }
}

TEST(ThreadPool, WorkersDoTakePart) {
  ThreadPool pool(2);
  struct Meeting {
    std::atomic<int> arrived{0};
  } meeting;
  // Each of two tasks waits for the other: only two threads at once can finish it.
  pool.parallel_for(
      2,
      [](void* context, std::int64_t begin, std::int64_t end, int) {
        auto* m = static_cast<Meeting*>(context);
        ASSERT_EQ(end - begin, 1);
        m->arrived.fetch_add(1);
        while (m->arrived.load() < 2) std::this_thread::yield();
      },
      &meeting);
  EXPECT_EQ(meeting.arrived.load(), 2);
}

TEST(ThreadPool, WakesSleepingWorkers) {
  ThreadPool pool(3);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    Tally tally(999, 3);
    pool.parallel_for(999, Tally::body, &tally);
    EXPECT_TRUE(tally.each_once());
  }
}

TEST(ThreadPool, NestedCallsRunInlineEvenOnAnotherPool) {
  ThreadPool outer(3), inner(3);
  struct Context {
    ThreadPool *outer, *inner;
    std::atomic<std::int64_t> sum{0};
  } context{&outer, &inner, {}};
  outer.parallel_for(
      50,
      [](void* c, std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t i = begin; i < end; ++i)
          for (ThreadPool* pool :
               {static_cast<Context*>(c)->outer, static_cast<Context*>(c)->inner})
            pool->parallel_for(
                10,
                [](void* c2, std::int64_t b, std::int64_t e, int worker) {
                  EXPECT_EQ(worker, 0);
                  static_cast<Context*>(c2)->sum.fetch_add(e - b);
                },
                c);
      },
      &context);
  EXPECT_EQ(context.sum.load(), 50 * 2 * 10);
}

TEST(ThreadPool, ConcurrentCallersAreSerialised) {
  ThreadPool pool(3);
  std::vector<std::thread> callers;
  std::atomic<int> bad{0};
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        Tally tally(37, 3);
        pool.parallel_for(37, Tally::body, &tally);
        if (!tally.each_once()) bad.fetch_add(1);
      }
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(bad.load(), 0);
}

TEST(ThreadPool, AllocatesNothingPerCall) {
  ThreadPool pool(3);
  Tally tally(100000, 3);
  const std::int64_t before = allocations.load();
  pool.parallel_for(100000, Tally::body, &tally);
  EXPECT_EQ(allocations.load(), before);
  EXPECT_TRUE(tally.each_once());
}

TEST(ThreadPool, DestructionRightAfterACall) {
  for (int i = 0; i < 200; ++i) {
    ThreadPool pool(4);
    if (i % 2 == 0) {
      Tally tally(4, 4);
      pool.parallel_for(4, Tally::body, &tally);
      ASSERT_TRUE(tally.each_once());
    }
  }
}

TEST(ThreadPool, WorksInAChildOfFork) {
  auto pool = std::make_unique<ThreadPool>(3);
  Tally warm(10, 3);
  pool->parallel_for(10, Tally::body, &warm);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(20);  // a hang is a failure, not a stuck test
    Tally old(100, 3), fresh(100, 3);
    pool->parallel_for(100, Tally::body, &old);
    pool.reset();
    ThreadPool own(3);
    own.parallel_for(100, Tally::body, &fresh);
    _exit(old.each_once() && fresh.each_once() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
}

TEST(ThreadPool, PinsWorkersAndLeavesTheCallerAlone) {
  const std::vector<int> before = affinity_cpus();
  ThreadPool pool(2, true);
  struct Seen {
    std::atomic<int> arrived{0};
    std::atomic<int> cpus{0};
  } seen;
  pool.parallel_for(
      2,
      [](void* context, std::int64_t, std::int64_t, int worker) {
        auto* s = static_cast<Seen*>(context);
        if (worker == 1) s->cpus = static_cast<int>(affinity_cpus().size());
        s->arrived.fetch_add(1);
        while (s->arrived.load() < 2) std::this_thread::yield();
      },
      &seen);
  EXPECT_EQ(seen.cpus.load(), 1);
  EXPECT_EQ(affinity_cpus(), before);
}

TEST(ThreadPool, RefusesSillySizes) {
  for (const int threads : {0, -1, ThreadPool::kMaxThreads + 1}) {
    try {
      ThreadPool pool(threads);
      FAIL() << threads;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_NE(std::string(error.what()).find(std::to_string(threads)), std::string::npos);
    }
  }
}

/// A made-up /proc/self/cgroup and mount, as a container would show them.
class Cgroup : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() / ("convoke_cgroup_" + std::to_string(getpid()));
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text << "\n";
  }
  int limit() { return cgroup_cpu_limit(root_ / "self", root_ / "mount"); }
  std::filesystem::path root_;
};

TEST_F(Cgroup, VersionTwoTakesTheTightestAncestor) {
  put("self", "0::/a/b");
  put("mount/a/b/cpu.max", "max 100000");
  EXPECT_EQ(limit(), 0);
  put("mount/a/cpu.max", "250000 100000");
  EXPECT_EQ(limit(), 3);
  put("mount/cpu.max", "150000 100000");
  EXPECT_EQ(limit(), 2);
}

TEST_F(Cgroup, VersionTwoInsideAContainerSeesOnlyTheRoot) {
  put("self", "0::/kubepods/not/mounted/here");
  put("mount/cpu.max", "50000 100000");
  EXPECT_EQ(limit(), 1);
}

TEST_F(Cgroup, VersionOne) {
  put("self", "5:memory:/m\n4:cpu,cpuacct:/x");
  put("mount/cpu,cpuacct/x/cpu.cfs_quota_us", "-1");
  put("mount/cpu,cpuacct/x/cpu.cfs_period_us", "100000");
  EXPECT_EQ(limit(), 0);
  put("mount/cpu,cpuacct/x/cpu.cfs_quota_us", "400000");
  EXPECT_EQ(limit(), 4);
  put("self", "4:cpuset:/x");
  EXPECT_EQ(limit(), 0) << "cpuset is not cpu";
}

TEST_F(Cgroup, NothingThereIsNoLimit) {
  EXPECT_EQ(limit(), 0);
  put("self", "nonsense");
  EXPECT_EQ(limit(), 0);
}

TEST(UsableCpus, FollowsTheAffinityMask) {
  const int all = usable_cpus();
  EXPECT_GE(all, 1);
  std::thread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(affinity_cpus().front(), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(usable_cpus(), 1);
  }).join();
  EXPECT_EQ(usable_cpus(), all);
}

}  // namespace
}  // namespace convoke
