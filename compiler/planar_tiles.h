// Rules, search space and shape of the sparse family: lanes are pixels of a row, each filter has a
// list of its kept weights, and the input of a task waits in scratch as planes with zeros around
// them, so that every tap of a row of pixels is one run of floats (of one phase, if the stride is
// not 1). A weight then costs one broadcast and one multiply-add a vector of pixels, whatever its
// neighbours are: what unstructured sparsity needs.
#pragma once

#include <cstdint>
#include <string>

#include "compiler/cpu_isa.h"
#include "compiler/cpu_schedule.h"
#include "compiler/gemm_tiles.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"

namespace convoke {

PlanarShape make_planar_shape(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa);

CpuSchedule make_planar_schedule(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa);

std::string why_illegal_planar(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa);
void enumerate_planar(const ConvSpec& spec, const CpuIsa& isa, int threads, const AddConfig& add);

}  // namespace convoke
