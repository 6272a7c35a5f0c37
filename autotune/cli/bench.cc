#include <fmt/format.h>

#include <memory>
#include <optional>
#include <vector>

#include "autotune/cli/commands.h"
#include "autotune/measure.h"
#include "autotune/peer.h"
#include "autotune/problem_tensors.h"
#include "autotune/sparse_data.h"

namespace convoke::cli {
namespace {

/// Seconds of timing for each side of a problem, without --budget.
constexpr double kSecondsEach = 0.3;
/// Pause between two sides: libgomp's idle workers spin for about 4 ms.
constexpr double kSettleSeconds = 0.005;
constexpr int kMinRounds = 5;

/// Times `record`'s problem, in turn with `peer` if there is one.
void measure(Target& target, const Selectors& selectors, const Peer* peer, double seconds_each,
             Record& record) {
  if (!choose_for(record, target, selectors)) return;
  const ConvSpec& spec = record.problem.spec;
  record.limit_us = target.limit_us(spec);
  record.bytes_us = target.bytes_us(spec);
  const ProblemTensors tensors(target, spec, selectors.seed);
  const auto kernel = target.get(spec, *record.config);
  const std::unique_ptr<TimedCall> ours = tensors.timed(kernel);
  std::unique_ptr<TimedCall> theirs;
  std::vector<TimedCall*> calls = {ours.get()};
  std::optional<PeerConv> other;
  if (peer) {
    try {
      other.emplace(peer->create(dense_problem(spec), tensors.w(), target.info().threads));
      theirs = target.prepare_timing({[&](void*) { other->run(tensors.x(), tensors.y()); }});
      calls.push_back(theirs.get());
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnsupported) throw;
      record.reason = fmt::format("without {}: {}", peer->name(), error.what());
    }
  }
  const std::vector<Timing> timings =
      measure_interleaved(calls, seconds_each, kMinRounds, other ? kSettleSeconds : 0);
  record.timing = timings[0];
  if (tensors.rotates()) {
    const std::unique_ptr<TimedCall> warm = tensors.timed(kernel, true);
    record.timing->warm_us =
        measure_interleaved({warm.get()}, seconds_each / 2, kMinRounds).front().median_us;
  } else {
    record.timing->warm_us = record.timing->median_us;
  }
  if (other)
    record.peer = {peer->name(), peer->version(), other->implementation(), timings[1].median_us,
                   timings[1].spread_us};
  record.status = "measured";
}

}  // namespace

int run_bench(const CommandLine& line) {
  const Selectors selectors = parse(line.selectors);
  const std::vector<Problem> problems = select_problems(selectors);
  // The device first: a peer's OpenMP runtime may bind this thread to one CPU when it is loaded
  // (OMP_PROC_BIND), and our pool would then count, and inherit, that one.
  const Device device = open_device(selectors.target);
  if (!line.peer.empty() && device.name() != "cpu")
    throw Error(
        ErrorCode::kUsage,
        fmt::format("--peer {} runs on the CPU, not on {}: add --target cpu, or compare with "
                    "cuDNN by bench/cudnn.py",
                    line.peer, device.name()));
  const std::optional<Peer> peer =
      line.peer.empty() ? std::nullopt : std::make_optional<Peer>(line.peer);
  const double sides = peer ? 2 : 1;
  const double seconds_each =
      selectors.budget_seconds
          ? *selectors.budget_seconds / (sides * static_cast<double>(problems.size()))
          : kSecondsEach;

  // The budget is shared out: no problem is left out for want of it.
  return run_each(
      "bench", selectors, problems, device.target().info(), BudgetClock({}), [&](Record& record) {
        measure(device.target(), selectors, peer ? &*peer : nullptr, seconds_each, record);
      });
}

}  // namespace convoke::cli
