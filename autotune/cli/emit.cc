#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "autotune/cli/commands.h"
#include "autotune/cli/json.h"

namespace convoke::cli {
namespace {

constexpr std::array<std::pair<const char*, EmitFormat>, 6> kFormats = {{
    {"source", EmitFormat::kSource},
    {"ptx", EmitFormat::kPtx},
    {"cubin", EmitFormat::kCubin},
    {"sass", EmitFormat::kSass},
    {"ll", EmitFormat::kLl},
    {"asm", EmitFormat::kAsm},
}};

EmitFormat parse_format(const std::string& text) {
  for (const auto& [name, format] : kFormats) {
    if (text == name) return format;
  }
  throw Error(
      ErrorCode::kUsage,
      fmt::format("--format: '{}' is not a format; it takes source, ptx, cubin, sass, ll or asm",
                  text));
}

/// The target that emits: of --arch if it is given, else the device that is there.
Device open_emitter(const CommandLine& line, const Selectors& selectors) {
  const std::vector<CudaDevice> archs = parse_archs(line.archs, selectors.target);
  if (archs.size() > 1)
    throw Error(ErrorCode::kUsage,
                fmt::format("emit writes one kernel: one --arch, not {}", archs.size()));
  if (!archs.empty()) return Device::over(make_cuda_compiler(archs.front()));
  try {
    return open_device(selectors.target);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDevice || selectors.target == "cpu") throw;
    throw Error(error.code(),
                fmt::format("{}; --arch sm_90a emits for a GPU that is not here", error.what()));
  }
}

/// A binary belongs in a file or a pipe.
void require_place_for_binary(const CommandLine& line, bool json) {
  const bool to_stdout = line.output.empty() || line.output == "-";
  if (to_stdout && json)
    throw Error(ErrorCode::kUsage, "a cubin is no text for --json: give it a file with -o");
  if (to_stdout && isatty(STDOUT_FILENO) != 0)
    throw Error(ErrorCode::kUsage,
                "a cubin is no text for a terminal: give it a file with -o, or emit sass");
}

}  // namespace

int run_emit(const CommandLine& line) {
  const Selectors selectors = parse(line.selectors);
  if (!line.format.empty()) parse_format(line.format);
  const std::vector<Problem> problems = select_problems(selectors);
  if (problems.size() != 1)
    throw Error(ErrorCode::kUsage,
                fmt::format("emit writes one kernel, {} problems are given", problems.size()));
  const Device device = open_emitter(line, selectors);
  Target& target = device.target();
  const std::string format = !line.format.empty()            ? line.format
                             : target.info().target == "cpu" ? "ll"
                                                             : "source";
  if (format == "cubin") require_place_for_binary(line, selectors.json);
  const ConvSpec& spec = problems.front().spec;
  const std::string why = target.why_unsupported(spec);
  if (!why.empty()) throw Error(ErrorCode::kUnsupported, why);
  const Choice choice = choose(target, spec, selectors.config);
  const std::string text = target.emit(spec, choice.config, parse_format(format));
  if (!selectors.json) {
    write_output(line.output, text);
    return 0;
  }
  // With --json and -o the text goes to the file and the object says where.
  if (!line.output.empty() && line.output != "-") write_output(line.output, text);
  const bool inline_text = line.output.empty() || line.output == "-";
  write_json_line({{"command", "emit"},
                   {"problem", print_spec(spec)},
                   {"target", target.info().target},
                   {"status", "emitted"},
                   {"config", print_config(choice.config)},
                   {"config_source", choice.source},
                   {"format", format},
                   {"bytes", text.size()},
                   {inline_text ? "text" : "output", inline_text ? text : line.output}});
  write_json_line({{"summary", {{"command", "emit"}, {"problems", 1}, {"exit_code", 0}}}});
  return 0;
}

}  // namespace convoke::cli
