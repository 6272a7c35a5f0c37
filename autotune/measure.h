// Times calls against each other on a machine that is not quiet: they take turns, each turn is long
// enough for the clock, and the answer is a median with its interquartile range, which a few
// disturbed turns do not move. What runs is timed as it is: random data, touched pages and whether
// caches are warm or rotated past are the callers' business, the clock is the device's (TimedCall).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/target.h"

namespace convoke {

struct Timing {
  double median_us = 0;  ///< of one call, as it is ranked: nothing of it in the last cache where
                         ///< the target rotates past one (Target::cache_bytes), else warm
  double spread_us = 0;    ///< interquartile range of the turns
  std::int64_t n = 0;      ///< timed calls
  double warm_us = 0;      ///< median over one set of buffers; 0: not measured
  int clock_mhz = 0;       ///< when the measurement ended; 0: unknown
  std::string throttle{};  ///< why the clocks were held down, or empty: see DeviceState
};

/// Rounds visit all calls in turn until about `seconds_each` per call has passed, `min_rounds` at
/// least. Each call runs once untimed first; a turn of a short call repeats it for about 0.2 ms.
/// Exceptions of a call pass through.
/// `settle_seconds`: calls that bring threads of their own disturb each other, as idle workers keep
/// spinning (libgomp's for about 4 ms). With a pause, each turn begins with this sleep and one
/// untimed call, and lasts at least as long.
std::vector<Timing> measure_interleaved(const std::vector<TimedCall*>& calls, double seconds_each,
                                        int min_rounds = 5, double settle_seconds = 0);

/// Quantile of samples (0.5: the median), interpolated between neighbours. @pre not empty
double quantile(std::vector<double> values, double fraction);

}  // namespace convoke
