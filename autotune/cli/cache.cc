#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "autotune/cli/commands.h"
#include "autotune/cli/json.h"
#include "autotune/cli/report.h"
#include "autotune/cli/terminal.h"
#include "autotune/tuning_db.h"
#include "runtime/env.h"
#include "runtime/kernel_cache.h"

namespace convoke::cli {
namespace {

using Json = nlohmann::ordered_json;

/// The caches without a device: managing them must work where no target does.
KernelCache open_kernels() {
  return KernelCache(cache_directory(), env_value(EnvVar::kSystemCache));
}

std::string age_text(std::int64_t seconds) {
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  if (seconds < 2 * 86400) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} d", seconds / 86400);
}

/// A text member of the entry's metadata, or "?".
std::string metadata_member(const CacheEntry& entry, const char* name) {
  const Json metadata = Json::parse(entry.metadata, nullptr, false);
  if (!metadata.is_object()) return "?";
  const auto member = metadata.find(name);
  return member != metadata.end() && member->is_string() ? member->get<std::string>() : "?";
}

void summary(const char* command, Json object, int exit_code) {
  object["command"] = command;
  object["exit_code"] = exit_code;
  write_json_line({{"summary", std::move(object)}});
}

std::int64_t total_bytes(const std::vector<CacheEntry>& entries) {
  std::int64_t bytes = 0;
  for (const CacheEntry& entry : entries) bytes += entry.bytes;
  return bytes;
}

Json sample_json(const Sample& sample) {
  return {{"device", sample.device},
          {"driver", sample.driver},
          {"compiler", sample.compiler},
          {"emitter", sample.emitter},
          {"problem", sample.problem},
          {"config", sample.config},
          {"n", sample.n},
          {"median_us", sample.median_us},
          {"spread_us", sample.spread_us},
          {"warm_us", sample.warm_us},
          {"clock_mhz", sample.clock_mhz},
          {"throttle", sample.throttle},
          {"verified", sample.verified},
          {"date", sample.date}};
}

/// @throws nlohmann's exceptions if a member is missing or of another type.
Sample parse_sample(const std::string& text) {
  const Json object = Json::parse(text);
  if (object.value("schema", kJsonSchema) != kJsonSchema)
    throw Error(ErrorCode::kUsage,
                fmt::format("schema {} is not {}", object["schema"].dump(), kJsonSchema));
  const Json& s = object.contains("sample") ? object["sample"] : object;
  Sample sample;
  s.at("device").get_to(sample.device);
  s.at("driver").get_to(sample.driver);
  s.at("compiler").get_to(sample.compiler);
  s.at("emitter").get_to(sample.emitter);
  s.at("problem").get_to(sample.problem);
  s.at("config").get_to(sample.config);
  s.at("n").get_to(sample.n);
  s.at("median_us").get_to(sample.median_us);
  s.at("spread_us").get_to(sample.spread_us);
  // Absent where an earlier version exported.
  sample.warm_us = s.value("warm_us", 0.0);
  sample.clock_mhz = s.value("clock_mhz", 0);
  sample.throttle = s.value("throttle", "");
  s.at("verified").get_to(sample.verified);
  s.at("date").get_to(sample.date);
  const bool was_wrong = sample.n == 0 && sample.median_us == 0 && !sample.verified;
  if (!was_wrong && (!(sample.median_us > 0) || sample.n < 1))
    throw Error(ErrorCode::kUsage, fmt::format("median_us {} over n {} is no measurement",
                                               sample.median_us, sample.n));
  // A winner that does not parse would be ignored for ever; better said now.
  parse_problem(sample.problem);
  parse_config(sample.config);
  return sample;
}

std::vector<Sample> read_samples(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Error(ErrorCode::kUsage, fmt::format("cannot read '{}'", path));
  std::vector<Sample> samples;
  std::string text;
  for (int line = 1; std::getline(file, text); ++line) {
    if (text.find_first_not_of(" \t\r") == std::string::npos ||
        text.find("\"summary\"") != std::string::npos)
      continue;
    try {
      samples.push_back(parse_sample(text));
    } catch (const Error& error) {
      throw Error(ErrorCode::kUsage, fmt::format("{}:{}: {}", path, line, error.what()));
    } catch (const Json::exception& error) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{}:{}: not a sample: {}", path, line, error.what()));
    }
  }
  return samples;
}

/// Adds and reports; the database must be usable, or the command would claim what it did not do.
int add_samples(const char* command, const CommandLine& line, const std::vector<Sample>& samples) {
  TuningDb& db = tuning_db();
  if (!db.problem_with_file().empty())
    throw Error(ErrorCode::kCache,
                fmt::format("the tuning database cannot take samples: {}", db.problem_with_file()));
  const std::size_t before = db.all().size();
  db.add(samples);
  const std::size_t after = db.all().size();
  if (line.selectors.json) {
    summary(command, {{"read", samples.size()}, {"added", after - before}, {"samples", after}}, 0);
  } else {
    write_stdout(fmt::format("{} samples read from {}, {} of them new; {} now in {}\n",
                             samples.size(), line.file, after - before, after, db.path()));
  }
  return 0;
}

}  // namespace

