// One layer in 8 bits, calibrated on real images: the second layer of a small network over CIFAR-10
// (3 to 64 channels, relu, then 64 to 64, both 3x3, weights drawn at random as networks begin). The
// first layer runs in f32 and gives the images that the second one sees; calibration looks at some
// of them, the error is measured on others.
//   quantize DATA_FOLDER [TARGET]      a folder that holds data_batch_1.bin and test_batch.bin
// The error is that of the layer's result against f32: root mean square over root mean square.
// Plans take tuned configurations where `convoke tune` has stored some, else defaults.
#include <convoke/quantize.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <convoke/convoke.hpp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "memory.h"

namespace {

using convoke::ConvSpec;
using convoke::Plan;
using Floats = std::vector<float>;
using Bytes = std::vector<unsigned char>;

constexpr int kImages = 64;  // of a batch
constexpr int kPixels = 32 * 32, kRecord = 1 + 3 * kPixels;
constexpr double kMostError = 0.1;
constexpr float kMean[] = {0.4914f, 0.4822f, 0.4465f}, kDeviation[] = {0.2470f, 0.2435f, 0.2616f};

/// The first images of a file of CIFAR-10's binary format, nhwc, normalised.
Floats load_images(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<unsigned char> records(std::size_t{kImages} * kRecord);
  if (!file.read(reinterpret_cast<char*>(records.data()),
                 static_cast<std::streamsize>(records.size())))
    throw std::runtime_error(path + " cannot be read: give the folder of CIFAR-10's binary files");
  Floats images;
  for (int n = 0; n < kImages; ++n)
    for (int pixel = 0; pixel < kPixels; ++pixel)
      for (int c = 0; c < 3; ++c) {
        const int value = records[static_cast<std::size_t>(n * kRecord + 1 + c * kPixels + pixel)];
        images.push_back((static_cast<float>(value) / 255 - kMean[c]) / kDeviation[c]);
      }
  return images;
}

/// He's initialisation: normal, variance 2 / inputs of a filter.
Floats draw_weights(const ConvSpec& spec, unsigned seed) {
  std::mt19937 random(seed);
  const auto inputs = static_cast<float>(spec.c_per_group() * spec.r * spec.s);
  std::normal_distribution<float> normal(0, std::sqrt(2 / inputs));
  Floats weights(static_cast<std::size_t>(spec.w_elements()));
  for (float& weight : weights) weight = normal(random);
  return weights;
}

struct Result {
  double us = 0;
  Bytes y;
};

/// Median of several turns of launches.
double median_us(const std::function<void()>& launch, example::Memory& memory) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> us;
  for (int turn = 0; turn < 12; ++turn) {
    const auto start = Clock::now();
    for (int i = 0; i < 5; ++i) launch();
    memory.wait();
    us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count() / 5);
  }
  us.erase(us.begin(), us.begin() + 3);  // cold
  std::nth_element(us.begin(), us.begin() + 4, us.end());
  return us[4];
}

/// One plan over host data, its weights packed once.
Result run(const convoke::Device& device, const ConvSpec& spec, const void* x, const void* w,
           const std::vector<Floats>& operands, std::int32_t x_zero, bool timed) {
  const auto memory = example::memory_of(device.name());
  const Plan plan(device, spec, {.weights = convoke::WeightForm::kPacked});
  const auto bytes = [](std::int64_t elements, convoke::DataType type) {
    return static_cast<std::size_t>(elements) * static_cast<std::size_t>(convoke::size_of(type));
  };
  const example::Buffer x_buffer(*memory, bytes(spec.x_elements(spec.n), spec.x_type));
  const example::Buffer w_buffer(*memory, bytes(spec.w_elements(), spec.w_type));
  const example::Buffer y(*memory, bytes(spec.y_elements(spec.n), spec.y_type));
  const example::Buffer packed(*memory, static_cast<std::size_t>(plan.packed_weight_bytes()));
  const example::Buffer workspace(*memory, static_cast<std::size_t>(plan.workspace_bytes()));
  memory->copy_in(x_buffer.data(), x, x_buffer.bytes());
  memory->copy_in(w_buffer.data(), w, w_buffer.bytes());
  std::vector<std::unique_ptr<example::Buffer>> operand_memory;
  std::vector<convoke::ConstBuffer> operand_buffers;
  for (const Floats& operand : operands) {
    const std::size_t size = operand.size() * sizeof(float);
    operand_memory.push_back(std::make_unique<example::Buffer>(*memory, size));
    memory->copy_in(operand_memory.back()->data(), operand.data(), size);
    operand_buffers.push_back({operand_memory.back()->data(), size});
  }
  convoke::LaunchArgs args;
  args.x = {x_buffer.data(), x_buffer.bytes()};
  args.w = {w_buffer.data(), w_buffer.bytes()};
  args.y = {y.data(), y.bytes()};
  args.operands = operand_buffers.data();
  args.operand_count = operand_buffers.size();
  args.workspace = {workspace.data(), workspace.bytes()};
  args.x_zero = x_zero;
  if (packed.bytes() > 0) {
    plan.prepack(args.w, {packed.data(), packed.bytes()});
    args.w = {packed.data(), packed.bytes()};
  }
  plan.launch(args);
  Result result;
  if (timed) result.us = median_us([&] { plan.launch(args); }, *memory);
  memory->wait();
  result.y.resize(y.bytes());
  memory->copy_out(result.y.data(), y.data(), y.bytes());
  return result;
}

