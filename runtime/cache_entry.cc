#include "runtime/cache_entry.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "compiler/cache_key.h"

namespace convoke {
namespace {

constexpr int kFormat = 1;
/// A file above this is no kernel of ours: reading it would only exhaust memory.
constexpr off_t kMaxFileBytes = off_t{1} << 30;

/// Closes a descriptor; -1 means that opening failed.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string manifest(const std::string& key, const CompiledKernel& kernel) {
  std::string text = fmt::format("convoke kernel {}\nkey {}\n", kFormat, key);
  const auto add = [&](const char* name, const std::string& bytes) {
    text += fmt::format("{} {} {}\n", name, bytes.size(), sha256_hex(bytes));
  };
  add("image", kernel.image);
  add("metadata.json", kernel.metadata);
  if (!kernel.log.empty()) add("log", kernel.log);
  return text;
}

bool read_file(int directory, const char* name, std::string& bytes) {
  const Fd file(::openat(directory, name, O_RDONLY | O_CLOEXEC));
  struct stat status;
  if (!file.ok() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if (status.st_size > kMaxFileBytes) return false;
  bytes.resize(static_cast<std::size_t>(status.st_size));
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

bool sync_directory(const std::string& path) {
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory.ok() && ::fsync(directory.get()) == 0;
}

bool write_file(const std::string& path, const std::string& bytes) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file.ok()) return false;
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return ::fsync(file.get()) == 0;
}

void remove_tree(const std::string& path) {
  std::error_code ignored;  // what cannot be removed is a leftover, which `cache clear` names
  std::filesystem::remove_all(path, ignored);
}

std::string failure(const char* step, const std::string& path) {
  return fmt::format("cannot {} {}: {}", step, path, std::strerror(errno));
}

/// A name that no other thread or process uses: the process, the time, a count.
std::string unique_name(const std::string& key) {
  static std::atomic<unsigned> count{0};
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return fmt::format("{}.{}.{}.{}", key.substr(0, 16), ::getpid(),
                     now.tv_sec * 1000000000 + now.tv_nsec, count.fetch_add(1));
}

/// Moves the finished directory into place; an entry there is kept if intact, else set aside.
std::string put_in_place(const std::string& root, const std::string& key,
                         const std::string& temporary) {
  const std::string place = entry_path(root, key);
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (::rename(temporary.c_str(), place.c_str()) == 0) return {};
    if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR) break;
    if (read_entry(root, key)) return {};
    const std::string aside = temporary + ".broken";
    if (::rename(place.c_str(), aside.c_str()) != 0 && errno != ENOENT)
      return failure("set aside", place);
    remove_tree(aside);
  }
  return failure("rename into place", place);
}

std::string fill_directory(const std::string& path, const std::string& key,
                           const CompiledKernel& kernel) {
  if (!write_file(path + "/image", kernel.image)) return failure("write", path + "/image");
  if (!write_file(path + "/metadata.json", kernel.metadata))
    return failure("write", path + "/metadata.json");
  if (!kernel.log.empty() && !write_file(path + "/log", kernel.log))
    return failure("write", path + "/log");
  if (!write_file(path + "/checksum", manifest(key, kernel)))
    return failure("write", path + "/checksum");
  if (!sync_directory(path)) return failure("sync", path);
  return {};
}

}  // namespace

bool is_cache_key(const std::string& name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string entry_path(const std::string& root, const std::string& key) {
  return fmt::format("{}/kernels/{}/{}", root, key.substr(0, 2), key);
}

bool make_directories(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0) return true;
  if (errno == ENOENT) {
    const std::size_t slash = path.find_last_of('/');
    if (slash == std::string::npos || slash == 0 || !make_directories(path.substr(0, slash)))
      return false;
    if (::mkdir(path.c_str(), 0755) == 0) return true;
  }
  if (errno != EEXIST) return false;
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return false;
  if (!S_ISDIR(status.st_mode)) errno = ENOTDIR;
  return S_ISDIR(status.st_mode);
}

std::optional<CompiledKernel> read_entry(const std::string& root, const std::string& key) {
  const Fd directory(::open(entry_path(root, key).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) return std::nullopt;
  CompiledKernel kernel;
  std::string checksum;
  if (!read_file(directory.get(), "checksum", checksum)) return std::nullopt;
  if (!read_file(directory.get(), "image", kernel.image)) return std::nullopt;
  if (!read_file(directory.get(), "metadata.json", kernel.metadata)) return std::nullopt;
  if (!read_file(directory.get(), "log", kernel.log)) kernel.log.clear();
  if (checksum != manifest(key, kernel)) return std::nullopt;
  return kernel;
}

std::string write_entry(const std::string& root, const std::string& key,
                        const CompiledKernel& kernel) {
  const std::string parent = fmt::format("{}/kernels/{}", root, key.substr(0, 2));
  const std::string scratch = root + "/kernels/tmp";
  if (!make_directories(parent)) return failure("create", parent);
  if (!make_directories(scratch)) return failure("create", scratch);
  const std::string temporary = scratch + "/" + unique_name(key);
  if (::mkdir(temporary.c_str(), 0755) != 0) return failure("create", temporary);
  std::string problem = fill_directory(temporary, key, kernel);
  if (problem.empty()) problem = put_in_place(root, key, temporary);
  if (!problem.empty() || ::access(temporary.c_str(), F_OK) == 0) remove_tree(temporary);
  // Unsynced parents can only lose the whole entry in a crash of the machine, which is a miss.
  if (problem.empty() && !sync_directory(parent)) problem = failure("sync", parent);
  return problem;
}

EntryLock::EntryLock(const std::string& root, const std::string& key)
    : path_(fmt::format("{}/kernels/locks/{}", root, key)) {
  if (make_directories(root + "/kernels/locks"))
    fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
}

EntryLock::Outcome EntryLock::try_lock() {
  for (;;) {
    if (fd_ < 0) return Outcome::kImpossible;
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      return errno == EWOULDBLOCK ? Outcome::kBusy : Outcome::kImpossible;
    }
    // The previous holder removed its file: a lock on that name's new file is the one that counts.
    struct stat ours, named;
    if (::fstat(fd_, &ours) != 0) return Outcome::kImpossible;
    if (::stat(path_.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
        ours.st_dev == named.st_dev) {
      held_ = true;
      return Outcome::kHeld;
    }
    ::close(fd_);
    fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  }
}

EntryLock::~EntryLock() {
  if (held_) ::unlink(path_.c_str());  // while still locked: nobody else can hold this name's file
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace convoke
