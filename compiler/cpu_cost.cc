#include "compiler/cpu_cost.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "compiler/amx_tiles.h"
#include "compiler/cpu_schedule.h"
#include "compiler/gemm_tiles.h"
#include "compiler/sparsity.h"

namespace convoke {
namespace {

// Fitted to 500 kernels of 13 layers of ResNet-18 and -50, measured on a Zen 3 core: these are what
// makes the order come out right, not a data sheet. Prefetching hides most of what L2 delivers.
constexpr double kCyclesPerUs = 3000;
constexpr double kL2Bytes = 85, kL3Bytes = 10, kMemoryBytes = 2.3;  ///< per cycle, to one core
constexpr double kFmaLatency = 4;
constexpr double kIssueWidth = 3.6;
constexpr double kStepCycles = 0.25;  ///< a step never overlaps its neighbours perfectly
constexpr double kTileCycles = 25;    ///< addresses, zeroing and loop exits of one tile
constexpr double kLoopCycles = 9;     ///< entering and leaving one innermost loop
constexpr double kTaskCycles = 1000;  ///< handing a task to a worker
constexpr double kSharedMemory =
    0.6;  ///< of a core's memory bandwidth that it keeps when all cores stream
constexpr double kUnhidden = 0.17;     ///< of the shorter of arithmetic and transfers
constexpr double kPartialCycles = 10;  ///< a vector of partial sums to y and back
constexpr double kPartialBytes = 28;   ///< and per element of it, from L2
constexpr double kL1Share = 0.37;      ///< of L1 that weights may fill before they are evicted
constexpr double kConflictFactor = 1.65;
/// Of the deviations that the fullest lane is off: windows begin where they are needed.
constexpr double kWorstLane = 0.47;
constexpr double kSpreadCycles = 5;  ///< a vector of kept sums to its channels

/// Cycles and bytes of one worker's share, added up over a task.
struct Work {
  double cycles = 0;    ///< arithmetic and everything that takes issue slots
  double l2_bytes = 0;  ///< from L2 into L1
  double l3_bytes = 0;
  double memory_bytes = 0;

  double total(int threads) const {
    const double memory = kMemoryBytes * (threads > 1 ? kSharedMemory : 1.0);
    const double transfer = l2_bytes / kL2Bytes + l3_bytes / kL3Bytes + memory_bytes / memory;
    // Transfers hide behind arithmetic, but not wholly.
    return std::max(cycles, transfer) + kUnhidden * std::min(cycles, transfer);
  }
};

class Model {
 public:
  Model(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa, int threads)
      : spec_(spec),
        config_(config),
        isa_(isa),
        threads_(threads),
        schedule_(make_cpu_schedule(spec, config, isa)),
        batch_(spec.open_batch() ? 2 : spec.n),
        blocks_(spec.c_per_group() / schedule_.weights.kc),
        live_r_(spec.mean_valid_r()),
        live_s_(spec.mean_valid_s()) {
    images_ = std::min(schedule_.images_per_task, batch_);
    if (lists()) sparsity_ = Sparsity::parse(spec.sparsity);
    // A depthwise task takes all groups at once, any other one group.
    const std::int64_t channels = depthwise() ? spec.c : spec.c_per_group();
    image_bytes_ = static_cast<double>(spec.h * spec.w * channels) * x_size();
    const double rows = std::min<double>(
        static_cast<double>(spec.h),
        static_cast<double>((schedule_.rows_per_task - 1) * spec.stride_h) +
            static_cast<double>((schedule_.weights.r.size() - 1) * spec.dilation_h + 1));
    input_bytes_ = image_bytes_ / static_cast<double>(spec.h) * rows * static_cast<double>(images_);
  }

  double microseconds() const {
    Work task;
    if (schedule_.sparse.form == SparseForm::kChannels) add_spread(task);
    for (const PanelKind& kind : schedule_.weights.kinds) {
      Work panel = this->panel(kind);
      const double share = static_cast<double>(kind.count) / static_cast<double>(panels()) *
                           static_cast<double>(schedule_.panels_per_task);
      task.cycles += panel.cycles * share;
      task.l2_bytes += panel.l2_bytes * share;
      task.l3_bytes += panel.l3_bytes * share;
      task.memory_bytes += panel.memory_bytes * share;
    }
    add_task(task);
    const std::int64_t tasks = schedule_.tasks(batch_);
    const double each = task.total(threads_) + kTaskCycles;
    // Workers fetch tasks one by one, so the last round may leave some idle.
    const double rounds = std::ceil(static_cast<double>(tasks) / threads_);
    return rounds * each / kCyclesPerUs;
  }

