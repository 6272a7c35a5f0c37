#include "autotune/measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

namespace convoke {
namespace {

constexpr double kTurnSeconds = 200e-6;
constexpr double kColdTurns = 50;
constexpr std::int64_t kMaxRepeats = 100000;
constexpr std::int64_t kMaxRounds = 1000;

struct Turn {
  std::int64_t repeats = 1;
  double seconds = 0;  ///< of all repeats, about
};

/// Grows the repeats until they fill a turn. The first run is cold (loading, page faults, clocks):
/// it only counts for what is slow anyway.
Turn calibrate(TimedCall& call, double turn_seconds) {
  Turn turn;
  turn.repeats = call.least_repeats();
  turn.seconds = call.seconds(turn.repeats);
  if (turn.seconds < kColdTurns * turn_seconds) turn.seconds = call.seconds(turn.repeats);
  while (turn.seconds < turn_seconds && turn.repeats < kMaxRepeats) {
    const double missing = turn_seconds / std::max(turn.seconds, 1e-9) * 1.1;
    const auto wanted = static_cast<std::int64_t>(
        std::ceil(static_cast<double>(turn.repeats) * std::min(missing, 10.0)));
    turn.repeats = std::clamp(wanted, turn.repeats + 1, kMaxRepeats);
    turn.seconds = call.seconds(turn.repeats);
  }
  return turn;
}

}  // namespace

double quantile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  const double at = fraction * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

std::vector<Timing> measure_interleaved(const std::vector<TimedCall*>& calls, double seconds_each,
                                        int min_rounds, double settle_seconds) {
  std::vector<Turn> turns;
  double round_seconds = 0;
  for (TimedCall* call : calls) {
    turns.push_back(calibrate(*call, std::max(kTurnSeconds, settle_seconds)));
    round_seconds += turns.back().seconds;
  }
  const double affordable =
      seconds_each * static_cast<double>(calls.size()) / std::max(round_seconds, 1e-9);
  const auto rounds = std::clamp(static_cast<std::int64_t>(std::min(affordable, 1e6)),
                                 std::int64_t{std::max(min_rounds, 1)},
                                 std::max<std::int64_t>(kMaxRounds, min_rounds));

  std::vector<std::vector<double>> samples(calls.size());
  for (std::int64_t round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const std::int64_t repeats = turns[i].repeats;
      if (settle_seconds > 0) {
        std::this_thread::sleep_for(std::chrono::duration<double>(settle_seconds));
        calls[i]->seconds(1);
      }
      samples[i].push_back(calls[i]->seconds(repeats) / static_cast<double>(repeats) * 1e6);
    }
  std::vector<Timing> result;
  for (std::size_t i = 0; i < calls.size(); ++i)
    result.push_back({quantile(samples[i], 0.5),
                      quantile(samples[i], 0.75) - quantile(samples[i], 0.25),
                      rounds * turns[i].repeats});
  return result;
}

}  // namespace convoke
