// The sparse family for CUDA (templates/weights_config.h): its part of a kernel's struct, the lists
// of kept weights, the instructions that they become in a unit (code=1), the search space and the
// cost model. Where weights are known when a kernel is emitted is nowhere: a spec has a pattern, no
// values; so code has offsets and places as constants, and values in packed memory.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compiler/cuda_device.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"
#include "convoke/sparsity_pattern.h"
#include "templates/conv_config.h"

namespace convoke {

/// Sets `sparse` and `kept` of a configuration of the sparse family, unless the spec is dense or
/// masked. Room is that of the spec's signature; of code, what its pattern needs.
void set_kept_weights(const ConvSpec& spec, bool code, cuda::ConvConfig& config);

/// Why the spec's kept weights cannot be instructions, if `config` asks for them, or empty.
std::string why_illegal_code(const ConvSpec& spec, const CudaConfig& config);

/// The tables, cuda::pattern_words(config) of them. @throws Error kUsage if the pattern keeps more
/// weights than there is room for.
std::vector<std::uint32_t> make_weight_words(const cuda::ConvConfig& config,
                                             const SparsityPattern& pattern);

/// One call of the emitted code, of KeptSums' functions.
struct CodeStep {
  enum class Call : char { kPixels = 'x', kWeights = 'w', kMultiply = 'f' };
  Call call;
  std::int64_t a = 0, b = 0;  ///< float of the staged chunk; quad of weights; filter and weight
};
/// What is computed with a chunk of channels for a tile of filters: part `number` of the code.
std::vector<CodeStep> kept_code(const cuda::ConvConfig& config, const SparsityPattern& pattern,
                                std::int64_t number);
/// All parts as `struct KeptCode`.
std::string emit_kept_code(const cuda::ConvConfig& config, const SparsityPattern& pattern);

/// Hands every plausible configuration of the sparse family to `add`, which drops illegal ones.
void enumerate_cuda_sparse(const ConvSpec& spec, const std::function<void(const CudaConfig&)>& add);

/// As predict_cuda_us(). @pre config.family is kSparse
double predict_cuda_sparse_us(const ConvSpec& spec, const cuda::ConvConfig& config,
                              const CudaDevice& device, std::int64_t batch);

}  // namespace convoke
