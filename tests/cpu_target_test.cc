// The CPU target over a compiler of the test's own: what is compiled when, what the caches answer,
// how a kernel is given its arguments, and what happens without a compiler. Real code runs in
// cpu_launch_test.cc.
#include "runtime/cpu_target.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "compiler/cpu_kernel_args.h"
#include "compiler/spec_text.h"
#include "runtime/thread_pool.h"

namespace convoke {
namespace {

namespace fs = std::filesystem;

/// A backend whose object is a text; it counts, and fails on demand.
struct FakeBackend {
  static inline std::atomic<int> objects{0}, loads{0}, unloads{0}, live_bytes{0};
  static inline std::atomic<bool> refuse_emit{false}, refuse_load{false};

  static std::int32_t give(ConvokeBytes* out, const std::string& text, std::int32_t code) {
    out->data = static_cast<char*>(std::malloc(text.size() + 1));
    std::memcpy(out->data, text.c_str(), text.size() + 1);
    out->size = text.size();
    live_bytes.fetch_add(1);
    return code;
  }
  static std::int32_t emit(const char* spec, const char*, const char* config,
                           const ConvokeCpuIsa* isa, std::int32_t format, ConvokeBytes* out) {
    if (refuse_emit) return give(out, "the emitter says no", 3);
    if (format == CONVOKE_EMIT_OBJECT) {
      objects.fetch_add(1);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const char* const names[] = {"ll", "asm", "object", "source"};
    return give(
        out,
        std::string(names[format]) + " " + spec + " " + config + " " + std::to_string(isa->level),
        0);
  }
  static std::int32_t load(const void* object, std::size_t size, void** handle, void** entry,
                           ConvokeBytes* error) {
    if (refuse_load) return give(error, "the linker says no", 4);
    if (std::string(static_cast<const char*>(object), size).rfind("object ", 0) != 0)
      return give(error, "no object", 4);
    loads.fetch_add(1);
    *handle = new int(7);
    *entry =
        reinterpret_cast<void*>(+[](const CpuKernelArgs*, std::int64_t, std::int64_t, void*) {});
    return 0;
  }
  static void unload(void* handle) {
    unloads.fetch_add(1);
    delete static_cast<int*>(handle);
  }
  static void release(ConvokeBytes* bytes) {
    if (bytes->data != nullptr) live_bytes.fetch_sub(1);
    std::free(bytes->data);
    *bytes = {nullptr, 0};
  }
  static const ConvokeCpuBackend& table() {
    static const ConvokeCpuBackend backend{
        CONVOKE_CPU_BACKEND_ABI, "19.0.fake", emit, load, unload, release};
    return backend;
  }
};

class CpuTargetTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("convoke_target_test_" + std::to_string(getpid()));
    fs::remove_all(root_);
    FakeBackend::objects = FakeBackend::loads = FakeBackend::unloads = 0;
    FakeBackend::refuse_emit = FakeBackend::refuse_load = false;
    parts_.cpu.model = "Test CPU";
    parts_.cpu.isa.level = IsaLevel::kAvx2;
    parts_.cpu.isa.l3_bytes = 1 << 20;
    parts_.cpu.max_ghz = 2;
    parts_.executor = std::make_shared<ThreadPool>(2);
    parts_.cache_dir = (root_ / "cache").string();
    parts_.backend = FakeBackend::table;
  }
  void TearDown() override {
    fs::remove_all(root_);
    EXPECT_EQ(FakeBackend::live_bytes.load(), 0) << "bytes of the backend were not given back";
  }
  std::shared_ptr<Target> target() const { return make_cpu_target(parts_); }
  fs::path root_;
  CpuTargetParts parts_;
  ConvSpec spec_ = parse_problem("mb2ic8ih8oc16oh8kh3ph1").spec;
};

TEST_F(CpuTargetTest, SaysWhatItIs) {
  const auto t = target();
  EXPECT_EQ(t->info().target, "cpu");
  EXPECT_EQ(t->info().key, "Test CPU, avx2, 2 threads");
  EXPECT_EQ(t->info().compiler, "LLVM 19.0.fake");
  EXPECT_EQ(t->info().threads, 2);
  EXPECT_EQ(t->info().emitter.size(), 64u);
  EXPECT_DOUBLE_EQ(t->info().peak_gflops_f32, 2 * 2 * 8 * 2.0 * 2);
}

TEST_F(CpuTargetTest, MemoryThenDiskThenCompile) {
  const auto first = target();
  const KernelConfig config = first->default_config(spec_);
  CacheSource source{};
  const auto kernel = first->get(spec_, config, &source);
  EXPECT_EQ(source, CacheSource::kCompiled);
  EXPECT_EQ(first->get(spec_, config, &source), kernel);
  EXPECT_EQ(source, CacheSource::kMemory);
  const auto restarted = target();
  restarted->get(spec_, config, &source);
  EXPECT_EQ(source, CacheSource::kDisk);
  EXPECT_EQ(FakeBackend::objects.load(), 1);
  EXPECT_EQ(FakeBackend::loads.load(), 2);
  const auto entries = restarted->cache().list();
  ASSERT_EQ(entries.size(), 1u);
  for (const char* word : {"\"target\":\"cpu\"", "\"spec\":\"mb2ic8ih8oc16kh3ph1\"",
                           "\"isa\":\"avx2\"", "LLVM 19.0.fake"})
    EXPECT_NE(entries[0].metadata.find(word), std::string::npos) << entries[0].metadata;
}

TEST_F(CpuTargetTest, OneImageServesEveryBatch) {
  const auto t = target();
  const KernelConfig config = t->default_config(spec_);
  const auto kernel = t->get(spec_, config);
  for (const std::int64_t n : {std::int64_t{1}, std::int64_t{64}, kOpenBatch}) {
    ConvSpec other = spec_;
    other.n = n;
    EXPECT_EQ(t->get(other, config), kernel) << n;
  }
  EXPECT_EQ(FakeBackend::objects.load(), 1);
}

TEST_F(CpuTargetTest, EightThreadsOnOneColdKeyCompileAndLoadOnce) {
  const auto t = target();
  const KernelConfig config = t->default_config(spec_);
  std::vector<std::shared_ptr<const Kernel>> got(8);
  std::atomic<int> compiled{0};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < got.size(); ++i)
    threads.emplace_back([&, i] {
      CacheSource source{};
      got[i] = t->get(spec_, config, &source);
      compiled += source == CacheSource::kCompiled ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& kernel : got) EXPECT_EQ(kernel, got[0]);
  EXPECT_EQ(FakeBackend::objects.load(), 1);
  EXPECT_EQ(FakeBackend::loads.load(), 1);
  EXPECT_EQ(compiled.load(), 1);
}

TEST_F(CpuTargetTest, MemoryIsBoundedAndWhatIsInUseStays) {
  parts_.kernels_in_memory = 2;
  parts_.cache_dir.clear();
  const auto t = target();
  std::shared_ptr<const Kernel> held;
  for (int i = 0; i < 4; ++i) {
    ConvSpec spec = spec_;
    spec.k = 16 * (i + 1);
    auto kernel = t->get(spec, t->default_config(spec));
    if (i == 0) held = kernel;
  }
  EXPECT_EQ(FakeBackend::loads.load(), 4);
  EXPECT_EQ(FakeBackend::unloads.load(), 1) << "four loaded, two remembered, one held";
  held.reset();
  EXPECT_EQ(FakeBackend::unloads.load(), 2);
}

TEST_F(CpuTargetTest, KernelsOutliveTheTarget) {
  auto t = target();
  auto kernel = t->get(spec_, t->default_config(spec_));
  t.reset();
  EXPECT_EQ(FakeBackend::unloads.load(), 0);
  EXPECT_GE(kernel->workspace_bytes(2, WeightForm::kPlain), kernel->packed_weight_bytes());
  kernel.reset();
  EXPECT_EQ(FakeBackend::unloads.load(), 1);
}

TEST_F(CpuTargetTest, ABrokenEntryIsCompiledAgain) {
  KernelConfig config;
  {
    const auto t = target();
    config = t->default_config(spec_);
    t->get(spec_, config);
    const std::string key = t->cache_key(spec_, config);
    std::ofstream(fs::path(parts_.cache_dir) / "kernels" / key.substr(0, 2) / key / "image")
        << "damaged";
  }
  CacheSource source{};
  target()->get(spec_, config, &source);
  EXPECT_EQ(source, CacheSource::kCompiled);
  target()->get(spec_, config, &source);
  EXPECT_EQ(source, CacheSource::kDisk);
}

TEST_F(CpuTargetTest, AnEntryThatDoesNotLoadIsCompiledAgain) {
  const auto t = target();
  const KernelConfig config = t->default_config(spec_);
  ASSERT_TRUE(t->cache().store(t->cache_key(spec_, config), {"intact, but no object", "", "{}"}));
  CacheSource source{};
  EXPECT_NE(t->get(spec_, config, &source), nullptr);
  EXPECT_EQ(source, CacheSource::kCompiled);
}

TEST_F(CpuTargetTest, FailuresPassThroughAndAreNotRemembered) {
  const auto t = target();
  const KernelConfig config = t->default_config(spec_);
  for (std::atomic<bool>* refuse : {&FakeBackend::refuse_emit, &FakeBackend::refuse_load}) {
    *refuse = true;
    try {
      t->get(spec_, config);
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("says no"), std::string::npos) << error.what();
      EXPECT_EQ(error.code(),
                refuse == &FakeBackend::refuse_emit ? ErrorCode::kUnsupported : ErrorCode::kDevice);
    }
    *refuse = false;
  }
  EXPECT_NE(t->get(spec_, config), nullptr);
}

