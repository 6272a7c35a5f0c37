// The layers of the tree: templates <- compiler <- runtime <- autotune <- {cli, examples, bindings,
// bench, tests}. Reads every source file, looks at its project includes, at LLVM's headers and at
// asm, and fails with file:line.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct Layer {
  std::string_view prefix;
  int rank;
};

// The first prefix that fits decides. A file may include what is of its own rank or below; the tops
// (rank 4) do not include each other. Public headers use nothing but themselves.
constexpr Layer kLayers[] = {{"include/convoke/", 0}, {"convoke/", 0},  {"templates/", 0},
                             {"compiler/", 1},        {"runtime/", 2},  {"autotune/cli/", 4},
                             {"autotune/", 3},        {"examples/", 4}, {"bindings/", 4},
                             {"bench/", 4},           {"tests/", 4}};

const Layer* layer_of(std::string_view path) {
  for (const Layer& layer : kLayers) {
    if (path.substr(0, layer.prefix.size()) == layer.prefix) return &layer;
  }
  return nullptr;
}

bool may_use_llvm(const std::string& path) {
  static const std::regex allowed(
      R"((compiler/emit_cpu[^/]*|runtime/cpu_backend[^/]*|tests/[^/]*(cpu_backend|emit_cpu|emitter)[^/]*)\.(h|cc))");
  return std::regex_match(path, allowed);
}

bool may_use_asm(const std::string& path) { return path.rfind("templates/ptx/", 0) == 0; }

/// Blanks comments and string literals, so that prose about asm is not taken for it.
std::string without_comments(const std::string& line) {
  static const std::regex noise(R"re("([^"\\]|\\.)*"|//.*)re");
  return std::regex_replace(line, noise, "");
}

std::string why_include_is_wrong(const std::string& path, const std::string& included) {
  if (included.rfind("llvm/", 0) == 0 || included.rfind("llvm-c/", 0) == 0) {
    return may_use_llvm(path) ? "" : "LLVM belongs in emit_cpu* and cpu_backend* alone";
  }
  const Layer* to = layer_of(included);
  const Layer* from = layer_of(path);
  if (to == nullptr || from == nullptr) return "";
  const bool sideways = to->rank == 4 && from->prefix != to->prefix && from->prefix != "tests/";
  if (to->rank > from->rank || sideways) {
    return std::string(from->prefix) + " may not use " + std::string(to->prefix);
  }
  const bool public_header = path.rfind("include/", 0) == 0;
  if (public_header && to->prefix != "convoke/") return "public headers use only public headers";
  return "";
}

/// Violations in one file, as "path:line: reason".
std::vector<std::string> check(const std::string& path, std::istream& text) {
  static const std::regex include(R"(^\s*#\s*include\s*["<]([^">]+)[">])");
  static const std::regex assembly(R"(\b(asm|__asm__|__asm)\b)");
  std::vector<std::string> found;
  std::string line;
  for (int number = 1; std::getline(text, line); ++number) {
    std::smatch match;
    std::string why;
    if (std::regex_search(line, match, include)) {
      why = why_include_is_wrong(path, match[1]);
    } else if (!may_use_asm(path) && std::regex_search(without_comments(line), assembly)) {
      why = "asm belongs in templates/ptx alone";
    }
    if (!why.empty()) found.push_back(path + ":" + std::to_string(number) + ": " + why);
  }
  return found;
}

std::vector<std::string> check_text(const std::string& path, const std::string& text) {
  std::istringstream stream(text);
  return check(path, stream);
}

bool is_source(const fs::path& path) {
  const std::string extension = path.extension();
  return extension == ".h" || extension == ".hpp" || extension == ".cc" || extension == ".c" ||
         extension == ".cuh" || extension == ".cu";
}

TEST(Layering, TheTreeKeepsItsLayers) {
  const fs::path root = CONVOKE_SOURCE_DIR;
  std::vector<std::string> found;
  int files = 0;
  for (const char* top : {"include", "templates", "compiler", "runtime", "autotune", "examples",
                          "bindings", "bench", "tests"}) {
    if (!fs::exists(root / top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      if (!entry.is_regular_file() || !is_source(entry.path())) continue;
      ++files;
      std::ifstream stream(entry.path());
      const auto some = check(entry.path().lexically_relative(root).generic_string(), stream);
      found.insert(found.end(), some.begin(), some.end());
    }
  }
  EXPECT_GT(files, 30);
  for (const std::string& violation : found) ADD_FAILURE() << violation;
}

TEST(Layering, EachKindOfViolationIsFound) {
  const std::pair<const char*, const char*> bad[] = {
      {"compiler/a.cc", "#include \"runtime/target.h\"\n"},
      {"compiler/a.h", "# include <autotune/tune.h>\n"},
      {"templates/a.cuh", "#include \"compiler/epilogue.h\"\n"},
      {"runtime/a.cc", "#include \"autotune/tune.h\"\n"},
      {"autotune/a.cc", "#include \"autotune/cli/options.h\"\n"},
      {"runtime/a.cc", "#include \"tests/helper.h\"\n"},
      {"bench/a.cc", "#include \"examples/common.h\"\n"},
      {"include/convoke/a.h", "#include \"compiler/epilogue.h\"\n"},
      {"runtime/cpu_target.cc", "#include <llvm/IR/Module.h>\n"},
      {"compiler/cpu_schedule.h", "#include \"llvm/IR/Module.h\"\n"},
      {"runtime/a.cc", "  asm volatile(\"nop\");\n"},
      {"templates/gemm.cuh", "  __asm__(\"nop\");\n"},
  };
  for (const auto& [path, line] : bad) {
    const auto found = check_text(path, std::string("// one\n") + line);
    ASSERT_EQ(found.size(), 1u) << path << ' ' << line;
    EXPECT_EQ(found[0].rfind(std::string(path) + ":2: ", 0), 0u) << found[0];
  }
}

TEST(Layering, WhatIsAllowedPasses) {
  const std::pair<const char*, const char*> good[] = {
      {"runtime/a.cc", "#include \"compiler/epilogue.h\"\n"},
      {"compiler/emit_cpu_gemm.cc", "#include <llvm/IR/IRBuilder.h>\n"},
      {"runtime/cpu_backend_jit.cc", "#include <llvm/IR/IRBuilder.h>\n"},
      {"compiler/epilogue.cc", "#include \"templates/conv_config.h\"\n"},
      {"tests/a_test.cc", "#include \"autotune/cli/options.h\"\n"},
      {"templates/ptx/mma.h", "  asm volatile(\"mma\");\n"},
      {"runtime/a.cc", "  // asm would be faster\n  f(\"asm\", \"ll|asm\");\n"},
  };
  for (const auto& [path, line] : good) {
    EXPECT_TRUE(check_text(path, line).empty()) << path << ' ' << line;
  }
}

}  // namespace
