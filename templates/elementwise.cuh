// Quantise, dequantise and LSQ on a GPU: bound by memory, so 16 bytes of the wider type a load,
// several loads of a thread in flight before the first result is needed, neighbours of a warp side
// by side. Pointers that are less aligned, and the last elements, are moved one by one. Formulas
// and the order of sums are elementwise_config.h's; nothing depends on the size of the grid.
#pragma once

#include "templates/elementwise_config.h"
#include "templates/types.cuh"

namespace convoke::cuda {

namespace ew = convoke::elementwise;

/// Neighbours in registers, as they lie in memory.
template <Type kType, int kWidth>
using Row = Piece<kWidth * size_of(kType)>;

/// The first `valid` elements of a row, element i from place(i).
template <Type kType, int kWidth, typename Place>
__device__ __forceinline__ Row<kType, kWidth> load_each(const void* from, int valid,
                                                        const Place& place) {
  using Storage = typename Element<kType>::Storage;
  constexpr int kSize = size_of(kType);
  Row<kType, kWidth> row{};
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    if (i >= valid) break;
    const Storage stored = __ldg(static_cast<const Storage*>(from) + place(i));
    if constexpr (kSize == 4)
      row.word[i] = __float_as_uint(stored);
    else
      row.word[i * kSize / 4] |= (stored & ((1u << 8 * kSize) - 1)) << i * kSize % 4 * 8;
  }
  return row;
}
template <Type kType, int kWidth, typename Place>
__device__ __forceinline__ void store_each(void* to, const float (&values)[kWidth], int valid,
                                           const Place& place) {
  using Storage = typename Element<kType>::Storage;
#pragma unroll
  for (int i = 0; i < kWidth; ++i)
    if (i < valid) static_cast<Storage*>(to)[place(i)] = Element<kType>::narrow(values[i]);
}

/// Elements of an array from `at` on, the first `valid` of them. `aligned`: where all are, their
/// address is a multiple of their size.
template <Type kType, int kWidth>
__device__ __forceinline__ Row<kType, kWidth> load_next(const void* from, long long at,
                                                        bool aligned, int valid) {
  if (aligned && valid == kWidth)
    return load_piece<kWidth * size_of(kType)>(
        static_cast<const typename Element<kType>::Storage*>(from) + at);
  return load_each<kType, kWidth>(from, valid, [&](int i) { return at + i; });
}
template <Type kType, int kWidth>
__device__ __forceinline__ void store_next(void* to, long long at, bool aligned, int valid,
                                           const float (&values)[kWidth]) {
  if (aligned && valid == kWidth)
    store_piece(static_cast<typename Element<kType>::Storage*>(to) + at,
                narrow_piece<kType, kWidth * size_of(kType)>(values));
  else
    store_each<kType>(to, values, valid, [&](int i) { return at + i; });
}

/// How many of a vector's elements there are where `left` remain, or none.
template <int kWidth>
__device__ __forceinline__ int valid_of(long long left) {
  return left >= kWidth ? kWidth : left > 0 ? static_cast<int>(left) : 0;
}

/// Whether an array begins where vectors of `width` elements of `size` bytes may.
__device__ __forceinline__ bool is_aligned(const void* array, int width, int size) {
  return reinterpret_cast<unsigned long long>(array) % static_cast<unsigned>(width * size) == 0;
}

__device__ __forceinline__ float step_of(const ew::Args& args, long long channel) {
  return ew::usable(args.steps == nullptr ? args.step : __ldg(args.steps + channel));
}

/// The steps of elements [at, at + kWidth).
template <ew::Config kCfg>
__device__ __forceinline__ void load_steps(const ew::Args& args, long long at,
                                           float (&steps)[ew::width(kCfg)]) {
  constexpr int kWidth = ew::width(kCfg);
  if constexpr (ew::in_runs(kCfg)) {
    const float step = step_of(args, kCfg.channels == 1 ? 0 : at / kCfg.inner % kCfg.channels);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) steps[i] = step;
  } else {
    constexpr auto kInner = static_cast<unsigned>(kCfg.inner);
    constexpr auto kPeriod = static_cast<unsigned>(kCfg.channels * kCfg.inner);
    auto place = static_cast<unsigned>(at % kPeriod);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      steps[i] = step_of(args, place / kInner);
      place = place + 1 == kPeriod ? 0 : place + 1;
    }
  }
}

