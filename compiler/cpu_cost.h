// A model of the time of a CPU kernel from spec, config and processor: arithmetic in the register
// tile, the weights and input rows that stream through the caches, what is done once per tile, and
// how evenly the tasks fall to the threads. It is there to rank configurations before anything is
// compiled: only the order of its values means something. Pure arithmetic; the constants are those
// of current x86 cores (two FMA and two load ports).
#pragma once

#include "compiler/cpu_isa.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"

namespace convoke {

/// Microseconds of one launch at spec.n images (two if the batch is open) on `threads` cores.
/// @pre why_illegal(spec, {config}, isa) is empty; threads >= 1.
double predict_cpu_us(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa,
                      int threads);

/// The same for CpuFamily::kSparse.
double predict_planar_us(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa,
                         int threads);

}  // namespace convoke
