#include "templates/depthwise.cuh"

namespace convoke::cuda {
constexpr ConvConfig kConfig{
    .family = Family::kDepthwise, .x_type = Type::kU8, .y_type = Type::kU8, .c = 32, .h = 14,
    .w = 14, .k = 32, .r = 3, .s = 3, .p = 14, .q = 14, .groups = 32, .pad_h = 1, .pad_w = 1,
    .operands = 1, .per_channel_operands = 1, .zero_point = true, .block_m = 4, .block_n = 8,
    .block_k = 4,
};
struct Epilogue {
  __device__ __forceinline__ float operator()(float acc, const float* operand) const {
    const float t0 = __fmul_rn(acc, operand[0]);
    const float t1 = 0.0f > t0 ? 0.0f : t0;
    return t1;
  }
};
extern "C" __global__ void __launch_bounds__(threads(kConfig), min_blocks(kConfig))
convoke_kernel(const __grid_constant__ ConvArgs args) { run_depthwise<kConfig, Epilogue>(args); }
}  // namespace convoke::cuda
