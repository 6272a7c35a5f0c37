// Quantisation on a device, element by element: reals to 8-bit integers and back, and LSQ's fake
// quantisation (Esser et al., Learned Step Size Quantization, ICLR 2020) with its gradients. The
// formulas are those of quantize.h, bit for bit, and the same on every target; so are the sums
// behind the gradients of steps, whose order depends on sizes and types alone.
//   convoke::Lsq lsq(device, {.v = DataType::kF32, .y = DataType::kF16, .bits = 4});
//   lsq.initial_step({.v = w, .step = step, .workspace = workspace, .count = n});
//   lsq.forward({.v = w, .step = step, .y = w_hat, .count = n});
//   lsq.backward({.v = w, .step = step, .grad_y = dw_hat, .grad_v = dw, .grad_step = dstep,
//                 .workspace = workspace, .count = n});
// Objects are immutable and may be used by many threads at once, each with its own workspace. A
// launch allocates nothing and, on a GPU, waits for nothing. C++17.
#pragma once

#include <cstdint>
#include <memory>

#include "convoke/convoke.hpp"

namespace convoke {

/// Which elements of a dense tensor share a scale: element i, in the order of memory, has that of
/// channel i / inner % count.
///  one scale:                        {1, 1}, the default
///  weights, one for each filter:     {K, C/g * R * S}, in either layout
///  images, one for each channel:     {C, 1} (nhwc), {C, H * W} (nchw)
struct ScaleChannels {
  std::int64_t count = 1;
  std::int64_t inner = 1;  ///< count * inner is at most kMaxDim
};

struct QuantizerSpec {
  DataType real = DataType::kF32;    ///< f32, f16 or bf16
  DataType integer = DataType::kS8;  ///< s8 or u8
  /// Integers in use, 2 to 8 bits: [-2^(bits-1), 2^(bits-1) - 1] of s8, [0, 2^bits - 1] of u8.
  int bits = 8;
  ScaleChannels channels{};
};

/// Operands of a launch; x, y and scales are aligned to their elements (16 bytes are fastest), and
/// on a GPU they point to memory that it can use. y may not overlap what is read.
struct QuantizerArgs {
  ConstBuffer x;           ///< reals (quantize) or integers (dequantize)
  Buffer y;                ///< the others
  std::int64_t count = 0;  ///< elements; a multiple of channels.count * channels.inner
  /// f32, one for each channel, in device memory. Or none, and `scale` is that of all.
  ConstBuffer scales{};
  float scale = 0;
  std::int32_t zero = 0;   ///< within the integers in use
  void* stream = nullptr;  ///< as LaunchArgs::stream
};

/// q = round(min(max(x / scale + f32(zero), lowest), highest)), x = scale * f32(q - zero), as
/// quantize.h's functions: each operation rounded to f32, ties to even, a NaN becomes 0; x is
/// widened from its type, or rounded to it. Scales in device memory are not checked: one that is
/// not a normal number above 0 makes all its integers 0, all its reals NaN.
class CONVOKE_API Quantizer {
 public:
  /// @throws Error kUsage (types, bits, channels out of range), kUnsupported, kDevice.
  Quantizer(const Device& device, const QuantizerSpec& spec);
  Quantizer(Quantizer&&) noexcept;
  Quantizer& operator=(Quantizer&&) noexcept;
  ~Quantizer();

  /// @throws Error kUsage before anything is written: a null, misaligned, too small or overlapping
  /// buffer, a wrong count, a zero point out of range, a `scale` that check() of quantize.h
  /// refuses.
  void quantize(const QuantizerArgs& args) const;
  void dequantize(const QuantizerArgs& args) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct LsqSpec {
  DataType v = DataType::kF32;  ///< what is quantised, and its gradient: f32, f16 or bf16
  DataType y = DataType::kF32;  ///< what comes out, and its gradient: f32, f16 or bf16
  int bits = 8;                 ///< 2 to 8
  bool is_signed = true;        ///< Qn, Qp = 2^(bits-1), 2^(bits-1) - 1; else 0, 2^bits - 1
  ScaleChannels channels{};
};

struct LsqForwardArgs {
  ConstBuffer v;
  ConstBuffer step;  ///< f32, one for each channel
  Buffer y;
  std::int64_t count = 0;
  void* stream = nullptr;
};
struct LsqBackwardArgs {
  ConstBuffer v;
  ConstBuffer step;
  ConstBuffer grad_y;
  Buffer grad_v;
  Buffer grad_step;  ///< f32, one for each channel; overwritten
  Buffer workspace;  ///< at least workspace_bytes(count), aligned to 4
  std::int64_t count = 0;
  /// N of the gradient's scale: elements that share a step, counted as the caller likes. 0: those
  /// of this launch, count / channels.count. (The paper counts the features of one image.)
  std::int64_t shared_by = 0;
  void* stream = nullptr;
};
struct LsqInitialStepArgs {
  ConstBuffer v;
  Buffer step;       ///< f32, one for each channel; overwritten
  Buffer workspace;  ///< as LsqBackwardArgs
  std::int64_t count = 0;
  void* stream = nullptr;
};

/// LSQ, with t = v / step (f32, as every operation here):
///   y         = round(clip(t, -Qn, Qp)) * step, rounded to its type; round: ties to even
///   grad_v    = grad_y where -Qn < t < Qp, else 0
///   grad_step = 1 / sqrt(N * Qp) * sum of grad_y * d over the elements of the step,
///               d = round(t) - t where -Qn < t < Qp, -Qn where t <= -Qn, Qp where t >= Qp
/// Products are rounded to f32, added in f32 over chunks of at most 8192 elements and in f64 beyond,
/// in one fixed order, scaled in f64 and rounded once (templates/elementwise_config.h): the same bits
/// whatever the number of threads, and on a CPU as on a GPU.
/// A NaN in v is a NaN in y, grad_v and its grad_step. Steps are not checked: one that is not a
/// normal number above 0 makes y, grad_v and grad_step of its channel NaN. Keep steps above 0 (a
/// clamp or a softplus) where they are trained.
class CONVOKE_API Lsq {
 public:
  /// @throws Error kUsage (types, bits, channels out of range), kUnsupported, kDevice.
  Lsq(const Device& device, const LsqSpec& spec);
  Lsq(Lsq&&) noexcept;
  Lsq& operator=(Lsq&&) noexcept;
  ~Lsq();

  /// Of backward() and initial_step(): 4 bytes for every chunk of a channel.
  /// @throws Error kUsage for a wrong count.
  std::int64_t workspace_bytes(std::int64_t count) const;

  /// @throws Error kUsage before anything is written: a null, misaligned, too small or overlapping
  /// buffer, a wrong count. Of no elements: nothing is written, but grad_step, which is 0.
  void forward(const LsqForwardArgs& args) const;
  void backward(const LsqBackwardArgs& args) const;
  /// step = 2 * mean |v| / sqrt(Qp) of each channel, at least 2^-126; 1 if all of it is 0; NaN if
  /// it holds one. @throws Error kUsage as above, and for no elements.
  void initial_step(const LsqInitialStepArgs& args) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace convoke
