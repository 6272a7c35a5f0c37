#include "runtime/cpu_limits.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <vector>

#include "compiler/epilogue.h"
#include "compiler/sparsity.h"
#include "compiler/sparsity_units.h"

namespace convoke {
namespace {

/// Rows (or columns) of the input that some output reads, at most.
double touched(std::int64_t input, std::int64_t outputs, const Range& taps) {
  return static_cast<double>(std::min(input, outputs * taps.size()));
}

struct Sweep {
  const std::uint64_t* words;
  std::int64_t words_per_task;
  std::atomic<std::uint64_t> sum{0};
};

void read_range(void* context, std::int64_t begin, std::int64_t end, int) {
  auto* sweep = static_cast<Sweep*>(context);
  // Four sums: one chain of additions would be slower than the memory.
  std::uint64_t sum[4] = {};
  const std::uint64_t* last = sweep->words + end * sweep->words_per_task;
  for (const std::uint64_t* word = sweep->words + begin * sweep->words_per_task; word < last;
       word += 4)
    for (int i = 0; i < 4; ++i) sum[i] += word[i];
  sweep->sum.fetch_add(sum[0] + sum[1] + sum[2] + sum[3], std::memory_order_relaxed);
}

}  // namespace

double cpu_peak_gflops(const CpuIsa& isa, double ghz, int threads, DataType type) {
  // Two vector units, each a fused multiply-add a cycle; without those, one multiplies and one
  // adds.
  double per_cycle = isa.has_fma() ? 2.0 * 2 * isa.lanes() : 2.0 * isa.lanes();
  if (type == DataType::kBf16 && isa.has_bf16_dot()) per_cycle *= 2;
  // Fours of bytes are multiplied and added to the sum by one instruction; without VNNI pairs of
  // s16 by two, of which the second has units beside.
  if (is_integer(type)) per_cycle *= isa.has_vnni() ? 4 : isa.has_fma() ? 2 : 1;
  if (is_integer(type) && isa.has_amx()) per_cycle = 2048;  // TDPBSSD: 16 x 16 x 64
  if (type == DataType::kBf16 && isa.has_amx())
    per_cycle = 1024;  // TDPBF16PS: 16 x 16 x 32 every 16 cycles
  return per_cycle * ghz * threads;
}

double compulsory_macs(const ConvSpec& spec, std::int64_t batch) {
  return spec.macs(batch) * kept_share(spec);
}

double compulsory_bytes(const ConvSpec& spec, std::int64_t batch) {
  const double kept = kept_share(spec);
  const bool input = Sparsity::parse(spec.sparsity).kind == SparsityKind::kInput;
  const double x = static_cast<double>(batch * spec.c) * touched(spec.h, spec.p, spec.live_r()) *
                   touched(spec.w, spec.q, spec.live_s()) * size_of(spec.x_type) *
                   (input ? kept : 1);
  const double w = static_cast<double>(spec.k * spec.c_per_group()) *
                   static_cast<double>(spec.live_r().size()) *
                   static_cast<double>(spec.live_s().size()) * size_of(spec.w_type) * kept;
  const double y = static_cast<double>(spec.y_elements(batch)) * size_of(spec.y_type);
  const Epilogue epilogue = Epilogue::parse(spec.epilogue);
  double operands = 0;
  for (const EpilogueOperand& operand : epilogue.operands())
    operands += static_cast<double>(operand.elements(spec, batch)) *
                size_of(operand.element_type(spec.y_type));
  return x + w + y + operands;
}

double measure_read_gb_s(Executor& executor) {
  constexpr std::int64_t kTasks = 256, kWordsPerTask = (std::int64_t{64} << 20) / 8 / kTasks;
  const std::vector<std::uint64_t> buffer(kTasks * kWordsPerTask, 1);
  double best = 0;
  for (int pass = 0; pass < 3; ++pass) {
    Sweep sweep{buffer.data(), kWordsPerTask, {}};
    const auto start = std::chrono::steady_clock::now();
    executor.parallel_for(kTasks, read_range, &sweep);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    // Using the sum keeps the reads: it is the number of words.
    best = std::max(best, static_cast<double>(sweep.sum.load()) * 8 / seconds.count() / 1e9);
  }
  return best;
}

double cpu_limit_us(const ConvSpec& spec, const CpuIsa& isa, double ghz, int threads, double gb_s) {
  const std::int64_t batch = spec.open_batch() ? 1 : spec.n;
  const double arithmetic =
      2 * compulsory_macs(spec, batch) / cpu_peak_gflops(isa, ghz, threads, spec.x_type) / 1e3;
  const double bytes = compulsory_bytes(spec, batch);
  const double memory = bytes > static_cast<double>(isa.l3_bytes) ? bytes / gb_s / 1e3 : 0;
  return std::max(arithmetic, memory);
}

}  // namespace convoke
