// The one way to a loaded kernel, for every target: memory, then disk, then the compiler; threads
// that ask for one key together share the work. The target says how a kernel is compiled and loaded,
// and nothing else.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/kernel_cache.h"
#include "runtime/kernel_memory.h"
#include "runtime/single_flight.h"

namespace convoke {

class KernelStore {
 public:
  /// Directories as KernelCache takes them; `kernels_in_memory` are kept loaded.
  KernelStore(std::string user_dir, std::string system_dir, std::size_t kernels_in_memory)
      : cache_(std::move(user_dir), std::move(system_dir)), memory_(kernels_in_memory) {}

  struct Request {
    std::string key;
    /// Keys of entries that serve as well, best first; looked for on disk before compiling.
    std::vector<std::string> substitutes{};
    std::function<CompiledKernel()> compile;
    std::function<std::shared_ptr<const LoadedCode>(const CompiledKernel&)> load;
  };
  /// Exceptions of compile and load pass through and are not remembered.
  std::shared_ptr<const LoadedCode> get(const Request& request, CacheSource* source);

  KernelCache& cache() { return cache_; }

 private:
  std::shared_ptr<const LoadedCode> load_or_compile(const Request& request, CacheSource& source);
  std::shared_ptr<const LoadedCode> load_substitute(const Request& request);

  KernelCache cache_;
  KernelMemory memory_;
  SingleFlight<std::shared_ptr<const LoadedCode>> loading_;
};

}  // namespace convoke
