#include "compiler/emit_elementwise.h"

#include <fmt/format.h>

namespace convoke {
namespace {

using elementwise::Config;
using elementwise::Kind;
using elementwise::Type;

/// As enumerators spell it behind their k.
const char* name(Type type) {
  switch (type) {
    case Type::kF32:
      return "F32";
    case Type::kF16:
      return "F16";
    case Type::kBf16:
      return "Bf16";
    case Type::kS8:
      return "S8";
    case Type::kU8:
      return "U8";
    case Type::kTf32:
    case Type::kS32:
      break;
  }
  return "?";
}

std::string entry(const char* name, const std::string& function) {
  return fmt::format(
      "extern \"C\" __global__ void __launch_bounds__(ew::kThreads, ew::min_blocks(kConfig))\n"
      "convoke_{}(const __grid_constant__ ew::Args args) {{ run_{}(args); }}\n",
      name, function);
}

}  // namespace

std::string emit_elementwise(const Config& c) {
  const bool lsq = c.kind == Kind::kLsq;
  std::string source = fmt::format(
      "#include \"templates/elementwise.cuh\"\n\nnamespace convoke::cuda {{\n"
      "constexpr ew::Config kConfig{{\n"
      "    .kind = ew::Kind::{}, .x = Type::k{}, .y = Type::k{},\n"
      "    .low = {}, .high = {}, .channels = {}, .inner = {}}};\n",
      lsq ? "kLsq" : "kQuantizer", name(c.x), name(c.y), c.low, c.high, c.channels, c.inner);
  if (lsq)
    source += entry("forward", "forward<kConfig>") + entry("backward", "sums<kConfig, true>") +
              entry("gradient_totals", "totals<kConfig, true>") +
              entry("magnitudes", "sums<kConfig, false>") +
              entry("step_totals", "totals<kConfig, false>");
  else
    source += entry("quantize", "quantize<kConfig>") + entry("dequantize", "dequantize<kConfig>");
  return source + "}  // namespace convoke::cuda\n";
}

std::string describe_elementwise(const Config& c) {
  const std::string channels =
      c.channels == 1 ? "" : fmt::format(" of {} channels by {}", c.channels, c.inner);
  return fmt::format("{} {} {} [{},{}]{}", c.kind == Kind::kLsq ? "lsq" : "quantizer", name(c.x),
                     name(c.y), c.low, c.high, channels);
}

}  // namespace convoke
