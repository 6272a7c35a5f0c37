// The command line with the CPU target behind it: documented keys, what goes to which stream,
// caches between two runs, Ctrl-C, exit codes over a list.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/subprocess.h"

namespace convoke {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using Environment = std::vector<std::pair<std::string, std::string>>;

std::string scratch(const std::string& name) {
  const std::string directory =
      std::string(CONVOKE_BINARY_DIR) + "/test_cache/cli_cpu_test_" + name;
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  return directory;
}

std::vector<std::string> command(std::vector<std::string> words) {
  words.insert(words.begin(), CONVOKE_BINARY_DIR "/bin/convoke");
  return words;
}

Finished convoke(const std::vector<std::string>& words, const Environment& environment) {
  return Subprocess(command(words), environment).wait();
}

/// Every line of stdout must be an object with the schema; the last holds the summary and no other
/// does.
std::vector<json> parse_lines(const std::string& out) {
  std::vector<json> objects;
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) {
    objects.push_back(json::parse(line));
    EXPECT_EQ(objects.back().at("schema"), 1);
  }
  for (std::size_t i = 0; i < objects.size(); ++i)
    EXPECT_EQ(objects[i].contains("summary"), i + 1 == objects.size());
  return objects;
}

const std::vector<std::string> kKeys = {
    "problem", "pass",   "dtype",     "target", "status",
    "time_us", "config", "spread_us", "gflops", "fraction_of_limit",
    "reason",  "count",  "max_error", "name",   "tolerance"};

TEST(CliCpu, VerifyWritesTheDocumentedKeysToStdoutAndTheTableToStderr) {
  const Environment cache = {{"CONVOKE_CACHE_DIR", scratch("verify")}};
  const Finished run = convoke(
      {"verify", "mb2ic3ih8oc4kh3ph1nfirst*4", "mb1ic5ih7oc6kh3", "dtype=bf16", "--json"}, cache);
  ASSERT_EQ(run.code, 0) << run.err;
  const std::vector<json> objects = parse_lines(run.out);
  ASSERT_EQ(objects.size(), 3u);
  for (int i = 0; i < 2; ++i) {
    for (const std::string& key : kKeys) EXPECT_TRUE(objects[i].contains(key)) << key;
    EXPECT_EQ(objects[i]["status"], "passed");
    EXPECT_LE(objects[i]["max_error"].get<double>(), objects[i]["tolerance"].get<double>());
  }
  EXPECT_EQ(objects[0]["name"], "first");
  EXPECT_EQ(objects[0]["count"], 4);
  EXPECT_EQ(objects[1]["dtype"], "bf16");
  EXPECT_EQ(objects[2]["summary"]["passed"], 2);
  EXPECT_THAT(run.err, HasSubstr("tolerance"));
  EXPECT_THAT(run.err, HasSubstr("first "));
  EXPECT_THAT(run.err, testing::Not(HasSubstr("\033"))) << "no terminal, no control sequences";

  EXPECT_EQ(convoke({"verify", "mb1ic3ih5oc4kh3"}, cache).out, "")
      << "without --json, stdout stays empty";
}

