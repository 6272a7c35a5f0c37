#include "compiler/cuda_direct.h"

#include <algorithm>

#include "templates/depthwise_config.h"

namespace convoke {
namespace {

/// Largest power of two that divides `value` and is at most `limit`.
int common_power(std::int64_t value, int limit) {
  int power = 1;
  while (power < limit && value % (2 * power) == 0) power *= 2;
  return power;
}

}  // namespace

void enumerate_cuda_direct(const ConvSpec& spec,
                           const std::function<void(const CudaConfig&)>& add) {
  const bool nhwc = spec.x_layout == Layout::kNhwc;
  const int widest = nhwc ? common_power(spec.c_per_group(), 16 / size_of(spec.x_type)) : 1;
  const std::int64_t pixels = spec.p * spec.q;
  for (int bk = 1; bk <= widest; bk = bk < widest ? widest : 2 * widest) {
    for (const int bm : {1, 2, 4, 8})
      for (const int bn : {1, 2, 4, 8}) {
        // More outputs a thread than there are would only compute what nobody stores.
        const bool too_many = (bm > 1 && bm > pixels) || (bn > 1 && bn / 2 >= spec.k_per_group());
        if (too_many || bm * bn > 32) continue;
        CudaConfig config;
        config.family = cuda::Family::kDirect;
        config.bm = bm, config.bn = bn, config.bk = bk;
        add(config);
      }
  }
}

void enumerate_cuda_depthwise(const ConvSpec& spec,
                              const std::function<void(const CudaConfig&)>& add) {
  if (spec.c_per_group() != 1 || spec.x_layout != spec.y_layout) return;
  const bool nhwc = spec.x_layout == Layout::kNhwc;
  const int most = std::min(cuda::kMaxDepthwiseFilters, 16 / size_of(spec.x_type));
  const int widest = nhwc ? common_power(spec.k, most) : 1;
  for (int bn = widest; 4 * bn >= widest && bn >= 1; bn /= 2)
    // 7 and 14 are the rows of the last layers of most networks.
    for (const int bm : {1, 2, 4, 7, 8, 14})
      for (const int bk : {1, 4, 8}) {
        if (bm > spec.q || bk > spec.p) continue;
        CudaConfig config;
        config.family = cuda::Family::kDepthwise;
        config.bm = bm, config.bn = bn, config.bk = bk;
        add(config);
      }
}

}  // namespace convoke
