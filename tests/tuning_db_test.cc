// The tuning database: what it answers, and that no state of its file makes it throw, answer
// wrongly or lose a sample that could still be read.
#include "autotune/tuning_db.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "compiler/cache_key.h"

namespace convoke {
namespace {

namespace fs = std::filesystem;

DeviceInfo device() {
  DeviceInfo info;
  info.key = "test cpu/avx2/2";
  info.driver = "6.1";
  info.compiler = "LLVM 19";
  info.emitter = "abc";
  return info;
}

Sample sample(const std::string& problem, const std::string& config, double us,
              bool verified = true) {
  const DeviceInfo d = device();
  Sample s;
  s.device = d.key, s.driver = d.driver, s.compiler = d.compiler, s.emitter = d.emitter;
  s.problem = problem, s.config = config;
  s.n = 10, s.median_us = us, s.spread_us = 0.5, s.verified = verified;
  s.date = "2025-01-01T00:00:00.000Z";
  return s;
}

class TuningDbTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "convoke_tuning_XXXXXX").string();
    dir_ = mkdtemp(pattern.data());
    file_ = dir_ + "/t.sqlite";
  }
  void TearDown() override { fs::remove_all(dir_); }

  /// Runs `body` in a child; its return value is the exit status. A signal gives -signal.
  template <class Body>
  static int in_child(const Body& body) {
    const pid_t pid = fork();
    if (pid == 0) _exit(body());
    return wait_for(pid);
  }
  static int wait_for(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  void fill(int problems, int configs) {
    TuningDb db(file_);
    std::vector<Sample> all;
    for (int p = 0; p < problems; ++p)
      for (int c = 0; c < configs; ++c)
        all.push_back(sample(fmt::format("problem{}", p), fmt::format("config{}", c), 100 - c));
    db.add(all);
  }

  std::string dir_, file_;
};

TEST_F(TuningDbTest, FastestVerifiedOfThisBuildWins) {
  for (const std::string& path : {file_, std::string()}) {
    TuningDb db(path);
    EXPECT_FALSE(db.best(device(), "p"));
    Sample other_compiler = sample("p", "x", 1);
    other_compiler.compiler = "LLVM 18";
    Sample other_emitter = sample("p", "y", 1);
    other_emitter.emitter = "def";
    Sample other_device = sample("p", "z", 1);
    other_device.device = "else";
    Sample untimed = sample("p", "w", 0);
    untimed.n = 0;
    db.add({sample("p", "a", 30), sample("p", "b", 20), sample("p", "c", 10, false), other_compiler,
            other_emitter, other_device, untimed, sample("q", "d", 5)});
    ASSERT_TRUE(db.best(device(), "p"));
    EXPECT_EQ(*db.best(device(), "p"), sample("p", "b", 20));
    EXPECT_EQ(db.samples(device(), "p").size(), 6u);
    EXPECT_EQ(db.samples(device(), "p").back().config, "w");
    EXPECT_EQ(db.all().size(), 8u);
    EXPECT_EQ(db.integrity(), "");
    EXPECT_EQ(db.problem_with_file(), "");
    EXPECT_EQ(db.clear(), 8);
    EXPECT_TRUE(db.all().empty());
  }
}

TEST_F(TuningDbTest, KeepsSamplesBetweenProcesses) {
  fill(3, 4);
  TuningDb db(file_);
  EXPECT_EQ(db.all().size(), 12u);
  EXPECT_EQ(db.best(device(), "problem1")->config, "config3");
}

TEST_F(TuningDbTest, MergingIsAUnionWhereTheNewestStays) {
  Sample old = sample("p", "a", 10), newer = sample("p", "a", 20), extra = sample("p", "b", 15);
  newer.date = "2025-01-02T00:00:00.000Z";
  TuningDb one(dir_ + "/1"), two(dir_ + "/2"), ab(dir_ + "/ab"), ba(dir_ + "/ba");
  one.add({old, extra});
  two.add({newer});
  ab.add(one.all()), ab.add(two.all());
  ba.add(two.all()), ba.add(one.all()), ba.add(one.all());
  EXPECT_EQ(ab.all(), ba.all());
  EXPECT_EQ(ab.all(), (std::vector<Sample>{newer, extra}));
}

