// What a CUDA kernel is specialised by: one constexpr struct, compiled by g++ on the host and by
// NVRTC on the device. Everything about the problem is a constant but the batch: no kernel needs it
// but for its last rows, so one image serves every batch, and what is verified at a few images is
// the very code that runs at many. No standard header: NVRTC has none.
#pragma once

namespace convoke::cuda {

enum class Type : int { kF32, kTf32, kF16, kBf16, kS8, kU8, kS32 };
enum class Layout : int { kNhwc, kNchw };

/// The kernel families.
///  kMma        implicit GEMM on mma.sync (f16, bf16, tf32, s8, u8), sm_80 and later
///  kFma        implicit GEMM on the FMA units (f32), sm_80 and later
///  kDirect     a few outputs a thread, no shared memory: every valid spec, sm_75 and later
///  kDepthwise  one or few input channels a group: bandwidth-bound, sm_75 and later
///  kSparse     single kept weights on the FMA units, pixels in the lanes: any pattern, sm_75 and
///  later
///  kReference  one output a thread in f64, written for the eye: what the others are checked
///  against
enum class Family : int { kMma, kFma, kDirect, kDepthwise, kSparse, kReference };

/// The order of the output pixels along M.
///  kImage  q fastest, then p, then n: a tile is a strip of an image
///  kBatch  n fastest, one output position a tile: all rows of a tile see the same taps, so taps
///  that
///          are dead at that position cost nothing (images of a few pixels)
enum class PixelOrder : int { kImage, kBatch };

/// Who adds up the partial sums of a split reduction, always in the order of the splits.
///  kWorkspace  a second kernel, from f32 partial sums in the workspace
///  kCluster    the blocks of a cluster through distributed shared memory, sm_90 and later
enum class SplitBy : int { kWorkspace, kCluster };

/// How a kernel uses the sparsity of the weights. All but kDense read weights that `convoke_pack`
/// wrote (pack.cuh).
///  kDense    no sparsity
///  kMasked   the dense kernel; packing writes zeros for pruned weights (any kind of pattern)
///  kFilters  whole filters are pruned: N is the kept ones, the store scatters them (GEMM)
///  kLists    the reduction runs over a list of kept (tap, channels), one for each tile of filters
///            or, if the pattern is the same for all filters, for each group (GEMM)
///  kPairs    of every four channels of a tap a filter keeps two at most: the sparse tensor cores
///            skip the others (mma; pairs_config.h)
///  kWeights  a list of kept weights for each filter and chunk of channels (kSparse)
///  kCode     kept weights are instructions of the unit (kSparse, baked patterns)
enum class Sparse : int { kDense, kMasked, kFilters, kLists, kPairs, kWeights, kCode };

struct ConvConfig {
  Family family = Family::kDirect;
  Type x_type = Type::kF32, y_type = Type::kF32;              ///< of the weights: weight_type()
  Layout x_layout = Layout::kNhwc, y_layout = Layout::kNhwc;  ///< the weights follow x_layout
  long long c = 1, h = 1, w = 1;                              ///< all groups
  long long k = 1, r = 1, s = 1, p = 1, q = 1;
  long long groups = 1;
  long long stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  long long pad_h = 0, pad_w = 0;
  int operands = 0;                   ///< of the epilogue
  unsigned per_channel_operands = 0;  ///< bit i: operand i is f32[k], else a tensor like y
  unsigned operand_types = 0;         ///< four bits for each tensor: its Type + 1; 0 is y's type
  bool zero_point = false;            ///< of s8 or u8 images ConvArgs::x_zero is subtracted
  // Tiles; a family says in its .cuh which it reads, the others are zero.
  int block_m = 0, block_n = 0, block_k = 0;  ///< pixels, filters, reduction of a block's tile
  int warps_m = 0, warps_n = 0;               ///< warps of a block along M and N
  int stages = 0;                             ///< of the shared-memory ring
  int split_k = 1;                            ///< blocks that share one tile's reduction
  SplitBy split_by = SplitBy::kWorkspace;
  PixelOrder order = PixelOrder::kImage;
  int tile_p = 0, tile_q = 0;  ///< rows and columns of a tile's pixels (kSparse)
  int patch = 0;               ///< 1: images come as patches that all taps read (patch.cuh)
  // Sparsity; sparse_config.h says what follows from it.
  Sparse sparse = Sparse::kDense;
  bool bound = false;       ///< the tables are ConvArgs::pattern, not constants of the unit
  bool per_input = false;   ///< units have no filters: input channels (in groups)
  bool per_filter = false;  ///< units have all channels and taps: filters (in groups)
  int unit_k = 0;           ///< filters of a unit; 1 if single weights are pruned
  int unit_c = 0;           ///< channels of a unit
  long long kept = 0;  ///< kFilters: filters kept of a group at most. kLists: entries of all lists
                       ///< at most, each of list_channels() channels. kWeights: weights at most.
                       ///< kCode: of the fullest tile of filters, a multiple of four
};

/// The one argument of every kernel: `extern "C" __global__ void convoke_kernel(ConvArgs)`, and, of
/// a kernel whose reduction is split over the workspace, `convoke_reduce(ConvArgs)` after it.
inline constexpr int kMaxOperands = 8;
struct ConvArgs {
  const void* x;
  const void* w;
  void* y;
  void* workspace;                     ///< f32 partial sums; null unless workspace_bytes() > 0
  const void* operands[kMaxOperands];  ///< of the epilogue, in its order
  long long n;                         ///< images
  const unsigned* pattern = nullptr;   ///< tables of a bound pattern (sparse_config.h), else null
  int x_zero = 0;                      ///< read if ConvConfig::zero_point
};

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
};

