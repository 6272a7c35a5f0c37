// What is computed: one 2-D convolution, every number of it. This is the only place that spells the
// dimensions N C H W K R S P Q g; text forms, keys, kernels and references all read this struct.
// High padding is derived from the output size, so that one problem has exactly one description.
// C++17, no dependency: the struct is part of the public surface.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "convoke/export.h"

namespace convoke {

enum class Pass { kFprop, kDgrad, kWgrad };

/// Element types. kTf32 is stored as f32 and multiplied as tf32; kS32 is the raw accumulator of the
/// integer types and only valid as an output.
enum class DataType { kF32, kTf32, kF16, kBf16, kS8, kU8, kE4m3, kS32 };

/// Order in memory, slowest first. The layout also fixes that of the weights:
/// kNhwc: images [N][H][W][C], weights [K][R][S][C/g]; kNchw: images [N][C][H][W], weights
/// [K][C/g][R][S]. Channels of a group are contiguous: group i owns channels [i*C/g, (i+1)*C/g).
enum class Layout { kNhwc, kNchw };

/// N of a problem whose batch is left open until launch (`mb?`).
inline constexpr std::int64_t kOpenBatch = -1;
/// Largest value of a single dimension, stride, dilation or padding.
inline constexpr std::int64_t kMaxDim = (std::int64_t{1} << 31) - 1;
/// Largest number of elements of a tensor (one image of it if the batch is open).
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 44;

CONVOKE_API const char* to_string(Pass);  ///< "fprop", "dgrad", "wgrad"
CONVOKE_API const char* to_string(
    DataType);  ///< "f32", "tf32", "f16", "bf16", "s8", "u8", "e4m3", "s32"
CONVOKE_API const char* to_string(Layout);  ///< "nhwc", "nchw"
/// Inverse of to_string. @throws Error kUsage naming the word and the accepted ones.
CONVOKE_API Pass parse_pass(std::string_view);
CONVOKE_API DataType parse_data_type(std::string_view);
CONVOKE_API Layout parse_layout(std::string_view);
/// Bytes of one stored element.
CONVOKE_API int size_of(DataType);
/// Whether tensors of this type are multiplied as integers, with s32 sums: s8 and u8.
constexpr bool is_integer(DataType t) { return t == DataType::kS8 || t == DataType::kU8; }

/// A half-open range [begin, end) of indices.
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t size() const { return end > begin ? end - begin : 0; }
  bool operator==(const Range& o) const { return begin == o.begin && end == o.end; }
};

class SparsityPattern;

