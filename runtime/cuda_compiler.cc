#include "runtime/cuda_compiler.h"

#include <fmt/format.h>

#include <algorithm>

#include "convoke/error.h"
#include "runtime/kernel_dump.h"

namespace convoke {
namespace {

/// What NVRTC's messages call the unit.
constexpr char kFile[] = "convoke_kernel.cu";

/// Options that change nothing of the code: what ptxas tells, and no second cache beside ours
/// (known since 12.9).
std::vector<std::string> silent_options(const Nvrtc& nvrtc) {
  std::vector<std::string> options = {"--ptxas-options=-v"};
  if (nvrtc.major() > 12 || (nvrtc.major() == 12 && nvrtc.minor() >= 9))
    options.emplace_back("-no-cache");
  return options;
}

}  // namespace

std::string compile_arch(const CudaDevice& device, const Nvrtc& nvrtc) {
  const std::vector<int>& known = nvrtc.architectures();
  if (std::binary_search(known.begin(), known.end(), device.capability)) return arch_name(device);
  const auto above = std::upper_bound(known.begin(), known.end(), device.capability);
  if (above == known.begin())
    throw Error(
        ErrorCode::kDevice,
        fmt::format("{} compiles for sm_{} and newer, the GPU is {}: install an older NVRTC",
                    nvrtc.name(), known.front(), arch_name(device)));
  return fmt::format("compute_{}", *(above - 1));
}

std::string portable_arch(const CudaDevice& device) {
  return fmt::format("compute_{}", device.capability);
}

std::vector<std::string> code_options(const std::string& arch) {
  // Never -Ofast-compile: it drops setmaxnreg and serialises wgmma.
  return {"--std=c++20", "--gpu-architecture=" + arch, "--device-as-default-execution-space"};
}

bool is_ptx(const std::string& image) {
  return image.rfind(
             "\x7f"
             "ELF",
             0) != 0;
}

CudaImage compile_cuda(const Nvrtc& nvrtc, const TemplateFiles& templates, const CudaUnit& unit,
                       const std::string& keep_in) {
  std::vector<std::string> options = code_options(unit.arch);
  for (std::string& option : silent_options(nvrtc)) options.push_back(std::move(option));
  Nvrtc::Output out = nvrtc.compile(unit.source, kFile, templates.headers, options);
  if (!out.compiled) {
    if (!keep_in.empty()) dump_kernel(keep_in, unit.key, {{"cu", unit.source}, {"log", out.log}});
    throw Error(ErrorCode::kDevice,
                fmt::format("{} does not compile the kernel of {}: {}; {}", nvrtc.name(), unit.what,
                            first_error_line(out.log),
                            keep_in.empty()
                                ? "source and log were not kept: set CONVOKE_DUMP to a directory"
                                : fmt::format("source and log are kept as {0}/{1}.cu and "
                                              "{0}/{1}.log",
                                              keep_in, unit.key.substr(0, 16))));
  }
  CudaImage result;
  result.resources = parse_ptxas_log(out.log);
  result.image = unit.arch.rfind("compute_", 0) == 0 ? out.ptx : std::move(out.cubin);
  result.ptx = std::move(out.ptx);
  result.log = std::move(out.log);
  return result;
}

}  // namespace convoke
