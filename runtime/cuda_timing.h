// Timing on a GPU: launches are captured into one graph, which is replayed and timed with events.
// Replay takes the host out of the measurement: a launch costs more host time than a small kernel
// runs.
#pragma once

#include <memory>
#include <vector>

#include "runtime/cuda_context.h"
#include "runtime/target.h"

namespace convoke {

/// Runs each of the launches (one at least) twice, then captures them, in turn, as often as fills a
/// graph of some length.
/// @throws Error kDevice; an exception of a launch passes through.
std::unique_ptr<TimedCall> prepare_cuda_timing(std::shared_ptr<const CudaContext> context,
                                               std::vector<TimedLaunch> launches);

}  // namespace convoke
