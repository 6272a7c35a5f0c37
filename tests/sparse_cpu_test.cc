// Sparse plans on the CPU target, through the library's front door: every kind, baked and bound,
// passes the verifier in configurations of every sort; both give the same bits; masks change
// between two launches without compiling.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "autotune/fill.h"
#include "autotune/verify.h"
#include "compiler/spec_text.h"
#include "convoke/convoke.hpp"
#include "runtime/target.h"

namespace convoke {
namespace {

constexpr const char* kSparsities[] = {"channel:0.5",      "channel:0.4@4", "input:0.5",
                                       "input:0.25@4",     "block:0.5@4x4", "block:0.3@16x8",
                                       "unstructured:0.3", "nm:2:4",        "nm:1:3"};
constexpr const char* kProblems[] = {
    "mb2ic16ih7oc24oh7kh3ph1 epilogue=relu(acc+bias[k])",
    "g2mb1ic24ih9oc32oh5kh3sh2ph1 layout=nchw",
    "mb1ic20ih6oc19oh6kh1 dtype=bf16",
};

Device& device() {
  static Device cpu = Device::open("cpu");
  return cpu;
}

/// Up to two configurations of each family, sparse and masked.
std::vector<KernelConfig> sample_of_space(const ConvSpec& spec) {
  std::map<std::pair<CpuFamily, bool>, int> taken;
  std::vector<KernelConfig> configs;
  for (const KernelConfig& config : device().target().enumerate(spec))
    if (taken[{config.cpu.family, is_masked(config)}]++ < 2) configs.push_back(config);
  return configs;
}

struct alignas(64) Line {
  std::byte bytes[64];
};
/// Zeroed memory, aligned to 64.
struct Room {
  explicit Room(std::int64_t bytes) : size(static_cast<std::size_t>(bytes)), lines(size / 64 + 1) {}
  std::byte* data() { return lines.front().bytes; }
  Buffer buffer() { return {data(), size}; }
  ConstBuffer view() { return {data(), size}; }
  std::size_t size;
  std::vector<Line> lines;
};

/// y of a plan on random floats; `pattern` where the plan is bound.
std::vector<std::byte> run(const Plan& plan, const SparsityPattern* pattern, WeightForm form) {
  const ConvSpec& spec = plan.spec();
  std::vector<std::byte> x(spec.x_elements(spec.n) * size_of(spec.x_type)),
      w(spec.w_elements() * size_of(spec.w_type)), bias(spec.k * sizeof(float));
  fill(x, spec.x_type, TensorRole::kX, FillKind::kFloats, spec, 1);
  fill(w, spec.w_type, TensorRole::kW, FillKind::kFloats, spec, 1);
  fill(bias, DataType::kF32, TensorRole::kChannelOperand, FillKind::kFloats, spec, 1);
  Room y(spec.y_elements(spec.n) * size_of(spec.y_type)), workspace(plan.workspace_bytes()),
      packed(plan.packed_weight_bytes()), tables(plan.pattern_bytes());
  LaunchArgs args;
  args.x = {x.data(), x.size()};
  args.w = {w.data(), w.size()};
  args.y = y.buffer();
  const ConstBuffer operand{bias.data(), bias.size()};
  args.operands = &operand;
  args.operand_count = plan.operand_names().size();
  args.workspace = workspace.buffer();
  if (pattern != nullptr) {
    plan.pack_pattern(*pattern, tables.buffer());
    args.pattern = tables.view();
  }
  if (form == WeightForm::kPacked && plan.packed_weight_bytes() > 0) {
    plan.prepack(args.w, packed.buffer(), nullptr, args.pattern);
    args.w = packed.view();
  }
  plan.launch(args);
  return {y.data(), y.data() + y.size};
}

std::vector<std::string> all_texts() {
  std::vector<std::string> texts;
  for (const char* problem : kProblems)
    for (const char* sparsity : kSparsities)
      texts.push_back(std::string(problem) + " sparsity=" + sparsity);
  return texts;
}

TEST(SparseCpu, EveryKindPassesTheVerifier) {
  std::set<bool> sorts;
  for (const std::string& text : all_texts())
    for (const char* bound : {"", ":bound"}) {
      ConvSpec spec = parse_problem(text + bound).spec;
      if (*bound == 0) spec = with_pattern(spec, SparsityPattern::random(spec, 5));
      const Verifier verifier(device().target(), spec, 1);
      for (const KernelConfig& config : sample_of_space(spec)) {
        sorts.insert(is_masked(config));
        const VerifyResult result = verifier.check(config);
        EXPECT_EQ(result.verdict, Verdict::kPassed)
            << print_spec(spec) << " " << print_config(config) << ": " << result.reason;
      }
    }
  EXPECT_EQ(sorts.size(), 2u) << "sparse and masked configurations";
}

TEST(SparseCpu, BakedAndBoundGiveTheSameBits) {
  for (const std::string& text : all_texts()) {
    const ConvSpec bound_spec = parse_problem(text + ":bound").spec;
    const SparsityPattern::Ptr patterns[] = {SparsityPattern::random(bound_spec, 1),
                                             SparsityPattern::random(bound_spec, 2)};
    for (const KernelConfig& config : sample_of_space(bound_spec))
      for (const WeightForm form : {WeightForm::kPlain, WeightForm::kPacked}) {
        const PlanOptions options{print_config(config), form};
        const Plan bound(device(), bound_spec, options);
        for (const SparsityPattern::Ptr& pattern : patterns) {
          const Plan baked(device(), with_pattern(parse_problem(text).spec, pattern), options);
          EXPECT_EQ(baked.pattern_bytes(), 0);
          EXPECT_EQ(run(baked, nullptr, form), run(bound, pattern.get(), form))
              << text << " " << options.config;
        }
      }
  }
}

TEST(SparseCpu, PatternsOfACallerPassTheVerifier) {
  const auto passes = [](const char* text, std::vector<std::int64_t> kept) {
    const ConvSpec sparse = parse_problem(text).spec;
    const ConvSpec spec =
        with_pattern(sparse, SparsityPattern::from_units(sparse, std::move(kept)));
    const Verifier verifier(device().target(), spec, 1);
    for (const KernelConfig& config : sample_of_space(spec)) {
      const VerifyResult result = verifier.check(config);
      EXPECT_EQ(result.verdict, Verdict::kPassed)
          << print_spec(spec) << " " << print_config(config) << ": " << result.reason;
    }
  };
  for (const char* sparsity :
       {"channel:0.5", "input:0.5", "block:0.5@4x4", "unstructured:0.5", "nm:2:4"}) {
    const std::string text =
        std::string("mb1ic16ih6oc16oh6kh3ph1 epilogue=relu(acc+bias[k]) sparsity=") + sparsity;
    const ConvSpec spec = parse_problem(text).spec;
    const std::int64_t units = sparsity_units(spec).units;
    passes(text.c_str(), {});
    passes(text.c_str(), {0});
    passes(text.c_str(), {units - 1});
    if (std::string(sparsity).substr(0, 2) == "nm") continue;
    std::vector<std::int64_t> all;
    for (std::int64_t i = 0; i < units; ++i) all.push_back(i);
    passes(text.c_str(), all);
  }
  // Another number of units in each group, and none in one.
  passes("g4mb1ic32ih5oc64oh5kh3ph1 sparsity=channel:0.5", {0, 16, 17, 18, 63});
  passes("g4mb1ic32ih5oc64oh5kh3ph1 sparsity=input:0.5", {0, 1, 2, 9, 31});
  passes("g2mb1ic16ih5oc8oh5kh1 sparsity=block:0.5@4x4", {0, 3});
}

}  // namespace
}  // namespace convoke
