// Sparse CPU kernels against dense ones on masked weights. Data are small integers, so that sums
// are exact in any order and outputs agree bit for bit; pruned weights hold NaN, which nobody may
// read as a factor, and workspaces begin as NaN.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "autotune/fill.h"
#include "compiler/epilogue.h"
#include "compiler/spec_text.h"
#include "convoke/sparsity_pattern.h"
#include "runtime/target.h"
#include "tests/random_spec.h"

namespace convoke::test {

/// Memory of a target.
class DeviceBytes {
 public:
  DeviceBytes(Target& target, std::size_t bytes)
      : target_(target), data_(target.allocate(bytes)), size_(bytes) {
    std::memset(data_, 0xff, bytes);  // NaN in every float type
  }
  ~DeviceBytes() { target_.deallocate(data_); }
  DeviceBytes(const DeviceBytes&) = delete;
  DeviceBytes& operator=(const DeviceBytes&) = delete;
  void* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  Target& target_;
  void* data_;
  std::size_t size_;
};

struct SparseData {
  std::vector<std::byte> x, w, masked;  ///< w: NaN where pruned; masked: zeros there
  std::vector<std::vector<std::byte>> operands;
};

inline void put(std::vector<std::byte>& to, std::int64_t at, DataType type, double value) {
  store_element(to.data(), at, type, value);
}

inline SparseData make_sparse_data(const ConvSpec& spec, std::int64_t batch,
                                   const SparsityPattern& pattern, RandomSpecs& random) {
  const auto bytes = [](std::int64_t count, DataType type) {
    return std::vector<std::byte>(static_cast<std::size_t>(count * size_of(type)));
  };
  SparseData d{bytes(spec.x_elements(batch), spec.x_type),
               bytes(spec.w_elements(), spec.w_type),
               bytes(spec.w_elements(), spec.w_type),
               {}};
  for (std::int64_t i = 0; i < spec.x_elements(batch); ++i)
    put(d.x, i, spec.x_type, static_cast<double>(random.pick(-3, 3)));
  const std::int64_t cg = spec.c_per_group();
  for (std::int64_t k = 0; k < spec.k; ++k)
    for (std::int64_t r = 0; r < spec.r; ++r)
      for (std::int64_t s = 0; s < spec.s; ++s)
        for (std::int64_t c = 0; c < cg; ++c) {
          const std::int64_t at = spec.x_layout == Layout::kNhwc
                                      ? ((k * spec.r + r) * spec.s + s) * cg + c
                                      : ((k * cg + c) * spec.r + r) * spec.s + s;
          double value = static_cast<double>(random.pick(-3, 3));
          // Padding must not meet it: 0 times infinity would show.
          const bool corner = (r == 0 && s == 0) || (r == spec.r - 1 && s == spec.s - 1);
          if (corner && spec.r * spec.s > 1 && random.pick(0, 40) == 0)
            value = std::numeric_limits<double>::infinity();
          const bool kept = pattern.keeps(k, r, s, c);
          put(d.w, at, spec.w_type, kept ? value : std::nan(""));
          put(d.masked, at, spec.w_type, kept ? value : 0);
        }
  const Epilogue epilogue = Epilogue::parse(spec.epilogue);
  for (const EpilogueOperand& operand : epilogue.operands()) {
    const DataType type = operand.element_type(spec.y_type);
    const std::int64_t count = operand.elements(spec, batch);
    d.operands.push_back(bytes(count, type));
    for (std::int64_t i = 0; i < count; ++i)
      put(d.operands.back(), i, type, static_cast<double>(random.pick(-3, 3)));
  }
  return d;
}

/// The output of one launch. `pattern` is given to a bound kernel.
inline std::vector<std::byte> run_kernel(Target& target, const ConvSpec& spec,
                                         const KernelConfig& config, std::int64_t batch,
                                         const SparseData& data, const std::vector<std::byte>& w,
                                         WeightForm form,
                                         const SparsityPattern* pattern = nullptr) {
  const std::shared_ptr<const Kernel> kernel = target.get(spec, config);
  DeviceBytes tables(target, static_cast<std::size_t>(kernel->pattern_bytes()));
  if (pattern != nullptr) kernel->pack_pattern(*pattern, tables.data());
  DeviceBytes packed(target, static_cast<std::size_t>(kernel->packed_weight_bytes()));
  DeviceBytes workspace(target, static_cast<std::size_t>(kernel->workspace_bytes(batch, form)));
  std::vector<std::byte> y(static_cast<std::size_t>(spec.y_elements(batch) * size_of(spec.y_type)),
                           std::byte{0xff});
  LaunchArgs args;
  args.x = {data.x.data(), data.x.size()};
  args.w = {w.data(), w.size()};
  if (form == WeightForm::kPacked && kernel->packed_weight_bytes() > 0) {
    kernel->prepack(w.data(), pattern == nullptr ? nullptr : tables.data(), packed.data(), nullptr);
    args.w = {packed.data(), packed.size()};
  }
  args.y = {y.data(), y.size()};
  std::vector<ConstBuffer> operands;
  for (const auto& operand : data.operands) operands.push_back({operand.data(), operand.size()});
  args.operands = operands.data();
  args.operand_count = operands.size();
  args.workspace = {workspace.data(), workspace.size()};
  args.batch = batch;
  if (pattern != nullptr) args.pattern = {tables.data(), tables.size()};
  kernel->launch(args, form);
  return y;
}

/// Where two outputs differ in bits, a NaN being like any other.
inline std::string difference(const ConvSpec& spec, const std::vector<std::byte>& got,
                              const std::vector<std::byte>& wanted) {
  const auto count = static_cast<std::int64_t>(got.size()) / size_of(spec.y_type);
  for (std::int64_t i = 0; i < count; ++i) {
    const double a = load_element(got.data(), i, spec.y_type);
    const double b = load_element(wanted.data(), i, spec.y_type);
    if (std::isnan(a) ? !std::isnan(b) : a != b)
      return "element " + std::to_string(i) + " is " + std::to_string(a) + ", not " +
             std::to_string(b);
  }
  return "";
}

/// Baked and bound, packed and plain weights: all equal the dense kernel on masked weights.
inline void check_sparse(Target& target, const ConvSpec& baked, const KernelConfig& config,
                         RandomSpecs& random) {
  const std::int64_t batch = baked.open_batch() ? random.pick(1, 5) : baked.n;
  const SparseData data = make_sparse_data(baked, batch, *baked.pattern, random);
  ConvSpec dense = baked, bound = baked;
  dense.sparsity.clear();
  dense.pattern = bound.pattern = nullptr;
  bound.sparsity += ":bound";
  const std::string what = print_spec(baked) + " --config " + print_config(config) + " keeps " +
                           std::to_string(baked.pattern->kept().size()) + " units";
  const auto wanted = run_kernel(target, dense, parse_config("direct,nv=1"), batch, data,
                                 data.masked, WeightForm::kPlain);
  const auto got = run_kernel(target, baked, config, batch, data, data.w, WeightForm::kPacked);
  ASSERT_EQ(difference(baked, got, wanted), "") << what;
  const auto plain = run_kernel(target, baked, config, batch, data, data.w, WeightForm::kPlain);
  ASSERT_EQ(plain, got) << what << ", plain weights";
  if (config.cpu.family == CpuFamily::kSparse && config.cpu.unroll == 0) return;  // baked alone
  const auto operand = run_kernel(target, bound, config, batch, data, data.w, WeightForm::kPacked,
                                  baked.pattern.get());
  ASSERT_EQ(operand, got) << what << ", bound";
}

/// A pattern of the spec's signature, of any count now and then.
inline ConvSpec draw_pattern(const ConvSpec& spec, RandomSpecs& random) {
  const auto seed = static_cast<std::uint64_t>(random.pick(1, 1 << 30));
  SparsityPattern::Ptr pattern = SparsityPattern::random(spec, seed);
  switch (random.pick(0, 9)) {
    case 0:
      pattern = SparsityPattern::from_units(spec, {});
      break;
    case 1:  // some of them, as many here as it happens there
      if (!pattern->kept().empty()) {
        std::vector<std::int64_t> kept = pattern->kept();
        kept.resize(
            static_cast<std::size_t>(random.pick(1, static_cast<std::int64_t>(kept.size()))));
        pattern = SparsityPattern::from_units(spec, kept);
      }
      break;
    default:
      break;
  }
  return with_pattern(spec, pattern);
}

inline std::string random_sparsity(RandomSpecs& random) {
  const char* keeps[] = {"1", "0.75", "0.5", "0.25", "0.1", "0.01"};
  const std::string keep = keeps[random.pick(0, 5)];
  switch (random.pick(0, 6)) {
    case 0:
      return "channel:" + keep;
    case 1:
      return "channel:" + keep + "@" + std::to_string(random.pick(2, 9));
    case 2:
      return "input:" + keep;
    case 3:
      return "input:" + keep + "@" + std::to_string(random.pick(2, 9));
    case 4:
      return "block:" + keep + "@" + std::to_string(random.pick(4, 20)) + "x" +
             std::to_string(random.pick(4, 20));
    case 5:
      return "unstructured:" + keep;
    default: {
      const std::int64_t m = random.pick(2, 9);
      return "nm:" + std::to_string(random.pick(1, m)) + ":" + std::to_string(m);
    }
  }
}

/// Random problems, kinds, patterns and configurations, those that use the pattern more often.
inline void check_random_sparse(Target& target, std::uint64_t seed, int problems) {
  RandomSpecs random(seed);
  for (int i = 0; i < problems; ++i) {
    ConvSpec spec = random.next(4e5);
    const char* epilogues[] = {"", "relu(acc*2+bias[k])", "acc+res", "min(acc-res,b[k])*res"};
    spec.epilogue = Epilogue::parse(epilogues[random.pick(0, 3)]).text();
    spec.sparsity = random_sparsity(random);
    spec = draw_pattern(spec, random);
    std::vector<KernelConfig> masked, sparse;
    for (const KernelConfig& config : target.enumerate(spec))
      (config.cpu.masked ? masked : sparse).push_back(config);
    const bool use_masked = sparse.empty() || (!masked.empty() && random.pick(0, 4) == 0);
    const std::vector<KernelConfig>& space = use_masked ? masked : sparse;
    ASSERT_FALSE(space.empty()) << print_spec(spec);
    const auto pick = random.pick(0, static_cast<std::int64_t>(space.size()) - 1);
    check_sparse(target, spec, space[static_cast<std::size_t>(pick)], random);
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace convoke::test