TEST(CliCpu, SparsityOfEveryKindIsVerifiedMeasuredAndExplained) {
  const Environment cache = {{"CONVOKE_CACHE_DIR", scratch("sparsity")}};
  const std::string problem = "mb1ic16ih6oc32kh3ph1";
  for (const char* kind : {"channel:0.5", "input:0.5@4", "block:0.5@8x8", "unstructured:0.25",
                           "nm:2:4", "channel:0.5:bound", "unstructured:0.25:bound"}) {
    const Finished run = convoke({"verify", problem, "--sparsity", kind, "--json"}, cache);
    EXPECT_EQ(run.code, 0) << kind << run.err;
    const std::vector<json> objects = parse_lines(run.out);
    ASSERT_EQ(objects.size(), 2u);
    EXPECT_EQ(objects[0]["status"], "passed");
    const bool bound = std::string(kind).find(":bound") != std::string::npos;
    EXPECT_EQ(objects[0]["pattern"].is_null(), bound) << kind;

    const Finished explained = convoke({"explain", problem, "--sparsity", kind, "--json"}, cache);
    EXPECT_EQ(explained.code, 0) << kind << explained.err;
    const json sparsity = parse_lines(explained.out)[0]["sparsity"];
    EXPECT_GT(sparsity["bytes_us"].get<double>(), 0);
    EXPECT_LE(sparsity["kept"].get<int>(), sparsity["units"].get<int>());
    EXPECT_FALSE(sparsity["best_sparse"].is_null()) << kind;
    EXPECT_NE(sparsity["best_masked"]["config"].get<std::string>().find("masked=1"),
              std::string::npos);
    EXPECT_EQ(sparsity["predicted"].size(), kind == std::string("nm:2:4") ? 1u : 20u) << kind;
    EXPECT_TRUE(sparsity["pays_from_measured"].is_null());
  }
  for (const char* kind : {"channel:0.25", "block:0.25@8x8:bound"}) {
    const Finished bench =
        convoke({"bench", problem, "--sparsity", kind, "--budget", "0.1", "--json"}, cache);
    EXPECT_EQ(bench.code, 0) << bench.err;
    EXPECT_GT(parse_lines(bench.out)[0]["time_us"].get<double>(), 0);
    EXPECT_GT(parse_lines(bench.out)[0]["bytes_us"].get<double>(), 0);
  }
}

TEST(CliCpu, TuningASparseProblemServesEveryPatternOfItsSignature) {
  const Environment cache = {{"CONVOKE_CACHE_DIR", scratch("sparse_tune")}};
  const std::string problem = "mb1ic16ih6oc32kh3ph1";
  const auto tune = [&](const char* sparsity, const char* seed) {
    const Finished run = convoke({"tune", problem, "--sparsity", sparsity, "--seed", seed,
                                  "--budget", "4", "--candidates", "all", "--json"},
                                 cache);
    EXPECT_EQ(run.code, 0) << run.err;
    return parse_lines(run.out)[0];
  };
  const json first = tune("channel:0.25", "1");
  EXPECT_EQ(first["config_source"], "measured");
  const json second = tune("channel:0.25", "2");
  EXPECT_EQ(second["config_source"], "database");
  EXPECT_EQ(second["config"], first["config"]);
  EXPECT_NE(second["pattern"], first["pattern"]);
  tune("none", "1");
  const Finished run = convoke({"explain", problem, "--sparsity", "channel:0.25", "--json"}, cache);
  const json measured = parse_lines(run.out)[0]["sparsity"]["measured"];
  ASSERT_EQ(measured.size(), 1u) << run.err;
  EXPECT_EQ(measured[0]["keep"], 0.25);
  EXPECT_GT(measured[0]["sparse_us"].get<double>(), 0);
  EXPECT_GT(measured[0]["dense_us"].get<double>(), 0);
}

TEST(CliCpu, UnsupportedProblemsAreNamedAndGiveThree) {
  const Environment cache = {{"CONVOKE_CACHE_DIR", scratch("unsupported")}};
  const Finished run =
      convoke({"verify", "mb1ic4ih5oc4kh3", "--pass", "fprop,wgrad", "--json"}, cache);
  EXPECT_EQ(run.code, 3) << run.err;
  const std::vector<json> objects = parse_lines(run.out);
  ASSERT_EQ(objects.size(), 3u);
  EXPECT_EQ(objects[0]["status"], "passed");
  EXPECT_EQ(objects[1]["status"], "unsupported");
  EXPECT_THAT(objects[1]["reason"].get<std::string>(), HasSubstr("wgrad"));
}

