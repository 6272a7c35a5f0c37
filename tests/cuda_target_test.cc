// The CUDA target over a fake driver and a fake compiler: what is compiled when, what the caches
// and the folders built ahead of time answer, how kernels are launched, what happens when things
// fail.
#include "runtime/cuda_target.h"

#include <set>
#include <thread>

#include "compiler/emit_cuda.h"
#include "runtime/cuda_aot.h"
#include "runtime/cuda_compiler.h"
#include "tests/fake_gpu_fixture.h"

namespace convoke {
namespace {

namespace fs = std::filesystem;

class CudaTargetTest : public FakeGpuTest {};

TEST_F(CudaTargetTest, SaysWhatItIs) {
  const auto t = target();
  EXPECT_EQ(t->info().target, "cuda:0");
  EXPECT_EQ(t->info().model, "Fake GPU");
  EXPECT_EQ(t->info().key, "Fake GPU, sm_90a, 100 SMs, 4 GiB");
  EXPECT_HAS(t->info().driver, "CUDA 13.0");
  EXPECT_EQ(t->info().compiler, "NVRTC 13.0.1");
  EXPECT_EQ(t->info().emitter, template_files().digest);
  EXPECT_DOUBLE_EQ(t->info().peak_gflops_f32, 256 * 100 * 1.5);
  EXPECT_EQ(t->cache_bytes(), 32 << 20);
  EXPECT_GE(t->build_threads(), 1);
}

TEST_F(CudaTargetTest, LimitsFollowTheTypeAndTheBytes) {
  const auto t = target();
  ConvSpec large = parse_problem("mb64ic256ih56oc256oh56kh3ph1 dtype=f16").spec;
  EXPECT_NEAR(t->limit_us(large), 2 * large.macs(64) / (4096.0 * 100 * 1.5e9) * 1e6, 1e-3);
  ConvSpec exact = parse_problem("mb64ic256ih56oc256oh56kh3ph1").spec;
  EXPECT_NEAR(t->limit_us(exact), 2 * exact.macs(64) / (256.0 * 100 * 1.5e9) * 1e6, 1e-3);
  ConvSpec thin = parse_problem("g256mb64ic256ih56oc256oh56kh1 dtype=f16").spec;
  const double bytes = 2.0 * (2 * 64 * 56 * 56 * 256 + 256);
  EXPECT_NEAR(t->limit_us(thin), bytes / 1024e9 * 1e6, 1e-3);
}

TEST_F(CudaTargetTest, MemoryThenDiskThenCompile) {
  const auto first = target();
  CacheSource source{};
  const auto kernel = first->get(spec, mma, &source);
  EXPECT_EQ(source, CacheSource::kCompiled);
  EXPECT_EQ(first->get(spec, mma, &source), kernel);
  EXPECT_EQ(source, CacheSource::kMemory);
  const auto restarted = target();
  restarted->get(spec, mma, &source);
  EXPECT_EQ(source, CacheSource::kDisk);
  EXPECT_EQ(compiled(), 1);
  EXPECT_EQ(fake->modules_loaded, 2);
  const auto entries = restarted->cache().list();
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].key, first->cache_key(spec, mma));
  for (const char* word :
       {"\"target\":\"cuda\"", "\"arch\":\"sm_90a\"", "NVRTC 13.0.1", "\"registers\":40",
        "\"spill_bytes\":0", "cuda:mma,bm=64", "\"threads\":128"})
    EXPECT_HAS(entries[0].metadata, word);
}

TEST_F(CudaTargetTest, OneImageServesEveryBatch) {
  const auto t = target();
  const auto kernel = t->get(spec, mma);
  for (const std::int64_t n : {std::int64_t{1}, std::int64_t{64}, kOpenBatch}) {
    ConvSpec other = spec;
    other.n = n;
    EXPECT_EQ(t->get(other, mma), kernel) << n;
  }
  EXPECT_EQ(compiled(), 1);
}

TEST_F(CudaTargetTest, KeysTellApartWhatChangesTheCode) {
  const auto t = target();
  std::set<std::string> keys = {t->cache_key(spec, mma), t->cache_key(spec, split)};
  ConvSpec other = spec;
  other.epilogue = "relu(acc)";
  keys.insert(t->cache_key(other, mma));
  CudaTargetParts p = parts();
  p.device = parse_arch("sm_80");
  keys.insert(make_cuda_target(p)->cache_key(spec, mma));
  p = parts();
  TemplateFiles edited = template_files();
  edited.digest = "edited";
  p.templates = &edited;
  keys.insert(make_cuda_target(p)->cache_key(spec, mma));
  EXPECT_EQ(keys.size(), 5u);
}

