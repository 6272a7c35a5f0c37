#include <fmt/format.h>

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
  if (text.empty()) return EmitFormat::kLl;
  for (const auto& [name, format] : kFormats) {
    if (text == name) return format;
  }
  throw Error(
      ErrorCode::kUsage,
      fmt::format("--format: '{}' is not a format; it takes source, ptx, cubin, sass, ll or asm",
                  text));
}

}  // namespace

int run_emit(const CommandLine& line) {
  const Selectors selectors = parse(line.selectors);
  const EmitFormat format = parse_format(line.format);
  const std::vector<Problem> problems = select_problems(selectors);
  if (problems.size() != 1)
    throw Error(ErrorCode::kUsage,
                fmt::format("emit writes one kernel, {} problems are given", problems.size()));
  if (format == EmitFormat::kPtx || format == EmitFormat::kCubin || format == EmitFormat::kSass)
    throw Error(
        ErrorCode::kUnsupported,
        fmt::format("--format: '{}' belongs to the CUDA target, which is not built yet; the "
                    "CPU has source, ll and asm",
                    line.format));
  const Device device = open_device(selectors.target);
  Target& target = device.target();
  const ConvSpec& spec = problems.front().spec;
  const std::string why = target.why_unsupported(spec);
  if (!why.empty()) throw Error(ErrorCode::kUnsupported, why);
  const Choice choice = choose(target, spec, selectors.config);
  const std::string text = target.emit(spec, choice.config, format);
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
                   {"format", line.format.empty() ? "ll" : line.format},
                   {"bytes", text.size()},
                   {inline_text ? "text" : "output", inline_text ? text : line.output}});
  write_json_line({{"summary", {{"command", "emit"}, {"problems", 1}, {"exit_code", 0}}}});
  return 0;
}

int run_compile(const CommandLine& line) {
  const Selectors selectors = parse(line.selectors);
  const std::vector<Problem> problems = select_problems(selectors);
  throw Error(ErrorCode::kUnsupported,
              fmt::format("compile builds kernels ahead of time for the CUDA target, which is not "
                          "built yet ({} problem{} "
                          "given); on the CPU, `convoke tune` fills the caches",
                          problems.size(), problems.size() == 1 ? "" : "s"));
}

}  // namespace convoke::cli
