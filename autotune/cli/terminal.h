// Everything that people read on stderr: aligned tables and one progress display, a bar on a
// terminal, plain lines elsewhere. Both ask the terminal for its width when they draw. ASCII only,
// no colours: logs stay readable.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace convoke::cli {

/// Columns of the terminal on stderr, or nothing if stderr is none.
std::optional<int> terminal_width();

/// Writes one line to stderr; clears a progress bar first if one is drawn.
void print_line(std::string_view line);

/// A table with heads; numbers right, words left.
class Table {
 public:
  enum class Align { kLeft, kRight };
  /// `shrinks`: on a narrow terminal this column is cut, with `~` at its end.
  void column(std::string head, Align align, bool shrinks = false);
  void row(std::vector<std::string> cells);
  /// All lines, each ended by a newline. `width`: 0 is unlimited.
  std::string text(int width = 0) const;
  bool empty() const { return rows_.empty(); }

 private:
  struct Column {
    std::string head;
    Align align;
    bool shrinks;
  };
  std::vector<std::size_t> widths(int limit) const;
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// "3.2 s", "1 min 05 s", "2 h 03 min".
std::string print_duration(double seconds);
/// "512 B", "1.5 MiB".
std::string print_bytes(double bytes);

/// Progress over `total` items, each of which may report a fraction of itself.
class Progress {
 public:
  /// `budget`: the time left never exceeds what remains of it.
  Progress(std::string verb, std::size_t total, std::optional<double> budget_seconds = {});
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Item `index` (zero-based) is at `fraction` of its work.
  void update(std::size_t index, double fraction, std::string_view what);
  /// Item `index` is done; `result` is shown where there is no terminal.
  void done(std::size_t index, std::string_view what, std::string_view result);

 private:
  void draw(double items, std::size_t index, std::string_view what);
  std::string verb_;
  std::size_t total_;
  std::optional<double> budget_;
  std::chrono::steady_clock::time_point start_, last_draw_;
};

}  // namespace convoke::cli
