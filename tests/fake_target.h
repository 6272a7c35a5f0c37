// A target that compiles nothing: what plans and tuners decide, without a device.
#pragma once

#include <cstdlib>
#include <cstring>

#include "compiler/kernel_config.h"
#include "compiler/sparsity.h"
#include "runtime/target.h"

namespace convoke {

inline constexpr std::int64_t kPackedBytes = 256, kTableBytes = 128;

/// Its workspace is mr * 64 bytes, and 256 more for plain weights; launch() fills y and the
/// workspace with 0x11, prepack() the weights with 0x22 (0x44 where it is given a pattern), and
/// pack_pattern() the tables of a bound spec with 0x33.
class FakeKernel final : public Kernel {
 public:
  FakeKernel(const ConvSpec& spec, int mr) : spec_(spec), mr_(mr) {}
  std::vector<PlanStep> steps(std::int64_t, WeightForm form) const override {
    return form == WeightForm::kPlain ? plain_ : packed_;
  }
  std::int64_t workspace_bytes(std::int64_t, WeightForm form) const override {
    return mr_ * 64 + (form == WeightForm::kPlain ? kPackedBytes : 0);
  }
  std::int64_t packed_weight_bytes() const override { return kPackedBytes; }
  std::int64_t pattern_bytes() const override {
    return Sparsity::parse(spec_.sparsity).bound ? kTableBytes : 0;
  }
  void pack_pattern(const SparsityPattern&, void* tables) const override {
    std::memset(tables, 0x33, kTableBytes);
  }
  void prepack(const void*, const void* pattern, void* packed, void*) const override {
    std::memset(packed, pattern == nullptr ? 0x22 : 0x44, kPackedBytes);
  }
  void launch(const LaunchArgs& args, WeightForm form) const override {
    const auto y = static_cast<std::size_t>(spec_.y_elements(args.batch)) * sizeof(float);
    std::memset(args.y.data, 0x11, y);
    if (args.workspace.data != nullptr)
      std::memset(args.workspace.data, 0x11,
                  static_cast<std::size_t>(workspace_bytes(args.batch, form)));
  }

 private:
  ConvSpec spec_;
  int mr_;
  std::vector<PlanStep> plain_ = {{"pack_weights", kPackedBytes}, {"conv", 0}},
                        packed_ = {{"conv", 0}};
};

inline KernelConfig config_of(int mr) {
  KernelConfig config;
  config.cpu.family = CpuFamily::kGemm;
  config.cpu.mr = mr;
  return config;
}

/// Memory, one configuration and no limits: a test overrides what it is about, load() at least.
class StubTarget : public Target {
 public:
  const DeviceInfo& info() const override { return info_; }
  std::string why_unsupported(const ConvSpec&) const override { return ""; }
  std::string why_illegal(const ConvSpec&, const KernelConfig&) const override { return ""; }
  std::vector<KernelConfig> enumerate(const ConvSpec&) const override { return {{}}; }
  KernelConfig default_config(const ConvSpec&) const override { return {}; }
  double predict_us(const ConvSpec&, const KernelConfig&) const override { return 1; }
  double limit_us(const ConvSpec&) const override { return 1; }
  std::int64_t workspace_bytes(const ConvSpec&, const KernelConfig&, WeightForm) const override {
    return 0;
  }
  std::string emit(const ConvSpec&, const KernelConfig&, EmitFormat) const override { return ""; }
  std::string cache_key(const ConvSpec&, const KernelConfig&) const override { return ""; }
  CompiledKernel compile(const ConvSpec&, const KernelConfig&) const override { return {}; }
  std::shared_ptr<const Kernel> get(const ConvSpec& spec, const KernelConfig& config,
                                    CacheSource*) override {
    return load(spec, config, {});
  }
  KernelCache& cache() override { return cache_; }
  void* allocate(std::size_t bytes) override {
    return std::aligned_alloc(64, (bytes + 63) / 64 * 64);
  }
  void deallocate(void* pointer) override { std::free(pointer); }
  void copy_in(void* device, const void* host, std::size_t bytes) override {
    std::memcpy(device, host, bytes);
  }
  void copy_out(void* host, const void* device, std::size_t bytes) override {
    std::memcpy(host, device, bytes);
  }

 private:
  DeviceInfo info_{"fake", "fake", "fake", "", "", "", 1, 1};
  KernelCache cache_{"", ""};
};

/// Configurations mr = 1..6 are legal, 6 is the default, fewer pixels are predicted slower.
class FakeTarget : public StubTarget {
 public:
  std::string why_unsupported(const ConvSpec& spec) const override {
    return why_not_quantised(spec);
  }
  std::string why_illegal(const ConvSpec&, const KernelConfig& config) const override {
    return config.cpu.mr >= 1 && config.cpu.mr <= 6 ? "" : "mr must be 1 to 6";
  }
  std::vector<KernelConfig> enumerate(const ConvSpec&) const override {
    std::vector<KernelConfig> all;
    for (int mr = 1; mr <= 6; ++mr) all.push_back(config_of(mr));
    return all;
  }
  KernelConfig default_config(const ConvSpec&) const override { return config_of(6); }
  double predict_us(const ConvSpec&, const KernelConfig& config) const override {
    return 10.0 - config.cpu.mr;
  }
  std::int64_t workspace_bytes(const ConvSpec& spec, const KernelConfig& config,
                               WeightForm form) const override {
    return FakeKernel(spec, config.cpu.mr).workspace_bytes(1, form);
  }
  std::shared_ptr<const Kernel> load(const ConvSpec& spec, const KernelConfig& config,
                                     const CompiledKernel&) const override {
    return std::make_shared<FakeKernel>(spec, config.cpu.mr);
  }
  std::shared_ptr<const Kernel> get(const ConvSpec& spec, const KernelConfig& config,
                                    CacheSource* source) override {
    *source = source_of_next;
    return load(spec, config, {});
  }

  CacheSource source_of_next = CacheSource::kCompiled;
};

}  // namespace convoke
