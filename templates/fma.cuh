// Implicit GEMM on the FMA units: f32 as exact as it gets, sm_80 and later.
#pragma once

#include "templates/fma_tile.cuh"
#include "templates/gemm.cuh"

namespace convoke::cuda {

template <ConvConfig kCfg, typename Epilogue>
__device__ __forceinline__ void run_fma(const ConvArgs& args) {
  static_assert(kCfg.family == Family::kFma, "this is the fma family's template");
  run_gemm<kCfg, Epilogue, FmaTile<kCfg>>(args);
}

}  // namespace convoke::cuda
