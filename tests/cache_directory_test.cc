// Where the caches live, by environment and by what the file system allows.
#include "tests/kernel_cache_fixture.h"

namespace convoke {
namespace {

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

TEST_F(CacheDirectory, ARelativePathIsThatOfTheFirstUse) {
  EXPECT_EQ(in_child([&] {
              setenv("CONVOKE_CACHE_DIR", "near/by", 1);
              if (chdir(root_.c_str()) != 0) return false;
              const std::string first = cache_directory();
              return chdir("/") == 0 && first == root_ / "near/by" && fs::is_directory(first);
            }),
            0);
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
