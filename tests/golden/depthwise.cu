#include "templates/depthwise.cuh"

namespace convoke::cuda {
constexpr ConvConfig kConfig{
    .family = Family::kDepthwise, .x_type = Type::kF16, .y_type = Type::kF16, .c = 32, .h = 14,
    .w = 14, .k = 32, .r = 3, .s = 3, .p = 14, .q = 14, .groups = 32, .pad_h = 1, .pad_w = 1,
    .block_m = 7, .block_n = 8, .block_k = 4,
};
struct Epilogue {
  __device__ __forceinline__ float operator()(float acc, const float*) const {
    return acc;
  }
};
extern "C" __global__ void __launch_bounds__(threads(kConfig), min_blocks(kConfig))
convoke_kernel(const __grid_constant__ ConvArgs args) { run_depthwise<kConfig, Epilogue>(args); }
}  // namespace convoke::cuda
