// The `convoke` command line: declares every command and option, turns each failure into one
// sentence on stderr and the documented exit status.
#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <mutex>
#include <sstream>

#include "autotune/cli/commands.h"
#include "autotune/cli/interrupt.h"
#include "autotune/cli/json.h"
#include "autotune/cli/terminal.h"
#include "convoke/convoke.hpp"
#include "runtime/env.h"

namespace convoke::cli {
namespace {

constexpr const char* kFooter =
    R"(Exit status: 0 fine, 1 a wrong or untrusted result, 2 usage, 3 unsupported, 4 device or
toolchain, 5 cache, 130 interrupted; over a list the first of 2, 4, 1, 3, 5 that applies.
JSON goes to stdout, tables and progress to stderr. Keys: docs/cli.md)";

constexpr const char* kProblemHelp = R"(
A problem is a benchdnn descriptor with key=value words behind it, or a quoted MIOpenDriver line:
  mb8ic64ih56oc64kh3ph1nconv2_x*4 dtype=bf16 epilogue=relu(acc+bias[k])
  'conv -n 8 -c 64 -H 56 -W 56 -k 64 -y 3 -x 3 -p 1 -q 1')";

/// Log lines go to stderr without tearing a progress bar.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const auto level = spdlog::level::to_string_view(message.level);
    print_line(fmt::format("convoke: {}: {}", std::string_view(level.data(), level.size()),
                           std::string_view(message.payload.data(), message.payload.size())));
  }
  void flush_() override {}
};

using Command = std::function<int(const CommandLine&)>;

/// The parser with everything it writes into; options hold pointers to `line`.
struct Parser {
  CLI::App app{"Convoke: convolutions compiled, tuned and verified for the exact problem in hand"};
  CommandLine line;
  Command chosen;

  Parser();

 private:
  CLI::App* command(CLI::App& parent, const char* name, const char* what, Command run,
                    const char* examples);
  CLI::App* problem_command(const char* name, const char* what, Command run, const char* examples);
  void add_arch(CLI::App* command);
  void add_cache();
};

CLI::App* Parser::command(CLI::App& parent, const char* name, const char* what, Command run,
                          const char* examples) {
  CLI::App* sub = parent.add_subcommand(name, what);
  sub->footer(fmt::format("Examples:\n{}\n\n{}", examples, kFooter));
  sub->add_flag("--json", line.selectors.json, "JSON lines on stdout, a summary object last");
  sub->callback([this, run = std::move(run)] { chosen = run; });
  return sub;
}

