// What the library's small file formats share: cutting text into lines, showing damaged text in a
// message, reading a whole file and writing one beside its place.
#pragma once

#include <string>
#include <string_view>

namespace convoke {

/// Cuts off the text up to `end`, and `end` itself.
std::string_view take(std::string_view& rest, char end);

/// What a message may show of a line that is not what it should be: 40 printable characters.
std::string shown(std::string_view line);

/// All bytes of a file. `what` names it in messages: "sparsity pattern". @throws Error kUsage
std::string read_whole_file(const std::string& path, std::string_view what);

/// Writes a file beside `path` and renames it: a reader finds all of it or what was there before.
/// @throws Error kUsage
void write_whole_file(const std::string& path, std::string_view bytes, std::string_view what);

}  // namespace convoke
