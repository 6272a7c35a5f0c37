// The elementwise units through NVRTC: every pair of types and every form of channels, the
// architectures in turn. All must compile without spills, stack frames or dropped directives. No
// GPU is needed.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "compiler/emit_elementwise.h"
#include "convoke/error.h"
#include "runtime/cuda_compiler.h"

namespace convoke {
namespace {

using elementwise::Config;
using elementwise::Kind;
using elementwise::Type;

constexpr Type kReals[] = {Type::kF32, Type::kF16, Type::kBf16};
struct Shape {
  long long channels, inner;
};
/// Every pair of types with one step, and some with: runs of whole vectors and of others;
/// neighbours of different channels; periods that are no multiple of a vector, and beyond 2^31 / 2.
constexpr Shape kShapes[] = {{1, 1}, {64, 576}, {64, 27}, {64, 1}, {27, 1}, {7, 200000003}};

std::vector<Config> configs() {
  std::vector<Config> all;
  for (const Shape& shape : kShapes)
    for (const Type x : kReals) {
      for (const Type y : {Type::kS8, Type::kU8}) {
        Config c{Kind::kQuantizer, x, y, -128, 127, shape.channels, shape.inner};
        if (y == Type::kU8) c.low = 0, c.high = 255;
        all.push_back(c);
      }
      for (const Type y : kReals)
        if (x == y || shape.channels == 1)
          all.push_back({Kind::kLsq, x, y, -8, 7, shape.channels, shape.inner});
    }
  return all;
}

TEST(Elementwise, EveryUnitCompilesCleanly) {
  const Nvrtc* compiler = nullptr;
  try {
    compiler = &nvrtc();
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  std::size_t next = 0;
  for (const Config& config : configs()) {
    const CudaDevice& device = known_cuda_devices()[next++ % known_cuda_devices().size()];
    const std::string what = describe_elementwise(config) + " on " + arch_name(device);
    try {
      const CudaImage image = compile_cuda(
          *compiler, template_files(),
          {emit_elementwise(config), compile_arch(device, *compiler), what, "unit"}, "");
      EXPECT_EQ(why_slow(image.resources), "") << what;
      EXPECT_EQ(image.log.find("warning"), std::string::npos) << what << '\n' << image.log;
      RecordProperty(what, image.resources.registers);
    } catch (const Error& error) {
      ADD_FAILURE() << what << ": " << error.what();
    }
  }
}

}  // namespace
}  // namespace convoke