CLI::App* Parser::problem_command(const char* name, const char* what, Command run,
                                  const char* examples) {
  CLI::App* sub = command(app, name, what, std::move(run), examples);
  sub->footer(fmt::format("{}\n\nExamples:\n{}\n\n{}", kProblemHelp + 1, examples, kFooter));
  RawSelectors& raw = line.selectors;
  // One value a time: a list of values would swallow the descriptors that follow.
  sub->add_option("--problems", raw.files,
                  "List of problems, one a line, # comments; may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
  sub->add_option("descriptors", raw.words,
                  "Problems; key=value words belong to the descriptor before them")
      ->type_name("DESCRIPTOR");
  sub->add_option("--target", raw.target,
                  "auto, cpu, cuda or cuda:N (default auto: the best there is)")
      ->type_name("TARGET");
  sub->add_option("--pass", raw.pass,
                  "fprop, dgrad, wgrad, separated by commas (default: the problem's)")
      ->type_name("PASS");
  sub->add_option("--dtype", raw.dtype,
                  "f32, tf32, f16, bf16, s8, ... for all tensors (default: the problem's)")
      ->type_name("TYPE");
  sub->add_option("--epilogue", raw.epilogue,
                  "Expression over acc, as in 'relu(acc * scale[k] + bias[k])'")
      ->type_name("EXPR");
  sub->add_option("--sparsity", raw.sparsity,
                  "channel:KEEP[@B], input:KEEP[@G], block:KEEP@KxC, unstructured:KEEP or nm:N:M; "
                  ":bound behind it makes the pattern an operand; none is dense")
      ->type_name("KIND:KEEP");
  sub->add_option("--pattern", raw.pattern,
                  "File of a saved sparsity pattern, for one problem (default: drawn by --seed)")
      ->type_name("FILE");
  sub->add_option("--layout", raw.layout, "nhwc or nchw")->type_name("LAYOUT");
  sub->add_option("--batch", raw.batch, "Images, or ? for an open batch (overrides mb)")
      ->type_name("N");
  sub->add_option("--config", raw.config, "Fixes one configuration, as in gemm,mr=6,nv=2")
      ->type_name("KEY=VALUE,...");
  sub->add_option("--budget", raw.budget, "Seconds of wall clock over all problems")
      ->type_name("SECONDS");
  sub->add_option("--workspace-limit", raw.workspace_limit,
                  "Bytes of workspace that a launch may need")
      ->type_name("BYTES");
  sub->add_option("--seed", raw.seed, "Seed of the data and of sparsity patterns (default 1)")
      ->type_name("N");
  return sub;
}

void Parser::add_arch(CLI::App* command) {
  command
      ->add_option("--arch", line.archs,
                   "GPU architecture to build for, as in sm_90a; none of them need be here")
      ->type_name("ARCH")
      ->allow_extra_args(false);
}

void Parser::add_cache() {
  CLI::App* cache =
      app.add_subcommand("cache", "Look at and manage the kernel cache and the tuning database");
  cache->require_subcommand(1);
  command(*cache, "ls", "List the compiled kernels", run_cache_ls, "  convoke cache ls");
  command(*cache, "stats", "Count kernels, samples and bytes", run_cache_stats,
          "  convoke cache stats --json");
  command(*cache, "verify",
          "Check every kernel's checksum and the database; exit 5 if one is broken",
          run_cache_verify, "  convoke cache verify");
  command(*cache, "clear", "Remove all kernels and samples", run_cache_clear,
          "  convoke cache clear");
  command(*cache, "export", "Write the samples of the tuning database as JSON lines",
          run_cache_export, "  convoke cache export -o samples.jsonl")
      ->add_option("-o,--output", line.output, "File (default stdout)")
      ->type_name("FILE");
  command(*cache, "import", "Add samples from JSON lines that export wrote", run_cache_import,
          "  convoke cache import samples.jsonl")
      ->add_option("file", line.file, "JSON lines")
      ->required();
  command(*cache, "merge", "Add the samples of another tuning database", run_cache_merge,
          "  convoke cache merge other/tuning-2.sqlite")
      ->add_option("file", line.file, "SQLite file")
      ->required();
}

Parser::Parser() {
  app.name("convoke");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("convoke ") + version());
  app.footer(kFooter);
  CLI::App* tune = problem_command(
      "tune", "Find the fastest verified configuration of each problem and remember it", run_tune,
      "  convoke tune --problems examples/problems/resnet18_cifar.txt --batch 128 --budget 90\n"
      "  convoke tune mb8ic64ih56oc64kh3ph1 --json");
  tune->add_flag("--force", line.force, "Measure even what the database already knows");
  tune->add_option("--candidates", line.candidates,
                   "Configurations measured a problem at most, or all for every legal one "
                   "(default 12, on a GPU 24)")
      ->type_name("N");
  CLI::App* bench = problem_command(
      "bench", "Time each problem with its tuned configuration", run_bench,
      "  convoke bench --problems examples/problems/resnet50.txt --batch 8 --peer onednn --json\n"
      "  convoke bench mb1ic64ih56oc64kh3ph1 --config gemm,axis=q,mr=6,nv=2");
  bench->add_option("--peer", line.peer, "Another library, timed in turn with ours: onednn")
      ->type_name("PEER");
  problem_command(
      "verify", "Compare each problem's result with an independent reference", run_verify,
      "  convoke verify --problems examples/problems/lenet_k5.txt --batch 2 --dtype f16\n"
      "  convoke verify mb2ic6ih14oc16kh5 --json");
  CLI::App* emit = problem_command("emit", "Print the kernel of one problem", run_emit,
                                   "  convoke emit mb1ic64ih56oc64kh3ph1 --format asm -o kernel.s\n"
                                   "  convoke emit mb1ic64ih56oc64kh3ph1 dtype=f16 --arch sm_90a "
                                   "--format sass");
  emit->add_option("--format", line.format,
                   "CPU: source, ll (default) or asm; CUDA: source (default), ptx, cubin or sass")
      ->type_name("FORMAT");
  add_arch(emit);
  emit->add_option("-o,--output", line.output, "File (default stdout)")->type_name("FILE");
  problem_command(
      "explain", "Say what is known about each problem: work, limit, configuration, steps, ranking",
      run_explain, "  convoke explain mb128ic512ih1oc512kh3ph1");
  CLI::App* compile = problem_command(
      "compile", "Build kernels ahead of time, for GPUs that need not be here, into a folder",
      run_compile,
      "  convoke compile --target cuda --arch sm_90a --arch sm_80 --problems list.txt -o kernels\n"
      "  CONVOKE_SYSTEM_CACHE=kernels my_program   # needs no NVRTC for these kernels");
  add_arch(compile);
  compile->add_option("-o,--output", line.output, "Folder of the kernels")->type_name("DIR");
  compile->add_option("-j,--jobs", line.jobs, "Kernels built at once (default: all CPUs)")
      ->type_name("N");
  add_cache();
  command(app, "doctor", "Say what was found on this machine and what to do about what was not",
          run_doctor, "  convoke doctor\n  convoke doctor --json");
}

