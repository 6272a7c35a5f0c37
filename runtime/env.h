// Every CONVOKE_* variable, in one table: name, what it does, default. Read once at first use;
// `doctor` prints the table and names set variables that are not in it.
#pragma once

#include <string>
#include <vector>

namespace convoke {

enum class EnvVar {
  kCacheDir,     // CONVOKE_CACHE_DIR
  kSystemCache,  // CONVOKE_SYSTEM_CACHE
  kTemplateDir,  // CONVOKE_TEMPLATE_DIR
  kDump,         // CONVOKE_DUMP
  kNumThreads,   // CONVOKE_NUM_THREADS
  kPinThreads,   // CONVOKE_PIN_THREADS
  kCpuIsa,       // CONVOKE_CPU_ISA: lowers the instruction set
  kCpuLibrary,   // CONVOKE_CPU_LIBRARY: path of libconvoke_cpu.so
  kCudaDriver,   // CONVOKE_CUDA_DRIVER: path of libcuda.so.1
  kNvrtc,        // CONVOKE_NVRTC: path of libnvrtc.so
  kLog,          // CONVOKE_LOG: spdlog level
};

struct EnvInfo {
  EnvVar var;
  const char* name;
  const char* what;
  const char* fallback;  ///< what happens when it is not set
};

const std::vector<EnvInfo>& env_table();
/// Value, or empty when unset or empty.
std::string env_value(EnvVar var);
/// Integer value in [lo, hi], or `fallback` when unset. @throws Error kUsage naming variable, value
/// and limits.
long env_integer(EnvVar var, long fallback, long lo, long hi);
/// CONVOKE_* variables that are set but unknown.
std::vector<std::string> unknown_env();

}  // namespace convoke
