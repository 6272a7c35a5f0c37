// The CPU target behind the interface of target.h: configurations from compiler/, code from
// libconvoke_cpu.so through its C table, kernels from memory, disk or the compiler.
// make_cpu_target() of target.h makes one with the process's caches; this one takes its parts, for
// tests.
#pragma once

#include <memory>
#include <string>

#include "runtime/cpu_backend.h"
#include "runtime/cpu_features.h"
#include "runtime/target.h"

namespace convoke {

struct CpuTargetParts {
  CpuDescription cpu;
  std::shared_ptr<Executor> executor;
  std::string cache_dir, system_cache_dir, dump_dir;  ///< empty: none
  /// Gives the backend's table or throws Error kDevice; asked at each use that needs code.
  const ConvokeCpuBackend& (*backend)() = nullptr;
  std::size_t kernels_in_memory = 1024;
};

std::shared_ptr<Target> make_cpu_target(CpuTargetParts parts);

}  // namespace convoke
