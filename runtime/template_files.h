// The kernel templates that NVRTC is given: those built into the library, or those of
// CONVOKE_TEMPLATE_DIR, for who changes a kernel without building. Their digest is part of every
// kernel's key, so that an edited file is a miss.
#pragma once

#include <string>
#include <vector>

#include "runtime/nvrtc.h"

namespace convoke {

struct TemplateFiles {
  std::vector<Nvrtc::Header> headers;  ///< by the path that an include names, "templates/mma.cuh"
  std::string digest;                  ///< SHA-256 over all
};

/// Read once a process. @throws Error kUsage if CONVOKE_TEMPLATE_DIR cannot be read.
const TemplateFiles& template_files();

/// Those of a directory that stands for templates/; empty: those built in. @throws as above.
TemplateFiles read_template_files(const std::string& directory);

}  // namespace convoke
