#include "templates/pack.cuh"
#include "templates/sparse.cuh"

namespace convoke::cuda {
constexpr ConvConfig kConfig{
    .family = Family::kSparse, .x_type = Type::kBf16, .y_type = Type::kBf16, .c = 64, .h = 14,
    .w = 14, .k = 64, .r = 3, .s = 3, .p = 14, .q = 14, .pad_h = 1, .pad_w = 1, .block_m = 128,
    .block_n = 32, .block_k = 16, .warps_m = 1, .warps_n = 4, .tile_p = 4, .tile_q = 4,
    .sparse = Sparse::kWeights, .bound = true, .unit_k = 1, .unit_c = 1, .kept = 3686,
};
struct Epilogue {
  __device__ __forceinline__ float operator()(float acc, const float*) const {
    return acc;
  }
};
extern "C" __global__ void __launch_bounds__(threads(kConfig), min_blocks(kConfig))
convoke_kernel(const __grid_constant__ ConvArgs args) { run_sparse<kConfig, Epilogue>(args); }
extern "C" __global__ void __launch_bounds__(kPackThreads, kHelperBlocks)
convoke_pack(const __grid_constant__ ConvArgs args) { run_pack<kConfig>(args); }
}  // namespace convoke::cuda
