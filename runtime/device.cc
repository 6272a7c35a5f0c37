// The parts of the public API that are no plan: devices, the text of a problem, the version.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <charconv>
#include <utility>

#include "compiler/spec_text.h"
#include "convoke/convoke.hpp"
#include "convoke/version.h"
#include "runtime/cuda_driver.h"
#include "runtime/env.h"
#include "runtime/nvrtc.h"
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

/// N of "cuda:N", 0 of "cuda". @throws Error kUsage
int ordinal_of(std::string_view target) {
  constexpr std::string_view kCuda = "cuda", kNumbered = "cuda:";
  if (target == kCuda) return 0;
  int ordinal = -1;
  if (target.substr(0, kNumbered.size()) == kNumbered) {
    const std::string_view number = target.substr(kNumbered.size());
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), ordinal);
    if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size()) ordinal = -1;
  }
  if (ordinal < 0)
    throw Error(ErrorCode::kUsage,
                fmt::format("unknown target '{}': must be auto, cpu, cuda or cuda:N", target));
  return ordinal;
}

/// The first GPU if plans can run there, else null. A machine without one is nothing to complain
/// of; a GPU without a compiler, and without kernels built ahead of time, is.
std::shared_ptr<Target> working_gpu() {
  std::shared_ptr<Target> gpu;
  try {
    gpu = make_cuda_target(0);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDevice) throw;
    spdlog::debug("plans run on the CPU: {}", error.what());
    return nullptr;
  }
  if (!env_value(EnvVar::kSystemCache).empty()) return gpu;
  try {
    nvrtc(cuda_driver().major());
  } catch (const Error& error) {
    spdlog::warn("plans run on the CPU, not on {}: {}", gpu->info().model, error.what());
    return nullptr;
  }
  return gpu;
}

}  // namespace

void set_choose_config(ChooseConfigFn fn) { choose_config_function.store(fn); }
ChooseConfigFn choose_config_hook() { return choose_config_function.load(); }

const char* version() { return CONVOKE_VERSION; }

ConvSpec parse_spec(std::string_view text) { return parse_problem(text).spec; }

std::string to_string(const ConvSpec& spec) { return print_spec(spec); }

Device Device::open(std::string_view target, const DeviceOptions& options) {
  apply_log_level();
  if (target == "cpu") return Device(make_cpu_target(options));
  if (target == "auto") {
    if (auto gpu = working_gpu()) return Device(std::move(gpu));
    return Device(make_cpu_target(options));
  }
  return Device(make_cuda_target(ordinal_of(target)));
}

std::string Device::name() const { return target_->info().target; }

double Device::limit_us(const ConvSpec& spec) const {
  if (const std::string why = target_->why_unsupported(spec); !why.empty())
    throw Error(ErrorCode::kUnsupported, why);
  return target_->limit_us(spec);
}

std::string Device::description() const {
  const DeviceInfo& info = target_->info();
  return fmt::format("{}, {}", info.key, info.compiler);
}

}  // namespace convoke