TEST_F(CudaTargetTest, EightThreadsOnOneColdKeyCompileAndLoadOnce) {
  const auto t = target();
  std::vector<std::shared_ptr<const Kernel>> got(8);
  std::vector<std::thread> threads;
  for (auto& kernel : got) threads.emplace_back([&] { kernel = t->get(spec, mma); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& kernel : got) EXPECT_EQ(kernel, got[0]);
  EXPECT_EQ(compiled(), 1);
  EXPECT_EQ(fake->modules_loaded, 1);
}

TEST_F(CudaTargetTest, MemoryIsBoundedAndWhatIsInUseStays) {
  CudaTargetParts p = parts();
  p.kernels_in_memory = 2;
  auto t = make_cuda_target(p);
  std::shared_ptr<const Kernel> held;
  for (int i = 0; i < 4; ++i) {
    ConvSpec other = spec;
    other.k = 64 * (i + 1);
    auto kernel = t->get(other, mma);
    if (i == 0) held = kernel;
  }
  EXPECT_EQ(fake->modules_loaded, 4);
  EXPECT_EQ(fake->modules_unloaded, 1) << "four loaded, two remembered, one held";
  t.reset();
  EXPECT_EQ(fake->modules_unloaded, 3);
  held.reset();
  EXPECT_EQ(fake->modules_unloaded, 4);
  EXPECT_EQ(fake->unloaded_elsewhere, 0);
}

TEST_F(CudaTargetTest, ABrokenEntryAndOneThatDoesNotLoadAreCompiledAgain) {
  const auto t = target();
  const std::string key = t->cache_key(spec, mma);
  ASSERT_TRUE(t->cache().store(key, {"intact, but no code", "", "{}"}));
  CacheSource source{};
  t->get(spec, mma, &source);
  EXPECT_EQ(source, CacheSource::kCompiled);
  std::ofstream(root / "cache/kernels" / key.substr(0, 2) / key / "image") << "damaged";
  target()->get(spec, mma, &source);
  EXPECT_EQ(source, CacheSource::kCompiled);
  target()->get(spec, mma, &source);
  EXPECT_EQ(source, CacheSource::kDisk);
}

TEST_F(CudaTargetTest, IllegalAndUnsupportedAreRefusedBeforeTheCompiler) {
  const auto t = target();
  EXPECT_HAS(what_of([&] { t->get(spec, parse_config("cuda:mma,bm=7")); }, ErrorCode::kUsage),
             "bm");
  EXPECT_HAS(what_of([&] { t->get(spec, KernelConfig(CpuConfig{})); }, ErrorCode::kUsage), "cpu");
  ConvSpec gradient = spec;
  gradient.pass = Pass::kWgrad;
  what_of([&] { t->get(gradient, mma); }, ErrorCode::kUnsupported);
  EXPECT_EQ(compiled(), 0);
}

TEST_F(CudaTargetTest, EmitsItsFormatsOnly) {
  const auto t = target();
  EXPECT_EQ(t->emit(spec, mma, EmitFormat::kSource), emit_cuda(spec, mma.cuda).source);
  EXPECT_HAS(t->emit(spec, mma, EmitFormat::kPtx), ".version");
  EXPECT_FALSE(is_ptx(t->emit(spec, mma, EmitFormat::kCubin)));
  for (const EmitFormat format : {EmitFormat::kLl, EmitFormat::kAsm})
    EXPECT_HAS(what_of([&] { t->emit(spec, mma, format); }, ErrorCode::kUnsupported), "cubin");
}

TEST_F(CudaTargetTest, AFailureToCompileKeepsTheSource) {
  setenv("FAKE_NVRTC_FAIL", "1", 1);
  CudaTargetParts p = parts();
  const std::string what = what_of([&] { make_cuda_target(p)->get(spec, mma); });
  EXPECT_HAS(what, "the fake says no");
  EXPECT_HAS(what, "mb2ic64ih8oc64kh3ph1");
  EXPECT_HAS(what, "cuda:mma");
  EXPECT_HAS(what, (root / "cache/failed").string());
  int kept = 0;
  for (const auto& file : fs::directory_iterator(root / "cache/failed"))
    kept += file.path().extension() == ".cu" || file.path().extension() == ".log";
  EXPECT_EQ(kept, 2);
  p.dump_dir = (root / "dump").string();
  EXPECT_HAS(what_of([&] { make_cuda_target(p)->get(spec, mma); }), p.dump_dir);
  unsetenv("FAKE_NVRTC_FAIL");
  EXPECT_NE(target()->get(spec, mma), nullptr) << "failures are not remembered";
}

TEST_F(CudaTargetTest, DumpsWhatItCompiles) {
  CudaTargetParts p = parts();
  p.dump_dir = (root / "dump").string();
  make_cuda_target(p)->get(spec, mma);
  std::set<std::string> suffixes;
  for (const auto& file : fs::directory_iterator(p.dump_dir))
    suffixes.insert(file.path().extension());
  EXPECT_EQ(suffixes, (std::set<std::string>{".spec", ".cu", ".ptx", ".cubin", ".log"}));
}

TEST_F(CudaTargetTest, TellsWhatTheCompilerDidBadly) {
  EXPECT_EQ(target()->get(spec, mma)->why_slow(), "");
  setenv("FAKE_NVRTC_LOG", "ptxas . 0 bytes stack frame, 8 bytes spill stores, 8 bytes spill loads",
         1);
  const auto t = target();
  t->cache().clear();
  EXPECT_HAS(t->get(spec, mma)->why_slow(), "spills 8 bytes");
  EXPECT_HAS(target()->get(spec, mma)->why_slow(), "spills 8 bytes") << "from disk too";
}

TEST_F(CudaTargetTest, AGpuThatTheCompilerDoesNotKnowRunsPtx) {
  setenv("FAKE_CUDA_CAPABILITY", "120", 1);
  const auto t = target();
  const CompiledKernel kernel = t->compile(spec, mma);
  EXPECT_TRUE(is_ptx(kernel.image));
  EXPECT_HAS(kernel.image, "=compute_90");
  EXPECT_HAS(what_of([&] { t->emit(spec, mma, EmitFormat::kCubin); }, ErrorCode::kUnsupported),
             "sm_120a");
}

TEST_F(CudaTargetTest, WithoutACompilerOnlyCodeIsMissing) {
  CudaTargetParts p = parts();
  p.nvrtc = []() -> const Nvrtc& { throw Error(ErrorCode::kDevice, "looked here and there"); };
  const auto t = make_cuda_target(p);
  EXPECT_EQ(t->info().compiler, "no compiler");
  EXPECT_EQ(t->why_illegal(spec, mma), "");
  EXPECT_EQ(what_of([&] { t->get(spec, mma); }), "looked here and there");
}

TEST_F(CudaTargetTest, WithoutAGpuItCompilesOnly) {
  CudaTargetParts p = parts();
  p.gpu.reset();
  p.device = parse_arch("sm_80");
  const auto t = make_cuda_target(p);
  EXPECT_HAS(t->compile(spec, mma).image, "=sm_80");
  EXPECT_EQ(t->info().target, "cuda");
  EXPECT_HAS(t->info().key, "sm_80");
  EXPECT_HAS(what_of([&] { t->get(spec, mma); }), "no GPU to load kernels on");
  EXPECT_HAS(what_of([&] { t->allocate(1); }), "sm_80");
  EXPECT_HAS(what_of([&] { t->prepare_timing({}); }), "no GPU");
}

TEST_F(CudaTargetTest, AFolderBuiltAheadOfTimeNeedsNoCompiler) {
  const std::string folder = (root / "ahead").string();
  CudaTargetParts builder = parts();
  builder.gpu.reset();
  const AheadOfTimeKernel built = make_cuda_target(builder)->compile_into(folder, spec, split);
  EXPECT_FALSE(built.was_there);
  EXPECT_GT(built.bytes, 0);
  const int compilations = compiled();
  const AheadOfTimeKernel again = make_cuda_target(builder)->compile_into(folder, spec, split);
  EXPECT_TRUE(again.was_there);
  EXPECT_EQ(again.key, built.key);
  EXPECT_EQ(again.bytes, built.bytes);
  EXPECT_EQ(compiled(), compilations);
  CudaTargetParts p = parts();
  p.cache_dir.clear();
  p.system_cache_dir = folder;
  p.nvrtc = []() -> const Nvrtc& { throw Error(ErrorCode::kDevice, "no NVRTC"); };
  const auto t = make_cuda_target(p);
  ConvSpec open = spec;
  open.n = kOpenBatch;
  EXPECT_EQ(t->default_config(open), split);
  CacheSource source{};
  EXPECT_NE(t->get(open, t->default_config(open), &source), nullptr);
  EXPECT_EQ(source, CacheSource::kDisk);
  EXPECT_TRUE(t->obtainable(spec, split));
  EXPECT_FALSE(t->obtainable(spec, mma));
  EXPECT_TRUE(target()->obtainable(spec, mma)) << "by its compiler";
  EXPECT_EQ(what_of([&] { t->get(spec, mma); }), "no NVRTC") << "not in the folder";
  // With a compiler, the folder still saves the work.
  p.nvrtc = [this]() -> const Nvrtc& { return *compiler; };
  const int before = compiled();
  make_cuda_target(p)->get(spec, split, &source);
  EXPECT_EQ(source, CacheSource::kDisk);
  EXPECT_EQ(compiled(), before);
}

TEST_F(CudaTargetTest, AFolderServesNewerGpusThroughPtx) {
  const std::string folder = (root / "ahead").string();
  make_cuda_target(parts())->compile_into(folder, spec, mma);
  setenv("FAKE_CUDA_CAPABILITY", "120", 1);
  CudaTargetParts p = parts();
  p.system_cache_dir = folder;
  p.nvrtc = []() -> const Nvrtc& { throw Error(ErrorCode::kDevice, "no NVRTC"); };
  const auto t = make_cuda_target(p);
  EXPECT_EQ(t->default_config(spec), mma);
  EXPECT_NE(t->get(spec, mma), nullptr);
  setenv("FAKE_CUDA_CAPABILITY", "80", 1);
  CudaTargetParts older = parts();
  older.system_cache_dir = folder;
  older.nvrtc = p.nvrtc;
  EXPECT_EQ(what_of([&] { make_cuda_target(older)->get(spec, mma); }), "no NVRTC");
}

TEST_F(CudaTargetTest, ThreadsMayBuildOneProblemIntoAFolder) {
  const std::string folder = (root / "ahead").string();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 100; ++k) EXPECT_NO_THROW(record_config(folder, spec, "sm_90a", mma));
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(recorded_config(folder, spec, "sm_90a"), mma);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder + "/configs"), {}), 1) << "no leftovers";
}

