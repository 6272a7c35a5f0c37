// The LLVM side of libconvoke_cpu.so on small modules of its own: code for every level, what LLVM
// gives up on, loading, unloading, threads and times. Links the backend without the emitter.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/Support/SourceMgr.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include "convoke/error.h"
#include "runtime/cpu_backend_codegen.h"
#include "runtime/cpu_backend_jit.h"
#include "runtime/cpu_features.h"

namespace convoke {
namespace {

/// Compiles `body` as IR. @throws whatever compile_module throws.
std::string compile(const std::string& body, IsaLevel level, CpuOutput output) {
  auto context = std::make_unique<llvm::LLVMContext>();
  llvm::SMDiagnostic diagnostic;
  auto module = llvm::parseAssemblyString(body, diagnostic, *context);
  if (module == nullptr) {
    throw std::invalid_argument(
        fmt::format("line {}: {}", diagnostic.getLineNo(), diagnostic.getMessage().str()));
  }
  return compile_module(std::move(context), std::move(module), level, output);
}

template <typename F>
std::string device_error(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDevice);
    return error.what();
  }
  return "no error";
}

/// Loads for the length of a scope.
class Loaded {
 public:
  explicit Loaded(const std::string& object) : loaded_(load_object(object.data(), object.size())) {}
  ~Loaded() { unload_object(loaded_.handle); }
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;
  template <typename F>
  F* as() const {
    return reinterpret_cast<F*>(loaded_.entry);
  }

 private:
  LoadedObject loaded_;
};

int count(const std::string& text, const std::string& what) {
  int n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

// y[i] = y[i] + x[i] * 3 over four floats: a constant in memory, loads and stores.
constexpr char kAxpy[] = R"(
define void @convoke_kernel(ptr %x, ptr %y) {
  %a = load <4 x float>, ptr %x, align 4
  %b = load <4 x float>, ptr %y, align 4
  %p = fmul <4 x float> %a, <float 3.0, float 3.0, float 3.0, float 3.0>
  %s = fadd <4 x float> %p, %b
  store <4 x float> %s, ptr %y, align 4
  ret void
})";

/// A register tile as the emitter writes it: `mr` pixels by `nv` vectors over a channel loop,
/// accumulators in allocas.
std::string gemm_tile(int mr, int nv, int lanes) {
  const std::string v = fmt::format("<{} x float>", lanes);
  std::string entry, loop, exit;
  for (int i = 0; i < mr * nv; ++i) {
    entry +=
        fmt::format("  %acc{} = alloca {}\n  store {} zeroinitializer, ptr %acc{}\n", i, v, v, i);
    exit += fmt::format(
        "  %r{0} = load {1}, ptr %acc{0}\n"
        "  %o{0} = getelementptr {1}, ptr %y, i64 {0}\n"
        "  store {1} %r{0}, ptr %o{0}, align 4\n",
        i, v);
  }
  for (int j = 0; j < nv; ++j) {
    loop += fmt::format(
        "  %wp{0} = getelementptr {1}, ptr %w, i64 %c{2}\n"
        "  %wv{0} = load {1}, ptr %wp{0}, align 4\n",
        j, v, j);
  }
  for (int i = 0; i < mr; ++i) {
    loop += fmt::format(
        "  %xo{0} = add i64 %c, {1}\n  %xp{0} = getelementptr float, ptr %x, i64 %xo{0}\n"
        "  %xs{0} = load float, ptr %xp{0}\n  %xi{0} = insertelement {2} poison, float %xs{0}, i64 "
        "0\n"
        "  %xv{0} = shufflevector {2} %xi{0}, {2} poison, <{3} x i32> zeroinitializer\n",
        i, i * 64, v, lanes);
    for (int j = 0; j < nv; ++j) {
      const int k = i * nv + j;
      loop += fmt::format(
          "  %a{0} = load {1}, ptr %acc{0}\n"
          "  %f{0} = call {1} @llvm.fma.v{2}f32({1} %xv{3}, {1} %wv{4}, {1} %a{0})\n"
          "  store {1} %f{0}, ptr %acc{0}\n",
          k, v, lanes, i, j);
    }
  }
  std::string offsets;
  for (int j = 0; j < nv; ++j) offsets += fmt::format("  %c{} = add i64 %cw, {}\n", j, j);
  return fmt::format(
      "declare {0} @llvm.fma.v{1}f32({0}, {0}, {0})\n"
      "define void @convoke_kernel(ptr %x, ptr %w, ptr %y, i64 %n) {{\nentry:\n{2}  br label "
      "%loop\n"
      "loop:\n  %c = phi i64 [ 0, %entry ], [ %next, %loop ]\n  %cw = mul i64 %c, {3}\n{4}{5}"
      "  %next = add i64 %c, 1\n  %done = icmp eq i64 %next, %n\n"
      "  br i1 %done, label %exit, label %loop\nexit:\n{6}  ret void\n}}\n",
      v, lanes, entry, nv, offsets, loop, exit);
}

