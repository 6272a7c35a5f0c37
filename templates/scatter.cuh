// From packed filters to output channels, where whole filters are pruned (Sparse::kFilters): the
// packed filters of a tile are the kept ones between two output channels, and whoever finishes them
// also writes the pruned channels in between, the epilogue of a zero sum. So rows of y are written
// whole, in wide pieces.
#pragma once

#include "templates/epilogue.cuh"
#include "templates/im2col.cuh"

namespace convoke::cuda {

/// Element of y at a filter (of all groups) and a pixel (n * P + p) * Q + q.
template <ConvConfig kCfg>
__device__ __forceinline__ long long y_index(long long pixel, int filter) {
  if constexpr (kCfg.y_layout == Layout::kNhwc) return pixel * kCfg.k + filter;
  constexpr long long kImagePixels = kCfg.p * kCfg.q;
  const long long image = pixel / kImagePixels;
  return (image * kCfg.k + filter) * kImagePixels + (pixel - image * kImagePixels);
}

/// Epilogue and store of `kCount` neighbouring filters of one pixel. More than one: they are
/// aligned to their size in y, which is nhwc.
template <ConvConfig kCfg, typename Epilogue, int kCount>
__device__ __forceinline__ void finish_and_store(const ConvArgs& args, float (&sums)[kCount],
                                                 long long pixel, int filter) {
  const long long at = y_index<kCfg>(pixel, filter);
  finish_row<kCfg, Epilogue, (kCount > 1)>(args, sums, filter, at);
  store_row<kCfg.y_type, (kCount > 1)>(args.y, at, sums);
}

/// Output channel of a packed filter, both of all groups; negative if the packed filter is none.
template <ConvConfig kCfg>
__device__ __forceinline__ int output_channel(const ConvArgs& args, int packed) {
  if constexpr (kCfg.sparse != Sparse::kFilters) return packed;
  constexpr int kKept = static_cast<int>(kCfg.kept), kOutputs = static_cast<int>(k_per_group(kCfg));
  const int channel = static_cast<int>(__ldg(args.pattern + packed));
  return channel < kOutputs ? packed / kKept * kOutputs + channel : -1;
}
/// Place of an output channel (of all groups) among the packed filters of its group, or kPruned.
template <ConvConfig kCfg>
__device__ __forceinline__ unsigned packed_place(const ConvArgs& args, int channel) {
  return __ldg(args.pattern + kCfg.groups * kCfg.kept + channel);
}

/// Output channels of a group that go with its packed filters [first, last).
template <ConvConfig kCfg>
struct OutputRange {
  int begin, end;
  __device__ __forceinline__ OutputRange(const ConvArgs& args, int group, int first, int last) {
    constexpr int kKept = static_cast<int>(kCfg.kept);
    constexpr int kOutputs = static_cast<int>(k_per_group(kCfg));
    const unsigned* const kept = args.pattern + group * kKept;
    begin = first <= 0 ? 0 : first >= kKept ? kOutputs : static_cast<int>(__ldg(kept + first));
    end = last >= kKept ? kOutputs : static_cast<int>(__ldg(kept + last));
  }
};

/// Finishes and stores the outputs of packed filters [first, last) of a group at `rows` rows, by
/// kLanes threads of which this is number `lane`. sum_at(row, i) is the sum of packed filter
/// first + i, pixel_of(row) the pixel or -1. Returns whether a sum was NaN.
template <ConvConfig kCfg, typename Epilogue, int kLanes, typename SumAt, typename PixelOf>
__device__ __forceinline__ bool scatter_rows(const ConvArgs& args, int group, int first, int last,
                                             int rows, int lane, const SumAt& sum_at,
                                             const PixelOf& pixel_of) {
  constexpr bool kNhwc = kCfg.y_layout == Layout::kNhwc;
  constexpr int kCount = store_width(kCfg);
  // nhwc: eight neighbouring lanes write a row, nchw: sixteen write neighbouring pixels.
  constexpr int kAcross = kNhwc ? 8 : kLanes / 16;
  constexpr int kDown = kLanes / kAcross;
  const OutputRange<kCfg> range(args, group, first, last);
  const int base = group * static_cast<int>(k_per_group(kCfg));
  bool saw_nan = false;
#pragma unroll 1
  for (int chunk = range.begin / kCount + (kNhwc ? lane % kAcross : lane / kDown);
       chunk * kCount < range.end; chunk += kAcross) {
    const int channel = chunk * kCount;
    unsigned place[kCount];
#pragma unroll
    for (int j = 0; j < kCount; ++j) place[j] = packed_place<kCfg>(args, base + channel + j);
    const bool whole = channel >= range.begin && channel + kCount <= range.end;
#pragma unroll 1
    for (int row = kNhwc ? lane / kAcross : lane % kDown; row < rows; row += kDown) {
      const long long pixel = pixel_of(row);
      if (pixel < 0) continue;
      float sums[kCount];
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        const bool here = channel + j >= range.begin && channel + j < range.end;
        sums[j] = here && place[j] != kPruned ? sum_at(row, static_cast<int>(place[j]) - first) : 0;
      }
      saw_nan |= gemm_pads(kCfg) && any_nan(sums);
      if (whole) {
        finish_and_store<kCfg, Epilogue>(args, sums, pixel, base + channel);
        continue;
      }
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        if (channel + j < range.begin || channel + j >= range.end) continue;
        float one[1] = {sums[j]};
        finish_and_store<kCfg, Epilogue>(args, one, pixel, base + channel + j);
      }
    }
  }
  return saw_nan;
}

}  // namespace convoke::cuda
