// One layer pruned in every kind of sparsity: magnitudes choose what is kept, the weights are
// packed once, the plan runs; the table says what that buys beside the same layer unpruned.
//   prune [TARGET [PROBLEM]]      prune cpu "mb8ic64ih56oc64oh56kh3ph1"
// Every result is compared, bit for bit, with the dense plan on weights whose pruned ones are zero.
// Plans take tuned configurations where `convoke tune` has stored some, else defaults. Times are of
// launches one after another on the same tensors: caches are as warm as the layer is small.
#include <algorithm>
#include <chrono>
#include <convoke/convoke.hpp>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <vector>

#include "memory.h"

namespace {

using convoke::ConvSpec;
using convoke::Plan;
using convoke::SparsityPattern;
using Bytes = std::vector<unsigned char>;

constexpr const char* kKinds[] = {"channel:{}",     "channel:{}@4",   "input:{}",
                                  "input:{}@8",     "block:{}@16x16", "block:{}@64x64",
                                  "unstructured:{}"};
constexpr const char* kRatios[] = {"0.75", "0.6", "0.5", "0.25"};

/// Small whole numbers, whose sums are exact, in f32, tf32, f16 or bf16.
Bytes stored(const std::vector<float>& values, convoke::DataType type) {
  Bytes bytes(values.size() * static_cast<std::size_t>(convoke::size_of(type)));
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint32_t bits;
    std::memcpy(&bits, &values[i], sizeof bits);
    if (convoke::size_of(type) == 4) {
      std::memcpy(&bytes[4 * i], &bits, 4);
      continue;
    }
    std::uint32_t half = bits >> 16;  // bf16
    if (type == convoke::DataType::kF16)
      half = (bits >> 16 & 0x8000) | (values[i] == 0 ? 0 : ((bits >> 13) - (112 << 10)) & 0x7fff);
    bytes[2 * i] = static_cast<unsigned char>(half);
    bytes[2 * i + 1] = static_cast<unsigned char>(half >> 8);
  }
  return bytes;
}

std::vector<float> numbers(std::int64_t count, unsigned seed, int largest) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<int>((seed >> 16) % (2u * largest + 1)) - largest);
  }
  return values;
}

/// The layer's tensors, and what runs on them.
struct Layer {
  Layer(const convoke::Device& d, const ConvSpec& s)
      : device(d), dense(s), memory(example::memory_of(d.name())) {}
  const convoke::Device& device;
  ConvSpec dense;
  std::unique_ptr<example::Memory> memory;
  std::vector<float> weights;
  Bytes x;

  struct Run {
    double us = 0;
    std::string config;
    Bytes y;
  };
  Run run(const ConvSpec& spec, const std::vector<float>& w) const;
};

/// Median of several turns of launches, each some milliseconds long.
double median_us(const std::function<void()>& launch, example::Memory& memory) {
  using Clock = std::chrono::steady_clock;
  const auto turn = [&](int launches) {
    const auto start = Clock::now();
    for (int i = 0; i < launches; ++i) launch();
    memory.wait();
    return std::chrono::duration<double, std::micro>(Clock::now() - start).count() / launches;
  };
  turn(3);
  const int launches = static_cast<int>(std::clamp(5000 / turn(3), 1.0, 1000.0));
  std::vector<double> us;
  for (int i = 0; i < 9; ++i) us.push_back(turn(launches));
  std::nth_element(us.begin(), us.begin() + 4, us.end());
  return us[4];
}

Layer::Run Layer::run(const ConvSpec& spec, const std::vector<float>& w) const {
  const Plan plan(device, spec, {.weights = convoke::WeightForm::kPacked});
  const auto bytes = [](std::int64_t elements, convoke::DataType type) {
    return static_cast<std::size_t>(elements) * static_cast<std::size_t>(convoke::size_of(type));
  };
  const Bytes plain = stored(w, spec.w_type);
  const example::Buffer x_buffer(*memory, x.size()), w_buffer(*memory, plain.size());
  const example::Buffer y(*memory, bytes(spec.y_elements(spec.n), spec.y_type));
  const example::Buffer packed(*memory, static_cast<std::size_t>(plan.packed_weight_bytes()));
  const example::Buffer workspace(*memory, static_cast<std::size_t>(plan.workspace_bytes()));
  memory->copy_in(x_buffer.data(), x.data(), x.size());
  memory->copy_in(w_buffer.data(), plain.data(), plain.size());

  convoke::LaunchArgs args;
  args.x = {x_buffer.data(), x_buffer.bytes()};
  args.w = {w_buffer.data(), w_buffer.bytes()};
  args.y = {y.data(), y.bytes()};
  args.workspace = {workspace.data(), workspace.bytes()};
  if (packed.bytes() > 0) {  // once: the layer's weights do not change
    plan.prepack(args.w, {packed.data(), packed.bytes()});
    args.w = {packed.data(), packed.bytes()};
  }
  Run result;
  result.us = median_us([&] { plan.launch(args); }, *memory);
  result.config = plan.config();
  result.y.resize(y.bytes());
  memory->copy_out(result.y.data(), y.data(), y.bytes());
  return result;
}

