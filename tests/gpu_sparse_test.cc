// Sparse kernels on a GPU, without the command line: every kind, baked and bound, on the
// configurations that differ in their code (splits, orders, loaders, masked dense), against dense
// on masked weights; the same bits baked and bound; empty and full patterns. Skips without a GPU.
#include "autotune/verify.h"
#include "tests/gpu_kernels.h"

namespace convoke::test {
namespace {

class GpuSparse : public GpuKernels {
 protected:
  ConvSpec spec_of(const std::string& text, bool bound, std::uint64_t seed = 5) const {
    const ConvSpec spec = parse_problem(text + (bound ? ":bound" : "")).spec;
    return bound ? spec : with_pattern(spec, SparsityPattern::random(spec, seed));
  }
};

constexpr const char* kProblems[] = {
    "mb3ic64ih14oc100kh3ph1 dtype=f16 sparsity=channel:0.5",
    "mb40ic64ih4oc64kh3ph1 dtype=bf16 epilogue=relu(acc*scale[k]+bias[k]+residual) "
    "sparsity=channel:0.25@4",
    "g2mb2ic34ih9oc42kh3sh2ph1 dtype=tf32 layout=nchw sparsity=channel:0.6",
    "mb2ic32ih9oc63kh3ph1 epilogue=acc+bias[k] sparsity=channel:0.4",
    "mb3ic256ih7oc128kh3ph1 dtype=f16 sparsity=input:0.5@64",
    "mb3ic128ih9oc96kh3ph1 dtype=f16 sparsity=input:0.5@8",
    "mb2ic96ih14oc64kh3ph1 dtype=bf16 sparsity=input:0.25@2",
    "mb2ic33ih14oc64kh3ph1 dtype=f16 epilogue=relu(acc) sparsity=input:0.5",
    "g2mb2ic40ih14oc64kh5ph2 dtype=tf32 layout=nchw sparsity=input:0.5@8",
    "mb3ic128ih9oc128kh3ph1 dtype=f16 sparsity=block:0.5@64x64",
    "mb2ic128ih14oc96kh3ph1 dtype=bf16 sparsity=block:0.25@32x16",
    "g2mb2ic64ih14oc64kh3ph1 sparsity=block:0.5@16x8",
    "mb2ic20ih30iw30oc40kh1kw9pw4 sparsity=block:0.5@4x12",
    "mb2ic64ih1oc64kh3ph1 dtype=f16 sparsity=block:0.5@32x8",
    "mb2ic64ih14oc64kh3ph1 dtype=f16 sparsity=unstructured:0.1",
    "mb2ic64ih14oc64kh3ph1 dtype=f16 sparsity=nm:2:4",
    // Images as patches: several of them, few taps of some, one that is filled up, no padding.
    "mb3ic256ih9oc64kh3ph1 dtype=f16 sparsity=block:0.3@32x64",
    "g2mb2ic416ih6oc48kh3ph1 dtype=bf16 sparsity=input:0.5@8",
    "mb2ic128ih15oc40kh5sh2ph2 dtype=f16 sparsity=channel:0.5",
    "mb5ic192ih9oc64kh3 dtype=f16 sparsity=input:0.6@64",
    "mb2ic64ih12oc72kh3dh1ph2 dtype=tf32 sparsity=channel:0.3",
    // Two of four on the tensor cores: tails of pixels, filters and the reduction, copies of 8
    // bytes, groups, strides, dilations, splits (few pixels, many channels), batch order.
    "mb3ic8ih13oc33kh3ph1 dtype=f16 epilogue=relu(acc*scale[k]+bias[k]+residual) sparsity=nm:2:4",
    "mb3ic24ih9oc40kh3ph1 dtype=bf16 sparsity=nm:2:4",
    "g2mb3ic80ih15oc72kh3sh2ph1 dtype=f16 sparsity=nm:2:4",
    "mb2ic72ih14oc96kh3dh1ph2 dtype=bf16 epilogue=acc+bias[k] sparsity=nm:2:4",
    "g3mb2ic36ih14iw14oc96kh5kw3ph2pw1 dtype=f16 sparsity=nm:2:4",
    "mb2ic512ih7oc128kh3ph1 dtype=f16 sparsity=nm:2:4",
    "mb200ic128ih4oc128kh3ph1 dtype=f16 sparsity=nm:1:4",
    "mb2ic256ih7oc512kh1 dtype=bf16 sparsity=nm:1:2",
    "mb2ic64ih14oc64kh3ph1 dtype=f16 layout=nchw sparsity=nm:2:4",
    // Single weights: tails, primes, dilation, groups, strides beyond the filter, both layouts, the
    // padding's infinite weights of the verifier, LeNet's layers.
    "mb2ic17ih13oc19kh3ph1 sparsity=unstructured:0.3",
    "g2mb2ic10ih19oc14kh3sh2dh1ph2 dtype=bf16 layout=nchw sparsity=nm:1:3",
    "mb3ic24ih23oc40kh2sh3ph0 dtype=f16 sparsity=unstructured:0.2",
    "mb2ic21ih11iw7oc13kh3kw5ph1pw2 dtype=tf32 epilogue=relu(acc*scale[k]+bias[k]+residual) "
    "sparsity=nm:2:5",
    "mb2ic16ih9oc24kh3ph1 xlayout=nchw ylayout=nhwc sparsity=nm:3:4",
    "mb40ic16ih4oc24kh3ph1 dtype=f16 sparsity=unstructured:0.1",
    "mb5ic1ih28oc6kh5ph2 sparsity=unstructured:0.5", "mb5ic6ih14oc16kh5 sparsity=unstructured:0.3",
    "mb37ic16ih5oc120kh5 sparsity=unstructured:0.1",
    "mb37ic120ih1oc84kh1 sparsity=unstructured:0.2",
    "mb37ic84ih1oc10kh1 sparsity=unstructured:0.5"};

TEST_F(GpuSparse, EveryWayThroughTheCodeIsRight) {
  std::vector<std::pair<ConvSpec, KernelConfig>> kernels;
  for (const char* problem : kProblems)
    for (const bool bound : {false, true}) {
      const ConvSpec spec = spec_of(problem, bound);
      for (const KernelConfig& config : configs_of(spec)) kernels.push_back({spec, config});
    }
  ASSERT_GT(kernels.size(), 100u);
  expect_right(kernels);
}

TEST_F(GpuSparse, Patches) {
  // Of small problems the search offers few patches, so these are named: a patch that is filled up,
  // strides, 2 of 4, splits of both kinds, lists with few taps of some channels.
  const std::pair<const char*, const char*> cases[] = {
      {"g2mb2ic416ih6oc48kh3ph1 dtype=bf16 sparsity=input:0.5@8",
       "cuda:mma,bm=64,bn=16,bk=64,wm=2,wn=1,stages=3,patch=1"},
      {"mb2ic128ih15oc40kh5sh2ph2 dtype=f16 sparsity=channel:0.5",
       "cuda:mma,bm=32,bn=32,bk=64,wm=1,wn=2,stages=3,patch=1"},
      {"mb2ic128ih9oc72kh3ph1 dtype=f16 sparsity=nm:2:4",
       "cuda:mma,bm=64,bn=32,bk=64,wm=2,wn=1,stages=3,patch=1"},
      {"mb2ic256ih7oc72kh3ph1 dtype=f16 sparsity=nm:2:4",
       "cuda:mma,bm=32,bn=32,bk=64,wm=1,wn=2,stages=4,split=2,patch=1,split_by=cluster"},
      {"mb2ic256ih7oc64kh3ph1 dtype=bf16 sparsity=channel:0.5",
       "cuda:mma,bm=32,bn=32,bk=64,wm=1,wn=1,stages=4,split=3,patch=1"},
      {"mb2ic256ih7oc64kh3ph1 dtype=f16 epilogue=acc+bias[k] sparsity=channel:0.5",
       "cuda:mma,bm=32,bn=32,bk=64,wm=1,wn=1,stages=4,split=2,patch=1,split_by=cluster"},
      {"mb3ic256ih9oc64kh3ph1 dtype=f16 sparsity=block:0.3@32x64",
       "cuda:mma,bm=64,bn=32,bk=64,wm=2,wn=1,stages=5,patch=1"}};
  ThreadPool pool(usable_cpus());
  for (const auto& [problem, config] : cases)
    for (const bool bound : {false, true}) {
      const ConvSpec spec = spec_of(problem, bound);
      const VerifyResult result = Verifier(target(), spec, 1, &pool).check(parse_config(config));
      EXPECT_EQ(result.verdict, Verdict::kPassed)
          << print_spec(spec) << " " << config << ": " << result.reason;
    }
}

TEST_F(GpuSparse, EmptyAndFullPatterns) {
  ThreadPool pool(usable_cpus());
  for (const char* problem :
       {"mb2ic64ih9oc64kh3ph1 dtype=f16 epilogue=acc+bias[k] sparsity=channel:0.5",
        "mb2ic64ih9oc64kh3ph1 dtype=f16 epilogue=acc+bias[k] sparsity=input:0.5@8",
        "mb2ic64ih9oc64kh3ph1 dtype=f16 epilogue=acc+bias[k] sparsity=block:0.5@16x16",
        "mb2ic16ih9oc24kh3ph1 epilogue=acc+bias[k] sparsity=unstructured:0.5"}) {
    const ConvSpec spec = parse_problem(problem).spec;
    const std::int64_t units = sparsity_units(spec).units;
    for (const std::int64_t kept : {std::int64_t{1}, units}) {
      std::vector<std::int64_t> first(static_cast<std::size_t>(kept));
      for (std::int64_t i = 0; i < kept; ++i) first[static_cast<std::size_t>(i)] = i;
      const ConvSpec with = with_pattern(spec, SparsityPattern::from_units(spec, first));
      for (const KernelConfig& config : configs_of(with)) {
        const VerifyResult result = Verifier(target(), with, 1, &pool).check(config);
        EXPECT_EQ(result.verdict, Verdict::kPassed)
            << print_spec(with) << " " << print_config(config) << ": " << result.reason;
      }
    }
  }
}

/// Device memory that holds what was copied in.
class Filled {
 public:
  Filled(Target& target, const void* from, std::size_t bytes)
      : target_(target), bytes_(bytes), data_(target.allocate(bytes)) {
    if (from != nullptr) target.copy_in(data_, from, bytes);
  }
  ~Filled() { target_.deallocate(data_); }
  Filled(const Filled&) = delete;
  Filled& operator=(const Filled&) = delete;
  ConstBuffer in() const { return {data_, bytes_}; }
  Buffer out() const { return {data_, bytes_}; }
  std::vector<std::byte> read() const {
    std::vector<std::byte> bytes(bytes_);
    target_.copy_out(bytes.data(), data_, bytes_);
    return bytes;
  }

