// Source to machine code: a unit of emit_cuda and the templates go through NVRTC. What comes back
// is the image that the driver loads: a cubin where NVRTC knows the GPU, else PTX of the newest
// architecture that it knows and the GPU runs (the driver compiles that for the GPU: slow, but it
// runs). One image a kernel either way, told apart by its first bytes. Every function here is
// thread-safe; NVRTC compiles several units at once.
#pragma once

#include <string>
#include <vector>

#include "compiler/cuda_device.h"
#include "runtime/nvrtc.h"
#include "runtime/ptxas_log.h"
#include "runtime/template_files.h"

namespace convoke {

/// What NVRTC is told to compile for: "sm_90a" if it knows the device's architecture, else
/// "compute_90", the newest that it knows and the device can run.
/// @throws Error kDevice if the device is older than all of them.
std::string compile_arch(const CudaDevice& device, const Nvrtc& nvrtc);
/// The PTX that a device of this architecture and every newer one can run: "compute_90".
std::string portable_arch(const CudaDevice& device);

/// The options of a compilation, as part of the key: those that can change the code.
std::vector<std::string> code_options(const std::string& arch);

struct CudaUnit {
  std::string source;
  std::string arch;  ///< "sm_90a", or "compute_90" for PTX
  std::string what;  ///< names it in an error: the problem and the configuration
  std::string key;   ///< names the files that are kept if it does not compile
};
struct CudaImage {
  std::string image;  ///< a cubin, or the PTX itself
  std::string ptx;
  std::string log;
  KernelResources resources;
};

/// @param keep_in where source and log of a unit that does not compile are kept; empty: nowhere.
/// @throws Error kDevice with the first line of the log and the names of those files.
CudaImage compile_cuda(const Nvrtc& nvrtc, const TemplateFiles& templates, const CudaUnit& unit,
                       const std::string& keep_in);

/// Whether an image is PTX.
bool is_ptx(const std::string& image);

/// The path of NVIDIA's nvdisasm: of the PATH, beside nvcc, or in the usual toolkit folder.
/// @throws Error kUnsupported if there is none.
std::string find_nvdisasm();
/// The disassembly of a cubin by it. @throws as above, kDevice if it fails.
std::string disassemble(const std::string& cubin);

}  // namespace convoke