TEST_F(CpuTargetTest, IllegalAndUnsupportedAreRefusedBeforeTheBackend) {
  const auto t = target();
  KernelConfig config = t->default_config(spec_);
  config.cpu.mr = -3;
  EXPECT_THROW(t->get(spec_, config), Error);
  ConvSpec gradient = spec_;
  gradient.pass = Pass::kWgrad;
  try {
    t->get(gradient, t->default_config(spec_));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  }
  EXPECT_EQ(FakeBackend::objects.load(), 0);
}

TEST_F(CpuTargetTest, EmitsItsFormatsOnly) {
  const auto t = target();
  const KernelConfig config = t->default_config(spec_);
  EXPECT_EQ(t->emit(spec_, config, EmitFormat::kLl).rfind("ll mb2ic8", 0), 0u);
  EXPECT_EQ(t->emit(spec_, config, EmitFormat::kAsm).rfind("asm ", 0), 0u);
  EXPECT_EQ(t->emit(spec_, config, EmitFormat::kSource).rfind("source ", 0), 0u);
  for (const EmitFormat format : {EmitFormat::kPtx, EmitFormat::kCubin, EmitFormat::kSass}) {
    try {
      t->emit(spec_, config, format);
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    }
  }
}

TEST_F(CpuTargetTest, DumpsWhatItCompiles) {
  parts_.dump_dir = (root_ / "dump/here").string();
  const auto t = target();
  t->get(spec_, t->default_config(spec_));
  std::set<std::string> suffixes;
  for (const auto& file : fs::directory_iterator(parts_.dump_dir))
    suffixes.insert(file.path().extension());
  EXPECT_EQ(suffixes, (std::set<std::string>{".spec", ".ll", ".s", ".o", ".log"}));
  parts_.dump_dir = "/proc/none";
  parts_.cache_dir.clear();
  EXPECT_NO_THROW(target()->get(spec_, t->default_config(spec_)));
}

