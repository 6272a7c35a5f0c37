#include "compiler/planar_tiles.h"

#include <fmt/format.h>

#include <algorithm>

namespace convoke {
namespace {

constexpr std::int64_t kMaxScratchBytes = std::int64_t{64} << 20;
/// Displacements in the code and offsets in the lists are signed 32-bit.
constexpr std::int64_t kMaxDisplacement = std::int64_t{1} << 30;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

PlanarShape make_planar_shape(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa) {
  PlanarShape shape;
  const std::int64_t rows = config.rows == 0 ? spec.p : std::min<std::int64_t>(config.rows, spec.p);
  const bool images = config.axis == TileAxis::kAxisN;
  const std::int64_t columns = images ? spec.q : ceil_div(spec.q, isa.lanes());
  if (columns <= config.mr) {
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
  shape.plane = (ceil_div(shape.row * shape.rows, kLineFloats) | 1) * kLineFloats;
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
  schedule.rows_per_task = config.rows == 0 ? spec.p : std::min<std::int64_t>(config.rows, spec.p);
  schedule.row_blocks = ceil_div(spec.p, schedule.rows_per_task);
  schedule.group_blocks = spec.groups;
  schedule.panels_per_task =
      config.kb == 0 ? packed.filters : std::min<std::int64_t>(config.kb, packed.filters);
  schedule.filter_blocks = ceil_div(packed.filters, schedule.panels_per_task);
  schedule.scratch_bytes = shape.sums + 4 * shape.tile_rows * shape.tile_vectors * isa.lanes() *
                                            ceil_div(schedule.panels_per_task, isa.lanes()) *
                                            isa.lanes();
  return schedule;
}

std::string why_illegal_planar(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa) {
  const int most = isa.vector_registers() - (isa.has_fma() ? 2 : 4);
  if (config.mr < 1 || config.mr > most) {
    return fmt::format("sparse needs mr (vectors of pixels) from 1 to {} ({})", most, config.mr);
  }
  if (config.axis == TileAxis::kAxisN && spec.q > config.mr) {
    return fmt::format("axis=n of sparse holds a row of outputs, Q={}, in mr={} vectors", spec.q,
                       config.mr);
  }
  if (config.unroll < 1 || config.unroll > 8)
    return fmt::format("sparse needs unroll from 1 to 8 ({})", config.unroll);
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
  for (const int mr : {most, most * 3 / 4, most / 2}) {
    for (const int kc : kcs) {
      for (const std::int64_t r : rows) {
        config.mr = mr;
        config.kc = kc;
        config.rows = static_cast<int>(std::min<std::int64_t>(r, kMaxConfigField));
        config.unroll = 2;
        config.axis = TileAxis::kAxisQ;
        add(config);
        config.axis = TileAxis::kAxisN;
        if (spec.open_batch() || spec.n >= isa.lanes()) add(config);
      }
    }
  }
}

}  // namespace convoke
