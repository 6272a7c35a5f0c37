// Each field that changes a CPU kernel's code changes its key, and no other does.
#include "compiler/cache_key.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "compiler/spec_text.h"
#include "convoke/sparsity_pattern.h"

namespace convoke {
namespace {

TEST(Sha256, KnownAnswers) {  // FIPS 180-2, appendix B
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

struct Inputs {
  ConvSpec spec = parse_problem("g2mb8ic8ih12oc16kh3ph1").spec;
  KernelConfig config = parse_config("gemm,axis=q,mr=4,nv=2,kc=8,rows=2,kb=1,unroll=2");
  CpuIsa isa;
  std::string compiler = "LLVM 19.1.7";

  std::string key() const { return cpu_cache_key(spec, config, isa, compiler); }
};

void draw_pattern(Inputs& in, std::uint64_t seed) {
  in.spec.sparsity = "unstructured:0.5";
  in.spec.pattern = SparsityPattern::random(in.spec, seed);
}

using Change = std::function<void(Inputs&)>;

/// Does not compile once a struct has gained or lost a field: then decide whether the field belongs
/// in the key, and add it to one of the two lists below.
void every_field_is_known(const Inputs& in) {
  [[maybe_unused]] const auto& [pass, n, c, h, w, k, r, s, p, q, groups, stride_h, stride_w,
                                dilation_h, dilation_w, pad_h, pad_w, x_type, w_type, y_type,
                                x_layout, y_layout, epilogue, sparsity, pattern, quant] = in.spec;
  [[maybe_unused]] const auto& [family, axis, mr, nv, kc, rows, kb, unroll, window, masked] =
      in.config.cpu;
  [[maybe_unused]] const auto& [level, l1_bytes, l2_bytes, l3_bytes] = in.isa;
}

const std::vector<Change> kChangesCode = {
    [](Inputs& i) { i.spec.pass = Pass::kDgrad; },
    [](Inputs& i) { i.spec.c *= 2; },
    [](Inputs& i) { ++i.spec.h; },
    [](Inputs& i) { ++i.spec.w; },
    [](Inputs& i) { i.spec.k *= 2; },
    [](Inputs& i) { ++i.spec.r; },
    [](Inputs& i) { ++i.spec.s; },
    [](Inputs& i) { ++i.spec.p; },
    [](Inputs& i) { ++i.spec.q; },
    [](Inputs& i) { i.spec.groups = 4; },
    [](Inputs& i) { ++i.spec.stride_h; },
    [](Inputs& i) { ++i.spec.stride_w; },
    [](Inputs& i) { ++i.spec.dilation_h; },
    [](Inputs& i) { ++i.spec.dilation_w; },
    [](Inputs& i) { ++i.spec.pad_h; },
    [](Inputs& i) { ++i.spec.pad_w; },
    [](Inputs& i) { i.spec.x_type = DataType::kF16; },
    [](Inputs& i) { i.spec.x_type = DataType::kTf32; },
    [](Inputs& i) { i.spec.w_type = DataType::kF16; },
    [](Inputs& i) { i.spec.y_type = DataType::kF16; },
    [](Inputs& i) { i.spec.x_layout = Layout::kNchw; },
    [](Inputs& i) { i.spec.y_layout = Layout::kNchw; },
    [](Inputs& i) { i.spec.epilogue = "relu(acc)"; },
    [](Inputs& i) { i.spec.sparsity = "channel:0.5"; },
    [](Inputs& i) { i.spec.sparsity = "channel:0.5:bound"; },
    [](Inputs& i) { draw_pattern(i, 1); },
    [](Inputs& i) { draw_pattern(i, 2); },
    [](Inputs& i) { i.spec.quant = "zp"; },
    [](Inputs& i) { i.config.cpu.family = CpuFamily::kAmx; },
    [](Inputs& i) { i.config.cpu.axis = TileAxis::kAxisN; },
    [](Inputs& i) { ++i.config.cpu.mr; },
    [](Inputs& i) { ++i.config.cpu.nv; },
    [](Inputs& i) { ++i.config.cpu.kc; },
    [](Inputs& i) { ++i.config.cpu.rows; },
    [](Inputs& i) { ++i.config.cpu.kb; },
    [](Inputs& i) { ++i.config.cpu.unroll; },
    [](Inputs& i) { i.config.cpu.masked = true; },
    [](Inputs& i) { i.isa.level = IsaLevel::kAvx2; },
    [](Inputs& i) { i.compiler = "LLVM 19.1.8"; },
};

const std::vector<Change> kChangesNoCode = {
    [](Inputs& i) { ++i.spec.n; },
    [](Inputs& i) { i.spec.n = kOpenBatch; },
    [](Inputs& i) { i.isa.l1_bytes *= 2; },
    [](Inputs& i) { i.isa.l2_bytes *= 2; },
    [](Inputs& i) { i.isa.l3_bytes += 1 << 20; },
    // Two texts of one problem, one with a name and a count.
    [](Inputs& i) { i.spec = parse_problem("g2ic8ih12iw12oc16oh12kh3kw3pw1ph1nname*7").spec; },
    [](Inputs& i) {
      i.config = parse_config("cpu:gemm,nv=2,mr=4,unroll=2,kb=1,rows=2,kc=8,axis=q");
    },
};

TEST(CacheKey, EachFieldThatChangesCodeChangesTheKey) {
  every_field_is_known(Inputs{});
  std::set<std::string> keys{Inputs{}.key()};
  for (std::size_t i = 0; i < kChangesCode.size(); ++i) {
    Inputs changed;
    kChangesCode[i](changed);
    EXPECT_TRUE(keys.insert(changed.key()).second) << "change " << i << " of kChangesCode";
  }
}

TEST(CacheKey, NothingElseChangesTheKey) {
  for (std::size_t i = 0; i < kChangesNoCode.size(); ++i) {
    Inputs changed;
    kChangesNoCode[i](changed);
    EXPECT_EQ(changed.key(), Inputs{}.key()) << "change " << i << " of kChangesNoCode";
  }
}

TEST(CacheKey, TheKeyCoversTheTextTheEmitterAndTheCompiler) {
  const Inputs in;
  EXPECT_EQ(in.key().size(), 64u);
  EXPECT_EQ(std::string(cpu_emitter_digest()).size(), 64u);
  EXPECT_EQ(in.key(), sha256_hex(cpu_key_text(in.spec, in.config, in.isa) + "emitter " +
                                 cpu_emitter_digest() + "\ncompiler " + in.compiler + "\n"));
}

}  // namespace
}  // namespace convoke
