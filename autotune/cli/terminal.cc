#include "autotune/cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <mutex>

namespace convoke::cli {
namespace {

constexpr int kDefaultWidth = 80;
constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 8;  // of a column that shrinks
constexpr auto kRedraw = std::chrono::milliseconds(100);

// The bar that is on screen; log lines and tables clear it first, from whatever thread they come.
std::mutex screen_mutex;
bool bar_drawn = false;

void clear_bar_locked() {
  if (bar_drawn) std::fputs("\r\033[K", stderr);
  bar_drawn = false;
}

}  // namespace

std::optional<int> terminal_width() {
  if (!isatty(STDERR_FILENO)) return std::nullopt;
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kDefaultWidth;
  return size.ws_col;
}

void print_line(std::string_view line) {
  const std::lock_guard lock(screen_mutex);
  clear_bar_locked();
  fmt::print(stderr, "{}\n", line);
}

void Table::column(std::string head, Align align, bool shrinks) {
  columns_.push_back({std::move(head), align, shrinks});
}

void Table::row(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths(int limit) const {
  std::vector<std::size_t> widths;
  std::size_t total = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = columns_[i].head.size();
    for (const auto& row : rows_) width = std::max(width, row[i].size());
    widths.push_back(width);
    total += width + (i ? kGap : 0);
  }
  if (limit <= 0) return widths;
  while (total > static_cast<std::size_t>(limit)) {
    std::size_t widest = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].shrinks && widths[i] > kNarrowest &&
          (widest == columns_.size() || widths[i] > widths[widest]))
        widest = i;
    }
    if (widest == columns_.size()) break;
    --widths[widest];
    --total;
  }
  return widths;
}

std::string Table::text(int width) const {
  const std::vector<std::size_t> column_widths = widths(width);
  const auto line = [&](auto cell_at) {
    std::string text;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      std::string cell = cell_at(i);
      if (cell.size() > column_widths[i]) cell = cell.substr(0, column_widths[i] - 1) + "~";
      if (i) text.append(kGap, ' ');
      text += columns_[i].align == Align::kRight ? fmt::format("{:>{}}", cell, column_widths[i])
                                                 : fmt::format("{:<{}}", cell, column_widths[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
  };
  std::string result = line([&](std::size_t i) { return columns_[i].head; });
  result += line([&](std::size_t i) { return std::string(column_widths[i], '-'); });
  for (const auto& row : rows_) result += line([&](std::size_t i) { return row[i]; });
  return result;
}

std::string print_duration(double seconds) {
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<long>(std::lround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string print_bytes(double bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

Progress::Progress(std::string verb, std::size_t total, std::optional<double> budget_seconds)
    : verb_(std::move(verb)),
      total_(total),
      budget_(budget_seconds),
      start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  const std::lock_guard lock(screen_mutex);
  clear_bar_locked();
}

void Progress::update(std::size_t index, double fraction, std::string_view what) {
  draw(static_cast<double>(index) + std::clamp(fraction, 0.0, 1.0), index, what);
}

void Progress::done(std::size_t index, std::string_view what, std::string_view result) {
  if (!isatty(STDERR_FILENO)) {
    print_line(fmt::format("{} {}/{}  {}  {}", verb_, index + 1, total_, what, result));
    return;
  }
  draw(static_cast<double>(index + 1), index, what);
}

void Progress::draw(double items, std::size_t index, std::string_view what) {
  const std::optional<int> width = terminal_width();
  if (!width) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - last_draw_ < kRedraw) return;
  last_draw_ = now;

  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double share = total_ ? items / static_cast<double>(total_) : 1.0;
  std::string left = "      ";
  if (items > 0) {
    double seconds = elapsed * (1 - share) / share;
    if (budget_) seconds = std::min(seconds, std::max(0.0, *budget_ - elapsed));
    left = print_duration(seconds) + " left";
  }
  const std::string head = fmt::format("{} {}/{} ", verb_, std::min(index + 1, total_), total_);
  std::string tail = fmt::format(" {:3.0f} %  {}  {}", share * 100, left, what);
  constexpr int kWidestBar = 40;
  const auto room = static_cast<std::size_t>(std::max(0, *width - 1));
  if (head.size() + tail.size() > room) tail.resize(room > head.size() ? room - head.size() : 0);
  const int bar = std::clamp(static_cast<int>(room - std::min(room, head.size() + tail.size())) - 2,
                             0, kWidestBar);
  std::string line = head.substr(0, room);
  if (bar >= 5) {
    const int full = static_cast<int>(share * bar);
    line += fmt::format("[{:#>{}}{:.>{}}]", "", full, "", bar - full);
  }
  line += tail;

  const std::lock_guard lock(screen_mutex);
  clear_bar_locked();
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
  bar_drawn = true;
}

}  // namespace convoke::cli
