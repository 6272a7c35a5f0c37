// Runs a program as a child and collects what it says: the tests of the command line see it as a
// shell does. Output goes through files, so that no pipe fills up; a child that hangs is killed.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace convoke {

struct Finished {
  int code = -1;   ///< exit status, or -1 if a signal ended it
  int signal = 0;  ///< that signal
  std::string out, err;
};

class Subprocess {
 public:
  /// `out_path`: where stdout goes; "" is a file that is read back, "closed" is no descriptor at
  /// all.
  Subprocess(const std::vector<std::string>& words,
             const std::vector<std::pair<std::string, std::string>>& environment = {},
             const std::string& out_path = "") {
    char name[] = "/tmp/convoke-test-XXXXXX";
    directory_ = mkdtemp(name);
    const std::string out = out_path.empty() ? directory_ + "/out" : out_path;
    pid_ = fork();
    if (pid_ == 0) {
      if (out == "closed") {
        close(STDOUT_FILENO);
      } else if (out == "broken pipe") {
        int ends[2];
        if (pipe(ends) != 0) _exit(126);
        close(ends[0]);
        dup2(ends[1], STDOUT_FILENO);
      } else {
        dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), STDOUT_FILENO);
      }
      dup2(open((directory_ + "/err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600),
           STDERR_FILENO);
      for (const auto& [key, value] : environment) setenv(key.c_str(), value.c_str(), 1);
      std::vector<char*> arguments;
      for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
      arguments.push_back(nullptr);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
  }
  ~Subprocess() {
    if (pid_ > 0) wait();
    std::filesystem::remove_all(directory_);
  }
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;

  void send(int signal) const { kill(pid_, signal); }
  std::string out_so_far() const { return read(directory_ + "/out"); }
  std::string err_so_far() const { return read(directory_ + "/err"); }

  /// Waits for the end, two minutes at most.
  Finished wait() {
    int status = 0;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (waitpid(pid_, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > deadline) send(SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    pid_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            WIFSIGNALED(status) ? WTERMSIG(status) : 0, read(directory_ + "/out"),
            read(directory_ + "/err")};
  }

 private:
  static std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  pid_t pid_ = -1;
  std::string directory_;
};

}  // namespace convoke
