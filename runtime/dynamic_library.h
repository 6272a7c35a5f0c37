// Opening a shared library out of several places, and the words for what went wrong: the CPU
// library, the CUDA driver and NVRTC are all found at run time, and each error names every place
// that was tried.
#pragma once

#include <string>

namespace convoke {

/// A library that stays open for the rest of the process.
struct DynamicLibrary {
  void* handle = nullptr;  ///< null: not found
  std::string path;        ///< the file that the loader took
};

/// Opens one file; null with the loader's words in `why`.
DynamicLibrary open_library(const std::string& name, std::string& why);

}  // namespace convoke
