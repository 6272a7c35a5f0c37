// The register tiles of the GEMM family and the rules and search space that follow from them. The
// space is what the tuner walks; the rules bound code size, so that no legal config takes long to
// compile.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "compiler/cpu_isa.h"
#include "compiler/cpu_schedule.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"

namespace convoke {

/// Consecutive tiles along q with one size and one set of valid taps: one piece of code.
struct TileRun {
  std::int64_t q = 0;                ///< first output column
  std::int64_t count = 0;            ///< tiles
  std::int64_t size = 0;             ///< pixels of each
  std::vector<std::uint64_t> valid;  ///< [packed s] bit i: tap s is inside the image for pixel i
  bool interior = false;             ///< every tap valid for every pixel

  /// The taps that are valid for a pixel, from the first packed one.
  Range columns(std::int64_t pixel) const;
};

/// Runs of border tiles; more would be code for a handful of pixels each, and `direct` does those.
inline constexpr std::size_t kMaxTileRuns = 24;

/// Most columns of a filter whose valid pixels are constants of the code.
inline constexpr std::int64_t kMaxColumnTaps = 64;

/// The output columns (rows) at which every packed tap falls inside the image: one run, maybe
/// empty.
Range interior_columns(const ConvSpec& spec);
Range interior_rows(const ConvSpec& spec);

/// Runs of tiles of at most mr pixels that cover `length` pixels of a row (the row itself unless
/// the schedule is flat). Stops after kMaxTileRuns + 1 runs.
std::vector<TileRun> make_tile_runs(const ConvSpec& spec, std::int64_t length, int mr, bool flat);

/// Why images cannot be walked side by side as axis=n does, or empty; gemm's and amx's rule.
std::string why_illegal_batch(const ConvSpec& spec, const CpuConfig& config);
std::string why_illegal_gemm(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa);
std::string why_illegal_direct(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa);

using AddConfig = std::function<void(const CpuConfig&)>;
void enumerate_gemm(const ConvSpec& spec, const CpuIsa& isa, int threads, const AddConfig& add);
void enumerate_direct(const ConvSpec& spec, const CpuIsa& isa, int threads, const AddConfig& add);

}  // namespace convoke
