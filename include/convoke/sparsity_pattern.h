// Which weights of one convolution are kept: the data behind the `sparsity` word of a spec. Units
// of the word's granularity (filters, input channels, blocks, single weights) are numbered, and a
// pattern is the sorted list of those that are kept. Immutable and shared: a spec, a plan and a
// file hold the same object. C++17, part of the public surface.
//   auto spec = convoke::parse_spec("mb8ic64ih56oc64kh3ph1 sparsity=channel:0.5");
//   auto pattern = convoke::SparsityPattern::by_magnitude(spec, weights.data(), weights.size());
//   convoke::Plan plan(device, convoke::with_pattern(spec, pattern));
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "convoke/conv_spec.h"
#include "convoke/export.h"

namespace convoke {

/// A pruned weight contributes nothing: it is never multiplied, whatever it holds. What an infinite
/// or NaN input adds at a pruned weight (0 or NaN) is not specified; elsewhere a result equals that
/// of the dense convolution whose pruned weights are zero.
///
/// Units, by kind, counted from 0; k, c are filter and channel within their group g, Kg and Cg the
/// sizes of a group, ceil the quotient rounded up:
///   channel:KEEP@B       g * ceil(Kg/B) + k/B
///   input:KEEP@G         g * ceil(Cg/G) + c/G
///   block:KEEP@KxC       (((g * ceil(Kg/K) + k/K) * R + r) * S + s) * ceil(Cg/C) + c/C
///   unstructured, nm     (((g * Kg + k) * R + r) * S + s) * Cg + c
/// whatever the layout of the tensors.
class CONVOKE_API SparsityPattern {
 public:
  using Ptr = std::shared_ptr<const SparsityPattern>;

  /// Keeps the units whose weights have the largest sum of magnitudes, as many as the spec's ratio
  /// says (at least one): channel and input in each group, block and unstructured of the layer, nm
  /// of every M channels. Of equals the first. `w`: all weights in the spec's layout, as f32.
  /// @throws Error kUsage: no sparsity in the spec, a wrong count, a weight that is NaN.
  static Ptr by_magnitude(const ConvSpec& spec, const float* w, std::size_t count);
  /// As many units, drawn at random: the pattern of a measurement.
  static Ptr random(const ConvSpec& spec, std::uint64_t seed);
  /// The units in `kept`, strictly ascending; any number, none too, whatever the spec's ratio.
  /// @throws Error kUsage: out of range, unsorted, repeated, more than N of M (nm).
  static Ptr from_units(const ConvSpec& spec, std::vector<std::int64_t> kept);
  /// One byte a weight in the spec's layout, 0 is pruned. @throws Error kUsage: a wrong count, a
  /// unit of which only a part is kept, more than N of M.
  static Ptr from_mask(const ConvSpec& spec, const std::uint8_t* mask, std::size_t count);

  /// The file format, in lines of text:
  ///   convoke-sparsity 1
  ///   g1ic64oc64kh3kw3 block:0.5@64x64
  ///   0-3 7 12-13
  ///   sha256 6b1f...
  /// the shape and the signature, kept units as numbers and inclusive ranges (any number of lines),
  /// the SHA-256 of everything before the last line. @throws Error kUsage saying what is wrong.
  static Ptr parse(std::string_view text);
  std::string text() const;
  /// @throws Error kUsage if the file cannot be read or written, or as parse().
  static Ptr load(const std::string& path);
  void save(const std::string& path) const;

  /// The sparsity word with the ratio that is really kept: of channel and input that of the fullest
  /// group, of an empty pattern that of one unit. Never bound.
  const std::string& signature() const { return signature_; }
  /// SHA-256 of shape, kind and kept units, in hex.
  const std::string& hash() const { return hash_; }
  std::int64_t units() const { return static_cast<std::int64_t>(is_kept_.size()); }
  const std::vector<std::int64_t>& kept() const { return kept_; }
  /// `k` of all groups, `c` within the group.
  bool keeps(std::int64_t k, std::int64_t r, std::int64_t s, std::int64_t c) const {
    return is_kept_[static_cast<std::size_t>(unit_of(k, r, s, c))];
  }
  std::int64_t kept_weights() const { return kept_weights_; }
  /// Whether it is one for the spec: shape, kind and granularity, not the ratio.
  bool fits(const ConvSpec& spec) const;
  /// "g1ic64oc64kh3kw3 block:0.5@64x64"
  std::string description() const;

 private:
  SparsityPattern(const ConvSpec& spec, std::vector<std::int64_t> kept);
  std::int64_t unit_of(std::int64_t k, std::int64_t r, std::int64_t s, std::int64_t c) const {
    const std::int64_t group = k / k_per_group_, row = k % k_per_group_ / rows_;
    const std::int64_t column = c / columns_;
    if (kind_ == Kind::kChannel) return group * units_k_ + row;
    if (kind_ == Kind::kInput) return group * units_c_ + column;
    return (((group * units_k_ + row) * r_ + r) * s_ + s) * units_c_ + column;
  }
  std::string body() const;

  enum class Kind { kChannel, kInput, kEverywhere };
  Kind kind_ = Kind::kEverywhere;
  std::int64_t groups_ = 1, c_per_group_ = 1, k_per_group_ = 1, r_ = 1, s_ = 1;
  std::int64_t rows_ = 1, columns_ = 1;     ///< of a unit
  std::int64_t units_k_ = 1, units_c_ = 1;  ///< of a group
  std::int64_t kept_weights_ = 0;
  std::vector<std::int64_t> kept_;
  std::vector<bool> is_kept_;
  std::string signature_, hash_;
};

/// The spec with the pattern, and with its signature if the spec's ratio stands for another number
/// of units. @throws Error kUsage if the pattern is one for another shape, kind or granularity, or
/// if the spec's sparsity is bound (its patterns are operands).
CONVOKE_API ConvSpec with_pattern(ConvSpec spec, SparsityPattern::Ptr pattern);

/// Units that the spec's sparsity stands for, and how many of them it keeps; of channel and input
/// as many in every group. @throws Error kUsage if the spec is dense.
struct SparsityUnits {
  std::int64_t units = 0, kept = 0;
};
CONVOKE_API SparsityUnits sparsity_units(const ConvSpec& spec);

}  // namespace convoke
