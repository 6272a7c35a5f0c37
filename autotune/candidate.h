// What the tuner knows of a configuration besides its times, for every target: how Search compares
// it with others, and on how many images it must be right.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"

namespace convoke {

/// The integers of a configuration, as Search compares them; the first `categories` are names
/// without an order.
struct Features {
  std::vector<int> values;
  int categories;
};
Features features(const KernelConfig& config);

/// Images on which a configuration is verified. The batch is no constant of a CUDA kernel: the
/// image that runs on a few images is the one that runs on many, and a full batch of large images
/// would take seconds a candidate. A few images must still give full tiles and a tail: an odd number,
/// so that a tile divides the pixels only if it always does; along the batch a tile and one image.
std::int64_t verified_images(const ConvSpec& spec, const KernelConfig& config);

}  // namespace convoke
