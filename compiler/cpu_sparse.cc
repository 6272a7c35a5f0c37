#include "compiler/cpu_sparse.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "compiler/cpu_schedule.h"
#include "compiler/cpu_windows.h"
#include "compiler/sparsity.h"
#include "compiler/sparsity_units.h"
#include "convoke/error.h"

namespace convoke {
namespace {

constexpr std::int64_t kTableAlignment = 64;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

std::int64_t panels_of(const PackedWeights& packed) {
  return packed.kinds.back().first + packed.kinds.back().count;
}

std::int64_t channel_blocks(const ConvSpec& spec, const PackedWeights& packed) {
  return spec.c_per_group() / packed.kc;
}

/// Steps of the channels of one unit: pairs that its edges may cut in two count.
std::int64_t steps_of_unit(std::int64_t channels, int pair) {
  return pair == 1 ? channels : channels / pair + 1;
}

/// Room for lists and packed weights of kLists: what the fullest patterns of the signature need.
void size_lists(const ConvSpec& spec, CpuSchedule& schedule) {
  PackedWeights& packed = schedule.weights;
  const Sparsity sparsity = Sparsity::parse(spec.sparsity);
  const SparsityUnits units = sparsity_units(spec);
  const UnitGrid grid(spec);
  const std::int64_t taps = packed.r.size() * packed.s.size();
  const std::int64_t all_steps = taps * ceil_div(spec.c_per_group(), packed.pair);
  std::int64_t group_row_bytes = 0;
  const std::vector<Panel> all = make_panels(packed);
  for (const Panel& panel : all) group_row_bytes += panel.row_bytes;
  if (sparsity.kind == SparsityKind::kInput) {  // one list for all panels of a group
    const std::int64_t steps = std::min(
        all_steps, taps * (units.kept / spec.groups) * steps_of_unit(grid.columns, packed.pair));
    schedule.sparse.entries = spec.groups * steps;
    packed.bytes = spec.groups * steps * group_row_bytes;
    return;
  }
  // A block is in the list of every panel that shares a filter with it.
  std::int64_t most_panels = 0, most_bytes = 0;
  for (std::int64_t row = 0; row < grid.units_k; ++row) {
    std::int64_t count = 0, bytes = 0;
    for (const Panel& panel : all) {
      if (panel.first >= (row + 1) * grid.rows || panel.end <= row * grid.rows) continue;
      ++count, bytes += panel.row_bytes;
    }
    most_panels = std::max(most_panels, count), most_bytes = std::max(most_bytes, bytes);
  }
  const std::int64_t steps = units.kept * steps_of_unit(grid.columns, packed.pair);
  schedule.sparse.entries = std::min(
      spec.groups * static_cast<std::int64_t>(all.size()) * all_steps, steps * most_panels);
  packed.bytes = std::min(spec.groups * all_steps * group_row_bytes, steps * most_bytes);
}

/// Writes into tables, and counts what it writes: no pattern may overrun them.
class Writer {
 public:
  Writer(const ConvSpec& spec, const CpuSchedule& schedule, const SparsityPattern& pattern,
         void* tables)
      : spec_(spec),
        schedule_(schedule),
        tables_(schedule.sparse),
        pattern_(pattern),
        sparsity_(Sparsity::parse(spec.sparsity)),
        to_(static_cast<std::byte*>(tables)) {
    std::memset(to_, 0, static_cast<std::size_t>(tables_.bytes));
  }

  void bits() {
    auto* words = at<std::uint64_t>(tables_.bits);
    for (const std::int64_t unit : pattern_.kept())
      words[unit / 64] |= std::uint64_t{1} << unit % 64;
  }

  void channels() {
    const std::int64_t kg = spec_.k_per_group(), room = schedule_.weights.filters;
    const std::vector<Panel> all = make_panels(schedule_.weights);
    auto* prefix = at<std::int32_t>(tables_.prefix);
    auto* filters = at<std::int32_t>(tables_.filters);
    auto* starts = at<std::int32_t>(tables_.starts);
    for (std::int64_t g = 0; g < spec_.groups; ++g, prefix += kg + 1, filters += room) {
      std::fill_n(filters, room, -1);
      std::int32_t kept = 0;
      for (std::int64_t k = 0; k < kg; ++k) {
        prefix[k] = kept;
        if (!pattern_.keeps(g * kg + k, 0, 0, 0)) continue;
        require(kept < room);
        filters[kept++] = static_cast<std::int32_t>(k);
      }
      prefix[kg] = kept;
      *starts++ = 0;
      for (std::int64_t block = 1; block < schedule_.filter_blocks; ++block) {
        const std::int64_t first =
            all[static_cast<std::size_t>(block * schedule_.panels_per_task)].first;
        *starts++ = first < kept ? filters[first] : static_cast<std::int32_t>(kg);
      }
      *starts++ = static_cast<std::int32_t>(kg);
    }
  }

