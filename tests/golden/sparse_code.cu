#include "templates/pack.cuh"
#include "templates/sparse.cuh"

namespace convoke::cuda {
constexpr ConvConfig kConfig{
    .family = Family::kSparse, .c = 8, .h = 14, .w = 14, .k = 8, .r = 3, .s = 3, .p = 14, .q = 14,
    .pad_h = 1, .pad_w = 1, .block_m = 128, .block_n = 8, .block_k = 4, .warps_m = 1, .warps_n = 1,
    .tile_p = 8, .tile_q = 16, .sparse = Sparse::kCode, .unit_k = 1, .unit_c = 1, .kept = 8,
};
__device__ const __align__(16) unsigned kPattern[] = {
0,1,11,4,12,5,6,15,};
struct KeptCode {
  template <typename Sums>
  static __device__ __forceinline__ void part(int number, Sums& t) {
    switch (number) {
      case 0: t.x(0); t.w(0); t.f(0,0); t.x(488); t.f(0,1); t.x(1465); t.f(0,2);
        return;
      case 1: t.x(0); t.w(0); t.f(0,3); t.x(1); t.w(1); t.f(0,0); t.x(488); t.f(0,1); t.x(976);
        t.f(0,2); t.x(1465); t.f(0,3);
        return;
    }
  }
};
struct Epilogue {
  __device__ __forceinline__ float operator()(float acc, const float*) const {
    return acc;
  }
};
extern "C" __global__ void __launch_bounds__(threads(kConfig), min_blocks(kConfig))
convoke_kernel(const __grid_constant__ ConvArgs args) { run_sparse<kConfig, Epilogue, KeptCode>(bake(args, kPattern)); }
extern "C" __global__ void __launch_bounds__(kPackThreads, kHelperBlocks)
convoke_pack(const __grid_constant__ ConvArgs args) { run_pack<kConfig>(bake(args, kPattern)); }
}  // namespace convoke::cuda
