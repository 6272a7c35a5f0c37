#include "runtime/cpu_features.h"

#include <cpuid.h>
#include <fmt/format.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "convoke/error.h"
#include "runtime/env.h"

namespace convoke {
namespace {

using Registers = CpuidSource::Registers;
enum { kEax, kEbx, kEcx, kEdx };

bool bit(std::uint64_t value, int index) { return (value >> index & 1) != 0; }

bool all_bits(std::uint64_t value, std::initializer_list<int> indices) {
  return std::all_of(indices.begin(), indices.end(), [&](int index) { return bit(value, index); });
}

__attribute__((target("xsave"))) std::uint64_t read_xcr0() { return _xgetbv(0); }

/// Linux gives AMX's tile registers only to processes that ask (arch_prctl, since 5.16).
bool request_amx_permission() {
  constexpr int kArchReqXcompPerm = 0x1023;
  constexpr int kXfeatureXtileData = 18;
  return syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureXtileData) == 0;
}

bool has_avx2(const Registers& leaf1, const Registers& leaf7) {
  return all_bits(leaf1[kEcx], {12 /*FMA*/, 28 /*AVX*/, 29 /*F16C*/}) &&
         bit(leaf7[kEbx], 5 /*AVX2*/);
}

bool has_avx512(const Registers& leaf7) {
  return all_bits(leaf7[kEbx], {16 /*F*/, 17 /*DQ*/, 30 /*BW*/, 31 /*VL*/});
}

bool has_amx(const Registers& leaf7) {
  return all_bits(leaf7[kEdx], {22 /*AMX-BF16*/, 24 /*AMX-TILE*/, 25 /*AMX-INT8*/});
}

struct Cache {
  int level = 0;
  std::int64_t bytes = 0;
};

/// One descriptor of leaf 4 (Intel) or 0x8000001D (AMD), which share a layout; level 0 ends the
/// list.
Cache decode_cache(const Registers& r) {
  const std::uint32_t type = r[kEax] & 31;
  if (type == 0) return {};
  const std::int64_t line = (r[kEbx] & 0xfff) + 1;
  const std::int64_t partitions = (r[kEbx] >> 12 & 0x3ff) + 1;
  const std::int64_t ways = (r[kEbx] >> 22) + 1;
  const std::int64_t sets = std::int64_t{r[kEcx]} + 1;
  const bool holds_data = type == 1 || type == 3;
  return {static_cast<int>(r[kEax] >> 5 & 7), holds_data ? line * partitions * ways * sets : 0};
}

void take_if_sane(std::int64_t bytes, std::int64_t lo, std::int64_t hi, std::int64_t& out) {
  if (bytes >= lo && bytes <= hi) out = bytes;
}

void take_cache(const Cache& cache, CpuIsa& isa) {
  constexpr std::int64_t kKiB = 1 << 10, kMiB = 1 << 20, kGiB = 1 << 30;
  if (cache.level == 1) take_if_sane(cache.bytes, 8 * kKiB, kMiB, isa.l1_bytes);
  if (cache.level == 2) take_if_sane(cache.bytes, 64 * kKiB, 64 * kMiB, isa.l2_bytes);
  if (cache.level == 3) take_if_sane(cache.bytes, 256 * kKiB, 4 * kGiB, isa.l3_bytes);
}

/// A chain of dependent 64-bit multiplications takes 3 cycles each on every x86-64 processor with
/// AVX2 and on most without. The fastest of a few short runs is close to the clock at which one
/// core runs now.
double measure_ghz() {
  constexpr int kLinks = 30000;
  constexpr double kCyclesPerLink = 3;
  double best_ns = 1e18;
  volatile std::uint64_t sink = 0x9e3779b97f4a7c15;
  for (int run = 0; run < 8; ++run) {
    std::uint64_t x = sink;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kLinks; ++i) x *= x;
    sink = x;
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
    best_ns = std::min(best_ns, spent.count());
  }
  return kLinks * kCyclesPerLink / best_ns;
}