 private:
  bool depthwise() const { return config_.family == CpuFamily::kDepthwise; }
  bool windows() const { return schedule_.sparse.form == SparseForm::kWindows; }
  bool lists() const { return schedule_.sparse.form == SparseForm::kLists || windows(); }
  bool along_batch() const { return config_.axis == TileAxis::kAxisN; }
  double x_size() const { return static_cast<double>(gemm_x_size(schedule_)); }
  std::int64_t panels() const {
    return schedule_.weights.kinds.back().first + schedule_.weights.kinds.back().count;
  }

  /// Share of the steps that a panel's list holds: those that some of its filters keeps.
  double density(double vectors) const {
    if (!lists()) return 1;
    if (windows()) return window_density(vectors);
    if (sparsity_.kind == SparsityKind::kInput) return sparsity_.keep;
    const auto filters = static_cast<std::int64_t>(vectors) * isa_.lanes();
    const std::int64_t rows = sparsity_.rows;
    // Blocks that a panel touches, on average over where it begins.
    const double blocks =
        static_cast<double>(filters - std::gcd(filters, rows)) / static_cast<double>(rows) + 1;
    return 1 - std::pow(1 - sparsity_.keep, blocks);
  }

  /// Steps for each channel: of the filters the one that keeps most in a window sets their number.
  double window_density(double vectors) const {
    const auto window = static_cast<double>(config_.window);
    if (sparsity_.kind == SparsityKind::kNm && config_.window % sparsity_.m == 0)
      return sparsity_.keep;
    const double spread = std::sqrt(sparsity_.keep * (1 - sparsity_.keep) / window);
    const double worst = std::sqrt(2 * std::log(vectors * isa_.lanes()));
    return std::min(1.0, sparsity_.keep + kWorstLane * worst * spread);
  }

  /// A window of each pixel is loaded, permuted and multiplied; picks are spread over the lanes.
  double window_step(double pixels, double vectors) const {
    const double sums = pixels * vectors;
    const bool across = isa_.lanes() == 8 && config_.window > 4;  // two halves of a register
    const double chains = std::clamp(8 / sums, 1.0, static_cast<double>(config_.unroll));
    const double arithmetic = sums * (across ? 2 : 1) + vectors;
    return std::max({arithmetic, (pixels + 2 * vectors + 1) / 2, kFmaLatency / chains}) +
           kStepCycles;
  }

  /// Sums to scratch, from there to y.
  void add_spread(Work& task) const {
    const double vectors = static_cast<double>(schedule_.rows_per_task * spec_.q * images_) *
                           static_cast<double>(spec_.k_per_group()) / isa_.lanes() /
                           static_cast<double>(schedule_.filter_blocks);
    task.cycles += vectors * kSpreadCycles;
  }

  /// Cycles of one channel step of `pixels` x `vectors`: each pixel is broadcast, each vector of
  /// filters loaded.
  double step(double pixels, double vectors) const {
    if (config_.family == CpuFamily::kAmx) return amx_step(pixels, vectors);
    if (windows()) return window_step(pixels, vectors);
    const double sums = pixels * vectors;
    // Without VNNI pairs of s16 are multiplied and added to the sum by two instructions, of which
    // one has other units; singles of s32 by three.
    const double pair = isa_.has_vnni() ? 1 : 1.5;
    const double arithmetic = sums * (schedule_.integer ? (schedule_.weights.pair == 1 ? 3 : pair)
                                      : isa_.has_fma()  ? 1
                                                        : 2);
    // Sums, one row of filters and a broadcast must stay in registers; else filters are loaded for
    // every pixel, and then some.
    const bool spills = sums + vectors + 1 > isa_.vector_registers();
    const double loads = pixels + vectors * (spills ? 2 * pixels : 1) + (lists() ? 1 : 0);
    const double issue = (arithmetic + loads + 2.0 / std::max(config_.unroll, 1)) / kIssueWidth;
    const double latency = isa_.has_fma() ? kFmaLatency : kFmaLatency + 3;
    return std::max({arithmetic / 2, loads / 2, issue, latency}) + kStepCycles;
  }

