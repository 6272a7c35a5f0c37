#include "runtime/cpu_library.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <link.h>

#include <filesystem>
#include <vector>

#include "convoke/error.h"
#include "runtime/dynamic_library.h"
#include "runtime/env.h"

namespace convoke {
namespace {

namespace fs = std::filesystem;

constexpr char kFileName[] = "libconvoke_cpu.so";

struct Opened {
  const ConvokeCpuBackend* table = nullptr;
  std::string path;
};

/// Directory of the object that this code is in: libconvoke.so, or a program linked with it
/// statically.
fs::path own_directory() {
  std::error_code ignored;
  Dl_info info{};
  link_map* map = nullptr;
  const void* here = reinterpret_cast<const void*>(&own_directory);
  const bool known =
      dladdr1(here, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) != 0 && map != nullptr;
  // The main program has no name in its link map.
  const bool is_program = !known || map->l_name == nullptr || *map->l_name == '\0';
  const fs::path file = fs::canonical(is_program ? "/proc/self/exe" : map->l_name, ignored);
  return file.parent_path();
}

/// In order of preference. A path that the user gave is the only candidate: nothing else may stand
/// in for it.
std::vector<std::string> candidates() {
  if (std::string given = env_value(EnvVar::kCpuLibrary); !given.empty()) return {given};
  std::vector<std::string> result;
  if (const fs::path own = own_directory(); !own.empty()) {
    result.push_back(own / kFileName);
    result.push_back((own / "../lib" / kFileName).lexically_normal());
    result.push_back(
        (own / "../lib" / CONVOKE_LIBRARY_ARCHITECTURE / kFileName).lexically_normal());
  }
  result.push_back(fs::path(CONVOKE_INSTALL_LIBDIR) / kFileName);
  result.push_back(kFileName);  // the loader's own search
  return result;
}

/// The table in an opened library, or null with the reason.
const ConvokeCpuBackend* table_of(void* library, std::string& why) {
  const auto getter =
      reinterpret_cast<ConvokeCpuBackendGetter>(dlsym(library, "convoke_cpu_backend"));
  if (getter == nullptr) {
    why = "it has no symbol convoke_cpu_backend";
    return nullptr;
  }
  const ConvokeCpuBackend* table = getter();
  if (table->abi != CONVOKE_CPU_BACKEND_ABI) {
    why = fmt::format("its interface has number {}, this library needs {}", table->abi,
                      CONVOKE_CPU_BACKEND_ABI);
    return nullptr;
  }
  return table;
}

Opened open_cpu_library() {
  std::vector<std::string> tried;
  for (const std::string& path : candidates()) {
    std::string why;
    if (const DynamicLibrary library = open_library(path, why); library.handle != nullptr) {
      if (const ConvokeCpuBackend* table = table_of(library.handle, why))
        return {table, library.path};
      dlclose(library.handle);
    }
    tried.push_back(fmt::format("{} ({})", path, why));
  }
  throw Error(
      ErrorCode::kDevice,
      fmt::format("the CPU target needs {}, which could not be opened; tried {}; build with "
                  "CONVOKE_CPU=ON or set CONVOKE_CPU_LIBRARY to its path",
                  kFileName, fmt::join(tried, ", ")));
}

const Opened& opened() {
  // A failure is tried again at the next call: the initialisation of a static that throws is
  // repeated.
  static const Opened result = open_cpu_library();
  return result;
}

}  // namespace

const ConvokeCpuBackend& cpu_library() { return *opened().table; }

const std::string& cpu_library_path() { return opened().path; }

}  // namespace convoke
