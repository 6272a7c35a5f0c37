// Random small problems with random tiles at compile time, of the families that need no shared
// memory: the shapes that break index arithmetic (odd sizes, strides beyond the filter, padding
// beyond the image, dead taps, sizes that need 64-bit offsets).
#pragma once

#include "templates/conv_config.h"

namespace convoke::cuda::test {

class ConstexprRandom {
 public:
  constexpr explicit ConstexprRandom(unsigned long long seed)
      : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  /// In [low, high].
  constexpr long long pick(long long low, long long high) {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return low +
           static_cast<long long>((state_ >> 33) % static_cast<unsigned long long>(high - low + 1));
  }
  constexpr bool one_in(long long n) { return pick(1, n) == 1; }
  constexpr long long power(long long most) { return 1LL << pick(0, most); }

 private:
  unsigned long long state_;
};

/// Size, taps, outputs, stride, dilation, low padding of one axis of a valid problem.
struct RandomAxis {
  long long size = 1, taps = 1, outputs = 1, stride = 1, dilation = 1, pad = 0;
};
constexpr RandomAxis draw_axis(ConstexprRandom& random) {
  while (true) {
    RandomAxis a;
    a.size = random.pick(1, 13), a.taps = random.one_in(4) ? 1 : random.pick(1, 5);
    a.stride = random.pick(1, 3), a.pad = random.pick(0, 3);
    if (random.one_in(3)) a.dilation = random.pick(1, 4);
    if (random.one_in(8)) a.pad = random.pick(0, 15);
    long long high = random.pick(1 - a.stride, random.one_in(5) ? 12 : 3);
    if (random.one_in(12)) {  // a few taps or outputs far apart: offsets beyond 2^31
      const long long far = 1LL << random.pick(20, 29);
      if (random.one_in(2)) {
        a.stride = a.pad = far, high = far + random.pick(0, 3);
      } else {
        a.dilation = a.pad = far, high = far;
      }
    }
    a.outputs = (a.size + a.pad + high - ((a.taps - 1) * a.dilation + 1)) / a.stride + 1;
    // What the output size makes of the high padding must be more than minus the stride.
    const long long real =
        (a.outputs - 1) * a.stride + (a.taps - 1) * a.dilation + 1 - a.size - a.pad;
    if (a.outputs >= 1 && a.outputs <= 40 && real > -a.stride) return a;
  }
}

constexpr void draw_channels(ConstexprRandom& random, ConvConfig& c) {
  const long long groups = random.one_in(2) ? 1 : random.pick(1, 6);
  if (c.family == Family::kDepthwise) {
    c.groups = c.c = random.one_in(2) ? random.pick(1, 11) : 4 * random.pick(1, 6);
    c.k = c.c * (random.one_in(2) ? 1 : random.pick(1, 4));
    return;
  }
  c.groups = groups;
  c.c = groups * (random.one_in(2) ? random.pick(1, 9) : 4 * random.pick(1, 4));
  c.k = groups * (random.one_in(2) ? random.pick(1, 9) : 4 * random.pick(1, 4));
}

/// Every third problem in 8 bits, of depthwise every second. An s32 output has no epilogue.
constexpr void draw_types(ConstexprRandom& random, ConvConfig& c) {
  constexpr Type kTypes[] = {Type::kF32, Type::kTf32, Type::kF16, Type::kBf16};
  c.x_type = kTypes[random.pick(0, 3)];
  c.y_type = c.x_type == Type::kTf32 || random.one_in(6) ? Type::kF32 : c.x_type;
  if (random.one_in(8)) c.y_type = Type::kF16;
  if (!random.one_in(c.family == Family::kDepthwise ? 2 : 3)) return;
  constexpr Type kOutputs[] = {Type::kS8, Type::kU8, Type::kS32, Type::kF32, Type::kF16};
  c.x_type = random.one_in(2) ? Type::kS8 : Type::kU8;
  c.y_type = kOutputs[random.pick(0, 4)];
  c.zero_point = random.one_in(3);
}

constexpr void draw_tiles(ConstexprRandom& random, ConvConfig& c) {
  if (c.family == Family::kReference) return;
  const bool direct = c.family == Family::kDirect;
  c.block_m = static_cast<int>(direct ? random.power(3) : random.pick(1, 9));
  c.block_n = static_cast<int>(c.x_layout == Layout::kNchw && !direct ? 1 : random.power(3));
  c.block_k = static_cast<int>(!direct                       ? random.pick(1, 4)
                               : c.x_layout == Layout::kNchw ? 1
                                                             : random.power(4));
}

/// Epilogues by number: see tests/templates_host_test.cc.
inline constexpr int kEpilogues = 4;
constexpr int epilogue_number(const ConvConfig& c) {
  return c.operands == 0 ? 0 : c.operands == 3 ? 1 : c.operand_types == 0 ? 2 : 3;
}
constexpr void draw_epilogue(ConstexprRandom& random, ConvConfig& c) {
  constexpr Type kTypes[] = {Type::kS8, Type::kU8, Type::kF16, Type::kBf16, Type::kF32};
  const long long epilogue = c.y_type == Type::kS32 ? 0 : random.pick(0, kEpilogues - 1);
  if (epilogue == 1) c.operands = 3, c.per_channel_operands = 0b011;
  if (epilogue == 2) c.operands = 2, c.per_channel_operands = 0b10;
  if (epilogue == 3)
    c.operands = 2, c.operand_types = static_cast<unsigned>(kTypes[random.pick(0, 4)]) + 1;
}

constexpr ConvConfig draw_config(Family family, unsigned long long seed) {
  ConstexprRandom random(seed);
  while (true) {
    ConvConfig c;
    c.family = family;
    draw_channels(random, c);
    const RandomAxis h = draw_axis(random), w = draw_axis(random);
    c.h = h.size, c.r = h.taps, c.p = h.outputs;
    c.stride_h = h.stride, c.dilation_h = h.dilation, c.pad_h = h.pad;
    c.w = w.size, c.s = w.taps, c.q = w.outputs;
    c.stride_w = w.stride, c.dilation_w = w.dilation, c.pad_w = w.pad;
    if (c.k * c.p * c.q * c.c / c.groups * c.r * c.s > 60000) continue;
    c.x_layout = random.one_in(3) ? Layout::kNchw : Layout::kNhwc;
    c.y_layout = c.x_layout;
    if (family != Family::kDepthwise && random.one_in(5))
      c.y_layout = c.x_layout == Layout::kNchw ? Layout::kNhwc : Layout::kNchw;
    draw_types(random, c);
    draw_epilogue(random, c);
    draw_tiles(random, c);
    const char* why = family == Family::kDirect      ? why_illegal_direct(c)
                      : family == Family::kDepthwise ? why_illegal_depthwise(c)
                                                     : nullptr;
    if (why == nullptr) return c;
  }
}

}  // namespace convoke::cuda::test
