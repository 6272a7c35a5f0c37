// Weight packing against a walk through the documented layout, element after element, and the
// 16-bit floats against their definition.
#include "runtime/cpu_pack.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "compiler/spec_text.h"
#include "convoke/error.h"
#include "runtime/half.h"

namespace convoke {
namespace {

/// A value of its own for each weight, exact in every type: small integers, never zero.
float weight(const ConvSpec& spec, std::int64_t index) {
  const auto number = static_cast<float>(index % 251);
  return spec.w_type != DataType::kS8 ? number - 255 : number < 128 ? number - 128 : number - 127;
}

std::uint16_t half_of_integer(float value) {
  int exponent = 0;
  const float fraction = std::frexp(std::fabs(value), &exponent);  // [0.5, 1)
  const int bits = ((exponent + 14) << 10) | (static_cast<int>(fraction * 2048) & 0x3ff);
  return static_cast<std::uint16_t>(bits | (value < 0 ? 0x8000 : 0));
}

std::vector<std::byte> plain_weights(const ConvSpec& spec) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(spec.w_elements() * size_of(spec.w_type)));
  for (std::int64_t i = 0; i < spec.w_elements(); ++i) {
    const float f = weight(spec, i);
    if (spec.w_type == DataType::kS8) {
      bytes[static_cast<std::size_t>(i)] = static_cast<std::byte>(static_cast<std::int8_t>(f));
      continue;
    }
    const auto h = static_cast<std::uint16_t>(
        spec.w_type == DataType::kF16 ? half_of_integer(f) : bits_of_float(f) >> 16);
    if (size_of(spec.w_type) == 4)
      std::memcpy(bytes.data() + 4 * i, &f, 4);
    else
      std::memcpy(bytes.data() + 2 * i, &h, 2);
  }
  return bytes;
}

std::int64_t plain_index(const ConvSpec& spec, std::int64_t k, std::int64_t c, std::int64_t r,
                         std::int64_t s) {
  const std::int64_t channels = spec.c_per_group();
  return spec.x_layout == Layout::kNhwc ? ((k * spec.r + r) * spec.s + s) * channels + c
                                        : ((k * channels + c) * spec.r + r) * spec.s + s;
}

/// The layout of PackedWeights, read aloud: what each place must hold, in order.
std::vector<float> expected(const ConvSpec& spec, const PackedWeights& packed) {
  std::vector<float> values;
  for (std::int64_t g = 0; g < packed.groups; ++g)
    for (const PanelKind& kind : packed.kinds)
      for (int panel = 0; panel < kind.count; ++panel)
        for (std::int64_t c0 = 0; c0 < spec.c_per_group(); c0 += packed.kc)
          for (std::int64_t r = packed.r.begin; r < packed.r.end; ++r)
            for (std::int64_t s = packed.s.begin; s < packed.s.end; ++s)
              for (std::int64_t c = 0; c < packed.kc; c += packed.pair)
                for (std::int64_t f = 0; f < std::int64_t{kind.vectors} * packed.lanes; ++f)
                  for (int j = 0; j < packed.pair; ++j) {
                    const std::int64_t k =
                        kind.first_filter + std::int64_t{panel} * kind.vectors * packed.lanes + f;
                    const bool real = k < packed.filters && c + j < packed.kc;
                    values.push_back(real ? weight(spec, plain_index(spec, g * packed.filters + k,
                                                                     c0 + c + j, r, s))
                                          : 0.0f);
                  }
  return values;
}

void check(const ConvSpec& spec, const PackedWeights& packed, const std::string& what) {
  const WeightPacker packer(spec, packed);
  const std::vector<float> want = expected(spec, packed);
  const std::size_t element = static_cast<std::size_t>(size_of(packed.type));
  ASSERT_EQ(want.size() * element, static_cast<std::size_t>(packed.bytes)) << what;
  const std::vector<std::byte> w = plain_weights(spec);
  constexpr std::size_t kZone = 64;
  std::vector<std::byte> out(kZone + static_cast<std::size_t>(packed.bytes) + kZone,
                             std::byte{0x5A});
  // Units in any order and in any pieces.
  for (std::int64_t unit = packer.units(); unit-- > 0;)
    packer.pack(w.data(), out.data() + kZone, unit, unit + 1);
  for (std::size_t i = 0; i < want.size(); ++i) {
    const auto read = [&](auto value) {
      std::memcpy(&value, out.data() + kZone + sizeof value * i, sizeof value);
      return value;
    };
    const float got = packed.type == PackedType::kF32    ? read(float{})
                      : packed.type == PackedType::kBf16 ? bf16_to_float(read(std::uint16_t{}))
                      : packed.type == PackedType::kS8   ? read(std::int8_t{})
                      : packed.type == PackedType::kS16  ? read(std::int16_t{})
                                                         : static_cast<float>(read(std::int32_t{}));
    ASSERT_EQ(got, want[i]) << what << " element " << i;
  }
  for (std::size_t i = 0; i < kZone; ++i) {
    ASSERT_EQ(out[i], std::byte{0x5A}) << what;
    ASSERT_EQ(out[out.size() - 1 - i], std::byte{0x5A}) << what;
  }
}

