// AVX-512, AVX512-BF16 and AMX kernels on a machine without them: the emitted IR is compiled for
// this machine, its wide vectors split by LLVM, its dot products spelled out and its tile
// instructions turned into calls of a small model of AMX. Random problems through launcher and
// verifier, as random_specs_test does for what is really here.
#include <gtest/gtest.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/IntrinsicsX86.h>

#include <array>
#include <cstring>
#include <map>

#include "autotune/fill.h"
#include "autotune/verify.h"
#include "compiler/emit_cpu.h"
#include "compiler/epilogue.h"
#include "compiler/spec_text.h"
#include "runtime/cpu_backend_codegen.h"
#include "runtime/cpu_backend_jit.h"
#include "runtime/cpu_target.h"
#include "runtime/thread_pool.h"
#include "tests/random_spec.h"
#include "tests/sparse_check.h"

namespace convoke {
namespace {

// ---- AMX, as Intel's manual has it: eight tiles of up to 16 rows of 64 bytes ----

struct Tile {
  int rows = 0, row_bytes = 0;
  alignas(64) std::array<std::array<std::byte, 64>, 16> data{};
};
thread_local std::array<Tile, 8> tiles;

void load_config(const std::byte* config) {
  for (int i = 0; i < 8; ++i) {
    std::uint16_t row_bytes = 0;
    std::memcpy(&row_bytes, config + 16 + 2 * i, 2);
    tiles[i] = Tile{static_cast<int>(config[48 + i]), row_bytes};
  }
}
void release_tiles() { tiles = {}; }
void zero_tile(std::int8_t i) { tiles[i].data = {}; }
void load_tile(std::int8_t i, const std::byte* from, std::int64_t stride) {
  tiles[i].data = {};
  for (int r = 0; r < tiles[i].rows; ++r)
    std::memcpy(tiles[i].data[r].data(), from + r * stride, tiles[i].row_bytes);
}
void store_tile(std::int8_t i, std::byte* to, std::int64_t stride) {
  for (int r = 0; r < tiles[i].rows; ++r)
    std::memcpy(to + r * stride, tiles[i].data[r].data(), tiles[i].row_bytes);
}
void dot_tiles(std::int8_t to, std::int8_t left, std::int8_t right) {
  Tile& sum = tiles[to];
  // What the processor faults on.
  if (tiles[left].rows != sum.rows || tiles[right].row_bytes != sum.row_bytes ||
      tiles[left].row_bytes / 4 != tiles[right].rows)
    std::abort();
  for (int m = 0; m < sum.rows; ++m)
    for (int n = 0; n < sum.row_bytes / 4; ++n) {
      auto total = static_cast<float>(load_element(sum.data[m].data(), n, DataType::kF32));
      for (int k = 0; k < tiles[left].row_bytes / 2; ++k)
        total += static_cast<float>(
            load_element(tiles[left].data[m].data(), k, DataType::kBf16) *
            load_element(tiles[right].data[k / 2].data(), 2 * n + k % 2, DataType::kBf16));
      store_element(sum.data[m].data(), n, DataType::kF32, total);
    }
}

// ---- A backend that compiles any level for this machine ----

/// sum + even lanes of a * b + odd lanes of a * b.
llvm::Value* spell_out_dot(llvm::CallInst& call) {
  llvm::IRBuilder<> b(&call);
  llvm::Value* sum = call.getArgOperand(0);
  const unsigned lanes = llvm::cast<llvm::FixedVectorType>(sum->getType())->getNumElements();
  for (int odd = 0; odd < 2; ++odd) {
    std::vector<int> pick;
    for (unsigned i = 0; i < lanes; ++i) pick.push_back(static_cast<int>(2 * i) + odd);
    const auto widen = [&](llvm::Value* pairs) {
      return b.CreateFPExt(b.CreateShuffleVector(pairs, pick), sum->getType());
    };
    sum =
        b.CreateFAdd(sum, b.CreateFMul(widen(call.getArgOperand(1)), widen(call.getArgOperand(2))));
  }
  return sum;
}

/// Lane i is lane index[i] of the first operand.
llvm::Value* spell_out_permutation(llvm::CallInst& call) {
  llvm::IRBuilder<> b(&call);
  llvm::Value* result = llvm::PoisonValue::get(call.getType());
  const unsigned lanes = llvm::cast<llvm::FixedVectorType>(call.getType())->getNumElements();
  for (unsigned i = 0; i < lanes; ++i) {
    llvm::Value* from = b.CreateAnd(b.CreateExtractElement(call.getArgOperand(1), i), lanes - 1);
    result = b.CreateInsertElement(result, b.CreateExtractElement(call.getArgOperand(0), from), i);
  }
  return result;
}

void emulate(llvm::Module& module) {
  using llvm::Intrinsic::ID;
  const std::map<ID, void*> calls = {
      {llvm::Intrinsic::x86_ldtilecfg, reinterpret_cast<void*>(&load_config)},
      {llvm::Intrinsic::x86_tilerelease, reinterpret_cast<void*>(&release_tiles)},
      {llvm::Intrinsic::x86_tilezero, reinterpret_cast<void*>(&zero_tile)},
      {llvm::Intrinsic::x86_tileloadd64, reinterpret_cast<void*>(&load_tile)},
      {llvm::Intrinsic::x86_tilestored64, reinterpret_cast<void*>(&store_tile)},
      {llvm::Intrinsic::x86_tdpbf16ps, reinterpret_cast<void*>(&dot_tiles)}};
  auto* address_type = llvm::Type::getInt64Ty(module.getContext());
  std::vector<llvm::Function*> replaced;
  for (llvm::Function& function : module) {
    const bool dot = function.getIntrinsicID() == llvm::Intrinsic::x86_avx512bf16_dpbf16ps_512;
    if (dot || function.getIntrinsicID() == llvm::Intrinsic::x86_avx512_permvar_sf_512) {
      for (llvm::User* user : llvm::make_early_inc_range(function.users())) {
        auto& call = *llvm::cast<llvm::CallInst>(user);
        call.replaceAllUsesWith(dot ? spell_out_dot(call) : spell_out_permutation(call));
        call.eraseFromParent();
      }
      replaced.push_back(&function);
    } else if (const auto found = calls.find(function.getIntrinsicID()); found != calls.end()) {
      auto* address =
          llvm::ConstantInt::get(address_type, reinterpret_cast<std::uint64_t>(found->second));
      function.replaceAllUsesWith(llvm::ConstantExpr::getIntToPtr(address, function.getType()));
      replaced.push_back(&function);
    }
  }
  for (llvm::Function* function : replaced) function->eraseFromParent();
}

std::int32_t emit(const char* text, const char* pattern, const char* config,
                  const ConvokeCpuIsa* c_isa, std::int32_t, ConvokeBytes* out) {
  const CpuIsa isa{static_cast<IsaLevel>(c_isa->level), c_isa->l1_bytes, c_isa->l2_bytes,
                   c_isa->l3_bytes};
  auto context = std::make_unique<llvm::LLVMContext>();
  ConvSpec spec = parse_problem(text).spec;
  if (pattern != nullptr) spec = with_pattern(spec, SparsityPattern::parse(pattern));
  auto module = emit_cpu(*context, spec, parse_config(config), isa);
  emulate(*module);
  const std::string object =
      compile_module(std::move(context), std::move(module), IsaLevel::kAvx2, CpuOutput::kObject);
  out->size = object.size();
  out->data = static_cast<char*>(std::malloc(object.size()));
  std::memcpy(out->data, object.data(), object.size());
  return 0;
}

std::int32_t load(const void* object, std::size_t size, void** handle, void** entry,
                  ConvokeBytes*) {
  const LoadedObject loaded = load_object(object, size);
  *handle = loaded.handle;
  *entry = loaded.entry;
  return 0;
}

void release(ConvokeBytes* bytes) { std::free(bytes->data); }

const ConvokeCpuBackend& emulating_backend() {
  static const ConvokeCpuBackend table = {CONVOKE_CPU_BACKEND_ABI, "emulated", emit, load,
                                          unload_object,           release};
  return table;
}

// ---- The tests ----

class EmulatedLevel : public testing::TestWithParam<IsaLevel> {
 protected:
  void SetUp() override {
    if (cpu_description().hardware.level < IsaLevel::kAvx2)
      GTEST_SKIP() << "the emulation needs AVX2 and F16C";
    CpuTargetParts parts;
    parts.cpu = cpu_description();
    parts.cpu.isa.level = parts.cpu.hardware.level = GetParam();
    parts.executor = std::make_shared<ThreadPool>(2);
    parts.backend = emulating_backend;
    target_ = make_cpu_target(std::move(parts));
  }
  std::shared_ptr<Target> target_;
};

TEST_P(EmulatedLevel, RandomProblemsAreRight) {
  test::RandomSpecs random(23 + static_cast<std::uint64_t>(GetParam()));
  for (int i = 0; i < 60; ++i) {
    ConvSpec spec = random.next(4e5);
    // The levels differ in bf16 most.
    if (GetParam() > IsaLevel::kAvx512 && random.pick(0, 1) == 0)
      spec.x_type = spec.w_type = spec.y_type = DataType::kBf16, spec.x_layout = Layout::kNhwc;
    spec.epilogue = Epilogue::parse(spec.epilogue).text();
    const std::vector<KernelConfig> space = target_->enumerate(spec);
    ASSERT_FALSE(space.empty()) << print_spec(spec);
    const KernelConfig config = space[random.pick(0, static_cast<std::int64_t>(space.size()) - 1)];
    const VerifyResult result = Verifier(*target_, spec, i).check(config);
    EXPECT_EQ(result.verdict, Verdict::kPassed)
        << print_spec(spec) << " --config " << print_config(config) << ": " << result.reason;
  }
}

TEST_P(EmulatedLevel, SparseKernelsEqualDenseOnes) {
  test::check_random_sparse(*target_, 40 + static_cast<std::uint64_t>(GetParam()), 60);
}

INSTANTIATE_TEST_SUITE_P(Levels, EmulatedLevel,
                         testing::Values(IsaLevel::kAvx512, IsaLevel::kAvx512Bf16, IsaLevel::kAmx),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace convoke
