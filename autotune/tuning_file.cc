#include "autotune/tuning_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <optional>

namespace convoke {
namespace {

constexpr int kBusyTimeoutMs = 5000;

/// The file is in order but not for this build or this user.
struct UnusableFile : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Held shared while the file is opened or written, exclusively while it is set aside: a writer
/// never writes into a file that another process is just renaming away.
class FileLock {
 public:
  FileLock(const std::string& path, int operation)
      : fd_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd_ >= 0 && flock(fd_, operation) != 0) {
      close(fd_);
      fd_ = -1;
    }
  }
  ~FileLock() {
    if (fd_ >= 0) close(fd_);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  bool held() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// WAL needs memory shared between the processes through the file system, which network file
/// systems lack.
bool wal_works_on(const std::string& path) {
  struct statfs s {};
  if (statfs(path.c_str(), &s) != 0) return false;
  switch (static_cast<unsigned long>(s.f_type)) {
    case 0x6969:      // NFS
    case 0x517B:      // SMB
    case 0xFF534D42:  // CIFS
    case 0xFE534D42:  // SMB2
    case 0x01021997:  // 9P
    case 0x65735546:  // FUSE
      return false;
  }
  return true;
}

bool means_broken(const SqliteError& e) {
  switch (e.code()) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:       // a table or column of another layout
    case SQLITE_CONSTRAINT:  // of another layout, or an index that contradicts its table
    case SQLITE_MISMATCH:
    case SQLITE_FORMAT:
      return true;
  }
  return false;
}

std::string uri_of(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path)
    uri += c == '%' || c == '?' || c == '#' ? fmt::format("%{:02X}", c) : std::string(1, c);
  return uri + "?immutable=1";
}

}  // namespace

TuningFile::TuningFile(std::string path) : path_(std::move(path)) { open({}); }

TuningFile::FileId TuningFile::file_id(const std::string& path) {
  struct stat s {};
  if (stat(path.c_str(), &s) != 0) return {};
  return {static_cast<std::uint64_t>(s.st_dev), static_cast<std::uint64_t>(s.st_ino)};
}

void TuningFile::complain(const std::string& why) {
  problem_ = why;
  if (!warned_) spdlog::warn("tuning database: {}", why);
  warned_ = true;
}

/// `pending` holds what the file refused; `known` is the file with `pending` over it.
void TuningFile::prepare_views() {
  db_->exec("PRAGMA temp_store=MEMORY");
  db_->exec(fmt::format("CREATE TEMP TABLE pending{}", kSampleTable));
  db_->exec(fmt::format(
      "CREATE TEMP VIEW known AS SELECT {0} FROM temp.pending UNION ALL "
      "SELECT {0} FROM main.sample AS s WHERE NOT EXISTS (SELECT 1 FROM temp.pending AS p WHERE "
      "p.problem=s.problem AND p.device=s.device AND p.compiler=s.compiler AND "
      "p.emitter=s.emitter AND p.driver=s.driver AND p.config=s.config)",
      kSampleColumns));
  db_->integer("SELECT count(*) FROM (SELECT * FROM known LIMIT 1)");  // is the table ours?
}

void TuningFile::create_table() {
  transaction(*db_, [&] {
    // Another process may have been faster.
    if (db_->integer("PRAGMA user_version") == kTuningSchema) return;
    if (db_->integer("SELECT count(*) FROM sqlite_master") != 0)
      throw SqliteError(SQLITE_FORMAT, "it holds other tables");
    db_->exec(fmt::format("CREATE TABLE sample{}", kSampleTable));
    db_->exec(fmt::format("PRAGMA user_version={}", kTuningSchema));
    // What an earlier build measured; its own file stays as it is.
    const std::filesystem::path path(path_);
    if (path.filename() == fmt::format("tuning-{}.sqlite", kTuningSchema))
      upsert(*db_, "main.sample", read_first_schema(path.parent_path() / "tuning-1.sqlite"));
  });
}

void TuningFile::open_memory() {
  db_ = std::make_unique<SqliteConnection>(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                           kBusyTimeoutMs);
  opened_ = {};
  db_->exec(fmt::format("CREATE TABLE sample{}", kSampleTable));
  prepare_views();
}

/// @throws SqliteError, UnusableFile
void TuningFile::open_file() {
  FileLock lock(lock_path(), LOCK_SH);
  db_.reset();
  opened_ = file_id(path_);
  db_ = std::make_unique<SqliteConnection>(path_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                           kBusyTimeoutMs);
  const std::int64_t version = db_->integer("PRAGMA user_version");
  if (version > kTuningSchema)
    throw UnusableFile(fmt::format("{} has schema {}, newer than this build's {}: left alone",
                                   path_, version, kTuningSchema));
  if (version == 1)
    throw UnusableFile(
        fmt::format("{} has schema 1, this build's is {}: `convoke cache merge` takes its samples",
                    path_, kTuningSchema));
  if (!db_->read_only()) {
    // Refused while another process is just opening the file: then it stays as that one leaves it.
    if (wal_works_on(path_))
      sqlite3_exec(db_->get(), "PRAGMA journal_mode=WAL", nullptr, nullptr, nullptr);
    db_->exec("PRAGMA synchronous=NORMAL");
    if (version != kTuningSchema) create_table();
  }
  opened_ = file_id(path_);
  prepare_views();
  if (db_->read_only()) complain(fmt::format("{} is read-only: new samples stay in memory", path_));
}

