// The cost model of the sparse family: staging, shared memory, issue slots and latencies of a
// block's chunks, on the blocks that a multiprocessor holds. Counted from the instructions; not
// measured yet.
#include <algorithm>
#include <cmath>

#include "compiler/cuda_cost.h"
#include "compiler/cuda_weights.h"
#include "compiler/sparsity_units.h"

namespace convoke {
namespace {

constexpr double kLaunchUs = 0.7, kUnderLoad = 0.88;
constexpr double kL2Bytes = 36;           ///< per cycle and multiprocessor
constexpr double kFetchBytes = 32;        ///< of instructions that are run once, the same
constexpr double kStageLatency = 900;     ///< of a batch of loads from memory and the barriers
constexpr double kPairLatency = 90;       ///< two entries: load them, load pixels, multiply
constexpr double kListLatency = 60;       ///< where a list begins
constexpr double kEdge = 1500;            ///< of a block: first addresses, the last stores
constexpr double kLoadInstructions = 28;  ///< of a staged load, besides those of each channel
constexpr int kLoadsAtOnce = 4;

/// Of a block and a mean chunk, in cycles: what it takes of the multiprocessor's units, and how
/// long it takes alone.
struct ChunkCycles {
  double units = 0, alone = 0;
};

ChunkCycles staging(const cuda::ConvConfig& c) {
  const cuda::StagedAxis rows = cuda::staged_rows(c), columns = cuda::staged_columns(c);
  const double positions = static_cast<double>(rows.slots * rows.length) *
                           static_cast<double>(columns.slots * columns.length) *
                           cuda::tile_images(c);
  const int load = cuda::staged_load(c);
  const double items = positions * c.block_k / load;
  const double issue = items * (kLoadInstructions + 3 * load) / 128;
  const double l2 = positions * c.block_k * cuda::size_of(c.x_type) / kL2Bytes;
  const double batches = std::ceil(items / cuda::sparse_threads(c) / kLoadsAtOnce);
  return {std::max(issue, l2), batches * kStageLatency + issue};
}

ChunkCycles multiplying(const cuda::ConvConfig& c, double keep) {
  const auto tiles = static_cast<double>(cuda::sparse_tiles_n(c));
  const double filters = static_cast<double>(cuda::k_per_group(c)) / tiles;
  const double positions = static_cast<double>(cuda::span_r(c).size() * cuda::span_s(c).size()) *
                           static_cast<double>(cuda::c_per_group(c)) /
                           static_cast<double>(cuda::sparse_chunks(c));
  const double entries = keep * positions * filters, pixels = cuda::thread_pixels(c);
  const double rows = c.warps_m;
  if (c.sparse == cuda::Sparse::kWeights) {
    const double shared = entries * rows * (pixels + 0.5);
    const double issue = entries * rows * (2 * pixels + 4) / 4;
    const double alone = entries / c.warps_n / 2 * (kPairLatency + 2 * pixels) +
                         cuda::thread_filters(c) * kListLatency;
    return {std::max(shared, issue), alone};
  }
  const double loads = positions * (1 - std::pow(1 - keep, filters));
  const double instructions = (loads + entries) * pixels + entries / 4;
  const double shared = rows * (loads * pixels + entries / 4);
  const double fetch = instructions * 16 / kFetchBytes;
  return {std::max(shared, rows * instructions / 4), std::max(fetch, instructions * 2) + 100};
}

}  // namespace

double predict_cuda_sparse_us(const ConvSpec& spec, const cuda::ConvConfig& c, const CudaDevice& d,
                              std::int64_t batch) {
  const ChunkCycles stage = staging(c), multiply = multiplying(c, kept_share(spec));
  const int registers = std::min(
      128, 48 + cuda::thread_filters(c) * cuda::thread_pixels(c) + 2 * cuda::thread_pixels(c));
  const double resident =
      cuda_resident_blocks(cuda::threads(c), registers, cuda::shared_bytes(c), d);
  const auto chunks = static_cast<double>(cuda::sparse_chunks(c));
  const auto outputs = static_cast<double>(c.block_m) * c.block_n;
  const auto round = [&](double blocks) {  // so many at once on a multiprocessor
    return std::max(blocks * (chunks * (stage.units + multiply.units) + outputs / 8),
                    chunks * (stage.alone + multiply.alone) + kEdge);
  };
  const auto blocks = static_cast<double>(cuda::sparse_blocks(c, batch));
  const double slots = static_cast<double>(d.multiprocessors) * resident;
  const double full = std::floor(blocks / slots), rest = blocks - full * slots;
  double cycles = full * round(resident);
  if (rest > 0) cycles += round(std::ceil(rest / d.multiprocessors));
  const double memory = cuda_memory_us(spec, c, d, batch);
  return kLaunchUs + std::max(memory, cycles / (d.clock_ghz * kUnderLoad * 1e3));
}

}  // namespace convoke
