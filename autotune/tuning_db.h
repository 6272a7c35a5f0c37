// Samples of the tuner in SQLite: one row per (device, driver, compiler, emitter, problem, config)
// with its statistics. The winner is a query, so merging two databases is a union and a new config
// only adds rows. Any problem with the file is a miss: reads answer nothing, writes stay in memory
// with one warning. Each row carries a checksum, because SQLite does not notice a flipped bit in a
// value and a wrong row could name an unverified winner.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/target.h"

namespace convoke {

/// Version of the file's layout; a file of a newer one is left alone.
inline constexpr int kTuningSchema = 2;

struct Sample {
  std::string device, driver, compiler, emitter;  ///< of DeviceInfo (device = key)
  std::string problem;                            ///< print_spec
  std::string config;                             ///< print_config
  std::int64_t n = 0;                             ///< timed launches; 0: checked but never timed
  double median_us = 0, spread_us = 0;            ///< what is ranked; spread: interquartile range
  double warm_us = 0;                             ///< median with warm caches; 0: not measured
  int clock_mhz = 0;                              ///< when it was measured; 0: unknown
  std::string throttle{};  ///< why the clocks were held down then, or empty: measured again
  bool verified = false;
  std::string date;  ///< ISO 8601, UTC, with milliseconds; empty: add() sets the time of the call

  bool operator==(const Sample&) const = default;
};

class TuningDb {
 public:
  /// Opens or creates `path`; "" keeps everything in memory. Never throws: a broken file is set
  /// aside (renamed
  /// *.broken, its intact rows carried over) and a new one begun; a newer schema or a place that
  /// cannot be written leaves the file as it is and keeps this process's samples in memory.
  explicit TuningDb(const std::string& path);
  ~TuningDb();
  TuningDb(const TuningDb&) = delete;
  TuningDb& operator=(const TuningDb&) = delete;

  /// Stores all samples or, if the file refuses (full, busy, read-only), keeps them for this
  /// process and tries again with the next add(). Of two samples with the same six names the newer
  /// date stays. Thread-safe, as all here.
  void add(const std::vector<Sample>& samples);
  /// Fastest verified sample of this problem on this device with this compiler and emitter.
  std::optional<Sample> best(const DeviceInfo& device, const std::string& problem) const;
  /// All samples of a problem on a device, whatever their compiler and emitter: timed ones first,
  /// fastest first.
  std::vector<Sample> samples(const DeviceInfo& device, const std::string& problem) const;
  /// The problems with samples on a device, in order of their text.
  std::vector<std::string> problems(const DeviceInfo& device) const;
  std::vector<Sample> all() const;
  /// Removes all samples; returns how many. A file of a newer schema is not touched.
  std::int64_t clear();
  /// For `cache verify`: empty, or what SQLite's integrity check said and how many rows fail their
  /// checksum.
  std::string integrity() const;
  const std::string& path() const;
  /// Why the file is not used as asked ("... is read-only: ..."), or empty.
  std::string problem_with_file() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The samples of a file of schema 1; empty if `path` is none.
std::vector<Sample> read_first_schema(const std::string& path);

/// The process's database, in cache_directory()/tuning-<schema>.sqlite. A new one begins with the
/// samples of tuning-1.sqlite beside it.
TuningDb& tuning_db();

}  // namespace convoke
