#include "runtime/cuda_aot.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "compiler/cache_key.h"
#include "compiler/spec_text.h"
#include "convoke/error.h"
#include "runtime/cache_entry.h"

namespace convoke {
namespace {

std::string open_batch_text(ConvSpec spec) {
  spec.n = kOpenBatch;
  return print_spec(spec);
}

std::string record_path(const std::string& folder, const std::string& problem,
                        const std::string& arch) {
  return fmt::format("{}/configs/{}", folder, sha256_hex(problem + "\n" + arch));
}

}  // namespace

void record_config(const std::string& folder, const ConvSpec& spec, const std::string& arch,
                   const KernelConfig& config) {
  const std::string problem = open_batch_text(spec);
  const std::string path = record_path(folder, problem, arch);
  // One a call: a list may name a problem twice, and threads build it side by side.
  static std::atomic<unsigned> calls{0};
  const std::string temporary = fmt::format("{}.{}.{}", path, getpid(), calls++);
  bool written = make_directories(folder + "/configs");
  if (written) {
    std::ofstream file(temporary, std::ios::trunc);
    file << problem << '\n' << arch << '\n' << print_config(config) << '\n' << std::flush;
    written = file.good();
  }
  // Renamed into place: a reader finds the whole record or none.
  if (!written || std::rename(temporary.c_str(), path.c_str()) != 0)
    throw Error(ErrorCode::kCache, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

std::optional<KernelConfig> recorded_config(const std::string& folder, const ConvSpec& spec,
                                            const std::string& arch) {
  const std::string problem = open_batch_text(spec);
  const std::string path = record_path(folder, problem, arch);
  std::ifstream file(path);
  std::string lines[3];
  for (std::string& line : lines) std::getline(file, line);
  if (!file || lines[0] != problem || lines[1] != arch) return std::nullopt;
  try {
    return parse_config(lines[2]);
  } catch (const Error& error) {
    spdlog::warn("{} is left out: {}", path, error.what());
    return std::nullopt;
  }
}

}  // namespace convoke