TEST_F(CudaTargetTest, AFolderThatCannotBeWrittenIsNamed) {
  what_of([&] { target()->compile_into("/proc/none", spec, mma); }, ErrorCode::kCache);
}

TEST_F(CudaTargetTest, AllocatesCopiesAndRunsOut) {
  const auto t = target();
  const int before = fake->allocations;
  {
    const GpuBuffer buffer(t, 1000);
    const std::string text = "there and back";
    t->copy_in(buffer.data(), text.data(), text.size());
    std::string back(text.size(), ' ');
    t->copy_out(back.data(), buffer.data(), back.size());
    EXPECT_EQ(back, text);
  }
  t->deallocate(t->allocate(0));
  t->deallocate(nullptr);
  EXPECT_EQ(fake->allocations, before);
  const std::string what = what_of([&] { t->allocate(std::size_t{5} << 30); });
  EXPECT_HAS(what, "5368709120 bytes");
  EXPECT_HAS(what, "1073741824 of its 1073741824 bytes are free");
}

TEST_F(CudaTargetTest, ReferenceSumsCopyInRunAndCopyOut) {
  const auto t = target();
  std::vector<char> x(static_cast<std::size_t>(spec.x_elements(3) * 2)),
      w(static_cast<std::size_t>(spec.w_elements() * 2));
  std::vector<double> sums(static_cast<std::size_t>(spec.y_elements(3)));
  t->build_reference_sums(spec);
  EXPECT_EQ(compiled(), 1);
  EXPECT_TRUE(t->reference_sums(spec, 3, x.data(), w.data(), 0, sums.data()));
  EXPECT_EQ(compiled(), 1);
  ASSERT_EQ(fake->launches.size(), 1u);
  EXPECT_EQ(fake->launches[0].args.n, 3);
  EXPECT_HAS(fake->launches[0].image, "run_reference_sums");
  ConvSpec gradient = spec;
  gradient.pass = Pass::kWgrad;
  EXPECT_FALSE(t->reference_sums(gradient, 3, x.data(), w.data(), 0, sums.data()));
  t->build_reference_sums(gradient);
  EXPECT_EQ(compiled(), 1);
}