int run_cache_ls(const CommandLine& line) {
  const KernelCache kernels = open_kernels();
  const std::vector<CacheEntry> entries = kernels.list();
  if (line.selectors.json) {
    for (const CacheEntry& entry : entries)
      write_json_line({{"command", "cache ls"},
                       {"key", entry.key},
                       {"bytes", entry.bytes},
                       {"age_seconds", entry.age_seconds},
                       {"status", entry.intact ? "intact" : "broken"},
                       {"problem", metadata_member(entry, "spec")},
                       {"config", metadata_member(entry, "config")}});
    summary("cache ls",
            {{"directory", kernels.directory()},
             {"kernels", entries.size()},
             {"bytes", total_bytes(entries)}},
            0);
    return 0;
  }
  Table table;
  table.column("key", Table::Align::kLeft);
  table.column("bytes", Table::Align::kRight);
  table.column("age", Table::Align::kRight);
  table.column("state", Table::Align::kLeft);
  table.column("config", Table::Align::kLeft);
  table.column("problem", Table::Align::kLeft);
  for (const CacheEntry& entry : entries)
    table.row({entry.key.substr(0, 16), fmt::format("{}", entry.bytes), age_text(entry.age_seconds),
               entry.intact ? "intact" : "broken", metadata_member(entry, "config"),
               metadata_member(entry, "spec")});
  if (!entries.empty()) write_stdout(table.text());
  write_stdout(fmt::format("{} kernels, {} in {}\n", entries.size(),
                           print_bytes(static_cast<double>(total_bytes(entries))),
                           kernels.directory()));
  return 0;
}

int run_cache_stats(const CommandLine& line) {
  const KernelCache kernels = open_kernels();
  const std::vector<CacheEntry> entries = kernels.list();
  const TuningDb& db = tuning_db();
  const std::vector<Sample> samples = db.all();
  std::size_t broken = 0, verified = 0;
  for (const CacheEntry& entry : entries) broken += !entry.intact;
  for (const Sample& sample : samples) verified += sample.verified;
  const Json problem =
      db.problem_with_file().empty() ? Json(nullptr) : Json(db.problem_with_file());
  if (line.selectors.json) {
    summary("cache stats",
            {{"directory", kernels.directory()},
             {"kernels", entries.size()},
             {"broken", broken},
             {"bytes", total_bytes(entries)},
             {"database", db.path()},
             {"samples", samples.size()},
             {"verified", verified},
             {"reason", problem}},
            0);
    return 0;
  }
  write_stdout(fmt::format("kernels   {} ({} broken), {} in {}\n", entries.size(), broken,
                           print_bytes(static_cast<double>(total_bytes(entries))),
                           kernels.directory()));
  write_stdout(
      fmt::format("samples   {} ({} verified) in {}\n", samples.size(), verified, db.path()));
  if (!problem.is_null()) write_stdout(fmt::format("database  {}\n", db.problem_with_file()));
  return 0;
}

int run_cache_verify(const CommandLine& line) {
  const KernelCache kernels = open_kernels();
  const std::vector<CacheEntry> entries = kernels.list();
  std::vector<std::string> broken;
  for (const CacheEntry& entry : entries) {
    if (!entry.intact) broken.push_back(entry.key);
  }
  const TuningDb& db = tuning_db();
  const std::string integrity = db.integrity();
  const std::string trouble = !integrity.empty() ? integrity : db.problem_with_file();
  const int exit_code = broken.empty() && trouble.empty() ? 0 : static_cast<int>(ErrorCode::kCache);
  if (line.selectors.json) {
    summary("cache verify",
            {{"kernels", entries.size()},
             {"broken", broken},
             {"database", db.path()},
             {"reason", trouble.empty() ? Json(nullptr) : Json(trouble)}},
            exit_code);
    return exit_code;
  }
  for (const std::string& key : broken) write_stdout(fmt::format("broken kernel {}\n", key));
  if (!trouble.empty()) write_stdout(fmt::format("tuning database {}: {}\n", db.path(), trouble));
  write_stdout(fmt::format("{} kernels checked, {} broken; tuning database {}\n", entries.size(),
                           broken.size(), trouble.empty() ? "fine" : "not fine"));
  if (exit_code != 0)
    write_stdout("broken entries are never used; `convoke cache clear` removes everything\n");
  return exit_code;
}

int run_cache_clear(const CommandLine& line) {
  KernelCache kernels = open_kernels();
  const std::int64_t removed_kernels = kernels.clear();
  const std::int64_t removed_samples = tuning_db().clear();
  if (line.selectors.json) {
    summary("cache clear", {{"kernels", removed_kernels}, {"samples", removed_samples}}, 0);
  } else {
    write_stdout(fmt::format("removed {} kernels from {} and {} samples from {}\n", removed_kernels,
                             kernels.directory(), removed_samples, tuning_db().path()));
  }
  return 0;
}

int run_cache_export(const CommandLine& line) {
  std::string text;
  for (const Sample& sample : tuning_db().all()) {
    Json object = {{"schema", kJsonSchema}};
    object["sample"] = sample_json(sample);
    text += object.dump() + "\n";
  }
  write_output(line.output, text);
  return 0;
}

int run_cache_import(const CommandLine& line) {
  return add_samples("cache import", line, read_samples(line.file));
}

int run_cache_merge(const CommandLine& line) {
  // TuningDb creates what is missing and sets aside what is broken: neither is meant for a file
  // that somebody names.
  std::ifstream file(line.file, std::ios::binary);
  std::string head(15, '\0');
  if (!file || !file.read(head.data(), static_cast<std::streamsize>(head.size())) ||
      head != "SQLite format 3")
    throw Error(
        ErrorCode::kUsage,
        fmt::format("'{}' is not a tuning database (cache import reads JSON lines)", line.file));
  file.close();
  if (const std::vector<Sample> old = read_first_schema(line.file); !old.empty())
    return add_samples("cache merge", line, old);
  const TuningDb other(line.file);
  if (!other.problem_with_file().empty())
    throw Error(ErrorCode::kCache, fmt::format("'{}': {}", line.file, other.problem_with_file()));
  return add_samples("cache merge", line, other.all());
}

}  // namespace convoke::cli
