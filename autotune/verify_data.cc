#include "autotune/verify_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autotune/sparse_data.h"
#include "runtime/pattern_checks.h"

namespace convoke {
namespace {

/// Outputs of so many that must be able to show an error.
double needed(double reachable) {
  return reachable == 0 ? 0 : std::max(1.0, kMinTellingShare * reachable);
}

}  // namespace

/// The reference of one trial; pruned weights are zero afterwards.
void VerifyData::expect(Target* target, Inputs& inputs, FillKind kind, Trial& trial,
                        Executor* executor) const {
  trial.w = inputs.w;
  if (trial.pattern != nullptr) overwrite_pruned(spec, *trial.pattern, 0, trial.w);
  std::swap(inputs.w, trial.w);
  trial.expected = make_expected(target, spec, epilogue, inputs, batch, kind, executor);
  std::swap(inputs.w, trial.w);
}

void VerifyData::prepare_integers(Target* target, std::uint64_t seed, Executor* executor) {
  // With few outputs, all sums may be zero by chance: other data then.
  const int attempts = spec.y_elements(batch) < 4096 ? 16 : 1;
  for (int i = 0; i < attempts; ++i) {
    integers = make_inputs(spec, epilogue, batch, FillKind::kIntegers, seed + 100000 * i);
    bool enough = true;
    for (Trial& trial : integer_trials) {
      expect(target, integers, FillKind::kIntegers, trial, executor);
      enough = enough && trial.expected.telling >= needed(trial.reachable);
    }
    if (enough) break;
  }
  Trial& first = integer_trials.front();
  weight_infinities = plant_in_weights(spec, first.pattern.get(), batch, integers.x, first.w);
  image_infinities = plant_in_images(spec, batch, integers.x, first.w);
  for (Trial& trial : integer_trials)
    if (trial.pattern != nullptr) overwrite_pruned(spec, *trial.pattern, INFINITY, trial.w);
  if (first.pattern != nullptr && !weight_infinities.bytes.empty())
    overwrite_pruned(spec, *first.pattern, INFINITY, weight_infinities.bytes);
}

void VerifyData::prepare(Target& target, std::uint64_t seed, Executor* executor) {
  epilogue = Epilogue::parse(spec.epilogue);
  integer_trials.resize(takes_pattern(spec) ? 2 : 1);
  for (std::size_t i = 0; i < integer_trials.size(); ++i) {
    Trial& trial = integer_trials[i];
    trial.pattern =
        integer_trials.size() > 1 ? SparsityPattern::random(spec, seed + i) : spec.pattern;
    trial.reachable = trial.pattern == nullptr ? reachable_outputs(spec, batch)
                                               : reachable_outputs(spec, *trial.pattern, batch);
  }
  prepare_integers(&target, seed, executor);
  floats = make_inputs(spec, epilogue, batch, FillKind::kFloats, seed);
  float_trial.pattern = integer_trials.front().pattern;
  expect(&target, floats, FillKind::kFloats, float_trial, executor);
  if (float_trial.pattern != nullptr)
    overwrite_pruned(spec, *float_trial.pattern, NAN, float_trial.w);

  const auto outputs = static_cast<double>(spec.y_elements(batch));
  // 8-bit data of the whole range is integers too.
  const bool floats_tell = is_integer(spec.x_type) &&
                           float_trial.expected.telling >= needed(integer_trials.front().reachable);
  for (const Trial& trial : integer_trials)
    if (trial.expected.telling < needed(trial.reachable) && !floats_tell)
      untrusted =
          fmt::format("only {:.0f} of {:.0f} outputs would show an error, {:.0f} are needed",
                      trial.expected.telling, trial.reachable, std::ceil(needed(trial.reachable)));
  if (untrusted.empty() && float_trial.expected.comparable < kMinComparableShare * outputs)
    untrusted = fmt::format("only {:.0f} of {:.0f} outputs are in range of {}",
                            float_trial.expected.comparable, outputs, to_string(spec.y_type));
}

}  // namespace convoke
