// What a sparsity pattern becomes for a CPU kernel: tables that say which filters, or which
// (tap, channel) steps, are computed. A baked kernel holds them as constants, a bound one reads
// them from CpuKernelArgs::pattern: the layout is the same, and depends on the spec's signature and
// the configuration alone. The launcher packs weights by them, so that pruned ones are never read.
#pragma once

#include <cstdint>

#include "compiler/cpu_isa.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"
#include "convoke/sparsity_pattern.h"

namespace convoke {

struct CpuSchedule;

/// How a kernel uses the pattern.
///  kDense     the spec has none
///  kMasked    the dense kernel; packing writes zeros for pruned weights
///  kChannels  gemm on the kept filters alone; sums are spread to their channels per task
///  kLists     gemm whose reduction walks a list of kept (tap, channel) steps per panel
///  kWindows   gemm whose reduction walks a list of windows per panel (cpu_windows.h)
///  kPlanar    the sparse family: a list of kept weights per filter
enum class SparseForm { kDense, kMasked, kChannels, kLists, kWindows, kPlanar };

/// Where each table begins, in bytes from the first, aligned to 64. A form that does not use a
/// table has none of it. g, k and c are as in sparsity_pattern.h; K' is the room for filters of a
/// group.
struct SparseTables {
  SparseForm form = SparseForm::kDense;
  std::int64_t bytes = 0;
  std::int64_t entries = 0;  ///< room of the lists
  std::int64_t window = 0;   ///< kWindows: inputs of an entry
  /// u64 each: bit u % 64 of word u / 64 is kept unit u. All forms but kDense.
  std::int64_t bits = 0;
  /// kChannels: i32 [g][Kg + 1], kept filters before filter k.
  std::int64_t prefix = 0;
  /// kChannels: i32 [g][K'], the filter that is the i-th kept one, or -1.
  std::int64_t filters = 0;
  /// kChannels: i32 [g][filter_blocks + 1], first channel of y that a block of panels writes.
  std::int64_t starts = 0;
  /// kLists, kWindows: i64 [g][panel], byte offset of packed weights from that of the list's entry
  /// 0, less what stands before its first entry: those of entry j are at bases + j * bytes of a
  /// row.
  std::int64_t bases = 0;
  /// kLists, kWindows: i32 [g][panel][block][r][s] and one more, the list's entries by channel
  /// block and packed tap. kPlanar: i32 [g][block][k] and one more at the end of all.
  std::int64_t begins = 0;
  /// kWindows: a word of picks for each vector of packed weights, in their order.
  std::int64_t picks = 0;
  /// i32 [entries]: bytes from the input of tap (0, 0), channel 0 to that of the entry.
  std::int64_t offsets = 0;
  /// i32 [entries]: (r * S + s) * Cg + c, for packing.
  std::int64_t sources = 0;
  /// kWindows: u16 for each vector of packed weights, for packing: bit i: lane i has a weight.
  std::int64_t active = 0;
};

/// What `config` makes of the spec's sparsity; legality is why_illegal's.
SparseForm sparse_form(const ConvSpec& spec, const CpuConfig& config);

/// Filters of a group that are packed: all, or with kChannels those that the signature keeps.
std::int64_t packed_filters(const ConvSpec& spec, const CpuConfig& config);

/// Most weights that a pattern of the spec's signature keeps.
std::int64_t most_kept_weights(const ConvSpec& spec);

/// Adds the tables, and the room for packed weights that they may ask for, to a schedule that is
/// else complete.
void add_sparse_tables(const ConvSpec& spec, const CpuConfig& config, CpuSchedule& schedule);

/// Bytes of a channel, and of a pixel, of the input as gemm reads it.
std::int64_t gemm_x_size(const CpuSchedule& schedule);
std::int64_t gemm_pixel_bytes(const ConvSpec& spec, const CpuSchedule& schedule);

/// Writes all `schedule.sparse.bytes` of `tables`, aligned to 16.
/// @throws Error kUsage if the pattern is not one for the spec, or keeps more than its signature
/// says.
void write_sparse_tables(const ConvSpec& spec, const CpuSchedule& schedule,
                         const SparsityPattern& pattern, void* tables);

}  // namespace convoke
