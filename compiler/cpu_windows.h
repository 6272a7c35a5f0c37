// The lists of kWindows: single kept weights for a GEMM whose lanes are filters. An entry is a
// window of few consecutive inputs; every lane picks the one that its next kept weight multiplies
// (a permutation in a register), so that a step costs one multiply-add however many of the panel's
// filters keep something in the window. Lanes without one multiply by zero. At a tenth of the
// weights a fifth of the steps is left, at 2:4 half of them.
#pragma once

#include <cstdint>

#include "compiler/cpu_schedule.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"
#include "convoke/sparsity_pattern.h"

namespace convoke {

/// Inputs that follow each other in memory at every output, as a filter's weights do: those of a
/// tap, of a row of taps, or of all. A window lies within a run.
struct WindowRuns {
  std::int64_t taps = 1;    ///< of a run
  std::int64_t length = 0;  ///< inputs of a run
};
WindowRuns window_runs(const ConvSpec& spec, const CpuSchedule& schedule);

/// Bits of a pick: the lane's input within the window. Picks of a vector are a word of `lanes`
/// picks; lane i's stands at bit 4 * (i / d) of 32-bit word i % d of its d = lanes / 8.
inline constexpr int kPickBits = 4;

/// Room for the lists and their weights, whatever the signature's pattern.
void size_windows(const ConvSpec& spec, CpuSchedule& schedule);

/// Writes the tables `bases` to `active`. @throws Error kUsage: more is kept than the signature
/// says.
void write_windows(const ConvSpec& spec, const CpuSchedule& schedule,
                   const SparsityPattern& pattern, void* tables);

}  // namespace convoke
