#include "autotune/tuning_db.h"

#include <fmt/format.h>

#include <mutex>

#include "autotune/tuning_file.h"

namespace convoke {

struct TuningDb::Impl {
  explicit Impl(const std::string& path) : file(path) {}
  std::mutex mutex;
  TuningFile file;
};

TuningDb::TuningDb(const std::string& path) : impl_(std::make_unique<Impl>(path)) {}
TuningDb::~TuningDb() = default;

void TuningDb::add(const std::vector<Sample>& samples) {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  std::vector<Sample> dated = samples;
  for (Sample& s : dated)
    if (s.date.empty()) s.date = now_utc();
  impl_->file.add(dated);
}

std::optional<Sample> TuningDb::best(const DeviceInfo& device, const std::string& problem) const {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  std::optional<Sample> winner;
  impl_->file.run([&](SqliteConnection& db) {
    SqliteStatement row(db, fmt::format("SELECT {} FROM known WHERE problem=?1 AND device=?2 AND "
                                        "compiler=?3 AND emitter=?4 AND verified=1 AND n>0 AND "
                                        "median_us>0 ORDER BY throttle<>'', median_us, config",
                                        kSampleColumns));
    row.bind(1, problem).bind(2, device.key).bind(3, device.compiler).bind(4, device.emitter);
    while (!winner && row.step()) {
      winner = read_row(row);
      // A damaged index can lead to another problem's intact row.
      if (winner && (winner->problem != problem || winner->device != device.key ||
                     winner->compiler != device.compiler || winner->emitter != device.emitter ||
                     !winner->verified || winner->n <= 0 || !(winner->median_us > 0)))
        winner.reset();
    }
  });
  return winner;
}

std::vector<Sample> TuningDb::samples(const DeviceInfo& device, const std::string& problem) const {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  std::vector<Sample> found;
  impl_->file.run([&](SqliteConnection& db) {
    SqliteStatement row(db,
                        fmt::format("SELECT {} FROM known WHERE problem=?1 AND device=?2 ORDER BY "
                                    "n=0, median_us, config, compiler, emitter, driver",
                                    kSampleColumns));
    row.bind(1, problem).bind(2, device.key);
    found = read_rows(row);
    std::erase_if(found, [&](const Sample& s) {
      return s.problem != problem || s.device != device.key;  // as in best()
    });
  });
  return found;
}

std::vector<std::string> TuningDb::problems(const DeviceInfo& device) const {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  std::vector<std::string> found;
  impl_->file.run([&](SqliteConnection& db) {
    SqliteStatement row(db, "SELECT DISTINCT problem FROM known WHERE device=?1 ORDER BY problem");
    row.bind(1, device.key);
    while (row.step()) found.push_back(row.text(0));
  });
  return found;
}

std::vector<Sample> TuningDb::all() const {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  std::vector<Sample> found;
  impl_->file.run([&](SqliteConnection& db) {
    SqliteStatement row(db, fmt::format("SELECT {} FROM known ORDER BY device, problem, compiler, "
                                        "emitter, driver, config",
                                        kSampleColumns));
    found = read_rows(row);
  });
  return found;
}

std::int64_t TuningDb::clear() {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  std::int64_t removed = 0;
  impl_->file.run([&](SqliteConnection& db) {
    removed = db.integer("SELECT count(*) FROM known");
    if (db.read_only()) {
      removed = db.integer("SELECT count(*) FROM temp.pending");
    } else {
      transaction(db, [&] { db.exec("DELETE FROM main.sample"); });
      db.exec("VACUUM");
    }
    db.exec("DELETE FROM temp.pending");
  });
  return removed;
}

std::string TuningDb::integrity() const {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  std::string said;
  SqliteConnection& db = impl_->file.connection();
  try {
    SqliteStatement check(db, "PRAGMA integrity_check(10)");
    while (check.step())
      if (check.text(0) != "ok") said += (said.empty() ? "" : "; ") + check.text(0);
    SqliteStatement row(db, fmt::format("SELECT {} FROM main.sample NOT INDEXED", kSampleColumns));
    int damaged = 0;
    while (row.step()) damaged += !read_row(row);
    if (damaged > 0)
      said += fmt::format("{}{} rows fail their checksum", said.empty() ? "" : "; ", damaged);
  } catch (const SqliteError& e) {
    said += (said.empty() ? "" : "; ") + std::string(e.what());
  }
  return said;
}

const std::string& TuningDb::path() const { return impl_->file.path(); }

std::string TuningDb::problem_with_file() const {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  return impl_->file.problem();
}

TuningDb& tuning_db() {
  static TuningDb db(cache_directory().empty()
                         ? std::string()
                         : fmt::format("{}/tuning-{}.sqlite", cache_directory(), kTuningSchema));
  return db;
}

}  // namespace convoke