/// y = function(x, step), element by element.
template <ew::Config kCfg, Type kX, Type kY, typename Function>
__device__ __forceinline__ void map_elements(const ew::Args& args, const Function& function) {
  constexpr int kWidth = ew::width(kCfg);
  const bool aligned =
      is_aligned(args.x, kWidth, size_of(kX)) && is_aligned(args.y, kWidth, size_of(kY));
  constexpr long long kBlock = ew::kFlight * ew::lanes(kCfg);
  for (long long block = blockIdx.x * kBlock; block < args.count; block += gridDim.x * kBlock) {
    const long long first = block + static_cast<long long>(threadIdx.x) * kWidth;
    Row<kX, kWidth> x[ew::kFlight];
#pragma unroll
    for (int n = 0; n < ew::kFlight; ++n) {
      const long long at = first + n * ew::lanes(kCfg);
      x[n] = load_next<kX, kWidth>(args.x, at, aligned, valid_of<kWidth>(args.count - at));
    }
#pragma unroll
    for (int n = 0; n < ew::kFlight; ++n) {
      const long long at = first + n * ew::lanes(kCfg);
      const int valid = valid_of<kWidth>(args.count - at);
      if (valid == 0) break;
      float steps[kWidth], y[kWidth];
      load_steps<kCfg>(args, at, steps);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) y[i] = function(element<kX>(x[n], i), steps[i]);
      store_next<kY>(args.y, at, aligned, valid, y);
    }
  }
}

template <ew::Config kCfg>
__device__ __forceinline__ void run_quantize(const ew::Args& args) {
  // Stores saturate at the type's own bounds, and make 0 of a NaN.
  constexpr bool kWhole = kCfg.high - kCfg.low == 255;
  const auto zero = static_cast<float>(args.zero);
  map_elements<kCfg, kCfg.x, kCfg.y>(args, [&](float x, float step) {
    return kWhole ? x / step + zero : ew::quantize(x, step, zero, kCfg.low, kCfg.high);
  });
}

template <ew::Config kCfg>
__device__ __forceinline__ void run_dequantize(const ew::Args& args) {
  const auto zero = static_cast<float>(args.zero);
  map_elements<kCfg, kCfg.y, kCfg.x>(
      args, [&](float q, float step) { return ew::dequantize(q, step, zero); });
}

template <ew::Config kCfg>
__device__ __forceinline__ void run_forward(const ew::Args& args) {
  map_elements<kCfg, kCfg.x, kCfg.y>(
      args, [&](float v, float step) { return ew::fake_quantize(v, step, kCfg.low, kCfg.high); });
}

/// The sum over the block's threads, at thread 0.
template <typename Real>
__device__ __forceinline__ Real block_sum(Real mine) {
  extern __shared__ __align__(128) char memory[];
  Real* sums = reinterpret_cast<Real*>(memory);
  const int thread = static_cast<int>(threadIdx.x);
  sums[thread] = mine;
  __syncthreads();
  for (int distance = ew::kThreads / 2; distance > 0; distance /= 2) {
    if (thread < distance) sums[thread] += sums[thread + distance];
    __syncthreads();
  }
  const Real sum = sums[0];
  __syncthreads();  // before the next sum takes their place
  return sum;
}

/// Elements from j on of a channel, the first `valid` of them.
template <ew::Config kCfg, Type kType>
__device__ __forceinline__ Row<kType, ew::width(kCfg)> load_channel(const void* from,
                                                                    long long channel, long long j,
                                                                    bool aligned, int valid) {
  constexpr int kWidth = ew::width(kCfg);
  if constexpr (ew::in_runs(kCfg))
    return load_next<kType, kWidth>(from, ew::index_of(kCfg, channel, j), aligned, valid);
  else
    return load_each<kType, kWidth>(from, valid,
                                    [&](int i) { return ew::index_of(kCfg, channel, j + i); });
}
template <ew::Config kCfg, Type kType>
__device__ __forceinline__ void store_channel(void* to, long long channel, long long j,
                                              bool aligned, int valid,
                                              const float (&values)[ew::width(kCfg)]) {
  if constexpr (ew::in_runs(kCfg))
    store_next<kType>(to, ew::index_of(kCfg, channel, j), aligned, valid, values);
  else
    store_each<kType>(to, values, valid, [&](int i) { return ew::index_of(kCfg, channel, j + i); });
}

