// Goldens: a text beside the file in tests/golden that holds what it was. A difference, or a
// missing file, fails; with `--update` (scripts/update_goldens.sh) the file is written anew.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace convoke {

inline bool update_goldens = false;

/// `file`: name in tests/golden.
inline void expect_golden(const std::string& file, const std::string& now) {
  const std::string path = std::string(CONVOKE_SOURCE_DIR "/tests/golden/") + file;
  if (update_goldens) {
    std::ofstream(path, std::ios::binary) << now;
    return;
  }
  std::ifstream stream(path, std::ios::binary);
  ASSERT_TRUE(stream) << path << " is missing: scripts/update_goldens.sh writes it";
  const std::string before{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_EQ(now, before)
      << "if the change is meant: scripts/update_goldens.sh, and look at the difference";
}

inline int run_golden_tests(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) update_goldens |= std::string(argv[i]) == "--update";
  return RUN_ALL_TESTS();
}

}  // namespace convoke
