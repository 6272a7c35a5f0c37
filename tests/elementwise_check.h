// What any device must give for the elementwise kernels, written a second time and for the eye:
// arrays with red zones at any alignment, data with every special value, expected results element
// by element, and LSQ's sums in the order that templates/elementwise_config.h tells.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "autotune/fill.h"
#include "autotune/problem_tensors.h"
#include "convoke/elementwise.h"
#include "convoke/quantize.h"
#include "runtime/target.h"

namespace convoke::test {

using Bytes = std::vector<std::byte>;

inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Elements of a device's memory, `offset` elements from where the allocator aligns them, between
/// red zones.
class DeviceArray {
 public:
  DeviceArray(const Device& device, const Bytes& data, int element_bytes, int offset = 0)
      : target_(&device.target()),
        first_(kZone + static_cast<std::size_t>(offset * element_bytes)),
        bytes_(data.size()),
        memory_(*target_, first_ + bytes_ + kZone) {
    Bytes all(first_ + bytes_ + kZone, kRed);
    if (bytes_ > 0) std::memcpy(all.data() + first_, data.data(), bytes_);
    target_->copy_in(memory_.data(), all.data(), all.size());
  }
  Buffer buffer() const { return {static_cast<char*>(memory_.data()) + first_, bytes_}; }
  ConstBuffer input() const { return {buffer().data, bytes_}; }
  /// What is there now; the red zones must be as they were.
  Bytes read() const {
    Bytes all(first_ + bytes_ + kZone);
    target_->copy_out(all.data(), memory_.data(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i)
      if ((i < first_ || i >= first_ + bytes_) && all[i] != kRed) {
        ADD_FAILURE() << "byte " << i << " of a red zone was written";
        break;
      }
    return {all.begin() + static_cast<std::ptrdiff_t>(first_),
            all.begin() + static_cast<std::ptrdiff_t>(first_ + bytes_)};
  }

 private:
  static constexpr std::size_t kZone = 256;
  static constexpr std::byte kRed{0xa5};
  Target* target_;
  std::size_t first_, bytes_;
  DeviceBuffer memory_;
};

/// Values as they are stored in a type, and back.
inline Bytes store_all(const std::vector<float>& values, DataType type) {
  Bytes bytes(values.size() * static_cast<std::size_t>(size_of(type)));
  for (std::size_t i = 0; i < values.size(); ++i)
    store_element(bytes.data(), static_cast<std::int64_t>(i), type, values[i]);
  return bytes;
}
inline std::vector<float> load_all(const Bytes& bytes, DataType type) {
  std::vector<float> values(bytes.size() / static_cast<std::size_t>(size_of(type)));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(load_element(bytes.data(), static_cast<std::int64_t>(i), type));
  return values;
}

/// The same number bit for bit, zeros with their sign, or both no number.
inline bool same(float a, float b) {
  return std::isnan(a) ? std::isnan(b) : std::memcmp(&a, &b, sizeof a) == 0;
}
inline void expect_same(const std::vector<float>& got, const std::vector<float>& want,
                        const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_TRUE(same(got[i], want[i]))
        << what << ": element " << i << " is " << got[i] << " for " << want[i];
}

/// Reals about the integers of a step: within and beyond the range, exact ties, both zeros, NaN,
/// infinities, the smallest and the largest numbers.
inline std::vector<float> reals(std::int64_t count, float step, unsigned seed, DataType type,
                                bool special = true) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-300, 300), small(-20, 20);
  std::uniform_int_distribution<int> kind(0, 15), integer(-300, 300);
  const float specials[] = {kNan, kInf, -kInf, 0.0f, -0.0f, 1e-45f, -1e-38f, 3e38f, -3e38f};
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) {
    const int k = kind(random);
    v = k < 5    ? uniform(random) * step
        : k < 10 ? small(random) * step
        : k < 13 ? (static_cast<float>(integer(random)) + 0.5f) * step
        : k < 15 || !special
            ? static_cast<float>(integer(random)) * step
            : specials[static_cast<std::size_t>(integer(random) + 300) % std::size(specials)];
  }
  return load_all(store_all(values, type), type);
}

