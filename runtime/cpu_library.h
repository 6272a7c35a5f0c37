// Finds and opens libconvoke_cpu.so on first use, so that a process which never compiles for the
// CPU never maps LLVM. Nothing is unloaded: kernels live in it until the process ends.
#pragma once

#include <string>

#include "runtime/cpu_backend.h"

namespace convoke {

/// The table of the CPU library; opened once; a failure is tried again at the next call.
/// @throws Error kDevice, with every place that was tried, if it is missing, broken or of another
/// ABI.
const ConvokeCpuBackend& cpu_library();

/// Where cpu_library() found it. @throws as cpu_library().
const std::string& cpu_library_path();

}  // namespace convoke
