#include "autotune/cli/commands.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "autotune/cli/json.h"
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
