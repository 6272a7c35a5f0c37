// Where the caches live.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "runtime/cache_entry.h"
#include "runtime/env.h"
#include "runtime/kernel_cache.h"

namespace convoke {
namespace {

/// An environment variable that holds an absolute path, else empty (the XDG specification says to
/// ignore others).
std::string absolute_path(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && value[0] == '/' ? value : "";
}

/// In a directory where anybody may create names, only one that is ours alone is to be trusted with
/// code that this process will run.
std::string private_temporary() {
  const std::string path = fmt::format("/tmp/convoke-{}", ::geteuid());
  struct stat status;
  ::mkdir(path.c_str(), 0700);
  if (::lstat(path.c_str(), &status) != 0) return "";
  if (S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() && (status.st_mode & 077) == 0)
    return path;
  spdlog::warn(
      "{} is not used as a cache: it is not a directory of mode 0700 owned by user {}; remove it "
      "or set "
      "CONVOKE_CACHE_DIR",
      path, ::geteuid());
  return "";
}

std::string find_cache_directory() {
  if (const std::string asked = env_value(EnvVar::kCacheDir); !asked.empty()) {
    // A process that changes its directory later keeps its cache.
    std::error_code gone;
    const std::string whole = std::filesystem::absolute(asked, gone).string();
    const std::string directory = gone ? asked : whole;
    make_directories(directory);
    return directory;
  }
  const std::string xdg = absolute_path("XDG_CACHE_HOME"), home = absolute_path("HOME");
  if (!xdg.empty() && make_directories(xdg + "/convoke")) return xdg + "/convoke";
  if (!home.empty() && make_directories(home + "/.cache/convoke")) return home + "/.cache/convoke";
  return private_temporary();
}

}  // namespace

std::string cache_directory() {
  static const std::string directory = find_cache_directory();
  return directory;
}

}  // namespace convoke
