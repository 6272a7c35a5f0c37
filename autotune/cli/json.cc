#include "autotune/cli/json.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>

#include "convoke/error.h"

namespace convoke::cli {

void prepare_streams() {
  signal(SIGPIPE, SIG_IGN);
  // open() takes the lowest free descriptor, so this fills 0..2 in order. Read-only: a write to a
  // closed stdout must fail, not vanish.
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) == -1 && errno == EBADF && open("/dev/null", O_RDONLY) == -1) _exit(4);
  }
}

void write_stdout(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      throw BrokenPipe();
    } else if (errno != EINTR) {
      throw Error(ErrorCode::kDevice,
                  fmt::format("cannot write to standard output: {}", std::strerror(errno)));
    }
  }
}

void write_json_line(const nlohmann::ordered_json& object) {
  nlohmann::ordered_json line;
  line["schema"] = kJsonSchema;
  line.update(object);
  write_stdout(line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

nlohmann::ordered_json number_or_null(double value) {
  if (!std::isfinite(value)) return nullptr;
  return value;
}

}  // namespace convoke::cli
