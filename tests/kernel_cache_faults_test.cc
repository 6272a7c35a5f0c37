// The kernel cache when calls fail, writers die, and threads and processes meet on one key.
#include <algorithm>
#include <atomic>
#include <thread>

#include "convoke/error.h"
#include "tests/fault_injection.h"
#include "tests/kernel_cache_fixture.h"

namespace convoke {
namespace {

using namespace std::chrono_literals;

using KernelCacheFaults = KernelCacheTest;

/// After a fault: the entry is whole or absent, and the next process is neither misled nor blocked.
void expect_recovery(const std::string& dir, const std::string& what) {
  KernelCache cache(dir, "");
  if (const auto found = cache.find(kKey)) {
    EXPECT_TRUE(same(*found, sample())) << what;
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(same(cache.get_or_compile(kKey, sample), sample())) << what;
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s) << what;
  EXPECT_TRUE(cache.find(kKey)) << what;
}

TEST_F(KernelCacheFaults, EveryStepFailing) {
  for (const bool broken_before : {false, true})
    for (const int error : {ENOSPC, EROFS, EACCES, EIO, EMFILE}) {
      int steps = 0;
      for (bool reached = true; reached; ++steps) {
        ASSERT_LT(steps, 200);
        fs::remove_all(dir());
        if (broken_before) {
          ASSERT_TRUE(cache().store(kKey, sample()));
          write_all(entry() / "image", "broken");
        }
        KernelCache c(dir(), "");
        fault::arm(steps + 1, error);
        const CompiledKernel kernel = c.get_or_compile(kKey, sample);
        reached = fault::disarm();
        const std::string what =
            "step " + std::to_string(steps + 1) + " errno " + std::to_string(error);
        ASSERT_TRUE(same(kernel, sample())) << what;
        expect_recovery(dir(), what);
      }
      EXPECT_GT(steps, 15) << "the faults did not reach the cache's calls";
    }
}

TEST_F(KernelCacheFaults, WriterKilledAtEveryStep) {
  for (const bool broken_before : {false, true}) {
    int steps = 0;
    bool leftovers = false;
    for (bool killed = true; killed; ++steps) {
      ASSERT_LT(steps, 200);
      fs::remove_all(dir());
      if (broken_before) {
        ASSERT_TRUE(cache().store(kKey, sample()));
        write_all(entry() / "image", "broken");
      }
      const int status = in_child([&] {
        KernelCache c(dir(), "");
        fault::arm(steps + 1, 0);
        return same(c.get_or_compile(kKey, sample), sample());
      });
      killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
      ASSERT_TRUE(killed || status == 0) << status;
      expect_recovery(dir(), "killed at step " + std::to_string(steps + 1));
      leftovers = leftovers || !fs::is_empty(root_ / "user/kernels/tmp");
      EXPECT_GE(cache().clear(), 1);
      EXPECT_TRUE(fs::is_empty(root_ / "user/kernels/tmp"));
      EXPECT_TRUE(cache().list().empty());
    }
    EXPECT_GT(steps, 15) << "the kills did not reach the cache's calls";
    EXPECT_TRUE(leftovers) << "no kill left anything behind: then none hit the middle of a write";
  }
}

/// A compile that leaves a mark in a file, so that processes can be counted.
CompiledKernel marked_compile(const fs::path& marks, std::chrono::milliseconds time) {
  std::ofstream(marks, std::ios::app) << "x" << std::flush;
  std::this_thread::sleep_for(time);
  return sample();
}

TEST_F(KernelCacheFaults, EightProcessesOnOneColdKeyCompileOnce) {
  for (int round = 0; round < 5; ++round) {
    fs::remove_all(root_ / "user");
    fs::remove(root_ / "marks");
    std::vector<pid_t> children;
    for (int i = 0; i < 8; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        alarm(30);
        KernelCache c(dir(), "");
        const auto compile = [&] {
          return marked_compile(root_ / "marks", std::chrono::milliseconds(15 * round));
        };
        _exit(same(c.get_or_compile(kKey, compile), sample()) ? 0 : 1);
      }
      children.push_back(child);
    }
    for (const pid_t child : children) {
      int status = -1;
      waitpid(child, &status, 0);
      EXPECT_EQ(status, 0);
    }
    EXPECT_EQ(read_all(root_ / "marks"), "x") << "round " << round;
  }
}

TEST_F(KernelCacheFaults, EightThreadsOnOneColdKeyCompileOnce) {
  KernelCache c(dir(), "");
  std::atomic<int> compiles{0}, right{0}, compiled{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      CacheSource source{};
      const CompiledKernel kernel = c.get_or_compile(
          kKey,
          [&] {
            compiles.fetch_add(1);
            std::this_thread::sleep_for(50ms);
            return sample();
          },
          &source);
      right += same(kernel, sample()) ? 1 : 0;
      compiled += source == CacheSource::kCompiled ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(compiles.load(), 1);
  EXPECT_EQ(right.load(), 8);
  EXPECT_EQ(compiled.load(), 1);
}

TEST_F(KernelCacheFaults, FailureReachesEveryWaiterAndIsNotRemembered) {
  KernelCache c(dir(), "");
  std::atomic<int> caught{0}, calls{0};
  const auto failing = [&]() -> CompiledKernel {
    calls.fetch_add(1);
    std::this_thread::sleep_for(100ms);
    throw Error(ErrorCode::kUnsupported, "no such instruction");
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      try {
        c.get_or_compile(kKey, failing);
      } catch (const Error& error) {
        caught += error.code() == ErrorCode::kUnsupported ? 1 : 0;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(caught.load(), 4);
  EXPECT_LE(calls.load(), 4);
  EXPECT_TRUE(same(c.get_or_compile(kKey, sample), sample()));
}

/// Starts a child that compiles for ever; returns once it is inside, holding the lock.
pid_t start_stuck_writer(const std::string& dir, const fs::path& marks) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    KernelCache c(dir, "");
    c.get_or_compile(kKey, [&] { return marked_compile(marks, 60s); });
    _exit(0);
  }
  for (int i = 0; i < 1000 && !fs::exists(marks); ++i) std::this_thread::sleep_for(5ms);
  return child;
}

TEST_F(KernelCacheFaults, WaiterTakesOverWhenTheWriterDies) {
  const pid_t writer = start_stuck_writer(dir(), root_ / "marks");
  std::atomic<bool> done{false};
  std::thread waiter([&] {
    KernelCache c(dir(), "");
    EXPECT_TRUE(same(c.get_or_compile(kKey, sample), sample()));
    done = true;
  });
  std::this_thread::sleep_for(100ms);
  EXPECT_FALSE(done.load()) << "it waits while the writer lives";
  kill(writer, SIGKILL);
  waitpid(writer, nullptr, 0);
  waiter.join();
  EXPECT_TRUE(cache().find(kKey));
}

TEST_F(KernelCacheFaults, StoppedWriterOnlyCostsPatience) {
  const pid_t writer = start_stuck_writer(dir(), root_ / "marks");
  kill(writer, SIGSTOP);
  KernelCache c(dir(), "", 50ms);
  CacheSource source{};
  EXPECT_TRUE(same(c.get_or_compile(kKey, sample, &source), sample()));
  EXPECT_EQ(source, CacheSource::kCompiled);
  kill(writer, SIGKILL);
  waitpid(writer, nullptr, 0);
}

}  // namespace
}  // namespace convoke
