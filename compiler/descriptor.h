// benchdnn's problem descriptor, `g1mb128ic64ih56oc64oh56kh3ph1nres2*3`, read as oneDNN's benchdnn
// reads it: entries in any order (a repeated one replaces the first), `_` separates and means
// nothing, a size of 0 is a size not given, `mb` defaults to 2, w follows h only if no w entry is
// given, a missing output size or padding is deduced, everything after `n` is the name. Beyond
// benchdnn, `mb?` leaves the batch open. Stricter: an entry without a number is refused.
#pragma once

#include <string>
#include <string_view>

#include "compiler/spec_text.h"

namespace convoke {

/// Fills the dimensions, name and count of `problem` from one word; validates nothing that
/// ConvSpec::validate checks. @throws Error kUsage naming the entry.
void parse_descriptor(std::string_view word, Problem& problem);

/// The shortest descriptor of `spec` that reads back: only mb, ic, ih, oc, kh are always there.
std::string print_descriptor(const ConvSpec& spec);

/// Name and count as they stand after `n`; empty if there is nothing to say.
std::string print_name(const std::string& name, std::int64_t count);

/// The output size that benchdnn deduces: (in - extent + 2*pad) / stride + 1, truncated towards
/// zero, where `dilation` is one-based. @throws Error kUsage if it is not positive.
std::int64_t deduce_output(char axis, std::int64_t in, std::int64_t taps, std::int64_t stride,
                           std::int64_t dilation, std::int64_t pad);

}  // namespace convoke
