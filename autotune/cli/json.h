// JSON lines on stdout: one object per write, flushed at once, so that a reader sees each result
// when it exists. A reader that has gone away stops the run quietly; any other failure to write is
// an error with a sentence.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace convoke::cli {

/// Version of every object's keys; in each as "schema".
inline constexpr int kJsonSchema = 1;

/// Exit status when the reader of stdout has gone (what a death by SIGPIPE would give).
inline constexpr int kExitBrokenPipe = 141;

/// Thrown by write_stdout when the reader has gone.
struct BrokenPipe {};

/// Makes sure that descriptors 0..2 are taken, so that no file we open becomes "stdout", and turns
/// SIGPIPE into an error of write().
void prepare_streams();

/// Writes all of `text`. @throws BrokenPipe, Error kDevice (the disk is full, stdout is closed).
void write_stdout(std::string_view text);

/// One line: {"schema": 1, ...object}.
void write_json_line(const nlohmann::ordered_json& object);

/// nullptr if the number is not finite.
nlohmann::ordered_json number_or_null(double value);

}  // namespace convoke::cli
