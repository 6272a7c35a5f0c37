// The command line over a driver and a compiler in host memory (fake_cuda.h): what it says about a
// GPU and its kernels, and that one problem's failure on it is one sentence while others go on.
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

Finished convoke(std::vector<std::string> words, const Environment& more = {}) {
  words.insert(words.begin(), CONVOKE_BINARY_DIR "/bin/convoke");
  Environment environment = {
      {"CONVOKE_CUDA_DRIVER", CONVOKE_BINARY_DIR "/lib/libfake_cuda.so"},
      {"CONVOKE_NVRTC", CONVOKE_BINARY_DIR "/lib/libfake_nvrtc.so"},
      {"CONVOKE_CACHE_DIR", CONVOKE_BINARY_DIR "/test_cache/cli_fake_gpu_test"}};
  environment.insert(environment.end(), more.begin(), more.end());
  return Subprocess(words, environment).wait();
}

std::vector<json> parse_lines(const std::string& text) {
  std::vector<json> objects;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) objects.push_back(json::parse(line));
  return objects;
}

TEST(CliFakeGpu, DoctorDescribesTheGpus) {
  const Finished run = convoke({"doctor"}, {{"FAKE_CUDA_DEVICES", "2"}});
  EXPECT_THAT(run.out, HasSubstr("libfake_cuda.so"));
  EXPECT_THAT(run.out, HasSubstr("libfake_nvrtc.so"));
  EXPECT_THAT(run.out, HasSubstr("\ncuda:0 "));
  EXPECT_THAT(run.out, HasSubstr("\ncuda:1 "));
  EXPECT_THAT(run.out, HasSubstr("sm_90a"));
  const Finished none = convoke({"doctor"}, {{"FAKE_CUDA_DEVICES", "0"}});
  EXPECT_THAT(none.out, testing::Not(HasSubstr("\ncuda:0 ")));
}

TEST(CliFakeGpu, ExplainsTheLaunch) {
  const std::vector<std::string> words = {
      "explain",
      "mb8ic64ih8oc64kh3ph1",
      "dtype=f16",
      "--target",
      "cuda",
      "--config",
      "cuda:mma,bm=64,bn=64,bk=64,wm=2,wn=2,stages=3,split=2,split_by=cluster"};
  const Finished text = convoke(words);
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("\nlaunch       16 blocks in clusters of 2 of 128 threads"));
  std::vector<std::string> with_json = words;
  with_json.push_back("--json");
  const json launch = parse_lines(convoke(with_json).out).front().at("launch");
  EXPECT_EQ(launch["grid"], 16);
  EXPECT_EQ(launch["threads"], 128);
  EXPECT_EQ(launch["cluster"], 2);
  EXPECT_GE(launch["shared_bytes"], 3 * 2 * 64 * 64 * 2);
}

TEST(CliFakeGpu, OneProblemsFailureIsOneSentence) {
  const Finished run = convoke({"bench", "--target", "cuda", "--json", "mb1ic8ih4oc8kh1",
                                "mb1ic8ih4oc8kh3", "pass=wgrad", "mb1ic4ih4oc4kh1"},
                               {{"FAKE_CUDA_FAIL", "cuMemAlloc:2"}});
  EXPECT_EQ(run.code, 4);
  const std::vector<json> objects = parse_lines(run.out);
  ASSERT_EQ(objects.size(), 4u) << "every problem of the list, and the summary";
  EXPECT_EQ(objects[0]["status"], "error");
  EXPECT_THAT(objects[0]["reason"].get<std::string>(), HasSubstr("cannot allocate"));
  EXPECT_EQ(objects[1]["status"], "unsupported");
  EXPECT_EQ(objects[2]["status"], "error");
  EXPECT_EQ(objects[3]["summary"]["exit_code"], 4);
}

TEST(CliFakeGpu, RefusesAGpuThatIsNotThere) {
  const Finished run = convoke({"verify", "--target", "cuda:7", "mb1ic8ih4oc8kh1"});
  EXPECT_EQ(run.code, 4);
  EXPECT_THAT(run.err, HasSubstr("7"));
  const Finished peer =
      convoke({"bench", "--target", "cuda", "--peer", "onednn", "mb1ic8ih4oc8kh1"});
  EXPECT_EQ(peer.code, 2);
  EXPECT_THAT(peer.err, HasSubstr("--peer onednn runs on the CPU"));
}

}  // namespace
}  // namespace convoke
