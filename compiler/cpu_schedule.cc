#include "compiler/cpu_schedule.h"

#include <algorithm>

#include "compiler/planar_tiles.h"

namespace convoke {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

bool pointwise(const ConvSpec& spec) {
  return spec.r == 1 && spec.s == 1 && spec.stride_h == 1 && spec.stride_w == 1 &&
         spec.pad_h == 0 && spec.pad_w == 0 && spec.p == spec.h && spec.q == spec.w;
}

/// Input rows that `rows` consecutive output rows read, taps beyond the image included.
std::int64_t input_rows(const ConvSpec& spec, std::int64_t rows) {
  const std::int64_t span = (rows - 1) * spec.stride_h +
                            std::max<std::int64_t>(spec.live_r().size() - 1, 0) * spec.dilation_h +
                            1;
  return std::min(span, spec.h);
}

/// Adds the sums of weights to a layout that has all but them.
void add_weight_sums(PackedWeights& packed) {
  const PanelKind& last = packed.kinds.back();
  packed.sums = packed.bytes;
  packed.sums_filters = last.first_filter + std::int64_t{last.count} * last.vectors * packed.lanes;
  packed.bytes = packed.sums_at(packed.groups, 0, 0);
}

CpuSchedule make_gemm_schedule(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa) {
  CpuSchedule schedule;
  const bool amx = config.family == CpuFamily::kAmx;
  const PackedType type = gemm_packed_type(spec, config, isa);
  const bool fours = type == PackedType::kS8 && !amx;
  schedule.dot = type == PackedType::kBf16 && !amx;
  schedule.integer = type == PackedType::kS8 || type == PackedType::kS16;
  if (fours && spec.x_type == DataType::kS8) schedule.x_offset = 128;
  const bool whole = spec.c_per_group() % channels_of(type) == 0;
  const bool as_it_is = amx || schedule.dot ? whole
                        : fours             ? whole && schedule.x_offset == 0
                                            : spec.x_type == DataType::kF32;
  schedule.staged = !as_it_is || spec.x_layout != Layout::kNhwc;
  ConvSpec packed = spec;
  packed.k = spec.groups * packed_filters(spec, config);
  schedule.weights = make_packed_weights(packed, config.nv, isa.lanes(), config.kc, type);
  if (type == PackedType::kS8 && (schedule.x_offset != 0 || !spec.quant.empty()))
    add_weight_sums(schedule.weights);
  const std::int64_t channels = schedule.staged ? spec.c_per_group() : spec.c;
  schedule.merged = channels == schedule.weights.kc && spec.dilation_w == 1;
  schedule.flat = config.axis == TileAxis::kAxisQ && pointwise(spec);
  std::int64_t staged_rows = spec.h;
  if (config.axis == TileAxis::kAxisN) {
    schedule.images_per_task = config.rows;
    schedule.rows_per_task = spec.p;
  } else {
    schedule.rows_per_task =
        config.rows == 0 ? spec.p : std::min<std::int64_t>(config.rows, spec.p);
    schedule.row_blocks = ceil_div(spec.p, schedule.rows_per_task);
    if (schedule.row_blocks > 1) staged_rows = input_rows(spec, schedule.rows_per_task);
  }
  schedule.group_blocks = spec.groups;
  const PanelKind& last = schedule.weights.kinds.back();
  const std::int64_t panels = last.first + last.count;
  schedule.panels_per_task = config.kb == 0 ? panels : std::min<std::int64_t>(config.kb, panels);
  schedule.filter_blocks = ceil_div(panels, schedule.panels_per_task);
  if (schedule.staged) {
    schedule.image_bytes = staged_rows * spec.w * gemm_pixel_bytes(spec, schedule);
    schedule.scratch_bytes = schedule.images_per_task * schedule.image_bytes;
  }
  if (amx) {
    schedule.sums = ceil_div(schedule.scratch_bytes, 64) * 64;
    schedule.scratch_bytes = schedule.sums + std::int64_t{config.mr} * config.nv * isa.lanes() * 4;
  }
  if (sparse_form(spec, config) == SparseForm::kChannels) {
    schedule.sums = ceil_div(schedule.scratch_bytes, 64) * 64;
    schedule.sums_filters =
        schedule.panels_per_task * schedule.weights.kinds.front().vectors * isa.lanes();
    // A vector beyond the last sum is read with it.
    schedule.scratch_bytes =
        schedule.sums +
        4 * (schedule.images_per_task * schedule.rows_per_task * spec.q * schedule.sums_filters +
             isa.lanes());
  }
  return schedule;
}

CpuSchedule make_direct_schedule(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa) {
  CpuSchedule schedule;
  schedule.integer = is_integer(spec.x_type);
  schedule.weights = make_packed_weights(spec, config.nv, isa.lanes(), 0,
                                         schedule.integer ? PackedType::kS32 : PackedType::kF32);
  schedule.rows_per_task = config.rows == 0 ? spec.p : std::min<std::int64_t>(config.rows, spec.p);
  schedule.row_blocks = ceil_div(spec.p, schedule.rows_per_task);
  schedule.group_blocks = spec.groups;
  const PanelKind& last = schedule.weights.kinds.back();
  schedule.panels_per_task = last.first + last.count;
  return schedule;
}

}  // namespace