  /// A tile product of 16 x 16 sums takes 16 cycles whatever its depth; a tile load takes 8.
  double amx_step(double pixels, double vectors) const {
    const double tiles = std::ceil(pixels / kAmxRows);
    const AmxDepth steps = amx_depth(schedule_);
    const double depth =
        static_cast<double>(std::max(steps.tap, steps.row)) / schedule_.weights.pair;
    return std::max(16 * tiles * vectors, 8 * (tiles + vectors)) / depth;
  }

  /// Factor on the loads of a tile whose pixels stand `stride` bytes apart: more of them in one set
  /// than L1 has ways evict each other at every step.
  double conflict(double pixels, std::int64_t stride) const {
    constexpr std::int64_t kWayBytes = 4096;
    constexpr double kWays = 8;
    const std::int64_t period = kWayBytes / std::gcd(kWayBytes, std::max<std::int64_t>(stride, 64));
    const double in_one_set = pixels / static_cast<double>(period);
    return in_one_set > kWays - 1 ? kConflictFactor : 1.0;
  }

  /// All tiles of one panel in a task, all channel blocks.
  Work panel(const PanelKind& kind) const {
    Work work;
    const double vectors = kind.vectors;
    const double kc = density(vectors) * static_cast<double>(schedule_.weights.pairs());
    const double blocks = static_cast<double>(blocks_);
    double tiles = 0, pixels = 0;
    if (config_.family != CpuFamily::kDirect && !along_batch()) {
      row_tiles(vectors, kc, work, tiles, pixels);
    } else {
      point_tiles(vectors, kc, work, tiles, pixels);
    }
    work.cycles = (work.cycles + tiles * kTileCycles) * blocks;
    add_stores(work, pixels * vectors);
    add_weights(kind, work, tiles);
    add_input(work);
    return work;
  }

  void row_tiles(double vectors, double kc, Work& work, double& tiles, double& pixels) const {
    const bool flat = schedule_.flat;
    const std::int64_t length = flat ? schedule_.rows_per_task * spec_.q : spec_.q;
    const double rows = flat ? 1 : static_cast<double>(schedule_.rows_per_task);
    const double taps_r = flat ? 1 : live_r_;
    const bool merged = lists() || schedule_.merged;
    for (const TileRun& run : make_tile_runs(spec_, length, config_.mr, flat)) {
      const double count = static_cast<double>(run.count) * rows * static_cast<double>(images_);
      double cycles = 0, loops = 0;
      for (const std::uint64_t valid : run.valid) {
        if (valid == 0) continue;
        cycles += kc * step(std::popcount(valid), vectors);
        loops += 1;
      }
      if (depthwise() || (run.interior && merged)) loops = 1;
      cycles *= conflict(static_cast<double>(run.size),
                         spec_.stride_w * gemm_pixel_bytes(spec_, schedule_));
      work.cycles += count * taps_r * (cycles + loops * kLoopCycles);
      tiles += count;
      pixels += count * static_cast<double>(run.size);
    }
  }

  /// Tiles at one output position: mr images (gemm, axis n) or a single pixel (direct).
  void point_tiles(double vectors, double kc, Work& work, double& tiles, double& pixels) const {
    const double positions = static_cast<double>(schedule_.rows_per_task * spec_.q);
    // The taps of a row are one loop only if its steps are whole unrolled ones.
    const bool whole_rows =
        schedule_.merged && (schedule_.weights.kc % std::max(config_.unroll, 1) == 0 ||
                             schedule_.weights.s.size() == 1);
    const bool merged = along_batch() && (lists() || whole_rows);
    const double loops = live_r_ * (merged ? 1 : live_s_);
    const auto add = [&](double count, double size) {
      double cycles = live_r_ * live_s_ * kc * step(size, vectors);
      if (along_batch())
        cycles *= conflict(size, spec_.h * spec_.w * gemm_pixel_bytes(spec_, schedule_));
      work.cycles += count * positions * (cycles + loops * kLoopCycles);
      tiles += count * positions;
      pixels += count * positions * size;
    };
    if (!along_batch()) return add(static_cast<double>(images_), 1);
    const std::int64_t full = images_ / config_.mr, rest = images_ % config_.mr;
    if (full > 0) add(static_cast<double>(full), config_.mr);
    if (rest > 0) add(1, static_cast<double>(rest));
  }