/// One step for each channel, of different sizes.
inline std::vector<float> steps_of(std::int64_t channels, float step) {
  std::vector<float> steps;
  for (std::int64_t c = 0; c < channels; ++c)
    steps.push_back(step * (1 + static_cast<float>(c % 7) / 8));
  return steps;
}
inline std::size_t channel_of(const ScaleChannels& channels, std::size_t i) {
  return i / static_cast<std::size_t>(channels.inner) % static_cast<std::size_t>(channels.count);
}

/// Shapes and sizes that meet every path: one step, runs that are whole vectors and that are not,
/// neighbours of different channels; a single element, primes, several chunks and blocks.
struct Shape {
  ScaleChannels channels;
  std::int64_t count;
};
inline const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = {
      {{1, 1}, 1},           {{1, 1}, 7},           {{1, 1}, 8192},          {{1, 1}, 8209},
      {{1, 1}, 70001},       {{6, 16}, 6 * 16 * 3}, {{64, 72}, 64 * 72},     {{5, 27}, 5 * 27},
      {{3, 9001}, 3 * 9001}, {{5, 49}, 5 * 49 * 4}, {{3, 64}, 3 * 64 * 130}, {{72, 1}, 72 * 33},
      {{13, 1}, 13 * 1500}};
  return all;
}

inline std::string text(const Shape& shape, DataType a, DataType b, int offset) {
  return std::string(to_string(a)) + " " + to_string(b) + " of " +
         std::to_string(shape.channels.count) + " channels by " +
         std::to_string(shape.channels.inner) + ", " + std::to_string(shape.count) +
         " elements, offset " + std::to_string(offset);
}

inline constexpr DataType kReals[] = {DataType::kF32, DataType::kF16, DataType::kBf16};

// --- quantise and dequantise -----------------------------------------------------------------

inline void check_quantizer(const Device& device, DataType real, DataType integer, int zero) {
  const float step = real == DataType::kF16 ? 0.0625f : 0.0371f;
  for (const Shape& shape : shapes())
    for (const int offset : {0, 1}) {
      const std::string what = text(shape, real, integer, offset);
      const Quantizer quantizer(device, {real, integer, 8, shape.channels});
      const std::vector<float> x = reals(shape.count, step, 1, real),
                               steps = steps_of(shape.channels.count, step);
      const Bytes zeros(x.size(), std::byte{0});
      const DeviceArray there(device, store_all(x, real), size_of(real), offset),
          q(device, zeros, 1, offset), scales(device, store_all(steps, DataType::kF32), 4),
          back(device, store_all(std::vector<float>(x.size()), real), size_of(real), offset);
      QuantizerArgs args;
      args.x = there.input(), args.y = q.buffer(), args.count = shape.count;
      args.scales = scales.input(), args.zero = zero;
      quantizer.quantize(args);
      const Bytes got = q.read();
      args.x = q.input(), args.y = back.buffer();
      quantizer.dequantize(args);
      const std::vector<float> reals_got = load_all(back.read(), real);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const QuantScale scale{steps[channel_of(shape.channels, i)], zero};
        std::byte want{};
        quantize(&x[i], 1, scale, integer, &want);
        ASSERT_EQ(got[i], want) << what << ": element " << i << ", " << x[i];
        float wide = 0;
        dequantize(&want, 1, scale, integer, &wide);
        ASSERT_TRUE(same(reals_got[i], static_cast<float>(round_to(real, wide))))
            << what << ": element " << i << " is " << reals_got[i] << " for " << wide;
      }
    }
}

/// All integers, and one scale that the launch carries.
inline void check_every_integer(const Device& device, DataType integer, DataType real) {
  Bytes q(256);
  for (std::size_t i = 0; i < q.size(); ++i) q[i] = static_cast<std::byte>(i);
  const Quantizer quantizer(device, {real, integer, 8, {}});
  const DeviceArray there(device, q, 1), x(device, Bytes(256 * size_of(real)), size_of(real)),
      again(device, Bytes(256), 1);
  QuantizerArgs args;
  args.x = there.input(), args.y = x.buffer(), args.count = 256;
  args.scale = 0.25f, args.zero = 3;
  quantizer.dequantize(args);
  const std::vector<float> got = load_all(x.read(), real);
  for (int i = 0; i < 256; ++i) {
    const int value = integer == DataType::kS8 ? static_cast<std::int8_t>(i) : i;
    EXPECT_EQ(got[static_cast<std::size_t>(i)], 0.25f * static_cast<float>(value - 3));
  }
  args.x = x.input(), args.y = again.buffer();
  quantizer.quantize(args);
  EXPECT_EQ(again.read(), q) << "these are exact in every type, so the integers come back";
}

