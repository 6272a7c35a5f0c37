// What the tests of the kernel cache share: a sample kernel, a fresh directory, children to run
// things in.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "runtime/cache_entry.h"
#include "runtime/kernel_cache.h"

namespace convoke {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

inline const std::string kKey(64, 'a'), kOtherKey(64, 'b');

inline CompiledKernel sample() {
  CompiledKernel kernel;
  for (int i = 0; i < 300; ++i) kernel.image += static_cast<char>(i * 37);
  kernel.log = "a remark\n";
  kernel.metadata = R"({"target":"cpu","spec":"mb1ic3"})";
  return kernel;
}

inline bool same(const CompiledKernel& a, const CompiledKernel& b) {
  return a.image == b.image && a.log == b.log && a.metadata == b.metadata;
}

inline std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
inline void write_all(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// Runs `body` in a child that must not outlive 30 seconds; returns its wait status.
inline int in_child(const std::function<bool()>& body) {
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

}  // namespace convoke