  void panel_lists() {
    const PackedWeights& packed = schedule_.weights;
    const bool shared = sparsity_.kind == SparsityKind::kInput;
    const std::vector<Panel> all = make_panels(packed);
    auto* bases = at<std::int64_t>(tables_.bases);
    auto* begins = at<std::int32_t>(tables_.begins);
    const std::int64_t per_panel =
        channel_blocks(spec_, packed) * packed.r.size() * packed.s.size() + 1;
    std::int64_t place = 0;
    for (std::int64_t g = 0; g < spec_.groups; ++g)
      for (std::size_t p = 0; p < all.size(); ++p, begins += per_panel) {
        if (p > 0 && shared) {
          std::copy_n(begins - per_panel, per_panel, begins);
        } else {
          panel_list(g, all[p], begins);
        }
        *bases++ = place - begins[0] * all[p].row_bytes;
        place += (begins[per_panel - 1] - begins[0]) * all[p].row_bytes;
      }
    require(place <= packed.bytes);
  }

  void planes() {
    const PlanarShape& shape = schedule_.planar;
    const PackedWeights& packed = schedule_.weights;
    auto* begins = at<std::int32_t>(tables_.begins);
    for (std::int64_t g = 0; g < spec_.groups; ++g)
      for (std::int64_t c0 = 0; c0 < spec_.c_per_group(); c0 += packed.kc)
        for (std::int64_t k = 0; k < spec_.k_per_group(); ++k) {
          *begins++ = next_;
          const std::int64_t filter = g * spec_.k_per_group() + k;
          each_step(c0, 1, [&](std::int64_t r, std::int64_t s, std::int64_t c) {
            if (pattern_.keeps(filter, r, s, c)) entry(shape.offset(spec_, c, r, s), r, s, c);
          });
        }
    *begins = next_;
  }

 private:
  template <typename T>
  T* at(std::int64_t offset) {
    return reinterpret_cast<T*>(to_ + offset);
  }
  void require(bool room) const {
    if (!room)
      throw Error(ErrorCode::kUsage,
                  fmt::format("the pattern keeps more than {} stands for", spec_.sparsity));
  }

  /// body(r, s, c) for the packed taps and the channels of a block, in the order of a list.
  template <typename Body>
  void each_step(std::int64_t c0, int step, const Body& body) const {
    const PackedWeights& packed = schedule_.weights;
    for (std::int64_t r = packed.r.begin; r < packed.r.end; ++r)
      for (std::int64_t s = packed.s.begin; s < packed.s.end; ++s)
        for (std::int64_t c = c0; c < c0 + packed.kc; c += step) body(r, s, c);
  }

  void entry(std::int64_t offset, std::int64_t r, std::int64_t s, std::int64_t c) {
    require(next_ < tables_.entries);
    at<std::int32_t>(tables_.offsets)[next_] = static_cast<std::int32_t>(offset);
    at<std::int32_t>(tables_.sources)[next_] =
        static_cast<std::int32_t>((r * spec_.s + s) * spec_.c_per_group() + c);
    ++next_;
  }

  /// Whether some filter of the panel keeps a channel of the step.
  bool keeps(std::int64_t g, const Panel& panel, std::int64_t r, std::int64_t s,
             std::int64_t c) const {
    const std::int64_t rows = sparsity_.rows;
    const std::int64_t end = std::min(c + schedule_.weights.pair, spec_.c_per_group());
    for (std::int64_t k = panel.first / rows * rows; k < panel.end; k += rows)
      for (std::int64_t channel = c; channel < end; ++channel)
        if (pattern_.keeps(g * spec_.k_per_group() + k, r, s, channel)) return true;
    return false;
  }

  void panel_list(std::int64_t g, const Panel& panel, std::int32_t* begins) {
    const PackedWeights& packed = schedule_.weights;
    const std::int64_t pixel = gemm_pixel_bytes(spec_, schedule_);
    std::int64_t list = 0, last_tap = -1;
    for (std::int64_t c0 = 0; c0 < spec_.c_per_group(); c0 += packed.kc, last_tap = -1)
      each_step(c0, packed.pair, [&](std::int64_t r, std::int64_t s, std::int64_t c) {
        if (const std::int64_t tap = r * spec_.s + s; tap != last_tap) {
          begins[list++] = next_;
          last_tap = tap;
        }
        if (!keeps(g, panel, r, s, c)) return;
        entry((r * spec_.dilation_h * spec_.w + s * spec_.dilation_w) * pixel +
                  c * gemm_x_size(schedule_),
              r, s, c);
      });
    begins[list] = next_;
  }

