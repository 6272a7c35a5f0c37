// From a spec and a configuration to a CompiledKernel, for one architecture: emission, the key, the
// compiler, what is kept of it. Needs no GPU and no driver; the target adds those.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compiler/emit_cuda.h"
#include "runtime/cuda_compiler.h"
#include "runtime/target.h"

namespace convoke {

/// A unit on its way through the compiler, whatever it computes: its source, what names it, and
/// what of a launch its metadata tells.
struct CudaWork {
  std::string source;
  std::string problem, config;  ///< their texts
  int threads = 0;              ///< of a block
  long long shared_bytes = 0;   ///< dynamic, a block
  std::string what() const { return problem + " with " + config; }
};
/// A convolution's, with what a launch of it needs.
struct CudaConvWork : CudaWork {
  cuda::ConvConfig conv;
  std::vector<std::string> operand_names;
};
/// @pre why_illegal_cuda is empty
CudaConvWork make_cuda_work(const ConvSpec& spec, const KernelConfig& config);
/// The verifier's kernel. @pre why_unsupported_cuda is empty
CudaConvWork make_cuda_reference_work(const ConvSpec& spec);

class CudaBuilder {
 public:
  struct Parts {
    CudaDevice device;
    const TemplateFiles* templates = nullptr;
    /// Gives the compiler or throws Error kDevice; asked at each use that compiles.
    std::function<const Nvrtc&()> nvrtc;
    std::string keep_in;   ///< where source and log of what does not compile go; empty: nowhere
    std::string dump_dir;  ///< where all of what compiles goes; empty: nowhere
  };
  explicit CudaBuilder(Parts parts);

  /// "NVRTC 13.0.88", or "no compiler": kernels that were built before still have keys then.
  const std::string& compiler() const { return compiler_; }
  bool has_compiler() const;

  /// SHA-256 over source, templates, options with the architecture, and the compiler's version.
  std::string key(const CudaWork& work) const { return key(work, arch(), key_compiler()); }
  /// Keys under which folders built ahead of time hold the kernel, best first: a cubin for this
  /// architecture, then PTX of the newest one that the GPU can run.
  std::vector<std::string> ahead_of_time_keys(const CudaWork& work) const;

  /// @throws Error kDevice: no compiler, or a unit that does not compile.
  CudaImage image(const CudaWork& work) const { return image(work, compiled_arch()); }
  CompiledKernel build(const CudaWork& work) const { return build(work, compiled_arch()); }
  /// Into a folder: a cubin for the architecture, PTX for newer ones. @throws also Error kCache.
  AheadOfTimeKernel build_into(const std::string& folder, const CudaWork& work) const;

 private:
  std::string key_compiler() const;
  std::string compiled_arch() const { return compile_arch(parts_.device, parts_.nvrtc()); }
  std::string arch() const;
  std::string key(const CudaWork& work, const std::string& arch, const std::string& compiler) const;
  CudaImage image(const CudaWork& work, const std::string& arch) const;
  CompiledKernel build(const CudaWork& work, const std::string& arch) const;

  Parts parts_;
  std::string compiler_;
};

}  // namespace convoke
