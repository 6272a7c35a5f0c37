#include "templates/pack.cuh"
#include "templates/mma.cuh"

namespace convoke::cuda {
constexpr ConvConfig kConfig{
    .family = Family::kMma, .x_type = Type::kF16, .y_type = Type::kF16, .c = 32, .h = 14, .w = 14,
    .k = 16, .r = 3, .s = 3, .p = 14, .q = 14, .pad_h = 1, .pad_w = 1, .block_m = 64, .block_n = 16,
    .block_k = 32, .warps_m = 2, .warps_n = 1, .stages = 3, .sparse = Sparse::kFilters,
    .per_filter = true, .unit_k = 1, .unit_c = 1, .kept = 8,
};
__device__ const __align__(16) unsigned kPattern[] = {
0,1,4,5,6,11,12,15,0,1,4294967295,4294967295,2,3,4,4294967295,
4294967295,4294967295,4294967295,5,6,4294967295,4294967295,7,};
struct Epilogue {
  __device__ __forceinline__ float operator()(float acc, const float*) const {
    return acc;
  }
};
extern "C" __global__ void __launch_bounds__(threads(kConfig), min_blocks(kConfig))
convoke_kernel(const __grid_constant__ ConvArgs args) { run_mma<kConfig, Epilogue>(bake(args, kPattern)); }
extern "C" __global__ void __launch_bounds__(kPackThreads, kHelperBlocks)
convoke_pack(const __grid_constant__ ConvArgs args) { run_pack<kConfig>(bake(args, kPattern)); }
}  // namespace convoke::cuda