  /// The output, written once, and partial sums kept in it between channel blocks.
  void add_stores(Work& work, double sums) const {
    const double lanes = isa_.lanes();
    const bool planar = depthwise() && spec_.x_layout == Layout::kNchw;
    const bool scattered = spec_.y_layout == Layout::kNchw && !planar;
    work.cycles += sums * (scattered ? 2 * lanes : 2);
    work.memory_bytes += sums * lanes * size_of(spec_.y_type);
    if (blocks_ > 1) {
      work.cycles += sums * kPartialCycles * static_cast<double>(blocks_ - 1);
      work.l2_bytes += sums * lanes * kPartialBytes * static_cast<double>(blocks_ - 1);
    }
  }

  /// Every tile reads its panel's block again: from L1 if it fits beside the pixels, else from
  /// further away.
  void add_weights(const PanelKind& kind, Work& work, double tiles) const {
    const double packed_taps =
        static_cast<double>(schedule_.weights.r.size() * schedule_.weights.s.size());
    const double panel = density(kind.vectors) * static_cast<double>(kind.panel_elements) *
                         size_of(schedule_.weights.type);
    const double block = panel / static_cast<double>(blocks_);
    const double used = live_r_ * live_s_ / std::max(packed_taps, 1.0);
    const double l1 = static_cast<double>(isa_.l1_bytes), l2 = static_cast<double>(isa_.l2_bytes);
    // What overflows L1 is read from L2 once per tile; a little more than L1 already evicts most of
    // itself.
    const double from_l2 = std::clamp((block - kL1Share * l1) / (0.4 * l1), 0.0, 1.0);
    work.l2_bytes += tiles * panel * used * from_l2;
    const double from_l3 = std::clamp((block - 0.6 * l2) / (0.4 * l2), 0.0, 1.0);
    work.l3_bytes += tiles * panel * used * from_l3;
    // The panel's first use in this task; consecutive tasks share weights that stay in L2.
    const double of_task = panel * static_cast<double>(schedule_.panels_per_task);
    const bool stays = of_task + input_bytes_ < 0.7 * l2 && schedule_.tasks(batch_) > threads_;
    if (!stays) work.l3_bytes += panel;
  }

  /// The task's input passes by once per panel and channel block.
  void add_input(Work& work) const {
    if (depthwise()) return;  // a panel has channels of its own
    const double l1 = static_cast<double>(isa_.l1_bytes), l2 = static_cast<double>(isa_.l2_bytes);
    const double block = input_bytes_ / static_cast<double>(blocks_);
    if (block > 0.5 * l1) work.l2_bytes += input_bytes_;
    if (input_bytes_ > 0.6 * l2) work.l3_bytes += input_bytes_;
  }

  /// What happens once per task: the input comes from memory or L3, and may be converted.
  void add_task(Work& work) const {
    const double whole =
        image_bytes_ * static_cast<double>(depthwise() ? batch_ : spec_.groups * batch_);
    double& source =
        whole > 0.5 * static_cast<double>(isa_.l3_bytes) ? work.memory_bytes : work.l3_bytes;
    source += input_bytes_;
    if (!schedule_.staged) return;
    const double elements = input_bytes_ / 4;
    work.cycles += elements * (spec_.x_layout == Layout::kNchw ? 0.8 : 0.3);
  }

  const ConvSpec& spec_;
  const CpuConfig& config_;
  const CpuIsa& isa_;
  int threads_;
  CpuSchedule schedule_;
  std::int64_t batch_, blocks_, images_ = 1;
  double live_r_ = 0, live_s_ = 0;  ///< valid taps of an output row and column, on average
  Sparsity sparsity_;               ///< of lists
  double image_bytes_ = 0;          ///< input of one image, as far as a task reads it
  double input_bytes_ = 0;          ///< input of one task
};

}  // namespace

double predict_cpu_us(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa,
                      int threads) {
  if (config.family == CpuFamily::kSparse) return predict_planar_us(spec, config, isa, threads);
  return Model(spec, config, isa, threads).microseconds();
}

}  // namespace convoke
