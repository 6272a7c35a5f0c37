// The text of a sparsity pattern's signature: its kind, its granularity, how much it keeps; never
// which weights. Kept as canonical text in ConvSpec, so that problems compare and hash as text.
//   none                  dense
//   channel:KEEP[@B]      whole filters, in runs of B output channels (1)
//   input:KEEP[@G]        whole input channels, in runs of G (1)
//   block:KEEP@KxC        blocks of K filters by C input channels of a tap
//   unstructured:KEEP     single weights
//   nm:N:M                N of every M consecutive input channels
//   ...:bound             any of them: which weights are kept is an operand of each launch, not a
//                         constant of the kernel
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace convoke {

struct ConvSpec;

enum class SparsityKind { kNone, kChannel, kInput, kBlock, kUnstructured, kNm };

/// Smallest and largest side of a block; B and G may be 1 to kMaxBlockSide.
inline constexpr int kMinBlockSide = 4;
inline constexpr int kMaxBlockSide = 128;
/// Largest M of nm:N:M.
inline constexpr int kMaxNmGroup = 64;

/// Fields that the kind does not use keep their defaults.
struct Sparsity {
  SparsityKind kind = SparsityKind::kNone;
  double keep = 1;     ///< share of the weights that is kept, in (0, 1]; N/M for kNm
  int rows = 1;        ///< B, or K of a block
  int columns = 1;     ///< G, or C of a block
  int n = 0, m = 0;    ///< kNm
  bool bound = false;  ///< indices are operands; false: baked into the code
  bool operator==(const Sparsity&) const = default;

  /// @throws Error kUsage with the word and the limit.
  static Sparsity parse(std::string_view text);
  /// Canonical text: empty for none, the shortest ratio that reads back, no granularity of 1.
  std::string text() const;
};

/// How 8-bit images are read. Scales are no business of the kernel: the epilogue's operands hold
/// them (docs/int8.md).
///   none   as they are
///   zp     less a zero point, which is a number of each launch (LaunchArgs::x_zero)
struct Quant {
  bool zero_point = false;
  bool operator==(const Quant&) const = default;

  /// @throws Error kUsage with the word and what is accepted.
  static Quant parse(std::string_view text);
  /// Canonical text: empty for none.
  std::string text() const;
};
/// Why the spec cannot be quantised as its word says; empty if it can, or has none.
std::string why_not_quantised(const ConvSpec& spec);

}  // namespace convoke
