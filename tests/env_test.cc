// The table of CONVOKE_* variables: complete, in order, read once, with errors that name the
// variable.
#include "runtime/env.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <set>

#include "convoke/error.h"

namespace convoke {
namespace {

/// Runs `check` in a child, where the environment has not been read yet; its result is the exit
/// status.
bool in_child(const std::function<bool()>& check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

TEST(Env, TableIsInTheOrderOfTheEnum) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < env_table().size(); ++i) {
    const EnvInfo& info = env_table()[i];
    EXPECT_EQ(static_cast<std::size_t>(info.var), i);
    EXPECT_EQ(std::string(info.name).rfind("CONVOKE_", 0), 0u);
    EXPECT_NE(std::string(info.what), "");
    EXPECT_NE(std::string(info.fallback), "");
    EXPECT_TRUE(names.insert(info.name).second);
  }
  EXPECT_EQ(static_cast<std::size_t>(EnvVar::kLog) + 1, env_table().size());
}

TEST(Env, ReadsOnceAtFirstUse) {
  EXPECT_TRUE(in_child([] {
    setenv("CONVOKE_DUMP", "/first", 1);
    if (env_value(EnvVar::kDump) != "/first") return false;
    setenv("CONVOKE_DUMP", "/second", 1);
    return env_value(EnvVar::kDump) == "/first";
  }));
  EXPECT_TRUE(in_child([] {
    unsetenv("CONVOKE_DUMP");
    return env_value(EnvVar::kDump).empty();
  }));
}

TEST(Env, IntegersAreCheckedWhole) {
  const auto integer = [](const char* text) {
    return in_child([text] {
      setenv("CONVOKE_NUM_THREADS", text, 1);
      return env_integer(EnvVar::kNumThreads, 7, 1, 64) == (*text == '\0' ? 7 : std::atol(text));
    });
  };
  EXPECT_TRUE(integer(""));
  EXPECT_TRUE(integer("1"));
  EXPECT_TRUE(integer("64"));
  for (const char* bad :
       {"0", "65", "-1", "two", "2x", " 2", "2 ", "0x2", "1e1", "99999999999999999999"})
    EXPECT_TRUE(in_child([bad] {
      setenv("CONVOKE_NUM_THREADS", bad, 1);
      try {
        env_integer(EnvVar::kNumThreads, 7, 1, 64);
        return false;
      } catch (const Error& error) {
        const std::string what = error.what();
        return error.code() == ErrorCode::kUsage &&
               what.find("CONVOKE_NUM_THREADS=" + std::string(bad)) != what.npos &&
               what.find("[1, 64]") != what.npos;
      }
    })) << bad;
}

TEST(Env, NamesUnknownVariables) {
  EXPECT_TRUE(in_child([] {
    setenv("CONVOKE_NUM_THREAD", "2", 1);
    setenv("CONVOKE_NUM_THREADS", "2", 1);
    setenv("NOT_CONVOKE_X", "2", 1);
    const std::vector<std::string> unknown = unknown_env();
    return std::count(unknown.begin(), unknown.end(), "CONVOKE_NUM_THREAD") == 1 &&
           std::count(unknown.begin(), unknown.end(), "CONVOKE_NUM_THREADS") == 0 &&
           std::count(unknown.begin(), unknown.end(), "NOT_CONVOKE_X") == 0;
  }));
}

}  // namespace
}  // namespace convoke
