// The boundary of libconvoke_cpu.so: catches everything, hands out malloc'ed bytes.
#include "runtime/cpu_backend.h"

#include <fmt/format.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include "compiler/emit_cpu.h"
#include "compiler/kernel_config.h"
#include "compiler/spec_text.h"
#include "convoke/error.h"
#include "convoke/sparsity_pattern.h"
#include "runtime/cpu_backend_codegen.h"
#include "runtime/cpu_backend_jit.h"

namespace convoke {
namespace {

/// Copies `text` into `out`. A failure to allocate leaves it empty: the code still says what
/// happened.
void fill(ConvokeBytes* out, std::string_view text) noexcept {
  if (out == nullptr) return;
  out->size = 0;
  out->data = static_cast<char*>(std::malloc(text.size() + 1));
  if (out->data == nullptr) return;
  std::memcpy(out->data, text.data(), text.size());
  out->data[text.size()] = '\0';
  out->size = text.size();
}

/// Runs `body`; no exception leaves. Returns 0 or the code, with the sentence in `message`.
template <typename Body>
std::int32_t guarded(ConvokeBytes* message, const Body& body) noexcept {
  const auto failed = [&](ErrorCode code, const char* what) {
    fill(message, what);
    return static_cast<std::int32_t>(code);
  };
  try {
    body();
    return 0;
  } catch (const Error& error) {
    return failed(error.code(), error.what());
  } catch (const LlvmFatalError& error) {
    return failed(ErrorCode::kDevice, error.message.c_str());
  } catch (const std::exception& error) {
    return failed(ErrorCode::kDevice, error.what());
  } catch (...) {
    return failed(ErrorCode::kDevice, "unknown exception in libconvoke_cpu.so");
  }
}

void require(bool condition, const char* message) {
  if (!condition) throw Error(ErrorCode::kUsage, message);
}

std::string emit_text(const char* spec_text, const char* pattern, const char* config_text,
                      const ConvokeCpuIsa& c_isa, std::int32_t format) {
  if (c_isa.level < 0 || c_isa.level > static_cast<std::int32_t>(kIsaLevels.back()))
    no_isa_level(c_isa.level);
  if (format < CONVOKE_EMIT_LL || format > CONVOKE_EMIT_SOURCE) {
    throw Error(ErrorCode::kUsage, fmt::format("output format {} is not one of 0..3", format));
  }
  const CpuIsa isa{static_cast<IsaLevel>(c_isa.level), c_isa.l1_bytes, c_isa.l2_bytes,
                   c_isa.l3_bytes};
  ConvSpec spec = parse_problem(spec_text).spec;
  if (pattern != nullptr) spec = with_pattern(spec, SparsityPattern::parse(pattern));
  const KernelConfig config = parse_config(config_text);
  if (const std::string why = why_illegal(spec, config, isa); !why.empty()) {
    throw Error(ErrorCode::kUsage,
                fmt::format("configuration '{}' cannot run '{}': {}", config_text, spec_text, why));
  }
  auto context = std::make_unique<llvm::LLVMContext>();
  auto module = emit_cpu(*context, spec, config, isa);
  return compile_module(std::move(context), std::move(module), isa.level,
                        static_cast<CpuOutput>(format));
}

std::int32_t emit(const char* spec, const char* pattern, const char* config,
                  const ConvokeCpuIsa* isa, std::int32_t format, ConvokeBytes* out) {
  if (out == nullptr) return static_cast<std::int32_t>(ErrorCode::kUsage);
  *out = {};
  return guarded(out, [&] {
    require(spec != nullptr && config != nullptr && isa != nullptr,
            "emit: spec, config and isa must not be null");
    const std::string text = emit_text(spec, pattern, config, *isa, format);
    fill(out, text);
    if (out->data == nullptr) throw std::bad_alloc();
  });
}

std::int32_t load(const void* object, std::size_t size, void** handle, void** entry,
                  ConvokeBytes* error) {
  if (error != nullptr) *error = {};
  return guarded(error, [&] {
    require(object != nullptr && handle != nullptr && entry != nullptr,
            "load: object, handle and entry must not be null");
    const LoadedObject loaded = load_object(object, size);
    *handle = loaded.handle;
    *entry = loaded.entry;
  });
}

void unload(void* handle) {
  if (handle == nullptr) return;
  // A failure here cannot be helped by the caller: the pages stay mapped.
  guarded(nullptr, [&] { unload_object(handle); });
}

void release(ConvokeBytes* bytes) {
  if (bytes == nullptr) return;
  std::free(bytes->data);
  *bytes = {};
}

}  // namespace
}  // namespace convoke

const ConvokeCpuBackend* convoke_cpu_backend() {
  static constexpr ConvokeCpuBackend table = {CONVOKE_CPU_BACKEND_ABI, LLVM_VERSION_STRING,
                                              convoke::emit,           convoke::load,
                                              convoke::unload,         convoke::release};
  return &table;
}
