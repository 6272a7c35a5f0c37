// The kernel cache under everything that happens to files: whatever it finds, the answer is the
// right kernel.
#include "runtime/kernel_cache.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "convoke/error.h"
#include "runtime/cache_entry.h"
#include "tests/fault_injection.h"

namespace convoke {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const std::string kKey(64, 'a'), kOtherKey(64, 'b');

CompiledKernel sample() {
  CompiledKernel kernel;
  for (int i = 0; i < 300; ++i) kernel.image += static_cast<char>(i * 37);
  kernel.log = "a remark\n";
  kernel.metadata = R"({"target":"cpu","spec":"mb1ic3"})";
  return kernel;
}

bool same(const CompiledKernel& a, const CompiledKernel& b) {
  return a.image == b.image && a.log == b.log && a.metadata == b.metadata;
}

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void write_all(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// Runs `body` in a child that must not outlive 30 seconds; returns its wait status.
int in_child(const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    _exit(body() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

class KernelCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    // In memory where possible: the faults are injected, so a disk's fsyncs would only take
    // minutes.
    const fs::path base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : fs::temp_directory_path();
    root_ = base / ("convoke_cache_test_" + std::to_string(getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_);
    fs::permissions(root_, fs::perms::all);
  }
  void TearDown() override { fs::remove_all(root_); }
  std::string dir() const { return (root_ / "user").string(); }
  fs::path entry() const { return entry_path(dir(), kKey); }
  KernelCache cache() const { return KernelCache(dir(), ""); }

  /// A damaged entry: found by nobody, compiled again, repaired by that.
  void expect_miss_then_repair(const std::string& what) {
    ASSERT_FALSE(cache().find(kKey)) << what;
    CacheSource source{};
    EXPECT_TRUE(same(cache().get_or_compile(kKey, sample, &source), sample())) << what;
    EXPECT_EQ(source, CacheSource::kCompiled) << what;
    EXPECT_TRUE(cache().find(kKey)) << what;
  }
  fs::path root_;
};

TEST_F(KernelCacheTest, SecondAskerReadsFromDisk) {
  for (const char* log : {"", "said something"}) {
    CompiledKernel kernel = sample();
    kernel.log = log;
    const std::string key(64, *log == '\0' ? '1' : '2');
    CacheSource source{};
    EXPECT_TRUE(same(cache().get_or_compile(
                         key, [&] { return kernel; }, &source),
                     kernel));
    EXPECT_EQ(source, CacheSource::kCompiled);
    const auto fail = []() -> CompiledKernel { throw Error(ErrorCode::kDevice, "compiled twice"); };
    EXPECT_TRUE(same(cache().get_or_compile(key, fail, &source), kernel));
    EXPECT_EQ(source, CacheSource::kDisk);
  }
  EXPECT_TRUE(fs::is_empty(root_ / "user/kernels/tmp"));
  EXPECT_TRUE(fs::is_empty(root_ / "user/kernels/locks"));
}

TEST_F(KernelCacheTest, EveryTruncationIsAMiss) {
  ASSERT_TRUE(cache().store(kKey, sample()));
  for (const char* name : {"image", "metadata.json", "log", "checksum"}) {
    const std::string whole = read_all(entry() / name);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      write_all(entry() / name, whole.substr(0, length));
      ASSERT_FALSE(cache().find(kKey)) << name << " cut to " << length;
    }
    write_all(entry() / name, whole + "x");
    expect_miss_then_repair(std::string(name) + " with a byte more");
  }
}

TEST_F(KernelCacheTest, EveryFlippedByteIsAMiss) {
  ASSERT_TRUE(cache().store(kKey, sample()));
  for (const char* name : {"image", "metadata.json", "log", "checksum"}) {
    const std::string whole = read_all(entry() / name);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      std::string bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ (1 << (i % 8)));
      write_all(entry() / name, bytes);
      ASSERT_FALSE(cache().find(kKey)) << name << " byte " << i;
    }
    expect_miss_then_repair(name);
  }
}

TEST_F(KernelCacheTest, MissingAndForeignFilesAreAMiss) {
  for (const char* name : {"image", "metadata.json", "log", "checksum"}) {
    ASSERT_TRUE(cache().store(kKey, sample()));
    fs::remove(entry() / name);
    expect_miss_then_repair(std::string("without ") + name);
    fs::remove(entry() / name);
    fs::create_directory(entry() / name);
    expect_miss_then_repair(std::string("directory as ") + name);
  }
  fs::remove_all(entry());
  write_all(entry(), "a file where the entry should be");
  expect_miss_then_repair("file as entry");
  fs::remove_all(entry());
  fs::create_symlink("/nonexistent", entry());
  expect_miss_then_repair("dangling link as entry");
}

