// CONVOKE_DUMP: what became of a kernel on its way to machine code, as files that a person can
// read.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace convoke {

/// Writes DIR/<first 16 digits of key>.<suffix> for each (suffix, content). A directory that cannot
/// be written is warned of once per file and changes nothing else.
void dump_kernel(const std::string& directory, const std::string& key,
                 const std::vector<std::pair<std::string, std::string>>& files);

}  // namespace convoke