TEST_F(TuningDbTest, DatesASampleThatHasNone) {
  TuningDb db(file_);
  Sample s = sample("p", "a", 1);
  s.date.clear();
  db.add({s});
  EXPECT_EQ(db.all()[0].date.size(), std::string("2025-01-01T00:00:00.000Z").size());
  EXPECT_GT(db.all()[0].date, "2025");
}

TEST_F(TuningDbTest, TextOfAnyKindAndPathsOfAnyKind) {
  const std::string odd = dir_ + "/50% off?#1 'x'.sqlite";
  Sample s = sample("it's; DROP TABLE sample;--\n\"", "cpu:gemm,axis=q", 1e-3);
  { TuningDb(odd).add({s}); }
  EXPECT_EQ(TuningDb(odd).all(), std::vector<Sample>{s});
}

TEST_F(TuningDbTest, WritersInManyProcessesLoseNothing) {
  std::vector<pid_t> children;
  for (int w = 0; w < 4; ++w) {
    const pid_t pid = fork();
    if (pid == 0) {
      TuningDb db(file_);
      for (int i = 0; i < 40; ++i) db.add({sample("p", fmt::format("w{}i{}", w, i), 1 + i)});
      _exit(db.problem_with_file().empty() ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) EXPECT_EQ(wait_for(pid), 0);
  EXPECT_EQ(TuningDb(file_).all().size(), 160u);
}

TEST_F(TuningDbTest, ThreadsShareOne) {
  TuningDb db(file_);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&db, t] {
      for (int i = 0; i < 20; ++i) {
        db.add({sample("p", fmt::format("t{}i{}", t, i), 1 + i)});
        EXPECT_TRUE(db.best(device(), "p"));
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(db.all().size(), 80u);
}

TEST_F(TuningDbTest, KilledWriterLeavesWholeTransactions) {
  for (int round = 0; round < 5; ++round) {
    const pid_t pid = fork();
    if (pid == 0) {
      TuningDb db(file_);
      for (int i = 0;; ++i)  // pairs: both or none
        db.add({sample(fmt::format("r{}", round), fmt::format("a{}", i), 2),
                sample(fmt::format("r{}", round), fmt::format("b{}", i), 1)});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(30 + 7 * round));
    kill(pid, SIGKILL);
    EXPECT_EQ(wait_for(pid), -SIGKILL);
    TuningDb db(file_);
    EXPECT_EQ(db.problem_with_file(), "");
    EXPECT_EQ(db.integrity(), "");
    EXPECT_EQ(db.samples(device(), fmt::format("r{}", round)).size() % 2, 0u);
    db.add({sample("after", "c", 1)});
    EXPECT_TRUE(db.best(device(), "after"));
  }
  EXPECT_GT(TuningDb(file_).all().size(), 2u);
}

/// After any damage: no exception, only rows that were once written, and the database takes new
/// samples.
void expect_harmless(const std::string& file, const std::vector<Sample>& written) {
  TuningDb db(file);
  for (const Sample& s : db.all())
    EXPECT_NE(std::find(written.begin(), written.end(), s), written.end()) << s.problem << s.config;
  for (int p = 0; p < 8; ++p) {
    const std::string problem = fmt::format("problem{}", p);
    if (const auto best = db.best(device(), problem)) {
      EXPECT_EQ(best->problem, problem);
      EXPECT_NE(std::find(written.begin(), written.end(), *best), written.end());
    }
  }
  db.integrity();
  const Sample fresh = sample("fresh", "new", 3);
  db.add({fresh});
  ASSERT_TRUE(db.best(device(), "fresh")) << db.problem_with_file();
  EXPECT_EQ(*db.best(device(), "fresh"), fresh);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}
void remove_side_files(const std::string& path) {
  for (const char* suffix : {"-wal", "-shm", ".lock", ".broken", ".broken-wal", ".broken-shm"})
    fs::remove(path + suffix);
}

TEST_F(TuningDbTest, TruncatedFileIsHarmless) {
  fill(8, 12);
  const std::vector<Sample> written = TuningDb(file_).all();
  const std::string bytes = read_file(file_);
  ASSERT_EQ(written.size(), 96u);
  for (std::size_t keep = 0; keep < bytes.size(); keep += keep < 200 ? 13 : 1777) {
    SCOPED_TRACE(keep);
    remove_side_files(file_);
    write_file(file_, bytes.substr(0, keep));
    expect_harmless(file_, written);
  }
}

TEST_F(TuningDbTest, FlippedBitsAreHarmless) {
  fill(8, 12);
  const std::vector<Sample> written = TuningDb(file_).all();
  const std::string bytes = read_file(file_);
  std::mt19937 random(7);
  for (int round = 0; round < 400; ++round) {
    std::string damaged = bytes;
    const std::size_t range = round % 4 == 0 ? 100 : bytes.size();  // the header more often
    std::string where;
    for (int flips = 1 + round % 3; flips > 0; --flips) {
      const std::size_t at = random() % range;
      damaged[at] ^= static_cast<char>(1 << (random() % 8));
      where += fmt::format(" {}", at);
    }
    SCOPED_TRACE(where);
    remove_side_files(file_);
    write_file(file_, damaged);
    expect_harmless(file_, written);
  }
}

TEST_F(TuningDbTest, FlippedValueDoesNotChangeTheWinner) {
  {
    TuningDb db(file_);
    db.add({sample("p", "config=fast_but_wrong", 1, false), sample("p", "config=right", 2)});
  }
  std::string bytes = read_file(file_);
  const std::size_t at = bytes.find("config=right");
  ASSERT_NE(at, std::string::npos);
  for (std::size_t i = bytes.find("config=right"); i != std::string::npos;
       i = bytes.find("config=right", i + 1))
    bytes[i + 7] = 'l';
  write_file(file_, bytes);
  TuningDb db(file_);
  EXPECT_FALSE(db.best(device(), "p"));
  EXPECT_EQ(db.samples(device(), "p").size(), 1u);
  EXPECT_NE(db.integrity().find("checksum"), std::string::npos) << db.integrity();
  db.add({sample("p", "config=light", 3)});  // replaces the damaged row
  EXPECT_EQ(db.best(device(), "p")->median_us, 3);
  EXPECT_EQ(db.integrity(), "");
}

TEST_F(TuningDbTest, BrokenFileIsSetAsideWithItsReadableRows) {
  fill(40, 20);
  std::string bytes = read_file(file_);
  // Ruin a page in the middle; the first and the last rows stay readable.
  for (std::size_t i = 0; i < 4096; ++i) bytes[bytes.size() / 8192 * 4096 + i] = '\xa5';
  write_file(file_, bytes);
  TuningDb db(file_);
  for (int p = 0; p < 40; ++p) db.best(device(), fmt::format("problem{}", p));
  db.all();
  EXPECT_TRUE(fs::exists(file_ + ".broken"));
  EXPECT_NE(db.problem_with_file().find("was broken"), std::string::npos) << db.problem_with_file();
  EXPECT_GT(db.all().size(), 300u);
  EXPECT_EQ(TuningDb(file_).all().size(), db.all().size());
  EXPECT_EQ(TuningDb(file_).integrity(), "");
}

TEST_F(TuningDbTest, ForeignFileIsSetAsideUnchanged) {
  const std::string text = "this is no database, but somebody's notes\n";
  write_file(file_, text);
  expect_harmless(file_, {});
  EXPECT_EQ(read_file(file_ + ".broken"), text);
}

TEST_F(TuningDbTest, NewerSchemaIsLeftAlone) {
  fill(1, 1);
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(file_.c_str(), &raw), SQLITE_OK);
  sqlite3_exec(raw, "PRAGMA user_version=3; ALTER TABLE sample ADD COLUMN power REAL", nullptr,
               nullptr, nullptr);
  sqlite3_close(raw);
  const std::string before = read_file(file_);
  {
    TuningDb db(file_);
    EXPECT_NE(db.problem_with_file().find("schema 3, newer than this build's 2"), std::string::npos)
        << db.problem_with_file();
    EXPECT_FALSE(db.best(device(), "problem0"));
    db.add({sample("p", "a", 1)});
    EXPECT_TRUE(db.best(device(), "p"));  // for this process
    db.clear();
  }
  EXPECT_EQ(read_file(file_), before);
}

/// A file as the first schema had it, with one intact row and one that was changed.
void write_first_schema(const std::string& path) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
  const std::string columns =
      "problem TEXT, device TEXT, compiler TEXT, emitter TEXT, driver TEXT, config TEXT, n "
      "INTEGER, "
      "median_us REAL, spread_us REAL, verified INTEGER, date TEXT, checksum TEXT, "
      "UNIQUE(problem, device, compiler, emitter, driver, config)";
  std::string sql = "PRAGMA user_version=1; CREATE TABLE sample(" + columns + ");";
  const Sample s = sample("p", "a", 7);
  std::string text;
  for (const std::string* field :
       {&s.problem, &s.device, &s.compiler, &s.emitter, &s.driver, &s.config, &s.date})
    text += fmt::format("{}:{}\n", field->size(), *field);
  text += fmt::format("{} {:a} {:a} {}", s.n, s.median_us, s.spread_us, s.verified);
  for (const char* config : {"a", "changed"})
    sql += fmt::format(
        "INSERT INTO sample VALUES('{}','{}','{}','{}','{}','{}',{},{},{},{},'{}','{}');",
        s.problem, s.device, s.compiler, s.emitter, s.driver, config, s.n, s.median_us, s.spread_us,
        int{s.verified}, s.date, sha256_hex(text).substr(0, 16));
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
  sqlite3_close(raw);
}

TEST_F(TuningDbTest, TheFirstSchemaIsReadAndItsFileLeftAlone) {
  const std::string old = dir_ + "/tuning-1.sqlite";
  write_first_schema(old);
  const std::string before = read_file(old);
  ASSERT_EQ(read_first_schema(old).size(), 1u);
  EXPECT_EQ(read_first_schema(old)[0], sample("p", "a", 7));
  EXPECT_TRUE(read_first_schema(dir_ + "/none.sqlite").empty());
  {
    TuningDb db(dir_ + "/tuning-2.sqlite");  // a new one beside it begins with its samples
    ASSERT_TRUE(db.best(device(), "p"));
    EXPECT_EQ(db.all().size(), 1u);
    EXPECT_EQ(db.clear(), 1);
  }
  EXPECT_TRUE(TuningDb(dir_ + "/tuning-2.sqlite").all().empty());  // cleared is cleared
  EXPECT_TRUE(TuningDb(dir_ + "/other.sqlite").all().empty());
  TuningDb opened(old);
  EXPECT_NE(opened.problem_with_file().find("schema 1"), std::string::npos);
  EXPECT_EQ(read_file(old), before);
}

TEST_F(TuningDbTest, KeepsWarmTimesClocksAndThrottling) {
  Sample s = sample("p", "a", 3);
  s.warm_us = 2.5, s.clock_mhz = 1755, s.throttle = "thermal";
  {
    TuningDb db(file_);
    db.add({s});
    EXPECT_EQ(db.all(), std::vector<Sample>{s});
  }
  EXPECT_EQ(TuningDb(file_).all(), std::vector<Sample>{s});
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(file_.c_str(), &raw), SQLITE_OK);
  sqlite3_exec(raw, "UPDATE sample SET throttle=''", nullptr, nullptr, nullptr);
  sqlite3_close(raw);
  EXPECT_TRUE(TuningDb(file_).all().empty());  // its checksum covers them
}

