// What processor this is: instruction sets (CPUID, XCR0, the AMX permission of arch_prctl), caches, model name.
#pragma once

#include <string>

#include "compiler/cpu_isa.h"

namespace convoke {

struct CpuDescription {
  std::string model;   ///< "AMD EPYC 7B13 64-Core Processor"
  CpuIsa isa;          ///< what may be used, after CONVOKE_CPU_ISA
  CpuIsa hardware;     ///< what is there
  double max_ghz = 0;  ///< estimate (measured once, cheap); for limits only
};

/// Detected once. @throws Error kUsage if CONVOKE_CPU_ISA names a level that is unknown or not there.
const CpuDescription& cpu_description();

}  // namespace convoke
