#include "autotune/tuning_rows.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

#include "compiler/cache_key.h"

namespace convoke {
const char kSampleColumns[] =
    "problem, device, compiler, emitter, driver, config, n, median_us, spread_us, warm_us, "
    "clock_mhz, throttle, verified, date, checksum";
const char kSampleTable[] =
    "(problem TEXT NOT NULL, device TEXT NOT NULL, compiler TEXT NOT NULL, emitter TEXT NOT NULL, "
    "driver TEXT NOT NULL, config TEXT NOT NULL, n INTEGER NOT NULL, median_us REAL NOT NULL, "
    "spread_us REAL NOT NULL, warm_us REAL NOT NULL, clock_mhz INTEGER NOT NULL, throttle TEXT NOT "
    "NULL, verified INTEGER NOT NULL, date TEXT NOT NULL, checksum TEXT NOT "
    "NULL, UNIQUE(problem, device, compiler, emitter, driver, config))";
namespace {

constexpr int kBusyTimeoutMs = 1000;
constexpr char kSameKey[] =
    "problem=?1 AND device=?2 AND compiler=?3 AND emitter=?4 AND driver=?5 AND config=?6";

std::string checksum(const Sample& s, bool first_schema = false) {
  std::string text;
  for (const std::string* field :
       {&s.problem, &s.device, &s.compiler, &s.emitter, &s.driver, &s.config, &s.date})
    text += fmt::format("{}:{}\n", field->size(), *field);
  text += fmt::format("{} {:a} {:a} {}", s.n, s.median_us, s.spread_us, s.verified);
  if (!first_schema)
    text += fmt::format(" {:a} {} {}:{}", s.warm_us, s.clock_mhz, s.throttle.size(), s.throttle);
  return sha256_hex(text).substr(0, 16);
}

void bind_key(SqliteStatement& statement, const Sample& s) {
  statement.bind(1, s.problem).bind(2, s.device).bind(3, s.compiler);
  statement.bind(4, s.emitter).bind(5, s.driver).bind(6, s.config);
}

}  // namespace

std::string now_utc() {
  const auto now = std::chrono::system_clock::now();
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(ms / 1000)), ms % 1000);
}

std::optional<Sample> read_row(const SqliteStatement& row) {
  Sample s;
  s.problem = row.text(0);
  s.device = row.text(1);
  s.compiler = row.text(2);
  s.emitter = row.text(3);
  s.driver = row.text(4);
  s.config = row.text(5);
  s.n = row.integer(6);
  s.median_us = row.real(7);
  s.spread_us = row.real(8);
  s.warm_us = row.real(9);
  s.clock_mhz = static_cast<int>(row.integer(10));
  s.throttle = row.text(11);
  const std::int64_t verified = row.integer(12);
  s.verified = verified == 1;
  s.date = row.text(13);
  if (verified < 0 || verified > 1 || row.text(14) != checksum(s)) return std::nullopt;
  return s;
}

std::vector<Sample> read_rows(SqliteStatement& statement) {
  std::vector<Sample> found;
  while (statement.step())
    if (auto s = read_row(statement)) found.push_back(std::move(*s));
  return found;
}

void upsert(SqliteConnection& db, const std::string& table, const std::vector<Sample>& samples) {
  SqliteStatement find(db,
                       fmt::format("SELECT {} FROM {} WHERE {}", kSampleColumns, table, kSameKey));
  SqliteStatement remove(db, fmt::format("DELETE FROM {} WHERE {}", table, kSameKey));
  SqliteStatement insert(
      db, fmt::format("INSERT INTO {} VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)",
                      table));
  for (const Sample& s : samples) {
    const std::string check = checksum(s);
    bind_key(find, s);
    const bool exists = find.step();
    const std::optional<Sample> old = exists ? read_row(find) : std::nullopt;
    find.reset();
    if (old && old->date > s.date) continue;
    if (exists) {
      bind_key(remove, s);
      remove.step();
      remove.reset();
    }
    bind_key(insert, s);
    insert.bind(7, s.n).bind(8, s.median_us).bind(9, s.spread_us);
    insert.bind(10, s.warm_us).bind(11, std::int64_t{s.clock_mhz}).bind(12, s.throttle);
    insert.bind(13, std::int64_t{s.verified}).bind(14, s.date).bind(15, check);
    insert.step();
    insert.reset();
  }
}

// It has no warm times, clocks and throttling.
std::vector<Sample> read_first_schema(const std::string& path) {
  std::vector<Sample> found;
  try {
    SqliteConnection db(path, SQLITE_OPEN_READONLY, kBusyTimeoutMs);
    if (db.integer("PRAGMA user_version") != 1) return found;
    SqliteStatement row(db,
                        "SELECT problem, device, compiler, emitter, driver, config, n, median_us, "
                        "spread_us, verified, date, checksum FROM sample");
    while (row.step()) {
      Sample s;
      s.problem = row.text(0), s.device = row.text(1), s.compiler = row.text(2);
      s.emitter = row.text(3), s.driver = row.text(4), s.config = row.text(5);
      s.n = row.integer(6), s.median_us = row.real(7), s.spread_us = row.real(8);
      s.verified = row.integer(9) == 1, s.date = row.text(10);
      if (row.text(11) == checksum(s, true)) found.push_back(std::move(s));
    }
  } catch (const SqliteError&) {  // what was read before stays
  }
  return found;
}

// From both ends, as SQLite stops at the first damaged page.
std::vector<Sample> salvage(const std::string& path) {
  std::vector<Sample> found;
  for (const char* order : {"", " ORDER BY rowid DESC"}) {
    try {
      SqliteConnection db(path, SQLITE_OPEN_READWRITE, kBusyTimeoutMs);
      SqliteStatement row(
          db, fmt::format("SELECT {} FROM sample NOT INDEXED{}", kSampleColumns, order));
      while (row.step())
        if (auto s = read_row(row)) found.push_back(std::move(*s));
    } catch (const SqliteError&) {  // what was read before stays
    }
  }
  return found;
}

}  // namespace convoke
