// Folders of kernels built ahead of time, for machines without NVRTC. Such a folder is a kernel
// cache like any other (cache_entry.h) that CONVOKE_SYSTEM_CACHE names, with two differences:
//  - The key of an entry leaves out the compiler's version, which the machine that uses it does not
//    know; emitted source, templates, options and architecture are in it, so that another version
//    of Convoke misses. Each kernel is there twice: as a cubin for its architecture and as PTX for
//    newer ones.
//  - configs/ holds, for each problem (batch left open) and architecture, the configuration that
//    was built, which a plan without tuning results takes instead of the default.
#pragma once

#include <optional>
#include <string>

#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"

namespace convoke {

/// Remembers that `config` is what the folder holds for a problem on an architecture; replaces an
/// earlier one. @throws Error kCache if the folder cannot be written.
void record_config(const std::string& folder, const ConvSpec& spec, const std::string& arch,
                   const KernelConfig& config);

/// What was recorded, or nothing: a folder that cannot be read is an empty one.
std::optional<KernelConfig> recorded_config(const std::string& folder, const ConvSpec& spec,
                                            const std::string& arch);

}  // namespace convoke