 private:
  Target& target_;
  std::size_t bytes_;
  void* data_;
};

TEST_F(GpuSparse, BoundGivesTheBitsOfBaked) {
  for (const char* problem : kProblems) {
    const ConvSpec baked = spec_of(problem, false), bound = spec_of(problem, true);
    if (!baked.epilogue.empty()) continue;  // operands change nothing here
    const auto filled = [&](TensorRole role, DataType type, std::int64_t elements) {
      std::vector<std::byte> bytes(static_cast<std::size_t>(elements) * size_of(type));
      fill(bytes, type, role, FillKind::kFloats, baked, 11);
      return bytes;
    };
    const auto x = filled(TensorRole::kX, baked.x_type, baked.x_elements(baked.n)),
               w = filled(TensorRole::kW, baked.w_type, baked.w_elements());
    const Filled x_there(target(), x.data(), x.size()), w_there(target(), w.data(), w.size());
    const std::size_t y_bytes =
        static_cast<std::size_t>(baked.y_elements(baked.n)) * size_of(baked.y_type);
    std::vector<std::byte> bits[2];
    PlanOptions options;
    options.config = print_config(configs_of(bound).front());
    for (const ConvSpec* spec : {&baked, &bound}) {
      const Plan plan(*device_, *spec, options);
      const Filled y(target(), nullptr, y_bytes),
          workspace(target(), nullptr, static_cast<std::size_t>(plan.workspace_bytes()));
      std::vector<std::byte> tables(static_cast<std::size_t>(plan.pattern_bytes()) + 64);
      if (spec == &bound) plan.pack_pattern(*baked.pattern, {tables.data(), tables.size()});
      const Filled pattern(target(), tables.data(), tables.size());
      LaunchArgs args;
      args.x = x_there.in(), args.w = w_there.in(), args.y = y.out();
      args.workspace = workspace.out();
      if (spec == &bound) args.pattern = pattern.in();
      plan.launch(args);
      bits[spec == &bound] = y.read();
    }
    EXPECT_EQ(bits[0], bits[1]) << problem;
  }
}

}  // namespace
}  // namespace convoke::test