// --- LSQ -------------------------------------------------------------------------------------

struct LsqRange {
  float low, high;  ///< -Qn, Qp
};
inline LsqRange lsq_range(int bits, bool is_signed) {
  const auto high = static_cast<float>((1 << (is_signed ? bits - 1 : bits)) - 1);
  return {is_signed ? -high - 1 : 0, high};
}

/// The formulas of elementwise.h.
struct LsqElement {
  float y, slope_v, slope_step;
};
inline LsqElement lsq_element(float v, float step, const LsqRange& range) {
  if (!(std::isnormal(step) && step > 0)) return {kNan, kNan, kNan};
  const float t = v / step;
  if (std::isnan(t)) return {kNan, kNan, kNan};
  if (t <= range.low) return {range.low * step, 0, range.low};
  if (t >= range.high) return {range.high * step, 0, range.high};
  const float rounded = std::nearbyint(t) + 0.0f;  // of -0 it is 0
  return {rounded * step, 1, rounded - t};
}

/// Pairs at ever smaller distances.
template <typename Real>
Real meet(std::vector<Real> sums) {
  for (std::size_t distance = sums.size() / 2; distance > 0; distance /= 2)
    for (std::size_t i = 0; i < distance; ++i) sums[i] += sums[i + distance];
  return sums[0];
}
/// The documented order, for the terms of one channel and vectors of `width` elements, or in
/// columns.
inline double ordered_sum(const std::vector<float>& terms, std::size_t width, bool columns) {
  constexpr std::size_t kThreads = 256;
  const std::size_t kChunk = columns ? 1024 : 8192, kLanes = columns ? 32 : kThreads * width;
  std::vector<double> totals(kThreads);
  for (std::size_t chunk = 0; chunk * kChunk < terms.size(); ++chunk) {
    std::vector<float> lanes(kLanes), threads;
    const std::size_t end = std::min(terms.size(), (chunk + 1) * kChunk);
    for (std::size_t i = chunk * kChunk; i < end; ++i)
      lanes[(i - chunk * kChunk) % lanes.size()] += terms[i];
    if (columns) threads = lanes;
    for (std::size_t t = 0; t < kThreads && !columns; ++t)
      threads.push_back(
          meet(std::vector<float>(lanes.begin() + static_cast<std::ptrdiff_t>(t * width),
                                  lanes.begin() + static_cast<std::ptrdiff_t>((t + 1) * width))));
    totals[chunk % kThreads] += static_cast<double>(meet(threads));
  }
  return meet(totals);
}

/// What backward() gives.
struct Gradients {
  std::vector<float> v, step;
};

/// A problem of LSQ on a device.
class LsqProblem {
 public:
  LsqProblem(const Device& device, const LsqSpec& spec, const std::vector<float>& v,
             const std::vector<float>& steps, int offset = 0)
      : device_(device),
        spec_(spec),
        lsq_(device, spec),
        count_(static_cast<std::int64_t>(v.size())),
        offset_(offset),
        v_(device, store_all(v, spec.v), size_of(spec.v), offset),
        steps_(device, store_all(steps, DataType::kF32), 4),
        workspace_(device, Bytes(static_cast<std::size_t>(lsq_.workspace_bytes(count_))), 4) {}

  std::vector<float> forward() const {
    const DeviceArray y = array(spec_.y);
    lsq_.forward({v_.input(), steps_.input(), y.buffer(), count_, nullptr});
    return load_all(y.read(), spec_.y);
  }
  Gradients backward(const std::vector<float>& grad_y, std::int64_t shared_by = 0) const {
    const DeviceArray grads(device_, store_all(grad_y, spec_.y), size_of(spec_.y), offset_),
        grad_v = array(spec_.v), grad_step = per_channel();
    lsq_.backward({v_.input(), steps_.input(), grads.input(), grad_v.buffer(), grad_step.buffer(),
                   workspace_.buffer(), count_, shared_by, nullptr});
    workspace_.read();
    return {load_all(grad_v.read(), spec_.v), load_all(grad_step.read(), DataType::kF32)};
  }
  std::vector<float> initial_step() const {
    const DeviceArray step = per_channel();
    lsq_.initial_step({v_.input(), step.buffer(), workspace_.buffer(), count_, nullptr});
    return load_all(step.read(), DataType::kF32);
  }

