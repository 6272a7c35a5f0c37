#include "runtime/cuda_builder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "compiler/cache_key.h"
#include "compiler/epilogue.h"
#include "compiler/spec_text.h"
#include "runtime/cache_entry.h"
#include "runtime/kernel_dump.h"

namespace convoke {
namespace {

constexpr char kNoCompiler[] = "no compiler";
/// What stands for the compiler's version in the key of a kernel built ahead of time, and in every
/// key of a machine without a compiler.
constexpr char kAnyCompiler[] = "any";

std::string compiler_name(const CudaBuilder::Parts& parts) {
  try {
    return parts.nvrtc().name();
  } catch (const Error& error) {
    spdlog::debug("no CUDA compiler: {}", error.what());
    return kNoCompiler;
  }
}

CudaConvWork conv_work(const ConvSpec& spec, EmittedKernel emitted, std::string config) {
  CudaConvWork work;
  work.source = std::move(emitted.source);
  work.problem = print_spec(spec);
  work.config = std::move(config);
  work.threads = cuda::threads(emitted.config);
  work.shared_bytes = cuda::shared_bytes(emitted.config);
  work.conv = emitted.config;
  return work;
}

}  // namespace

CudaConvWork make_cuda_work(const ConvSpec& spec, const KernelConfig& config) {
  CudaConvWork work = conv_work(spec, emit_cuda(spec, config.cuda), print_config(config));
  const Epilogue epilogue = Epilogue::parse(spec.epilogue);
  for (const EpilogueOperand& operand : epilogue.operands())
    work.operand_names.push_back(operand.name);
  return work;
}

CudaConvWork make_cuda_reference_work(const ConvSpec& spec) {
  return conv_work(spec, emit_cuda_reference_sums(spec), "the reference");
}

CudaBuilder::CudaBuilder(Parts parts)
    : parts_(std::move(parts)), compiler_(compiler_name(parts_)) {}

bool CudaBuilder::has_compiler() const { return compiler_ != kNoCompiler; }

std::string CudaBuilder::key_compiler() const { return has_compiler() ? compiler_ : kAnyCompiler; }

std::string CudaBuilder::arch() const {
  return has_compiler() ? compiled_arch() : arch_name(parts_.device);
}

std::string CudaBuilder::key(const CudaWork& work, const std::string& arch,
                             const std::string& compiler) const {
  return sha256_hex(fmt::format("templates {}\ncompiler {}\noptions {}\n{}",
                                parts_.templates->digest, compiler,
                                fmt::join(code_options(arch), " "), work.source));
}

std::vector<std::string> CudaBuilder::ahead_of_time_keys(const CudaWork& work) const {
  std::vector<std::string> keys = {key(work, arch_name(parts_.device), kAnyCompiler)};
  const std::vector<CudaDevice>& known = known_cuda_devices();
  for (auto other = known.rbegin(); other != known.rend(); ++other)
    if (other->capability <= parts_.device.capability)
      keys.push_back(key(work, portable_arch(*other), kAnyCompiler));
  return keys;
}

CudaImage CudaBuilder::image(const CudaWork& work, const std::string& arch) const {
  const Nvrtc& compiler = parts_.nvrtc();
  const std::string name = key(work, arch, compiler.name());
  CudaImage image = compile_cuda(compiler, *parts_.templates,
                                 {work.source, arch, work.what(), name}, parts_.keep_in);
  if (!parts_.dump_dir.empty())
    dump_kernel(parts_.dump_dir, name,
                {{"spec", fmt::format("{}\n{}\n", work.problem, work.config)},
                 {"cu", work.source},
                 {"ptx", image.ptx},
                 {"cubin", image.image},
                 {"log", image.log}});
  return image;
}

CompiledKernel CudaBuilder::build(const CudaWork& work, const std::string& arch) const {
  CudaImage made = image(work, arch);
  const KernelResources& resources = made.resources;
  const nlohmann::ordered_json metadata = {
      {"target", "cuda"},
      {"spec", work.problem},
      {"config", work.config},
      {"arch", arch},
      {"compiler", parts_.nvrtc().name()},
      {"emitter", parts_.templates->digest},
      {"threads", work.threads},
      {"registers", resources.registers},
      {"shared_bytes", resources.shared_bytes + work.shared_bytes},
      {"stack_bytes", resources.stack_bytes},
      {"spill_bytes", resources.spill_stores + resources.spill_loads}};
  return {std::move(made.image), std::move(made.log), metadata.dump()};
}

AheadOfTimeKernel CudaBuilder::build_into(const std::string& folder, const CudaWork& work) const {
  AheadOfTimeKernel result;
  result.was_there = true;
  for (const std::string& arch : {portable_arch(parts_.device), compiled_arch()}) {
    result.key = key(work, arch, kAnyCompiler);
    std::optional<CompiledKernel> kernel = read_entry(folder, result.key);
    if (!kernel) {
      result.was_there = false;
      kernel = build(work, arch);
      const std::string problem = write_entry(folder, result.key, *kernel);
      if (!problem.empty()) throw Error(ErrorCode::kCache, problem);
    }
    result.bytes += static_cast<std::int64_t>(kernel->image.size());
  }
  return result;
}

}  // namespace convoke
