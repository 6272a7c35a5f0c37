#include "compiler/cpu_windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "compiler/gemm_tiles.h"
#include "compiler/sparsity.h"
#include "convoke/error.h"

namespace convoke {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Most steps of a panel's list. Windows that begin where the next weight is are no more than
/// aligned ones, of which each takes as many steps as its fullest lane has weights.
std::int64_t most_steps(const ConvSpec& spec, const CpuSchedule& schedule) {
  const Sparsity sparsity = Sparsity::parse(spec.sparsity);
  const WindowRuns runs = window_runs(spec, schedule);
  const std::int64_t taps = schedule.weights.r.size() * schedule.weights.s.size();
  const std::int64_t window = schedule.sparse.window;
  const std::int64_t all = taps * spec.c_per_group();
  const bool whole_groups = sparsity.kind == SparsityKind::kNm && window % sparsity.m == 0 &&
                            (runs.taps == 1 || spec.c_per_group() % sparsity.m == 0);
  if (!whole_groups) return all;
  const std::int64_t of_window = std::min(window, sparsity.n * (window / sparsity.m));
  return std::min(all, taps / runs.taps * ceil_div(runs.length, window) * of_window);
}

class Lists {
 public:
  Lists(const ConvSpec& spec, const CpuSchedule& schedule, const SparsityPattern& pattern,
        void* tables)
      : spec_(spec),
        schedule_(schedule),
        tables_(schedule.sparse),
        pattern_(pattern),
        runs_(window_runs(spec, schedule)),
        to_(static_cast<std::byte*>(tables)) {}

  void write() {
    const PackedWeights& packed = schedule_.weights;
    auto* bases = at<std::int64_t>(tables_.bases);
    auto* begins = at<std::int32_t>(tables_.begins);
    std::int64_t place = 0;
    for (std::int64_t g = 0; g < spec_.groups; ++g)
      for (const Panel& panel : make_panels(packed)) {
        const std::int32_t first = next_;
        for (std::int64_t r = packed.r.begin; r < packed.r.end; ++r)
          for (std::int64_t s = packed.s.begin; s < packed.s.end; ++s) {
            const std::int64_t tap = r * spec_.s + s;
            *begins++ = next_;
            if (tap % runs_.taps == 0) run(g, panel, tap, place - first * panel.row_bytes);
          }
        *begins++ = next_;
        *bases++ = place - first * panel.row_bytes;
        place += (next_ - first) * panel.row_bytes;
        require(place <= packed.bytes);
      }
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

  /// The windows of a run: each begins at the first weight that no window before has taken, and
  /// takes the next one of every filter that has it within the window.
  void run(std::int64_t g, const Panel& panel, std::int64_t tap, std::int64_t base) {
    const std::int64_t channels = spec_.c_per_group(), window = tables_.window;
    const auto filters = static_cast<std::size_t>(panel.end - panel.first);
    std::vector<std::vector<std::int64_t>> kept(filters);
    for (std::size_t f = 0; f < filters; ++f) {
      const std::int64_t k = g * spec_.k_per_group() + panel.first + static_cast<std::int64_t>(f);
      for (std::int64_t i = 0; i < runs_.length; ++i) {
        const std::int64_t at = tap + i / channels;
        if (pattern_.keeps(k, at / spec_.s, at % spec_.s, i % channels)) kept[f].push_back(i);
      }
    }
    std::vector<std::size_t> done(filters, 0);
    for (;;) {
      std::int64_t begin = runs_.length;
      for (std::size_t f = 0; f < filters; ++f)
        if (done[f] < kept[f].size()) begin = std::min(begin, kept[f][done[f]]);
      if (begin == runs_.length) return;
      begin = std::min(begin, runs_.length - window);
      require(next_ < tables_.entries &&
              base + (next_ + 1) * panel.row_bytes <= schedule_.weights.bytes);
      for (std::size_t f = 0; f < filters; ++f) {
        if (done[f] == kept[f].size() || kept[f][done[f]] >= begin + window) continue;
        pick(base + next_ * panel.row_bytes, static_cast<std::int64_t>(f),
             kept[f][done[f]++] - begin);
      }
      entry(tap, begin);
    }
  }

  /// Filter `f` of the panel multiplies input `index` of the window whose weights are at `row`.
  void pick(std::int64_t row, std::int64_t f, std::int64_t index) {
    const std::int64_t lanes = schedule_.weights.lanes, words = lanes / 8;
    const std::int64_t vector = row / (4 * lanes) + f / lanes, lane = f % lanes;
    at<std::uint32_t>(tables_.picks)[vector * words + lane % words] |=
        static_cast<std::uint32_t>(index) << kPickBits * (lane / words);
    at<std::uint16_t>(tables_.active)[vector] |= static_cast<std::uint16_t>(1 << lane);
  }

  void entry(std::int64_t tap, std::int64_t begin) {
    const std::int64_t r = tap / spec_.s, s = tap % spec_.s, x_size = gemm_x_size(schedule_);
    const std::int64_t pixel = gemm_pixel_bytes(spec_, schedule_);
    at<std::int32_t>(tables_.offsets)[next_] = static_cast<std::int32_t>(
        (r * spec_.dilation_h * spec_.w + s * spec_.dilation_w) * pixel + begin * x_size);
    at<std::int32_t>(tables_.sources)[next_] =
        static_cast<std::int32_t>(tap * spec_.c_per_group() + begin);
    ++next_;
  }

  const ConvSpec& spec_;
  const CpuSchedule& schedule_;
  const SparseTables& tables_;
  const SparsityPattern& pattern_;
  const WindowRuns runs_;
  std::byte* to_;
  std::int32_t next_ = 0;
};

}  // namespace

WindowRuns window_runs(const ConvSpec& spec, const CpuSchedule& schedule) {
  WindowRuns runs;
  const bool all_valid = interior_columns(spec) == Range{0, spec.q} &&
                         interior_rows(spec) == Range{0, spec.p} &&
                         spec.live_r().size() == spec.r && spec.live_s().size() == spec.s;
  const bool pixels_touch = spec.groups == 1 || schedule.staged;
  if (all_valid && pixels_touch && spec.dilation_w == 1) {
    runs.taps = spec.s;
    if (spec.s == spec.w && spec.dilation_h == 1) runs.taps = spec.r * spec.s;
  }
  runs.length = runs.taps * spec.c_per_group();
  return runs;
}

void size_windows(const ConvSpec& spec, CpuSchedule& schedule) {
  const std::int64_t steps = most_steps(spec, schedule);
  const std::int64_t kept = most_kept_weights(spec);
  std::int64_t widest = 0, bytes = 0, panels = 0;
  for (const Panel& panel : make_panels(schedule.weights)) {
    widest = std::max(widest, panel.row_bytes);
    bytes += panel.row_bytes * steps;
    ++panels;
  }
  schedule.sparse.entries = std::min(spec.groups * panels * steps, kept);
  schedule.weights.bytes = std::min(spec.groups * bytes, kept * widest);
}

void write_windows(const ConvSpec& spec, const CpuSchedule& schedule,
                   const SparsityPattern& pattern, void* tables) {
  Lists(spec, schedule, pattern, tables).write();
}

}  // namespace convoke
