// Links object files of the CPU backend into this process, through ORC's linking layer (JITLink).
// Each kernel has its own library in the session, so that unloading one gives its pages back. A
// kernel may call only the few functions listed in the .cc: the host's symbols are never searched.
#pragma once

#include <cstddef>

namespace convoke {

struct LoadedObject {
  void* handle = nullptr;  ///< for unload_object
  void* entry = nullptr;   ///< address of kCpuKernelEntry
};

/// Copies what it needs of the bytes. Thread-safe.
/// @throws Error kDevice with the linker's message: not an object for this machine, no entry, an
/// unknown symbol.
LoadedObject load_object(const void* object, std::size_t size);

/// Frees the code; no call into it may be running. Thread-safe.
void unload_object(void* handle);

}  // namespace convoke