 private:
  DeviceArray array(DataType type) const {
    return {device_, Bytes(static_cast<std::size_t>(count_ * size_of(type)), std::byte{0xff}),
            size_of(type), offset_};
  }
  DeviceArray per_channel() const {
    return {device_, Bytes(static_cast<std::size_t>(spec_.channels.count) * 4, std::byte{0xff}), 4};
  }
  Device device_;
  LsqSpec spec_;
  Lsq lsq_;
  std::int64_t count_;
  int offset_;
  DeviceArray v_, steps_, workspace_;
};

/// Elements of each channel, in the order of memory.
inline std::vector<std::vector<float>> by_channel(const std::vector<float>& values,
                                                  const ScaleChannels& channels) {
  std::vector<std::vector<float>> all(static_cast<std::size_t>(channels.count));
  for (std::size_t i = 0; i < values.size(); ++i) all[channel_of(channels, i)].push_back(values[i]);
  return all;
}

/// Forward, backward and the first step against the closed form, bit for bit.
inline void check_lsq(const Device& device, DataType v_type, DataType y_type, int bits,
                      bool is_signed) {
  const LsqRange range = lsq_range(bits, is_signed);
  const auto columns = [](const ScaleChannels& c) { return c.count > 1 && c.inner == 1; };
  const std::size_t width = v_type == DataType::kF32 || y_type == DataType::kF32 ? 4 : 8;
  for (const Shape& shape : shapes())
    for (const int offset : {0, 1}) {
      const std::string what = text(shape, v_type, y_type, offset);
      const LsqSpec spec{v_type, y_type, bits, is_signed, shape.channels};
      // Most elements within the range of the bits, and of f16.
      const float step = 64.0f / range.high;
      // Data that a NaN does not hide: of a channel that has one the sum says nothing.
      const std::vector<float> v = reals(shape.count, 1, 2, v_type, false),
                               steps = steps_of(shape.channels.count, step),
                               grad_y = reals(shape.count, 0.01f, 3, y_type, false);
      const LsqProblem problem(device, spec, v, steps, offset);
      std::vector<float> y, grad_v, terms, magnitudes;
      for (std::size_t i = 0; i < v.size(); ++i) {
        const LsqElement e = lsq_element(v[i], steps[channel_of(shape.channels, i)], range);
        y.push_back(static_cast<float>(round_to(y_type, e.y)));
        grad_v.push_back(e.slope_v == 0 ? 0.0f : static_cast<float>(round_to(v_type, grad_y[i])));
        terms.push_back(grad_y[i] * e.slope_step);
        magnitudes.push_back(std::fabs(v[i]));
      }
      expect_same(problem.forward(), y, what + ", y");
      const Gradients got = problem.backward(grad_y);
      expect_same(got.v, grad_v, what + ", grad_v");
      std::vector<float> grad_step, first_step;
      const double n = static_cast<double>(shape.count / shape.channels.count);
      for (const std::vector<float>& channel : by_channel(terms, shape.channels)) {
        const double scale = 1 / std::sqrt(n * static_cast<double>(range.high));
        grad_step.push_back(
            static_cast<float>(ordered_sum(channel, width, columns(shape.channels)) * scale));
        double exact = 0, magnitude = 0;
        for (const float term : channel) exact += term, magnitude += std::fabs(term);
        EXPECT_NEAR(grad_step.back(), exact * scale, 40 * 0x1p-24 * magnitude * scale) << what;
      }
      expect_same(got.step, grad_step, what + ", grad_step");
      for (const std::vector<float>& channel : by_channel(magnitudes, shape.channels)) {
        const double factor = 2 / (n * std::sqrt(static_cast<double>(range.high)));
        const double total = ordered_sum(channel, width, columns(shape.channels));
        first_step.push_back(total == 0 ? 1 : static_cast<float>(total * factor));
      }
      expect_same(problem.initial_step(), first_step, what + ", the first step");
    }
}

