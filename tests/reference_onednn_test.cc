// The f64 reference against oneDNN, an implementation that shares nothing with this project, on odd
// shapes: random ones, and a list of what goes wrong most (strides, dilation, groups, depthwise,
// uneven and huge padding, tails).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>

#include "autotune/expected.h"
#include "autotune/peer.h"
#include "autotune/tolerance.h"
#include "compiler/spec_text.h"

namespace convoke {
namespace {

const Peer& onednn() {
  static const Peer peer(CONVOKE_PEER_ONEDNN);
  return peer;
}

/// 64-byte aligned copies for the peer.
using Aligned = std::unique_ptr<std::byte, decltype(&std::free)>;
Aligned aligned(std::size_t bytes) {
  return {static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 127) / 64 * 64)), &std::free};
}

enum class Outcome { kAgrees, kUnsupported };

/// Integers must agree exactly; floats within the tolerance that kernels are held to.
Outcome compare(const ConvSpec& spec) {
  for (const FillKind kind : {FillKind::kIntegers, FillKind::kFloats}) {
    const Epilogue identity;
    const Inputs inputs = make_inputs(spec, identity, spec.n, kind, 11);
    const Expected expected = make_expected(nullptr, spec, identity, inputs, spec.n, kind, nullptr);
    const Aligned x = aligned(inputs.x.size());
    const std::size_t y_bytes = byte_size(spec.y_elements(spec.n), spec.y_type);
    const Aligned y = aligned(y_bytes);
    std::memcpy(x.get(), inputs.x.data(), inputs.x.size());
    std::memset(y.get(), 0xff, y_bytes);
    try {
      onednn().create(spec, inputs.w.data(), 1).run(x.get(), y.get());
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnsupported) throw;
      return Outcome::kUnsupported;
    }
    for (std::int64_t i = 0; i < spec.y_elements(spec.n); ++i) {
      const double tolerance = expected.tolerance.empty() ? 0 : expected.tolerance[i];
      const double got = load_element(y.get(), i, spec.y_type);
      if (std::abs(got - expected.value[i]) <= tolerance) continue;
      ADD_FAILURE() << print_spec(spec) << ": output " << i << " is " << got
                    << ", the reference says " << expected.value[i] << " +- " << tolerance;
      return Outcome::kAgrees;
    }
  }
  return Outcome::kAgrees;
}

constexpr const char* kOddShapes[] = {
    "mb1ic1ih1oc1oh1kh1ph0",
    "mb2ic17ih13oc33oh13kh3ph1",
    "mb1ic3ih224iw11oc8oh112ow6kh7kw7sh2sw2ph3pw3",
    "mb3ic5ih10oc7oh5kh2sh2ph0",
    "mb1ic8ih9oc8oh4kh1sh3ph1",
    "mb1ic4ih23oc9oh9kh3dh6ph0",
    "mb1ic4ih17oc9oh17kh3dh3ph4",
    "mb1ic6ih16oc6oh8kh3sh2dh1ph2",
    "g2mb2ic10ih9oc14oh9kh3ph1",
    "g3mb1ic3ih8oc9oh8kh3ph1",
    "g5mb1ic20ih7oc15oh4kh3sh2ph1",
    "g13mb1ic13ih11oc13oh11kh3ph1",
    "g13mb2ic13ih11oc13oh6kh5sh2ph2",
    "g16mb1ic16ih5oc32oh5kh3ph1",
    "g32mb1ic32ih9oc32oh5kh3sh2dh0ph1",
    "mb1ic3ih17iw9oc4oh17ow9kh1kw7ph0pw3",
    "mb1ic3ih17iw9oc4oh17ow9kh7kw1ph3pw0",
    "mb1ic2ih3oc5oh13kh3ph6",
    "mb1ic2ih5iw7oc5oh8ow5kh4kw4ph3pw0",
    "mb1ic2ih4oc3oh6kh2ph1",
    "mb1ic31ih6oc63oh6kh1ph0",
    "mb2ic16ih1iw50oc16oh1ow48kh1kw3ph0pw0",
    "mb1ic7ih30iw1oc5oh30ow1kh5kw1ph2pw0",
    "mb1ic257ih3oc5oh3kh3ph1",
};

ConvSpec random_spec(std::mt19937& random) {
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  while (true) {
    ConvSpec spec;
    spec.groups = pick(0, 2) == 0 ? pick(2, 9) : 1;
    spec.n = pick(1, 3), spec.c = spec.groups * pick(1, 19), spec.k = spec.groups * pick(1, 35);
    spec.h = pick(1, 20), spec.w = pick(1, 20), spec.r = pick(1, 5), spec.s = pick(1, 5);
    spec.stride_h = pick(1, 3), spec.stride_w = pick(1, 3);
    spec.dilation_h = pick(1, 3), spec.dilation_w = pick(1, 3);
    spec.pad_h = pick(0, 4), spec.pad_w = pick(0, 4);
    spec.p = pick(1, 22), spec.q = pick(1, 22);
    if (pick(0, 3) == 0) spec.x_layout = spec.y_layout = Layout::kNchw;
    try {
      spec.validate();
      return spec;
    } catch (const Error&) {  // most draws have no consistent output size
    }
  }
}

TEST(ReferenceAgainstOneDnn, AgreesOnOddShapes) {
  for (const char* text : kOddShapes)
    EXPECT_EQ(compare(parse_problem(text).spec), Outcome::kAgrees) << text;
}

TEST(ReferenceAgainstOneDnn, AgreesOnRandomShapes) {
  std::mt19937 random(5);
  for (int i = 0; i < 60; ++i) {
    const ConvSpec spec = random_spec(random);
    EXPECT_EQ(compare(spec), Outcome::kAgrees) << print_spec(spec);
  }
}

/// oneDNN has bf16 and f16 only on some processors and in some versions.
TEST(ReferenceAgainstOneDnn, AgreesInSixteenBitsWhereThePeerHasThem) {
  int agreed = 0;
  for (const DataType type : {DataType::kBf16, DataType::kF16})
    for (const char* text : kOddShapes) {
      ConvSpec spec = parse_problem(text).spec;
      set_data_type(spec, type);
      agreed += compare(spec) == Outcome::kAgrees;
    }
  if (agreed == 0) GTEST_SKIP() << onednn().version() << " has neither bf16 nor f16 here";
}

}  // namespace
}  // namespace convoke
