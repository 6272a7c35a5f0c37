// A target for tuners whose kernels are plain loops that also wait: the time of a configuration is
// known, and so is whether it is right.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "compiler/spec_text.h"
#include "runtime/target.h"
#include "tests/naive_conv.h"

namespace convoke::test {

using Clock = std::chrono::steady_clock;

/// What the fake knows about one configuration, by its mr.
struct Behaviour {
  double us = 100;
  bool wrong = false;
  std::optional<ErrorCode> build_error;
  bool launch_fails = false;
  std::string why_slow{};
};

struct TimedKernel final : Kernel {
  ConvSpec spec;
  Behaviour behaviour;
  TimedKernel(const ConvSpec& s, const Behaviour& b) : spec(s), behaviour(b) {}
  std::vector<PlanStep> steps(std::int64_t, WeightForm) const override { return {}; }
  std::int64_t workspace_bytes(std::int64_t, WeightForm) const override { return 0; }
  std::int64_t packed_weight_bytes() const override { return 0; }
  std::string why_slow() const override { return behaviour.why_slow; }
  void prepack(const void*, const void*, void*, void*) const override {}
  void launch(const LaunchArgs& args, WeightForm) const override {
    const auto end = Clock::now() + std::chrono::duration<double, std::micro>(behaviour.us);
    if (behaviour.launch_fails) throw Error(ErrorCode::kDevice, "the launch failed");
    for_each_output(spec, args.batch,
                    [&](std::int64_t n, std::int64_t k, std::int64_t p, std::int64_t q) {
                      const double sum = naive_sum(spec, args.x.data, args.w.data, n, k, p, q);
                      store_element(args.y.data, y_index(spec, n, k, p, q), spec.y_type,
                                    sum + (behaviour.wrong ? 1 : 0));
                    });
    while (Clock::now() < end) {
    }
  }
};

struct TimedTarget : Target {
  DeviceInfo device;
  std::map<int, Behaviour> behaviours;  ///< by mr
  std::function<double(int mr)> predicted = [](int mr) { return 100.0 + mr; };
  std::int64_t unsupported_k = -1;  ///< a spec with this K cannot run
  int missing_mr = -1;              ///< a configuration without a compiler and in no cache
  int compiles = 0;
  std::function<void(int mr)> on_get = [](int) {};
  std::map<std::string, std::shared_ptr<const Kernel>> kernels;
  std::mutex mutex;
  int threads_beside = 0;
  std::int64_t last_cache = 0;
  std::vector<DeviceState> states;  ///< told one after the other; then all is well
  bool lost = false;                ///< as after a kernel that faulted
  KernelCache no_cache{"", ""};

  TimedTarget() {
    device.target = "fake", device.key = "fake/2", device.compiler = "none 1", device.emitter = "e";
    device.driver = "d";
    device.threads = 1024;  // no cores to spare: nothing is built ahead
  }
  static KernelConfig config(int mr) {
    KernelConfig c;
    c.cpu.family = CpuFamily::kGemm;
    c.cpu.mr = mr, c.cpu.nv = 1, c.cpu.unroll = 1;
    return c;
  }
  const DeviceInfo& info() const override { return device; }
  std::string why_unsupported(const ConvSpec& spec) const override {
    return spec.k == unsupported_k ? "K is not supported by the fake" : "";
  }
  std::string why_illegal(const ConvSpec&, const KernelConfig& c) const override {
    return behaviours.contains(c.cpu.mr) ? "" : "no such mr";
  }
  std::vector<KernelConfig> enumerate(const ConvSpec&) const override {
    std::vector<KernelConfig> all;
    for (const auto& [mr, behaviour] : behaviours) all.push_back(config(mr));
    return all;
  }
  KernelConfig default_config(const ConvSpec&) const override {
    return config(behaviours.begin()->first);
  }
  double predict_us(const ConvSpec&, const KernelConfig& c) const override {
    return predicted(c.cpu.mr);
  }
  double limit_us(const ConvSpec&) const override { return 1; }
  std::int64_t workspace_bytes(const ConvSpec&, const KernelConfig& c, WeightForm) const override {
    return c.cpu.mr * 100;
  }
  std::string emit(const ConvSpec&, const KernelConfig&, EmitFormat) const override { return ""; }
  std::string cache_key(const ConvSpec&, const KernelConfig& c) const override {
    return print_config(c);
  }
  CompiledKernel compile(const ConvSpec&, const KernelConfig&) const override { return {}; }
  std::shared_ptr<const Kernel> load(const ConvSpec&, const KernelConfig&,
                                     const CompiledKernel&) const override {
    return nullptr;
  }
  std::shared_ptr<const Kernel> get(const ConvSpec& spec, const KernelConfig& c,
                                    CacheSource* source) override {
    std::lock_guard<std::mutex> lock(mutex);
    on_get(c.cpu.mr);
    const Behaviour& behaviour = behaviours.at(c.cpu.mr);
    if (behaviour.build_error) throw Error(*behaviour.build_error, "it does not build");
    auto& kernel = kernels[print_spec(spec) + print_config(c)];
    if (source) *source = kernel ? CacheSource::kMemory : CacheSource::kCompiled;
    if (!kernel) {
      ++compiles;
      kernel = std::make_shared<TimedKernel>(spec, behaviour);
    }
    return kernel;
  }
  bool obtainable(const ConvSpec&, const KernelConfig& c) override {
    return c.cpu.mr != missing_mr;
  }
  KernelCache& cache() override { return no_cache; }
  int build_threads() const override { return threads_beside; }
  std::int64_t cache_bytes() const override { return last_cache; }
  DeviceState state() override {
    if (states.empty()) return {1500, 2600, ""};
    const DeviceState first = states.front();
    states.erase(states.begin());
    return first;
  }
  void* allocate(std::size_t bytes) override {
    if (lost) throw Error(ErrorCode::kDevice, "the context is gone");
    return std::aligned_alloc(64, (bytes + 63) / 64 * 64);
  }
  void deallocate(void* p) override { std::free(p); }
  void copy_in(void* d, const void* h, std::size_t n) override {
    std::copy_n(static_cast<const char*>(h), n, static_cast<char*>(d));
  }
  void copy_out(void* h, const void* d, std::size_t n) override {
    std::copy_n(static_cast<const char*>(d), n, static_cast<char*>(h));
  }
};

}  // namespace convoke::test
