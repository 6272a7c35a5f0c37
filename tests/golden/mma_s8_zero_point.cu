#include "templates/pack.cuh"
#include "templates/mma.cuh"

namespace convoke::cuda {
constexpr ConvConfig kConfig{
    .family = Family::kMma, .x_type = Type::kU8, .y_type = Type::kS8, .c = 64, .h = 14, .w = 14,
    .k = 64, .r = 3, .s = 3, .p = 14, .q = 14, .pad_h = 1, .pad_w = 1, .operands = 2,
    .per_channel_operands = 1, .operand_types = 48, .zero_point = true, .block_m = 128,
    .block_n = 64, .block_k = 64, .warps_m = 2, .warps_n = 2, .stages = 3,
};
struct Epilogue {
  __device__ __forceinline__ float operator()(float acc, const float* operand) const {
    const float t0 = __fmul_rn(acc, operand[0]);
    const float t1 = __fadd_rn(t0, operand[1]);
    const float t2 = 0.0f > t1 ? 0.0f : t1;
    return t2;
  }
};
extern "C" __global__ void __launch_bounds__(threads(kConfig), min_blocks(kConfig))
convoke_kernel(const __grid_constant__ ConvArgs args) { run_mma<kConfig, Epilogue>(args); }
extern "C" __global__ void __launch_bounds__(kPackThreads, kHelperBlocks)
convoke_pack(const __grid_constant__ ConvArgs args) { run_pack<kConfig>(args); }
}  // namespace convoke::cuda