TEST(Codegen, ObjectsRunAtEveryLevelOfThisProcessor) {
  for (const IsaLevel level : kIsaLevels) {
    if (level > cpu_description().hardware.level) continue;
    const Loaded kernel(compile(kAxpy, level, CpuOutput::kObject));
    float x[4] = {1, 2, 3, 4}, y[4] = {10, 20, 30, 40};
    kernel.as<void(const float*, float*)>()(x, y);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(y[i], 10.f * (i + 1) + 3.f * (i + 1)) << to_string(level);
  }
}

TEST(Codegen, TheSameModuleGivesTheSameBytes) {
  const std::string tile = gemm_tile(6, 2, 8);
  const std::string first = compile(tile, IsaLevel::kAvx2, CpuOutput::kObject);
  EXPECT_EQ(compile(tile, IsaLevel::kAvx2, CpuOutput::kObject), first);
}

TEST(Codegen, ReadsAndPrintsTheFormats) {
  EXPECT_NE(compile(kAxpy, IsaLevel::kAvx2, CpuOutput::kEmittedIr).find("%p = fmul"),
            std::string::npos);
  EXPECT_NE(compile(kAxpy, IsaLevel::kAvx2, CpuOutput::kOptimisedIr).find("convoke_kernel"),
            std::string::npos);
  EXPECT_NE(compile(kAxpy, IsaLevel::kAvx2, CpuOutput::kAssembly).find("vmulps"),
            std::string::npos);
  EXPECT_EQ(compile(kAxpy, IsaLevel::kAvx2, CpuOutput::kObject).substr(0, 4),
            "\x7f"
            "ELF");
}

TEST(Codegen, ProductsAndSumsAreNotFusedUnlessTheEmitterSaysSo) {
  const std::string text = compile(kAxpy, IsaLevel::kAvx512, CpuOutput::kAssembly);
  EXPECT_EQ(text.find("vfmadd"), std::string::npos) << text;
}

struct Tile {
  IsaLevel level;
  int mr, nv, lanes;
  const char* reg;
};

class RegisterTile : public testing::TestWithParam<Tile> {};

// The largest tiles that fit: nothing may be spilled to the stack, and the loop holds one
// multiply-add a vector.
TEST_P(RegisterTile, StaysInRegisters) {
  const Tile t = GetParam();
  const std::string text = compile(gemm_tile(t.mr, t.nv, t.lanes), t.level, CpuOutput::kAssembly);
  EXPECT_EQ(text.find("(%rsp)"), std::string::npos) << text;
  EXPECT_EQ(count(text, "vfmadd"), t.mr * t.nv) << text;
  EXPECT_NE(text.find(t.reg), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(All, RegisterTile,
                         testing::Values(Tile{IsaLevel::kAvx2, 6, 2, 8, "%ymm"},
                                         Tile{IsaLevel::kAvx2, 4, 3, 8, "%ymm"},
                                         Tile{IsaLevel::kAvx512, 14, 2, 16, "%zmm"},
                                         Tile{IsaLevel::kAvx512, 9, 3, 16, "%zmm"},
                                         Tile{IsaLevel::kAmx, 14, 2, 16, "%zmm"}));

TEST(Codegen, Bf16DotProductsFromTheLevelThatHasThem) {
  const char* body = R"(
declare <16 x float> @llvm.x86.avx512bf16.dpbf16ps.512(<16 x float>, <32 x bfloat>, <32 x bfloat>)
define void @convoke_kernel(ptr %x, ptr %w, ptr %y) {
  %a = load <32 x bfloat>, ptr %x
  %b = load <32 x bfloat>, ptr %w
  %c = load <16 x float>, ptr %y
  %d = call <16 x float> @llvm.x86.avx512bf16.dpbf16ps.512(<16 x float> %c, <32 x bfloat> %a, <32 x bfloat> %b)
  store <16 x float> %d, ptr %y
  ret void
})";
  for (const IsaLevel level : {IsaLevel::kAvx512Bf16, IsaLevel::kAmx}) {
    EXPECT_NE(compile(body, level, CpuOutput::kAssembly).find("vdpbf16ps"), std::string::npos);
    EXPECT_FALSE(compile(body, level, CpuOutput::kObject).empty());
  }
}

// Tiles by number, as a kernel that manages them itself writes them.
constexpr char kAmxTiles[] = R"(
declare void @llvm.x86.ldtilecfg(ptr)
declare void @llvm.x86.tilezero(i8)
declare void @llvm.x86.tileloadd64(i8, ptr, i64)
declare void @llvm.x86.tdpbf16ps(i8, i8, i8)
declare void @llvm.x86.tilestored64(i8, ptr, i64)
declare void @llvm.x86.tilerelease()
define void @convoke_kernel(ptr %config, ptr %a, ptr %b, ptr %c) {
  call void @llvm.x86.ldtilecfg(ptr %config)
  call void @llvm.x86.tilezero(i8 0)
  call void @llvm.x86.tileloadd64(i8 1, ptr %a, i64 64)
  call void @llvm.x86.tileloadd64(i8 2, ptr %b, i64 64)
  call void @llvm.x86.tdpbf16ps(i8 0, i8 1, i8 2)
  call void @llvm.x86.tilestored64(i8 0, ptr %c, i64 64)
  call void @llvm.x86.tilerelease()
  ret void
})";