/// y[n,k,p,q] = epilogue(sum over c,r,s of x[n, c, p*stride_h - pad_h + r*dilation_h,
/// q*stride_w - pad_w + s*dilation_w] * w[k,c,r,s]), c over the C/g channels of k's group; taps
/// outside the image contribute nothing (they are skipped, not multiplied by zero).
/// For dgrad and wgrad the same struct describes the forward problem whose gradient is meant.
///
/// With x of s8 or u8 (w is s8) the result is this formula, bit for bit, on every target:
///   sum = sum over valid taps of (x - x_zero) * w    s32, exact; x_zero is 0 unless quant is "zp"
///   acc = f32(sum)                                   rounded to nearest even beyond 2^24
///   z   = epilogue(acc)                              in f32, one rounding for each operation
///   y   = z rounded to nearest even into y's type; s8 and u8 saturate, NaN becomes 0
/// Scales are operands of the epilogue (quantize.h makes them): `relu(acc*scale[k]+bias[k])*r[k]`.
/// Smooth functions (sigmoid, silu, tanh, gelu, hardswish) are within a few roundings. y of s32 is
/// `sum` itself. No sum may exceed s32: (x - x_zero) counts as 128, or 255 (u8, or zp), w as 128,
/// so that C/g * R * S is at most 131071 (s8) or 65793.
struct CONVOKE_API ConvSpec {
  Pass pass = Pass::kFprop;
  std::int64_t n = 2;                ///< batch, or kOpenBatch
  std::int64_t c = 1, h = 1, w = 1;  ///< input channels (all groups), height, width
  std::int64_t k = 1, r = 1, s = 1;  ///< output channels (all groups), filter height, width
  std::int64_t p = 1, q = 1;         ///< output height, width
  std::int64_t groups = 1;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t dilation_h = 1, dilation_w = 1;  ///< one-based: 1 is a dense filter
  std::int64_t pad_h = 0, pad_w = 0;            ///< low side (top, left)
  DataType x_type = DataType::kF32, w_type = DataType::kF32, y_type = DataType::kF32;
  Layout x_layout = Layout::kNhwc, y_layout = Layout::kNhwc;  ///< the weights follow x_layout
  std::string epilogue;  ///< canonical text of the expression (see epilogue.h); empty is `acc`
  std::string sparsity;  ///< canonical text, e.g. "channel:0.5"; empty is dense
  /// Which weights `sparsity` keeps (sparsity_pattern.h): constants of the kernel. Null if the spec
  /// is dense, or bound ("channel:0.5:bound": the pattern is an operand of each launch). Not in the
  /// text forms, which tuning is keyed by.
  std::shared_ptr<const SparsityPattern> pattern;
  std::string quant;  ///< "zp": 8-bit x has a zero point, given at each launch; empty: it has none

  bool operator==(const ConvSpec&) const;
  bool operator!=(const ConvSpec& o) const { return !(*this == o); }

  bool open_batch() const { return n == kOpenBatch; }
  std::int64_t c_per_group() const { return c / groups; }
  std::int64_t k_per_group() const { return k / groups; }
  /// Padding on the high side (bottom, right); negative when trailing rows are never read.
  std::int64_t pad_h_high() const {
    return (p - 1) * stride_h + (r - 1) * dilation_h + 1 - h - pad_h;
  }
  std::int64_t pad_w_high() const {
    return (q - 1) * stride_w + (s - 1) * dilation_w + 1 - w - pad_w;
  }

  /// Taps r with a valid input row at output row p: always one contiguous range (maybe empty).
  Range valid_r(std::int64_t p) const;
  Range valid_s(std::int64_t q) const;
  /// Mean number of taps r (s) that are valid at an output row (column).
  double mean_valid_r() const;
  double mean_valid_s() const;
  /// Smallest range holding every tap that is valid at some output; taps outside it are dead.
  /// A tap inside may still be dead (large dilation): ask tap_r_live / tap_s_live.
  Range live_r() const;
  Range live_s() const;
  bool tap_r_live(std::int64_t r) const;
  bool tap_s_live(std::int64_t s) const;

  /// Element counts of the tensors for `batch` images (n itself when fixed).
  std::int64_t x_elements(std::int64_t batch) const { return batch * c * h * w; }
  std::int64_t w_elements() const { return k * c_per_group() * r * s; }
  std::int64_t y_elements(std::int64_t batch) const { return batch * k * p * q; }
  /// Multiply-adds that touch valid input, for `batch` images: padding is not counted.
  double macs(std::int64_t batch) const;
  /// Multiply-adds as usually reported (padding counted); benchdnn and the README use this one.
  double nominal_macs(std::int64_t batch) const;

  /// Checks every rule of a valid problem: positive dimensions within kMaxDim and kMaxElements,
  /// groups that divide C and K, low padding >= 0, high padding > -stride, types and layouts that
  /// go together: x and w have one type, or each is s8 or u8, but the gradient that dgrad (x) or
  /// wgrad (w) computes may be f32 beside any type; y is f32, f16 or bf16, or e4m3 if x is a float,
  /// or s8, u8 or s32 if it is not. The texts (epilogue, sparsity, quant) are not looked at.
  /// @throws Error kUsage with the value and the limit.
  void validate() const;
};

}  // namespace convoke
