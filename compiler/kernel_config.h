// How a convolution is computed: the family of kernel and its tile sizes. Printable, comparable and
// enumerable; a config says nothing about the problem, a spec nothing about tiles.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/cpu_isa.h"
#include "compiler/cuda_device.h"
#include "convoke/conv_spec.h"
#include "templates/conv_config.h"

namespace convoke {

/// The CPU's kernel families.
///  kGemm       register- and cache-blocked implicit GEMM, weights packed in panels of `nr` filters
///  kDirect     one output pixel at a time, runtime borders: every valid spec, in little code
///  kDepthwise  lanes are output channels, each with its own few input channels
///  kAmx        implicit GEMM on AMX tiles (bf16)
///  kSparse     a list of kept weights per filter, lanes are pixels: any pattern
enum class CpuFamily { kGemm, kDirect, kDepthwise, kAmx, kSparse };

/// Which output axis the pixels of a register tile run along.
///  kAxisQ  along a row: taps are masked per pixel at compile time
///  kAxisN  along the batch: every pixel of a tile sees the same taps
enum class TileAxis { kAxisQ, kAxisN };

/// Fields that a family does not use are zero, so that equal configs mean equal code.
struct CpuConfig {
  CpuFamily family = CpuFamily::kDirect;
  TileAxis axis = TileAxis::kAxisQ;
  int mr = 0;  ///< pixels of a register tile (sparse: vectors of pixels)
  int nv = 0;  ///< vectors of filters of a register tile (nr = nv * lanes); depthwise: that pass
               ///< along a row together
  int kc = 0;  ///< input channels of a cache block; 0 is all of a group
  int rows =
      0;       ///< output rows (kAxisQ) or images (kAxisN) of a task; 0 is all of an image (kAxisQ)
  int kb = 0;  ///< panels of filters of a task (sparse: filters); 0 is all of a group
  int unroll = 0;       ///< unrolling of the innermost channel loop
  int window = 0;       ///< gemm on single kept weights: channels of which each lane picks one
  bool masked = false;  ///< sparse specs: the dense kernel on weights whose pruned ones are zero
  bool operator==(const CpuConfig&) const = default;
};

/// Largest kc, rows and kb.
inline constexpr int kMaxConfigField = 1 << 20;

/// A CUDA kernel's tiles; templates/conv_config.h says what each is. Fields that a family does not
/// use are zero here too.
struct CudaConfig {
  cuda::Family family = cuda::Family::kDirect;
  cuda::PixelOrder order = cuda::PixelOrder::kImage;
  cuda::SplitBy split_by = cuda::SplitBy::kWorkspace;
  int bm = 0, bn = 0, bk = 0;  ///< block tile: pixels, filters, reduction
  int wm = 0, wn = 0;          ///< warps along them
  int stages = 0;
  int split = 0;        ///< blocks that share a tile's reduction; 0 or 1 is one
  int tp = 0, tq = 0;   ///< rows and columns of a tile's pixels
  bool code = false;    ///< kept weights are instructions, not tables
  int patch = 0;        ///< 1: images as patches that all taps read
  bool masked = false;  ///< as CpuConfig::masked
  bool operator==(const CudaConfig&) const = default;
};

enum class TargetKind { kCpu, kCuda };

/// A configuration of one target's kernel; the other target's part stays as constructed.
struct KernelConfig {
  TargetKind target = TargetKind::kCpu;
  CpuConfig cpu;
  CudaConfig cuda;
  KernelConfig() = default;
  KernelConfig(const CpuConfig& c) : target(TargetKind::kCpu), cpu(c) {}  // NOLINT: a config is one
  KernelConfig(const CudaConfig& c) : target(TargetKind::kCuda), cuda(c) {}  // NOLINT: of the two
  bool operator==(const KernelConfig&) const = default;
};

const char* to_string(CpuFamily);  ///< "gemm", "direct", "depthwise", "amx", "sparse"

/// "cpu:gemm,axis=q,mr=6,nv=2,kc=64,rows=4,kb=0,unroll=4",
/// "cuda:mma,bm=128,bn=128,bk=64,wm=2,wn=2,stages=4": fields that are zero are left out.
std::string print_config(const KernelConfig&);
/// Whether a sparse spec is computed as a dense one on masked weights (`masked=1`).
bool is_masked(const KernelConfig&);
/// Inverse of print_config, any order of the fields; without "cpu:" or "cuda:" it is of the CPU.
/// @throws Error kUsage naming the word and its limit.
KernelConfig parse_config(std::string_view);

/// Why `config` cannot run `spec` on `isa`, or empty if it can. A config out of a user's hand or an
/// old database is checked with this before anything is emitted.
std::string why_illegal(const ConvSpec& spec, const KernelConfig& config, const CpuIsa& isa);

/// Of s8 or u8 images and s8 weights: the most that a sum of products may reach, 128*128 or 255*128
/// (u8, or less a zero point) for each.
double largest_integer_sum(const ConvSpec& spec);
/// Why a problem of 8-bit types is computed nowhere; empty if it is, or has other types.
std::string why_not_integer(const ConvSpec& spec);
/// Why families that multiply in f32 would round sums of 8-bit images, or empty if every sum is an
/// integer that f32 holds, in any order; of other types, empty.
std::string why_inexact_in_f32(const ConvSpec& spec);

/// Why no kernel of the CPU target can run `spec` today, or empty.
std::string why_unsupported_cpu(const ConvSpec& spec, const CpuIsa& isa);

/// The whole search space for a supported spec, legal configs only, without duplicates, in a fixed
/// order. `threads` matters for how work can be cut into tasks.
std::vector<KernelConfig> enumerate_cpu_configs(const ConvSpec& spec, const CpuIsa& isa,
                                                int threads);

/// A good config without any measurement; legal for every supported spec.
KernelConfig default_cpu_config(const ConvSpec& spec, const CpuIsa& isa, int threads);

/// The same three for CUDA.
std::string why_unsupported_cuda(const ConvSpec& spec, const CudaDevice& device);
std::string why_illegal_cuda(const ConvSpec& spec, const CudaConfig& config,
                             const CudaDevice& device);
std::vector<KernelConfig> enumerate_cuda_configs(const ConvSpec& spec, const CudaDevice& device);
KernelConfig default_cuda_config(const ConvSpec& spec, const CudaDevice& device);

}  // namespace convoke
