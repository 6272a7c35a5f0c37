// The binary interface between an emitted CPU kernel and its launcher. The emitter writes loads at
// these offsets; the launcher fills the struct. Nothing else is shared between the two at run time.
#pragma once

#include <cstdint>

#include "compiler/epilogue.h"

namespace convoke {

struct CpuKernelArgs {
  const void* x = nullptr;
  const void* w = nullptr;  ///< packed as CpuSchedule says
  void* y = nullptr;
  std::int64_t n = 0;  ///< images in this launch
  const void* operand[kMaxEpilogueOperands] = {};
  const void* pattern = nullptr;  ///< tables as SparseTables says; read if the pattern is bound
  std::int64_t x_zero = 0;        ///< read if the spec's quant is zp
};

/// Runs tasks [begin, end) of the kernel's CpuSchedule::tasks(n). `scratch` belongs to the calling
/// worker: scratch_bytes, aligned to 64.
using CpuKernelFn = void (*)(const CpuKernelArgs* args, std::int64_t begin, std::int64_t end,
                             void* scratch);

/// Exported name of every emitted kernel.
inline constexpr char kCpuKernelEntry[] = "convoke_kernel";

}  // namespace convoke
