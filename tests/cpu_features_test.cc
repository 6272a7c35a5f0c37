// Decoding CPUID of processors that are not at hand, and CONVOKE_CPU_ISA.
#include "runtime/cpu_features.h"

#include <gtest/gtest.h>
#include <sys/auxv.h>

#include <cstring>
#include <map>
#include <utility>

#include "convoke/error.h"

namespace convoke {
namespace {

using Registers = CpuidSource::Registers;
using Leaves = std::map<std::pair<std::uint32_t, std::uint32_t>, Registers>;

constexpr std::uint32_t bits(std::initializer_list<int> indices) {
  std::uint32_t value = 0;
  for (const int index : indices) value |= std::uint32_t{1} << index;
  return value;
}

/// A processor with everything up to AMX; tests take things away.
struct FakeCpu {
  Leaves leaves{{{1, 0}, {0, 0, bits({12, 27, 28, 29}), 0}},
                {{7, 0}, {1, bits({5, 16, 17, 30, 31}), bits({11}), bits({22, 24, 25})}},
                {{7, 1}, {bits({5}), 0, 0, 0}}};
  std::uint64_t xcr0 = bits({0, 1, 2, 5, 6, 7, 17, 18});
  bool amx_granted = true;
  int amx_asked = 0;

  CpuidSource source() {
    return {[this](std::uint32_t leaf, std::uint32_t subleaf) {
              const auto it = leaves.find({leaf, subleaf});
              return it == leaves.end() ? Registers{} : it->second;
            },
            [this] { return xcr0; },
            [this] {
              ++amx_asked;
              return amx_granted;
            }};
  }
  IsaLevel level() { return detect_level(source()); }
};

/// A descriptor of leaf 4 or 0x8000001D. @param type 1 data, 2 instruction, 3 unified
Registers cache_leaf(int type, int level, std::uint32_t line, std::uint32_t ways,
                     std::uint32_t sets) {
  return {static_cast<std::uint32_t>(type | level << 5), (line - 1) | (ways - 1) << 22, sets - 1,
          0};
}

TEST(DetectLevel, EverythingGivesAmx) { EXPECT_EQ(FakeCpu().level(), IsaLevel::kAmx); }

TEST(DetectLevel, EachMissingFeatureLowersTheLevel) {
  struct Case {
    std::pair<std::uint32_t, std::uint32_t> leaf;
    int reg, bit;
    IsaLevel expected;
  };
  const Case cases[] = {
      {{1, 0}, 2, 12, IsaLevel::kSse2},        // FMA
      {{1, 0}, 2, 27, IsaLevel::kSse2},        // OSXSAVE
      {{1, 0}, 2, 28, IsaLevel::kSse2},        // AVX
      {{1, 0}, 2, 29, IsaLevel::kSse2},        // F16C
      {{7, 0}, 1, 5, IsaLevel::kSse2},         // AVX2
      {{7, 0}, 1, 16, IsaLevel::kAvx2},        // AVX512F
      {{7, 0}, 1, 17, IsaLevel::kAvx2},        // DQ
      {{7, 0}, 1, 30, IsaLevel::kAvx2},        // BW
      {{7, 0}, 1, 31, IsaLevel::kAvx2},        // VL
      {{7, 1}, 0, 5, IsaLevel::kAvx512Vnni},   // BF16
      {{7, 0}, 2, 11, IsaLevel::kAvx512},      // VNNI
      {{7, 0}, 3, 22, IsaLevel::kAvx512Bf16},  // AMX-BF16
      {{7, 0}, 3, 24, IsaLevel::kAvx512Bf16},  // AMX-TILE
      {{7, 0}, 3, 25, IsaLevel::kAvx512Bf16},  // AMX-INT8
  };
  for (const Case& c : cases) {
    FakeCpu cpu;
    cpu.leaves[c.leaf][c.reg] &= ~bits({c.bit});
    EXPECT_EQ(cpu.level(), c.expected)
        << "leaf " << c.leaf.first << " register " << c.reg << " bit " << c.bit;
  }
}

TEST(DetectLevel, RegistersThatTheSystemDoesNotSaveAreNotUsed) {
  const std::pair<int, IsaLevel> cases[] = {
      {2, IsaLevel::kSse2}, {5, IsaLevel::kAvx2},        {6, IsaLevel::kAvx2},
      {7, IsaLevel::kAvx2}, {17, IsaLevel::kAvx512Bf16}, {18, IsaLevel::kAvx512Bf16}};
  for (const auto& [missing, expected] : cases) {
    FakeCpu cpu;
    cpu.xcr0 &= ~bits({missing});
    EXPECT_EQ(cpu.level(), expected) << "XCR0 bit " << missing;
  }
}

TEST(DetectLevel, AmxNeedsThePermissionAndAsksOnlyWhereItMatters) {
  FakeCpu refused;
  refused.amx_granted = false;
  EXPECT_EQ(refused.level(), IsaLevel::kAvx512Bf16);
  EXPECT_EQ(refused.amx_asked, 1);
  FakeCpu without;
  without.leaves[{7, 0}][3] = 0;
  EXPECT_EQ(without.level(), IsaLevel::kAvx512Bf16);
  EXPECT_EQ(without.amx_asked, 0);
}

TEST(DetectCaches, ReadsIntelAndAmdLeaves) {
  for (const std::uint32_t leaf : {4u, 0x8000001du}) {
    FakeCpu cpu;
    cpu.leaves[{leaf, 0}] = cache_leaf(1, 1, 64, 12, 64);
    cpu.leaves[{leaf, 1}] = cache_leaf(2, 1, 64, 8, 1024);  // instructions: not ours
    cpu.leaves[{leaf, 2}] = cache_leaf(3, 2, 64, 16, 2048);
    cpu.leaves[{leaf, 3}] = cache_leaf(3, 3, 64, 16, 32768);
    CpuIsa isa;
    detect_caches(cpu.source(), isa);
    EXPECT_EQ(isa.l1_bytes, 48 << 10) << "leaf " << leaf;
    EXPECT_EQ(isa.l2_bytes, 2 << 20) << "leaf " << leaf;
    EXPECT_EQ(isa.l3_bytes, 32 << 20) << "leaf " << leaf;
  }
}

TEST(DetectCaches, NonsenseLeavesTheDefaults) {
  FakeCpu cpu;
  cpu.leaves[{4, 0}] = cache_leaf(1, 1, 1, 1, 1);   // 1 byte
  cpu.leaves[{4, 1}] = {3 | 2 << 5, ~0u, ~0u, 0};   // exabytes
  cpu.leaves[{4, 2}] = cache_leaf(3, 3, 64, 1, 1);  // 64 bytes
  for (std::uint32_t i = 3; i < 100; ++i) cpu.leaves[{4, i}] = cache_leaf(3, 4, 64, 1, 1);
  CpuIsa isa, defaults;
  detect_caches(cpu.source(), isa);
  EXPECT_EQ(isa.l1_bytes, defaults.l1_bytes);
  EXPECT_EQ(isa.l2_bytes, defaults.l2_bytes);
  EXPECT_EQ(isa.l3_bytes, defaults.l3_bytes);
}

TEST(DetectModel, TrimsTheBrandString) {
  FakeCpu cpu;
  char brand[48] = "   Fake CPU  @ 1.00GHz   ";
  for (std::uint32_t i = 0; i < 3; ++i) {
    std::memcpy(cpu.leaves[{0x80000002 + i, 0}].data(), brand + 16 * i, 16);
  }
  EXPECT_EQ(detect_model(cpu.source()), "Fake CPU  @ 1.00GHz");
  EXPECT_EQ(detect_model(FakeCpu().source()), "unknown x86-64 processor");
}

TEST(DetectModel, BrandWithoutTerminatorIsRead) {
  FakeCpu cpu;
  for (std::uint32_t i = 0; i < 3; ++i) {
    std::memset(cpu.leaves[{0x80000002 + i, 0}].data(), 'x', 16);
  }
  EXPECT_EQ(detect_model(cpu.source()), std::string(48, 'x'));
}

std::string error_of(IsaLevel hardware, const std::string& asked) {
  try {
    lower_level(hardware, asked);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "no error";
}

TEST(LowerLevel, LowersAndRefuses) {
  EXPECT_EQ(lower_level(IsaLevel::kAvx2, ""), IsaLevel::kAvx2);
  EXPECT_EQ(lower_level(IsaLevel::kAmx, "sse2"), IsaLevel::kSse2);
  EXPECT_EQ(lower_level(IsaLevel::kAvx2, "avx2"), IsaLevel::kAvx2);
  EXPECT_EQ(error_of(IsaLevel::kAvx2, "avx512"),
            "CONVOKE_CPU_ISA=avx512 is more than this processor has (avx2): it can only lower the "
            "instruction set");
  EXPECT_EQ(error_of(IsaLevel::kAmx, "AVX2"),
            "unknown instruction set 'AVX2': use sse2, avx2, avx512, avx512vnni, avx512bf16 or amx");
}

TEST(IsaLevel, NamesRoundTripAndOrder) {
  IsaLevel previous = IsaLevel::kSse2;
  for (const char* name : {"sse2", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx"}) {
    const IsaLevel level = parse_isa_level(name);
    EXPECT_STREQ(to_string(level), name);
    EXPECT_EQ(isa_key({level}), name);
    EXPECT_GE(level, previous);
    previous = level;
  }
}

// The compiler's own detection is a second opinion on the machine that runs this.
TEST(Host, AgreesWithTheCompilersRuntime) {
  __builtin_cpu_init();
  const CpuDescription& cpu = cpu_description();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  EXPECT_EQ(cpu.hardware.level >= IsaLevel::kAvx2, avx2);
  EXPECT_EQ(cpu.hardware.level >= IsaLevel::kAvx512, avx512);
  EXPECT_LE(cpu.isa.level, cpu.hardware.level);
  EXPECT_FALSE(cpu.model.empty());
  EXPECT_GT(cpu.max_ghz, 0.5);
  EXPECT_LT(cpu.max_ghz, 8.0);
}

}  // namespace
}  // namespace convoke
