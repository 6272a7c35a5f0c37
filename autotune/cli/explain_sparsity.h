// What `explain` says about a sparse problem: the floor that its bytes set, from which keep ratio
// its kind pays, and whether a sparse kernel or the dense one on masked weights was chosen, and
// why. Predictions come from the cost model, measurements from the tuning database; neither is made
// up where it is missing.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "autotune/tuning_db.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"
#include "runtime/target.h"

namespace convoke::cli {

/// Times of the two ways to compute a sparse problem at one keep ratio.
struct KeepRatioTimes {
  double keep = 1;
  double sparse_us = 0, dense_us = 0;
  bool pays() const { return sparse_us < dense_us; }
};

struct SparsityExplanation {
  std::int64_t units = 0, kept = 0;
  double bytes_us = 0;  ///< 0: the target cannot say
  /// Fastest predictions at the problem's own ratio; nothing where the space has none of the kind.
  std::optional<std::pair<double, KernelConfig>> sparse, masked;
  /// By keep ratio, falling. nm has its own ratio alone. Measured: only where both were.
  std::vector<KeepRatioTimes> predicted, measured;
  bool chosen_masked = false;
};

/// @pre the target supports `spec`, which is sparse
SparsityExplanation explain_sparsity(Target& target, const ConvSpec& spec,
                                     const KernelConfig& chosen, const TuningDb& db,
                                     std::uint64_t seed);

/// Largest ratio from which on, downwards, sparse is faster everywhere; nothing if it never is.
std::optional<double> pays_from(const std::vector<KeepRatioTimes>& times);

nlohmann::ordered_json to_json(const SparsityExplanation& e);
/// Pairs of a line's head and text.
std::vector<std::pair<std::string, std::string>> to_lines(const SparsityExplanation& e,
                                                          const ConvSpec& spec);

}  // namespace convoke::cli
