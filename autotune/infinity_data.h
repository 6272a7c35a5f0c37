// Which outputs may see an infinity that was planted in the inputs, worked out from the definition
// of a convolution alone. Padding and dead taps contribute nothing, so every other output must stay
// what it was: a kernel that multiplies padding, or reads a neighbour times zero, turns one into
// NaN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "convoke/conv_spec.h"
#include "convoke/sparsity_pattern.h"

namespace convoke {

/// What a sum becomes.
enum class SumClass : std::uint8_t { kFinite, kPlusInfinity, kMinusInfinity, kNan };

/// An input with infinities planted, and the class of each output's sum, in y's layout.
struct InfinityData {
  std::vector<std::byte> bytes;
  std::vector<SumClass> classes;
};

/// Every weight of a dead tap becomes infinite, and in each filter one weight of a tap that falls
/// on padding at some output; kept ones alone, where a pattern prunes (null: all are kept). Empty
/// bytes if there is no such tap or the type has no infinity.
InfinityData plant_in_weights(const ConvSpec& spec, const SparsityPattern* pattern,
                              std::int64_t batch, const std::vector<std::byte>& x,
                              const std::vector<std::byte>& w);

/// Three pixels of the last image become infinite: two corners and the middle. Empty bytes if the
/// type has no infinity, or if the spec is sparse: what such a pixel gives at a pruned weight is
/// not specified.
InfinityData plant_in_images(const ConvSpec& spec, std::int64_t batch,
                             const std::vector<std::byte>& x, const std::vector<std::byte>& w);

}  // namespace convoke