PackedType gemm_packed_type(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa) {
  if (config.window != 0) return PackedType::kF32;
  const bool amx = config.family == CpuFamily::kAmx;
  if (is_integer(spec.x_type)) {
    const bool lists = sparse_form(spec, config) == SparseForm::kLists;
    return amx || (isa.has_vnni() && !lists) ? PackedType::kS8 : PackedType::kS16;
  }
  const bool even = spec.c_per_group() % 2 == 0 && config.kc % 2 == 0;
  const bool dot = isa.has_bf16_dot() && spec.x_type == DataType::kBf16 &&
                   spec.w_type == DataType::kBf16 && spec.x_layout == Layout::kNhwc && even;
  return amx || dot ? PackedType::kBf16 : PackedType::kF32;
}

AxisTiles split_axis(std::int64_t length, std::int64_t largest) {
  AxisTiles tiles;
  tiles.count = ceil_div(length, largest);
  tiles.size = length / tiles.count;
  tiles.larger = length % tiles.count;
  return tiles;
}

PackedWeights make_packed_weights(const ConvSpec& spec, int nv, int lanes, std::int64_t kc,
                                  PackedType type) {
  const int pair = channels_of(type);
  PackedWeights packed;
  packed.type = type;
  packed.pair = pair;
  packed.lanes = lanes;
  packed.groups = spec.groups;
  packed.filters = spec.k_per_group();
  packed.kc = kc == 0 ? spec.c_per_group() : kc;
  packed.r = spec.live_r();
  packed.s = spec.live_s();
  const std::int64_t channels = spec.c_per_group() / packed.kc * packed.pairs() * pair;
  const std::int64_t per_filter = packed.r.size() * packed.s.size() * channels;
  const AxisTiles panels = split_axis(ceil_div(spec.k_per_group(), lanes), nv);
  std::int64_t filter = 0;
  auto add = [&](std::int64_t count, std::int64_t vectors) {
    if (count == 0) return;
    PanelKind kind;
    kind.first = packed.kinds.empty() ? 0 : packed.kinds.back().first + packed.kinds.back().count;
    kind.count = static_cast<int>(count);
    kind.vectors = static_cast<int>(vectors);
    kind.offset = packed.group_elements;
    kind.panel_elements = per_filter * vectors * lanes;
    kind.first_filter = filter;
    packed.group_elements += kind.panel_elements * count;
    filter += count * vectors * lanes;
    packed.kinds.push_back(kind);
  };
  add(panels.larger, panels.size + 1);
  add(panels.count - panels.larger, panels.size);
  packed.bytes = packed.group_elements * spec.groups * size_of(packed.type);
  return packed;
}

std::vector<PanelPiece> make_panel_pieces(const CpuSchedule& schedule, std::int64_t filters) {
  const int lanes = schedule.weights.lanes;
  std::vector<PanelPiece> pieces;
  for (const PanelKind& kind : schedule.weights.kinds) {
    pieces.push_back({kind.first, kind.count, kind.vectors, kind.offset, kind.panel_elements,
                      kind.first_filter, lanes});
  }
  const int tail = static_cast<int>(filters % lanes);
  if (tail == 0) return pieces;
  PanelPiece last = pieces.back();
  if (--pieces.back().count == 0) pieces.pop_back();
  const int skipped = last.count - 1;
  last.first += skipped;
  last.offset += skipped * last.panel_elements;
  last.first_filter += std::int64_t{skipped} * last.vectors * lanes;
  last.count = 1;
  last.last_lanes = tail;
  pieces.push_back(last);
  return pieces;
}

std::vector<Panel> make_panels(const PackedWeights& packed) {
  std::vector<Panel> result;
  for (const PanelKind& kind : packed.kinds)
    for (int i = 0; i < kind.count; ++i) {
      const std::int64_t width = std::int64_t{kind.vectors} * packed.lanes;
      const std::int64_t first = kind.first_filter + i * width;
      result.push_back({first, std::min(first + width, packed.filters),
                        width * packed.pair * size_of(packed.type)});
    }
  return result;
}

CpuSchedule make_cpu_schedule(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa) {
  CpuSchedule schedule;
  switch (config.family) {
    case CpuFamily::kGemm:
    case CpuFamily::kAmx:
      schedule = make_gemm_schedule(spec, config, isa);
      break;
    case CpuFamily::kDirect:
      schedule = make_direct_schedule(spec, config, isa);
      break;
    case CpuFamily::kDepthwise:
      schedule = make_depthwise_schedule(spec, config, isa);
      break;
    case CpuFamily::kSparse:
      schedule = make_planar_schedule(spec, config, isa);
      break;
  }
  add_sparse_tables(spec, config, schedule);
  return schedule;
}

}  // namespace convoke
