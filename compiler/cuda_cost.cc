#include "compiler/cuda_cost.h"

#include <algorithm>
#include <cmath>

#include "compiler/cuda_sparse.h"
#include "compiler/cuda_weights.h"
#include "compiler/emit_cuda.h"

namespace convoke {
namespace {

using cuda::ConvConfig;
using cuda::Family;

// Of an H200: an empty kernel takes 0.5..0.8 us in a graph, copies reach reads/4.2 + writes/3.4
// TB/s of its 4.8, and 9..14 TB/s come from L2, whose requests of neighbouring blocks it merges.
constexpr double kLaunchUs = 0.7, kSecondLaunchUs = 1.0, kClusterLaunchUs = 0.5;
constexpr double kReadShare = 0.875, kWriteShare = 0.71;  ///< of the memory's bandwidth
constexpr double kL2Bytes = 50;                           ///< per cycle and multiprocessor
constexpr double kL2ScatteredBytes = 36;                  ///< the same, of rows of many images
constexpr double kSharedBytes = 128;                      ///< the same, from shared memory
constexpr double kClusterBytes = 10;  ///< the same, from another block's shared memory
constexpr double kLaneCopies = 16;    ///< copies of single lanes that are issued in a cycle
// A block's life outside its loop, in cycles: addresses and the first loads; the last stores.
constexpr double kLoadLatency = 900, kEdgeLatency = kLoadLatency + 500 + 600;
constexpr double kClusterLatency = 700;  ///< two barriers of a cluster and remote loads
constexpr double kShortStep = 1.25;      ///< measured: 1.15 to 1.5 between bk=64 and bk=32 of f16
constexpr double kSyncCycles = 45;       ///< barrier and bookkeeping of one step of the ring
constexpr double kPairsRate = 1.6;       ///< of mma.sp over mma, a position of the reduction
constexpr double kMmaChain = 35;         ///< ldmatrix and mma of one k16 that wait for each other
constexpr double kUnhidden = 0.15;       ///< of the shorter of memory and everything else
constexpr double kUnderLoad = 0.88;      ///< of the highest clock
constexpr double kScatteredLoad = 16;    ///< cycles of a warp's load from 32 cache lines
constexpr double kScalarStep = 3;        ///< cycles of a warp's loop besides loads and arithmetic
constexpr double kScalarLatency = 60;    ///< cycles of a loop step that one warp cannot hide
constexpr int kSectorBytes = 32;         ///< the least that is read of memory
constexpr int kRegisters = 65536, kMaxRegisters = 255, kMaxResidentBlocks = 16;

/// Multiply-adds of one multiprocessor in a cycle. mma.sync reaches about 62 % of what wgmma does
/// on sm_90; the tensor cores of the smaller GPUs accumulate f32 at half rate.
double macs_per_cycle(const ConvConfig& c, const CudaDevice& d) {
  const bool small =
      d.capability == 86 || d.capability == 87 || d.capability == 89 || d.capability >= 120;
  // Measured: 0.7 of the FMA units' peak; one instruction in seven is no FMA.
  if (c.family == Family::kFma) return d.capability == 80 ? 48 : 94;
  const double half = d.capability >= 90 && !small ? 1270 : small ? 256 : 1024;
  const double dense = cuda::is_integer(c.x_type)      ? 2 * half
                       : c.x_type == cuda::Type::kTf32 ? half / 2
                                                       : half;
  return c.sparse == cuda::Sparse::kPairs ? kPairsRate * dense : dense;
}

double combine(double memory, double rest) {
  return std::max(memory, rest) + kUnhidden * std::min(memory, rest);
}

/// Most taps that are valid at one output position.
double most_taps(const ConvSpec& spec) {
  std::int64_t rows = 0, columns = 0;
  for (std::int64_t p = 0; p < spec.p; ++p) rows = std::max(rows, spec.valid_r(p).size());
  for (std::int64_t q = 0; q < spec.q; ++q) columns = std::max(columns, spec.valid_s(q).size());
  return static_cast<double>(rows * columns);
}

class GemmModel {
 public:
  GemmModel(const ConvSpec& spec, const ConvConfig& c, const CudaDevice& d, std::int64_t batch)
      : spec_(spec),
        c_(c),
        d_(d),
        batch_(batch),
        resident_(cuda_resident_blocks(cuda::threads(c),
                                       std::min((gemm_registers(c) + 7) / 8 * 8, kMaxRegisters),
                                       cuda::shared_bytes(c), d)) {
    const double channels = static_cast<double>(cuda::c_per_group(c)) * reduction_share(spec, c) /
                            c.block_k / c.split_k;
    double mean = static_cast<double>(cuda::span_r(c).size() * cuda::span_s(c).size());
    double most = mean;
    if (c.order == cuda::PixelOrder::kBatch) {  // a tile has the taps of its own position
      mean = spec.mean_valid_r() * spec.mean_valid_s();
      most = most_taps(spec);
    }
    steps_ = std::max(1.0, std::ceil(mean * channels * 4) / 4);
    most_steps_ = std::max(1.0, std::ceil(most * channels));
  }

