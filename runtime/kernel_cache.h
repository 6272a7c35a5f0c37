// Compiled kernels on disk: one directory per key, holding image, metadata and checksum. A cache
// problem is a miss, never an error and never a wrong result: entries are written beside their
// place, fsynced and renamed; what does not parse or check is a miss. Threads and processes that
// miss together compile once (a shared future inside, a file lock between). cache_entry.h has the
// format.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace convoke {

/// What a compiler made of an emitted kernel.
struct CompiledKernel {
  std::string image;     ///< object file (cpu), cubin or PTX (cuda)
  std::string log;       ///< the compiler's; empty if it said nothing
  std::string metadata;  ///< JSON object: target, spec, config, compiler, resources
};

struct CacheEntry {
  std::string key;
  std::int64_t bytes = 0;
  std::int64_t age_seconds = 0;
  bool intact = false;
  std::string metadata;
};

enum class CacheSource { kMemory, kDisk, kCompiled };

class KernelCache {
 public:
  /// `user_dir` may be empty (no disk) or unwritable (reads only); `system_dir` is never written.
  /// `patience`: how long to wait for another process that compiles the same key before compiling
  /// too (it may have been stopped, which only costs time).
  KernelCache(std::string user_dir, std::string system_dir,
              std::chrono::milliseconds patience = std::chrono::seconds(30));
  ~KernelCache();
  KernelCache(const KernelCache&) = delete;
  KernelCache& operator=(const KernelCache&) = delete;

  /// The entry from disk, if it is there and intact.
  std::optional<CompiledKernel> find(const std::string& key) const;
  /// find(), else one caller in all threads and processes runs `compile` and stores; the others
  /// wait and read. A waiter whose writer died compiles itself. Exceptions of `compile` pass
  /// through to every waiting thread. `source`: kMemory where another thread of this process did
  /// the work.
  CompiledKernel get_or_compile(const std::string& key,
                                const std::function<CompiledKernel()>& compile,
                                CacheSource* source = nullptr);
  /// Writes an entry; returns false (and logs why, once) if the disk refuses or there is none.
  bool store(const std::string& key, const CompiledKernel& kernel);

  /// Removes one entry of the user's directory: intact, yet of no use (its image does not load here).
  void discard(const std::string& key);

  // For `convoke cache`. @throws Error kCache if the directory cannot be read (that there is none
  // is an empty cache).
  /// The user's entries, broken ones too, by key; each is read and checked.
  std::vector<CacheEntry> list() const;
  /// Removes all of the user's entries, leftovers of killed writers and what was kept of kernels that
  /// did not compile (failed/); returns how many. @throws Error kCache
  std::int64_t clear();
  const std::string& directory() const { return user_dir_; }

 private:
  struct Impl;
  std::string user_dir_, system_dir_;
  std::unique_ptr<Impl> impl_;
};

/// CONVOKE_CACHE_DIR, else $XDG_CACHE_HOME/convoke, else ~/.cache/convoke, else a per-user 0700
/// directory in /tmp (refused if another user owns it or may write to it). One that can neither be
/// found nor created gives way to the next, but for CONVOKE_CACHE_DIR. Creates it if it can; the
/// result may be unwritable, or empty if there is no place at all.
std::string cache_directory();

}  // namespace convoke
