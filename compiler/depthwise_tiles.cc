#include "compiler/depthwise_tiles.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/cpu_schedule.h"

namespace convoke {
namespace {

/// Multiply-adds in the code of one kernel: about 50 ms of compile time.
constexpr std::int64_t kMaxCodeFmas = 6000;
/// Displacements in the code are signed 32-bit.
constexpr std::int64_t kMaxDisplacement = std::int64_t{1} << 30;

std::string why_illegal_groups(const ConvSpec& spec, const CpuIsa& isa) {
  if (spec.c_per_group() > kMaxDepthwiseChannels) {
    return fmt::format("C/g={} exceeds the {} of depthwise", spec.c_per_group(),
                       kMaxDepthwiseChannels);
  }
  if (spec.x_layout == Layout::kNchw) {
    if (spec.y_layout != Layout::kNchw) return "depthwise writes nhwc from nhwc alone";
    if (spec.stride_w > 2) {
      return fmt::format("depthwise in nchw has strides 1 and 2 along a row, not {}",
                         spec.stride_w);
    }
    return "";
  }
  if (isa.lanes() % spec.k_per_group() != 0 && spec.k_per_group() % isa.lanes() != 0) {
    return fmt::format("K/g={} and the {} lanes of a vector do not divide each other",
                       spec.k_per_group(), isa.lanes());
  }
  return "";
}

}  // namespace

CpuSchedule make_depthwise_schedule(const ConvSpec& spec, const CpuConfig& config,
                                    const CpuIsa& isa) {
  ConvSpec across = spec;
  across.groups = 1;
  across.c = spec.c_per_group();
  CpuSchedule schedule;
  schedule.weights = make_packed_weights(across, 1, isa.lanes(), 0);
  schedule.rows_per_task = config.rows == 0 ? spec.p : std::min<std::int64_t>(config.rows, spec.p);
  schedule.row_blocks = (spec.p + schedule.rows_per_task - 1) / schedule.rows_per_task;
  const PanelKind& last = schedule.weights.kinds.back();
  schedule.panels_per_task = last.first + last.count;
  return schedule;
}

std::string why_illegal_depthwise(const ConvSpec& spec, const CpuConfig& config,
                                  const CpuIsa& isa) {
  if (std::string why = why_illegal_groups(spec, isa); !why.empty()) return why;
  if (std::string why = why_inexact_in_f32(spec); !why.empty()) return why;
  const bool planar = spec.x_layout == Layout::kNchw;
  const int most = planar ? isa.lanes() : isa.vector_registers() - 3;
  if (config.mr < 1 || config.mr > most) {
    return fmt::format("depthwise needs mr from 1 to {} ({})", most, config.mr);
  }
  if (config.nv < 1 || (planar && config.nv != 1)) {
    return fmt::format("depthwise needs nv (vectors that pass along a row together) of {} ({})",
                       planar ? "1 in nchw" : "at least 1", config.nv);
  }
  const std::int64_t taps = spec.live_s().size();
  if (taps == 0 || spec.live_r().size() == 0) return "no tap is live; direct does this";
  if (taps > kMaxColumnTaps)
    return fmt::format("depthwise takes at most {} columns of the filter ({})", kMaxColumnTaps,
                       taps);
  // In floating point: the products of legal but huge dimensions overflow 64 bits.
  const double columns = static_cast<double>(spec.stride_w) * config.mr +
                         static_cast<double>(spec.s) * static_cast<double>(spec.dilation_w) +
                         static_cast<double>(spec.pad_w);
  if (columns > kMaxDisplacement / 4.0 / static_cast<double>(std::max(spec.c, spec.k)))
    return "a row of the image is too large for depthwise";
  std::int64_t fmas = 0;
  const auto runs = make_tile_runs(spec, spec.q, config.mr, false);
  if (runs.size() > kMaxTileRuns)
    return fmt::format("more than {} kinds of border tiles", kMaxTileRuns);
  for (const TileRun& run : runs) fmas += 2 * run.size * taps * spec.c_per_group();
  if (fmas > kMaxCodeFmas)
    return fmt::format("{} multiply-adds of code exceed {}", fmas, kMaxCodeFmas);
  return "";
}

void enumerate_depthwise(const ConvSpec& spec, const CpuIsa& isa, int threads,
                         const AddConfig& add) {
  if (spec.groups == 1 || !why_illegal_groups(spec, isa).empty()) return;
  CpuConfig config;
  config.family = CpuFamily::kDepthwise;
  const std::int64_t share = std::max<std::int64_t>(1, spec.p / (threads * std::int64_t{4}));
  // In nchw the pixels are the lanes of one vector.
  const bool planar = spec.x_layout == Layout::kNchw;
  for (const int mr : planar ? std::vector{isa.lanes()} : std::vector{8, 4, 12, 6, 16, 24}) {
    for (const int nv : planar ? std::vector{1} : std::vector{16, 6, 2}) {
      for (const std::int64_t rows : {share, spec.p}) {
        config.mr = mr;
        config.nv = nv;
        config.rows = static_cast<int>(std::min<std::int64_t>(rows, kMaxConfigField));
        add(config);
      }
    }
  }
}

}  // namespace convoke
