// The rows of the tuning database: their columns, their checksum, the union of two sets of them.
// Split from TuningDb so that what a row is and what happens to a file that holds rows are read
// apart.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "autotune/sqlite.h"
#include "autotune/tuning_db.h"

namespace convoke {

/// Columns in the order that read_row expects, and the body of a CREATE TABLE with them.
extern const char kSampleColumns[];
extern const char kSampleTable[];

/// ISO 8601, UTC, milliseconds.
std::string now_utc();
/// The row of a statement over kSampleColumns, or nothing if its checksum fails.
std::optional<Sample> read_row(const SqliteStatement& row);
/// Every intact row of a statement over kSampleColumns.
std::vector<Sample> read_rows(SqliteStatement& statement);
/// Union of `samples` into `table`: of two rows of one key the newer stays, a damaged one never
/// does.
/// @throws SqliteError
void upsert(SqliteConnection& db, const std::string& table, const std::vector<Sample>& samples);
/// Whatever can still be read of a broken file.
std::vector<Sample> salvage(const std::string& path);

/// Runs `body` between BEGIN IMMEDIATE and COMMIT; rolls back if it throws SqliteError.
template <class Body>
void transaction(SqliteConnection& db, const Body& body) {
  db.exec("BEGIN IMMEDIATE");
  try {
    body();
    db.exec("COMMIT");
  } catch (const SqliteError&) {
    sqlite3_exec(db.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
}

}  // namespace convoke
