// The kernel cache on damaged, foreign and forbidden files: what is not right is a miss, and the
// answer is the right kernel.
#include <sys/resource.h>

#include "convoke/error.h"
#include "tests/kernel_cache_fixture.h"

namespace convoke {
namespace {

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

}  // namespace
}  // namespace convoke
