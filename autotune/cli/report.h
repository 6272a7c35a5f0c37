// What tune, verify and bench say about each problem, once: a Record becomes a JSON object on
// stdout, a row of the table on stderr and a share of the exit status. A command fills in what it
// knows; the rest is null.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "autotune/cli/options.h"
#include "autotune/tune.h"
#include "compiler/kernel_config.h"
#include "compiler/spec_text.h"
#include "runtime/target.h"

namespace convoke::cli {

/// The peer's side of `bench --peer`.
struct PeerRecord {
  std::string name, version, implementation;
  double us = 0, spread_us = 0;
};

struct Record {
  Problem problem;
  std::string status;  ///< passed, failed, untrusted, unsupported, measured or error
  std::string reason;  ///< one sentence, or empty
  int exit_code = 0;   ///< what this record alone asks for
  std::optional<KernelConfig> config;
  std::string
      config_source;  ///< "database", "measured", "default", "option"; empty if there is no config
  std::optional<Timing> timing;  ///< of `batch` images
  std::int64_t batch = 0;        ///< images of the timed or checked launch
  double limit_us = 0;           ///< lower bound of the time; 0 if unknown
  double bytes_us = 0;           ///< time of the compulsory bytes in memory; 0 if unknown
  std::optional<double> max_error, tolerance;
  std::optional<PeerRecord> peer;
  int measured = 0, compiled = 0, rejected = 0;

  double gflops() const;             ///< nominal (padding counted); 0 without timing
  double fraction_of_limit() const;  ///< 0 without timing or limit
  double ratio() const;              ///< peer's time over ours; 0 without either
};

/// Status and exit code for a verdict.
void set_verdict(Record& record, Verdict verdict, const std::string& reason);
/// Status and exit code for an exception of one problem.
void set_error(Record& record, const Error& error);

/// The first that applies in the order 2, 4, 1, 3, 5, or 0.
int worst_exit_code(const std::vector<int>& codes);

/// Geometric mean of positive values with weights; nothing if there is none.
std::optional<double> geometric_mean(
    const std::vector<std::pair<double, double>>& value_and_weight);

/// Collects the records of one command and prints them.
class Report {
 public:
  Report(std::string command, const DeviceInfo& device, std::size_t problems, bool json);
  /// Writes the JSON line at once; the table waits for finish().
  void add(Record record);
  /// Table and summary. Returns the exit status. `interrupted`: Ctrl-C ended the run early.
  int finish(bool interrupted);

 private:
  struct Totals;
  Totals totals() const;
  void print_table(const Totals& totals) const;
  std::string command_;
  DeviceInfo device_;
  std::size_t problems_;
  bool json_;
  std::chrono::steady_clock::time_point start_;
  std::vector<Record> records_;
};

/// The object of a record, without the schema.
nlohmann::ordered_json to_json(const Record& record, const std::string& command,
                               const DeviceInfo& device);

/// The problem's name, or its canonical text.
std::string label(const Problem& problem);

/// `--budget` of verify and bench: no further problem is begun once it is spent; the table says how
/// many were not reached.
class BudgetClock {
 public:
  explicit BudgetClock(std::optional<double> seconds)
      : seconds_(seconds), start_(std::chrono::steady_clock::now()) {}
  bool spent() const {
    return seconds_ &&
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count() >=
               *seconds_;
  }

 private:
  std::optional<double> seconds_;
  std::chrono::steady_clock::time_point start_;
};

/// One short line about a finished record, for plain progress: "123.4 us  passed".
std::string outline(const Record& record);

}  // namespace convoke::cli