TEST_F(KernelCacheTest, OtherVersionAndOtherKeyAreAMiss) {
  ASSERT_TRUE(cache().store(kKey, sample()));
  std::string text = read_all(entry() / "checksum");
  ASSERT_EQ(text.rfind("convoke kernel 1\n", 0), 0u);
  text[15] = '2';
  write_all(entry() / "checksum", text);
  expect_miss_then_repair("version 2");
  fs::create_directories(fs::path(entry_path(dir(), kOtherKey)).parent_path());
  fs::rename(entry(), entry_path(dir(), kOtherKey));
  EXPECT_FALSE(cache().find(kOtherKey));
}

TEST_F(KernelCacheTest, KeysThatAreNotHashesNeverReachTheDisk) {
  for (const std::string& key :
       {std::string("../../etc"), std::string(), std::string(63, 'a'), std::string(64, 'A')}) {
    EXPECT_FALSE(cache().store(key, sample()));
    EXPECT_FALSE(cache().find(key));
    EXPECT_TRUE(same(cache().get_or_compile(key, sample), sample()));
  }
  EXPECT_FALSE(fs::exists(root_ / "user"));
}

TEST_F(KernelCacheTest, PlacesThatCannotHoldACache) {
  write_all(root_ / "file", "");
  fs::create_directories(root_ / "blocked");
  write_all(root_ / "blocked/kernels", "");
  for (const std::string& place :
       {std::string(), (root_ / "file").string(), (root_ / "file/below").string(),
        (root_ / "blocked").string(), std::string("/proc/none"), std::string("/dev/full")}) {
    KernelCache cache(place, "");
    CacheSource source{};
    EXPECT_TRUE(same(cache.get_or_compile(kKey, sample, &source), sample())) << place;
    EXPECT_EQ(source, CacheSource::kCompiled);
    EXPECT_FALSE(cache.store(kKey, sample())) << place;
  }
}

TEST_F(KernelCacheTest, ReadOnlyDirectoryIsReadAndNotWritten) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become another user";
  ASSERT_TRUE(cache().store(kKey, sample()));
  EXPECT_EQ(in_child([&] {
              if (setresuid(65534, 65534, 65534) != 0) return false;
              KernelCache c(dir(), "");
              CacheSource source{};
              if (!same(c.get_or_compile(kKey, sample, &source), sample()) ||
                  source != CacheSource::kDisk)
                return false;
              if (!same(c.get_or_compile(kOtherKey, sample, &source), sample())) return false;
              return source == CacheSource::kCompiled && !c.store(kOtherKey, sample());
            }),
            0);
  EXPECT_FALSE(cache().find(kOtherKey));
}

TEST_F(KernelCacheTest, FileSizeLimitIsAMissNotAnError) {
  EXPECT_EQ(in_child([&] {
              signal(SIGXFSZ, SIG_IGN);
              const rlimit limit{100, 100};
              if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
              KernelCache c(dir(), "");
              return same(c.get_or_compile(kKey, sample), sample()) && !c.store(kKey, sample());
            }),
            0);
  EXPECT_FALSE(cache().find(kKey));
  EXPECT_TRUE(fs::is_empty(root_ / "user/kernels/tmp")) << "a failed writer cleans up";
  EXPECT_TRUE(cache().store(kKey, sample()));
}

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

