// One kernel on disk: kernels/<ab>/<key>/ with `image`, `metadata.json`, `log` (if there is one)
// and `checksum`, a text that names the format's version, the key, and the size and SHA-256 of each
// file. An entry is intact only if its checksum file equals, byte for byte, the one that its other
// files call for: nothing is parsed, so nothing can be misread. Plain system calls, each of which
// may fail; no exception.
#pragma once

#include <optional>
#include <string>

#include "runtime/kernel_cache.h"

namespace convoke {

/// `root` is the cache directory; a key is 64 lower-case hex digits.
std::string entry_path(const std::string& root, const std::string& key);
bool is_cache_key(const std::string& name);

/// The entry if it is there and intact.
std::optional<CompiledKernel> read_entry(const std::string& root, const std::string& key);

/// Writes the entry beside its place, syncs it and renames it into place. An intact entry that is
/// already there wins; a broken one is replaced. Returns an empty string, or which step failed and
/// why. Never leaves a partial entry in place; a killed writer may leave a directory in
/// kernels/tmp.
std::string write_entry(const std::string& root, const std::string& key,
                        const CompiledKernel& kernel);

/// Creates the directory and its parents; false with errno set.
bool make_directories(const std::string& path);

/// The holder of a key's lock file, kernels/locks/<key>. The system releases it when the process
/// dies.
class EntryLock {
 public:
  enum class Outcome { kHeld, kBusy, kImpossible };
  EntryLock(const std::string& root, const std::string& key);
  ~EntryLock();
  EntryLock(const EntryLock&) = delete;
  EntryLock& operator=(const EntryLock&) = delete;
  /// One attempt, without waiting.
  Outcome try_lock();

 private:
  std::string path_;
  int fd_ = -1;
  bool held_ = false;
};

}  // namespace convoke
