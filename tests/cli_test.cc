// The command line where no kernel is needed: what it refuses, with which sentence and which exit
// status, and what it does when its output cannot be written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "compiler/spec_text.h"
#include "convoke/sparsity_pattern.h"
#include "tests/subprocess.h"

namespace convoke {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using Environment = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kProblem = "mb1ic3ih8oc4kh3";

std::string scratch(const std::string& name) {
  const std::string directory = std::string(CONVOKE_BINARY_DIR) + "/test_cache/cli_test_" + name;
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  return directory;
}

Finished convoke(std::vector<std::string> words, Environment environment = {},
                 const std::string& out = "") {
  words.insert(words.begin(), CONVOKE_BINARY_DIR "/bin/convoke");
  return Subprocess(words, environment, out).wait();
}

void write_file(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

struct Refusal {
  std::vector<std::string> words;
  int code;
  const char* sentence;
};

TEST(Cli, RefusesBadInputWithOneSentenceAndItsCode) {
  const std::vector<Refusal> refusals = {
      {{}, 2, "convoke needs a command: tune, bench"},
      {{"tunne"}, 2, "'tunne' is not a command; did you mean tune?"},
      {{"xyzzyx"}, 2, "'xyzzyx' is not a command"},
      {{"cache"}, 2, "cache needs a command: ls"},
      {{"cache", "lss"}, 2, "did you mean ls?"},
      {{"tune", kProblem, "--bugdet", "3"},
       2,
       "tune has no option '--bugdet'; did you mean --budget?"},
      {{"verify", "conv", "-n", "1"}, 2, "quote a MIOpenDriver line"},
      {{"verify"}, 2, "no problem given"},
      {{"verify", "dtype=f16"}, 2, "comes before any descriptor"},
      {{"verify", "mb1ic3"}, 2, "problem 'mb1ic3'"},
      {{"verify", "mb1ic3ih4oc4kh9"}, 2, "no output"},
      {{"verify", "mb0ic3ih8oc4kh3"}, 2, "mb0"},
      {{"verify", "mb1ic-3ih8oc4kh3"}, 2, "ic"},
      {{"verify", "mb1ic99999999999999999999ih8oc4kh3"}, 2, "99999999999999999999"},
      {{"verify", "g2mb1ic3ih8oc4kh3"}, 2, "2"},
      {{"verify", kProblem, "dtype=f31"}, 2, "f31"},
      {{"verify", kProblem, "--dtype", "f31"}, 2, "--dtype: unknown type"},
      {{"verify", kProblem, "--layout", "chwn"}, 2, "--layout"},
      {{"verify", kProblem, "--pass", "fprop,bprop"}, 2, "--pass: unknown pass"},
      {{"verify", kProblem, "--pass", "fprop,fprop"}, 2, "named twice"},
      {{"verify", kProblem, "--epilogue", "relu(acc +)"}, 2, "epilogue column 11"},
      {{"verify", kProblem, "--sparsity", "channel:7"}, 2, "sparsity"},
      {{"verify", kProblem, "--sparsity", "chanel:0.5"}, 2, "unknown sparsity \"chanel:0.5\""},
      {{"verify", kProblem, "--sparsity", "block:0.5@2x2"}, 2, "a number from 4 to 128"},
      {{"verify", kProblem, "--batch", "0"}, 2, "--batch: 0 is outside 1 to 2147483647"},
      {{"verify", kProblem, "--batch", "many"}, 2, "--batch: 'many' is not an integer"},
      {{"verify", kProblem, "--batch", "99999999999999999999"}, 2, "is outside"},
      {{"verify", kProblem, "--config", "gemm,mr=99999"}, 2, "--config: "},
      {{"verify", kProblem, "--config", "colour=red"}, 2, "colour=red"},
      {{"verify", kProblem, "--budget", "-1"}, 2, "--budget: -1 is outside"},
      {{"verify", kProblem, "--budget", "nan"}, 2, "--budget: nan is outside"},
      {{"verify", kProblem, "--workspace-limit", "-1"}, 2, "--workspace-limit: -1 is outside"},
      {{"verify", kProblem, "--seed", "1.5"}, 2, "--seed: '1.5' is not an integer"},
      {{"verify", kProblem, "--target", "tpu"}, 2, "--target: 'tpu' is not a target"},
      {{"verify", kProblem, "--target", "cuda:x"}, 2, "--target cuda:N: 'x' is not an integer"},
      {{"verify", kProblem, "--target", "cuda:1024"}, 2, "1024 is outside 0 to 1023"},
      {{"verify", "--problems", "/nonexistent/list.txt"}, 2, "/nonexistent/list.txt"},
      {{"bench", kProblem, "--peer", "nosuch"}, 4, "libconvoke_peer_nosuch.so"},
      {{"emit", kProblem, kProblem}, 2, "emit writes one kernel, 2 problems"},
      {{"emit", kProblem, "--format", "wasm"}, 2, "--format: 'wasm' is not a format"},
      {{"emit", kProblem, "--format", "sass", "--target", "cpu"}, 3, "source, ll and asm only"},
      {{"emit", kProblem, "--arch", "sm_42"}, 2, "--arch: unknown architecture 'sm_42'"},
      {{"emit", kProblem, "--arch", "sm_80,sm_90a"}, 2, "one --arch, not 2"},
      {{"emit", kProblem, "--arch", "sm_80", "--target", "cpu"}, 2, "not with --target cpu"},
      {{"emit", kProblem, "--arch", "sm_80", "--format", "ll"}, 3, "source, ptx, cubin and sass"},
      {{"compile", kProblem, "--arch", "sm_80"}, 2, "-o: name the folder"},
      {{"compile", kProblem, "--target", "cpu", "-o", "/tmp/x"}, 2, "compile builds for GPUs"},
      {{"compile", kProblem, "--arch", "sm_80", "--arch", "sm_80", "-o", "x"}, 2, "named twice"},
      {{"compile", kProblem, "--arch", "sm_80", "-o", "x", "-j", "0"}, 2, "--jobs: 0 is outside"},
      {{"cache", "import", "/nonexistent"}, 2, "/nonexistent"},
      {{"cache", "merge", CONVOKE_SOURCE_DIR "/LICENSE"}, 2, "is not a tuning database"},
  };
  for (const Refusal& refusal : refusals) {
    const Finished run = convoke(refusal.words);
    const std::string command = testing::PrintToString(refusal.words);
    EXPECT_EQ(run.code, refusal.code) << command << run.err;
    EXPECT_THAT(run.err, HasSubstr(refusal.sentence)) << command;
    EXPECT_THAT(run.err, testing::StartsWith("convoke: error: ")) << command;
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << command << run.err;
    EXPECT_EQ(run.out, "") << command;
  }
}

TEST(Cli, TakesAPatternThatFitsTheProblem) {
  const std::string file = scratch("pattern") + "/pattern.txt";
  const std::string problem = "mb1ic4ih8oc4kh3";
  SparsityPattern::from_units(parse_problem(problem + " sparsity=channel:0.5").spec, {1, 2})
      ->save(file);
  const auto refuses = [&](std::vector<std::string> words, const std::string& sentence) {
    words.insert(words.begin(), {"verify", "--pattern", file});
    const Finished run = convoke(words);
    EXPECT_EQ(run.code, 2) << run.err;
    EXPECT_THAT(run.err, HasSubstr(sentence));
  };
  refuses({problem, problem},
          "--pattern: g1ic4oc4kh3kw3 channel:0.5 is one problem's, 2 are given");
  refuses({problem, "--pass", "fprop,dgrad"}, "2 are given");
  refuses({"mb1ic4ih8oc8kh3"}, "--pattern: ");
  refuses({problem, "--sparsity", "input:0.5"}, "--pattern: ");
  refuses({problem, "--sparsity", "channel:0.5:bound"}, "--pattern: ");
  write_file(file, "convoke-sparsity 1\n");
  refuses({problem}, "--pattern: ");
  std::filesystem::remove(file);
  refuses({problem}, file);
}

TEST(Cli, NamesFileAndLineOfABadProblem) {
  const std::string list = scratch("list") + "/list.txt";
  write_file(list,
             "# two good ones, then a bad one\nmb1ic3ih8oc4kh3\n\nmb1ic3ih8oc4kh0 # no filter\n");
  const Finished run = convoke({"verify", "--problems", list});
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.err, HasSubstr(list + ":4: "));
  write_file(list, "# nothing\n");
  EXPECT_EQ(convoke({"verify", "--problems", list}).code, 2);
}

TEST(Cli, SaysTheRefusalInJsonToo) {
  const Finished run = convoke({"verify", kProblem, "--batch", "0", "--json"});
  EXPECT_EQ(run.code, 2);
  const json object = json::parse(run.out);
  EXPECT_EQ(object.at("schema"), 1);
  EXPECT_EQ(object.at("summary").at("exit_code"), 2);
  EXPECT_THAT(object.at("summary").at("reason").get<std::string>(), HasSubstr("--batch"));
}

TEST(Cli, HelpOfEveryCommandHasExamples) {
  for (const char* command : {"tune", "bench", "verify", "emit", "explain", "compile", "doctor"}) {
    const Finished run = convoke({command, "--help"});
    EXPECT_EQ(run.code, 0) << command;
    EXPECT_THAT(run.out, HasSubstr(std::string("  convoke ") + command)) << command;
    EXPECT_THAT(run.out, HasSubstr("--json")) << command;
    EXPECT_THAT(run.out, HasSubstr("Exit status")) << command;
    EXPECT_EQ(run.err, "") << command;
  }
  EXPECT_THAT(convoke({"--version"}).out, testing::MatchesRegex("convoke [0-9.]+\n"));
}

TEST(Cli, FailsWhenStdoutCannotBeWritten) {
  const Environment cache = {{"CONVOKE_CACHE_DIR", scratch("stdout")}};
  const Finished full = convoke({"cache", "stats"}, cache, "/dev/full");
  EXPECT_EQ(full.code, 4);
  EXPECT_THAT(full.err, HasSubstr("cannot write to standard output"));
  // A closed stdout must not be replaced by the next file that is opened, the database for one.
  const Finished closed = convoke({"cache", "stats"}, cache, "closed");
  EXPECT_EQ(closed.code, 4);
  EXPECT_THAT(closed.err, HasSubstr("cannot write to standard output"));
  EXPECT_EQ(convoke({"cache", "verify"}, cache).code, 0);
}

TEST(Cli, EndsQuietlyWhenTheReaderHasGone) {
  const Environment cache = {{"CONVOKE_CACHE_DIR", scratch("pipe")}};
  const Finished run = convoke({"cache", "stats"}, cache, "broken pipe");
  EXPECT_EQ(run.code, 141);
  EXPECT_EQ(run.err, "");
}

TEST(Cli, CacheCommandsOnAnEmptyCache) {
  const Environment cache = {{"CONVOKE_CACHE_DIR", scratch("empty")}};
  for (const char* command : {"ls", "stats", "verify", "clear"}) {
    const Finished run = convoke({"cache", command, "--json"}, cache);
    EXPECT_EQ(run.code, 0) << command << run.err;
    const json object = json::parse(run.out);
    EXPECT_EQ(object.at("schema"), 1);
    EXPECT_EQ(object.at("summary").at("exit_code"), 0);
  }
}

TEST(Cli, ExportedSamplesComeBackOnce) {
  const std::string directory = scratch("samples");
  const std::string samples = directory + "/samples.jsonl";
  const json sample = {{"device", "d"},
                       {"driver", "r"},
                       {"compiler", "c"},
                       {"emitter", "e"},
                       {"problem", kProblem},
                       {"config", "cpu:direct"},
                       {"n", 10},
                       {"median_us", 2.5},
                       {"spread_us", 0.5},
                       {"warm_us", 2.0},
                       {"clock_mhz", 1980},
                       {"throttle", "power"},
                       {"verified", true},
                       {"date", "2024-01-01T00:00:00Z"}};
  write_file(samples, json({{"schema", 1}, {"sample", sample}}).dump() + "\n");
  const Environment first = {{"CONVOKE_CACHE_DIR", directory + "/a"}},
                    second = {{"CONVOKE_CACHE_DIR", directory + "/b"}};
  for (const int added : {1, 0}) {
    const Finished run = convoke({"cache", "import", samples, "--json"}, first);
    ASSERT_EQ(run.code, 0) << run.err;
    EXPECT_EQ(json::parse(run.out)["summary"]["added"], added);
  }
  const Finished exported = convoke({"cache", "export"}, first);
  EXPECT_EQ(json::parse(exported.out).at("sample"), sample);

  const std::string path =
      json::parse(convoke({"cache", "stats", "--json"}, first).out)["summary"]["database"];
  const Finished merged = convoke({"cache", "merge", path, "--json"}, second);
  ASSERT_EQ(merged.code, 0) << merged.err;
  EXPECT_EQ(json::parse(merged.out)["summary"]["added"], 1);

  write_file(samples, "{\"schema\":1,\"sample\":{}}\n");
  const Finished bad = convoke({"cache", "import", samples}, first);
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.err, HasSubstr(samples + ":1: "));
}

