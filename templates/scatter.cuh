// From packed filters to output channels, where whole filters are pruned (Sparse::kFilters): the
// packed filters of a tile are the kept ones between two output channels, and whoever finishes them
// also writes the pruned channels in between, the epilogue of a zero sum. So rows of y are written
// whole, in wide pieces.
#pragma once

#include "templates/epilogue.cuh"
#include "templates/im2col.cuh"
#include "templates/zero_point.cuh"

namespace convoke::cuda {

/// Element of y at a filter (of all groups) and a pixel (n * P + p) * Q + q.
template <ConvConfig kCfg>
__device__ __forceinline__ long long y_index(long long pixel, int filter) {
  if constexpr (kCfg.y_layout == Layout::kNhwc) return pixel * kCfg.k + filter;
  constexpr long long kImagePixels = kCfg.p * kCfg.q;
  const long long image = pixel / kImagePixels;
  return (image * kCfg.k + filter) * kImagePixels + (pixel - image * kImagePixels);
}

/// Epilogue and store of `kCount` neighbouring filters of one pixel; of those from `lower` to
/// before `upper` alone, if given. More than one: they are aligned to their size in y, which is
/// nhwc.
template <ConvConfig kCfg, typename Epilogue, int kCount>
__device__ __forceinline__ void finish_and_store(const ConvArgs& args, Sum<kCfg> (&sums)[kCount],
                                                 const ChannelOperands<kCfg, kCount>& channels,
                                                 long long pixel, int filter, int lower = 0,
                                                 int upper = kCount) {
  if constexpr (kCfg.zero_point) subtract_zeros<kCfg>(args, sums, pixel, filter);
  store_sums<kCfg, Epilogue, (kCount > 1)>(args, sums, channels, y_index<kCfg>(pixel, filter),
                                           kCount, lower, upper);
}

/// The same of filters whose operands nobody has loaded.
template <ConvConfig kCfg, typename Epilogue, int kCount>
__device__ __forceinline__ void finish_and_store(const ConvArgs& args, Sum<kCfg> (&sums)[kCount],
                                                 long long pixel, int filter) {
  const ChannelOperands<kCfg, kCount> channels(args, filter);
  finish_and_store<kCfg, Epilogue>(args, sums, channels, pixel, filter);
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
  return __ldg(args.pattern + first_place_word(kCfg) + channel);
}

/// Output channels of a group that go with its packed filters [first, last).
template <ConvConfig kCfg>
struct OutputRange {
  int begin, end;
  OutputRange() = default;
  __device__ __forceinline__ OutputRange(const ConvArgs& args, int group, int first, int last) {
    constexpr int kKept = static_cast<int>(kCfg.kept);
    constexpr int kOutputs = static_cast<int>(k_per_group(kCfg));
    const unsigned* const kept = args.pattern + group * kKept;
    begin = first <= 0 ? 0 : first >= kKept ? kOutputs : static_cast<int>(__ldg(kept + first));
    end = last >= kKept ? kOutputs : static_cast<int>(__ldg(kept + last));
  }
};

/// Where the sums of `kCount` neighbouring output channels stand in a staged row: a sum behind a
/// row that is zero stands for the pruned ones and those of other tiles.
template <ConvConfig kCfg, int kCount, typename OffsetOf>
__device__ __forceinline__ void staged_offsets(const ConvArgs& args, int channel, int first,
                                               int last, int zero, const OffsetOf& offset_of,
                                               int (&offsets)[kCount]) {
  const unsigned* const from = args.pattern + first_place_word(kCfg) + channel;
  unsigned places[kCount];
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    if constexpr (kCount % kEntryWords != 0) {
      places[j] = __ldg(from + j);
    } else if (j % kEntryWords == 0) {
      const uint4 four = __ldg(reinterpret_cast<const uint4*>(from + j));
      places[j] = four.x, places[j + 1] = four.y, places[j + 2] = four.z, places[j + 3] = four.w;
    }
  }
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    const int at = static_cast<int>(places[j]) - first;  // kPruned: negative
    offsets[j] = at >= 0 && at < last - first ? offset_of(at) : zero;
  }
}

/// Finishes and stores the outputs that go with packed filters [first, last) of a group at kRows
/// rows, by kLanes threads of which this is number `lane`. The sum of packed filter first + i of a
/// row stands at offset_of(i) of the row, a zero at `zero`; sum_at(row, offset) reads it,
/// pixel_of(row) is the pixel or -1. Returns whether a sum was NaN.
template <ConvConfig kCfg, typename Epilogue, int kLanes, int kRows, typename OffsetOf,
          typename SumAt, typename PixelOf>
__device__ __forceinline__ bool scatter_rows(const ConvArgs& args, const OutputRange<kCfg>& range,
                                             int group, int first, int last, int zero, int lane,
                                             const OffsetOf& offset_of, const SumAt& sum_at,
                                             const PixelOf& pixel_of) {
  constexpr bool kNhwc = kCfg.y_layout == Layout::kNhwc;
  constexpr int kCount = store_width(kCfg);
  // nhwc: eight neighbouring lanes write a row, nchw: sixteen write neighbouring pixels.
  constexpr int kAcross = kNhwc ? 8 : kLanes / 16;
  constexpr int kDown = kLanes / kAcross;
  constexpr int kRowsOfLane = (kRows + kDown - 1) / kDown;
  const int base = group * static_cast<int>(k_per_group(kCfg));
  bool saw_nan = false;
#pragma unroll 1
  for (int chunk = range.begin / kCount + (kNhwc ? lane % kAcross : lane / kDown);
       chunk * kCount < range.end; chunk += kAcross) {
    const int channel = chunk * kCount;
    int offsets[kCount];
    staged_offsets<kCfg>(args, base + channel, first, last, zero, offset_of, offsets);
    const auto row_of = [&](int i) { return (kNhwc ? lane / kAcross : lane % kDown) + i * kDown; };
    const auto pixel_at = [&](int row) {
      return kRows % kDown == 0 || row < kRows ? pixel_of(row) : -1;
    };
    // Of the first and the last channels others write a part.
    const int lower = range.begin - channel, upper = range.end - channel;
    const ChannelOperands<kCfg, kCount> channels(args, base + channel);
#pragma unroll
    for (int i = 0; i < kRowsOfLane; ++i) {
      const long long pixel = pixel_at(row_of(i));
      Sum<kCfg> sums[kCount];
#pragma unroll
      for (int j = 0; j < kCount; ++j) sums[j] = pixel < 0 ? 0 : sum_at(row_of(i), offsets[j]);
      saw_nan |= repairs_padding(kCfg) && any_nan(sums);
      if (pixel >= 0)
        finish_and_store<kCfg, Epilogue>(args, sums, channels, pixel, base + channel, lower, upper);
    }
  }
  return saw_nan;
}

}  // namespace convoke::cuda