TEST_F(TuningDbTest, ASampleOfThrottledClocksWinsOnlyWithoutAnother) {
  TuningDb db("");
  Sample throttled = sample("p", "a", 3);
  throttled.throttle = "thermal";
  db.add({throttled});
  EXPECT_EQ(db.best(device(), "p")->config, "a");
  db.add({sample("p", "b", 4)});
  EXPECT_EQ(db.best(device(), "p")->config, "b");
}

TEST_F(TuningDbTest, ReadOnlyPlaceAnswersAndKeepsNewSamplesInMemory) {
  fill(2, 2);
  ASSERT_EQ(chmod(file_.c_str(), 0444), 0);
  ASSERT_EQ(chmod(dir_.c_str(), 0555), 0);
  const int status = in_child([&] {
    if (getuid() == 0 && setuid(65534) != 0) return 9;  // root may write anywhere
    TuningDb db(file_);
    if (db.problem_with_file().find("read-only") == std::string::npos) return 1;
    if (!db.best(device(), "problem1") || db.all().size() != 4) return 2;
    db.add({sample("p", "a", 1), sample("problem1", "config1", 50)});
    if (db.best(device(), "p")->median_us != 1) return 3;
    if (db.best(device(), "problem1")->median_us != 50) return 4;  // the newer of the two rows
    if (db.all().size() != 5 || !db.integrity().empty()) return 5;
    if (db.clear() != 2) return 6;
    return db.all().size() == 4 ? 0 : 7;
  });
  EXPECT_EQ(status, 0);
  chmod(dir_.c_str(), 0755);
  EXPECT_EQ(TuningDb(file_).all().size(), 4u);
}