void collect_names(const CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
}

/// One sentence for what CLI11 refused, with the nearest known word.
std::string explain_parse_error(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* deepest = &app;
  while (!deepest->get_subcommands().empty()) deepest = deepest->get_subcommands().front();
  std::vector<std::string> commands, options;
  for (const CLI::App* sub : deepest->get_subcommands([](const CLI::App*) { return true; }))
    commands.push_back(sub->get_name());
  collect_names(*deepest, options);
  const std::vector<std::string> extras = app.remaining(true);
  const auto near = [](const std::string& word, const std::vector<std::string>& known) {
    const std::string best = nearest(word, known);
    return best.empty() ? std::string() : fmt::format("; did you mean {}?", best);
  };
  const std::string place = deepest == &app ? "convoke" : deepest->get_display_name();
  if (!commands.empty() && !extras.empty() && extras.front()[0] != '-')
    return fmt::format("'{}' is not a command{}", extras.front(), near(extras.front(), commands));
  if (!extras.empty()) {
    const std::string word = extras.front().substr(0, extras.front().find('='));
    std::string sentence = fmt::format("{} has no option '{}'{}", place, word, near(word, options));
    if (word.size() == 2) sentence += "; quote a MIOpenDriver line to give it as one problem";
    return sentence;
  }
  if (!commands.empty())
    return fmt::format("{} needs a command: {}", place, fmt::join(commands, ", "));
  return error.what();
}

int fail(bool json, const std::string& message, int code) {
  print_line("convoke: error: " + message);
  if (json) write_json_line({{"summary", {{"exit_code", code}, {"reason", message}}}});
  return code;
}

bool wants_json(int argc, char** argv) {
  return std::any_of(argv + 1, argv + argc,
                     [](const char* word) { return std::string_view(word) == "--json"; });
}

/// CONVOKE_LOG, else warnings and worse.
spdlog::level::level_enum log_level() {
  const std::string name = env_value(EnvVar::kLog);
  if (name.empty()) return spdlog::level::warn;
  const auto level = spdlog::level::from_str(name);
  // from_str says "off" for every word that it does not know.
  if (level == spdlog::level::off && name != "off")
    throw Error(ErrorCode::kUsage,
                fmt::format("CONVOKE_LOG: '{}' is not a level; it takes trace, debug, info, warn, "
                            "err, critical or off",
                            name));
  return level;
}

int run(int argc, char** argv) {
  const bool json = wants_json(argc, argv);
  Parser parser;
  try {
    parser.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      std::ostringstream text;
      parser.app.exit(error, text, text);
      write_stdout(text.str());
      return 0;
    }
    return fail(json, explain_parse_error(parser.app, error) + " (--help shows what there is)",
                static_cast<int>(ErrorCode::kUsage));
  }
  try {
    return parser.chosen(parser.line);
  } catch (const Error& error) {
    return fail(json, error.what(), static_cast<int>(error.code()));
  } catch (const std::bad_alloc&) {
    return fail(json, "out of memory: try a smaller batch", static_cast<int>(ErrorCode::kDevice));
  }
}

}  // namespace
}  // namespace convoke::cli

int main(int argc, char** argv) {
  using namespace convoke::cli;
  prepare_streams();
  install_interrupt_handler();
  try {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("convoke", std::make_shared<StderrSink>()));
    spdlog::set_level(log_level());
    return run(argc, argv);
  } catch (const convoke::Error& error) {
    print_line(std::string("convoke: error: ") + error.what());
    return static_cast<int>(error.code());
  } catch (const BrokenPipe&) {
    return kExitBrokenPipe;
  } catch (const std::exception& error) {
    print_line(std::string("convoke: error: ") + error.what());
    return 4;
  }
}
