// The instruction sets and caches that a CPU kernel is emitted for. Pure data: discovery lives in
// runtime/cpu_features, and CONVOKE_CPU_ISA can lower the level to try another machine's code.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace convoke {

/// Levels in increasing order; each includes those before it.
///  kSse2        the x86-64 baseline: 4 lanes, no fused multiply-add
///  kAvx2        AVX2 + FMA + F16C: 8 lanes
///  kAvx512      AVX-512 F, BW, DQ, VL: 16 lanes
///  kAvx512Vnni  and vpdpbusd, vpdpwssd
///  kAvx512Bf16  and vdpbf16ps; every such processor has AVX512-VNNI
///  kAmx         and AMX-TILE, AMX-BF16, AMX-INT8 with the kernel's permission
enum class IsaLevel { kSse2, kAvx2, kAvx512, kAvx512Vnni, kAvx512Bf16, kAmx };
inline constexpr std::array kIsaLevels = {IsaLevel::kSse2,       IsaLevel::kAvx2,
                                          IsaLevel::kAvx512,     IsaLevel::kAvx512Vnni,
                                          IsaLevel::kAvx512Bf16, IsaLevel::kAmx};
/// @throws Error kUsage, always: there is no such level.
[[noreturn]] void no_isa_level(int number);

struct CpuIsa {
  IsaLevel level = IsaLevel::kSse2;
  std::int64_t l1_bytes = 32 << 10;   ///< data cache of one core
  std::int64_t l2_bytes = 256 << 10;  ///< of one core
  std::int64_t l3_bytes = 0;          ///< shared; 0 if there is none

  int lanes() const {
    return level == IsaLevel::kSse2 ? 4 : level == IsaLevel::kAvx2 ? 8 : 16;
  }  ///< f32 in a vector
  int vector_registers() const { return level >= IsaLevel::kAvx512 ? 32 : 16; }
  bool has_fma() const { return level >= IsaLevel::kAvx2; }
  bool has_bf16_dot() const { return level >= IsaLevel::kAvx512Bf16; }
  /// Pairs of s16, and fours of u8 by s8, are multiplied and added to the sum by one instruction.
  bool has_vnni() const { return level >= IsaLevel::kAvx512Vnni; }
  bool has_amx() const { return level >= IsaLevel::kAmx; }
};

/// "sse2", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx"
const char* to_string(IsaLevel);
IsaLevel parse_isa_level(const std::string&);  ///< @throws Error kUsage

/// What the code depends on, for keys: the level alone ("avx2"). Cache sizes steer only the choice
/// of a config.
std::string isa_key(const CpuIsa&);

}  // namespace convoke