  double us() const {
    const double cycles_per_us = d_.clock_ghz * kUnderLoad * 1e3;
    const auto blocks = static_cast<double>(cuda::gemm_blocks(c_, batch_));
    const double slots = static_cast<double>(d_.multiprocessors) * resident_;
    const double full = std::floor(blocks / slots);
    const double rest = blocks - full * slots;
    // While one block of a multiprocessor starts or stores, the others multiply.
    double cycles = full * (steps_ * step_cycles(resident_) + kEdgeLatency / resident_ +
                            resident_ * edge_cycles());
    if (rest > 0) {
      const double shared = std::ceil(rest / d_.multiprocessors);
      cycles += (full > 0 ? steps_ : most_steps_) * step_cycles(shared) + shared * edge_cycles();
    }
    cycles += kEdgeLatency;
    return kLaunchUs + combine(cuda_memory_us(spec_, c_, d_, batch_), cycles / cycles_per_us) +
           split_us(cycles_per_us);
  }

 private:
  /// Cycles in which each of `blocks` on a multiprocessor takes one step of block_k.
  double step_cycles(double blocks) const {
    const double m = c_.block_m, n = c_.block_n, k = c_.block_k, size = cuda::size_of(c_.x_type);
    const double warps = c_.warps_m * c_.warps_n;
    // Four schedulers: fewer warps, or a number that does not divide, leave units idle.
    const double busy = blocks * warps / (4 * std::ceil(blocks * warps / 4));
    // Rows of 64 bytes are two steps of an mma: too few to hide copies and barrier behind.
    const double exposed = c_.family == Family::kMma && k * size == 64 ? kShortStep : 1;
    const double math = exposed * m * n * k / (macs_per_cycle(c_, d_) * busy);
    const double weights = cuda::weight_row_bytes(c_);  // of a filter
    // A patch is copied once for all taps that are kept.
    const double rows =
        c_.patch == 1 ? static_cast<double>(cuda::patch_rows(c_)) / patch_taps() : m;
    const double tile = rows * k * size + n * weights;
    // Each warp reads its rows of both tiles; on the FMA units lanes share what they load.
    const double reads = warps * (warp_tile_m(c_) * k * size + warp_tile_n(c_) * weights) *
                         (c_.family == Family::kFma ? 2 : 1);
    const double shared = (tile + reads) / kSharedBytes;
    // In batch order neighbouring rows are images apart, and neighbouring blocks share little.
    const double l2 = tile / (c_.order == cuda::PixelOrder::kBatch ? kL2ScatteredBytes : kL2Bytes);
    const int copy = cuda::gemm_copy_bytes(c_);
    // Rows that are not aligned go through registers, an element at a time, and then to shared
    // memory.
    const double copies = copy == 0 ? tile / size + tile / 16 : tile / copy;
    const double throughput = blocks * std::max({math, shared, l2, copies / kLaneCopies});
    // One warp alone: it waits for its operands and multiplies on one of the four schedulers'
    // units.
    const double of_warp = warp_tile_m(c_) * warp_tile_n(c_) * (32 / size);
    const double chain =
        k * size / 32 * (kMmaChain + of_warp / (macs_per_cycle(c_, d_) / 4)) + kSyncCycles;
    const double latency = kLoadLatency / std::max(1, c_.stages - 1);
    const double slowest = std::max({throughput, chain, latency});
    return slowest + kUnhidden * (throughput + chain + latency - slowest);
  }

