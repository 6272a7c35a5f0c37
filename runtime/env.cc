#include "runtime/env.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

#include "convoke/error.h"

extern char** environ;

namespace convoke {

// In the order of EnvVar: a variable's number is its index.
const std::vector<EnvInfo>& env_table() {
  static const std::vector<EnvInfo> table = {
      {EnvVar::kCacheDir, "CONVOKE_CACHE_DIR", "directory of compiled kernels and tuning results",
       "$XDG_CACHE_HOME/convoke, else ~/.cache/convoke, else /tmp/convoke-UID"},
      {EnvVar::kSystemCache, "CONVOKE_SYSTEM_CACHE", "read-only cache below the user's", "none"},
      {EnvVar::kTemplateDir, "CONVOKE_TEMPLATE_DIR",
       "directory whose kernel templates replace the embedded ones", "the embedded templates"},
      {EnvVar::kDump, "CONVOKE_DUMP",
       "directory that receives source, image, log and spec of each kernel compiled",
       "nothing is dumped"},
      {EnvVar::kNumThreads, "CONVOKE_NUM_THREADS", "threads of the CPU target's own pool",
       "all CPUs that the process may use"},
      {EnvVar::kPinThreads, "CONVOKE_PIN_THREADS", "1 binds the pool's threads to CPUs", "0"},
      {EnvVar::kCpuIsa, "CONVOKE_CPU_ISA",
       "lowers the instruction set: sse2, avx2, avx512, avx512vnni, avx512bf16, amx",
       "the best that the CPU has"},
      {EnvVar::kCpuLibrary, "CONVOKE_CPU_LIBRARY", "path of libconvoke_cpu.so",
       "beside libconvoke.so or the program, else the loader's search"},
      {EnvVar::kCudaDriver, "CONVOKE_CUDA_DRIVER", "path of the CUDA driver's library",
       "libcuda.so.1, by the loader's search"},
      {EnvVar::kNvrtc, "CONVOKE_NVRTC", "path of the NVRTC library",
       "libnvrtc.so.13, then .12, by the loader's search and in the usual toolkit folders"},
      {EnvVar::kLog, "CONVOKE_LOG", "log level: trace, debug, info, warn, err, critical, off",
       "warn"},
  };
  return table;
}

namespace {

/// The environment as it was at first use: getenv races with setenv, and a value that changed
/// between two calls would make two halves of one process disagree.
const std::vector<std::string>& snapshot() {
  static const std::vector<std::string> values = [] {
    std::vector<std::string> v;
    for (const EnvInfo& info : env_table()) {
      const char* text = std::getenv(info.name);
      v.emplace_back(text == nullptr ? "" : text);
    }
    return v;
  }();
  return values;
}

}  // namespace

std::string env_value(EnvVar var) { return snapshot().at(static_cast<std::size_t>(var)); }

long env_integer(EnvVar var, long fallback, long lo, long hi) {
  const std::string text = env_value(var);
  if (text.empty()) return fallback;
  long value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || value < lo || value > hi)
    throw Error(ErrorCode::kUsage,
                fmt::format("{}={} is not an integer in [{}, {}]: correct it or unset it",
                            env_table()[static_cast<std::size_t>(var)].name, text, lo, hi));
  return value;
}

std::vector<std::string> unknown_env() {
  std::vector<std::string> unknown;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, "CONVOKE_", 8) != 0) continue;
    const std::string name(*entry, std::strcspn(*entry, "="));
    bool known = false;
    for (const EnvInfo& info : env_table()) known = known || name == info.name;
    if (!known) unknown.push_back(name);
  }
  return unknown;
}

}  // namespace convoke
