// AVX-512, AVX512-BF16 and AMX kernels on a machine without them: the emitted IR is compiled for
// this machine, its wide vectors split by LLVM, its dot products spelled out and its tile
// instructions turned into calls of a small model of AMX. Random problems through launcher and
// verifier, as random_specs_test does for what is really here.
#include <gtest/gtest.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/IntrinsicsX86.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
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
#include "tests/fenced_run.h"
#include "tests/random_spec.h"
#include "tests/sparse_check.h"
#include "tests/zero_point_check.h"

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
/// sum[m][n] += left[m][k] * right[k / kPair][n, k % kPair], elements of four bytes / kPair.
template <DataType kLeft, DataType kRight, DataType kSum, int kPair>
void dot_tiles(std::int8_t to, std::int8_t left, std::int8_t right) {
  Tile& sum = tiles[to];
  // What the processor faults on.
  if (tiles[left].rows != sum.rows || tiles[right].row_bytes != sum.row_bytes ||
      tiles[left].row_bytes / 4 != tiles[right].rows)
    std::abort();
  for (int m = 0; m < sum.rows; ++m)
    for (int n = 0; n < sum.row_bytes / 4; ++n) {
      double total = load_element(sum.data[m].data(), n, kSum);
      for (int k = 0; k < tiles[left].row_bytes / 4 * kPair; ++k) {
        total += load_element(tiles[left].data[m].data(), k, kLeft) *
                 load_element(tiles[right].data[k / kPair].data(), kPair * n + k % kPair, kRight);
        if (kSum == DataType::kF32) total = static_cast<float>(total);
      }
      store_element(sum.data[m].data(), n, kSum, total);
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

/// [sum +] even lanes of a * b + odd lanes of a * b, in s32.
llvm::Value* spell_out_pairs(llvm::CallInst& call) {
  llvm::IRBuilder<> b(&call);
  const bool adds = call.arg_size() == 3;
  const unsigned lanes = llvm::cast<llvm::FixedVectorType>(call.getType())->getNumElements();
  auto* pairs = llvm::FixedVectorType::get(b.getInt16Ty(), 2 * lanes);
  llvm::Value* result = adds ? call.getArgOperand(0) : llvm::Constant::getNullValue(call.getType());
  for (int odd = 0; odd < 2; ++odd) {
    std::vector<int> pick;
    for (unsigned i = 0; i < lanes; ++i) pick.push_back(static_cast<int>(2 * i) + odd);
    const auto widen = [&](unsigned argument) {
      llvm::Value* all = b.CreateBitCast(call.getArgOperand(argument), pairs);
      return b.CreateSExt(b.CreateShuffleVector(all, pick), call.getType());
    };
    result = b.CreateAdd(result, b.CreateMul(widen(adds ? 1 : 0), widen(adds ? 2 : 1)));
  }
  return result;
}

/// sum + in each lane the products of four u8 of a and four s8 of b, in s32.
llvm::Value* spell_out_fours(llvm::CallInst& call) {
  llvm::IRBuilder<> b(&call);
  llvm::Value* result = call.getArgOperand(0);
  const unsigned lanes = llvm::cast<llvm::FixedVectorType>(call.getType())->getNumElements();
  auto* fours = llvm::FixedVectorType::get(b.getInt8Ty(), 4 * lanes);
  for (int i = 0; i < 4; ++i) {
    std::vector<int> pick;
    for (unsigned lane = 0; lane < lanes; ++lane) pick.push_back(static_cast<int>(4 * lane) + i);
    const auto part = [&](unsigned argument) {
      return b.CreateShuffleVector(b.CreateBitCast(call.getArgOperand(argument), fours), pick);
    };
    result = b.CreateAdd(result, b.CreateMul(b.CreateZExt(part(1), call.getType()),
                                             b.CreateSExt(part(2), call.getType())));
  }
  return result;
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
      {llvm::Intrinsic::x86_tdpbf16ps,
       reinterpret_cast<void*>(&dot_tiles<DataType::kBf16, DataType::kBf16, DataType::kF32, 2>)},
      {llvm::Intrinsic::x86_tdpbssd,
       reinterpret_cast<void*>(&dot_tiles<DataType::kS8, DataType::kS8, DataType::kS32, 4>)},
      {llvm::Intrinsic::x86_tdpbusd,
       reinterpret_cast<void*>(&dot_tiles<DataType::kU8, DataType::kS8, DataType::kS32, 4>)}};
  const std::map<ID, llvm::Value* (*)(llvm::CallInst&)> spelled = {
      {llvm::Intrinsic::x86_avx512bf16_dpbf16ps_512, spell_out_dot},
      {llvm::Intrinsic::x86_avx512_pmaddw_d_512, spell_out_pairs},
      {llvm::Intrinsic::x86_avx512_vpdpwssd_512, spell_out_pairs},
      {llvm::Intrinsic::x86_avx512_vpdpbusd_512, spell_out_fours},
      {llvm::Intrinsic::x86_avx512_permvar_sf_512, spell_out_permutation}};
  auto* address_type = llvm::Type::getInt64Ty(module.getContext());
  std::vector<llvm::Function*> replaced;
  for (llvm::Function& function : module) {
    if (const auto spell = spelled.find(function.getIntrinsicID()); spell != spelled.end()) {
      for (llvm::User* user : llvm::make_early_inc_range(function.users())) {
        auto& call = *llvm::cast<llvm::CallInst>(user);
        call.replaceAllUsesWith(spell->second(call));
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
    // The levels differ in bf16 most, which amx stages in nchw.
    if (GetParam() > IsaLevel::kAvx512 && random.pick(0, 1) == 0) {
      spec.x_type = spec.w_type = spec.y_type = DataType::kBf16;
      if (random.pick(0, 3) != 0) spec.x_layout = Layout::kNhwc;
    }
    spec.epilogue = Epilogue::parse(spec.epilogue).text();
    const std::vector<KernelConfig> space = target_->enumerate(spec);
    ASSERT_FALSE(space.empty()) << print_spec(spec);
    const KernelConfig config = space[random.pick(0, static_cast<std::int64_t>(space.size()) - 1)];
    const VerifyResult result = Verifier(*target_, spec, i).check(config);
    EXPECT_EQ(result.verdict, Verdict::kPassed)
        << print_spec(spec) << " --config " << print_config(config) << ": " << result.reason;
  }
}

TEST_P(EmulatedLevel, EightBitProblemsAreTheFormula) {
  test::RandomSpecs random(31 + static_cast<std::uint64_t>(GetParam()));
  for (int i = 0; i < 40; ++i) {
    ConvSpec spec = random.quantise(random.next(2e5));
    // What vpdpbusd and amx take as it is, half of the time.
    if (random.pick(0, 1) == 0)
      spec.x_layout = Layout::kNhwc, spec.c = spec.groups * 4 * random.pick(1, 9);
    if (i % 4 == 3) spec = random.prune(spec);
    spec.epilogue = Epilogue::parse(spec.epilogue).text();
    const std::vector<KernelConfig> space = target_->enumerate(spec);
    ASSERT_FALSE(space.empty()) << print_spec(spec);
    std::vector<KernelConfig> of_amx;
    std::copy_if(space.begin(), space.end(), std::back_inserter(of_amx),
                 [](const KernelConfig& one) { return one.cpu.family == CpuFamily::kAmx; });
    const auto& from = i % 2 == 0 && !of_amx.empty() ? of_amx : space;
    const KernelConfig config = from[random.pick(0, static_cast<std::int64_t>(from.size()) - 1)];
    const VerifyResult result = Verifier(*target_, spec, i).check(config);
    EXPECT_EQ(result.verdict, Verdict::kPassed)
        << print_spec(spec) << " --config " << print_config(config) << ": " << result.reason;
  }
}

TEST_P(EmulatedLevel, EightBitKernelsStayInsideTheirBuffers) {
  test::RandomSpecs random(47 + static_cast<std::uint64_t>(GetParam()));
  for (int i = 0; i < 40; ++i) {
    ConvSpec spec = random.quantise(random.next(1e5));
    // Rows and columns that see no tap, more often than by chance.
    if (i % 2 == 0) {
      spec.pad_h += 3 * spec.stride_h, spec.p += 6;
      spec.pad_w += 3 * spec.stride_w, spec.q += 6;
    }
    spec.epilogue = Epilogue::parse(spec.epilogue).text();
    const std::vector<KernelConfig> space = target_->enumerate(spec);
    const KernelConfig config = space[random.pick(0, static_cast<std::int64_t>(space.size()) - 1)];
    test::check_fenced(*target_, spec, config, spec.open_batch() ? 2 : spec.n);
  }
}

TEST_P(EmulatedLevel, ZeroPointsAreExactInF32) {
  test::check_random_zero_points(*target_, GetParam(),
                                 50 + static_cast<std::uint64_t>(GetParam()), 4);
}

TEST_P(EmulatedLevel, SparseKernelsEqualDenseOnes) {
  test::check_random_sparse(*target_, 40 + static_cast<std::uint64_t>(GetParam()), 60);
}

INSTANTIATE_TEST_SUITE_P(Levels, EmulatedLevel,
                         testing::Values(IsaLevel::kAvx512, IsaLevel::kAvx512Vnni,
                                         IsaLevel::kAvx512Bf16, IsaLevel::kAmx),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace convoke
