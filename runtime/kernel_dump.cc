#include "runtime/kernel_dump.h"

#include <spdlog/spdlog.h>

#include <fstream>

#include "runtime/cache_entry.h"

namespace convoke {

void dump_kernel(const std::string& directory, const std::string& key,
                 const std::vector<std::pair<std::string, std::string>>& files) {
  make_directories(directory);
  for (const auto& [suffix, content] : files) {
    const std::string path = directory + "/" + key.substr(0, 16) + "." + suffix;
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << content << std::flush;
    if (!file) spdlog::warn("CONVOKE_DUMP: cannot write {}", path);
  }
}

}  // namespace convoke
