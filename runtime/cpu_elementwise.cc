#include "runtime/cpu_elementwise.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "runtime/half.h"

// What runs over elements is inlined into `baseline` and `with_avx2` below, down to the lambdas:
// a function that is not would be compiled for the baseline alone.
#define CONVOKE_INLINE [[gnu::always_inline]] inline
#define CONVOKE_INLINE_LAMBDA __attribute__((always_inline))

namespace convoke {
namespace {

namespace ew = elementwise;
using ew::Args;
using ew::Config;
using ew::Entry;
using ew::Type;

struct F32 {
  using Word = float;
  CONVOKE_INLINE static float widen(Word word) { return word; }
  CONVOKE_INLINE static Word narrow(float value) { return value; }
};
struct F16 {
  using Word = std::uint16_t;
  CONVOKE_INLINE static float widen(Word word) { return half_to_float(word); }
  CONVOKE_INLINE static Word narrow(float value) { return float_to_half(value); }
};
struct Bf16 {
  using Word = std::uint16_t;
  CONVOKE_INLINE static float widen(Word word) { return bf16_to_float(word); }
  CONVOKE_INLINE static Word narrow(float value) { return float_to_bf16(value); }
};

/// What the pieces of a launch share.
struct Launch {
  const Config* config;
  const Args* args;
  std::int64_t size, chunks;  ///< of a channel
  std::int64_t pieces;        ///< of the elements, where there are no sums
};

/// Elements of a piece: a multiple of a page, so that no two threads write to one cache line.
constexpr std::int64_t kPiece = 32768;

/// Calls run(begin, end, steps, one) for the parts of [begin, end): elements that share the step
/// *steps (`one`), or have the steps from `steps` on.
template <typename Run>
CONVOKE_INLINE void for_each_run(const Launch& launch, std::int64_t begin, std::int64_t end,
                                 const Run& run) {
  const Config& c = *launch.config;
  const Args& args = *launch.args;
  const float* steps = args.steps == nullptr ? &args.step : args.steps;
  const bool one = c.channels == 1 || c.inner != 1;
  const std::int64_t unit = c.channels == 1 ? args.count : one ? c.inner : c.channels;
  for (std::int64_t next; begin < end; begin = next) {
    next = std::min(end, (begin / unit + 1) * unit);
    run(begin, next, steps + (one ? begin / unit % c.channels : begin % unit), one);
  }
}

/// y[i] = function(x[i], step) over a part of the elements.
template <typename X, typename Y, typename Function>
CONVOKE_INLINE void map_piece(const Launch& launch, std::int64_t piece, const Function& function) {
  const std::int64_t begin = piece * kPiece,
                     end = std::min<std::int64_t>(launch.args->count, begin + kPiece);
  const auto* x = static_cast<const X*>(launch.args->x);
  auto* y = static_cast<Y*>(launch.args->y);
  const auto run = [=](std::int64_t first, std::int64_t last, const float* steps, bool one)
                       CONVOKE_INLINE_LAMBDA {
                         const float step = ew::usable(*steps);
                         if (one) {
#pragma GCC ivdep
                           for (std::int64_t i = first; i < last; ++i) y[i] = function(x[i], step);
                         } else {
#pragma GCC ivdep
                           for (std::int64_t i = first; i < last; ++i)
                             y[i] = function(x[i], ew::usable(steps[i - first]));
                         }
                       };
  for_each_run(launch, begin, end, run);
}

template <typename Real, typename Integer>
struct Quantize {
  CONVOKE_INLINE static void run(const Launch& launch, std::int64_t piece) {
    const auto zero = static_cast<float>(launch.args->zero);
    const auto low = static_cast<float>(launch.config->low),
               high = static_cast<float>(launch.config->high);
    map_piece<typename Real::Word, Integer>(
        launch, piece, [=](typename Real::Word x, float step) CONVOKE_INLINE_LAMBDA {
          const float v = ew::round_even(ew::quantize(Real::widen(x), step, zero, low, high));
          return static_cast<Integer>(static_cast<int>(v));
        });
  }
};

template <typename Real, typename Integer>
struct Dequantize {
  CONVOKE_INLINE static void run(const Launch& launch, std::int64_t piece) {
    const auto zero = static_cast<float>(launch.args->zero);
    map_piece<Integer, typename Real::Word>(launch, piece,
                                            [=](Integer q, float step) CONVOKE_INLINE_LAMBDA {
                                              return Real::narrow(ew::dequantize(q, step, zero));
                                            });
  }
};

template <typename V, typename Y>
struct Forward {
  CONVOKE_INLINE static void run(const Launch& launch, std::int64_t piece) {
    const auto low = static_cast<float>(launch.config->low),
               high = static_cast<float>(launch.config->high);
    map_piece<typename V::Word, typename Y::Word>(
        launch, piece, [=](typename V::Word v, float step) CONVOKE_INLINE_LAMBDA {
          return Y::narrow(ew::fake_quantize(V::widen(v), step, low, high));
        });
  }
};

/// The sums of the lanes, of which the first `used` are not 0, in the order that they meet on a
/// GPU.
float sum_of_lanes(const Config& config, float* lanes, std::int64_t used) {
  const std::int64_t width = ew::width(config), threads = (used + width - 1) / width;
  float sums[ew::kThreads] = {};
  for (std::int64_t t = 0; t < threads; ++t) {
    float* lane = lanes + t * width;
    for (std::int64_t distance = width / 2; distance > 0; distance /= 2)
      for (std::int64_t i = 0; i < distance; ++i) lane[i] += lane[i + distance];
    sums[t] = lane[0];
  }
  for (int distance = ew::kThreads / 2; distance > 0; distance /= 2)
    for (int t = 0; t < distance; ++t) sums[t] += sums[t + distance];
  return sums[0];
}

/// Adds up a chunk of a tile of channels, whose elements are neighbours, row by row.
template <typename Term>
CONVOKE_INLINE void sum_columns(const Launch& launch, std::int64_t task, const Term& term) {
  const Config& c = *launch.config;
  constexpr int kMostTile = ew::kThreads / ew::kColumnLanes * 8;
  alignas(64) float lanes[ew::kColumnLanes][kMostTile] = {};
  float steps[kMostTile];
  const std::int64_t tile = task % ew::tiles(c) * ew::tile(c), chunk = task / ew::tiles(c),
                     count = std::min<std::int64_t>(ew::tile(c), c.channels - tile),
                     begin = chunk * ew::kColumnChunk,
                     end = std::min<std::int64_t>(launch.size, begin + ew::kColumnChunk);
  const float* from = launch.args->steps;
  for (std::int64_t i = 0; i < count; ++i)
    steps[i] = from == nullptr ? 1 : ew::usable(from[tile + i]);
  for (std::int64_t j = begin; j < end; ++j)
    term(j * c.channels + tile, lanes[(j - begin) % ew::kColumnLanes], count,
         [&](std::int64_t i) CONVOKE_INLINE_LAMBDA { return steps[i]; });
  for (int distance = ew::kColumnLanes / 2; distance > 0; distance /= 2)
    for (int lane = 0; lane < distance; ++lane)
      for (std::int64_t i = 0; i < count; ++i) lanes[lane][i] += lanes[lane + distance][i];
  for (std::int64_t i = 0; i < count; ++i)
    launch.args->partial[(tile + i) * launch.chunks + chunk] = lanes[0][i];
}

/// Adds up a chunk of a channel. term(at, lane, count, step): the elements from `at` on, to the
/// lanes from `lane` on; step(i) is that of element i.
template <typename Term>
CONVOKE_INLINE void sum_chunk(const Launch& launch, std::int64_t task, const Term& term) {
  const Config& c = *launch.config;
  if (ew::in_columns(c)) return sum_columns(launch, task, term);
  constexpr std::int64_t kMostLanes = ew::kThreads * 8;
  alignas(64) float lanes[kMostLanes] = {};
  const std::int64_t row = ew::lanes(c), channel = task / launch.chunks,
                     begin = task % launch.chunks * ew::kChunk,
                     end = std::min<std::int64_t>(launch.size, begin + ew::kChunk);
  const float step = launch.args->steps == nullptr ? 1 : ew::usable(launch.args->steps[channel]);
  for (std::int64_t j = begin; j < end;) {
    // As far as the elements are neighbours, and their lanes too.
    const std::int64_t lane = (j - begin) % row,
                       run = c.channels == 1 ? end : c.inner - j % c.inner,
                       count = std::min({end - j, row - lane, run});
    term(ew::index_of(c, channel, j), lanes + lane, count,
         [=](std::int64_t) CONVOKE_INLINE_LAMBDA { return step; });
    j += count;
  }
  launch.args->partial[task] = sum_of_lanes(c, lanes, std::min(row, end - begin));
}

template <typename V, typename Y>
struct Backward {
  CONVOKE_INLINE static void run(const Launch& launch, std::int64_t task) {
    const Args& args = *launch.args;
    const auto low = static_cast<float>(launch.config->low),
               high = static_cast<float>(launch.config->high);
    sum_chunk(launch, task,
              [&](std::int64_t at, float* sums, std::int64_t count,
                  const auto& step) CONVOKE_INLINE_LAMBDA {
                const auto* v = static_cast<const typename V::Word*>(args.x) + at;
                const auto* grad_y = static_cast<const typename Y::Word*>(args.grad_y) + at;
                auto* grad_v = static_cast<typename V::Word*>(args.y) + at;
#pragma GCC ivdep
                for (std::int64_t i = 0; i < count; ++i) {
                  const float grad = Y::widen(grad_y[i]);
                  const ew::Gradients g = ew::gradients(V::widen(v[i]), step(i), low, high, grad);
                  grad_v[i] = V::narrow(g.v);
                  sums[i] += grad * g.d;
                }
              });
  }
};

template <typename V>
struct Magnitudes {
  CONVOKE_INLINE static void run(const Launch& launch, std::int64_t task) {
    const auto* x = static_cast<const typename V::Word*>(launch.args->x);
    sum_chunk(launch, task,
              [&](std::int64_t at, float* sums, std::int64_t count, const auto&)
                  CONVOKE_INLINE_LAMBDA {
#pragma GCC ivdep
                    for (std::int64_t i = 0; i < count; ++i)
                      sums[i] += std::fabs(V::widen(x[at + i]));
                  });
  }
};

template <typename Loop>
void baseline(void* context, std::int64_t begin, std::int64_t end, int) {
  for (std::int64_t piece = begin; piece < end; ++piece)
    Loop::run(*static_cast<const Launch*>(context), piece);
}
#if defined(__x86_64__)
template <typename Loop>
[[gnu::target("avx2")]] void with_avx2(void* context, std::int64_t begin, std::int64_t end, int) {
  for (std::int64_t piece = begin; piece < end; ++piece)
    Loop::run(*static_cast<const Launch*>(context), piece);
}
template <typename Loop>
Executor::Body body(bool avx2) {
  return avx2 ? with_avx2<Loop> : baseline<Loop>;
}
#else
template <typename Loop>
Executor::Body body(bool) {
  return baseline<Loop>;
}
#endif

template <template <typename, typename> class Loop, typename Real>
Executor::Body body_of_integer(Type integer, bool avx2) {
  return integer == Type::kS8 ? body<Loop<Real, std::int8_t>>(avx2)
                              : body<Loop<Real, std::uint8_t>>(avx2);
}
template <template <typename, typename> class Loop, typename V>
Executor::Body body_of_y(Type y, bool avx2) {
  return y == Type::kF32   ? body<Loop<V, F32>>(avx2)
         : y == Type::kF16 ? body<Loop<V, F16>>(avx2)
                           : body<Loop<V, Bf16>>(avx2);
}

template <typename X>
Executor::Body body_of_entry(Entry entry, Type y, bool avx2) {
  switch (entry) {
    case Entry::kQuantize:
      return body_of_integer<Quantize, X>(y, avx2);
    case Entry::kDequantize:
      return body_of_integer<Dequantize, X>(y, avx2);
    case Entry::kForward:
      return body_of_y<Forward, X>(y, avx2);
    case Entry::kBackward:
      return body_of_y<Backward, X>(y, avx2);
    case Entry::kInitialStep:
      break;
  }
  return body<Magnitudes<X>>(avx2);
}

Executor::Body body_of(Entry entry, const Config& config, bool avx2) {
  return config.x == Type::kF32   ? body_of_entry<F32>(entry, config.y, avx2)
         : config.x == Type::kF16 ? body_of_entry<F16>(entry, config.y, avx2)
                                  : body_of_entry<Bf16>(entry, config.y, avx2);
}

/// Of one channel; a launch has few partial sums.
double total_of(const float* partial, std::int64_t chunks) {
  double sums[ew::kThreads] = {};
  for (std::int64_t b = 0; b < chunks; ++b)
    sums[b % ew::kThreads] += static_cast<double>(partial[b]);
  for (int distance = ew::kThreads / 2; distance > 0; distance /= 2)
    for (int t = 0; t < distance; ++t) sums[t] += sums[t + distance];
  return sums[0];
}

}  // namespace

CpuElementwise::CpuElementwise(const Config& config, std::shared_ptr<Executor> executor,
                               const CpuIsa& isa)
    : config_(config), executor_(std::move(executor)), avx2_(isa.level >= IsaLevel::kAvx2) {}

void CpuElementwise::launch(Entry entry, const Args& args, void* /*stream*/) const {
  const bool sums = entry == Entry::kBackward || entry == Entry::kInitialStep;
  Launch launch{&config_, &args, ew::per_channel(config_, args.count),
                ew::chunks(config_, args.count), (args.count + kPiece - 1) / kPiece};
  executor_->parallel_for(sums ? ew::sum_blocks(config_, args.count) : launch.pieces,
                          body_of(entry, config_, avx2_), &launch);
  if (!sums) return;
  for (std::int64_t channel = 0; channel < config_.channels; ++channel) {
    const double total = total_of(args.partial + channel * launch.chunks, launch.chunks);
    args.totals[channel] = entry == Entry::kBackward ? static_cast<float>(total * args.factor)
                                                     : ew::initial_step(total, args.factor);
  }
}

}  // namespace convoke