/// Adds the terms of a vector to `sums`; backward: and makes the gradients of v.
template <ew::Config kCfg, bool kBackward>
__device__ __forceinline__ void add_terms(const Row<kCfg.x, ew::width(kCfg)>& v,
                                          const Row<kCfg.y, ew::width(kCfg)>& grads,
                                          const float (&steps)[ew::width(kCfg)], int valid,
                                          float (&sums)[ew::width(kCfg)],
                                          float (&grads_v)[ew::width(kCfg)]) {
#pragma unroll
  for (int i = 0; i < ew::width(kCfg); ++i) {
    const float value = element<kCfg.x>(v, i);
    float term = value < 0.0f ? -value : value;
    if constexpr (kBackward) {
      const ew::Gradients g =
          ew::gradients(value, steps[i], kCfg.low, kCfg.high, element<kCfg.y>(grads, i));
      grads_v[i] = g.v;
      term = __fmul_rn(element<kCfg.y>(grads, i), g.d);
    }
    if (i < valid) sums[i] = __fadd_rn(sums[i], term);
  }
}

/// The same as run_sums where neighbours in memory are of different channels: a thread keeps a
/// vector of channels and takes every kColumnLanes-th row of a chunk.
template <ew::Config kCfg, bool kBackward>
__device__ __forceinline__ void run_column_sums(const ew::Args& args) {
  extern __shared__ __align__(128) char memory[];
  float* lanes = reinterpret_cast<float*>(memory);  // [kColumnLanes][kTile]
  constexpr int kWidth = ew::width(kCfg), kTile = ew::tile(kCfg), kVectors = kTile / kWidth;
  const bool aligned = kCfg.channels % kWidth == 0 && is_aligned(args.x, kWidth, size_of(kCfg.x)) &&
                       (!kBackward || (is_aligned(args.grad_y, kWidth, size_of(kCfg.y)) &&
                                       is_aligned(args.y, kWidth, size_of(kCfg.x))));
  const long long rows = ew::per_channel(kCfg, args.count), chunks = ew::chunks(kCfg, args.count);
  const int thread = static_cast<int>(threadIdx.x), vector = thread % kVectors;
  for (long long task = blockIdx.x; task < ew::tiles(kCfg) * chunks; task += gridDim.x) {
    const long long chunk = task / ew::tiles(kCfg);
    const long long tile = task % ew::tiles(kCfg) * kTile, channel = tile + vector * kWidth;
    const int valid = valid_of<kWidth>(kCfg.channels - channel);
    float steps[kWidth], sums[kWidth] = {};
#pragma unroll
    for (int i = 0; i < kWidth; ++i)
      steps[i] = kBackward && i < valid ? step_of(args, channel + i) : 1.0f;
    const long long begin = chunk * ew::kColumnChunk;
    const long long end = begin + ew::kColumnChunk < rows ? begin + ew::kColumnChunk : rows;
#pragma unroll 1
    for (long long row = begin + thread / kVectors; row < end;
         row += ew::kFlight * ew::kColumnLanes) {
      Row<kCfg.x, kWidth> v[ew::kFlight];
      Row<kCfg.y, kWidth> grads[ew::kFlight];
#pragma unroll
      for (int n = 0; n < ew::kFlight; ++n) {
        const long long at = (row + n * ew::kColumnLanes) * kCfg.channels + channel;
        const int here = row + n * ew::kColumnLanes < end ? valid : 0;
        v[n] = load_next<kCfg.x, kWidth>(args.x, at, aligned, here);
        if constexpr (kBackward)
          grads[n] = load_next<kCfg.y, kWidth>(args.grad_y, at, aligned, here);
      }
#pragma unroll
      for (int n = 0; n < ew::kFlight; ++n) {
        const long long at = (row + n * ew::kColumnLanes) * kCfg.channels + channel;
        const int here = row + n * ew::kColumnLanes < end ? valid : 0;
        float grads_v[kWidth];
        add_terms<kCfg, kBackward>(v[n], grads[n], steps, here, sums, grads_v);
        if constexpr (kBackward) store_next<kCfg.x>(args.y, at, aligned, here, grads_v);
      }
    }
#pragma unroll
    for (int i = 0; i < kWidth; ++i)
      lanes[thread / kVectors * kTile + vector * kWidth + i] = sums[i];
    __syncthreads();
    for (int distance = ew::kColumnLanes / 2; distance > 0; distance /= 2) {
      for (int i = thread; i < distance * kTile; i += ew::kThreads)
        lanes[i] += lanes[i + distance * kTile];
      __syncthreads();
    }
    if (thread < kTile && tile + thread < kCfg.channels)
      args.partial[(tile + thread) * chunks + chunk] = lanes[thread];
    __syncthreads();  // before the next tile takes their place
  }
}

