// Built twice, against the archives and against libconvoke.so: in both, a plan must find the tuner,
// although nothing refers to the object file that installs it. Asking the tuner is what makes the
// database file.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "convoke/convoke.hpp"

namespace {

TEST(Registration, APlanAsksTheTuningDatabase) {
  const std::string dir =
      (std::filesystem::temp_directory_path() / "convoke_registration_XXXXXX").string();
  std::string path = dir;
  ASSERT_NE(mkdtemp(path.data()), nullptr);
  setenv("CONVOKE_CACHE_DIR", path.c_str(), 1);
  const convoke::Device device = convoke::Device::open("cpu");
  const convoke::Plan plan(device, convoke::parse_spec("mb1ic3ih5oc4oh5kh3ph1"));
  bool found = false;
  for (const auto& entry : std::filesystem::directory_iterator(path))
    found = found || entry.path().extension() == ".sqlite";
  EXPECT_TRUE(found) << path;
  std::filesystem::remove_all(path);
}

}  // namespace