// Tiles as values: LLVM allocates them and writes the configuration.
constexpr char kAmxValues[] = R"(
declare x86_amx @llvm.x86.tilezero.internal(i16, i16)
declare x86_amx @llvm.x86.tileloadd64.internal(i16, i16, ptr, i64)
declare x86_amx @llvm.x86.tdpbf16ps.internal(i16, i16, i16, x86_amx, x86_amx, x86_amx)
declare void @llvm.x86.tilestored64.internal(i16, i16, ptr, i64, x86_amx)
define void @convoke_kernel(ptr %a, ptr %b, ptr %c) {
  %z = call x86_amx @llvm.x86.tilezero.internal(i16 16, i16 64)
  %x = call x86_amx @llvm.x86.tileloadd64.internal(i16 16, i16 64, ptr %a, i64 64)
  %y = call x86_amx @llvm.x86.tileloadd64.internal(i16 16, i16 64, ptr %b, i64 64)
  %d = call x86_amx @llvm.x86.tdpbf16ps.internal(i16 16, i16 64, i16 64, x86_amx %z, x86_amx %x, x86_amx %y)
  call void @llvm.x86.tilestored64.internal(i16 16, i16 64, ptr %c, i64 64, x86_amx %d)
  ret void
})";

TEST(Codegen, AmxTilesByNumberAndAsValues) {
  for (const char* body : {kAmxTiles, kAmxValues}) {
    const std::string text = compile(body, IsaLevel::kAmx, CpuOutput::kAssembly);
    for (const char* instruction :
         {"ldtilecfg", "tilezero", "tileloadd", "tdpbf16ps", "tilestored"}) {
      EXPECT_NE(text.find(instruction), std::string::npos) << instruction << "\n" << text;
    }
    EXPECT_FALSE(compile(body, IsaLevel::kAmx, CpuOutput::kObject).empty());
  }
}

TEST(Codegen, WhatLlvmGivesUpOnIsAnErrorAndTheNextKernelCompiles) {
#if defined(__SANITIZE_ADDRESS__)
  const __lsan::ScopedDisabler leaks_on_purpose;  // what LLVM abandons half-way
#endif
  const std::string why =
      device_error([] { compile(kAmxTiles, IsaLevel::kAvx2, CpuOutput::kObject); });
  EXPECT_NE(why.find("Cannot select"), std::string::npos) << why;
  EXPECT_NE(why.find("llvm.x86.tile"), std::string::npos) << why;
  EXPECT_FALSE(compile(kAxpy, IsaLevel::kAvx2, CpuOutput::kObject).empty());
}