TEST(CliCpu, AConfigThatCannotRunTheProblemIsUsage) {
  const Environment cache = {{"CONVOKE_CACHE_DIR", scratch("config")}};
  // A usage error goes before the good result beside it.
  for (const char* command : {"verify", "tune", "bench"}) {
    const Finished run = convoke({command, "mb1ic64ih5oc8kh3", "g8mb1ic8ih5oc8kh3", "--config",
                                  "depthwise,mr=1,nv=1,rows=1", "--budget", "2", "--json"},
                                 cache);
    EXPECT_EQ(run.code, 2) << command << run.err;
    const std::vector<json> objects = parse_lines(run.out);
    ASSERT_EQ(objects.size(), 3u) << command;
    EXPECT_EQ(objects[0]["status"], "error") << command;
    EXPECT_THAT(objects[0]["reason"].get<std::string>(), HasSubstr("--config: ")) << command;
    EXPECT_NE(objects[1]["status"], "error") << command << objects[1];
  }
}

TEST(CliCpu, TheSecondTuneAnswersFromTheCaches) {
  const Environment cache = {{"CONVOKE_CACHE_DIR", scratch("tune")}};
  const std::vector<std::string> words = {
      "tune",  "mb2ic8ih8oc8kh3ph1", "mb2ic3ih9oc5kh3", "--budget", "4", "--candidates", "3",
      "--json"};
  const Finished first = convoke(words, cache);
  ASSERT_EQ(first.code, 0) << first.err;
  const std::vector<json> before = parse_lines(first.out);
  ASSERT_EQ(before.size(), 3u);
  for (int i = 0; i < 2; ++i) {
    for (const std::string& key : kKeys) EXPECT_TRUE(before[i].contains(key)) << key;
    EXPECT_EQ(before[i]["status"], "passed");
    EXPECT_EQ(before[i]["config_source"], "measured");
    EXPECT_GT(before[i]["measured"].get<int>(), 0);
    EXPECT_GT(before[i]["time_us"].get<double>(), 0);
    EXPECT_GT(before[i]["gflops"].get<double>(), 0);
  }
  const Finished second = convoke(words, cache);
  ASSERT_EQ(second.code, 0) << second.err;
  const std::vector<json> after = parse_lines(second.out);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(after[i]["config_source"], "database");
    EXPECT_EQ(after[i]["config"], before[i]["config"]);
    EXPECT_EQ(after[i]["measured"], 0);
    EXPECT_EQ(after[i]["compiled"], 0);
  }
  EXPECT_EQ(after[2]["summary"]["from_database"], 2);

  // The winner is what bench and explain then use.
  const std::vector<json> bench = parse_lines(
      convoke({"bench", "mb2ic8ih8oc8kh3ph1", "--budget", "0.05", "--json"}, cache).out);
  EXPECT_EQ(bench[0]["config_source"], "database");
  EXPECT_EQ(bench[0]["config"], before[0]["config"]);
  const std::vector<json> explained =
      parse_lines(convoke({"explain", "mb2ic8ih8oc8kh3ph1", "--json"}, cache).out);
  EXPECT_EQ(explained[0]["config_source"], "database");
  EXPECT_FALSE(explained[0]["config_date"].is_null());
}

TEST(CliCpu, CtrlCKeepsWhatWasMeasured) {
  const Environment cache = {{"CONVOKE_CACHE_DIR", scratch("interrupt")}};
  std::vector<std::string> words = {"tune", "--budget", "100", "--json"};
  for (int channels = 1; channels <= 60; ++channels)
    words.push_back("mb4ic" + std::to_string(channels) + "ih28oc64kh3ph1");
  Subprocess run(command(words), cache);
  while (run.err_so_far().find("tune 2/60") == std::string::npos)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_NE(run.out_so_far().find("\"passed\""), std::string::npos)
      << "results are written when they exist";
  run.send(SIGINT);
  const auto sent = std::chrono::steady_clock::now();
  const Finished finished = run.wait();
  EXPECT_LT(std::chrono::steady_clock::now() - sent, std::chrono::seconds(20));
  EXPECT_EQ(finished.code, 130) << finished.err;
  const std::vector<json> objects = parse_lines(finished.out);
  ASSERT_GE(objects.size(), 2u);
  const json& summary = objects.back()["summary"];
  EXPECT_TRUE(summary["interrupted"].get<bool>());
  EXPECT_GE(summary["passed"].get<int>(), 1);
  EXPECT_GT(summary["skipped"].get<int>(), 0);
  EXPECT_THAT(finished.err, HasSubstr("not reached (interrupted)"));
  EXPECT_THAT(finished.err, HasSubstr("GFLOP/s")) << "the table";
  const Finished stats = convoke({"cache", "stats", "--json"}, cache);
  EXPECT_GE(json::parse(stats.out)["summary"]["samples"].get<int>(), 1);
}

