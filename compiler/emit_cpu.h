// The CPU emitter: spec + config -> LLVM IR, written by IRBuilder. Pure: no environment, no file,
// no device; the same inputs give the same module on every machine. Only libconvoke_cpu.so holds
// it, because this header and emit_cpu*.cc are the only files of compiler/ that may name LLVM.
#pragma once

#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include <memory>

#include "compiler/cpu_isa.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"

namespace convoke {

/// A verified, unoptimised module with one exported function, kCpuKernelEntry, of type CpuKernelFn.
/// Its functions carry no `target-cpu` and no `target-features`, the module no triple and no data
/// layout: cpu_backend_codegen sets them from the level of `isa`.
/// @pre why_illegal(spec, config, isa) is empty.
std::unique_ptr<llvm::Module> emit_cpu(llvm::LLVMContext& context, const ConvSpec& spec,
                                       const KernelConfig& config, const CpuIsa& isa);

}  // namespace convoke
