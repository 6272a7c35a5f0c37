// What the key leaves out, the emitter must not read: for one key there is one text of IR.
#include <gtest/gtest.h>
#include <llvm/Support/raw_ostream.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "compiler/cache_key.h"
#include "compiler/emit_cpu.h"
#include "compiler/spec_text.h"

namespace convoke {
namespace {

std::string emitted(const ConvSpec& spec, const KernelConfig& config, const CpuIsa& isa) {
  llvm::LLVMContext context;
  std::string text;
  llvm::raw_string_ostream stream(text);
  emit_cpu(context, spec, config, isa)->print(stream, nullptr);
  return text;
}

/// The highest level, so that every family is enumerated; nothing is run.
CpuIsa amx() {
  CpuIsa isa;
  isa.level = IsaLevel::kAmx;
  return isa;
}

/// At most three configurations of each family, spread over the whole space.
std::vector<KernelConfig> some_configs(const ConvSpec& spec) {
  std::map<CpuFamily, std::vector<KernelConfig>> families;
  for (const KernelConfig& config : enumerate_cpu_configs(spec, amx(), 2)) {
    families[config.cpu.family].push_back(config);
  }
  std::vector<KernelConfig> some;
  for (const auto& [family, all] : families) {
    for (std::size_t i = 0; i < all.size(); i += all.size() / 3 + 1) some.push_back(all[i]);
  }
  return some;
}

TEST(CacheKeyEmitter, NeitherBatchNorCacheSizesChangeTheCode) {
  std::size_t kernels = 0;
  std::set<CpuFamily> families;
  for (const char* text : {"mb?ic8ih6oc16kh3ph1", "mb?ic16ih5oc24kh1", "mb?ic3ih12oc8kh7sh2ph3",
                           "g2mb?ic8ih6oc8kh3ph1", "g8mb?ic8ih6oc8kh3ph1 layout=nchw",
                           "mb?ic64ih9oc32kh3ph1 dtype=bf16 epilogue=relu(acc+bias[k])",
                           "mb?ic4ih9oc8kh3dh1ph2 xlayout=nchw ylayout=nhwc",
                           "mb?ic8ih6oc16kh3ph1 sparsity=channel:0.5:bound",
                           "mb?ic8ih6oc16kh3ph1 sparsity=input:0.5:bound",
                           "mb?ic8ih6oc16kh3ph1 sparsity=unstructured:0.25:bound"}) {
    const ConvSpec open = parse_problem(text).spec;
    for (const KernelConfig& config : some_configs(open)) {
      const std::string code = emitted(open, config, amx());
      const std::string key = cpu_key_text(open, config, amx());
      CpuIsa other_caches = amx();
      other_caches.l1_bytes *= 2, other_caches.l2_bytes *= 8, other_caches.l3_bytes = 32 << 20;
      for (const std::int64_t n : {1, 2, 7, 64}) {
        ConvSpec fixed = open;
        fixed.n = n;
        ASSERT_EQ(cpu_key_text(fixed, config, other_caches), key);
        ASSERT_EQ(emitted(fixed, config, other_caches), code)
            << print_spec(fixed) << " " << print_config(config);
      }
      ++kernels;
      families.insert(config.cpu.family);
    }
  }
  EXPECT_GT(kernels, 20u);
  EXPECT_EQ(families.size(), 5u) << "a family was not looked at";
}

TEST(CacheKeyEmitter, DifferentCodeHasDifferentKeys) {
  std::map<std::string, std::string> code_of;
  for (const char* text :
       {"ic8ih6oc8kh3ph1", "ic8ih6iw7oc8kh3kw3ph1pw1", "ic8ih6oc8oh6kh3ph0", "ic8ih6oc8kh3ph2",
        "ic8ih6oc8kh3dh1ph2", "ic8ih6oc8kh3sh2ph1", "g2ic8ih6oc8kh3ph1", "ic8ih6oc8kh3ph1 y=f16",
        "ic8ih6oc8kh3ph1 dtype=f16", "ic8ih6oc8kh3ph1 layout=nchw", "ic8ih6oc8kh3ph1 ylayout=nchw",
        "ic8ih6oc8kh3ph1 epilogue=relu(acc)"}) {
    const ConvSpec spec = parse_problem(text).spec;
    for (const KernelConfig& config : some_configs(spec)) {
      const std::string code = emitted(spec, config, amx());
      const auto [it, added] = code_of.emplace(cpu_key_text(spec, config, amx()), code);
      EXPECT_EQ(it->second, code) << "one key, two kernels: " << it->first;
    }
  }
  EXPECT_GT(code_of.size(), 30u);
}

}  // namespace
}  // namespace convoke
