#include "compiler/planar_tiles.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/sparsity.h"

namespace convoke {
namespace {

/// Displacements in the code and offsets in the lists are signed 32-bit.
constexpr std::int64_t kMaxDisplacement = std::int64_t{1} << 30;

/// Sums of all filters for all pixels of a task, where its rows form one axis.
constexpr std::int64_t kMaxFlatSums = 32 << 10;
/// Of straight-line code. Beyond a thousand multiply-adds lists win, by a third at four thousand
/// (measured on Zen 3): the instruction caches bear no more.
constexpr std::int64_t kMaxStraightWeights = 4096, kMaxStraightFmas = 1000;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

std::int64_t task_rows(const ConvSpec& spec, const CpuConfig& config) {
  return config.rows == 0 ? spec.p : std::min<std::int64_t>(config.rows, spec.p);
}

/// Floats of a row of outputs and what its taps read to the right of it.
std::int64_t flat_pitch(const ConvSpec& spec) {
  return spec.q + (spec.live_s().size() - 1) * spec.dilation_w;
}

/// Whether vectors run on from row to row, over the columns that no output has: where rows waste
/// more of their last vectors than that.
bool is_flat(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa) {
  if (config.axis != TileAxis::kAxisQ || spec.stride_h != 1 || spec.stride_w != 1) return false;
  const std::int64_t rows = task_rows(spec, config), lanes = isa.lanes();
  const std::int64_t vectors = ceil_div((rows - 1) * flat_pitch(spec) + spec.q, lanes);
  return rows > 1 && vectors < rows * ceil_div(spec.q, lanes) &&
         4 * spec.k_per_group() * vectors * lanes <= kMaxFlatSums;
}

/// Why the lists cannot be written out as code, or empty.
std::string why_not_straight(const ConvSpec& spec, const CpuConfig& config,
                             const PlanarShape& shape) {
  if (Sparsity::parse(spec.sparsity).bound)
    return "unroll=0 writes the pattern out as code, but it is an operand of each launch";
  if (config.kc != 0 || config.kb != 0 || spec.groups != 1)
    return "unroll=0 takes one group, all of its filters and channels at once";
  const std::int64_t kept = most_kept_weights(spec);
  if (kept > kMaxStraightWeights)
    return fmt::format("unroll=0 takes up to {} kept weights ({})", kMaxStraightWeights, kept);
  const std::int64_t fmas = kept * shape.tile_rows * shape.tile_vectors;
  if (fmas > kMaxStraightFmas)
    return fmt::format("{} multiply-adds of code exceed {}", fmas, kMaxStraightFmas);
  return "";
}

}  // namespace

PlanarShape make_planar_shape(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa) {
  PlanarShape shape;
  const std::int64_t rows = task_rows(spec, config);
  const bool images = config.axis == TileAxis::kAxisN, flat = is_flat(spec, config, isa);
  const std::int64_t columns = images ? spec.q : ceil_div(spec.q, isa.lanes());
  if (flat) {
    const std::int64_t vectors = ceil_div((rows - 1) * flat_pitch(spec) + spec.q, isa.lanes());
    shape.column_tiles = ceil_div(vectors, config.mr);
    shape.tile_vectors = ceil_div(vectors, shape.column_tiles);
  } else if (columns <= config.mr) {
    shape.tile_vectors = columns;
    shape.row_tiles = ceil_div(rows, std::max<std::int64_t>(config.mr / columns, 1));
    shape.tile_rows = ceil_div(rows, shape.row_tiles);
    shape.row_tiles = ceil_div(rows, shape.tile_rows);
  } else {
    shape.column_tiles = ceil_div(columns, config.mr);
    shape.tile_vectors = ceil_div(columns, shape.column_tiles);
    shape.row_tiles = rows;
  }
  const std::int64_t last_column = (spec.live_s().size() - 1) * spec.dilation_w;
  if (images) {
    shape.column = isa.lanes();
    shape.step = spec.stride_w * isa.lanes();
    shape.pitch = ((spec.q - 1) * spec.stride_w + last_column + 1) * isa.lanes();
  } else if (flat) {
    shape.step = isa.lanes();
    shape.pitch = flat_pitch(spec);
  } else {
    shape.phases = spec.stride_w;
    shape.step = isa.lanes();
    shape.pitch =
        shape.column_tiles * shape.tile_vectors * isa.lanes() + last_column / shape.phases;
  }
  shape.row = shape.pitch * shape.phases;
  shape.rows = (shape.row_tiles * shape.tile_rows - 1) * spec.stride_h +
               (spec.live_r().size() - 1) * spec.dilation_h + 1;
  // An odd number of lines: planes that stood a multiple of 4 KiB apart would share a few sets of
  // L1.
  constexpr std::int64_t kLineFloats = 16;
  std::int64_t floats = shape.row * shape.rows;
  if (flat) {
    const std::int64_t reach = (spec.live_r().size() - 1) * spec.dilation_h;
    shape.rows = rows + reach;
    floats =
        std::max(shape.row * shape.rows, shape.column_tiles * shape.tile_vectors * isa.lanes() +
                                             reach * shape.row + last_column);
  }
  shape.plane = (ceil_div(floats, kLineFloats) | 1) * kLineFloats;
  shape.sums = ceil_div(shape.plane * spec.c_per_group() * 4, 64) * 64;
  return shape;
}

CpuSchedule make_planar_schedule(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa) {
  const PlanarShape shape = make_planar_shape(spec, config, isa);
  CpuSchedule schedule;
  schedule.staged = true;
  schedule.planar = shape;
  PackedWeights& packed = schedule.weights;
  packed.groups = spec.groups;
  packed.filters = spec.k_per_group();
  packed.kc = config.kc == 0 ? spec.c_per_group() : config.kc;
  packed.r = spec.live_r();
  packed.s = spec.live_s();
  PanelKind filters;  // each a panel of its own
  filters.count = static_cast<int>(spec.k_per_group());
  filters.vectors = 1;
  packed.kinds.push_back(filters);
  packed.bytes = 4 * (most_kept_weights(spec) + spec.k);
  schedule.images_per_task = config.axis == TileAxis::kAxisN ? isa.lanes() : 1;
  schedule.flat = is_flat(spec, config, isa);
  schedule.rows_per_task = task_rows(spec, config);
  schedule.row_blocks = ceil_div(spec.p, schedule.rows_per_task);
  schedule.group_blocks = spec.groups;
  schedule.panels_per_task =
      config.kb == 0 ? packed.filters : std::min<std::int64_t>(config.kb, packed.filters);
  schedule.filter_blocks = ceil_div(packed.filters, schedule.panels_per_task);
  const std::int64_t tiles = schedule.flat ? shape.column_tiles : 1;
  schedule.scratch_bytes =
      shape.sums + 4 * tiles * shape.tile_rows * shape.tile_vectors * isa.lanes() *
                       ceil_div(schedule.panels_per_task, isa.lanes()) * isa.lanes();
  // A vector may begin at the last sum of the last row.
  if (schedule.flat) schedule.scratch_bytes += 4 * isa.lanes();
  return schedule;
}

std::string why_illegal_planar(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa) {
  if (std::string why = why_inexact_in_f32(spec); !why.empty()) return why;
  const int most = isa.vector_registers() - (isa.has_fma() ? 2 : 4);
  if (config.mr < 1 || config.mr > most) {
    return fmt::format("sparse needs mr (vectors of pixels) from 1 to {} ({})", most, config.mr);
  }
  if (config.axis == TileAxis::kAxisN && spec.q > config.mr) {
    return fmt::format("axis=n of sparse holds a row of outputs, Q={}, in mr={} vectors", spec.q,
                       config.mr);
  }
  if (config.unroll > 8) return fmt::format("sparse needs unroll from 0 to 8 ({})", config.unroll);
  if (config.kc != 0 && (spec.c_per_group() % config.kc != 0 || config.kc == spec.c_per_group())) {
    return fmt::format("kc={} must properly divide C/g={}", config.kc, spec.c_per_group());
  }
  if (config.kb % isa.lanes() != 0)
    return fmt::format("kb={} must be a multiple of the {} lanes", config.kb, isa.lanes());
  if (spec.live_r().size() == 0 || spec.live_s().size() == 0)
    return "no tap is live; direct does this";
  if (std::max({spec.k, spec.r * spec.s * spec.c_per_group(), most_kept_weights(spec)}) >
      kMaxDisplacement) {
    return fmt::format("sparse numbers filters and weights up to {}", kMaxDisplacement);
  }
  // In floating point: the products of legal but huge dimensions overflow 64 bits.
  const double columns =
      static_cast<double>(spec.q + isa.lanes() * config.mr) * static_cast<double>(spec.stride_w) +
      static_cast<double>(spec.s) * static_cast<double>(spec.dilation_w);
  const double rows = static_cast<double>(spec.p + config.mr) * static_cast<double>(spec.stride_h) +
                      static_cast<double>(spec.r) * static_cast<double>(spec.dilation_h);
  const double images = config.axis == TileAxis::kAxisN ? isa.lanes() : 1;
  if (columns * rows * images * static_cast<double>(spec.c_per_group()) > kMaxDisplacement)
    return "the planes of an image are too large for sparse";
  const CpuSchedule schedule = make_planar_schedule(spec, config, isa);
  if (schedule.scratch_bytes > kMaxScratchBytes) {
    return fmt::format("the planes of a task take {} bytes, more than {}", schedule.scratch_bytes,
                       kMaxScratchBytes);
  }
  if (config.unroll == 0) return why_not_straight(spec, config, schedule.planar);
  return "";
}

void enumerate_planar(const ConvSpec& spec, const CpuIsa& isa, int threads, const AddConfig& add) {
  if (spec.sparsity.empty() || spec.live_r().size() == 0 || spec.live_s().size() == 0) return;
  CpuConfig config;
  config.family = CpuFamily::kSparse;
  const int most = isa.vector_registers() - (isa.has_fma() ? 2 : 4);
  std::vector<int> kcs{0};
  for (int kc = 4; kc < spec.c_per_group(); kc *= 2)
    if (spec.c_per_group() % kc == 0 && kc >= 8) kcs.push_back(kc);
  std::vector<std::int64_t> rows{spec.p};
  for (const std::int64_t share : {1, 2, 4, 8})
    rows.push_back(std::max<std::int64_t>(1, ceil_div(spec.p, threads * share)));
  for (const int mr : {most, most * 3 / 4, most / 2, most / 4}) {
    const bool only_straight = mr == most / 4;
    for (const int kc : kcs) {
      for (const std::int64_t r : rows) {
        config.mr = mr;
        config.kc = kc;
        config.rows = static_cast<int>(std::min<std::int64_t>(r, kMaxConfigField));
        config.unroll = 2;
        config.axis = TileAxis::kAxisQ;
        config.unroll = 0;
        add(config);
        if (only_straight) continue;
        config.unroll = 2;
        add(config);
        config.axis = TileAxis::kAxisN;
        if (spec.open_batch() || spec.n >= isa.lanes()) add(config);
      }
    }
  }
}

}  // namespace convoke
