// A thin RAII skin over SQLite's C interface: a connection, a prepared statement, one exception
// that keeps SQLite's result code. It exists so that TuningDb reads as queries; nothing outside
// autotune/ includes it, and no SqliteError leaves TuningDb.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace convoke {

class SqliteError : public std::runtime_error {
 public:
  SqliteError(int code, const std::string& message) : std::runtime_error(message), code_(code) {}
  int code() const { return code_ & 0xff; }  ///< primary result code (SQLITE_CORRUPT, ...)

 private:
  int code_;
};

/// One connection. Not thread-safe: its owner holds a mutex.
class SqliteConnection {
 public:
  /// @throws SqliteError
  SqliteConnection(const std::string& uri, int flags, int busy_timeout_ms);
  void exec(const std::string& sql);
  /// First column of the first row. @throws SqliteError, also if there is no row.
  std::int64_t integer(const std::string& sql);
  sqlite3* get() const { return db_.get(); }
  bool read_only() const { return sqlite3_db_readonly(db_.get(), "main") == 1; }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  std::unique_ptr<sqlite3, Close> db_;
};

class SqliteStatement {
 public:
  SqliteStatement(SqliteConnection& connection, const std::string& sql);
  SqliteStatement& bind(int index, std::string_view text);
  SqliteStatement& bind(int index, std::int64_t value);
  SqliteStatement& bind(int index, double value);
  /// True while there is a row. @throws SqliteError
  bool step();
  /// Ready for other bindings.
  void reset();
  std::string text(int column) const;
  std::int64_t integer(int column) const { return sqlite3_column_int64(stmt_.get(), column); }
  double real(int column) const { return sqlite3_column_double(stmt_.get(), column); }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  sqlite3* db_;
  std::unique_ptr<sqlite3_stmt, Finalize> stmt_;
};

}  // namespace convoke