TEST_F(CpuTargetTest, WithoutACompilerOnlyCodeIsMissing) {
  parts_.backend = []() -> const ConvokeCpuBackend& {
    throw Error(ErrorCode::kDevice, "looked here and there");
  };
  const auto t = target();
  EXPECT_EQ(t->info().compiler, "no compiler");
  const KernelConfig config = t->default_config(spec_);
  EXPECT_EQ(t->why_illegal(spec_, config), "");
  EXPECT_GT(t->predict_us(spec_, config), 0);
  try {
    t->get(spec_, config);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDevice);
    EXPECT_STREQ(error.what(), "looked here and there");
  }
}

TEST(CpuLibrary, MissingIsNamedWhenAPlanNeedsIt) {
  const pid_t child = fork();
  if (child == 0) {
    setenv("CONVOKE_CPU_LIBRARY", "/nonexistent/libconvoke_cpu.so", 1);
    try {
      const Device device = Device::open("cpu");
      Plan(device, parse_spec("mb1ic8ih8oc8oh8kh1"));
    } catch (const Error& error) {
      const std::string what = error.what();
      _exit(error.code() == ErrorCode::kDevice &&
                    what.find("/nonexistent/libconvoke_cpu.so") != what.npos
                ? 0
                : 1);
    }
    _exit(2);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(CpuTargetTest, WorkspaceIsKnownBeforeCompiling) {
  const auto t = target();
  for (const KernelConfig& config : {t->default_config(spec_), t->enumerate(spec_).back()})
    for (const WeightForm form : {WeightForm::kPlain, WeightForm::kPacked})
      EXPECT_EQ(t->workspace_bytes(spec_, config, form),
                t->get(spec_, config)->workspace_bytes(2, form));
}

TEST_F(CpuTargetTest, AllocatesAligned) {
  const auto t = target();
  for (const std::size_t bytes : {0, 1, 64, 1000}) {
    void* p = t->allocate(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % 64, 0u);
    t->deallocate(p);
  }
  for (const std::size_t bytes : {std::size_t{1} << 60, ~std::size_t{0}})
    EXPECT_THROW(t->allocate(bytes), Error);
}

}  // namespace
}  // namespace convoke