TEST(Cli, DoctorNamesUnknownVariables) {
  const Finished run = convoke({"doctor", "--json"}, {{"CONVOKE_CACHE_DIR", scratch("doctor")},
                                                      {"CONVOKE_NUM_THREAD", "3"}});
  std::istringstream lines(run.out);
  std::string line;
  bool named = false, summary = false;
  while (std::getline(lines, line)) {
    const json object = json::parse(line);
    EXPECT_EQ(object.at("schema"), 1);
    summary = object.contains("summary");
    if (!summary && object.at("topic") == "CONVOKE_NUM_THREAD")
      named = object.at("todo").get<std::string>().find("CONVOKE_NUM_THREADS") != std::string::npos;
  }
  EXPECT_TRUE(named);
  EXPECT_TRUE(summary) << "the last object is the summary";
}

TEST(Cli, SaysThatThereIsNoDriver) {
  const Environment none = {{"CONVOKE_CUDA_DRIVER", "/nonexistent/libcuda.so"},
                            {"CONVOKE_CACHE_DIR", scratch("driver")}};
  const std::vector<std::vector<std::string>> commands = {
      {"verify", kProblem, "--target", "cuda"},
      {"bench", kProblem, "--target", "cuda:1"},
      {"tune", kProblem, "--target", "cuda"},
      {"explain", kProblem, "--target", "cuda"},
      {"emit", kProblem, "--target", "cuda"},
      {"compile", kProblem, "-o", "/tmp/x", "--target", "cuda"}};
  for (const std::vector<std::string>& command : commands) {
    const Finished run = convoke(command, none);
    EXPECT_EQ(run.code, 4) << command.front() << run.err;
    EXPECT_THAT(run.err, HasSubstr("/nonexistent/libcuda.so")) << command.front();
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
    const bool names_a_way = command.front() == "emit" || command.front() == "compile";
    EXPECT_EQ(run.err.find("--arch sm_90a") != std::string::npos, names_a_way) << run.err;
  }
  EXPECT_THAT(convoke({"doctor"}, none).out, HasSubstr("/nonexistent/libcuda.so"));
}

