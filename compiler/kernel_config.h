// How a convolution is computed: the family of kernel and its tile sizes. Printable, comparable and
// enumerable; a config says nothing about the problem, a spec nothing about tiles.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/cpu_isa.h"
#include "convoke/conv_spec.h"

namespace convoke {

/// The CPU's kernel families.
///  kGemm       register- and cache-blocked implicit GEMM, weights packed in panels of `nr` filters
///  kDirect     one output pixel at a time, runtime borders: every valid spec, in little code
///  kDepthwise  lanes are output channels, each with its own few input channels
///  kAmx        implicit GEMM on AMX tiles (bf16)
enum class CpuFamily { kGemm, kDirect, kDepthwise, kAmx };

/// Which output axis the pixels of a register tile run along.
///  kAxisQ  along a row: taps are masked per pixel at compile time
///  kAxisN  along the batch: every pixel of a tile sees the same taps
enum class TileAxis { kAxisQ, kAxisN };

/// Fields that a family does not use are zero, so that equal configs mean equal code.
struct CpuConfig {
  CpuFamily family = CpuFamily::kDirect;
  TileAxis axis = TileAxis::kAxisQ;
  int mr = 0;  ///< pixels of a register tile
  int nv = 0;  ///< vectors of filters of a register tile (nr = nv * lanes); depthwise: that pass
               ///< along a row together
  int kc = 0;  ///< input channels of a cache block; 0 is all of a group
  int rows =
      0;       ///< output rows (kAxisQ) or images (kAxisN) of a task; 0 is all of an image (kAxisQ)
  int kb = 0;  ///< panels of filters of a task; 0 is all of a group
  int unroll = 0;  ///< unrolling of the innermost channel loop
  bool operator==(const CpuConfig&) const = default;
};

/// Largest kc, rows and kb.
inline constexpr int kMaxConfigField = 1 << 20;

struct KernelConfig {
  CpuConfig cpu;
  bool operator==(const KernelConfig&) const = default;
};

const char* to_string(CpuFamily);  ///< "gemm", "direct", "depthwise", "amx"

/// "cpu:gemm,axis=q,mr=6,nv=2,kc=64,rows=4,kb=0,unroll=4": fields that are zero are left out.
std::string print_config(const KernelConfig&);
/// Inverse of print_config, any order of the fields, "cpu:" optional.
/// @throws Error kUsage naming the word and its limit.
KernelConfig parse_config(std::string_view);

/// Why `config` cannot run `spec` on `isa`, or empty if it can. A config out of a user's hand or an
/// old database is checked with this before anything is emitted.
std::string why_illegal(const ConvSpec& spec, const KernelConfig& config, const CpuIsa& isa);

/// Why no kernel of the CPU target can run `spec` today, or empty.
std::string why_unsupported_cpu(const ConvSpec& spec, const CpuIsa& isa);

/// The whole search space for a supported spec, legal configs only, without duplicates, in a fixed
/// order. `threads` matters for how work can be cut into tasks.
std::vector<KernelConfig> enumerate_cpu_configs(const ConvSpec& spec, const CpuIsa& isa,
                                                int threads);

/// A good config without any measurement; legal for every supported spec.
KernelConfig default_cpu_config(const ConvSpec& spec, const CpuIsa& isa, int threads);

}  // namespace convoke
