// Emission for CUDA: a spec and a configuration become a unit of a few lines over the templates: an
// include, one constexpr ConvConfig, the epilogue, the entry. Pure: no file, no environment, no
// device.
#pragma once

#include <string>
#include <vector>

#include "compiler/cuda_device.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"
#include "templates/conv_config.h"

namespace convoke {

/// A kernel's source, and the struct that its launch needs: grid, block and shared memory are
/// functions of it (templates/conv_config.h).
struct EmittedKernel {
  std::string source;
  cuda::ConvConfig config;
};

/// The template's struct for a spec and a configuration. The batch has no place in it.
/// @pre why_illegal_cuda is empty
cuda::ConvConfig make_conv_config(const ConvSpec& spec, const CudaConfig& config);
/// @pre why_illegal_cuda is empty
/// @throws Error kUsage for a sparse spec that is not bound and has no pattern
EmittedKernel emit_cuda(const ConvSpec& spec, const CudaConfig& config);
/// The verifier's kernel: y is double[n][..] in y's layout, the sums before the epilogue.
/// @pre why_unsupported_cuda is empty
EmittedKernel emit_cuda_reference_sums(const ConvSpec& spec);

/// The files of templates/ as they were built in, by the path an include names ("templates/mma.cuh"),
/// and the SHA-256 over all.
struct TemplateFile {
  std::string name, text;
};
const std::vector<TemplateFile>& embedded_templates();
const char* embedded_templates_digest();
/// The same digest of other files (CONVOKE_TEMPLATE_DIR).
std::string templates_digest(const std::vector<TemplateFile>& files);

}  // namespace convoke
