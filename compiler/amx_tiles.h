// AMX tile shapes: how the eight tile registers are shared out and which configurations are legal.
//   accumulators  [pixel tile][vector of 16 filters]   first registers
//   pixels        one register a pixel tile            next
//   weights       what is left, used in turn
// The shapes of a register depend on the number of pixels, so the kernel holds a table of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/cpu_isa.h"
#include "compiler/gemm_tiles.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"

namespace convoke {

inline constexpr int kAmxRows = 16;  ///< rows of a tile register
inline constexpr int kAmxRegisters = 8;
inline constexpr int kAmxTileBytes = 1024;

/// Products of one tile multiplication: what a tile register's row of 64 bytes holds, or the
/// largest part of that which divides the sum.
struct AmxDepth {
  std::int64_t channels = 0;  ///< of a tap: C/g, or what staging pads it to
  std::int64_t tap = 0;       ///< of them in one multiplication
  /// Elements of all taps of a filter row in one, where those follow each other in the image and
  /// that takes fewer multiplications; else 0.
  std::int64_t row = 0;
};
AmxDepth amx_depth(const CpuSchedule& schedule);

/// Pixels of each pixel tile, and the first pixel of each, when a register tile holds `pixels` of
/// at most tiles * 16. A tile that would be empty repeats the last pixel; its result is not read.
struct AmxSplit {
  std::vector<int> size, first;
};
AmxSplit amx_split(int pixels, int tiles);

std::string why_illegal_amx(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa);
void enumerate_amx(const ConvSpec& spec, const CpuIsa& isa, int threads, const AddConfig& add);

}  // namespace convoke
