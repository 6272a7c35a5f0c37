// MIOpenDriver's command lines for convolutions: `conv -n 128 -c 64 -H 56 -W 56 -k 64 -y 3 -x 3 -p
// 1 -q 1 ...`, with MIOpen's names and defaults. Flags that say what is computed are honoured or
// refused; those that say how the driver runs (-t, -V, -i, ...) are accepted and mean nothing here;
// others are refused. The line always describes the forward problem, also for -F 2 and -F 4.
#pragma once

#include <string_view>
#include <vector>

#include "compiler/spec_text.h"

namespace convoke {

/// Whether these words start like a MIOpenDriver line (`MIOpenDriver`, `conv`, `convfp16`, ...).
bool is_miopen_line(const std::vector<std::string_view>& words);

/// -F 0, MIOpen's default of all three passes, reads as fprop: a list's user picks passes
/// elsewhere. Layouts default to NCHW. -b 1 is the epilogue `acc+bias[k]`. @throws Error kUsage
/// naming the flag.
Problem parse_miopen(const std::vector<std::string_view>& words);

}  // namespace convoke
