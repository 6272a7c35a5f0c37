#include "autotune/reference.h"

#include <algorithm>
#include <cmath>

#include "autotune/fill.h"
#include "autotune/for_each.h"
#include "autotune/tolerance.h"
#include "convoke/error.h"

// One function in several versions, chosen by the loader: f64 FMA makes the reference four times as
// fast.
#if defined(__x86_64__)
#define CONVOKE_VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define CONVOKE_VECTOR_CLONES
#endif

namespace convoke {
namespace {

using Lanes [[gnu::vector_size(32)]] = double;
using UnalignedLanes [[gnu::vector_size(32), gnu::aligned(8), gnu::may_alias]] = double;
constexpr int kVectors = 2;             // of filters
constexpr int kFilters = 4 * kVectors;  // of a block
constexpr int kPixels = 6;              // of a register tile

/// Everything in f64: images [n][h][w][c], weights [group][filter block][r][s][c][kFilters] with
/// zeros for missing filters.
struct Problem {
  const ConvSpec& spec;
  std::int64_t batch = 0;
  std::vector<double> x;
  std::vector<double> w;
  std::vector<Range> valid_q;  ///< per tap s: outputs q that it reads the image at
  std::int64_t blocks = 0;     ///< filter blocks of a group
};

/// sum[i][lane] += x[i*step + c] * w[c][lane] over all channels c, for `Pixels` pixels.
template <int Pixels>
[[gnu::always_inline]] inline void add_products(const double* x, std::int64_t step, const double* w,
                                                std::int64_t channels, double* sum) {
  Lanes acc[Pixels][kVectors];
#pragma GCC unroll 12
  for (int i = 0; i < Pixels * kVectors; ++i)
    acc[i / kVectors][i % kVectors] = reinterpret_cast<const UnalignedLanes*>(sum)[i];
  for (std::int64_t c = 0; c < channels; ++c, w += kFilters) {
#pragma GCC unroll 12
    for (int i = 0; i < Pixels; ++i)
#pragma GCC unroll 12
      for (int v = 0; v < kVectors; ++v)
        acc[i][v] += x[i * step + c] * reinterpret_cast<const UnalignedLanes*>(w)[v];
  }
#pragma GCC unroll 12
  for (int i = 0; i < Pixels * kVectors; ++i)
    reinterpret_cast<UnalignedLanes*>(sum)[i] = acc[i / kVectors][i % kVectors];
}

/// Sums of outputs [tile.begin, tile.end) of row p, image n, one block of filters:
/// sum[pixel][lane].
CONVOKE_VECTOR_CLONES
void sum_tile(const Problem& problem, std::int64_t n, std::int64_t group, std::int64_t block,
              std::int64_t p, Range tile, double* sum) {
  const ConvSpec& spec = problem.spec;
  const std::int64_t channels = spec.c_per_group();
  const std::int64_t step = spec.stride_w * spec.c;
  for (std::int64_t r = 0; r < spec.r; ++r) {
    const std::int64_t h = p * spec.stride_h - spec.pad_h + r * spec.dilation_h;
    if (h < 0 || h >= spec.h) continue;
    for (std::int64_t s = 0; s < spec.s; ++s) {
      const std::int64_t first = std::max(tile.begin, problem.valid_q[s].begin);
      const std::int64_t count = std::min(tile.end, problem.valid_q[s].end) - first;
      if (count <= 0) continue;
      const std::int64_t column = first * spec.stride_w - spec.pad_w + s * spec.dilation_w;
      const double* x =
          &problem.x[((n * spec.h + h) * spec.w + column) * spec.c + group * channels];
      const double* w = &problem.w[(((group * problem.blocks + block) * spec.r + r) * spec.s + s) *
                                   channels * kFilters];
      double* at = sum + (first - tile.begin) * kFilters;
      switch (count) {
        case 1:
          add_products<1>(x, step, w, channels, at);
          break;
        case 2:
          add_products<2>(x, step, w, channels, at);
          break;
        case 3:
          add_products<3>(x, step, w, channels, at);
          break;
        case 4:
          add_products<4>(x, step, w, channels, at);
          break;
        case 5:
          add_products<5>(x, step, w, channels, at);
          break;
        default:
          add_products<kPixels>(x, step, w, channels, at);
      }
    }
  }
}

std::vector<double> widen_images(const ConvSpec& spec, const ReferenceArgs& args,
                                 Executor* executor) {
  std::vector<double> wide(spec.x_elements(args.batch));
  for_each(executor, args.batch * spec.h, [&](std::int64_t row) {
    const std::int64_t n = row / spec.h;
    const std::int64_t h = row % spec.h;
    double* out = &wide[row * spec.w * spec.c];
    for (std::int64_t w = 0; w < spec.w; ++w)
      for (std::int64_t c = 0; c < spec.c; ++c)
        *out++ =
            load_element(args.x, image_index(spec.x_layout, n, c, h, w, spec.c, spec.h, spec.w),
                         spec.x_type) -
            args.x_zero;
  });
  return wide;
}

double load_weight(const ConvSpec& spec, const void* w, std::int64_t k, std::int64_t c,
                   std::int64_t r, std::int64_t s) {
  const std::int64_t channels = spec.c_per_group();
  const std::int64_t index = spec.x_layout == Layout::kNhwc
                                 ? ((k * spec.r + r) * spec.s + s) * channels + c
                                 : ((k * channels + c) * spec.r + r) * spec.s + s;
  return load_element(w, index, spec.w_type);
}

std::vector<double> block_weights(const ConvSpec& spec, const void* w, std::int64_t blocks,
                                  Executor* executor) {
  const std::int64_t channels = spec.c_per_group();
  const std::int64_t block_size = spec.r * spec.s * channels * kFilters;
  std::vector<double> wide(spec.groups * blocks * block_size);
  for_each(executor, spec.groups * blocks, [&](std::int64_t i) {
    double* out = &wide[i * block_size];
    for (std::int64_t r = 0; r < spec.r; ++r)
      for (std::int64_t s = 0; s < spec.s; ++s)
        for (std::int64_t c = 0; c < channels; ++c)
          for (std::int64_t lane = 0; lane < kFilters; ++lane, ++out) {
            const std::int64_t filter = i % blocks * kFilters + lane;
            if (filter < spec.k_per_group())
              *out = load_weight(spec, w, i / blocks * spec.k_per_group() + filter, c, r, s);
          }
  });
  return wide;
}

/// For each filter: sqrt(sum w^2).
std::vector<double> weight_norms(const ConvSpec& spec, const void* w) {
  std::vector<double> norms(spec.k);
  const std::int64_t size = spec.w_elements() / spec.k;
  for (std::int64_t k = 0; k < spec.k; ++k) {
    double sum = 0;
    for (std::int64_t i = 0; i < size; ++i) {
      const double value = load_element(w, k * size + i, spec.w_type);
      sum += value * value;
    }
    norms[k] = std::sqrt(sum);
  }
  return norms;
}

/// For each [n][h][w][group]: sum of x^2 over the group's channels.
std::vector<double> squared_pixels(const ConvSpec& spec, const ReferenceArgs& args,
                                   Executor* executor) {
  const std::int64_t channels = spec.c_per_group();
  std::vector<double> squares(args.batch * spec.h * spec.w * spec.groups);
  for_each(executor, args.batch * spec.h, [&](std::int64_t row) {
    for (std::int64_t w = 0; w < spec.w; ++w)
      for (std::int64_t c = 0; c < spec.c; ++c) {
        const double value = load_element(
            args.x,
            image_index(spec.x_layout, row / spec.h, c, row % spec.h, w, spec.c, spec.h, spec.w),
            spec.x_type);
        squares[(row * spec.w + w) * spec.groups + c / channels] += value * value;
      }
  });
  return squares;
}

std::vector<Range> valid_columns(const ConvSpec& spec) {
  std::vector<Range> valid(spec.s);
  for (std::int64_t s = 0; s < spec.s; ++s)
    for (std::int64_t q = 0; q < spec.q; ++q) {
      const std::int64_t w = q * spec.stride_w - spec.pad_w + s * spec.dilation_w;
      if (w < 0 || w >= spec.w) continue;
      if (valid[s].end == 0) valid[s].begin = q;
      valid[s].end = q + 1;
    }
  return valid;
}

/// sqrt(sum x^2) over what output (n, p, q) reads.
double input_norm(const ConvSpec& spec, const std::vector<Range>& valid_q,
                  const std::vector<double>& squares, std::int64_t n, std::int64_t group,
                  std::int64_t p, std::int64_t q) {
  double sum = 0;
  for (std::int64_t r = 0; r < spec.r; ++r) {
    const std::int64_t h = p * spec.stride_h - spec.pad_h + r * spec.dilation_h;
    if (h < 0 || h >= spec.h) continue;
    for (std::int64_t s = 0; s < spec.s; ++s) {
      if (q < valid_q[s].begin || q >= valid_q[s].end) continue;
      const std::int64_t w = q * spec.stride_w - spec.pad_w + s * spec.dilation_w;
      sum += squares[((n * spec.h + h) * spec.w + w) * spec.groups + group];
    }
  }
  return std::sqrt(sum);
}

void check_supported(const ConvSpec& spec) {
  const char* reason = spec.pass != Pass::kFprop ? "the reference computes pass fprop only"
                       : !spec.sparsity.empty()  ? "the reference computes dense weights only"
                                                 : nullptr;
  if (reason != nullptr) throw Error(ErrorCode::kUnsupported, reason);
}

}  // namespace

void load_operands(const ConvSpec& spec, const Epilogue& epilogue,
                   const std::vector<const void*>& operands, std::int64_t k, std::int64_t y_index,
                   double* values) {
  for (std::size_t i = 0; i < epilogue.operands().size(); ++i)
    values[i] = load_element(operands[i], epilogue.operands()[i].per_channel ? k : y_index,
                             epilogue.operands()[i].element_type(spec.y_type));
}

std::vector<double> reference_magnitude(const ConvSpec& spec, const ReferenceArgs& args,
                                        Executor* executor) {
  const auto norms = weight_norms(spec, args.w);
  const auto squares = squared_pixels(spec, args, executor);
  const auto valid_q = valid_columns(spec);
  std::vector<double> magnitude(spec.y_elements(args.batch));
  for_each(executor, args.batch * spec.p, [&](std::int64_t row) {
    const std::int64_t n = row / spec.p;
    const std::int64_t p = row % spec.p;
    for (std::int64_t q = 0; q < spec.q; ++q)
      for (std::int64_t group = 0; group < spec.groups; ++group) {
        const double norm = input_norm(spec, valid_q, squares, n, group, p, q);
        for (std::int64_t k = group * spec.k_per_group(); k < (group + 1) * spec.k_per_group(); ++k)
          magnitude[image_index(spec.y_layout, n, k, p, q, spec.k, spec.p, spec.q)] =
              norm * norms[k];
      }
  });
  return magnitude;
}

ReferenceResult reference_fprop(const ConvSpec& spec, const ReferenceArgs& args, Executor* executor,
                                bool want_magnitude) {
  check_supported(spec);
  const Epilogue epilogue = Epilogue::parse(spec.epilogue);
  Problem problem{spec, args.batch,          widen_images(spec, args, executor),
                  {},   valid_columns(spec), (spec.k_per_group() + kFilters - 1) / kFilters};
  problem.w = block_weights(spec, args.w, problem.blocks, executor);
  ReferenceResult result;
  result.value.resize(spec.y_elements(args.batch));
  if (want_magnitude) result.magnitude = reference_magnitude(spec, args, executor);

  const auto store_tile = [&](std::int64_t n, std::int64_t group, std::int64_t block,
                              std::int64_t p, Range tile, const double* sum) {
    const std::int64_t filters =
        std::min<std::int64_t>(kFilters, spec.k_per_group() - block * kFilters);
    for (std::int64_t q = tile.begin; q < tile.end; ++q, sum += kFilters)
      for (std::int64_t lane = 0; lane < filters; ++lane) {
        const std::int64_t k = group * spec.k_per_group() + block * kFilters + lane;
        const std::int64_t at = image_index(spec.y_layout, n, k, p, q, spec.k, spec.p, spec.q);
        double operands[kMaxEpilogueOperands];
        load_operands(spec, epilogue, args.operands, k, at, operands);
        result.value[at] = evaluate_bounded(epilogue, {sum[lane], 0}, operands).value;
      }
  };
  for_each(executor, args.batch * spec.groups * problem.blocks, [&](std::int64_t task) {
    const std::int64_t block = task % problem.blocks;
    const std::int64_t group = task / problem.blocks % spec.groups;
    const std::int64_t n = task / problem.blocks / spec.groups;
    for (std::int64_t p = 0; p < spec.p; ++p)
      for (std::int64_t q = 0; q < spec.q; q += kPixels) {
        const Range tile{q, std::min(q + kPixels, spec.q)};
        double sum[kPixels * kFilters] = {};
        sum_tile(problem, n, group, block, p, tile, sum);
        store_tile(n, group, block, p, tile, sum);
      }
  });
  return result;
}

}  // namespace convoke
