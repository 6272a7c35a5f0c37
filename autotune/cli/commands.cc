#include "autotune/cli/commands.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "autotune/cli/interrupt.h"
#include "autotune/cli/json.h"
#include "autotune/cli/terminal.h"
#include "autotune/problem_tensors.h"
#include "autotune/tune.h"

namespace convoke::cli {

Choice choose(Target& target, const ConvSpec& spec, const std::optional<KernelConfig>& fixed) {
  if (fixed) {
    const std::string why = target.why_illegal(spec, *fixed);
    if (!why.empty())
      throw Error(ErrorCode::kUsage, fmt::format("--config: {} cannot run this problem: {}",
                                                 print_config(*fixed), why));
    return {*fixed, "option", std::nullopt};
  }
  const TuningDb& db = tuning_db();
  Choice choice{choose_config(target, spec, db), "default", std::nullopt};
  std::optional<Sample> sample = db.best(target.info(), print_spec(spec));
  if (sample && sample->config == print_config(choice.config)) {
    choice.source = "database";
    choice.sample = std::move(sample);
  }
  return choice;
}

bool choose_for(Record& record, Target& target, const Selectors& selectors) {
  const ConvSpec& spec = record.problem.spec;
  if (const std::string why = target.why_unsupported(spec); !why.empty()) {
    set_verdict(record, Verdict::kUnsupported, why);
    return false;
  }
  const Choice choice = choose(target, spec, selectors.config);
  record.config = choice.config;
  record.config_source = choice.source;
  record.batch = launch_batch(spec);
  const std::string workspace =
      why_too_much_workspace(target, spec, choice.config, selectors.workspace_limit);
  if (!workspace.empty()) set_verdict(record, Verdict::kUnsupported, workspace);
  return workspace.empty();
}

int run_each(const char* command, const Selectors& selectors, const std::vector<Problem>& problems,
             const DeviceInfo& device, const BudgetClock& clock,
             const std::function<void(Record&)>& one) {
  Report report(command, device, problems.size(), selectors.json);
  {
    Progress progress(command, problems.size(), selectors.budget_seconds);
    for (std::size_t i = 0; i < problems.size() && !interrupted() && !clock.spent(); ++i) {
      Record record;
      record.problem = problems[i];
      progress.update(i, 0, label(problems[i]));
      try {
        one(record);
      } catch (const Error& error) {
        set_error(record, error);
      }
      progress.done(i, label(problems[i]), outline(record));
      report.add(std::move(record));
    }
  }
  return report.finish(interrupted());
}

std::int64_t launch_batch(const ConvSpec& spec) {
  return spec.open_batch() ? kOpenBatchImages : spec.n;
}

std::string why_too_much_workspace(const Target& target, const ConvSpec& spec,
                                   const KernelConfig& config, std::int64_t limit) {
  if (limit < 0) return {};
  const std::int64_t needed = target.workspace_bytes(spec, config, WeightForm::kPacked);
  if (needed <= limit) return {};
  return fmt::format("needs {} bytes of workspace, --workspace-limit is {}", needed, limit);
}

void write_output(const std::string& path, const std::string& text) {
  if (path.empty() || path == "-") return write_stdout(text);
  const auto refuse = [&] {
    throw Error(ErrorCode::kUsage,
                fmt::format("-o: cannot write '{}': {}", path, std::strerror(errno)));
  };
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (!file) refuse();
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const int cause = errno;
  if (std::fclose(file) != 0) refuse();
  if (!written) {
    errno = cause;
    refuse();
  }
}

}  // namespace convoke::cli
