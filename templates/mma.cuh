// Implicit GEMM on the tensor cores (mma.sync), sm_80 and later: f16, bf16 and tf32 with sums in
// f32, s8 and u8 with sums in s32.
#pragma once

#include "templates/gemm.cuh"
#include "templates/mma_tile.cuh"
#include "templates/pairs_tile.cuh"

namespace convoke::cuda {

template <ConvConfig kCfg, typename Epilogue>
__device__ __forceinline__ void run_mma(const ConvArgs& args) {
  static_assert(kCfg.family == Family::kMma, "this is the mma family's template");
  if constexpr (kCfg.sparse == Sparse::kPairs)
    run_gemm<kCfg, Epilogue, PairsTile<kCfg>>(args);
  else
    run_gemm<kCfg, Epilogue, MmaTile<kCfg>>(args);
}

}  // namespace convoke::cuda
