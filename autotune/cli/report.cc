#include "autotune/cli/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autotune/cli/interrupt.h"
#include "autotune/cli/json.h"
#include "autotune/cli/terminal.h"

namespace convoke::cli {
namespace {

using Json = nlohmann::ordered_json;

/// One word for x, w and y types where `dtype=` has one, else all three.
std::string type_text(const ConvSpec& spec) {
  ConvSpec uniform = spec;
  set_data_type(uniform, spec.x_type);
  if (uniform.w_type == spec.w_type && uniform.y_type == spec.y_type) return to_string(spec.x_type);
  return fmt::format("{}/{}/{}", to_string(spec.x_type), to_string(spec.w_type),
                     to_string(spec.y_type));
}

/// The configuration without its target, which the table's title names.
std::string short_config(const KernelConfig& config) {
  const std::string text = print_config(config);
  const std::size_t colon = text.find(':');
  return colon == std::string::npos ? text : text.substr(colon + 1);
}

/// What computes: the CPU's threads, or which GPU.
std::string workers_text(const DeviceInfo& device) {
  if (device.target != "cpu") return device.target;
  return fmt::format("{} thread{}", device.threads, device.threads == 1 ? "" : "s");
}

/// Three significant digits, never an exponent.
std::string significant(double value) {
  if (!(value > 0)) return "0";
  const int digits = std::clamp(2 - static_cast<int>(std::floor(std::log10(value))), 0, 6);
  return fmt::format("{:.{}f}", value, digits);
}

double positive_or_nan(double value) { return value > 0 ? value : NAN; }

}  // namespace

std::string label(const Problem& problem) {
  return problem.name.empty() ? print_spec(problem.spec) : problem.name;
}

double Record::gflops() const {
  return timing && timing->median_us > 0
             ? 2 * problem.spec.nominal_macs(batch) / timing->median_us * 1e-3
             : 0;
}

double Record::fraction_of_limit() const {
  return timing && timing->median_us > 0 ? limit_us / timing->median_us : 0;
}

double Record::ratio() const {
  return peer && timing && timing->median_us > 0 ? peer->us / timing->median_us : 0;
}

void set_verdict(Record& record, Verdict verdict, const std::string& reason) {
  record.status = to_string(verdict);
  record.reason = reason;
  record.exit_code = verdict == Verdict::kPassed        ? 0
                     : verdict == Verdict::kUnsupported ? static_cast<int>(ErrorCode::kUnsupported)
                                                        : static_cast<int>(ErrorCode::kWrongResult);
}

void set_error(Record& record, const Error& error) {
  record.status = error.code() == ErrorCode::kUnsupported ? "unsupported" : "error";
  record.reason = error.what();
  record.exit_code = static_cast<int>(error.code());
}

int worst_exit_code(const std::vector<int>& codes) {
  for (const ErrorCode code : {ErrorCode::kUsage, ErrorCode::kDevice, ErrorCode::kWrongResult,
                               ErrorCode::kUnsupported, ErrorCode::kCache}) {
    if (std::find(codes.begin(), codes.end(), static_cast<int>(code)) != codes.end())
      return static_cast<int>(code);
  }
  return 0;
}

std::optional<double> geometric_mean(
    const std::vector<std::pair<double, double>>& value_and_weight) {
  double logs = 0, weights = 0;
  for (const auto& [value, weight] : value_and_weight) {
    if (!(value > 0)) continue;
    logs += weight * std::log(value);
    weights += weight;
  }
  if (weights == 0) return std::nullopt;
  return std::exp(logs / weights);
}

Json to_json(const Record& record, const std::string& command, const DeviceInfo& device) {
  const ConvSpec& spec = record.problem.spec;
  const auto optional = [](const auto& value) { return value ? Json(*value) : Json(nullptr); };
  const double nan = NAN;
  Json object;
  object["command"] = command;
  object["problem"] = print_spec(spec);
  object["name"] = record.problem.name.empty() ? Json(nullptr) : Json(record.problem.name);
  object["count"] = record.problem.count;
  object["pass"] = to_string(spec.pass);
  object["dtype"] = type_text(spec);
  object["pattern"] = spec.pattern ? Json(spec.pattern->hash()) : Json(nullptr);
  object["target"] = device.target;
  object["device"] = device.key;
  object["status"] = record.status;
  object["batch"] = record.batch > 0 ? Json(record.batch) : Json(nullptr);
  object["time_us"] = number_or_null(record.timing ? record.timing->median_us : nan);
  object["spread_us"] = number_or_null(record.timing ? record.timing->spread_us : nan);
  object["warm_us"] = number_or_null(record.timing ? positive_or_nan(record.timing->warm_us) : nan);
  object["clock_mhz"] = record.timing && record.timing->clock_mhz > 0
                            ? Json(record.timing->clock_mhz)
                            : Json(nullptr);
  object["throttle"] = record.timing && !record.timing->throttle.empty()
                           ? Json(record.timing->throttle)
                           : Json(nullptr);
  object["launches"] = record.timing ? Json(record.timing->n) : Json(nullptr);
  object["gflops"] = number_or_null(positive_or_nan(record.gflops()));
  object["fraction_of_limit"] = number_or_null(positive_or_nan(record.fraction_of_limit()));
  object["bytes_us"] = number_or_null(positive_or_nan(record.bytes_us));
  object["config"] = record.config ? Json(print_config(*record.config)) : Json(nullptr);
  object["config_source"] =
      record.config_source.empty() ? Json(nullptr) : Json(record.config_source);
  object["max_error"] = optional(record.max_error);
  object["tolerance"] = optional(record.tolerance);
  object["reason"] = record.reason.empty() ? Json(nullptr) : Json(record.reason);
  if (command == "tune") {
    object["measured"] = record.measured;
    object["compiled"] = record.compiled;
    object["rejected"] = record.rejected;
  }
  if (record.peer) {
    object["peer"] = record.peer->name;
    object["peer_version"] = record.peer->version;
    object["peer_implementation"] = record.peer->implementation;
    object["peer_us"] = number_or_null(record.peer->us);
    object["peer_spread_us"] = number_or_null(record.peer->spread_us);
    object["ratio"] = number_or_null(positive_or_nan(record.ratio()));
  }
  return object;
}

std::string outline(const Record& record) {
  std::string text = record.timing ? significant(record.timing->median_us) + " us  " : "";
  text += record.status;
  if (record.ratio() > 0) text += fmt::format("  {:.2f} of {}", record.ratio(), record.peer->name);
  if (!record.reason.empty()) text += ": " + record.reason;
  return text;
}

/// Sums over the records; times are weighted by count.
struct Report::Totals {
  int passed = 0, measured_only = 0, failed = 0, untrusted = 0, unsupported = 0, errors = 0;
  int candidates = 0, compiled = 0, rejected = 0, from_database = 0, from_default = 0;
  double time_us = 0, warm_us = 0, peer_us = 0, gflop = 0;
  bool has_limit = false, has_peer = false, has_time = false;
  bool has_warm = false;  ///< warm times that differ from the others
  std::optional<double> limit_mean, ratio_mean;
  double seconds = 0;
};

Report::Report(std::string command, const DeviceInfo& device, std::size_t problems, bool json)
    : command_(std::move(command)),
      device_(device),
      problems_(problems),
      json_(json),
      start_(std::chrono::steady_clock::now()) {}

void Report::add(Record record) {
  if (json_) write_json_line(to_json(record, command_, device_));
  records_.push_back(std::move(record));
}

Report::Totals Report::totals() const {
  Totals t;
  std::vector<std::pair<double, double>> limits, ratios;
  for (const Record& record : records_) {
    const auto count = static_cast<double>(record.problem.count);
    t.passed += record.status == "passed";
    t.measured_only += record.status == "measured";
    t.failed += record.status == "failed";
    t.untrusted += record.status == "untrusted";
    t.unsupported += record.status == "unsupported";
    t.errors += record.status == "error";
    t.candidates += record.measured;
    t.compiled += record.compiled;
    t.rejected += record.rejected;
    t.from_database += record.config_source == "database";
    t.from_default += record.config_source == "default";
    limits.emplace_back(record.fraction_of_limit(), count);
    ratios.emplace_back(record.ratio(), count);
    t.has_peer |= record.peer.has_value();
    t.has_limit |= record.fraction_of_limit() > 0;
    if (!record.timing) continue;
    t.has_time = true;
    t.time_us += count * record.timing->median_us;
    t.warm_us += count * record.timing->warm_us;
    t.has_warm |= record.timing->warm_us > 0 && record.timing->warm_us != record.timing->median_us;
    t.gflop += count * 2e-9 * record.problem.spec.nominal_macs(record.batch);
    if (record.peer) t.peer_us += count * record.peer->us;
  }
  t.limit_mean = geometric_mean(limits);
  t.ratio_mean = geometric_mean(ratios);
  t.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  return t;
}

void Report::print_table(const Totals& t) const {
  using Align = Table::Align;
  const bool verify = command_ == "verify";
  Table table;
  table.column("layer", Align::kLeft, true);
  table.column("count", Align::kRight);
  table.column("config", Align::kLeft, true);
  table.column("from", Align::kLeft);
  if (verify) {
    table.column("max error", Align::kRight);
    table.column("tolerance", Align::kRight);
  } else {
    table.column("us", Align::kRight);
    if (t.has_warm) table.column("warm us", Align::kRight);
    table.column("GFLOP/s", Align::kRight);
    table.column("% of limit", Align::kRight);
  }
  if (t.has_peer) {
    table.column("peer us", Align::kRight);
    table.column("ratio", Align::kRight);
  }
  table.column("verdict", Align::kLeft);
  const auto add = [&](const std::string& name, const std::string& count, const std::string& config,
                       const std::string& from, std::vector<std::string> numbers,
                       const std::string& verdict) {
    std::vector<std::string> cells = {name, count, config, from};
    cells.insert(cells.end(), numbers.begin(), numbers.end());
    cells.push_back(verdict);
    table.row(std::move(cells));
  };
  for (const Record& r : records_) {
    std::vector<std::string> numbers;
    if (verify) {
      numbers = {r.max_error ? fmt::format("{:.2e}", *r.max_error) : "-",
                 r.tolerance ? fmt::format("{:.2e}", *r.tolerance) : "-"};
    } else {
      numbers = {
          r.timing ? significant(r.timing->median_us) : "-",
          r.timing ? significant(r.gflops()) : "-",
          r.fraction_of_limit() > 0 ? fmt::format("{:.1f}", 100 * r.fraction_of_limit()) : "-"};
      if (t.has_warm)
        numbers.insert(numbers.begin() + 1, r.timing ? significant(r.timing->warm_us) : "-");
    }
    if (t.has_peer) {
      numbers.push_back(r.peer ? significant(r.peer->us) : "-");
      numbers.push_back(r.ratio() > 0 ? fmt::format("{:.2f}", r.ratio()) : "-");
    }
    add(label(r.problem), fmt::format("{}", r.problem.count),
        r.config ? short_config(*r.config) : "-", r.config_source.empty() ? "-" : r.config_source,
        std::move(numbers), r.status);
  }
  std::int64_t launches = 0;
  for (const Record& r : records_) launches += r.problem.count;
  if (t.has_time) {
    std::vector<std::string> numbers = {
        significant(t.time_us), significant(t.gflop / t.time_us * 1e6),
        t.limit_mean ? fmt::format("{:.1f}", 100 * *t.limit_mean) : "-"};
    if (t.has_warm) numbers.insert(numbers.begin() + 1, significant(t.warm_us));
    if (t.has_peer) {
      numbers.push_back(significant(t.peer_us));
      numbers.push_back(t.ratio_mean ? fmt::format("{:.2f}", *t.ratio_mean) : "-");
    }
    add("total (means geometric)", fmt::format("{}", launches), "", "", std::move(numbers), "");
  }
  print_line(fmt::format("{} on {}, {}", command_, device_.model, workers_text(device_)));
  std::string text = table.text(terminal_width().value_or(0));
  text.pop_back();
  print_line(text);
}

int Report::finish(bool interrupted) {
  const Totals t = totals();
  if (!records_.empty()) print_table(t);
  for (const Record& record : records_) {
    if (!record.reason.empty())
      print_line(fmt::format("{}: {}: {}", label(record.problem), record.status, record.reason));
  }
  const std::size_t skipped = problems_ - records_.size();
  std::vector<int> codes;
  for (const Record& record : records_) codes.push_back(record.exit_code);
  // A list that was not checked to its end is not fine.
  if (skipped > 0) codes.push_back(static_cast<int>(ErrorCode::kWrongResult));
  const int exit_code = interrupted ? kExitInterrupted : worst_exit_code(codes);

  std::string sentence = fmt::format("{} problem{} in {}:", problems_, problems_ == 1 ? "" : "s",
                                     print_duration(t.seconds));
  const auto part = [&](int count, const char* what) {
    if (count > 0) sentence += fmt::format(" {} {},", count, what);
  };
  part(t.passed, "passed");
  part(t.measured_only, "measured");
  part(t.failed, "failed");
  part(t.untrusted, "untrusted");
  part(t.unsupported, "unsupported");
  part(t.errors, "with errors");
  part(static_cast<int>(skipped),
       interrupted ? "not reached (interrupted)" : "not reached (--budget spent)");
  sentence.pop_back();
  if (command_ == "tune")
    sentence += fmt::format(
        "; {} from the database, {} candidates measured, {} kernels compiled, {} rejected",
        t.from_database, t.candidates, t.compiled, t.rejected);
  print_line(sentence);
  if (command_ == "bench" && t.from_default > 0)
    print_line(
        fmt::format("{} of {} ran with a default configuration: convoke tune with the same words "
                    "finds a better one",
                    t.from_default, problems_));

  if (json_) {
    Json s;
    s["command"] = command_;
    s["target"] = device_.target;
    s["device"] = device_.key;
    s["model"] = device_.model;
    s["driver"] = device_.driver;
    s["compiler"] = device_.compiler;
    s["threads"] = device_.threads;
    s["problems"] = problems_;
    s["passed"] = t.passed;
    s["failed"] = t.failed;
    s["untrusted"] = t.untrusted;
    s["unsupported"] = t.unsupported;
    s["errors"] = t.errors;
    s["skipped"] = skipped;
    s["interrupted"] = interrupted;
    s["seconds"] = t.seconds;
    s["from_database"] = t.from_database;
    s["from_default"] = t.from_default;
    if (command_ == "tune") {
      s["measured"] = t.candidates;
      s["compiled"] = t.compiled;
      s["rejected"] = t.rejected;
    }
    const auto optional = [](const std::optional<double>& v) {
      return v ? Json(*v) : Json(nullptr);
    };
    s["time_us"] = t.has_time ? Json(t.time_us) : Json(nullptr);
    s["warm_us"] = t.has_time && t.warm_us > 0 ? Json(t.warm_us) : Json(nullptr);
    s["geomean_fraction_of_limit"] = optional(t.limit_mean);
    if (t.has_peer) {
      s["peer_us"] = t.peer_us;
      s["geomean_ratio"] = optional(t.ratio_mean);
    }
    s["exit_code"] = exit_code;
    write_json_line({{"summary", s}});
  }
  return exit_code;
}

}  // namespace convoke::cli
