// The CUDA target behind the interface of target.h: configurations from compiler/, code from NVRTC,
// kernels from memory, disk, a folder built ahead of time, or the compiler. Without a GPU it emits
// and compiles for an architecture and nothing else. make_cuda_target() and make_cuda_compiler() of
// target.h make one with the process's driver, NVRTC and caches; this one takes its parts, for
// tests.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runtime/cuda_context.h"
#include "runtime/nvrtc.h"
#include "runtime/target.h"
#include "runtime/template_files.h"

namespace convoke {

struct CudaTargetParts {
  std::shared_ptr<const CudaContext> gpu;  ///< null: none
  CudaDevice device;                       ///< the GPU's figures, or what is compiled for
  std::string cache_dir, system_cache_dir, dump_dir;  ///< empty: none
  /// Gives the compiler or throws Error kDevice; asked at each use that compiles.
  std::function<const Nvrtc&()> nvrtc;
  const TemplateFiles* templates = nullptr;
  std::size_t kernels_in_memory = 256;
};

std::shared_ptr<Target> make_cuda_target(CudaTargetParts parts);

}  // namespace convoke
