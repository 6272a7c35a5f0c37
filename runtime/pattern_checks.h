// What must hold between a spec and its pattern before anything is built or packed: a sparse spec
// has one as constants, or is bound and gets one with each launch. Plans, the verifier and the
// tuner ask here, so that all refuse with the same sentence.
#pragma once

#include "convoke/conv_spec.h"
#include "convoke/sparsity_pattern.h"

namespace convoke {

/// Whether the spec's pattern is an operand. @throws Error kUsage where it is neither that nor a
/// constant that belongs to the spec.
bool takes_pattern(const ConvSpec& spec);

/// A bound kernel's tables have room for the units of its signature, no more and no fewer; of nm
/// any pattern of the kind suits it. @throws Error kUsage
void check_bound_pattern(const ConvSpec& spec, const SparsityPattern& pattern);

}  // namespace convoke