constexpr long long ceil_div(long long a, long long b) { return (a + b - 1) / b; }
constexpr bool is_integer(Type t) { return t == Type::kS8 || t == Type::kU8; }
constexpr int size_of(Type t) {
  return is_integer(t) ? 1 : t == Type::kF16 || t == Type::kBf16 ? 2 : 4;
}
/// Bytes of the pieces that an aligned row moves in.
constexpr int widest_piece(int row_bytes) { return row_bytes < 16 ? row_bytes : 16; }
/// Of the elements of a tensor operand of the epilogue.
constexpr Type operand_type(const ConvConfig& c, int i) {
  const unsigned type = c.operand_types >> 4 * i & 15;
  return type == 0 ? c.y_type : static_cast<Type>(type - 1);
}
/// Bytes of the widest element at an output position: of y and the tensor operands.
constexpr int widest_output(const ConvConfig& c) {
  int bytes = size_of(c.y_type);
  for (int i = 0; i < c.operands; ++i)
    if ((c.per_channel_operands >> i & 1) == 0 && size_of(operand_type(c, i)) > bytes)
      bytes = size_of(operand_type(c, i));
  return bytes;
}
/// Of the weights beside images of a type.
constexpr Type weight_type(Type x) { return x == Type::kU8 ? Type::kS8 : x; }
constexpr bool is_gemm(Family f) { return f == Family::kMma || f == Family::kFma; }

/// A range of taps of a filter axis that are valid at output `o`; begin may exceed end: none.
struct TapRange {
  long long begin, end;
};
constexpr TapRange valid_taps(long long o, long long stride, long long pad, long long dilation,
                              long long taps, long long size) {
  const long long first = o * stride - pad;  // input coordinate of tap 0
  const long long begin = first >= 0 ? 0 : ceil_div(-first, dilation);
  const long long end = first >= size ? 0 : ceil_div(size - first, dilation);
  return {begin < taps ? begin : taps, end < taps ? end : taps};
}
/// Whether a tap of an axis meets valid input at any output.
constexpr bool tap_is_live(long long tap, long long outputs, long long stride, long long pad,
                           long long dilation, long long size) {
  // Input coordinates of the tap are t, t + stride, ..: the first that is not negative decides.
  const long long t = tap * dilation - pad;
  const long long o = t >= 0 ? 0 : ceil_div(-t, stride);
  return o < outputs && t + o * stride < size;
}

}  // namespace convoke::cuda
