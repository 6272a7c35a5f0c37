// Tests of many kernels on a GPU: the configurations of a problem that differ in their code, and
// kernels built on all cores before they are checked.
#pragma once

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "autotune/verify.h"
#include "compiler/cuda_config.h"
#include "runtime/usable_cpus.h"
#include "tests/gpu_support.h"

namespace convoke::test {

class GpuKernels : public GpuTest {
 protected:
  /// The likeliest configuration of each way through the code.
  std::vector<KernelConfig> configs_of(const ConvSpec& spec) const {
    std::vector<std::pair<double, KernelConfig>> all;
    for (const KernelConfig& config : target().enumerate(spec))
      all.push_back({target().predict_us(spec, config), config});
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<KernelConfig> chosen;
    const auto add = [&](const auto& wanted) {
      for (const auto& [us, config] : all)
        if (wanted(config.cuda)) return chosen.push_back(config);
    };
    using cuda::Family;
    using cuda::PixelOrder, cuda::SplitBy;
    const auto weights = [](const CudaConfig& c) {
      return c.family == Family::kSparse && !c.masked;
    };
    add([&](const CudaConfig& c) {
      return !c.masked && c.split == 0 && !weights(c) && c.patch == 0;
    });
    add([&](const CudaConfig& c) { return !c.masked && c.split == 0 && !weights(c) && c.bn < 64; });
    add([](const CudaConfig& c) { return !c.masked && c.patch == 1; });
    add([](const CudaConfig& c) { return !c.masked && c.patch == 1 && c.bm <= 64; });
    add([](const CudaConfig& c) { return !c.masked && c.patch == 1 && c.bm > 128; });
    add([&](const CudaConfig& c) { return weights(c) && !c.code; });
    add([&](const CudaConfig& c) { return weights(c) && !c.code && c.bk < 16 && c.bm < 128; });
    add([&](const CudaConfig& c) { return weights(c) && !c.code && c.tp * c.tq < c.bm; });
    add([&](const CudaConfig& c) { return weights(c) && c.code; });
    add([&](const CudaConfig& c) { return weights(c) && c.code && c.bk < 16; });
    add([](const CudaConfig& c) {
      return !c.masked && c.split > 1 && c.split_by == SplitBy::kWorkspace;
    });
    add([](const CudaConfig& c) {
      return !c.masked && c.split > 1 && c.split_by == SplitBy::kCluster;
    });
    add([](const CudaConfig& c) { return !c.masked && c.order == PixelOrder::kBatch; });
    add([](const CudaConfig& c) { return c.masked && cuda::is_gemm(c.family); });
    add([](const CudaConfig& c) { return c.masked && c.family == cuda::Family::kDirect; });
    return chosen;
  }

  /// Builds kernels on all cores: the checks then find them.
  void build(const std::vector<std::pair<ConvSpec, KernelConfig>>& kernels) const {
    std::atomic<std::size_t> next{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < usable_cpus(); ++i)
      threads.emplace_back([&] {
        for (std::size_t at = next++; at < kernels.size(); at = next++) {
          try {
            target().get(kernels[at].first, kernels[at].second);
          } catch (const Error&) {  // told by the check, in its place
          }
        }
      });
    for (std::thread& thread : threads) thread.join();
  }

  /// Checks each against the host's or the device's reference.
  void expect_right(const std::vector<std::pair<ConvSpec, KernelConfig>>& kernels) const {
    build(kernels);
    ThreadPool pool(usable_cpus());
    for (const auto& [spec, config] : kernels) {
      const VerifyResult result = Verifier(target(), spec, 1, &pool).check(config);
      EXPECT_EQ(result.verdict, Verdict::kPassed)
          << print_spec(spec) << " " << print_config(config) << ": " << result.reason;
    }
  }
};

}  // namespace convoke::test
