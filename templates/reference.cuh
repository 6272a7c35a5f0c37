// The definition of a convolution, one output a thread, summed in f64: what the other families are
// checked against, so it shares nothing with them but the element types and the epilogue, and stays
// simple enough to be read as right. Also yields the f64 sums before the epilogue (verifier).
#pragma once

#include "templates/conv_config.h"
#include "templates/epilogue.cuh"
#include "templates/types.cuh"

namespace convoke::cuda {

/// The sum of output (n, k, p, q). Taps on padding are skipped.
template <ConvConfig kCfg>
__device__ double reference_sum(const ConvArgs& args, long long n, long long k, long long p,
                                long long q) {
  constexpr bool kNhwc = kCfg.x_layout == Layout::kNhwc;
  constexpr long long kChannels = kCfg.c / kCfg.groups;
  const long long first = k / (kCfg.k / kCfg.groups) * kChannels;  // channel of x
  double sum = 0;
  for (long long r = 0; r < kCfg.r; ++r) {
    const long long h = p * kCfg.stride_h - kCfg.pad_h + r * kCfg.dilation_h;
    if (h < 0 || h >= kCfg.h) continue;
    for (long long s = 0; s < kCfg.s; ++s) {
      const long long w = q * kCfg.stride_w - kCfg.pad_w + s * kCfg.dilation_w;
      if (w < 0 || w >= kCfg.w) continue;
      for (long long c = 0; c < kChannels; ++c) {
        const long long x_at = kNhwc ? ((n * kCfg.h + h) * kCfg.w + w) * kCfg.c + first + c
                                     : ((n * kCfg.c + first + c) * kCfg.h + h) * kCfg.w + w;
        const long long w_at = kNhwc ? ((k * kCfg.r + r) * kCfg.s + s) * kChannels + c
                                     : ((k * kChannels + c) * kCfg.r + r) * kCfg.s + s;
        double x = multiplicand<kCfg.x_type>(load<kCfg.x_type>(args.x, x_at));
        if constexpr (kCfg.zero_point) x -= args.x_zero;
        sum += x * multiplicand<kCfg.x_type>(load<weight_type(kCfg.x_type)>(args.w, w_at));
      }
    }
  }
  return sum;
}

/// Calls body(sum, k, index in y) for this thread's outputs.
template <ConvConfig kCfg, typename Body>
__device__ void for_each_reference_sum(const ConvArgs& args, const Body& body) {
  const long long pixels = args.n * kCfg.p * kCfg.q;
  const long long filter_tiles = ceil_div(kCfg.k, kReferenceFilters);
  const long long tiles = filter_tiles * ceil_div(pixels, kReferencePixels);
  for (long long tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const long long k = tile % filter_tiles * kReferenceFilters + threadIdx.x % kReferenceFilters;
    const long long pixel =
        tile / filter_tiles * kReferencePixels + threadIdx.x / kReferenceFilters;
    if (k >= kCfg.k || pixel >= pixels) continue;
    const long long q = pixel % kCfg.q;
    const long long p = pixel / kCfg.q % kCfg.p;
    const long long n = pixel / kCfg.q / kCfg.p;
    body(reference_sum<kCfg>(args, n, k, p, q), k,
         kCfg.y_layout == Layout::kNhwc ? pixel * kCfg.k + k
                                        : ((n * kCfg.k + k) * kCfg.p + p) * kCfg.q + q);
  }
}

template <ConvConfig kCfg, typename Epilogue>
__device__ void run_reference(const ConvArgs& args) {
  for_each_reference_sum<kCfg>(args, [&](double sum, long long k, long long at) {
    store_sum<kCfg, Epilogue>(args, static_cast<Sum<kCfg>>(sum), k, at);
  });
}

/// The sums before the epilogue: args.y is double[n][..] in y's layout.
template <ConvConfig kCfg>
__device__ void run_reference_sums(const ConvArgs& args) {
  double* sums = static_cast<double*>(args.y);
  for_each_reference_sum<kCfg>(args, [&](double sum, long long, long long at) { sums[at] = sum; });
}

}  // namespace convoke::cuda
