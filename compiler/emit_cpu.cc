#include "compiler/emit_cpu.h"

#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include "compiler/emit_cpu_common.h"
#include "compiler/spec_text.h"
#include "convoke/error.h"

namespace convoke {

std::unique_ptr<llvm::Module> emit_cpu(llvm::LLVMContext& context, const ConvSpec& spec,
                                       const KernelConfig& config, const CpuIsa& isa) {
  if (std::string why = why_unsupported_cpu(spec, isa); !why.empty()) {
    throw Error(ErrorCode::kUnsupported, why);
  }
  if (std::string why = why_illegal(spec, config, isa); !why.empty()) {
    throw Error(ErrorCode::kUsage, "configuration " + print_config(config) + ": " + why);
  }
  ConvSpec named = spec;
  named.n = kOpenBatch;  // one kernel serves every batch, so that its name says none
  auto module =
      std::make_unique<llvm::Module>(print_spec(named) + " " + print_config(config), context);
  CpuEmitter emitter(*module, spec, config.cpu, isa);
  switch (config.cpu.family) {
    case CpuFamily::kGemm:
      emit_gemm(emitter);
      break;
    case CpuFamily::kDirect:
      emit_direct(emitter);
      break;
    case CpuFamily::kDepthwise:
      emit_depthwise(emitter);
      break;
    case CpuFamily::kAmx:
      emit_amx(emitter);
      break;
    case CpuFamily::kSparse:
      emit_planar(emitter);
      break;
  }
  std::string complaint;
  llvm::raw_string_ostream stream(complaint);
  if (llvm::verifyModule(*module, &stream)) {
    throw Error(ErrorCode::kDevice, "the emitter wrote invalid IR, please report: " + complaint);
  }
  return module;
}

}  // namespace convoke
