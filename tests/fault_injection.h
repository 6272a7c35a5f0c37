// Makes the N-th file-system call of this process fail with an errno, or kills the process there:
// included once by a test program, its definitions take the place of libc's. The only way to a full
// disk, a read-only file system or a power cut that works as root, in a container, and at every
// single step.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace fault {

inline int countdown = 0;  ///< the call that brings this to 0 is hit; 0: nothing happens
inline int fail_with = 0;  ///< an errno for that call and all after it; 0: die there by SIGKILL
inline bool failing = false;

/// True if the call is to fail; errno is set.
inline bool hit() {
  if (countdown > 0 && --countdown == 0) {
    if (fail_with == 0) ::kill(::getpid(), SIGKILL);
    failing = true;
  }
  if (failing) errno = fail_with;
  return failing;
}

inline void arm(int step, int error) {
  countdown = step;
  fail_with = error;
  failing = false;
}
/// True if the armed step was reached.
inline bool disarm() {
  const bool reached = countdown == 0;
  countdown = 0;
  failing = false;
  return reached;
}

}  // namespace fault

extern "C" {
int mkdir(const char* path, mode_t mode) noexcept {
  return fault::hit() ? -1 : static_cast<int>(syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}
int open(const char* path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
  va_end(args);
  // Reading is not what is under test: only what creates.
  if ((flags & O_CREAT) != 0 && fault::hit()) return -1;
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}
ssize_t write(int fd, const void* data, size_t bytes) {
  // Half of it arrives before the power goes.
  if (fault::countdown == 1 && fd > 2) syscall(SYS_write, fd, data, bytes / 2);
  return fault::hit() ? -1 : syscall(SYS_write, fd, data, bytes);
}
int fsync(int fd) { return fault::hit() ? -1 : static_cast<int>(syscall(SYS_fsync, fd)); }
int rename(const char* from, const char* to) noexcept {
  return fault::hit() ? -1
                      : static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int unlink(const char* path) noexcept {
  return fault::hit() ? -1 : static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
}
