// The CUDA half of kernel_config.h: the text of a configuration, which of its fields a family
// reads, and the candidates of the families.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "compiler/cuda_device.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"
#include "templates/conv_config.h"

namespace convoke {

const char* to_string(
    cuda::Family);  ///< "mma", "fma", "direct", "depthwise", "sparse", "reference"

/// "cuda:mma,bm=128,bn=128,bk=64,wm=2,wn=2,stages=4"
std::string print_cuda_config(const CudaConfig&);
/// Of the text after "cuda:". @throws Error kUsage
CudaConfig parse_cuda_config(std::string_view text);

/// Whether one grid holds the blocks of a launch of n images. The GEMM families and the sparse one
/// have a tile a block; the others walk over what a grid does not hold. (A reduction that no grid
/// holds would need 4 TiB of workspace.)
constexpr bool grid_holds(const cuda::ConvConfig& config, std::int64_t n) {
  if (config.family == cuda::Family::kSparse)
    return cuda::sparse_blocks(config, n) <= cuda::kMaxBlocks;
  return !cuda::is_gemm(config.family) || cuda::gemm_blocks(config, n) <= cuda::kMaxBlocks;
}

/// Hands every plausible configuration of the GEMM families to `add`, which drops illegal ones.
void enumerate_cuda_gemm(const ConvSpec& spec, const CudaDevice& device,
                         const std::function<void(const CudaConfig&)>& add);

}  // namespace convoke
