// Every family of CPU kernels on random odd problems, against plain loops. Values are small
// integers, so every sum is exact and the comparison is bit for bit. Inputs end at an unmapped
// page, outputs stand between red zones; weights hold infinities and NaN at corner taps, which
// border pixels must not see.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <random>

#include "compiler/cpu_kernel_args.h"
#include "compiler/cpu_schedule.h"
#include "compiler/emit_cpu.h"
#include "compiler/epilogue.h"
#include "compiler/quant_range.h"
#include "compiler/spec_text.h"
#include "runtime/cpu_backend_codegen.h"
#include "runtime/cpu_backend_jit.h"

namespace convoke {
namespace {

using Rng = std::mt19937;

int pick(Rng& rng, int lo, int hi) {
  return lo + static_cast<int>(rng() % static_cast<unsigned>(hi - lo + 1));
}

/// Memory whose last byte is followed by a page that must not be touched.
class Guarded {
 public:
  explicit Guarded(std::size_t bytes) : size_(bytes) {
    const std::size_t pages = (bytes + kPage - 1) / kPage + 1;
    mapped_ = (pages + 1) * kPage;
    base_ = static_cast<char*>(
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_, kPage, PROT_NONE);
    mprotect(base_ + mapped_ - kPage, kPage, PROT_NONE);
  }
  ~Guarded() { munmap(base_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  char* data() const { return base_ + mapped_ - kPage - size_; }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kPage = 4096;
  std::size_t size_, mapped_;
  char* base_;
};

float round_to(DataType type, float value) {
  if (type == DataType::kS8 || type == DataType::kU8) {
    const QuantRange range = quant_range(type);
    return std::clamp(std::nearbyint(value), static_cast<float>(range.low),
                      static_cast<float>(range.high));
  }
  if (type == DataType::kS32) return value;
  if (type == DataType::kF16) return static_cast<float>(static_cast<_Float16>(value));
  if (type == DataType::kF32 || std::isnan(value)) return value;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
}

void write_element(char* base, std::int64_t i, DataType type, float value) {
  if (type == DataType::kF32) {
    std::memcpy(base + i * 4, &value, 4);
  } else if (type == DataType::kF16) {
    const _Float16 half = static_cast<_Float16>(value);
    std::memcpy(base + i * 2, &half, 2);
  } else if (is_integer(type)) {
    base[i] = static_cast<char>(static_cast<int>(value));
  } else {
    const auto bits = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
    std::memcpy(base + i * 2, &bits, 2);
  }
}

float read_element(const char* base, std::int64_t i, DataType type) {
  if (type == DataType::kF32) {
    float value;
    std::memcpy(&value, base + i * 4, 4);
    return value;
  }
  if (type == DataType::kF16) {
    _Float16 half;
    std::memcpy(&half, base + i * 2, 2);
    return static_cast<float>(half);
  }
  if (type == DataType::kS8) return static_cast<signed char>(base[i]);
  if (type == DataType::kU8) return static_cast<unsigned char>(base[i]);
  if (type == DataType::kS32) {
    std::int32_t value;
    std::memcpy(&value, base + i * 4, 4);
    return static_cast<float>(value);
  }
  std::uint16_t bits;
  std::memcpy(&bits, base + i * 2, 2);
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::int64_t image_index(Layout layout, std::int64_t n, std::int64_t c, std::int64_t h,
                         std::int64_t w, std::int64_t channels, std::int64_t height,
                         std::int64_t width) {
  return layout == Layout::kNhwc ? ((n * height + h) * width + w) * channels + c
                                 : ((n * channels + c) * height + h) * width + w;
}

/// A problem's data as floats, in the order of the loops.
struct Data {
  const ConvSpec& spec;
  std::int64_t batch;
  Epilogue epilogue;
  std::vector<float> x, w, y;                ///< [n][c][h][w], [k][c/g][r][s], [n][k][p][q]
  std::vector<std::vector<float>> operands;  ///< [k] or [n][k][p][q]
  std::int32_t x_zero = 0;
};

void compute(Data& d) {
  const ConvSpec& s = d.spec;
  std::size_t out = 0;
  std::vector<double> values(d.operands.size());
  for (std::int64_t n = 0; n < d.batch; ++n)
    for (std::int64_t k = 0; k < s.k; ++k)
      for (std::int64_t p = 0; p < s.p; ++p)
        for (std::int64_t q = 0; q < s.q; ++q, ++out) {
          double sum = 0;
          for (std::int64_t c = 0; c < s.c_per_group(); ++c)
            for (std::int64_t r = 0; r < s.r; ++r)
              for (std::int64_t t = 0; t < s.s; ++t) {
                const std::int64_t h = p * s.stride_h - s.pad_h + r * s.dilation_h;
                const std::int64_t w = q * s.stride_w - s.pad_w + t * s.dilation_w;
                if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
                const std::int64_t channel = k / s.k_per_group() * s.c_per_group() + c;
                const float pixel = d.x[((n * s.c + channel) * s.h + h) * s.w + w];
                sum += (static_cast<double>(pixel) - d.x_zero) *
                       static_cast<double>(d.w[((k * s.c_per_group() + c) * s.r + r) * s.s + t]);
              }
          for (std::size_t i = 0; i < values.size(); ++i) {
            values[i] = d.operands[i][d.epilogue.operands()[i].per_channel ? k : out];
          }
          d.y[out] =
              round_to(s.y_type, static_cast<float>(d.epilogue.evaluate(sum, values.data())));
        }
}

Data make_data(const ConvSpec& spec, std::int64_t batch, Rng& rng) {
  Data d{spec, batch, Epilogue::parse(spec.epilogue), {}, {}, {}, {}};
  d.x.resize(spec.x_elements(batch));
  d.w.resize(spec.w_elements());
  d.y.resize(spec.y_elements(batch));
  for (float& v : d.x) v = static_cast<float>(pick(rng, -3, 3));
  for (float& v : d.w) v = static_cast<float>(pick(rng, -3, 3));
  const float odd[] = {INFINITY, -INFINITY, NAN};
  for (std::int64_t tap = 0; tap < spec.r * spec.s;
       tap += std::max<std::int64_t>(spec.r * spec.s - 1, 1)) {
    if (spec.r * spec.s > 1)
      d.w[(rng() % (spec.k * spec.c_per_group())) * spec.r * spec.s + tap] = odd[rng() % 3];
  }
  for (const EpilogueOperand& operand : d.epilogue.operands()) {
    d.operands.emplace_back(operand.per_channel ? spec.k : spec.y_elements(batch));
    for (float& v : d.operands.back()) v = static_cast<float>(pick(rng, -3, 3));
  }
  compute(d);
  return d;
}

/// Bytes of the whole range, both ends more often than by chance.
Data make_bytes(const ConvSpec& spec, std::int32_t x_zero, Rng& rng) {
  Data d{spec, spec.n, Epilogue::parse(spec.epilogue), {}, {}, {}, {}};
  d.x_zero = x_zero;
  d.x.resize(spec.x_elements(spec.n));
  d.w.resize(spec.w_elements());
  d.y.resize(spec.y_elements(spec.n));
  const auto draw = [&rng](std::vector<float>& values, DataType type) {
    const QuantRange range = quant_range(type);
    for (float& v : values)
      v = static_cast<float>(
          std::clamp(pick(rng, range.low - 60, range.high + 60), range.low, range.high));
  };
  draw(d.x, spec.x_type);
  draw(d.w, spec.w_type);
  compute(d);
  return d;
}

/// [n][k][p][q] floats to memory in the layout and type of an image.
void write_images(const std::vector<float>& from, char* to, Layout layout, DataType type,
                  std::int64_t batch, std::int64_t channels, std::int64_t height,
                  std::int64_t width) {
  std::size_t i = 0;
  for (std::int64_t n = 0; n < batch; ++n)
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t h = 0; h < height; ++h)
        for (std::int64_t w = 0; w < width; ++w, ++i)
          write_element(to, image_index(layout, n, c, h, w, channels, height, width), type,
                        from[i]);
}

/// The packed layout as cpu_schedule.h describes it.
void pack(const Data& d, const PackedWeights& packed, char* to) {
  const ConvSpec& spec = d.spec;
  std::memset(to, 0, static_cast<std::size_t>(packed.bytes));
  for (std::int64_t group = 0; group < packed.groups; ++group) {
    for (const PanelKind& kind : packed.kinds) {
      for (int panel = 0; panel < kind.count; ++panel) {
        const std::int64_t width = std::int64_t{kind.vectors} * packed.lanes;
        const std::int64_t first = kind.first_filter + panel * width;
        std::int64_t at = group * packed.group_elements + kind.offset + panel * kind.panel_elements;
        for (std::int64_t block = 0; block < spec.c_per_group(); block += packed.kc)
          for (std::int64_t r = packed.r.begin; r < packed.r.end; ++r)
            for (std::int64_t s = packed.s.begin; s < packed.s.end; ++s)
              for (std::int64_t c = 0; c < packed.kc; c += packed.pair)
                for (std::int64_t f = 0; f < width; ++f)
                  for (int i = 0; i < packed.pair; ++i, ++at) {
                    if (first + f >= packed.filters || c + i >= packed.kc) continue;
                    const std::int64_t k = group * packed.filters + first + f;
                    const std::int64_t index =
                        ((k * spec.c_per_group() + block + c + i) * spec.r + r) * spec.s + s;
                    write_element(
                        to, at, packed.type == PackedType::kBf16 ? DataType::kBf16 : DataType::kF32,
                        d.w[index]);
                  }
      }
    }
  }
}

/// Runs the kernel in pieces, out of order, and compares every output.
::testing::AssertionResult run(const Data& d, const KernelConfig& config, const CpuIsa& isa,
                               Rng& rng) {
  const ConvSpec& spec = d.spec;
  auto context = std::make_unique<llvm::LLVMContext>();
  auto module = emit_cpu(*context, spec, config, isa);
  const std::string object =
      compile_module(std::move(context), std::move(module), isa.level, CpuOutput::kObject);
  const LoadedObject loaded = load_object(object.data(), object.size());
  const auto kernel = reinterpret_cast<CpuKernelFn>(loaded.entry);

  const CpuSchedule schedule = make_cpu_schedule(spec, config.cpu, isa);
  Guarded x(d.x.size() * size_of(spec.x_type));
  write_images(d.x, x.data(), spec.x_layout, spec.x_type, d.batch, spec.c, spec.h, spec.w);
  // Packed weights and scratch are aligned to 64 and padded to whole vectors.
  Guarded w((schedule.weights.bytes + 63) / 64 * 64);
  pack(d, schedule.weights, w.data());
  Guarded scratch((schedule.scratch_bytes + 63) / 64 * 64);
  constexpr std::size_t kRedZone = 256;
  const std::size_t y_bytes = d.y.size() * size_of(spec.y_type);
  std::vector<char> y(y_bytes + 2 * kRedZone, '\x7f');
  std::vector<std::unique_ptr<Guarded>> operands;
  CpuKernelArgs args;
  args.x = x.data();
  args.w = w.data();
  args.y = y.data() + kRedZone;
  args.n = d.batch;
  args.x_zero = d.x_zero;
  for (std::size_t i = 0; i < d.operands.size(); ++i) {
    const bool per_channel = d.epilogue.operands()[i].per_channel;
    const DataType type = per_channel ? DataType::kF32 : spec.y_type;
    operands.push_back(std::make_unique<Guarded>(d.operands[i].size() * size_of(type)));
    args.operand[i] = operands[i]->data();
    if (per_channel) {
      std::memcpy(operands[i]->data(), d.operands[i].data(), operands[i]->size());
    } else {
      write_images(d.operands[i], operands[i]->data(), spec.y_layout, type, d.batch, spec.k, spec.p,
                   spec.q);
    }
  }
  for (std::int64_t end = schedule.tasks(d.batch); end > 0;) {
    const std::int64_t begin = std::max<std::int64_t>(0, end - pick(rng, 1, 5));
    kernel(&args, begin, end, scratch.data());
    end = begin;
  }
  unload_object(loaded.handle);

  for (std::size_t i = 0; i < kRedZone; ++i) {
    if (y[i] != '\x7f' || y[kRedZone + y_bytes + i] != '\x7f')
      return ::testing::AssertionFailure() << "wrote outside y";
  }
  std::size_t i = 0;
  for (std::int64_t n = 0; n < d.batch; ++n)
    for (std::int64_t k = 0; k < spec.k; ++k)
      for (std::int64_t p = 0; p < spec.p; ++p)
        for (std::int64_t q = 0; q < spec.q; ++q, ++i) {
          const float got = read_element(
              y.data() + kRedZone, image_index(spec.y_layout, n, k, p, q, spec.k, spec.p, spec.q),
              spec.y_type);
          if (std::isnan(d.y[i]) ? !std::isnan(got) : got != d.y[i]) {
            return ::testing::AssertionFailure() << "n=" << n << " k=" << k << " p=" << p
                                                 << " q=" << q << ": " << got << " for " << d.y[i];
          }
        }
  return ::testing::AssertionSuccess();
}

/// One spatial axis: input, filter, stride, dilation, low padding, output.
void random_axis(Rng& rng, std::int64_t& in, std::int64_t& filter, std::int64_t& stride,
                 std::int64_t& dilation, std::int64_t& pad, std::int64_t& out) {
  for (;;) {
    in = pick(rng, 1, 20);
    filter = pick(rng, 1, rng() % 4 == 0 ? 7 : 3);
    stride = pick(rng, 1, rng() % 3 == 0 ? 5 : 2);
    dilation = rng() % 3 == 0 ? pick(rng, 2, 9) : 1;
    pad = rng() % 6 == 0 ? pick(rng, 3, 30) : pick(rng, 0, static_cast<int>(filter / 2));
    const std::int64_t high =
        rng() % 6 == 0 ? pick(rng, 0, 30)
                       : pick(rng, static_cast<int>(1 - stride), static_cast<int>(filter / 2));
    const std::int64_t room = in + pad + high - (filter - 1) * dilation - 1;
    if (room < 0 || room % stride != 0) continue;
    out = room / stride + 1;
    return;
  }
}

ConvSpec random_spec(Rng& rng) {
  ConvSpec spec;
  random_axis(rng, spec.h, spec.r, spec.stride_h, spec.dilation_h, spec.pad_h, spec.p);
  random_axis(rng, spec.w, spec.s, spec.stride_w, spec.dilation_w, spec.pad_w, spec.q);
  spec.n = rng() % 4 == 0 ? kOpenBatch : pick(rng, 1, 3);
  int c = pick(rng, 1, 9), k = pick(rng, 1, 19);
  spec.groups = 1;
  switch (rng() % 3) {
    case 0:
      break;
    case 1:  // depthwise, often with a channel multiplier
      spec.groups = pick(rng, 1, 37);
      c = 1;
      k = rng() % 2 == 0 ? 1 : 1 << pick(rng, 0, 4);
      break;
    default:
      spec.groups = pick(rng, 2, 7);
      c = pick(rng, 1, 5);
      k = rng() % 2 == 0 ? 1 << pick(rng, 0, 4) : pick(rng, 1, 7);
  }
  spec.c = spec.groups * c;
  spec.k = spec.groups * k;
  const DataType types[] = {DataType::kF32, DataType::kF32, DataType::kF16, DataType::kBf16};
  spec.x_type = spec.w_type = types[rng() % 4];
  spec.y_type = rng() % 4 == 0 ? DataType::kF32 : spec.x_type;
  spec.x_layout = rng() % 3 == 0 ? Layout::kNchw : Layout::kNhwc;
  spec.y_layout = rng() % 3 != 0 ? spec.x_layout : rng() % 2 == 0 ? Layout::kNchw : Layout::kNhwc;
  const char* epilogues[] = {"", "", "relu(acc*2+bias[k])", "acc+res", "min(acc-res,b[k])*res"};
  spec.epilogue = Epilogue::parse(epilogues[rng() % 5]).text();
  return spec;
}

std::vector<CpuIsa> isas() {
  std::vector<CpuIsa> result(1);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("f16c")) {
    result.push_back({.level = IsaLevel::kAvx2});
  }
  return result;
}

// Both taps of the dilated filter fall into the padding: the result is the epilogue of 0.
TEST(Direct, NoLiveTap) {
  Rng rng(5);
  for (const char* text : {"mb2ic3ih1iw5oc9oh1ow5kh2kw1dh1dw0ph1pw0 epilogue=acc+bias[k]",
                           "g3mb1ic3ih1iw5oc6oh1ow5kh2kw1dh1dw0ph1pw0 layout=nchw"}) {
    const ConvSpec spec = parse_problem(text).spec;
    ASSERT_EQ(spec.live_r().size(), 0) << text;
    for (const CpuIsa& isa : isas()) {
      KernelConfig config;
      config.cpu = {.family = CpuFamily::kDirect, .nv = 2};
      ASSERT_EQ(why_illegal(spec, config, isa), "");
      EXPECT_TRUE(run(make_data(spec, spec.n, rng), config, isa, rng)) << text;
    }
  }
}

/// Often illegal for a given problem; the caller asks.
KernelConfig random_config(Rng& rng, CpuFamily family) {
  CpuConfig config;
  config.family = family;
  config.nv = rng() % 2 == 0 ? 1 : pick(rng, 2, 4);
  config.rows = pick(rng, 0, 5);
  if (family != CpuFamily::kDirect) config.mr = pick(rng, 1, 13);
  if (family == CpuFamily::kGemm) {
    config.axis = rng() % 2 == 0 ? TileAxis::kAxisQ : TileAxis::kAxisN;
    config.mr = pick(rng, 1, 8);
    config.kb = pick(rng, 0, 2);
    config.kc = rng() % 3 == 0 ? pick(rng, 1, 4) : 0;
    config.unroll = pick(rng, 1, 4);
  }
  return {config};
}

class Families : public ::testing::TestWithParam<CpuFamily> {};

// Images beyond the size from which the next row is prefetched, a tail of 4 of 8 lanes, both
// strides.
TEST(Depthwise, LargeImages) {
  Rng rng(3);
  for (const char* text :
       {"g60mb1ic60ih40oc60kh3ph1", "g60mb1ic60ih40oc60kh3sh2ph1", "g50mb1ic100ih30oc50kh5ph2"}) {
    ConvSpec spec = parse_problem(text).spec;
    for (const CpuIsa& isa : isas()) {
      KernelConfig config;
      config.cpu = {.family = CpuFamily::kDepthwise, .mr = 8, .nv = 6, .rows = 16};
      EXPECT_TRUE(run(make_data(spec, 1, rng), config, isa, rng))
          << text << " " << to_string(isa.level);
    }
  }
}

// Lanes are pixels: rows shorter than a vector, equal and unequal tiles, both strides, groups of
// odd sizes.
TEST(Depthwise, Planar) {
  Rng rng(4);
  for (const char* text : {"g5mb2ic5ih13oc5kh3ph1", "g3mb1ic6ih30oc15kh5sh2ph2",
                           "g4mb1ic4ih3oc8kh3ph1", "g7mb1ic7ih9iw40oc7kh3kw7dh2dw3ph3pw9"}) {
    for (const char* types : {" dtype=f32", " dtype=f16", " dtype=bf16"}) {
      ConvSpec spec =
          parse_problem(text + std::string(types) + " layout=nchw epilogue=acc*2+bias[k]-res").spec;
      for (const CpuIsa& isa : isas()) {
        KernelConfig config;
        config.cpu = {.family = CpuFamily::kDepthwise, .mr = isa.lanes(), .nv = 1, .rows = 5};
        EXPECT_TRUE(run(make_data(spec, spec.n, rng), config, isa, rng))
            << text << types << " " << to_string(isa.level);
      }
    }
  }
}

// x - x_zero at borders, between dilated taps, beside the columns that a stride leaves out, in
// tails of one lane; zero points at both ends of the range.
TEST(Depthwise, ZeroPoints) {
  Rng rng(6);
  constexpr const char* kOutputs[] = {"s8", "u8", "s32", "f32", "f16", "bf16"};
  std::size_t next = 0;
  for (const std::string text :
       {"g9mb2ic9ih7oc9kh3ph1", "g17mb1ic17ih9iw12oc34kh3kw5dh1dw2ph2pw6",
        "g8mb1ic8ih13iw17oc8kh2kw1sh3sw2ph1pw0", "g5mb2ic10ih8iw11oc5kh3kw3sh2ph1"})
    for (const char* layout : {" layout=nhwc", " layout=nchw"})
      for (const DataType x : {DataType::kS8, DataType::kU8})
        for (const CpuIsa& isa : isas()) {
          const std::string y = kOutputs[next++ % std::size(kOutputs)];
          const ConvSpec spec =
              parse_problem(text + layout + " x=" + to_string(x) + " w=s8 y=" + y + " quant=zp" +
                            (y == "s32" ? "" : " epilogue=acc*0.001953125"))
                  .spec;
          KernelConfig config;
          config.cpu = {.family = CpuFamily::kDepthwise, .mr = 3, .nv = 2, .rows = 2};
          if (spec.x_layout == Layout::kNchw) config.cpu.mr = isa.lanes(), config.cpu.nv = 1;
          ASSERT_EQ(why_illegal(spec, config, isa), "") << print_spec(spec);
          for (const int zero : {quant_range(x).low, quant_range(x).high})
            EXPECT_TRUE(run(make_bytes(spec, zero, rng), config, isa, rng))
                << print_spec(spec) << " zero " << zero << " " << to_string(isa.level);
        }
}

TEST_P(Families, AgreeWithPlainLoopsOnRandomProblems) {
  Rng rng(7 + static_cast<unsigned>(GetParam()));
  int done = 0;
  for (int i = 0; i < 100000 && done < 150; ++i) {
    const ConvSpec spec = random_spec(rng);
    try {
      spec.validate();
    } catch (const Error&) {
      continue;
    }
    const CpuIsa isa = isas()[rng() % isas().size()];
    if (!why_unsupported_cpu(spec, isa).empty()) continue;
    const KernelConfig config = random_config(rng, GetParam());
    if (!why_illegal(spec, config, isa).empty()) continue;
    ++done;
    const Data data = make_data(spec, spec.open_batch() ? pick(rng, 1, 4) : spec.n, rng);
    EXPECT_TRUE(run(data, config, isa, rng))
        << print_spec(spec) << " --config " << print_config(config) << " " << to_string(isa.level);
    if (HasFailure()) return;
  }
  EXPECT_EQ(done, 150);
}

INSTANTIATE_TEST_SUITE_P(All, Families,
                         ::testing::Values(CpuFamily::kGemm, CpuFamily::kDirect,
                                           CpuFamily::kDepthwise),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace convoke