void check(const ConvSpec& spec, int nv, int lanes, std::int64_t kc, PackedType type) {
  check(spec, make_packed_weights(spec, nv, lanes, kc, type),
        print_spec(spec) + " nv " + std::to_string(nv) + " lanes " + std::to_string(lanes) +
            " kc " + std::to_string(kc) + " type " + std::to_string(static_cast<int>(type)));
}

TEST(WeightPacker, PanelsOfTheDepthwiseFamilyRunAcrossGroups) {
  for (const char* text : {"g13mb1ic13ih8oc13oh8kh3ph1", "g3mb1ic6ih8oc12oh6kh3"})
    for (const IsaLevel level : {IsaLevel::kSse2, IsaLevel::kAvx2}) {
      const ConvSpec spec = parse_problem(text).spec;
      const PackedWeights packed = make_depthwise_schedule(spec, {}, {.level = level}).weights;
      EXPECT_EQ(packed.groups, 1);
      EXPECT_EQ(packed.filters, spec.k);
      check(spec, packed, std::string(text) + " " + to_string(level));
    }
}

TEST(WeightPacker, FollowsTheLayout) {
  for (const char* text : {"mb1ic4ih8oc16oh8kh3ph1", "mb1ic6ih8oc13oh6kh3", "g3mb1ic9ih8oc15oh6kh3",
                           "mb1ic1ih8oc1oh8kh1", "mb1ic8ih1oc40oh1kh3ph1",
                           "g8mb1ic8ih8oc8oh8kh3ph1", "mb1ic10ih5iw9oc33oh3ow3kh3kw7"})
    for (const char* layout : {" layout=nhwc", " layout=nchw"})
      for (const char* type :
           {" dtype=f32", " dtype=tf32", " dtype=f16", " dtype=bf16", " dtype=s8"}) {
        const ConvSpec spec = parse_problem(std::string(text) + layout + type).spec;
        std::vector<PackedType> types = {PackedType::kF32, PackedType::kBf16};
        if (spec.w_type == DataType::kS8)
          types = {PackedType::kF32, PackedType::kS8, PackedType::kS16, PackedType::kS32};
        for (const int nv : {1, 2, 3})
          for (const int lanes : {4, 8})
            for (const PackedType packed : types)
              for (std::int64_t kc = 0; kc <= spec.c_per_group(); ++kc)
                if (kc == 0 || spec.c_per_group() % kc == 0) check(spec, nv, lanes, kc, packed);
      }
}

TEST(WeightPacker, RefusesWeightsOfOtherTypes) {
  ConvSpec spec;
  spec.w_type = DataType::kU8;
  try {
    WeightPacker packer(spec, make_packed_weights(ConvSpec{}, 1, 8, 0));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("type u8"), std::string::npos);
  }
}

TEST(Half, EveryValue) {
  for (int bits = 0; bits < 65536; ++bits) {
    const int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
    const float got = half_to_float(static_cast<std::uint16_t>(bits));
    if (exponent == 31 && mantissa != 0) {
      EXPECT_TRUE(std::isnan(got)) << bits;
      continue;
    }
    double want = exponent == 31  ? std::numeric_limits<double>::infinity()
                  : exponent == 0 ? std::ldexp(mantissa, -24)
                                  : std::ldexp(1024 + mantissa, exponent - 25);
    want = (bits & 0x8000) != 0 ? -want : want;
    EXPECT_EQ(got, static_cast<float>(want)) << bits;
    EXPECT_EQ(std::signbit(got), (bits & 0x8000) != 0) << bits;
  }
}

TEST(Bf16, RoundsToNearestEven) {
  for (int bits = 0; bits < 65536; ++bits) {
    const float exact = bf16_to_float(static_cast<std::uint16_t>(bits));
    if (std::isnan(exact)) {
      EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(exact)))) << bits;
      continue;
    }
    EXPECT_EQ(float_to_bf16(exact), bits);
    if (std::isinf(exact)) continue;
    const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
    EXPECT_EQ(float_to_bf16(float_of_bits(wide | 0x7fff)), bits) << "below the middle";
    EXPECT_EQ(float_to_bf16(float_of_bits(wide | 0x8001)), bits + 1) << "above the middle";
    EXPECT_EQ(float_to_bf16(float_of_bits(wide | 0x8000)), bits + (bits & 1)) << "a tie";
  }
  EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(float_of_bits(0x7f800001)))))
      << "a NaN that truncation would lose";
}

}  // namespace
}  // namespace convoke