// Below AVX2 the conversions and fma are calls; the loader must know the functions.
TEST(Load, TheBaselinesLibraryCallsResolve) {
  const char* body = R"(
declare float @llvm.fma.f32(float, float, float)
declare float @llvm.exp.f32(float)
define float @convoke_kernel(float %a, float %b) {
  %h = fptrunc float %a to half
  %w = fpext half %h to float
  %f = call float @llvm.fma.f32(float %w, float %b, float 1.0)
  %e = call float @llvm.exp.f32(float %f)
  ret float %e
})";
  const Loaded kernel(compile(body, IsaLevel::kSse2, CpuOutput::kObject));
  EXPECT_EQ(kernel.as<float(float, float)>()(1.0001f, 2.f), std::exp(3.f));
}

TEST(Load, UnknownFunctionsAreNamed) {
  const std::string object = compile(
      "declare void @getenv()\ndefine void @convoke_kernel() {\n call void @getenv()\n ret void\n}",
      IsaLevel::kSse2, CpuOutput::kObject);
  const std::string why = device_error([&] { load_object(object.data(), object.size()); });
  EXPECT_NE(why.find("getenv"), std::string::npos) << why;
}

TEST(Load, AnObjectWithoutTheEntryIsRefused) {
  const std::string object =
      compile("define void @other() {\n ret void\n}", IsaLevel::kSse2, CpuOutput::kObject);
  const std::string why = device_error([&] { load_object(object.data(), object.size()); });
  EXPECT_NE(why.find("convoke_kernel"), std::string::npos) << why;
}

TEST(Load, WhatIsNoObjectIsRefused) {
  const std::string object = compile(gemm_tile(6, 2, 8), IsaLevel::kAvx2, CpuOutput::kObject);
  EXPECT_NE(device_error([] { load_object("", 0); }), "no error");
  EXPECT_NE(device_error([] { load_object("not an object", 13); }), "no error");
  for (std::size_t size = 0; size < object.size(); size += 7) {
    EXPECT_NE(device_error([&] { load_object(object.data(), size); }), "no error") << size;
  }
}

std::int64_t resident_bytes() {
  std::int64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;  // freed memory stays in quarantine; clocks run slow
#else
constexpr bool kSanitized = false;
#endif

TEST(Load, UnloadingGivesTheMemoryBack) {
  const std::string object = compile(gemm_tile(6, 2, 8), IsaLevel::kAvx2, CpuOutput::kObject);
  const auto cycle = [&](int times) {
    for (int i = 0; i < times; ++i) unload_object(load_object(object.data(), object.size()).handle);
  };
  cycle(500);
  const std::int64_t before = resident_bytes();
  cycle(5000);
  const std::int64_t grown = resident_bytes() - before;
  if (kSanitized) return;
  EXPECT_LT(grown, 1 << 20) << "bytes after 5000 loads";
}

TEST(Load, ManyThreadsCompileLoadAndRun) {
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const float scale = static_cast<float>(t * 100 + i);
        const Loaded kernel(compile(
            fmt::format("define float @convoke_kernel(float %x) {{\n %y = fmul float %x, {:.1f}\n"
                        " ret float %y\n}}",
                        scale),
            IsaLevel::kSse2, CpuOutput::kObject));
        right += kernel.as<float(float)>()(2.f) == 2.f * scale ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 160);
}

template <typename F>
double median_ms(int times, const F& f) {
  std::vector<double> ms;
  for (int i = 0; i < times; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    f();
    const std::chrono::duration<double, std::milli> spent =
        std::chrono::steady_clock::now() - begin;
    ms.push_back(spent.count());
  }
  std::nth_element(ms.begin(), ms.begin() + times / 2, ms.end());
  return ms[times / 2];
}

// Limits far above what an idle machine needs (see the recorded properties): they catch a pipeline
// gone wrong.
TEST(Time, CompilingAndLoading) {
  const std::string tile = gemm_tile(6, 2, 8);
  const double compile_ms =
      median_ms(9, [&] { compile(tile, IsaLevel::kAvx2, CpuOutput::kObject); });
  const std::string object = compile(tile, IsaLevel::kAvx2, CpuOutput::kObject);
  const double load_ms =
      median_ms(99, [&] { unload_object(load_object(object.data(), object.size()).handle); });
  RecordProperty("compile_ms", fmt::format("{:.3f}", compile_ms));
  RecordProperty("load_ms", fmt::format("{:.3f}", load_ms));
  fmt::print("compile {:.2f} ms, load and unload {:.3f} ms\n", compile_ms, load_ms);
  if (kSanitized) return;
  EXPECT_LT(compile_ms, 100);
  EXPECT_LT(load_ms, 1);
}

}  // namespace
}  // namespace convoke
