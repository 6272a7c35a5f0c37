// The elementwise kernels (quantise, dequantise, LSQ's fake quantisation): what they are
// specialised by, their formulas, and the order in which they add up. g++ compiles this for the
// CPU and NVRTC for the GPU, so that both give the same bits: no operation here is reordered, and
// none is fused (a product that meets a sum is spelled out by each side). No standard header.
#pragma once

#include "templates/conv_types.h"

namespace convoke::elementwise {

using cuda::Type;

enum class Kind : int { kQuantizer, kLsq };

struct Config {
  Kind kind = Kind::kQuantizer;
  Type x = Type::kF32;         ///< kQuantizer: the reals. kLsq: v and its gradient
  Type y = Type::kS8;          ///< kQuantizer: the integers. kLsq: v_hat and its gradient
  int low = -128, high = 127;  ///< the integers in use
  /// Element i has step i / inner % channels.
  long long channels = 1, inner = 1;  // 1, 1: one step
};

/// What a unit can do. A sum over a channel takes two kernels: one makes a partial sum of each
/// chunk, the other adds those up.
enum class Entry : int { kQuantize, kDequantize, kForward, kBackward, kInitialStep };

/// The one argument of every kernel.
struct Args {
  const void* x;       ///< what is read: reals, integers (dequantise) or v
  const void* grad_y;  ///< backward
  void* y;             ///< what is written: integers, reals, v_hat, or the gradient of v
  const float* steps;  ///< [channels]; null: `step` for all
  float* totals;       ///< [channels]: the gradient of the steps, or initial steps
  float* partial;      ///< [channels][chunks]
  long long count;     ///< elements of x
  double factor;       ///< by which a sum over a channel is multiplied
  float step;
  int zero;
};

inline constexpr int kThreads = 256;
/// Elements that a thread moves at once: 16 bytes of the wider type.
constexpr int width(const Config& c) {
  return 16 / (size_of(c.x) > size_of(c.y) ? size_of(c.x) : size_of(c.y));
}
/// Whether elements of a channel that make a vector are neighbours in memory.
constexpr bool in_runs(const Config& c) { return c.channels == 1 || c.inner % width(c) == 0; }
/// Whether neighbours in memory are of different channels.
constexpr bool in_columns(const Config& c) { return c.channels > 1 && c.inner == 1; }
/// Blocks that a multiprocessor must hold at once, for __launch_bounds__: left to itself ptxas
/// gives up a few registers too many for one more, and spills them.
constexpr int min_blocks(const Config& c) { return in_runs(c) ? 4 : 3; }
/// Vectors whose loads a thread has in flight.
inline constexpr int kFlight = 2;
constexpr long long lanes(const Config& c) { return kThreads * width(c); }
/// Blocks of a kernel without sums.
constexpr long long map_blocks(const Config& c, long long count) {
  return (count + kFlight * lanes(c) - 1) / (kFlight * lanes(c));
}

// The order of a sum over a channel, which depends on the channel's number of elements and on the
// types alone. Its elements, in the order of memory, are cut into chunks of kChunk. Element e of a
// chunk is added to lane e % lanes, in the order of memory, in f32; lanes then meet in pairs: those
// of a thread, `width` of them side by side, at distances width / 2 .. 1; then those of threads, at
// distances kThreads / 2 .. 1. Partial sum b of a channel is added to total b % kThreads, in order,
// in f64, and totals meet in pairs at distances kThreads / 2 .. 1. In columns chunks have
// kColumnChunk elements and kColumnLanes lanes, which meet at distances kColumnLanes / 2 .. 1.
inline constexpr long long kChunk = 8192, kColumnChunk = 1024;
inline constexpr int kColumnLanes = 32;
constexpr long long per_channel(const Config& c, long long count) { return count / c.channels; }
constexpr long long chunks(const Config& c, long long count) {
  const long long size = in_columns(c) ? kColumnChunk : kChunk;
  return (per_channel(c, count) + size - 1) / size;
}
constexpr long long partial_sums(const Config& c, long long count) {
  return c.channels * chunks(c, count);
}
/// Channels that a block sums up at once, in columns.
constexpr int tile(const Config& c) { return kThreads / kColumnLanes * width(c); }
constexpr long long tiles(const Config& c) { return (c.channels + tile(c) - 1) / tile(c); }
/// Blocks of the kernel that makes the partial sums.
constexpr long long sum_blocks(const Config& c, long long count) {
  return in_columns(c) ? tiles(c) * chunks(c, count) : partial_sums(c, count);
}
/// Of every kernel: totals of a block's threads in f64, or lanes of a tile.
inline constexpr int kSharedBytes = kThreads * 8 * 4;
/// Where element j of a channel lies.
constexpr long long index_of(const Config& c, long long channel, long long j) {
  return c.channels == 1 ? j : (j / c.inner * c.channels + channel) * c.inner + j % c.inner;
}

/// A step that is no normal number above 0 is no step: NaN, and so is all that is computed with it.
constexpr float usable(float step) {
  return step >= 0x1p-126f && step <= 0x1.fffffep+127f ? step
                                                       : __builtin_bit_cast(float, 0x7fc00000u);
}

/// Adding 1.5 * 2^23 rounds a number of a few digits to the nearest even integer. 0 is +0.
constexpr float round_even(float v) {
  constexpr float kShift = 12582912.0f;
  return (v + kShift) - kShift;
}
/// A NaN stays one.
constexpr float clip(float v, float low, float high) { return v < low ? low : v > high ? high : v; }

/// What rounds to the integer of x.
constexpr float quantize(float x, float step, float zero, float low, float high) {
  const float v = x / step + zero;
  return clip(v == v ? v : 0.0f, low, high);
}
/// Of integers of 8 bits, whose difference is exact.
constexpr float dequantize(float q, float step, float zero) { return step * (q - zero); }

constexpr float fake_quantize(float v, float step, float low, float high) {
  return round_even(clip(v / step, low, high)) * step;
}
/// Gradients through fake_quantize, the straight-through estimator's: rounding counts as the
/// identity. Without branches, which would keep a compiler from making vectors of it.
struct Gradients {
  float v;  ///< of v: that of v_hat strictly between the bounds, else 0, even if that is infinite
  float
      d;  ///< of v_hat by the step: round(t) - t between the bounds (t = v / step), else the bound
};
constexpr Gradients gradients(float v, float step, float low, float high, float grad) {
  const float t = v / step, clipped = clip(t, low, high);  // of a NaN both are NaN, and d too
  const float off = clipped - clipped, rounding = round_even(clipped) - clipped;
  const bool inside = (t > low) & (t < high);
  return {inside ? grad : off, inside ? rounding : clipped};
}

/// LSQ's first step, factor * total = 2 * mean |v| / sqrt(Qp); 1 where all v are 0.
constexpr float initial_step(double total, double factor) {
  const auto step = static_cast<float>(total * factor);
  return total == 0 ? 1.0f : step < 0x1p-126f ? 0x1p-126f : step;
}

}  // namespace convoke::elementwise
