// Data of sparse problems: which weights a check may look at, and what stands in the others. The
// reference computes the dense problem with zeros for pruned weights; kernels get garbage there, so
// that one which reads a pruned weight as a factor fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "convoke/conv_spec.h"
#include "convoke/sparsity_pattern.h"

namespace convoke {

/// The problem whose every weight is kept: what references and peers compute.
ConvSpec dense_problem(ConvSpec spec);

/// Index in the weights of filter k (of all groups), tap (r, s), channel c (of the group).
std::int64_t weight_index(const ConvSpec& spec, std::int64_t k, std::int64_t c, std::int64_t r,
                          std::int64_t s);

/// Stores `value` in every pruned weight of `w`, plain weights of the spec.
void overwrite_pruned(const ConvSpec& spec, const SparsityPattern& pattern, double value,
                      std::vector<std::byte>& w);

/// Outputs that multiply at least one input element by a kept weight.
double reachable_outputs(const ConvSpec& spec, const SparsityPattern& pattern, std::int64_t batch);

}  // namespace convoke
