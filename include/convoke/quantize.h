// Quantisation on the host: scales of 8-bit integers, weights and sample data turned into them, and
// a quantised layer as a file. No kernel is in here; kernels of 8-bit types compute s32 sums and
// know no scales, which reach them through the epilogue's operands. C++17.
//   convoke::Calibrator seen;
//   for (const auto& batch : samples) seen.add(batch.data(), batch.size());
//   auto x = seen.choose(convoke::CalibrationMethod::percentile(99.9), spec.x_type, true);
//   spec.epilogue = "relu(acc+bias[k])";
//   auto layer = convoke::quantize_layer(spec, w, count, convoke::WeightScales::kPerChannel, x, y,
//                                        bias);
//   layer.save("conv1.layer");
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convoke/conv_spec.h"
#include "convoke/export.h"

namespace convoke {

/// What an 8-bit integer q stands for: real = scale * (q - zero). q is within [-128, 127] (s8;
/// quantised weights within [-127, 127], so that their range is symmetric) or [0, 255] (u8).
struct QuantScale {
  float scale = 1;        ///< reals per step
  std::int32_t zero = 0;  ///< the integer of the real 0
  bool operator==(const QuantScale& o) const { return scale == o.scale && zero == o.zero; }
  bool operator!=(const QuantScale& o) const { return !(*this == o); }
};

/// @throws Error kUsage with the value and the limit: a scale that is not a normal number above 0
/// (zero, negative, subnormal, NaN, infinite), a zero point beyond the range of `type`, a type
/// other than s8 and u8.
CONVOKE_API void check(const QuantScale& scale, DataType type);

/// `out[i]`, of `type`, from the f32 x[i]:
///   v = x / scale + f32(zero)               division and sum each rounded to f32
///   q = round(min(max(v, lowest), highest)) to nearest, ties to even; lowest, highest of `type`
/// A NaN becomes the integer 0, which is what the kernels' stores of 8-bit outputs make of it; an
/// infinity saturates. An epilogue multiplies by the rounded 1/scale instead of dividing
/// (QuantizedLayer::operand), so that at a tie its integer may be a neighbour of this one.
/// @throws Error kUsage as check(), or for a null pointer.
CONVOKE_API void quantize(const float* x, std::size_t count, const QuantScale& scale, DataType type,
                          void* out);
/// x[i] = scale * f32(q[i] - zero): the difference is exact, the product rounded once.
/// @throws Error kUsage as check(), or for a null pointer.
CONVOKE_API void dequantize(const void* q, std::size_t count, const QuantScale& scale,
                            DataType type, float* x);

enum class WeightScales { kPerChannel, kPerTensor };

/// Weights as s8, symmetric: real = scales[k] * values[i], or scales[0] for all of them.
struct QuantizedWeights {
  std::vector<std::int8_t> values;  ///< in the spec's layout, within [-127, 127]
  std::vector<float> scales;        ///< K (all groups) or 1
};

/// `w`: all f32 weights in the layout of `spec`, of which the shape counts and not the types. With
/// m the largest magnitude of the channel (the tensor):
///   scale = m / 127 rounded to f32, at least 2^-126; 1 if m is 0
///   value = round(w / scale) to nearest, ties to even, kept within [-127, 127]
/// @throws Error kUsage: a null pointer, a wrong count, a weight that is NaN or infinite (with its
/// index).
CONVOKE_API QuantizedWeights quantize_weights(const ConvSpec& spec, const float* w,
                                              std::size_t count, WeightScales scales);

/// How a range of reals is chosen from the data seen. A range always holds 0.
struct CalibrationMethod {
  enum class Kind { kMinMax, kPercentile, kMeanSquaredError };
  Kind kind = Kind::kMinMax;
  double percent = 100;  ///< of kPercentile

  /// The smallest and the largest value seen: nothing saturates, one outlier costs everyone.
  static CalibrationMethod min_max() { return {Kind::kMinMax, 100}; }
  /// The smallest range with ceil(percent * count / 100) values: of |x| if symmetric; else that
  /// many at or below its upper end, and that many at or above its lower end. Ends are rounded
  /// outwards to a bin's edge, but not beyond what was seen. `percent` is above 0, at most 100.
  static CalibrationMethod percentile(double percent) { return {Kind::kPercentile, percent}; }
  /// The range, of those tried, whose quantisation changes the data least: the sum over the bins of
  /// count * (centre - dequantised(quantised(centre)))^2. Tried are the whole range and ever
  /// smaller ones by a sixteenth, then finer steps about the best; if not symmetric both ends
  /// together, then each by itself until neither moves. Never worse by that sum than min_max().
  static CalibrationMethod mean_squared_error() { return {Kind::kMeanSquaredError, 100}; }
};

/// Looks at sample data, piece after piece, and chooses the scale that suits it. One pass; memory
/// is bounded by 512 KiB: the data is kept as a histogram of magnitudes, one for each sign, of
/// 32,768 bins each whose width is a power of two, beside the exact minimum, maximum and count.
/// When the largest magnitude m outgrows it, neighbouring bins are merged: a bin is
/// 2^(floor(log2 m) - 14) wide, between m/32768 and m/16384. Edges are multiples of the width, so
/// that every value stays in its bin's merger and the state, and each choice, depends on the values
/// alone: not on their order and not on how they are cut into pieces. Not for use by two threads at
/// once.
class CONVOKE_API Calibrator {
 public:
  /// @throws Error kUsage naming the first NaN or infinity, or for a null pointer; then nothing of
  /// the piece is counted.
  void add(const float* x, std::size_t count);

