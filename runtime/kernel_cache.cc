#include "runtime/kernel_cache.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>
#include <utility>

#include "convoke/error.h"
#include "runtime/cache_entry.h"
#include "runtime/single_flight.h"

namespace convoke {
namespace {

namespace fs = std::filesystem;

/// Names in a directory; none if it is not there. @throws Error kCache
std::vector<fs::path> names_in(const fs::path& directory) {
  std::vector<fs::path> names;
  std::error_code error;
  fs::directory_iterator it(directory, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) names.push_back(it->path());
  if (error && error != std::errc::no_such_file_or_directory)
    throw Error(ErrorCode::kCache,
                fmt::format("cannot read the cache directory {}: {}; check what is there and its "
                            "permissions, or set CONVOKE_CACHE_DIR elsewhere",
                            directory.string(), error.message()));
  std::sort(names.begin(), names.end());
  return names;
}

/// Paths of all entries below `root`, intact or not.
std::vector<fs::path> entry_paths(const std::string& root) {
  std::vector<fs::path> paths;
  for (const fs::path& prefix : names_in(root + "/kernels")) {
    if (prefix.filename().string().size() != 2) continue;
    for (const fs::path& entry : names_in(prefix)) paths.push_back(entry);
  }
  return paths;
}

std::int64_t bytes_below(const fs::path& path) {
  std::int64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(path, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code unsized;  // vanished meanwhile, or no regular file
    const auto size = it->file_size(unsized);
    if (!unsized) bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

std::int64_t age_of(const fs::path& path) {
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  if (error) return 0;
  return std::chrono::duration_cast<std::chrono::seconds>(fs::file_time_type::clock::now() - time)
      .count();
}

struct Outcome {
  CompiledKernel kernel;
  CacheSource source = CacheSource::kDisk;
};
using SharedOutcome = std::shared_ptr<const Outcome>;

}  // namespace

struct KernelCache::Impl {
  SingleFlight<SharedOutcome> flights;
  std::chrono::milliseconds patience{};
  std::atomic<bool> complained{false};
};

KernelCache::KernelCache(std::string user_dir, std::string system_dir,
                         std::chrono::milliseconds patience)
    : user_dir_(std::move(user_dir)),
      system_dir_(std::move(system_dir)),
      impl_(std::make_unique<Impl>()) {
  impl_->patience = patience;
}

KernelCache::~KernelCache() = default;

std::optional<CompiledKernel> KernelCache::find(const std::string& key) const {
  if (!is_cache_key(key)) return std::nullopt;
  for (const std::string* root : {&user_dir_, &system_dir_})
    if (!root->empty())
      if (auto kernel = read_entry(*root, key)) return kernel;
  return std::nullopt;
}

bool KernelCache::store(const std::string& key, const CompiledKernel& kernel) {
  if (user_dir_.empty() || !is_cache_key(key)) return false;
  const std::string problem = write_entry(user_dir_, key, kernel);
  if (problem.empty()) return true;
  if (!impl_->complained.exchange(true)) spdlog::warn("kernels are not being cached: {}", problem);
  return false;
}

CompiledKernel KernelCache::get_or_compile(const std::string& key,
                                           const std::function<CompiledKernel()>& compile,
                                           CacheSource* source) {
  const auto work = [&]() -> SharedOutcome {
    if (auto found = find(key))
      return std::make_shared<Outcome>(Outcome{std::move(*found), CacheSource::kDisk});
    if (user_dir_.empty() || !is_cache_key(key))
      return std::make_shared<Outcome>(Outcome{compile(), CacheSource::kCompiled});
    EntryLock lock(user_dir_, key);
    auto pause = std::chrono::milliseconds(1);
    const auto deadline = std::chrono::steady_clock::now() + impl_->patience;
    while (lock.try_lock() == EntryLock::Outcome::kBusy &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(pause);
      pause = std::min(2 * pause, std::chrono::milliseconds(10));
    }
    // Held, impossible or out of patience: in each case the entry may have come meanwhile.
    if (auto found = find(key))
      return std::make_shared<Outcome>(Outcome{std::move(*found), CacheSource::kDisk});
    auto outcome = std::make_shared<Outcome>(Outcome{compile(), CacheSource::kCompiled});
    store(key, outcome->kernel);
    return outcome;
  };
  bool shared = false;
  const SharedOutcome outcome = impl_->flights.run(key, work, &shared);
  if (source != nullptr) *source = shared ? CacheSource::kMemory : outcome->source;
  return outcome->kernel;
}

std::vector<CacheEntry> KernelCache::list() const {
  std::vector<CacheEntry> entries;
  if (user_dir_.empty()) return entries;
  for (const fs::path& path : entry_paths(user_dir_)) {
    CacheEntry entry;
    entry.key = path.filename().string();
    entry.bytes = bytes_below(path);
    entry.age_seconds = age_of(path);
    if (is_cache_key(entry.key) && path == fs::path(entry_path(user_dir_, entry.key))) {
      if (auto kernel = read_entry(user_dir_, entry.key)) {
        entry.intact = true;
        entry.metadata = std::move(kernel->metadata);
      }
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

void KernelCache::discard(const std::string& key) {
  if (user_dir_.empty() || !is_cache_key(key)) return;
  std::error_code ignored;  // what cannot be removed is compiled again by the next process too
  fs::remove_all(entry_path(user_dir_, key), ignored);
}

std::int64_t KernelCache::clear() {
  if (user_dir_.empty()) return 0;
  std::vector<fs::path> doomed = entry_paths(user_dir_);
  for (const char* leftovers : {"/kernels/tmp", "/failed"})
    for (const fs::path& leftover : names_in(user_dir_ + leftovers)) doomed.push_back(leftover);
  for (const fs::path& path : doomed) {
    std::error_code error;
    fs::remove_all(path, error);
    if (error)
      throw Error(ErrorCode::kCache, fmt::format("cannot remove {} from the cache: {}",
                                                 path.string(), error.message()));
  }
  // A lock that is held stays valid: its holder finds the name gone, which costs at most a second
  // compile.
  std::error_code ignored;
  for (const fs::path& lock : names_in(user_dir_ + "/kernels/locks")) fs::remove(lock, ignored);
  return static_cast<std::int64_t>(doomed.size());
}

}  // namespace convoke
