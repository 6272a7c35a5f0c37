#include "templates/mma.cuh"

namespace convoke::cuda {
constexpr ConvConfig kConfig{
    .family = Family::kMma, .x_type = Type::kBf16, .y_type = Type::kBf16, .c = 512, .h = 7, .w = 7,
    .k = 512, .r = 3, .s = 3, .p = 7, .q = 7, .pad_h = 1, .pad_w = 1, .operands = 3,
    .per_channel_operands = 3, .block_m = 64, .block_n = 128, .block_k = 64, .warps_m = 2,
    .warps_n = 2, .stages = 4, .split_k = 4,
};
struct Epilogue {
  __device__ __forceinline__ float operator()(float acc, const float* operand) const {
    const float t0 = acc * operand[0];
    const float t1 = t0 + operand[1];
    const float t2 = t1 + operand[2];
    const float t3 = 0.0f > t2 ? 0.0f : t2;
    return t3;
  }
};
extern "C" __global__ void __launch_bounds__(threads(kConfig), min_blocks(kConfig))
convoke_kernel(const __grid_constant__ ConvArgs args) { run_mma<kConfig, Epilogue>(args); }
extern "C" __global__ void __launch_bounds__(reduce_threads(kConfig), kHelperBlocks)
convoke_reduce(const __grid_constant__ ConvArgs args) { run_reduce<kConfig, Epilogue>(args); }
}  // namespace convoke::cuda