TEST_F(KernelCacheTest, EveryStepFailing) {
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

TEST_F(KernelCacheTest, WriterKilledAtEveryStep) {
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

TEST_F(KernelCacheTest, EightProcessesOnOneColdKeyCompileOnce) {
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

TEST_F(KernelCacheTest, EightThreadsOnOneColdKeyCompileOnce) {
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

TEST_F(KernelCacheTest, FailureReachesEveryWaiterAndIsNotRemembered) {
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

TEST_F(KernelCacheTest, WaiterTakesOverWhenTheWriterDies) {
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

TEST_F(KernelCacheTest, StoppedWriterOnlyCostsPatience) {
  const pid_t writer = start_stuck_writer(dir(), root_ / "marks");
  kill(writer, SIGSTOP);
  KernelCache c(dir(), "", 50ms);
  CacheSource source{};
  EXPECT_TRUE(same(c.get_or_compile(kKey, sample, &source), sample()));
  EXPECT_EQ(source, CacheSource::kCompiled);
  kill(writer, SIGKILL);
  waitpid(writer, nullptr, 0);
}

TEST_F(KernelCacheTest, WithoutLocksItStillCaches) {
  fs::create_directories(root_ / "user/kernels");
  write_all(root_ / "user/kernels/locks", "no directory");
  EXPECT_TRUE(same(cache().get_or_compile(kKey, sample), sample()));
  EXPECT_TRUE(cache().find(kKey));
}

TEST_F(KernelCacheTest, SystemCacheLiesBelowTheUsers) {
  const std::string system = (root_ / "system").string();
  CompiledKernel theirs = sample();
  theirs.image = "system";
  ASSERT_TRUE(KernelCache(system, "").store(kKey, theirs));
  KernelCache both(dir(), system);
  EXPECT_EQ(both.find(kKey)->image, "system");
  ASSERT_TRUE(both.store(kKey, sample()));
  EXPECT_TRUE(same(*both.find(kKey), sample()));
  write_all(entry() / "image", "broken");
  EXPECT_EQ(both.find(kKey)->image, "system") << "a broken entry hides nothing";
  both.get_or_compile(kOtherKey, sample);
  EXPECT_FALSE(fs::exists(entry_path(system, kOtherKey)));
  both.clear();
  EXPECT_EQ(both.find(kKey)->image, "system") << "clear leaves the system's alone";
}

TEST_F(KernelCacheTest, ListAndClear) {
  EXPECT_TRUE(cache().list().empty());
  EXPECT_EQ(cache().clear(), 0);
  ASSERT_TRUE(cache().store(kKey, sample()));
  ASSERT_TRUE(cache().store(kOtherKey, sample()));
  write_all(fs::path(entry_path(dir(), kOtherKey)) / "image", "broken");
  fs::create_directories(root_ / "user/kernels/tmp/leftover");
  const auto entries = cache().list();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].key, kKey);
  EXPECT_TRUE(entries[0].intact);
  EXPECT_EQ(entries[0].metadata, sample().metadata);
  EXPECT_GT(entries[0].bytes, 300);
  EXPECT_LT(entries[0].age_seconds, 60);
  EXPECT_FALSE(entries[1].intact);
  EXPECT_EQ(cache().clear(), 3);
  EXPECT_TRUE(cache().list().empty());
  EXPECT_FALSE(fs::exists(root_ / "user/kernels/tmp/leftover"));
}

TEST_F(KernelCacheTest, AnUnreadableDirectoryIsNamed) {
  fs::create_directories(root_ / "user");
  write_all(root_ / "user/kernels", "a file");
  try {
    cache().list();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCache);
    EXPECT_NE(std::string(error.what()).find(dir() + "/kernels"), std::string::npos)
        << error.what();
  }
  EXPECT_THROW(cache().clear(), Error);
}

class CacheDirectory : public KernelCacheTest {
 protected:
  /// cache_directory() of a process with these variables.
  bool is(const std::string& expected, const char* own, const std::string& xdg,
          const std::string& home) {
    return in_child([&] {
             setenv("CONVOKE_CACHE_DIR", own, 1);
             setenv("XDG_CACHE_HOME", xdg.c_str(), 1);
             setenv("HOME", home.c_str(), 1);
             return cache_directory() == expected;
           }) == 0;
  }
};

TEST_F(CacheDirectory, TakesTheFirstThatWorks) {
  const std::string r = root_.string();
  write_all(root_ / "file", "");
  EXPECT_TRUE(is(r + "/own/deep", (r + "/own/deep").c_str(), r + "/xdg", r + "/home"));
  EXPECT_TRUE(fs::is_directory(root_ / "own/deep"));
  EXPECT_TRUE(is(r + "/file/x", (r + "/file/x").c_str(), r + "/xdg", r + "/home"))
      << "what was asked for is not replaced";
  EXPECT_TRUE(is(r + "/xdg/convoke", "", r + "/xdg", r + "/home"));
  EXPECT_TRUE(is(r + "/home/.cache/convoke", "", "", r + "/home"));
  EXPECT_TRUE(is(r + "/home/.cache/convoke", "", "relative/path", r + "/home"));
  EXPECT_TRUE(is(r + "/home/.cache/convoke", "", r + "/file", r + "/home"));
}

TEST_F(CacheDirectory, FallsBackToAPrivateTemporaryOrToNothing) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become another user";
  const uid_t uid = 47000 + static_cast<uid_t>(getpid() % 1000);
  const fs::path place = "/tmp/convoke-" + std::to_string(uid);
  const auto as_user = [&](const std::string& expected) {
    return in_child([&] {
             if (setresuid(uid, uid, uid) != 0) return false;
             for (const char* name : {"CONVOKE_CACHE_DIR", "XDG_CACHE_HOME"}) unsetenv(name);
             setenv("HOME", "/proc/none", 1);
             return cache_directory() == expected;
           }) == 0;
  };
  EXPECT_TRUE(as_user(place));
  EXPECT_EQ(fs::status(place).permissions(), fs::perms::owner_all);
  EXPECT_TRUE(as_user(place)) << "the second time too";
  fs::permissions(place, fs::perms::all);
  EXPECT_TRUE(as_user("")) << "others may write there";
  fs::remove_all(place);
  fs::create_directory(place);
  fs::permissions(place, fs::perms::owner_all);
  EXPECT_TRUE(as_user("")) << "it is root's";
  fs::remove_all(place);
  fs::create_directory_symlink(root_, place);
  EXPECT_TRUE(as_user("")) << "a link";
  fs::remove(place);
}

}  // namespace
}  // namespace convoke