/// NaN and infinities in v, and steps that are none.
inline void check_lsq_specials(const Device& device) {
  const LsqRange range = lsq_range(4, true);
  for (const ScaleChannels channels :
       {ScaleChannels{1, 1}, ScaleChannels{7, 24}, ScaleChannels{8, 1}, ScaleChannels{7, 9}}) {
    const std::int64_t count = channels.count * channels.inner * (channels.count == 1 ? 500 : 5);
    const std::vector<float> v = reals(count, 0.5f, 4, DataType::kF32),
                             grad_y = reals(count, 0.1f, 5, DataType::kF32);
    const float bad[] = {0.0f, -1.0f, 1e-40f, kNan, kInf, -0.0f};
    std::vector<float> steps = steps_of(channels.count, 0.5f);
    for (std::size_t c = 1; c < steps.size(); ++c) steps[c] = bad[c % std::size(bad)];
    for (int round = 0; round < (channels.count == 1 ? 7 : 1); ++round) {
      if (round > 0) steps[0] = bad[round - 1];
      const LsqProblem problem(device, {DataType::kF32, DataType::kF32, 4, true, channels}, v,
                               steps);
      std::vector<float> y, grad_v;
      std::vector<bool> poisoned(steps.size());
      for (std::size_t i = 0; i < v.size(); ++i) {
        const std::size_t c = channel_of(channels, i);
        const LsqElement e = lsq_element(v[i], steps[c], range);
        y.push_back(e.y);
        grad_v.push_back(e.slope_v == 1 ? grad_y[i] : e.slope_v == 0 ? 0 : kNan);
        poisoned[c] = poisoned[c] || std::isnan(grad_y[i] * e.slope_step);
      }
      expect_same(problem.forward(), y, "y");
      const Gradients got = problem.backward(grad_y);
      expect_same(got.v, grad_v, "grad_v");
      for (std::size_t c = 0; c < steps.size(); ++c)
        EXPECT_TRUE(!poisoned[c] || std::isnan(got.step[c])) << "channel " << c;
    }
  }
}

/// A scale in device memory that is none: the integers are 0, the reals no numbers.
inline void check_bad_scales(const Device& device) {
  const std::vector<float> x(64, 3.0f), steps = {0.0f, -1.0f, 1e-40f, kNan, kInf, 0.5f, -0.0f, 1};
  const Quantizer quantizer(device, {DataType::kF32, DataType::kS8, 8, {8, 8}});
  const DeviceArray there(device, store_all(x, DataType::kF32), 4), q(device, Bytes(64), 1),
      scales(device, store_all(steps, DataType::kF32), 4), back(device, Bytes(256), 4);
  QuantizerArgs args;
  args.x = there.input(), args.y = q.buffer(), args.count = 64, args.scales = scales.input();
  quantizer.quantize(args);
  const Bytes integers = q.read();
  args.x = q.input(), args.y = back.buffer();
  quantizer.dequantize(args);
  const std::vector<float> got = load_all(back.read(), DataType::kF32);
  for (std::size_t i = 0; i < 64; ++i) {
    const bool good = i / 8 == 5 || i / 8 == 7;
    EXPECT_EQ(static_cast<int>(integers[i]), good ? static_cast<int>(3 / steps[i / 8]) : 0) << i;
    EXPECT_TRUE(good ? got[i] == 3.0f : std::isnan(got[i])) << i << ": " << got[i];
  }
}

/// LSQ of 8 bits is dequantize(quantize()), but for NaN.
inline void check_lsq_is_quantization(const Device& device) {
  for (const bool is_signed : {true, false}) {
    const DataType integer = is_signed ? DataType::kS8 : DataType::kU8;
    for (const int bits : {2, 3, 4, 8}) {
      const std::vector<float> v = reals(5003, 0.037f, 6, DataType::kF32, false);
      const LsqProblem problem(device, {DataType::kF32, DataType::kF32, bits, is_signed, {}}, v,
                               {0.037f});
      const Quantizer quantizer(device, {DataType::kF32, integer, bits, {}});
      const DeviceArray x(device, store_all(v, DataType::kF32), 4), q(device, Bytes(v.size()), 1),
          back(device, Bytes(v.size() * 4), 4);
      QuantizerArgs args;
      args.x = x.input(), args.y = q.buffer(), args.count = 5003, args.scale = 0.037f;
      quantizer.quantize(args);
      args.x = q.input(), args.y = back.buffer();
      quantizer.dequantize(args);
      expect_same(problem.forward(), load_all(back.read(), DataType::kF32), "y");
    }
  }
}

}  // namespace convoke::test