  /// Steps of the ring that a patch serves.
  double patch_taps() const {
    const auto taps = static_cast<double>(cuda::span_r(c_).size() * cuda::span_s(c_).size());
    return c_.per_input ? taps : std::max(1.0, taps * reduction_share(spec_, c_));
  }

  /// Cycles of shared memory and L2 that each block takes before and after its loop.
  double edge_cycles() const {
    const double outputs = static_cast<double>(c_.block_m) * c_.block_n;
    const double staged = outputs * (cuda::size_of(c_.y_type) + 8) / kSharedBytes;
    const double patch = c_.patch == 1 ? static_cast<double>(cuda::patch_rows(c_)) * c_.block_k *
                                             cuda::size_of(c_.x_type)
                                       : 0;
    const double first = (static_cast<double>(cuda::tile_bytes(c_)) + patch) / kL2Bytes;
    const bool clustered = c_.split_k > 1 && c_.split_by == cuda::SplitBy::kCluster;
    return staged + first + (clustered ? kClusterLatency + outputs * 4 / kClusterBytes : 0);
  }

  /// Besides what a block does.
  double split_us(double cycles_per_us) const {
    if (c_.split_k == 1) return 0;
    if (c_.split_by == cuda::SplitBy::kCluster) return kClusterLaunchUs;
    const double bytes = 2.0 * static_cast<double>(cuda::workspace_bytes(c_, batch_));
    const double per_us = kL2Bytes / 2 * d_.multiprocessors * cycles_per_us;
    return kSecondLaunchUs + kEdgeLatency / cycles_per_us + bytes / per_us;
  }