/// The weights with zeros for what the pattern prunes.
std::vector<float> masked(const ConvSpec& spec, const SparsityPattern& pattern,
                          std::vector<float> w) {
  const bool nhwc = spec.x_layout == convoke::Layout::kNhwc;
  const std::int64_t channels = spec.c_per_group();
  for (std::int64_t k = 0; k < spec.k; ++k)
    for (std::int64_t r = 0; r < spec.r; ++r)
      for (std::int64_t s = 0; s < spec.s; ++s)
        for (std::int64_t c = 0; c < channels; ++c)
          if (!pattern.keeps(k, r, s, c))
            w[static_cast<std::size_t>(nhwc ? ((k * spec.r + r) * spec.s + s) * channels + c
                                            : ((k * channels + c) * spec.r + r) * spec.s + s)] = 0;
  return w;
}

void print_row(const std::string& kind, double keep, const Layer::Run& run, double dense_us,
               double limit_us, const char* check) {
  std::printf("%-22s %6.3f %10.1f %8.2f %8.2f  %-5s  %s\n", kind.c_str(), keep, run.us,
              run.us / dense_us, limit_us / run.us, check, run.config.c_str());
  std::fflush(stdout);
}

/// Prunes, runs, compares. Returns whether the results agree.
bool prune(const Layer& layer, const std::string& kind, double dense_us) {
  ConvSpec spec = layer.dense;
  spec.sparsity = kind;
  const SparsityPattern::Ptr pattern =
      SparsityPattern::by_magnitude(spec, layer.weights.data(), layer.weights.size());
  spec = convoke::with_pattern(spec, pattern);
  // The sparse plan gets all weights: it reads those alone that are kept.
  const Layer::Run sparse = layer.run(spec, layer.weights);
  const Layer::Run oracle = layer.run(layer.dense, masked(spec, *pattern, layer.weights));
  const bool equal = sparse.y == oracle.y;
  print_row(kind,
            static_cast<double>(pattern->kept_weights()) / static_cast<double>(spec.w_elements()),
            sparse, dense_us, layer.device.limit_us(spec), equal ? "equal" : "WRONG");
  return equal;
}

}  // namespace

int main(int argc, char** argv) try {
  const convoke::Device device = convoke::Device::open(argc > 1 ? argv[1] : "auto");
  const char* usual = device.name() == "cpu" ? "mb8ic64ih56oc64oh56kh3ph1"
                                             : "mb128ic256ih14oc256oh14kh3ph1 dtype=f16";
  Layer layer(device, convoke::parse_spec(argc > 2 ? argv[2] : usual));
  const ConvSpec& spec = layer.dense;
  if (spec.open_batch() || !spec.epilogue.empty() || !spec.sparsity.empty()) {
    std::fprintf(stderr, "error: give a dense problem with a fixed batch and no epilogue\n");
    return 2;
  }
  layer.x = stored(numbers(spec.x_elements(spec.n), 1, 3), spec.x_type);
  layer.weights = numbers(spec.w_elements(), 2, 3);

  const Layer::Run dense = layer.run(spec, layer.weights);
  std::printf("%s\n%s\n\n", device.description().c_str(), convoke::to_string(spec).c_str());
  std::printf("%-22s %6s %10s %8s %8s  %-5s  %s\n", "kind", "keep", "us", "of dense", "of limit",
              "check", "configuration");
  print_row("dense", 1, dense, dense.us, device.limit_us(spec), "");
  bool right = true;
  for (const std::string kind : kKinds)
    for (const char* ratio : kRatios)
      right = prune(layer, std::string(kind).replace(kind.find("{}"), 2, ratio), dense.us) && right;
  right = prune(layer, "nm:2:4", dense.us) && right;
  return right ? 0 : 1;
} catch (const convoke::Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return static_cast<int>(error.code());
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 4;
}
