#include "runtime/kernel_store.h"

#include <spdlog/spdlog.h>

#include "convoke/error.h"

namespace convoke {

std::shared_ptr<const LoadedCode> KernelStore::get(const Request& request, CacheSource* source) {
  CacheSource from = CacheSource::kMemory;
  std::shared_ptr<const LoadedCode> kernel = memory_.find(request.key);
  if (kernel == nullptr) {
    kernel = loading_.run(request.key, [&] {
      // Another thread may have finished between our look and our turn.
      if (auto found = memory_.find(request.key)) return found;
      auto made = load_or_compile(request, from);
      memory_.put(request.key, made);
      return made;
    });
  }
  if (source != nullptr) *source = from;
  return kernel;
}

/// An entry that is intact but does not load (a linker or a driver that changed its mind) is a miss
/// like any other.
std::shared_ptr<const LoadedCode> KernelStore::load_or_compile(const Request& request,
                                                           CacheSource& source) {
  const std::string& key = request.key;
  if (!request.substitutes.empty() && !cache_.find(key)) {
    if (auto kernel = load_substitute(request)) {
      source = CacheSource::kDisk;
      return kernel;
    }
  }
  const CompiledKernel compiled = cache_.get_or_compile(key, request.compile, &source);
  if (source == CacheSource::kCompiled) return request.load(compiled);
  try {
    return request.load(compiled);
  } catch (const Error& error) {
    spdlog::warn("cached kernel {} does not load ({}): compiling it again", key, error.what());
    source = CacheSource::kCompiled;
    const CompiledKernel again = request.compile();
    std::shared_ptr<const LoadedCode> kernel = request.load(again);
    // Only now is the entry to blame, and not a device that is full or lost.
    cache_.discard(key);
    cache_.store(key, again);
    return kernel;
  }
}

std::shared_ptr<const LoadedCode> KernelStore::load_substitute(const Request& request) {
  for (const std::string& key : request.substitutes) {
    const auto found = cache_.find(key);
    if (!found) continue;
    try {
      return request.load(*found);
    } catch (const Error& error) {
      spdlog::warn("kernel {} does not load ({}): looking further", key, error.what());
    }
  }
  return nullptr;
}

}  // namespace convoke