  const ConvSpec& spec_;
  const ConvConfig& c_;
  const CudaDevice& d_;
  std::int64_t batch_;
  int resident_;
  double steps_ = 0, most_steps_ = 0;  ///< of block_k: of a mean tile, of the longest
};

/// The families without shared memory, from the instructions of a thread and how many warps there
/// are to hide their latency.
double scalar_us(const ConvSpec& spec, const ConvConfig& c, const CudaDevice& d,
                 std::int64_t batch) {
  const double m = c.block_m, n = c.block_n, size = cuda::size_of(c.x_type);
  // 2-byte elements are widened first; four bytes are multiplied at once, but by `direct` not of
  // one channel alone.
  const bool depthwise = c.family == Family::kDepthwise;
  const double bytes = depthwise ? 1 : c.block_k >= 4 ? 0.5 : 3;
  const double convert = size == 2 ? 1.5 : size == 1 ? bytes : 1;
  const double taps = spec.mean_valid_r() * spec.mean_valid_s();
  double items = 0, loads = 0, steps = 0, macs = 0;  // of a thread, loads in cycles of a warp
  if (depthwise) {
    items = static_cast<double>(cuda::depthwise_items(c) * batch);
    steps = c.block_k * spec.mean_valid_r();
    loads = static_cast<double>(cuda::depthwise_input_words(c));
    // Neighbouring threads' filters lie far apart.
    if (!cuda::depthwise_keeps_filters(c)) loads += n * static_cast<double>(c.s) * kScatteredLoad;
    macs = static_cast<double>(cuda::depthwise_row_fmas(c));
  } else {
    items = static_cast<double>(cuda::direct_items(c) * batch);
    steps = taps * static_cast<double>(spec.c_per_group()) / c.block_k;
    // Neighbouring threads share their pixels (nhwc), while their filters lie far apart.
    const bool nhwc = c.y_layout == cuda::Layout::kNhwc && spec.k_per_group() > 1;
    const double sectors = std::max(1.0, c.block_k * size / 4);
    loads = nhwc ? m * sectors + n * kScatteredLoad : m * sectors + n;
    macs = m * n * c.block_k;
  }
  const double step = std::max(loads, macs / 4 * convert) + kScalarStep;
  const double warps = std::ceil(items / 32 / d.multiprocessors);  // of a multiprocessor
  const double cycles = steps * std::max(warps * step, kScalarLatency);
  return kLaunchUs + combine(cuda_memory_us(spec, c, d, batch),
                             (cycles + kLoadLatency) / (d.clock_ghz * kUnderLoad * 1e3));
}

}  // namespace

double cuda_memory_us(const ConvSpec& spec, const ConvConfig& c, const CudaDevice& d,
                      std::int64_t batch) {
  // Rows and columns between the strides of a small filter are never read.
  const double rows =
      std::min(1.0, static_cast<double>(spec.p * spec.r) / static_cast<double>(spec.h));
  const double columns =
      spec.c_per_group() * size_of(spec.x_type) < 64  // they share their sectors with others
          ? 1.0
          : std::min(1.0, static_cast<double>(spec.q * spec.s) / static_cast<double>(spec.w));
  // Of pruned input channels whole sectors are left out.
  const double read = c.sparse != cuda::Sparse::kLists || !c.per_input  ? 1
                      : c.unit_c * size_of(spec.x_type) >= kSectorBytes ? reduction_share(spec, c)
                                                                        : 1;
  const double x =
      static_cast<double>(spec.x_elements(batch)) * size_of(spec.x_type) * rows * columns * read;
  const auto w =
      static_cast<double>(cuda::reads_packed_weights(c) ? cuda::packed_bytes(c)
                                                        : spec.w_elements() * size_of(spec.w_type));
  const auto outputs = static_cast<double>(spec.y_elements(batch));
  double tensors = 0;  // bytes that the epilogue reads for an output
  for (int i = 0; i < c.operands; ++i)
    if ((c.per_channel_operands >> i & 1) == 0) tensors += cuda::size_of(cuda::operand_type(c, i));
  const double per_us = d.memory_gb_s * 1e3;
  return (x + w + outputs * tensors) / (per_us * kReadShare) +
         outputs * size_of(spec.y_type) / (per_us * kWriteShare);
}

int cuda_resident_threads(const CudaDevice& d) {
  if (d.capability == 75) return 1024;
  return d.capability == 86 || d.capability == 89 || d.capability >= 120 ? 1536 : 2048;
}

int gemm_registers(const ConvConfig& c) {
  const int tm = warp_tile_m(c), tn = warp_tile_n(c);
  const int rows_a = c.patch == 1 ? tm / 16 : cuda::gemm_thread_rows(c, c.block_m);
  const int rows_b = cuda::gemm_thread_rows(c, c.block_n);
  const int accumulators = tm * tn / 32;
  // Fitted to ptxas 13.0, which keeps few of the filters of both halves at once.
  if (c.sparse == cuda::Sparse::kPairs) return accumulators + tn / 4 + 5 * rows_a + 60;
  const int fragments = c.family == Family::kFma
                            ? 4 * (tm / cuda::kFmaLanesM + tn / cuda::kFmaLanesN)
                            : (tm + tn) / 4;
  // A gather holds the chunks that it fetched and the addresses of those under way; as ptxas 13.0
  // has it, more so where neighbouring elements lie apart.
  const bool bytes = cuda::size_of(c.x_type) == 1;  // sixteen loads of a chunk, not eight
  const int chunk = c.x_layout == cuda::Layout::kNchw ? (bytes ? 18 : 11) : bytes ? 12 : 8;
  const int loads = cuda::gemm_copy_bytes(c) > 0 ? 3 * (rows_a + rows_b)
                                                 : chunk * (rows_a + rows_b) + 2 * rows_a + 48;
  return accumulators + fragments + loads + 40;
}

int cuda_resident_blocks(int threads, int registers, std::int64_t shared_bytes,
                         const CudaDevice& d) {
  const auto by_shared = static_cast<int>(d.shared_bytes_sm / (shared_bytes + 1024));
  const int by_threads = cuda_resident_threads(d) / threads;
  const int by_registers = kRegisters / (registers * threads);
  return std::max(1, std::min({by_shared, by_threads, by_registers, kMaxResidentBlocks}));
}

double predict_cuda_us(const ConvSpec& spec, const CudaConfig& config, const CudaDevice& device) {
  const ConvConfig c = make_conv_config(spec, config);
  const std::int64_t batch = spec.open_batch() ? kCudaOpenBatchImages : spec.n;
  if (c.family == Family::kSparse) return predict_cuda_sparse_us(spec, c, device, batch);
  if (cuda::is_gemm(c.family)) return GemmModel(spec, c, device, batch).us();
  return scalar_us(spec, c, device, batch);
}

}  // namespace convoke
