#include "autotune/cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <string_view>

namespace convoke::cli {
namespace {

std::atomic<bool> flag{false};
static_assert(std::atomic<bool>::is_always_lock_free,
              "the signal handler may only touch a lock-free flag");

void on_signal(int) {
  flag.store(true);
  constexpr std::string_view kNote =
      "\nconvoke: stopping at the next safe point; once more kills\n";
  // Nothing can be done about a failed note.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kNote.data(), kNote.size());
}

}  // namespace

void install_interrupt_handler() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

const std::atomic<bool>& interrupted() { return flag; }

}  // namespace convoke::cli
