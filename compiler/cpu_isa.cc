#include "compiler/cpu_isa.h"

#include <fmt/format.h>

#include "convoke/error.h"

namespace convoke {

void no_isa_level(int number) {
  throw Error(ErrorCode::kUsage, fmt::format("instruction set level {} is not one of 0..{}", number,
                                             kIsaLevels.size() - 1));
}

const char* to_string(IsaLevel level) {
  switch (level) {
    case IsaLevel::kSse2:
      return "sse2";
    case IsaLevel::kAvx2:
      return "avx2";
    case IsaLevel::kAvx512:
      return "avx512";
    case IsaLevel::kAvx512Vnni:
      return "avx512vnni";
    case IsaLevel::kAvx512Bf16:
      return "avx512bf16";
    case IsaLevel::kAmx:
      return "amx";
  }
  no_isa_level(static_cast<int>(level));
}

IsaLevel parse_isa_level(const std::string& text) {
  for (const IsaLevel level : kIsaLevels) {
    if (text == to_string(level)) return level;
  }
  throw Error(
      ErrorCode::kUsage,
      fmt::format(
          "unknown instruction set '{}': use sse2, avx2, avx512, avx512vnni, avx512bf16 or amx",
          text));
}

std::string isa_key(const CpuIsa& isa) { return to_string(isa.level); }

}  // namespace convoke