/// One partial sum of every chunk of every channel: backward of the gradient of the step, with
/// the gradient of v written on the way, else of |v|.
template <ew::Config kCfg, bool kBackward>
__device__ __forceinline__ void run_sums(const ew::Args& args) {
  if constexpr (ew::in_columns(kCfg)) return run_column_sums<kCfg, kBackward>(args);
  constexpr int kWidth = ew::width(kCfg);
  constexpr int kRows = static_cast<int>(ew::kChunk / ew::lanes(kCfg));
  static_assert(kRows % ew::kFlight == 0, "a chunk is whole turns of the rows in flight");
  const bool aligned = ew::in_runs(kCfg) && is_aligned(args.x, kWidth, size_of(kCfg.x)) &&
                       (!kBackward || (is_aligned(args.grad_y, kWidth, size_of(kCfg.y)) &&
                                       is_aligned(args.y, kWidth, size_of(kCfg.x))));
  const long long size = ew::per_channel(kCfg, args.count), chunks = ew::chunks(kCfg, args.count);
  for (long long task = blockIdx.x; task < kCfg.channels * chunks; task += gridDim.x) {
    const long long channel = kCfg.channels == 1 ? 0 : task / chunks;
    const long long chunk = task - channel * chunks;
    const float step = kBackward ? step_of(args, channel) : 1.0f;
    float steps[kWidth], sums[kWidth] = {};
#pragma unroll
    for (int i = 0; i < kWidth; ++i) steps[i] = step;
#pragma unroll 1
    for (int row = 0; row < kRows; row += ew::kFlight) {
      const long long first =
          chunk * ew::kChunk + row * ew::lanes(kCfg) + static_cast<long long>(threadIdx.x) * kWidth;
      Row<kCfg.x, kWidth> v[ew::kFlight];
      Row<kCfg.y, kWidth> grads[ew::kFlight];
#pragma unroll
      for (int n = 0; n < ew::kFlight; ++n) {
        const long long j = first + n * ew::lanes(kCfg);
        const int valid = valid_of<kWidth>(size - j);
        v[n] = load_channel<kCfg, kCfg.x>(args.x, channel, j, aligned, valid);
        if constexpr (kBackward)
          grads[n] = load_channel<kCfg, kCfg.y>(args.grad_y, channel, j, aligned, valid);
      }
#pragma unroll
      for (int n = 0; n < ew::kFlight; ++n) {
        const long long j = first + n * ew::lanes(kCfg);
        const int valid = valid_of<kWidth>(size - j);
        float grads_v[kWidth];
        add_terms<kCfg, kBackward>(v[n], grads[n], steps, valid, sums, grads_v);
        if constexpr (kBackward)
          store_channel<kCfg, kCfg.x>(args.y, channel, j, aligned, valid, grads_v);
      }
    }
#pragma unroll
    for (int distance = kWidth / 2; distance > 0; distance /= 2)
#pragma unroll
      for (int i = 0; i < distance; ++i) sums[i] = __fadd_rn(sums[i], sums[i + distance]);
    const float sum = block_sum(sums[0]);
    if (threadIdx.x == 0) args.partial[task] = sum;
  }
}

/// totals[channel] of the partial sums: a block a channel and turn.
template <ew::Config kCfg, bool kBackward>
__device__ __forceinline__ void run_totals(const ew::Args& args) {
  const long long chunks = ew::chunks(kCfg, args.count);
  for (long long channel = blockIdx.x; channel < kCfg.channels; channel += gridDim.x) {
    double mine = 0;
    for (long long b = threadIdx.x; b < chunks; b += ew::kThreads)
      mine += static_cast<double>(args.partial[channel * chunks + b]);
    const double total = block_sum(mine);
    if (threadIdx.x == 0)
      args.totals[channel] = kBackward ? static_cast<float>(total * args.factor)
                                       : ew::initial_step(total, args.factor);
  }
}

}  // namespace convoke::cuda
