#include "templates/pack.cuh"
#include "templates/mma.cuh"

namespace convoke::cuda {
constexpr ConvConfig kConfig{
    .family = Family::kMma, .x_type = Type::kBf16, .y_type = Type::kBf16, .c = 64, .h = 14, .w = 14,
    .k = 64, .r = 3, .s = 3, .p = 14, .q = 14, .pad_h = 1, .pad_w = 1, .block_m = 64, .block_n = 32,
    .block_k = 32, .warps_m = 2, .warps_n = 1, .stages = 3, .sparse = Sparse::kLists, .bound = true,
    .unit_k = 32, .unit_c = 16, .kept = 36,
};
struct Epilogue {
  __device__ __forceinline__ float operator()(float acc, const float*) const {
    return acc;
  }
};
extern "C" __global__ void __launch_bounds__(threads(kConfig), min_blocks(kConfig))
convoke_kernel(const __grid_constant__ ConvArgs args) { run_mma<kConfig, Epilogue>(args); }
extern "C" __global__ void __launch_bounds__(kPackThreads, kHelperBlocks)
convoke_pack(const __grid_constant__ ConvArgs args) { run_pack<kConfig>(args); }
}  // namespace convoke::cuda
