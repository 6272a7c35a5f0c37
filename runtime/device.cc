// The parts of the public API that are no plan: devices, the text of a problem, the version.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <atomic>

#include "compiler/spec_text.h"
#include "convoke/convoke.hpp"
#include "convoke/version.h"
#include "runtime/env.h"
#include "runtime/target.h"

namespace convoke {
namespace {

std::atomic<ChooseConfigFn> choose_config_function{nullptr};

/// CONVOKE_LOG, once; without it a host's own setting stands.
void apply_log_level() {
  static const bool applied = [] {
    const std::string name = env_value(EnvVar::kLog);
    if (name.empty()) return false;
    const auto level = spdlog::level::from_str(name);
    if (level == spdlog::level::off && name != "off")
      throw Error(ErrorCode::kUsage, fmt::format("CONVOKE_LOG={} is not a level: one of trace, "
                                                 "debug, info, warn, error, critical, off",
                                                 name));
    spdlog::set_level(level);
    return true;
  }();
  static_cast<void>(applied);
}

}  // namespace

void set_choose_config(ChooseConfigFn fn) { choose_config_function.store(fn); }
ChooseConfigFn choose_config_hook() { return choose_config_function.load(); }

const char* version() { return CONVOKE_VERSION; }

ConvSpec parse_spec(std::string_view text) { return parse_problem(text).spec; }

std::string to_string(const ConvSpec& spec) { return print_spec(spec); }

Device Device::open(std::string_view target, const DeviceOptions& options) {
  apply_log_level();
  if (target != "auto" && target != "cpu")
    throw Error(ErrorCode::kUsage, fmt::format("unknown target '{}': must be auto or cpu", target));
  return Device(make_cpu_target(options));
}

std::string Device::name() const { return target_->info().target; }

std::string Device::description() const {
  const DeviceInfo& info = target_->info();
  return fmt::format("{}, {}", info.key, info.compiler);
}

}  // namespace convoke
