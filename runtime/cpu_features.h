// What processor this is: instruction sets (CPUID, XCR0, the AMX permission of arch_prctl), caches,
// model name. The decoding is pure and takes the answers of CPUID from outside, so that tests can
// play processors that are not at hand. Virtual machines report nonsense now and then: cache sizes
// out of any sane range are replaced.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "compiler/cpu_isa.h"

namespace convoke {

struct CpuDescription {
  std::string model;   ///< "AMD EPYC 7B13 64-Core Processor"
  CpuIsa isa;          ///< what may be used, after CONVOKE_CPU_ISA
  CpuIsa hardware;     ///< what is there
  double max_ghz = 0;  ///< estimate (measured once, cheap); for limits only
};

/// Detected once. @throws Error kUsage if CONVOKE_CPU_ISA names a level that is unknown or not
/// there.
const CpuDescription& cpu_description();

/// Where the decoding gets its facts from.
struct CpuidSource {
  using Registers = std::array<std::uint32_t, 4>;  ///< eax, ebx, ecx, edx
  /// CPUID(leaf, subleaf); zeros for a leaf that does not exist.
  std::function<Registers(std::uint32_t leaf, std::uint32_t subleaf)> cpuid;
  /// XCR0: which register files the operating system saves. Asked only if CPUID reports OSXSAVE.
  std::function<std::uint64_t()> xcr0;
  /// Asks the kernel for AMX tile data; asked only on processors that have it.
  std::function<bool()> request_amx;
};

/// Of the processor this runs on.
CpuidSource host_cpuid();

/// The highest level whose instructions are all there and whose registers the system saves.
IsaLevel detect_level(const CpuidSource& source);
/// Brand string without padding; "unknown x86-64 processor" if there is none.
std::string detect_model(const CpuidSource& source);
/// Sets the cache sizes of `isa` that CPUID reports within sane limits and leaves the others alone.
void detect_caches(const CpuidSource& source, CpuIsa& isa);
/// `hardware`, or what CONVOKE_CPU_ISA (`asked`) lowers it to; empty asks for nothing.
/// @throws Error kUsage if `asked` is unknown or higher than `hardware`.
IsaLevel lower_level(IsaLevel hardware, const std::string& asked);

}  // namespace convoke
