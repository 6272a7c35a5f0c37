// The file under the tuning database: opens it, notices that it is broken, replaced, full or
// read-only, and keeps what it refuses in temporary tables of the same connection, so that queries
// need not care. The only thing a caller sees of all that is `problem()`. Not thread-safe: TuningDb
// holds a mutex.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "autotune/tuning_rows.h"

namespace convoke {

class TuningFile {
 public:
  /// "": in memory. Never throws for anything that the file is or is not.
  explicit TuningFile(std::string path);

  /// Runs `body(connection)`. A file that turns out broken is set aside and `body` run once more on
  /// the new one; any other failure is noted in problem() and swallowed. Reads go to the view
  /// `known`.
  template <class Body>
  void run(const Body& body) {
    for (bool last : {false, true}) {
      try {
        follow_path();
        return body(*db_);
      } catch (const SqliteError& e) {
        if (!recover(e, last)) return;
      }
    }
  }

  /// Into the file, or into memory if it refuses; then the next call tries again.
  void add(const std::vector<Sample>& samples);
  /// As it is, without any recovery: for inspection.
  SqliteConnection& connection() { return *db_; }
  const std::string& path() const { return path_; }
  const std::string& problem() const { return problem_; }

 private:
  /// Device and inode, or zeros: tells whether the path still names the file that was opened.
  struct FileId {
    std::uint64_t device = 0, inode = 0;
    bool operator==(const FileId&) const = default;
  };
  static FileId file_id(const std::string& path);

  void open(std::vector<Sample> carried);
  void store(const std::vector<Sample>& samples);
  bool open_anyhow(std::vector<Sample>& carried);
  void open_file();
  void open_immutable();
  void open_memory();
  void create_table();
  void prepare_views();
  bool set_aside(const std::string& why, std::vector<Sample>& carried);
  void follow_path();
  bool recover(const SqliteError& error, bool last);
  std::vector<Sample> pending();
  void complain(const std::string& why);
  std::string lock_path() const { return path_ + ".lock"; }

  std::string path_;
  std::unique_ptr<SqliteConnection> db_;  ///< always open after the constructor
  FileId opened_;                         ///< zeros when the database is in memory
  std::string problem_;
  bool warned_ = false;
};

}  // namespace convoke
