#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

#include "compiler/spec_text.h"

namespace convoke {

std::vector<Problem> read_problem_list(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::vector<Problem> problems;
  std::string line;
  int number = 0;
  while (std::getline(file, line)) {
    ++number;
    line.resize(std::min(line.find('#'), line.size()));
    if (line.ends_with('\r')) line.pop_back();
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    try {
      problems.push_back(parse_problem(line));
    } catch (const Error& e) {
      throw Error(e.code(), fmt::format("{}:{}: {}", path, number, e.what()));
    }
    problems.back().line = number;
  }
  // A directory opens, but fails to be read.
  if (!file.eof()) {
    throw Error(ErrorCode::kUsage, fmt::format("cannot read the problem list {}: {}", path,
                                               std::strerror(errno != 0 ? errno : EIO)));
  }
  if (problems.empty()) {
    throw Error(ErrorCode::kUsage, fmt::format("{}: the list holds no problem", path));
  }
  return problems;
}

}  // namespace convoke
