// nvdisasm as a child process: the one tool of the toolkit that has no library.
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <vector>

#include "convoke/error.h"
#include "runtime/cuda_compiler.h"

extern char** environ;

namespace convoke {
namespace {

namespace fs = std::filesystem;

/// A program of the PATH, or empty.
std::string on_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string file = folder + "/" + program;
    if (!folder.empty() && access(file.c_str(), X_OK) == 0) return file;
  }
  return "";
}

/// An unnamed file that a child reaches by its descriptor's path.
class MemoryFile {
 public:
  explicit MemoryFile(const char* name) : fd_(memfd_create(name, 0)) {
    if (fd_ < 0)
      throw Error(ErrorCode::kDevice,
                  fmt::format("cannot make a file in memory: {}", std::strerror(errno)));
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  int fd() const { return fd_; }
  std::string path() const { return fmt::format("/proc/self/fd/{}", fd_); }
  void write_all(const std::string& bytes) const {
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t n = write(fd_, bytes.data() + done, bytes.size() - done);
      if (n <= 0) throw Error(ErrorCode::kDevice, "cannot write a file in memory: it is full");
      done += static_cast<std::size_t>(n);
    }
  }
  std::string read_all() const {
    std::string bytes;
    char buffer[1 << 16];
    for (off_t at = 0;;) {
      const ssize_t n = pread(fd_, buffer, sizeof buffer, at);
      if (n <= 0) return bytes;
      bytes.append(buffer, static_cast<std::size_t>(n));
      at += n;
    }
  }

 private:
  int fd_;
};

}  // namespace

std::string find_nvdisasm() {
  if (std::string found = on_path("nvdisasm"); !found.empty()) return found;
  std::vector<fs::path> folders = {"/usr/local/cuda/bin"};
  std::error_code ignored;
  if (const std::string nvcc = on_path("nvcc"); !nvcc.empty())
    folders.insert(folders.begin(), fs::canonical(nvcc, ignored).parent_path());
  for (const fs::path& folder : folders)
    if (access((folder / "nvdisasm").c_str(), X_OK) == 0) return folder / "nvdisasm";
  throw Error(ErrorCode::kUnsupported,
              "no nvdisasm on the PATH, beside nvcc or in /usr/local/cuda/bin: install NVIDIA's "
              "package cuda-nvdisasm, or emit ptx");
}

std::string disassemble(const std::string& cubin) {
  const std::string program = find_nvdisasm();
  const MemoryFile input("cubin"), output("sass"), errors("errors");
  input.write_all(cubin);
  std::string file = input.path();
  std::string name = "nvdisasm";
  char* arguments[] = {name.data(), file.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output.fd(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors.fd(), STDERR_FILENO);
  pid_t child = 0;
  const int failed = posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0)
    throw Error(ErrorCode::kDevice,
                fmt::format("cannot start {}: {}", program, std::strerror(failed)));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw Error(ErrorCode::kDevice,
                fmt::format("{} failed: {}", program, first_error_line(errors.read_all())));
  return output.read_all();
}

}  // namespace convoke
