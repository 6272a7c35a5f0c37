// Text forms of a problem. The canonical one is benchdnn's descriptor followed by `key=value`
// words:
//   g1mb128ic64ih56oc64oh56kh3ph1nres2 pass=fprop dtype=f16 layout=nhwc epilogue=relu(acc)
// MIOpenDriver lines (`conv -n 128 -c 64 ...`) are read too. print_spec(parse(text)) is canonical
// and parses to the same spec. Pure functions: no file is read here but in read_problem_list.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "convoke/conv_spec.h"
#include "convoke/error.h"

namespace convoke {

/// A problem with what a list says about it.
struct Problem {
  ConvSpec spec;
  std::string name;        ///< after `n` in the descriptor; may be empty
  std::int64_t count = 1;  ///< how often the network runs it (trailing `*3` of the name)
  int line = 0;            ///< line in the list, 0 if it came from elsewhere
};

/// Parses one line in any accepted form and validates it.
/// @throws Error kUsage (malformed; names the word) or what ConvSpec::validate throws.
Problem parse_problem(std::string_view text);

/// `spec` with the key=value words of `words` (separated by blanks) in place of what it says, the
/// rest as it was: "dtype=f16 batch=128". Another sparsity takes the pattern away. @throws as
/// parse_problem.
ConvSpec override_spec(const ConvSpec& spec, std::string_view words);

/// Canonical text of the spec alone: descriptor + the words that differ from their defaults
/// (pass=fprop, dtype=f32, layout=nhwc). The descriptor holds nothing that follows from the rest of
/// it, but always says mb, whose default of 2 surprises readers. Types print as dtype=T when they
/// follow from one word, else as x=T w=T y=T; layouts likewise as layout=L or xlayout=L ylayout=L.
/// A word's value never holds a space. Every field of the spec that can change the code is in it.
std::string print_spec(const ConvSpec& spec);
/// The same with name and count.
std::string print_problem(const Problem& problem);

/// The types that `--dtype T` and `dtype=T` stand for, set in `spec`: x, w and y all T, but y is
/// f32 for tf32, f16 for e4m3.
void set_data_type(ConvSpec& spec, DataType type);

/// Reads a problem list: one problem a line, `#` starts a comment, blank lines are skipped.
/// @throws Error kUsage with "FILE:LINE: reason"; also if the file cannot be read or holds none.
std::vector<Problem> read_problem_list(const std::string& path);

}  // namespace convoke