/// A WAL database in a directory that cannot be written: its last checkpoint can be read.
/// @throws SqliteError, UnusableFile
void TuningFile::open_immutable() {
  db_ = std::make_unique<SqliteConnection>(uri_of(path_), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
                                           kBusyTimeoutMs);
  opened_ = file_id(path_);
  if (db_->integer("PRAGMA user_version") != kTuningSchema)
    throw UnusableFile(fmt::format("{} is read-only and of another schema", path_));
  prepare_views();
  complain(fmt::format("{} is read-only: new samples stay in memory", path_));
}

/// One attempt at the file. False: it was broken and is out of the way, try again.
bool TuningFile::open_anyhow(std::vector<Sample>& carried) {
  try {
    open_file();
    return true;
  } catch (const UnusableFile& e) {
    complain(e.what());
  } catch (const SqliteError& e) {
    if (means_broken(e) && set_aside(e.what(), carried)) return false;
    if (e.code() == SQLITE_CANTOPEN || e.code() == SQLITE_READONLY) {
      try {
        open_immutable();
        return true;
      } catch (const std::runtime_error&) {  // the first reason is the better one
      }
    }
    complain(fmt::format("{} cannot be used ({}): samples stay in memory", path_, e.what()));
  }
  open_memory();
  return true;
}

void TuningFile::open(std::vector<Sample> carried) {
  if (path_.empty() || (!open_anyhow(carried) && !open_anyhow(carried))) open_memory();
  if (carried.empty()) return;
  try {
    store(carried);
  } catch (const SqliteError&) {  // broken again: the next add() says so and tries once more
    upsert(*db_, "temp.pending", carried);
  }
}

/// Renames the broken file away and adds its intact rows to `carried`. True if the path may be
/// opened again.
bool TuningFile::set_aside(const std::string& why, std::vector<Sample>& carried) {
  const FileId broken = opened_;
  db_.reset();
  FileLock lock(lock_path(), LOCK_EX);
  if (!lock.held()) return false;
  if (file_id(path_) != broken) return true;  // another process already did
  const std::string aside = path_ + ".broken";
  std::error_code error;
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(aside + suffix, error);
  if (std::rename(path_.c_str(), aside.c_str()) != 0) return false;
  for (const char* suffix : {"-wal", "-shm"})
    std::rename((path_ + suffix).c_str(), (aside + suffix).c_str());
  const std::vector<Sample> saved = salvage(aside);
  carried.insert(carried.end(), saved.begin(), saved.end());
  complain(fmt::format("{} was broken ({}): renamed to {}, {} samples carried over", path_, why,
                       aside, saved.size()));
  return true;
}

/// Never throws: what a failing connection does not give is lost.
std::vector<Sample> TuningFile::pending() {
  try {
    SqliteStatement statement(*db_, fmt::format("SELECT {} FROM temp.pending", kSampleColumns));
    return read_rows(statement);
  } catch (const SqliteError&) {
    return {};
  }
}

/// Opens the path again if it no longer names the open file (cleared cache, set aside by another
/// process).
void TuningFile::follow_path() {
  if (opened_ == FileId{} || file_id(path_) == opened_) return;
  problem_.clear();
  open(pending());
}

/// True if the operation that met `error` is worth another try.
bool TuningFile::recover(const SqliteError& error, bool last) {
  if (last || opened_ == FileId{} || !means_broken(error)) {
    complain(fmt::format("{}: {}", path_, error.what()));
    return false;
  }
  std::vector<Sample> carried = pending();
  if (!set_aside(error.what(), carried)) {
    complain(fmt::format("{} is broken ({}) and cannot be set aside: samples stay in memory", path_,
                         error.what()));
    open_memory();
    store(carried);
    return true;
  }
  open(std::move(carried));
  return true;
}

/// @throws SqliteError if the file turns out broken.
void TuningFile::store(const std::vector<Sample>& samples) {
  try {
    if (!db_->read_only()) {
      std::optional<FileLock> lock;
      if (opened_ != FileId{}) lock.emplace(lock_path(), LOCK_SH);
      std::vector<Sample> everything = pending();
      everything.insert(everything.end(), samples.begin(), samples.end());
      transaction(*db_, [&] { upsert(*db_, "main.sample", everything); });
      db_->exec("DELETE FROM temp.pending");
      return;
    }
  } catch (const SqliteError& e) {
    if (means_broken(e)) throw;
    complain(fmt::format("{} cannot be written ({}): samples stay in memory", path_, e.what()));
  }
  upsert(*db_, "temp.pending", samples);
}

void TuningFile::add(const std::vector<Sample>& samples) {
  run([&](SqliteConnection&) { store(samples); });
}

}  // namespace convoke