TEST(Cli, EmitsForAGpuThatIsNotHere) {
  const Environment none = {{"CONVOKE_CUDA_DRIVER", "/nonexistent/libcuda.so"},
                            {"CONVOKE_NVRTC", "/nonexistent/libnvrtc.so"},
                            {"CONVOKE_CACHE_DIR", scratch("arch")}};
  const Finished source = convoke({"emit", kProblem, "--arch", "sm_90a"}, none);
  EXPECT_EQ(source.code, 0) << source.err;
  EXPECT_THAT(source.out, HasSubstr("#include \"templates/"));
  EXPECT_THAT(source.out, HasSubstr("convoke_kernel"));
  const Finished ptx = convoke({"emit", kProblem, "--arch", "sm_90a", "--format", "ptx"}, none);
  EXPECT_EQ(ptx.code, 4);
  EXPECT_THAT(ptx.err, HasSubstr("/nonexistent/libnvrtc.so"));
}

TEST(Cli, RefusesBadVariables) {
  EXPECT_EQ(convoke({"cache", "stats"}, {{"CONVOKE_LOG", "loud"}}).code, 2);
  const Finished isa = convoke({"verify", kProblem}, {{"CONVOKE_CPU_ISA", "mmx"}});
  EXPECT_EQ(isa.code, 2);
  EXPECT_THAT(isa.err, HasSubstr("mmx"));
}

}  // namespace
}  // namespace convoke
