// The numbers that follow from spec + config and that both the emitter and the launcher need: packed
// weight layout, scratch per worker, how the work is cut into tasks. Computed here once; the emitter
// never derives a size of its own. Pure integer arithmetic, no LLVM.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/cpu_isa.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"

namespace convoke {

/// How packed weights are laid out:
///   [group][panel][block of kc channels][live r][live s][channel / pair][filter in panel][pair]
/// A panel holds panel_width filters (the last ones of a group may be narrower: widths below), missing filters and
/// missing channels of a pair are zero. `pair` is 1, or 2 for the dot-product types.
struct PackedWeights {
  DataType type = DataType::kF32;       ///< element type in the packed buffer
  int pair = 1;
  std::vector<int> panel_width;         ///< filters (padded to whole vectors) of each panel of one group
  std::vector<int> panel_filters;       ///< real filters of each panel
  std::vector<std::int64_t> panel_offset;  ///< elements from the group's start
  std::int64_t kc = 0;                  ///< channels of a block; the last may be smaller
  std::vector<std::int64_t> live_r, live_s;   ///< taps that are packed, ascending
  std::int64_t group_elements = 0;      ///< elements of one group
  std::int64_t bytes = 0;               ///< whole buffer, all groups
};

struct CpuSchedule {
  PackedWeights weights;
  std::int64_t scratch_bytes = 0;       ///< per worker
  // Tasks are numbered ((image block * row blocks + row block) * groups + group) * filter blocks + filter block.
  std::int64_t images_per_task = 1;     ///< n runs over ceil(n / images_per_task) blocks
  std::int64_t row_blocks = 1, rows_per_task = 1;
  std::int64_t group_blocks = 1, groups_per_task = 1;
  std::int64_t filter_blocks = 1, panels_per_task = 1;
  bool flat = false;  ///< a 1x1 problem whose pixels form one axis: the emitter sees it as P = 1, Q = P*Q
  bool staged = false;  ///< the input rows of a task are first converted to f32 nhwc in scratch

  std::int64_t tasks(std::int64_t n) const {
    return (n + images_per_task - 1) / images_per_task * row_blocks * group_blocks * filter_blocks;
  }
};

/// @pre why_illegal(spec, config, isa) is empty.
CpuSchedule make_cpu_schedule(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa);

}  // namespace convoke
