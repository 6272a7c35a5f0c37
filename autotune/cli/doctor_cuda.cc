#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "autotune/cli/findings.h"
#include "autotune/cli/terminal.h"
#include "compiler/emit_cuda.h"
#include "compiler/spec_text.h"
#include "convoke/convoke.hpp"
#include "runtime/cuda_compiler.h"
#include "runtime/cuda_context.h"
#include "runtime/env.h"
#include "runtime/nvml.h"
#include "runtime/target.h"

namespace convoke::cli {
namespace {

/// "SM 1980 MHz, memory 3201 MHz" of a GPU at this moment; empty where NVML does not tell.
std::string clocks_now(const CudaGpu& gpu) {
  const DeviceState now = nvml().state(gpu.pci_bus_id);
  if (now.clock_mhz == 0) return "";
  return fmt::format("SM {} MHz, memory {} MHz{}", now.clock_mhz, now.memory_clock_mhz,
                     now.throttle.empty() ? "" : ", held down: " + now.throttle);
}

/// Opens the driver and lists the GPUs; null without a driver.
const CudaDriver* look_at_driver(Findings& findings) {
  const CudaDriver* driver = nullptr;
  try {
    driver = &cuda_driver();
  } catch (const Error& error) {
    findings.hint("CUDA driver", error.what(), "only needed for NVIDIA GPUs");
    return nullptr;
  }
  const std::string release = cuda_module_release();
  findings.fine("CUDA driver", fmt::format("{} (CUDA {}{})", driver->path(), driver->version_text(),
                                           release.empty() ? "" : ", release " + release));
  return driver;
}

/// How many GPUs can be used.
int look_at_gpus(Findings& findings, const CudaDriver& driver) {
  int count = 0;
  try {
    count = count_cuda_gpus(driver);
  } catch (const Error& error) {
    findings.hint("GPUs", error.what(), "only needed for plans on a GPU");
    return 0;
  }
  int usable = 0;
  for (int i = 0; i < count; ++i) {
    const std::string topic = fmt::format("cuda:{}", i);
    try {
      const CudaGpu gpu = find_cuda_gpu(driver, i);
      const CudaDevice& d = gpu.device;
      findings.fine(
          topic, fmt::format("{}, {}, {} multiprocessors, {} of memory at {:.0f} GB/s, L2 {}, "
                             "{} of shared memory a block, up to {:.2f} GHz",
                             gpu.name, arch_name(d), d.multiprocessors,
                             print_bytes(static_cast<double>(gpu.memory_bytes)), d.memory_gb_s,
                             print_bytes(static_cast<double>(d.l2_bytes)),
                             print_bytes(static_cast<double>(d.shared_bytes_block)), d.clock_ghz));
      ++usable;
      if (const std::string clocks = clocks_now(gpu); !clocks.empty())
        findings.fine(topic + " clocks now", clocks);
      else
        findings.hint(topic + " clocks now", "libnvidia-ml.so.1 is missing or does not tell",
                      "it comes with NVIDIA's driver; tuning works without");
    } catch (const Error& error) {
      findings.hint(topic, error.what(), "plans cannot use this GPU");
    }
  }
  return usable;
}

bool look_at_nvrtc(Findings& findings, const CudaDriver* driver, bool needed) {
  try {
    const Nvrtc& compiler = nvrtc(driver != nullptr ? driver->major() : 0);
    findings.fine("NVRTC", fmt::format("{} ({}, for sm_{})", compiler.path(), compiler.name(),
                                       fmt::join(compiler.architectures(), ", sm_")));
    return true;
  } catch (const Error& error) {
    const bool prebuilt = !env_value(EnvVar::kSystemCache).empty();
    if (needed && !prebuilt)
      findings.missing("NVRTC", error.what(),
                       "install it, or build the kernels elsewhere with `convoke compile` and name "
                       "their folder in CONVOKE_SYSTEM_CACHE",
                       error.code());
    else
      findings.hint("NVRTC", error.what(),
                    prebuilt ? "only kernels that CONVOKE_SYSTEM_CACHE holds can run on a GPU"
                             : "only needed for NVIDIA GPUs and `convoke compile`");
    return false;
  }
}

void look_at_templates(Findings& findings) {
  try {
    const TemplateFiles& files = template_files();
    const std::string directory = env_value(EnvVar::kTemplateDir);
    const std::string found =
        fmt::format("{} files, digest {}", files.headers.size(), files.digest.substr(0, 16));
    if (files.digest == embedded_templates_digest())
      findings.fine("kernel templates", found + ", as built in");
    else
      findings.hint("kernel templates", fmt::format("{}, of {}", found, directory),
                    "they differ from those built in: kernels and samples are kept apart");
  } catch (const Error& error) {
    findings.missing("kernel templates", error.what(),
                     "unset CONVOKE_TEMPLATE_DIR or name a directory like templates/",
                     error.code());
  }
}

/// From spec to machine code, and onto a GPU if there is one, on a problem that no user has cached.
void look_at_target(Findings& findings, bool gpu) {
  try {
    const std::shared_ptr<Target> target =
        gpu ? make_cuda_target(0) : make_cuda_compiler(parse_arch("sm_90a"));
    const ConvSpec spec = parse_problem("mb1ic3ih5oc7kh3ph1").spec;
    const KernelConfig config = target->default_config(spec);
    const auto start = std::chrono::steady_clock::now();
    const CompiledKernel compiled = target->compile(spec, config);
    if (gpu) target->load(spec, config, compiled);
    const double ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    findings.fine("CUDA target",
                  gpu ? fmt::format("works: a small kernel compiled and loaded in {:.0f} ms", ms)
                      : fmt::format("compiles for other machines: a small kernel for sm_90a in "
                                    "{:.0f} ms",
                                    ms));
  } catch (const Error& error) {
    findings.missing("CUDA target", error.what(),
                     "CONVOKE_LOG=debug and CONVOKE_DUMP=DIR show what the compiler is given",
                     error.code());
  }
}

void look_at_disassembler(Findings& findings) {
  try {
    findings.fine("nvdisasm", find_nvdisasm());
  } catch (const Error& error) {
    findings.hint("nvdisasm", error.what(), "only needed for `convoke emit --format sass`");
  }
}

}  // namespace

void look_at_cuda(Findings& findings) {
  const CudaDriver* driver = look_at_driver(findings);
  const bool gpu = driver != nullptr && look_at_gpus(findings, *driver) > 0;
  const bool compiler = look_at_nvrtc(findings, driver, gpu);
  look_at_templates(findings);
  look_at_disassembler(findings);
  if (compiler) look_at_target(findings, gpu);
}

void look_at_kernel_folder(Findings& findings, const std::string& folder) {
  std::map<std::string, int> archs;
  std::size_t broken = 0;
  try {
    for (const CacheEntry& entry : KernelCache(folder, "").list()) {
      const auto metadata = nlohmann::json::parse(entry.metadata, nullptr, false);
      if (!entry.intact || !metadata.is_object())
        ++broken;
      else
        ++archs[metadata.value("arch", metadata.value("target", "unknown"))];
    }
  } catch (const Error& error) {
    return findings.hint("kernels built ahead", error.what(),
                         "make the folder readable or unset CONVOKE_SYSTEM_CACHE");
  }
  std::vector<std::string> parts;
  for (const auto& [arch, count] : archs) parts.push_back(fmt::format("{} for {}", count, arch));
  const std::string found =
      fmt::format("{}{}", parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", ")),
                  broken > 0 ? fmt::format(", {} broken", broken) : "");
  if (broken > 0 || parts.empty())
    findings.hint("kernels built ahead", found, "fill the folder with `convoke compile -o DIR`");
  else
    findings.fine("kernels built ahead", found);
}

}  // namespace convoke::cli