TEST_F(TuningDbTest, PlacesThatCannotHoldAFile) {
  for (const std::string& path : {dir_, dir_ + "/no/such/dir/t.sqlite", std::string("/proc/t")}) {
    TuningDb db(path);
    EXPECT_NE(db.problem_with_file(), "");
    db.add({sample("p", "a", 1)});
    EXPECT_TRUE(db.best(device(), "p"));
  }
}

TEST_F(TuningDbTest, FullDiskKeepsWhatIsThereAndRecovers) {
  fill(4, 4);
  const int status = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    TuningDb db(file_);
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = fs::file_size(file_);
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 60; ++i) db.add({sample("p", fmt::format("c{}", i), 10 + i)});
    if (db.problem_with_file().find("cannot be written") == std::string::npos) return 1;
    if (db.best(device(), "p")->config != "c0" || db.all().size() != 76) return 2;
    limit.rlim_cur = before;
    setrlimit(RLIMIT_FSIZE, &limit);
    db.add({sample("q", "d", 1)});  // there is room again: nothing was lost
    return TuningDb(file_).all().size() == 77 ? 0 : 3;
  });
  EXPECT_EQ(status, 0);
  TuningDb db(file_);
  EXPECT_EQ(db.all().size(), 77u);
  EXPECT_EQ(db.integrity(), "");
}

TEST_F(TuningDbTest, FollowsItsPathWhenTheFileIsReplaced) {
  TuningDb db(file_);
  db.add({sample("p", "a", 1)});
  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(file_ + suffix);
  EXPECT_FALSE(db.best(device(), "p"));
  db.add({sample("q", "b", 1)});
  EXPECT_EQ(TuningDb(file_).all().size(), 1u);
}

}  // namespace
}  // namespace convoke
