#include "runtime/template_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "compiler/emit_cuda.h"
#include "convoke/error.h"
#include "runtime/env.h"

namespace convoke {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& directory, const std::string& why) {
  throw Error(ErrorCode::kUsage,
              fmt::format("CONVOKE_TEMPLATE_DIR={}: {}; it must be a copy of the "
                          "whole templates folder, or unset",
                          directory, why));
}

/// Every .h and .cuh below a directory, by name: also one that a user has added.
std::vector<TemplateFile> files_in(const std::string& directory) {
  std::vector<TemplateFile> files;
  std::error_code failed;
  for (fs::recursive_directory_iterator it(directory, failed), end; !failed && it != end;
       it.increment(failed)) {
    const fs::path& path = it->path();
    if (path.extension() != ".h" && path.extension() != ".cuh") continue;
    std::ifstream file(path, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file) refuse(directory, fmt::format("cannot read {}", path.string()));
    files.push_back({"templates/" + path.lexically_relative(directory).string(), std::move(text)});
  }
  if (failed) refuse(directory, failed.message());
  if (files.empty()) refuse(directory, "no template is there");
  std::sort(files.begin(), files.end(),
            [](const TemplateFile& a, const TemplateFile& b) { return a.name < b.name; });
  return files;
}

}  // namespace

TemplateFiles read_template_files(const std::string& directory) {
  const std::vector<TemplateFile> own =
      directory.empty() ? std::vector<TemplateFile>{} : files_in(directory);
  TemplateFiles result;
  result.digest = directory.empty() ? embedded_templates_digest() : templates_digest(own);
  for (const TemplateFile& file : directory.empty() ? embedded_templates() : own)
    result.headers.emplace_back(file.name, file.text);
  return result;
}

const TemplateFiles& template_files() {
  static const TemplateFiles files = read_template_files(env_value(EnvVar::kTemplateDir));
  return files;
}

}  // namespace convoke
