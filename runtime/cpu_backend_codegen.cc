#include "runtime/cpu_backend_codegen.h"

#include <fmt/format.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/DiagnosticPrinter.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/CommandLine.h>
#include <llvm/Support/ErrorHandling.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/TargetParser/Triple.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/DCE.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>

#include <array>
#include <mutex>

#include "convoke/error.h"

namespace convoke {
namespace {

constexpr char kTriple[] = "x86_64-unknown-linux-gnu";

/// Exactly the features that cpu_features.cc checks for the level: a named processor would bring
/// more.
const char* features(IsaLevel level) {
  switch (level) {
    case IsaLevel::kSse2:
      return "+sse2";
    case IsaLevel::kAvx2:
      return "+avx2,+fma,+f16c";
    case IsaLevel::kAvx512:
      return "+avx2,+fma,+f16c,+avx512f,+avx512bw,+avx512dq,+avx512vl";
    case IsaLevel::kAvx512Vnni:
      return "+avx2,+fma,+f16c,+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512vnni";
    case IsaLevel::kAvx512Bf16:
      return "+avx2,+fma,+f16c,+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512bf16,+avx512vnni";
    case IsaLevel::kAmx:
      return "+avx2,+fma,+f16c,+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512bf16,"
             "+avx512vnni,+amx-tile,+amx-bf16,+amx-int8";
  }
  no_isa_level(static_cast<int>(level));
}

/// The processor whose scheduling model is used: one a level, since cached objects are shared by
/// all its processors.
const char* tuning(IsaLevel level) {
  switch (level) {
    case IsaLevel::kSse2:
      return "x86-64";
    case IsaLevel::kAvx2:
      return "znver3";
    case IsaLevel::kAvx512:
      return "skylake-avx512";
    case IsaLevel::kAvx512Vnni:
      return "cascadelake";
    case IsaLevel::kAvx512Bf16:
      return "cooperlake";
    case IsaLevel::kAmx:
      return "sapphirerapids";
  }
  return "";
}

[[noreturn]] void throw_fatal(void*, const char* reason, bool) { throw LlvmFatalError{reason}; }

/// Keeps the first error; without a handler LLVM would print it and exit.
class CollectErrors final : public llvm::DiagnosticHandler {
 public:
  explicit CollectErrors(std::string& first) : first_(first) {}
  bool handleDiagnostics(const llvm::DiagnosticInfo& info) override {
    if (info.getSeverity() == llvm::DS_Error && first_.empty()) {
      llvm::raw_string_ostream stream(first_);
      llvm::DiagnosticPrinterRawOStream printer(stream);
      info.print(printer);
    }
    return true;
  }

 private:
  std::string& first_;
};

std::string print_ir(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, nullptr);
  return text;
}

std::string generate(llvm::Module& module, llvm::TargetMachine& machine, CpuOutput output) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  const auto type = output == CpuOutput::kObject ? llvm::CodeGenFileType::ObjectFile
                                                 : llvm::CodeGenFileType::AssemblyFile;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type, /*DisableVerify=*/true)) {
    throw Error(ErrorCode::kDevice, "LLVM cannot write this kind of file for x86-64");
  }
  passes.run(module);
  return {bytes.begin(), bytes.end()};
}

std::string run_pipeline(llvm::Module& module, IsaLevel level, CpuOutput output) {
  const auto machine = make_target_machine(level);
  set_target(module, *machine, level);
  if (output == CpuOutput::kEmittedIr) return print_ir(module);
  optimise(module, *machine);
  return output == CpuOutput::kOptimisedIr ? print_ir(module) : generate(module, *machine, output);
}

}  // namespace

void initialise_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    // A quarter of the compile time for no speed: the emitter's inner loops already walk by
    // constant offsets.
    constexpr std::array options = {"convoke", "-disable-lsr"};
    llvm::cl::ParseCommandLineOptions(options.size(), options.data());
    llvm::install_fatal_error_handler(throw_fatal);
  });
}

std::unique_ptr<llvm::TargetMachine> make_target_machine(IsaLevel level) {
  initialise_llvm();
  std::string error;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(kTriple, error);
  if (target == nullptr) throw Error(ErrorCode::kDevice, "LLVM: " + error);
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      kTriple, "x86-64", features(level), llvm::TargetOptions(), llvm::Reloc::PIC_,
      llvm::CodeModel::Small, llvm::CodeGenOptLevel::Less));
  if (machine == nullptr) throw Error(ErrorCode::kDevice, "LLVM has no code generator for x86-64");
  return machine;
}

void set_target(llvm::Module& module, const llvm::TargetMachine& machine, IsaLevel level) {
  module.setTargetTriple(kTriple);
  module.setDataLayout(machine.createDataLayout());
  for (llvm::Function& function : module) {
    if (function.isDeclaration()) continue;
    function.addFnAttr("target-cpu", "x86-64");
    function.addFnAttr("target-features", features(level));
    function.addFnAttr("tune-cpu", tuning(level));
    if (level >= IsaLevel::kAvx512) function.addFnAttr("prefer-vector-width", "512");
    function.addFnAttr(llvm::Attribute::NoUnwind);  // no unwind tables to register at load
  }
}

void optimise(llvm::Module& module, llvm::TargetMachine& machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);

  llvm::FunctionPassManager passes;
  passes.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()),
                                                       /*UseMemorySSA=*/true));
  passes.addPass(llvm::EarlyCSEPass());
  passes.addPass(llvm::DCEPass());
  for (llvm::Function& function : module) {
    if (!function.isDeclaration()) passes.run(function, functions);
  }
}

std::string compile_module(std::unique_ptr<llvm::LLVMContext> context,
                           std::unique_ptr<llvm::Module> module, IsaLevel level, CpuOutput output) {
  initialise_llvm();
  std::string first_error;
  context->setDiagnosticHandler(std::make_unique<CollectErrors>(first_error));
  std::string result;
  try {
    result = run_pipeline(*module, level, output);
  } catch (const LlvmFatalError& error) {
    static_cast<void>(module.release());  // abandoned half-way: destroying them may crash
    static_cast<void>(context.release());
    throw Error(ErrorCode::kDevice, "LLVM gave up on the kernel: " + error.message);
  }
  module.reset();
  if (!first_error.empty()) {
    throw Error(ErrorCode::kDevice, "LLVM refused the kernel: " + first_error);
  }
  return result;
}

}  // namespace convoke