Floats floats_of(const Bytes& bytes) {
  Floats values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

double relative_error(const Floats& got, const Floats& want) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double difference = static_cast<double>(got[i]) - want[i];
    error += difference * difference;
    norm += static_cast<double>(want[i]) * want[i];
  }
  return std::sqrt(error / norm);
}

struct Method {
  const char* name;
  convoke::CalibrationMethod method;
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::fprintf(stderr,
                 "usage: quantize DATA_FOLDER [TARGET], the folder of CIFAR-10's binary files\n");
    return 2;
  }
  const std::string folder = argv[1];
  const convoke::Device device = convoke::Device::open(argc > 2 ? argv[2] : "auto");
  const std::string batch = "mb" + std::to_string(kImages);
  const ConvSpec first = convoke::parse_spec(batch + "ic3ih32oc64kh3ph1 epilogue=relu(acc)");
  const ConvSpec real = convoke::parse_spec(batch + "ic64ih32oc64kh3ph1 epilogue=relu(acc)");
  const ConvSpec integer =
      convoke::parse_spec(batch + "ic64ih32oc64kh3ph1 dtype=u8 epilogue=relu(acc)");
  const Floats first_weights = draw_weights(first, 1), weights = draw_weights(real, 2);
  const auto layer_input = [&](const char* file) {
    const Floats images = load_images(folder + "/" + file);
    return floats_of(run(device, first, images.data(), first_weights.data(), {}, 0, false).y);
  };
  const Floats seen = layer_input("data_batch_1.bin"), others = layer_input("test_batch.bin");
  const Result expected = run(device, real, others.data(), weights.data(), {}, 0, true);
  const Floats expected_y = floats_of(expected.y);
  const Floats seen_y = floats_of(run(device, real, seen.data(), weights.data(), {}, 0, false).y);

  convoke::Calibrator x_values, y_values;
  x_values.add(seen.data(), seen.size());
  y_values.add(seen_y.data(), seen_y.size());
  std::printf("%s\nlayer: %s\nf32: %.0f us\n\n", device.description().c_str(),
              convoke::to_string(real).c_str(), expected.us);
  std::printf("%-20s %-12s %10s %10s %10s %10s %8s\n", "calibration", "weights", "x scale",
              "y scale", "error", "us", "speed-up");
  const Method methods[] = {
      {"min-max", convoke::CalibrationMethod::min_max()},
      {"percentile 99.9", convoke::CalibrationMethod::percentile(99.9)},
      {"mean squared error", convoke::CalibrationMethod::mean_squared_error()}};
  double worst = 0;
  for (const Method& method : methods)
    for (const auto scales :
         {convoke::WeightScales::kPerTensor, convoke::WeightScales::kPerChannel}) {
      // After a relu nothing is negative: u8, and zero is the integer 0.
      const convoke::QuantScale x = x_values.choose(method.method, convoke::DataType::kU8, true);
      const convoke::QuantScale y = y_values.choose(method.method, convoke::DataType::kU8, true);
      const convoke::QuantizedLayer layer =
          convoke::quantize_layer(integer, weights.data(), weights.size(), scales, x, y);
      std::vector<unsigned char> input(others.size());
      convoke::quantize(others.data(), others.size(), x, convoke::DataType::kU8, input.data());
      const Plan names(device, layer.spec);
      std::vector<Floats> operands;
      for (const std::string& name : names.operand_names()) operands.push_back(layer.operand(name));
      const Result result =
          run(device, layer.spec, input.data(), layer.weights.data(), operands, x.zero, true);
      Floats got(expected_y.size());
      convoke::dequantize(result.y.data(), got.size(), y, convoke::DataType::kU8, got.data());
      const double error = relative_error(got, expected_y);
      worst = std::max(worst, error);
      std::printf("%-20s %-12s %10.5f %10.5f %9.2f%% %10.0f %8.2f\n", method.name,
                  scales == convoke::WeightScales::kPerTensor ? "per tensor" : "per channel",
                  static_cast<double>(x.scale), static_cast<double>(y.scale), 100 * error,
                  result.us, expected.us / result.us);
    }
  // 8 bits leave about a per cent on such data: much more is a mistake.
  if (!(worst < kMostError)) std::printf("\nWRONG: an error above %.0f%%\n", 100 * kMostError);
  return worst < kMostError ? 0 : 1;
} catch (const convoke::Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return static_cast<int>(error.code());
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 4;
}
