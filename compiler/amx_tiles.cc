#include "compiler/amx_tiles.h"

#include <fmt/format.h>

#include <algorithm>

namespace convoke {

AmxDepth amx_depth(const CpuSchedule& schedule) {
  const PackedWeights& packed = schedule.weights;
  const auto largest = [&](std::int64_t products) {
    std::int64_t depth = std::int64_t{kAmxRows} * packed.pair;
    while (products % depth != 0) depth -= packed.pair;  // a pair divides them
    return depth;
  };
  AmxDepth depth;
  depth.channels = packed.pairs() * packed.pair;
  depth.tap = largest(depth.channels);
  const std::int64_t row = packed.s.size() * depth.channels;
  if (schedule.merged && row / largest(row) < packed.s.size() * (depth.channels / depth.tap))
    depth.row = largest(row);
  return depth;
}

AmxSplit amx_split(int pixels, int tiles) {
  AmxSplit split;
  int next = 0;
  for (int i = 0; i < tiles; ++i) {
    const int size = pixels / tiles + (i < pixels % tiles ? 1 : 0);
    split.size.push_back(std::max(size, 1));
    split.first.push_back(std::min(next, pixels - 1));
    next += size;
  }
  return split;
}

std::string why_illegal_amx(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa) {
  if (!isa.has_amx())
    return fmt::format("amx needs a processor with AMX; this is {}", to_string(isa.level));
  const bool integer = is_integer(spec.x_type) && spec.w_type == DataType::kS8;
  if (!integer && (spec.x_type != DataType::kBf16 || spec.w_type != DataType::kBf16))
    return "amx multiplies bf16 by bf16, and s8 or u8 by s8, only";
  // The code tells two pixel tiles apart (amx_split), no more.
  if ((config.mr != kAmxRows && config.mr != 2 * kAmxRows) || config.nv < 1) {
    return fmt::format("amx needs mr of {} or {} and nv of at least 1 (mr={}, nv={})", kAmxRows,
                       2 * kAmxRows, config.mr, config.nv);
  }
  const int tiles = config.mr / kAmxRows;
  if (tiles * config.nv + tiles + 1 > kAmxRegisters) {
    return fmt::format("mr={}, nv={} need {} of the {} tile registers", config.mr, config.nv,
                       tiles * config.nv + tiles + 1, kAmxRegisters);
  }
  // In floating point: the products of legal but huge dimensions overflow 64 bits.
  const double reach = static_cast<double>(spec.stride_h) * static_cast<double>(spec.w) +
                       static_cast<double>(spec.s) * static_cast<double>(spec.dilation_w) +
                       static_cast<double>(spec.pad_w);
  if (static_cast<double>(spec.c) * reach > static_cast<double>(kMaxElements))
    return "a row of the image is too large for amx";
  if (std::string why = why_illegal_batch(spec, config); !why.empty()) return why;
  if (spec.live_r().size() == 0 || spec.live_s().size() == 0)
    return "no tap is live; direct does this";
  const CpuSchedule schedule = make_cpu_schedule(spec, config, isa);
  if (schedule.scratch_bytes > kMaxScratchBytes)
    return fmt::format("the input and the sums of a task take {} bytes of scratch, more than {}",
                       schedule.scratch_bytes, kMaxScratchBytes);
  if (schedule.flat && spec.p % schedule.rows_per_task != 0) {
    return fmt::format("rows={} must divide P={} for a 1x1 filter", config.rows, spec.p);
  }
  return "";
}

void enumerate_amx(const ConvSpec& spec, const CpuIsa& isa, int threads, const AddConfig& add) {
  if (!isa.has_amx()) return;
  const std::int64_t vectors = (spec.k_per_group() + isa.lanes() - 1) / isa.lanes();
  const std::int64_t taps = spec.live_r().size() * spec.live_s().size();
  for (const auto& [mr, nv] :
       {std::pair{32, 2}, {16, 4}, {16, 3}, {16, 6}, {16, 2}, {32, 1}, {16, 1}}) {
    if (nv > vectors) continue;
    CpuConfig config;
    config.family = CpuFamily::kAmx;
    config.mr = mr;
    config.nv = nv;
    const AxisTiles panels = split_axis(vectors, nv);
    const std::int64_t panel_bytes = std::max<std::int64_t>(
        spec.c_per_group() * taps * nv * isa.lanes() * size_of(spec.x_type), 1);
    const std::int64_t resident = std::max<std::int64_t>(isa.l2_bytes / 2 / panel_bytes, 1);
    std::vector<std::int64_t> kbs{0};
    if (resident < panels.count && resident <= kMaxConfigField) kbs.push_back(resident);
    const std::int64_t per_thread = (panels.count + threads - 1) / threads;
    if (per_thread < panels.count && per_thread != resident && per_thread <= kMaxConfigField)
      kbs.push_back(per_thread);
    for (const std::int64_t kb : kbs) {
      config.kb = static_cast<int>(kb);
      config.axis = TileAxis::kAxisQ;
      config.rows = 0;
      add(config);
      for (std::int64_t rows = 1; rows < spec.p; ++rows) {
        const std::int64_t pixels = rows * spec.q;
        if (pixels > 2048) break;
        if (spec.p % rows != 0 || pixels < mr) continue;
        config.rows = static_cast<int>(rows);
        add(config);
      }
      config.axis = TileAxis::kAxisN;
      for (const int images : {mr / 2, mr, mr * 2, mr * 4}) {
        config.rows = images;
        if (spec.open_batch() || spec.n * 2 >= images) add(config);
      }
    }
  }
}

}  // namespace convoke
