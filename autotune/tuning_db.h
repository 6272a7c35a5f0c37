// Samples of the tuner in SQLite: one row per (device, driver, compiler, emitter, problem, config) with
// its statistics. The winner is a query, so merging two databases is a union and a new config only adds rows.
// Any problem with the file is a miss: reads answer nothing, writes are dropped with one warning.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/target.h"

namespace convoke {

struct Sample {
  std::string device, driver, compiler, emitter;  ///< of DeviceInfo (device = key)
  std::string problem;       ///< print_spec
  std::string config;        ///< print_config
  std::int64_t n = 0;        ///< timed launches
  double median_us = 0, spread_us = 0;  ///< spread: interquartile range
  bool verified = false;
  std::string date;          ///< ISO 8601, UTC
};

class TuningDb {
 public:
  /// Opens or creates `path`; "" keeps everything in memory. Never throws: a broken file is set aside (renamed
  /// *.broken) and a new one begun; a newer schema or an unwritable place gives a database that is read-only or empty.
  explicit TuningDb(const std::string& path);
  ~TuningDb();
  void add(const std::vector<Sample>& samples);
  /// Fastest verified sample of this problem on this device with this compiler and emitter.
  std::optional<Sample> best(const DeviceInfo& device, const std::string& problem) const;
  /// All samples of a problem on a device, fastest first.
  std::vector<Sample> samples(const DeviceInfo& device, const std::string& problem) const;
  std::vector<Sample> all() const;
  std::int64_t clear();          ///< removes all; returns how many
  /// For `cache verify`: empty, or what SQLite's integrity check said.
  std::string integrity() const;
  const std::string& path() const;
  const std::string& problem_with_file() const;  ///< why it is not used as asked, or empty

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The process's database, in cache_directory()/tuning-<schema>.sqlite.
TuningDb& tuning_db();

}  // namespace convoke