TEST(CliCpu, TheSecondSignalKills) {
  const Environment cache = {{"CONVOKE_CACHE_DIR", scratch("kill")}};
  Subprocess run(command({"verify", "mb64ic256ih56oc256kh3ph1"}), cache);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  run.send(SIGINT);
  while (run.err_so_far().find("once more kills") == std::string::npos)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  run.send(SIGINT);
  EXPECT_EQ(run.wait().signal, SIGINT);
}

TEST(CliCpu, EmitWritesTextOrAFileOrSaysWhyNot) {
  const std::string directory = scratch("emit");
  const Environment cache = {{"CONVOKE_CACHE_DIR", directory}};
  EXPECT_THAT(convoke({"emit", "mb1ic3ih8oc4kh3"}, cache).out,
              HasSubstr("define void @convoke_kernel"));
  const Finished assembly =
      convoke({"emit", "mb1ic3ih8oc4kh3", "--format", "asm", "-o", directory + "/k.s"}, cache);
  EXPECT_EQ(assembly.code, 0) << assembly.err;
  EXPECT_EQ(assembly.out, "");
  std::ifstream file(directory + "/k.s");
  EXPECT_THAT(std::string(std::istreambuf_iterator<char>(file), {}), HasSubstr("convoke_kernel:"));
  const Finished nowhere =
      convoke({"emit", "mb1ic3ih8oc4kh3", "-o", directory + "/no/such/k.ll"}, cache);
  EXPECT_EQ(nowhere.code, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("No such file or directory"));
}

TEST(CliCpu, VerifyThatDoesNotReachAllIsNotFine) {
  const Environment cache = {{"CONVOKE_CACHE_DIR", scratch("budget")}};
  const Finished run = convoke({"verify", "mb1ic3ih8oc4kh3", "--budget", "0", "--json"}, cache);
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(parse_lines(run.out).back()["summary"]["skipped"], 1);
}

TEST(CliCpu, WorkspaceLimitIsKept) {
  const Environment cache = {{"CONVOKE_CACHE_DIR", scratch("workspace")}};
  const Finished run =
      convoke({"verify", "mb1ic64ih8oc64kh3", "--workspace-limit", "0", "--json"}, cache);
  const json object = parse_lines(run.out).front();
  EXPECT_TRUE(object["status"] == "passed" || object["status"] == "unsupported") << object;
  if (object["status"] == "unsupported") {
    EXPECT_THAT(object["reason"].get<std::string>(), HasSubstr("--workspace-limit is 0"));
  }
}

TEST(CliCpu, ABrokenKernelIsReportedAndNotUsed) {
  const std::string directory = scratch("broken");
  const Environment cache = {{"CONVOKE_CACHE_DIR", directory}};
  ASSERT_EQ(convoke({"verify", "mb1ic3ih8oc4kh3"}, cache).code, 0);
  int damaged = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file() || entry.file_size() < 1000 ||
        entry.path().string().find("tuning") != std::string::npos)
      continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(500);
    file.put('\x55').put('\x2a');
    ++damaged;
  }
  ASSERT_EQ(damaged, 1);
  const Finished check = convoke({"cache", "verify", "--json"}, cache);
  EXPECT_EQ(check.code, 5) << check.out;
  EXPECT_EQ(json::parse(check.out)["summary"]["broken"].size(), 1u);
  EXPECT_EQ(convoke({"verify", "mb1ic3ih8oc4kh3"}, cache).code, 0);
  EXPECT_EQ(convoke({"cache", "verify"}, cache).code, 0) << "written anew";
}

}  // namespace
}  // namespace convoke
