// The C function table through which libconvoke.so reaches libconvoke_cpu.so (LLVM). Specs and
// configs cross as their canonical text, objects as bytes; no C++ type and no exception does, so
// the two libraries may be built by different compilers and a process may hold another LLVM.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CONVOKE_CPU_BACKEND_ABI 3

/// Bytes owned by the backend; give them back with ConvokeCpuBackend::release. data is
/// NUL-terminated beyond size.
typedef struct ConvokeBytes {
  char* data;
  size_t size;
} ConvokeBytes;

typedef struct ConvokeCpuIsa {
  int32_t level;  ///< convoke::IsaLevel
  int64_t l1_bytes, l2_bytes, l3_bytes;
} ConvokeCpuIsa;

/// What ConvokeCpuBackend::emit produces.
enum {
  CONVOKE_EMIT_LL = 0,      ///< IR after the passes: what the code generator sees
  CONVOKE_EMIT_ASM = 1,     ///< assembly of what runs
  CONVOKE_EMIT_OBJECT = 2,  ///< ELF object, for load()
  CONVOKE_EMIT_SOURCE = 3,  ///< IR as the emitter wrote it, before any pass
};

typedef struct ConvokeCpuBackend {
  int32_t abi;               ///< CONVOKE_CPU_BACKEND_ABI
  const char* llvm_version;  ///< "19.1.7"
  /// Emits spec + config for isa. `pattern` is the text of the spec's sparsity pattern, or null.
  /// Returns 0 and fills `out`, or a convoke::ErrorCode and fills `out` with the sentence.
  int32_t (*emit)(const char* spec, const char* pattern, const char* config,
                  const ConvokeCpuIsa* isa, int32_t format, ConvokeBytes* out);
  /// Links an object of emit() into this process; `entry` is convoke_kernel. Thread-safe.
  /// Returns 0, or a code with the sentence in `error`.
  int32_t (*load)(const void* object, size_t size, void** handle, void** entry,
                  ConvokeBytes* error);
  void (*unload)(void* handle);
  void (*release)(ConvokeBytes* bytes);
} ConvokeCpuBackend;

typedef const ConvokeCpuBackend* (*ConvokeCpuBackendGetter)(void);
/// The library's only exported symbol.
__attribute__((visibility("default"))) const ConvokeCpuBackend* convoke_cpu_backend(void);

#ifdef __cplusplus
}
#endif