TEST_F(CudaTargetTest, TemplatesFromDiskAreThoseBuiltInUntilEdited) {
  const std::string own = CONVOKE_SOURCE_DIR "/templates";
  const TemplateFiles built_in = read_template_files("");
  EXPECT_EQ(built_in.digest, embedded_templates_digest());
  EXPECT_EQ(read_template_files(own).digest, built_in.digest);
  EXPECT_EQ(read_template_files(own).headers, built_in.headers);
  fs::copy(own, root / "templates", fs::copy_options::recursive);
  EXPECT_EQ(read_template_files(root / "templates").digest, built_in.digest);
  std::ofstream(root / "templates/mma.cuh", std::ios::app) << "// edited\n";
  EXPECT_NE(read_template_files(root / "templates").digest, built_in.digest);
  std::ofstream(root / "templates/ptx/new.cuh") << "// added\n";
  EXPECT_EQ(read_template_files(root / "templates").headers.size(), built_in.headers.size() + 1);
  EXPECT_HAS(what_of([] { read_template_files("/nonexistent"); }, ErrorCode::kUsage),
             "CONVOKE_TEMPLATE_DIR=/nonexistent");
  fs::create_directory(root / "empty");
  EXPECT_HAS(what_of([&] { read_template_files(root / "empty"); }, ErrorCode::kUsage),
             "no template");
}

}  // namespace
}  // namespace convoke
