#include "runtime/cpu_backend_jit.h"

#include <fmt/format.h>
#include <llvm/ExecutionEngine/JITLink/JITLinkMemoryManager.h>
#include <llvm/ExecutionEngine/Orc/Core.h>
#include <llvm/ExecutionEngine/Orc/ExecutorProcessControl.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/Support/MemoryBuffer.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>

#include "compiler/cpu_kernel_args.h"
#include "convoke/error.h"
#include "runtime/cpu_backend_codegen.h"

// From libgcc, for processors without F16C. Only their addresses are taken here, so their types do
// not matter.
extern "C" {
void __truncsfhf2();   // NOLINT(bugprone-reserved-identifier)
void __extendhfsf2();  // NOLINT(bugprone-reserved-identifier)
}

namespace convoke {
namespace {

namespace orc = llvm::orc;

[[noreturn]] void fail(llvm::Error error) {
  throw Error(ErrorCode::kDevice, "cannot load the kernel: " + llvm::toString(std::move(error)));
}

template <typename T>
T check(llvm::Expected<T> value) {
  if (!value) fail(value.takeError());
  return std::move(*value);
}

/// What an in-place link reports beside the error that lookup() returns; one link runs on one
/// thread.
thread_local std::string reported;

class Session {
 public:
  /// Never destroyed: kernels may run until the very end of the process.
  static Session& instance() {
    static Session* session = new Session;
    return *session;
  }

  LoadedObject load(const void* object, std::size_t size);
  void unload(void* handle);

 private:
  Session();

  std::unique_ptr<orc::ExecutionSession> session_;
  std::unique_ptr<orc::ObjectLinkingLayer> linker_;
  orc::JITDylib* builtins_ = nullptr;
  std::atomic<std::uint64_t> loaded_{0};
};

template <typename F>
orc::ExecutorSymbolDef symbol(F* function) {
  return {orc::ExecutorAddr::fromPtr(function),
          llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
}

Session::Session() {
  initialise_llvm();
  session_ = std::make_unique<orc::ExecutionSession>(check(orc::SelfExecutorProcessControl::Create(
      nullptr, std::make_unique<orc::InPlaceTaskDispatcher>())));
  session_->setErrorReporter([](llvm::Error error) {
    const std::string text = llvm::toString(std::move(error));
    reported += reported.empty() ? text : "; " + text;
  });
  linker_ = std::make_unique<orc::ObjectLinkingLayer>(*session_);
  builtins_ = &session_->createBareJITDylib("builtins");
  const auto name = [this](const char* text) { return session_->intern(text); };
  // What LLVM itself calls: block copies, intrinsics without an instruction, conversions below
  // AVX2.
  if (llvm::Error error = builtins_->define(orc::absoluteSymbols({
          {name("memcpy"), symbol<void*(void*, const void*, std::size_t)>(std::memcpy)},
          {name("memmove"), symbol<void*(void*, const void*, std::size_t)>(std::memmove)},
          {name("memset"), symbol<void*(void*, int, std::size_t)>(std::memset)},
          {name("expf"), symbol<float(float)>(::expf)},
          {name("tanhf"), symbol<float(float)>(::tanhf)},
          {name("erff"), symbol<float(float)>(::erff)},
          {name("fmaf"), symbol<float(float, float, float)>(::fmaf)},
          {name("__truncsfhf2"), symbol(__truncsfhf2)},
          {name("__extendhfsf2"), symbol(__extendhfsf2)},
      }))) {
    fail(std::move(error));
  }
}

LoadedObject Session::load(const void* object, std::size_t size) {
  reported.clear();
  const std::uint64_t number = loaded_.fetch_add(1, std::memory_order_relaxed);
  orc::JITDylib& library = session_->createBareJITDylib(fmt::format("kernel{}", number));
  library.addToLinkOrder(*builtins_);
  const auto abandon = [&](llvm::Error error) {
    std::string text = llvm::toString(std::move(error));
    if (!reported.empty()) text += " (" + reported + ")";
    llvm::consumeError(session_->removeJITDylib(library));
    throw Error(ErrorCode::kDevice, "cannot load the kernel: " + text);
  };
  const llvm::StringRef bytes(static_cast<const char*>(object), size);
  if (llvm::Error error =
          linker_->add(library, llvm::MemoryBuffer::getMemBufferCopy(bytes, "kernel"))) {
    abandon(std::move(error));
  }
  auto entry = session_->lookup({&library}, session_->intern(kCpuKernelEntry));
  if (!entry) abandon(entry.takeError());
  return {&library, entry->getAddress().toPtr<void*>()};
}

void Session::unload(void* handle) {
  auto& library = *static_cast<orc::JITDylib*>(handle);
  if (llvm::Error error = session_->removeJITDylib(library)) fail(std::move(error));
}

}  // namespace

LoadedObject load_object(const void* object, std::size_t size) {
  return Session::instance().load(object, size);
}

void unload_object(void* handle) { Session::instance().unload(handle); }

}  // namespace convoke
