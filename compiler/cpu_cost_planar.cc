// The model of the sparse family: what a kept weight costs, a list, a tile's way out, a task's way
// in. Fitted on a Zen 3 core like that of cpu_cost.cc, whose values it must compare with.
#include <algorithm>
#include <cmath>

#include "compiler/cpu_cost.h"
#include "compiler/cpu_schedule.h"
#include "convoke/sparsity_pattern.h"

namespace convoke {
namespace {

constexpr double kCyclesPerUs = 3000;
constexpr double kFmaLatency = 4;
constexpr double kLoadsPerVector = 1.35;  ///< half of the vectors straddle two lines
constexpr double kEntryCycles = 1.2;      ///< offset, weight, loop
constexpr double kListCycles = 14;        ///< beginning and ending a list
constexpr double kStraightCycles = 0.6,
                 kStraightListCycles = 4;  ///< the same of code without lists
constexpr double kL2VectorCycles = 2;      ///< a vector that is not in L1
constexpr double kFinishCycles = 7;        ///< a vector of y: transposed, epilogue, stored
constexpr double kStageCycles = 9;         ///< a vector of x: transposed, stored
constexpr double kL3ByteCycles = 0.15;  ///< of planes that overflow L2, each time a tile reads them
constexpr double kTaskCycles = 1500;

}  // namespace

double predict_planar_us(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa,
                         int threads) {
  const CpuSchedule schedule = make_cpu_schedule(spec, config, isa);
  const PlanarShape& shape = schedule.planar;
  const double lanes = isa.lanes();
  const double blocks =
      static_cast<double>(spec.c_per_group()) / static_cast<double>(schedule.weights.kc);
  const double vectors = static_cast<double>(shape.tile_rows * shape.tile_vectors);
  const double tiles = static_cast<double>(shape.row_tiles * shape.column_tiles);
  const double filters = static_cast<double>(schedule.panels_per_task);
  const double live = static_cast<double>(spec.live_r().size() * spec.live_s().size()) /
                      static_cast<double>(spec.r * spec.s);
  const double entries =
      live * static_cast<double>(most_kept_weights(spec)) / static_cast<double>(spec.k) * filters;
  const double images = static_cast<double>(schedule.images_per_task);
  double cycles_of_load = (images > 1 ? 1 : kLoadsPerVector) / 2;
  // What the taps of one channel block read for a tile.
  const double tile_bytes = 4.0 * static_cast<double>(schedule.weights.kc * shape.row) *
                            static_cast<double>((shape.tile_rows - 1) * spec.stride_h +
                                                (spec.live_r().size() - 1) * spec.dilation_h + 1);
  const double l1 = static_cast<double>(isa.l1_bytes);
  cycles_of_load += kL2VectorCycles * std::clamp((tile_bytes - 0.6 * l1) / l1, 0.0, 1.0);
  const double arithmetic = vectors * (isa.has_fma() ? 0.5 : 1);
  const double step = std::max({arithmetic, vectors * cycles_of_load, kFmaLatency}) +
                      (config.unroll == 0 ? kStraightCycles : kEntryCycles);
  const double list =
      (config.unroll == 0 ? kStraightListCycles : kListCycles) + vectors * (blocks > 1 ? 2 : 1);
  const double outputs =
      images * static_cast<double>(schedule.rows_per_task * spec.q) * filters / lanes;
  const double inputs =
      images * static_cast<double>(shape.rows * spec.w * spec.c_per_group()) / lanes;
  const double l2 = static_cast<double>(isa.l2_bytes);
  const double from_l3 =
      std::clamp((static_cast<double>(schedule.scratch_bytes) - 0.5 * l2) / (0.5 * l2), 0.0, 1.0);
  const double reads = tiles * blocks * tile_bytes * kL3ByteCycles * from_l3;
  const double task = kTaskCycles + reads + tiles * (entries * step + blocks * filters * list) +
                      outputs * kFinishCycles + inputs * kStageCycles;
  const double rounds =
      std::ceil(static_cast<double>(schedule.tasks(spec.open_batch() ? 2 : spec.n)) / threads);
  return rounds * task / kCyclesPerUs;
}

}  // namespace convoke
