// How fast a convolution could be on this processor at best: for `fraction_of_limit`, so every
// estimate errs towards the faster machine. Arithmetic counts each thread as a core with two vector
// units; memory is measured.
#pragma once

#include "compiler/cpu_isa.h"
#include "convoke/conv_spec.h"
#include "convoke/convoke.hpp"

namespace convoke {

/// Peak of `threads` cores in 10^9 multiplications and additions a second, for operands of `type`.
double cpu_peak_gflops(const CpuIsa& isa, double ghz, int threads, DataType type);

/// Multiply-adds that a launch cannot do without: of kept weights with valid input.
double compulsory_macs(const ConvSpec& spec, std::int64_t batch);

/// Bytes that a launch must at least read or write, each once: x (only what some tap touches, and
/// of the channels those that an input pattern keeps), kept weights, y and the operands of the
/// epilogue.
double compulsory_bytes(const ConvSpec& spec, std::int64_t batch);

/// Read bandwidth of the memory with all of the executor's workers, GB/s: the best of a few passes
/// over a buffer of 64 MiB. Where a last-level cache holds that buffer it is the cache's, which is
/// faster still. About 30 ms.
double measure_read_gb_s(Executor& executor);

/// Lower bound of one launch in microseconds; bytes are free where all tensors together fit into
/// the last-level cache.
double cpu_limit_us(const ConvSpec& spec, const CpuIsa& isa, double ghz, int threads, double gb_s);

}  // namespace convoke
