#include "autotune/sqlite.h"

namespace convoke {

SqliteConnection::SqliteConnection(const std::string& uri, int flags, int busy_timeout_ms) {
  sqlite3* raw = nullptr;
  const int rc = sqlite3_open_v2(uri.c_str(), &raw, flags, nullptr);
  db_.reset(raw);
  if (rc != SQLITE_OK) throw SqliteError(rc, raw ? sqlite3_errmsg(raw) : sqlite3_errstr(rc));
  sqlite3_busy_timeout(raw, busy_timeout_ms);
  // The file may hold anything: no SQL of its schema runs with side effects, and damaged pages are
  // looked for.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  exec("PRAGMA cell_size_check=ON");
}

void SqliteConnection::exec(const std::string& sql) {
  const int rc = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) throw SqliteError(rc, sqlite3_errmsg(db_.get()));
}

std::int64_t SqliteConnection::integer(const std::string& sql) {
  SqliteStatement statement(*this, sql);
  if (!statement.step()) throw SqliteError(SQLITE_ERROR, "no row: " + sql);
  return statement.integer(0);
}

SqliteStatement::SqliteStatement(SqliteConnection& connection, const std::string& sql)
    : db_(connection.get()) {
  sqlite3_stmt* raw = nullptr;
  const int rc = sqlite3_prepare_v2(db_, sql.c_str(), -1, &raw, nullptr);
  stmt_.reset(raw);
  if (rc != SQLITE_OK) throw SqliteError(rc, sqlite3_errmsg(db_));
}

SqliteStatement& SqliteStatement::bind(int index, std::string_view text) {
  // SQLITE_STATIC: callers keep their strings until the statement is reset.
  sqlite3_bind_text(stmt_.get(), index, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  return *this;
}
SqliteStatement& SqliteStatement::bind(int index, std::int64_t value) {
  sqlite3_bind_int64(stmt_.get(), index, value);
  return *this;
}
SqliteStatement& SqliteStatement::bind(int index, double value) {
  sqlite3_bind_double(stmt_.get(), index, value);
  return *this;
}

bool SqliteStatement::step() {
  const int rc = sqlite3_step(stmt_.get());
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  throw SqliteError(rc, sqlite3_errmsg(db_));
}

void SqliteStatement::reset() {
  sqlite3_reset(stmt_.get());
  sqlite3_clear_bindings(stmt_.get());
}

std::string SqliteStatement::text(int column) const {
  const unsigned char* data = sqlite3_column_text(stmt_.get(), column);
  if (!data) return {};
  return {reinterpret_cast<const char*>(data),
          static_cast<std::size_t>(sqlite3_column_bytes(stmt_.get(), column))};
}

}  // namespace convoke
