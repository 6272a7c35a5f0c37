// Random small problems of every valid kind, for tests that ask "does anything go wrong anywhere".
#pragma once

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "compiler/sparsity.h"
#include "convoke/conv_spec.h"
#include "convoke/error.h"
#include "convoke/sparsity_pattern.h"

namespace convoke::test {

class RandomSpecs {
 public:
  explicit RandomSpecs(std::uint64_t seed) : random_(seed) {}

  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }

  /// A valid forward problem of at most `max_macs` multiply-adds, of one float type.
  ConvSpec next(double max_macs = 3e6) {
    while (true) {
      const ConvSpec spec = draw();
      try {
        spec.validate();
      } catch (const Error&) {
        continue;  // most draws have no consistent output size
      }
      if (spec.nominal_macs(spec.open_batch() ? 2 : spec.n) <= max_macs) return spec;
    }
  }

  /// The problem in 8 bits: any types that go together, now and then with a zero point. Half of the
  /// epilogues round half of the sums on a tie, or saturate most.
  ConvSpec quantise(ConvSpec spec) {
    constexpr DataType kOutputs[] = {DataType::kS8,  DataType::kU8,  DataType::kS32,
                                     DataType::kF32, DataType::kF16, DataType::kBf16};
    constexpr const char* kEpilogues[] = {"",
                                          "acc*0.5",
                                          "relu(acc*0.125)",
                                          "acc*scale[k]",
                                          "relu(acc*scale[k]+bias[k])*out[k]",
                                          "clamp(acc*scale[k]+res*0.5,-90,90)+3",
                                          "relu(acc*scale[k]+res[s8]*0.25+skip[f16])*out[k]",
                                          "silu(acc*0.01)*30",
                                          "gelu(acc*scale[k]*0.1+bias[k])"};
    spec.x_type = pick(0, 1) == 0 ? DataType::kS8 : DataType::kU8;
    spec.w_type = DataType::kS8;
    spec.y_type = kOutputs[pick(0, 5)];
    spec.epilogue = spec.y_type == DataType::kS32 ? "" : kEpilogues[pick(0, 8)];
    if (pick(0, 2) == 0) spec.quant = "zp";
    return spec;
  }

  /// The problem with a sparsity of any kind: bound one time in three, else with a pattern that is
  /// drawn by the ratio, or unit by unit whatever the ratio says.
  ConvSpec prune(ConvSpec spec) {
    Sparsity sparsity;
    sparsity.kind = static_cast<SparsityKind>(pick(1, 5));
    sparsity.keep = static_cast<double>(pick(1, 20)) / 20;
    if (sparsity.kind == SparsityKind::kChannel) sparsity.rows = small(1);
    if (sparsity.kind == SparsityKind::kInput) sparsity.columns = small(1);
    if (sparsity.kind == SparsityKind::kBlock)
      sparsity.rows = small(kMinBlockSide), sparsity.columns = small(kMinBlockSide);
    if (sparsity.kind == SparsityKind::kNm) {
      sparsity.m = small(2);
      sparsity.n = static_cast<int>(pick(1, sparsity.m));
    }
    sparsity.bound = pick(0, 2) == 0;
    spec.sparsity = sparsity.text();
    if (sparsity.bound) return spec;
    SparsityPattern::Ptr pattern = SparsityPattern::random(spec, random_());
    if (sparsity.kind != SparsityKind::kNm && pick(0, 2) == 0) {
      std::vector<std::int64_t> kept;
      const std::int64_t most = pick(0, 10);
      for (std::int64_t unit = 0; unit < pattern->units(); ++unit)
        if (pick(0, 9) < most) kept.push_back(unit);
      pattern = SparsityPattern::from_units(spec, std::move(kept));
    }
    return with_pattern(spec, pattern);
  }

 private:
  int small(int least) { return static_cast<int>(pick(least, pick(0, 4) == 0 ? 40 : 8)); }

  /// Mostly small, sometimes a tail beyond a few vectors.
  std::int64_t channels() {
    switch (pick(0, 3)) {
      case 0:
        return pick(1, 4);
      case 1:
        return pick(1, 20);
      case 2:
        return 8 * pick(1, 9);
      default:
        return pick(1, 100);
    }
  }

  ConvSpec draw() {
    ConvSpec spec;
    switch (pick(0, 5)) {
      case 0:  // depthwise, sometimes with a multiplier
        spec.groups = channels();
        spec.c = spec.groups;
        spec.k = spec.groups * (pick(0, 2) == 0 ? pick(1, 5) : 1);
        break;
      case 1:
        spec.groups = pick(2, 9);
        spec.c = spec.groups * pick(1, 17);
        spec.k = spec.groups * pick(1, 17);
        break;
      default:
        spec.c = channels(), spec.k = channels();
    }
    spec.n = pick(0, 7) == 0 ? kOpenBatch : pick(1, 4);
    spec.h = pick(1, 16), spec.w = pick(1, 24);
    spec.r = pick(1, 5), spec.s = pick(1, 5);
    if (pick(0, 4) == 0) spec.r = spec.s = 1;
    if (pick(0, 9) == 0) spec.s = 7;
    spec.stride_h = pick(1, 3), spec.stride_w = pick(1, 3);
    if (pick(0, 2) == 0) spec.dilation_h = pick(1, 5), spec.dilation_w = pick(1, 5);
    spec.pad_h = pick(0, 3), spec.pad_w = pick(0, 3);
    if (pick(0, 9) == 0) spec.pad_h = pick(0, 20), spec.pad_w = pick(0, 20);
    // Any output size for which the high padding stays above -stride.
    const auto outputs = [&](std::int64_t size, std::int64_t taps, std::int64_t stride,
                             std::int64_t dilation, std::int64_t pad) {
      const std::int64_t high = pick(1 - stride, pick(0, 4) == 0 ? 12 : 3);
      return (size + pad + high - ((taps - 1) * dilation + 1)) / stride + 1;
    };
    spec.p = outputs(spec.h, spec.r, spec.stride_h, spec.dilation_h, spec.pad_h);
    spec.q = outputs(spec.w, spec.s, spec.stride_w, spec.dilation_w, spec.pad_w);
    if (pick(0, 3) == 0) spec.x_layout = Layout::kNchw;
    spec.y_layout = pick(0, 9) == 0
                        ? (spec.x_layout == Layout::kNchw ? Layout::kNhwc : Layout::kNchw)
                        : spec.x_layout;
    constexpr DataType kTypes[] = {DataType::kF32, DataType::kF32, DataType::kBf16, DataType::kF16};
    spec.x_type = spec.w_type = spec.y_type = kTypes[pick(0, 3)];
    if (pick(0, 9) == 0) spec.y_type = DataType::kF32;
    constexpr const char* kEpilogues[] = {"relu(acc+bias[k])",
                                          "relu(acc*scale[k]+bias[k]+residual)",
                                          "clamp(acc*0.5,-8,8)+r",
                                          "silu(acc*0.05)",
                                          "gelu(acc*scale[k]*0.1)",
                                          "tanh(acc*0.1+bias[k])",
                                          "hardswish(acc)",
                                          "relu6(acc)",
                                          "sigmoid(acc*0.02-shift[k])",
                                          "max(acc/scale[k],residual)",
                                          "abs(min(acc,residual))-bias[k]"};
    if (pick(0, 2) == 0) spec.epilogue = kEpilogues[pick(0, std::size(kEpilogues) - 1)];
    return spec;
  }

  std::mt19937_64 random_;
};

}  // namespace convoke::test
