// The compiler behind the CPU backend: a module of the emitter -> optimised IR, assembly or object
// file. The emitter has already tiled, unrolled and vectorised, so the passes only clean up, and
// the whole pipeline is chosen for compile time; nothing here may unroll or vectorise again. Code
// depends on the level alone, never on the machine it is compiled on: objects are cached by level.
#pragma once

#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <memory>
#include <string>

#include "compiler/cpu_isa.h"

namespace convoke {

/// What a compilation may produce; the values are those of cpu_backend.h.
enum class CpuOutput { kOptimisedIr = 0, kAssembly = 1, kObject = 2, kEmittedIr = 3 };

/// An error LLVM reported through its fatal-error handler or a diagnostic. Thrown through LLVM's
/// frames, which do not clean up: the module and its context may be in any state afterwards and
/// must be leaked.
struct LlvmFatalError {
  std::string message;
};

/// Prepares LLVM once per process: the X86 target and the fatal-error handler, which throws
/// LlvmFatalError.
void initialise_llvm();

/// The code generator for a level. @throws Error kDevice if LLVM has no such target.
std::unique_ptr<llvm::TargetMachine> make_target_machine(IsaLevel level);

/// Sets triple, data layout and the level's target attributes, and marks functions nounwind.
void set_target(llvm::Module& module, const llvm::TargetMachine& machine, IsaLevel level);

/// Runs the clean-up pipeline in place.
void optimise(llvm::Module& module, llvm::TargetMachine& machine);

/// set_target, optimise and output. Consumes the module.
/// @throws Error kDevice with LLVM's message; leaks module and context if LLVM gave up.
std::string compile_module(std::unique_ptr<llvm::LLVMContext> context,
                           std::unique_ptr<llvm::Module> module, IsaLevel level, CpuOutput output);

}  // namespace convoke
