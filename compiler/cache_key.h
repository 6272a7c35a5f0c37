// Keys of compiled kernels: SHA-256 over everything that can change the machine code, and nothing
// else.
#pragma once

#include <string>
#include <string_view>

#include "compiler/cpu_isa.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"

namespace convoke {

/// Lower-case hex of SHA-256.
std::string sha256_hex(std::string_view bytes);

/// Digest of the sources of the CPU emitter, made at build time.
const char* cpu_emitter_digest();

/// The text that a CPU kernel's code depends on: the spec (with the batch only where the code does:
/// an open and a fixed batch of any size share one image), config, instruction set.
/// Newline-separated `name value` lines.
std::string cpu_key_text(const ConvSpec& spec, const KernelConfig& config, const CpuIsa& isa);
/// SHA-256 of cpu_key_text, the emitter digest and the compiler's version.
std::string cpu_cache_key(const ConvSpec& spec, const KernelConfig& config, const CpuIsa& isa,
                          std::string_view compiler_version);

}  // namespace convoke