CpuDescription describe() {
  const CpuidSource source = host_cpuid();
  CpuDescription result;
  result.model = detect_model(source);
  result.hardware.level = detect_level(source);
  // glibc's view first: CPUID overrides what it reports sanely.
  take_cache({1, sysconf(_SC_LEVEL1_DCACHE_SIZE)}, result.hardware);
  take_cache({2, sysconf(_SC_LEVEL2_CACHE_SIZE)}, result.hardware);
  take_cache({3, sysconf(_SC_LEVEL3_CACHE_SIZE)}, result.hardware);
  detect_caches(source, result.hardware);
  result.isa = result.hardware;
  result.isa.level = lower_level(result.hardware.level, env_value(EnvVar::kCpuIsa));
  result.max_ghz = measure_ghz();
  return result;
}

}  // namespace

CpuidSource host_cpuid() {
  const auto cpuid = [](std::uint32_t leaf, std::uint32_t subleaf) {
    Registers r{};
    if (__get_cpuid_count(leaf, subleaf, &r[kEax], &r[kEbx], &r[kEcx], &r[kEdx]) == 0) r = {};
    return r;
  };
  return {cpuid, read_xcr0, request_amx_permission};
}

IsaLevel detect_level(const CpuidSource& source) {
  const Registers leaf1 = source.cpuid(1, 0);
  const Registers leaf7 = source.cpuid(7, 0);
  if (!bit(leaf1[kEcx], 27 /*OSXSAVE*/)) return IsaLevel::kSse2;
  const std::uint64_t xcr0 = source.xcr0();
  if (!all_bits(xcr0, {1 /*xmm*/, 2 /*ymm*/}) || !has_avx2(leaf1, leaf7)) return IsaLevel::kSse2;
  if (!all_bits(xcr0, {5 /*masks*/, 6, 7 /*zmm*/}) || !has_avx512(leaf7)) return IsaLevel::kAvx2;
  if (!bit(leaf7[kEcx], 11 /*AVX512-VNNI*/)) return IsaLevel::kAvx512;
  if (!bit(source.cpuid(7, 1)[kEax], 5 /*AVX512-BF16*/)) return IsaLevel::kAvx512Vnni;
  if (!all_bits(xcr0, {17, 18 /*tiles*/}) || !has_amx(leaf7) || !source.request_amx()) {
    return IsaLevel::kAvx512Bf16;
  }
  return IsaLevel::kAmx;
}

std::string detect_model(const CpuidSource& source) {
  std::string brand;
  for (std::uint32_t leaf = 0x80000002; leaf <= 0x80000004; ++leaf) {
    const Registers r = source.cpuid(leaf, 0);
    brand.append(reinterpret_cast<const char*>(r.data()), sizeof r);
  }
  brand.resize(std::strlen(brand.c_str()));
  const auto first = brand.find_first_not_of(' ');
  if (first == std::string::npos) return "unknown x86-64 processor";
  return brand.substr(first, brand.find_last_not_of(' ') - first + 1);
}

void detect_caches(const CpuidSource& source, CpuIsa& isa) {
  constexpr std::uint32_t kIntelLeaf = 4, kAmdLeaf = 0x8000001d;
  constexpr std::uint32_t kMaxDescriptors = 16;
  // Only one of the two is filled on a given processor.
  for (const std::uint32_t leaf : {kIntelLeaf, kAmdLeaf}) {
    for (std::uint32_t i = 0; i < kMaxDescriptors; ++i) {
      const Cache cache = decode_cache(source.cpuid(leaf, i));
      if (cache.level == 0) break;
      take_cache(cache, isa);
    }
  }
}

IsaLevel lower_level(IsaLevel hardware, const std::string& asked) {
  if (asked.empty()) return hardware;
  const IsaLevel level = parse_isa_level(asked);
  if (level > hardware) {
    throw Error(ErrorCode::kUsage,
                fmt::format("CONVOKE_CPU_ISA={} is more than this processor has ({}): it can only "
                            "lower the instruction set",
                            asked, to_string(hardware)));
  }
  return level;
}

const CpuDescription& cpu_description() {
  static const CpuDescription description = describe();
  return description;
}

}  // namespace convoke