  /// Values seen, the smallest and the largest of them (0 while there are none).
  std::int64_t count() const { return count_; }
  float min() const { return min_; }
  float max() const { return max_; }

  /// The scale of the chosen range [low, high], low <= 0 <= high, in f64 and rounded once to f32:
  ///   symmetric, s8: scale = max(-low, high) / 127, zero = 0
  ///   symmetric, u8: scale = high / 255, zero = 0
  ///   otherwise:     scale = (high - low) / 255, zero = round(lowest - low / scale), to even
  /// with a scale of at least 2^-126; 1, and zero = 0, if all data is 0.
  /// @throws Error kUsage: no data, a type other than s8 and u8, a percentile out of range or one
  /// that leaves nothing but 0, negative data for a symmetric u8.
  QuantScale choose(const CalibrationMethod& method, DataType type, bool symmetric) const;

 private:
  void widen(float magnitude);

  std::vector<std::int64_t> positive_, negative_;  ///< by magnitude; empty without such values
  int exponent_ = 0;  ///< a bin is 2^exponent_ wide; meaningless while both are empty
  std::int64_t zeros_ = 0, count_ = 0;
  float min_ = 0, max_ = 0;
};

/// A convolution of 8-bit integers with all that its scales say:
///   real y = expression(x.scale * weight_scales[k] * sum over taps of (x - x.zero) * w)
/// A plain struct: whoever fills it by hand calls check().
struct CONVOKE_API QuantizedLayer {
  /// Forward; x s8 or u8, w s8, y s8, u8, f16, bf16 or f32. Its `quant` is "zp" if x has a zero
  /// point other than 0, else empty. Its epilogue is the kernel's, as epilogue() makes it. A
  /// pattern of sparsity is not part of the file: give it with with_pattern() after loading.
  ConvSpec spec;
  std::vector<std::int8_t> weights;  ///< in the spec's layout, within [-127, 127]
  std::vector<float> weight_scales;  ///< K of all groups, or 1
  QuantScale x;
  std::optional<QuantScale> y;  ///< there exactly if y is s8 or u8
  std::vector<float> bias;      ///< K reals, or none

  /// @throws Error kUsage with the value and the limit: anything that is not as above, scales that
  /// check() refuses, products and reciprocals of scales that are no normal f32, an epilogue
  /// that names a q_ operand which the layer does not have, and sums beyond s32 (largest_sum()).
  void check() const;

  /// The largest magnitude that a sum may reach: max |x - x.zero| over x's type, times 127, times
  /// C/g * R * S; 2^63 - 1 stands for all beyond. check() wants it within s32: 2147483647. Plans,
  /// which know neither the zero point nor that no weight is -128, allow C/g * R * S a little less
  /// (conv_spec.h).
  std::int64_t largest_sum() const;

  /// The kernel's epilogue for an expression over reals, in canonical text: with
  /// "relu(acc+bias[k])"
  ///   relu(acc*q_scale[k]+bias[k])                          y f16, bf16, f32
  ///   relu(acc*q_scale[k]+bias[k])*q_rescale[k]+q_zero[k]   y s8, u8; no q_zero if y.zero is 0
  /// Every `acc` becomes acc*q_scale[k]. A bare tensor operand is of y's type, so with an 8-bit y
  /// it holds integers which the expression itself must scale: relu(acc + (residual - 3) * 0.02).
  /// @throws Error kUsage: an expression that does not parse, a name of it that begins with q_, no
  /// room for the scales within the limits of an epilogue (operands, nodes, depth).
  std::string epilogue(std::string_view expression) const;

  /// The K values of an operand of that epilogue:
  ///   q_scale    x.scale * weight_scales[k], rounded once to f32
  ///   q_rescale  1 / y.scale, rounded once to f32, K times
  ///   q_zero     f32(y.zero), K times
  ///   bias       the bias
  /// @throws Error kUsage with the names that there are, or as check().
  std::vector<float> operand(std::string_view name) const;

  /// The file format: lines of text, but for the weights, which stand as they are in memory.
  ///   convoke-quantized-layer 1
  ///   mb1ic64ih56oc64kh3ph1 x=u8 w=s8 y=s8 epilogue=...    the spec
  ///   x 0.023622047 3                                      scale and zero point
  ///   y 0.05 -4                                            if y is s8 or u8
  ///   weight-scales 0.001 0.00125 ...                      K or 1
  ///   bias 0.5 -1 ...                                      if there is one
  ///   weights 36864                                        and then as many bytes
  ///   sha256 6b1f...                                       of everything before this line
  /// Numbers are the shortest that read back to the same f32. @throws Error kUsage as check().
  std::string bytes() const;
  /// Calls check(). @throws Error kUsage saying what is wrong.
  static QuantizedLayer parse(std::string_view bytes);
  /// Written beside `path` and renamed: a reader finds the whole layer or the old file.
  /// @throws Error kUsage if the file cannot be written or read, or as bytes() and parse().
  void save(const std::string& path) const;
  static QuantizedLayer load(const std::string& path);
};

/// Quantises the weights, sets the spec's `quant` and turns its epilogue, an expression over reals,
/// into the kernel's. @throws as quantize_weights() and
/// QuantizedLayer::check().
CONVOKE_API QuantizedLayer quantize_layer(const ConvSpec& spec, const float* w, std::size_t count,
                                          WeightScales scales, const QuantScale& x,
                                          const std::optional<QuantScale>& y = std::nullopt,
                                          const std::vector<float>& bias = {});

}  // namespace convoke