  const ConvSpec& spec_;
  const CpuSchedule& schedule_;
  const SparseTables& tables_;
  const SparsityPattern& pattern_;
  const Sparsity sparsity_;
  std::byte* to_;
  std::int32_t next_ = 0;
};

}  // namespace

SparseForm sparse_form(const ConvSpec& spec, const CpuConfig& config) {
  if (spec.sparsity.empty()) return SparseForm::kDense;
  if (config.masked) return SparseForm::kMasked;
  if (config.family == CpuFamily::kSparse) return SparseForm::kPlanar;
  if (config.window != 0) return SparseForm::kWindows;
  return Sparsity::parse(spec.sparsity).kind == SparsityKind::kChannel ? SparseForm::kChannels
                                                                       : SparseForm::kLists;
}

std::int64_t packed_filters(const ConvSpec& spec, const CpuConfig& config) {
  if (sparse_form(spec, config) != SparseForm::kChannels) return spec.k_per_group();
  const std::int64_t rows = Sparsity::parse(spec.sparsity).rows;
  return std::min(spec.k_per_group(), sparsity_units(spec).kept / spec.groups * rows);
}

std::int64_t most_kept_weights(const ConvSpec& spec) {
  const Sparsity sparsity = Sparsity::parse(spec.sparsity);
  const std::int64_t kept = sparsity_units(spec).kept, taps = spec.r * spec.s;
  std::int64_t of_unit = std::int64_t{sparsity.rows} * sparsity.columns;
  if (sparsity.kind == SparsityKind::kChannel) of_unit = sparsity.rows * taps * spec.c_per_group();
  if (sparsity.kind == SparsityKind::kInput) of_unit = sparsity.columns * taps * spec.k_per_group();
  return std::min(spec.w_elements(), kept * of_unit);
}

std::int64_t gemm_x_size(const CpuSchedule& schedule) { return size_of(schedule.weights.type); }

std::int64_t gemm_pixel_bytes(const ConvSpec& spec, const CpuSchedule& schedule) {
  const std::int64_t pair = schedule.weights.pair;
  const std::int64_t staged = (spec.c_per_group() + pair - 1) / pair * pair;
  return (schedule.staged ? staged : spec.c) * gemm_x_size(schedule);
}

void add_sparse_tables(const ConvSpec& spec, const CpuConfig& config, CpuSchedule& schedule) {
  SparseTables& tables = schedule.sparse;
  tables.form = sparse_form(spec, config);
  if (tables.form == SparseForm::kDense) return;
  const PackedWeights& packed = schedule.weights;
  std::int64_t at = 0;
  const auto table = [&at](std::int64_t elements, std::int64_t size) {
    const std::int64_t begin = at;
    at += ceil_div(elements * size, kTableAlignment) * kTableAlignment;
    return begin;
  };
  const std::int64_t g = spec.groups, blocks = channel_blocks(spec, packed);
  if (tables.form == SparseForm::kChannels) {
    tables.prefix = table(g * (spec.k_per_group() + 1), 4);
    tables.starts = table(g * (schedule.filter_blocks + 1), 4);
    tables.filters = table(g * packed.filters, 4);
  }
  if (tables.form == SparseForm::kLists) {
    size_lists(spec, schedule);
    const std::int64_t panels = panels_of(packed);
    tables.bases = table(g * panels, 8);
    tables.begins = table(g * panels * (blocks * packed.r.size() * packed.s.size() + 1), 4);
  }
  if (tables.form == SparseForm::kWindows) {
    tables.window = config.window;
    size_windows(spec, schedule);
    const std::int64_t panels = panels_of(packed);
    tables.bases = table(g * panels, 8);
    tables.begins = table(g * panels * (packed.r.size() * packed.s.size() + 1), 4);
    tables.picks = table(packed.bytes / 8, 1);
  }
  if (tables.form == SparseForm::kPlanar) {
    tables.entries = most_kept_weights(spec);
    tables.begins = table(g * blocks * spec.k_per_group() + 1, 4);
  }
  tables.offsets = table(tables.entries, 4);
  tables.sources = table(tables.entries, 4);
  if (tables.form == SparseForm::kWindows)
    tables.active = table(packed.bytes / (4 * packed.lanes), 2);
  tables.bits = table(ceil_div(UnitGrid(spec).units(), 64), 8);
  tables.bytes = at;
}

void write_sparse_tables(const ConvSpec& spec, const CpuSchedule& schedule,
                         const SparsityPattern& pattern, void* tables) {
  if (!pattern.fits(spec))
    throw Error(ErrorCode::kUsage,
                fmt::format("the pattern is for {} but the problem is {} {}", pattern.description(),
                            shape_text(spec), spec.sparsity));
  Writer writer(spec, schedule, pattern, tables);
  writer.bits();
  switch (schedule.sparse.form) {
    case SparseForm::kDense:
    case SparseForm::kMasked:
      break;
    case SparseForm::kChannels:
      return writer.channels();
    case SparseForm::kLists:
      return writer.panel_lists();
    case SparseForm::kWindows:
      return write_windows(spec, schedule, pattern, tables);
    case SparseForm::kPlanar:
      return writer.planes();
  }
}

}  // namespace convoke
