// The C ABI against libconvoke.so: results, every refusal's status and sentence, handles that
// outlive each other, a host's executor, and a launch that allocates nothing.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/c_api_fixture.h"
#include "tests/counting_new.h"

namespace {

using convoke::test::CApi;
using convoke::test::refuses;
using convoke::test::run_in_order;
using convoke::test::Spec;

extern "C" int c_api_c_test(void);  // c_api_c_test.c: the same header as C99

/// A 1x1 convolution of ones with two input channels and relu(acc + bias[k]).
constexpr char kProblem[] = "mb1ic2ih4oc8oh4kh1 epilogue=relu(acc+bias[k])";
struct Ones {
  alignas(64) float x[32], w[16], y[128], bias[8];
  alignas(64) char packed[4096], workspace[4096];
  convoke_const_buffer operands[1] = {{bias, sizeof bias}};
  Ones() {
    std::fill(std::begin(x), std::end(x), 1.f);
    std::fill(std::begin(w), std::end(w), 1.f);
    std::fill(std::begin(y), std::end(y), -1.f);
    for (int k = 0; k < 8; ++k) bias[k] = static_cast<float>(k) - 4;
  }
  convoke_launch_args args() {
    return {{x, sizeof x},
            {w, sizeof w},
            {y, sizeof y},
            operands,
            1,
            {},
            {workspace, sizeof workspace},
            0,
            nullptr,
            0};
  }
  bool right() const {
    for (int i = 0; i < 128; ++i) {
      if (y[i] != std::max(0.f, static_cast<float>(i % 8) - 2)) return false;
    }
    return true;
  }
};

TEST(CApiHeader, WorksFromC) { EXPECT_EQ(c_api_c_test(), 0); }

TEST(CApiSpec, GivesTheFields) {
  const Spec spec("g2mb3ic4ih9iw7oc6kh3kw3sh2sw2ph1pw1dh1dw1nnet*5 dtype=f16 epilogue=relu(acc)");
  const convoke_spec_fields f = spec.fields();
  EXPECT_EQ(f.pass, CONVOKE_FPROP);
  EXPECT_EQ(f.n, 3);
  EXPECT_EQ(f.c, 4);
  EXPECT_EQ(f.h, 9);
  EXPECT_EQ(f.w, 7);
  EXPECT_EQ(f.k, 6);
  EXPECT_EQ(f.groups, 2);
  EXPECT_EQ(f.stride_h, 2);
  EXPECT_EQ(f.dilation_h, 2);
  EXPECT_EQ(f.pad_h, 1);
  EXPECT_EQ(f.p, (9 + f.pad_h + f.pad_h_high - 5) / 2 + 1);
  EXPECT_EQ(f.x_type, CONVOKE_F16);
  EXPECT_EQ(f.x_layout, CONVOKE_NHWC);
  EXPECT_EQ(f.x_image_bytes, 4 * 9 * 7 * 2);
  EXPECT_EQ(f.w_bytes, 6 * 2 * 3 * 3 * 2);
  EXPECT_EQ(f.y_image_bytes, 6 * f.p * f.q * 2);
  EXPECT_EQ(f.macs_image, 6.0 * static_cast<double>(f.p * f.q) * 2 * 9);
  EXPECT_STREQ(f.name, "net");
  EXPECT_EQ(f.count, 5);
  EXPECT_STREQ(f.epilogue, "relu(acc)");
  convoke_spec* again = nullptr;
  ASSERT_EQ(convoke_spec_parse(f.text, &again), CONVOKE_OK);
  convoke_spec_fields g;
  convoke_spec_get(again, &g);
  EXPECT_STREQ(g.text, f.text);
  convoke_spec_destroy(again);
}

TEST(CApiSpec, OverridesWords) {
  const Spec spec("mb2ic4ih8oc4kh3nlayer");
  ASSERT_EQ(convoke_spec_override(spec.handle, "dtype=tf32 batch=? layout=nchw"), CONVOKE_OK);
  convoke_spec_fields f = spec.fields();
  EXPECT_EQ(f.n, CONVOKE_OPEN_BATCH);
  EXPECT_EQ(f.x_type, CONVOKE_TF32);
  EXPECT_EQ(f.y_type, CONVOKE_F32);
  EXPECT_EQ(f.y_layout, CONVOKE_NCHW);
  EXPECT_STREQ(f.name, "layer");
  refuses(convoke_spec_override(spec.handle, "batch=0"), CONVOKE_USAGE, "batch is \"0\"");
  refuses(convoke_spec_override(spec.handle, "colour=red"), CONVOKE_USAGE, "colour=red");
  f = spec.fields();
  EXPECT_EQ(f.n, CONVOKE_OPEN_BATCH);
}

TEST(CApiSpec, ReadsLists) {
  const std::string path =
      (std::filesystem::temp_directory_path() / "convoke_c_api_test_list.txt").string();
  std::ofstream(path) << "# two\nmb1ic2ih4oc8kh1na\nmb1ic2ih4oc8kh3nb*2 # the last\n";
  std::size_t count = 0;
  ASSERT_EQ(convoke_spec_read_list(path.c_str(), nullptr, 0, &count), CONVOKE_OK);
  EXPECT_EQ(count, 2u);
  convoke_spec* specs[3] = {};
  ASSERT_EQ(convoke_spec_read_list(path.c_str(), specs, 3, &count), CONVOKE_OK);
  EXPECT_EQ(count, 2u);
  EXPECT_EQ(specs[2], nullptr);
  convoke_spec_fields f;
  convoke_spec_get(specs[1], &f);
  EXPECT_STREQ(f.name, "b");
  for (convoke_spec* spec : specs) convoke_spec_destroy(spec);

  std::ofstream(path) << "mb1ic2ih4oc8kh1\nnonsense\n";
  refuses(convoke_spec_read_list(path.c_str(), specs, 3, &count), CONVOKE_USAGE, path + ":2: ");
  std::filesystem::remove(path);
  refuses(convoke_spec_read_list(path.c_str(), specs, 3, &count), CONVOKE_USAGE, path);
}

/// A pattern, and what is known about it.
struct Pattern {
  ~Pattern() { convoke_pattern_destroy(handle); }
  convoke_pattern_info info() const {
    convoke_pattern_info i{};
    EXPECT_EQ(convoke_pattern_get(handle, &i), CONVOKE_OK) << convoke_last_error();
    return i;
  }
  std::vector<std::int64_t> kept() const {
    const convoke_pattern_info i = info();
    return {i.kept, i.kept + i.kept_count};
  }
  convoke_pattern* handle = nullptr;
};

TEST(CApiPattern, IsMadeFromWeightsMaskUnitsAndFile) {
  const Spec spec("mb1ic2ih4oc4kh1 sparsity=channel:0.5");
  EXPECT_STREQ(spec.fields().sparsity, "channel:0.5");
  Pattern strong, mask, units, random, loaded, parsed;
  const float w[8] = {0, 1, -5, 0, 2, 2, 0, 0};
  ASSERT_EQ(convoke_pattern_by_magnitude(spec.handle, w, 8, &strong.handle), CONVOKE_OK);
  EXPECT_EQ(strong.kept(), (std::vector<std::int64_t>{1, 2}));
  const std::uint8_t bytes[8] = {0, 0, 1, 1, 9, 9, 0, 0};
  ASSERT_EQ(convoke_pattern_from_mask(spec.handle, bytes, 8, &mask.handle), CONVOKE_OK);
  const std::int64_t kept[] = {1, 2};
  ASSERT_EQ(convoke_pattern_from_units(spec.handle, kept, 2, &units.handle), CONVOKE_OK);
  ASSERT_EQ(convoke_pattern_random(spec.handle, 7, &random.handle), CONVOKE_OK);
  EXPECT_EQ(random.info().kept_count, 2u);
  const convoke_pattern_info info = strong.info();
  EXPECT_STREQ(info.signature, "channel:0.5");
  EXPECT_STREQ(info.hash, mask.info().hash);
  EXPECT_STREQ(info.text, units.info().text);
  EXPECT_EQ(info.units, 4);
  EXPECT_EQ(info.kept_weights, 4);
  const std::string path =
      (std::filesystem::temp_directory_path() / "convoke_c_api_test_pattern.txt").string();
  ASSERT_EQ(convoke_pattern_save(strong.handle, path.c_str()), CONVOKE_OK);
  ASSERT_EQ(convoke_pattern_load(path.c_str(), &loaded.handle), CONVOKE_OK);
  EXPECT_STREQ(loaded.info().hash, info.hash);
  std::filesystem::remove(path);
  ASSERT_EQ(convoke_pattern_parse(info.text, &parsed.handle), CONVOKE_OK);
  EXPECT_EQ(parsed.kept(), strong.kept());

  Pattern none;
  ASSERT_EQ(convoke_pattern_from_units(spec.handle, nullptr, 0, &none.handle), CONVOKE_OK);
  EXPECT_EQ(none.info().kept_count, 0u);
  convoke_pattern* p = strong.handle;
  refuses(convoke_pattern_load(path.c_str(), &p), CONVOKE_USAGE, path);
  EXPECT_EQ(p, nullptr) << "what a failed call would have made is NULL";
  refuses(convoke_pattern_by_magnitude(spec.handle, w, 7, &p), CONVOKE_USAGE, "7");
  refuses(convoke_pattern_from_mask(spec.handle, bytes, 9, &p), CONVOKE_USAGE, "9");
  refuses(convoke_pattern_from_mask(spec.handle, nullptr, 8, &p), CONVOKE_USAGE, "mask is null");
  refuses(convoke_pattern_from_units(spec.handle, nullptr, 2, &p), CONVOKE_USAGE, "kept is null");
  const std::int64_t outside[] = {1, 4};
  refuses(convoke_pattern_from_units(spec.handle, outside, 2, &p), CONVOKE_USAGE, "4");
  refuses(convoke_pattern_parse("convoke-sparsity 9", &p), CONVOKE_USAGE, "");
  refuses(convoke_pattern_random(nullptr, 1, &p), CONVOKE_USAGE, "spec is null");
  refuses(convoke_pattern_random(spec.handle, 1, nullptr), CONVOKE_USAGE, "pattern is null");
  refuses(convoke_pattern_get(nullptr, nullptr), CONVOKE_USAGE, "pattern is null");
  refuses(convoke_pattern_save(strong.handle, "/nowhere/at/all"), CONVOKE_USAGE, "/nowhere/at/all");
  const Spec dense("mb1ic2ih4oc4kh1");
  refuses(convoke_pattern_random(dense.handle, 1, &p), CONVOKE_USAGE, "");
  convoke_pattern_destroy(nullptr);
}

TEST(CApiPattern, BelongsToASpecUntilItsSparsityChanges) {
  const Spec spec("mb1ic2ih4oc4kh1 sparsity=channel:0.5");
  Pattern pattern;
  const std::int64_t kept[] = {3};
  ASSERT_EQ(convoke_pattern_from_units(spec.handle, kept, 1, &pattern.handle), CONVOKE_OK);
  ASSERT_EQ(convoke_spec_set_pattern(spec.handle, pattern.handle), CONVOKE_OK);
  EXPECT_EQ(spec.fields().has_pattern, 1);
  EXPECT_STREQ(spec.fields().sparsity, "channel:0.25") << "what the pattern keeps";
  ASSERT_EQ(convoke_spec_override(spec.handle, "batch=4 sparsity=channel:0.25"), CONVOKE_OK);
  EXPECT_EQ(spec.fields().has_pattern, 1);
  ASSERT_EQ(convoke_spec_override(spec.handle, "sparsity=channel:0.75"), CONVOKE_OK);
  EXPECT_EQ(spec.fields().has_pattern, 0);
  ASSERT_EQ(convoke_spec_set_pattern(spec.handle, pattern.handle), CONVOKE_OK);
  ASSERT_EQ(convoke_spec_set_pattern(spec.handle, nullptr), CONVOKE_OK);
  EXPECT_EQ(spec.fields().has_pattern, 0);
  for (const char* other :
       {"mb1ic2ih4oc8kh1 sparsity=channel:0.5", "mb1ic2ih4oc4kh1 sparsity=input:0.5",
        "mb1ic2ih4oc4kh1", "mb1ic2ih4oc4kh1 sparsity=channel:0.5:bound"}) {
    const Spec wrong(other);
    refuses(convoke_spec_set_pattern(wrong.handle, pattern.handle), CONVOKE_USAGE, "");
    EXPECT_EQ(wrong.fields().has_pattern, 0);
  }
  refuses(convoke_spec_set_pattern(nullptr, pattern.handle), CONVOKE_USAGE, "spec is null");
}

TEST_F(CApi, ComputesWithPlainAndPackedWeights) {
  for (const convoke_weights form : {CONVOKE_WEIGHTS_PLAIN, CONVOKE_WEIGHTS_PACKED}) {
    convoke_plan_options options = CONVOKE_PLAN_OPTIONS_INIT;
    options.weights = form;
    convoke_plan* p = plan(kProblem, &options);
    convoke_plan_info info;
    ASSERT_EQ(convoke_plan_get(p, 0, &info), CONVOKE_OK);
    EXPECT_EQ(std::string(info.config).rfind("cpu:", 0), 0u) << info.config;
    ASSERT_EQ(info.operand_count, 1u);
    EXPECT_STREQ(info.operand_names[0], "bias");
    EXPECT_GE(info.step_count, 1u);
    EXPECT_EQ(info.alignment, sizeof(float));
    Ones data;
    ASSERT_LE(info.workspace_bytes, static_cast<std::int64_t>(sizeof data.workspace));
    convoke_launch_args args = data.args();
    if (form == CONVOKE_WEIGHTS_PACKED && info.packed_weight_bytes > 0) {
      ASSERT_EQ(convoke_plan_prepack(p, args.w, {}, {data.packed, sizeof data.packed}, nullptr),
                CONVOKE_OK)
          << convoke_last_error();
      args.w = {data.packed, static_cast<std::size_t>(info.packed_weight_bytes)};
    }
    ASSERT_EQ(convoke_plan_launch(p, &args), CONVOKE_OK) << convoke_last_error();
    EXPECT_TRUE(data.right());
    convoke_plan_destroy(p);
  }
}

/// Whether y is 2 in the kept filters and 0 elsewhere.
bool keeps(const Ones& data, const std::vector<std::int64_t>& kept) {
  for (std::int64_t i = 0; i < 128; ++i) {
    const bool is_kept = std::find(kept.begin(), kept.end(), i % 8) != kept.end();
    if (data.y[i] != (is_kept ? 2.f : 0.f)) return false;
  }
  return true;
}

TEST_F(CApi, BakedPatternsAreConstantsOfThePlan) {
  const Spec spec("mb1ic2ih4oc8oh4kh1 sparsity=channel:0.5");
  Pattern pattern;
  const std::vector<std::int64_t> kept = {1, 2, 7};
  ASSERT_EQ(convoke_pattern_from_units(spec.handle, kept.data(), 3, &pattern.handle), CONVOKE_OK);
  ASSERT_EQ(convoke_spec_set_pattern(spec.handle, pattern.handle), CONVOKE_OK);
  convoke_plan* p = nullptr;
  ASSERT_EQ(convoke_plan_create(device, spec.handle, nullptr, &p), CONVOKE_OK)
      << convoke_last_error();
  Ones data;
  convoke_launch_args args = data.args();
  args.operand_count = 0;
  ASSERT_EQ(convoke_plan_launch(p, &args), CONVOKE_OK) << convoke_last_error();
  EXPECT_TRUE(keeps(data, kept));
  refuses(convoke_plan_pack_pattern(p, pattern.handle, {data.packed, 4096}), CONVOKE_USAGE,
          "takes no pattern");
  args.pattern = {data.packed, 4096};
  refuses(convoke_plan_launch(p, &args), CONVOKE_USAGE, "a pattern is given");
  convoke_plan_destroy(p);
}

TEST_F(CApi, BoundPatternsChangeBetweenLaunches) {
  const Spec spec("mb1ic2ih4oc8oh4kh1 sparsity=channel:0.25:bound");
  for (const convoke_weights form : {CONVOKE_WEIGHTS_PLAIN, CONVOKE_WEIGHTS_PACKED}) {
    convoke_plan_options options = CONVOKE_PLAN_OPTIONS_INIT;
    options.weights = form;
    convoke_plan* p = nullptr;
    ASSERT_EQ(convoke_plan_create(device, spec.handle, &options, &p), CONVOKE_OK)
        << convoke_last_error();
    convoke_plan_info info;
    ASSERT_EQ(convoke_plan_get(p, 0, &info), CONVOKE_OK);
    ASSERT_GT(info.pattern_bytes, 0);
    Ones data;
    alignas(64) char tables[4096];
    ASSERT_LE(info.pattern_bytes, static_cast<std::int64_t>(sizeof tables));
    ASSERT_LE(info.packed_weight_bytes, static_cast<std::int64_t>(sizeof data.packed));
    for (const std::vector<std::int64_t>& kept :
         {std::vector<std::int64_t>{0, 5}, {3, 4}, {6, 7}}) {
      Pattern pattern;
      ASSERT_EQ(convoke_pattern_from_units(spec.handle, kept.data(), 2, &pattern.handle),
                CONVOKE_OK);
      ASSERT_EQ(convoke_plan_pack_pattern(p, pattern.handle, {tables, sizeof tables}), CONVOKE_OK)
          << convoke_last_error();
      convoke_launch_args args = data.args();
      args.operand_count = 0;
      args.pattern = {tables, sizeof tables};
      if (form == CONVOKE_WEIGHTS_PACKED && info.packed_weight_bytes > 0) {
        ASSERT_EQ(convoke_plan_prepack(p, args.w, args.pattern, {data.packed, sizeof data.packed},
                                       nullptr),
                  CONVOKE_OK)
            << convoke_last_error();
        args.w = {data.packed, sizeof data.packed};
      }
      ASSERT_EQ(convoke_plan_launch(p, &args), CONVOKE_OK) << convoke_last_error();
      EXPECT_TRUE(keeps(data, kept));
    }
    Pattern three;
    const std::int64_t kept[] = {1, 2, 3};
    ASSERT_EQ(convoke_pattern_from_units(spec.handle, kept, 3, &three.handle), CONVOKE_OK);
    refuses(convoke_plan_pack_pattern(p, three.handle, {tables, sizeof tables}), CONVOKE_USAGE,
            "keeps 3 of 8 units");
    refuses(convoke_plan_pack_pattern(p, nullptr, {tables, sizeof tables}), CONVOKE_USAGE,
            "pattern is null");
    convoke_launch_args args = data.args();
    args.operand_count = 0;
    refuses(convoke_plan_launch(p, &args), CONVOKE_USAGE, "the pattern is null");
    convoke_plan_destroy(p);
  }
}

TEST_F(CApi, LaunchAllocatesNothing) {
  convoke_plan* p = plan(kProblem);
  Ones data;
  const convoke_launch_args args = data.args();
  convoke_plan_launch(p, &args);
  const std::int64_t before = allocations.load();
  for (int i = 0; i < 10; ++i) convoke_plan_launch(p, &args);
  EXPECT_EQ(allocations.load(), before);
  convoke_plan_destroy(p);
}

TEST_F(CApi, QuantisingAllocatesNothing) {
  convoke_quantizer* quantizer = nullptr;
  ASSERT_EQ(convoke_quantizer_create(device, nullptr, &quantizer), CONVOKE_OK);
  const Ones data;
  std::int8_t q[128] = {};
  convoke_quantizer_args args = {};
  args.x = {data.y, sizeof data.y}, args.y = {q, sizeof q}, args.count = 128, args.scale = 0.5f;
  convoke_quantizer_quantize(quantizer, &args);
  const std::int64_t before = allocations.load();
  for (int i = 0; i < 10; ++i) convoke_quantizer_quantize(quantizer, &args);
  EXPECT_EQ(allocations.load(), before);
  EXPECT_EQ(q[127], -2);
  convoke_quantizer_destroy(quantizer);
}

TEST_F(CApi, HandlesOutliveWhatMadeThem) {
  convoke_plan* p = plan(kProblem);
  convoke_device_destroy(device);
  device = nullptr;
  Ones data;
  const convoke_launch_args args = data.args();
  EXPECT_EQ(convoke_plan_launch(p, &args), CONVOKE_OK);
  EXPECT_TRUE(data.right());
  convoke_plan_destroy(p);
  convoke_plan_destroy(nullptr);
  convoke_device_destroy(nullptr);
  convoke_spec_destroy(nullptr);
  convoke_quantizer_destroy(nullptr);
  convoke_lsq_destroy(nullptr);
}

TEST_F(CApi, DescribesTheDevice) {
  EXPECT_STREQ(convoke_device_name(device), "cpu");
  EXPECT_NE(std::string(convoke_device_description(device)).find("LLVM"), std::string::npos);
  EXPECT_EQ(convoke_device_name(nullptr), nullptr);
  const Spec spec("mb8ic64ih16oc64kh3ph1");
  double limit = 0;
  ASSERT_EQ(convoke_device_limit_us(device, spec.handle, &limit), CONVOKE_OK);
  EXPECT_GT(limit, 0);
}

TEST_F(CApi, RefusesWithStatusAndSentence) {
  convoke_device* d = device;
  refuses(convoke_device_open("tpu", nullptr, &d), CONVOKE_USAGE, "unknown target 'tpu'");
  EXPECT_EQ(d, nullptr) << "what a failed call would have made is NULL";
  refuses(convoke_device_open(nullptr, nullptr, &d), CONVOKE_USAGE, "target is null");
  refuses(convoke_device_open("cpu", nullptr, nullptr), CONVOKE_USAGE, "device is null");
  const convoke_device_options threads = {-1, nullptr};
  refuses(convoke_device_open("cpu", &threads, &d), CONVOKE_USAGE, "-1 threads");
  const convoke_executor idle = {0, nullptr, nullptr};
  const convoke_device_options executor = {0, &idle};
  refuses(convoke_device_open("cpu", &executor, &d), CONVOKE_USAGE, "0 workers");

  convoke_spec* s = nullptr;
  refuses(convoke_spec_parse("mb1ic0ih4oc4kh3", &s), CONVOKE_USAGE, "ic");
  refuses(convoke_spec_parse(nullptr, &s), CONVOKE_USAGE, "text is null");
  refuses(convoke_spec_get(nullptr, nullptr), CONVOKE_USAGE, "spec is null");

  const Spec spec(kProblem), odd("mb1ic4ih8oc4kh3 sparsity=channel:0.5");
  convoke_plan* p = nullptr;
  refuses(convoke_plan_create(device, odd.handle, nullptr, &p), CONVOKE_USAGE, "has no pattern");
  refuses(convoke_plan_create(nullptr, spec.handle, nullptr, &p), CONVOKE_USAGE, "device is null");
  const convoke_plan_options config = {"cpu:nonsense", -1, CONVOKE_WEIGHTS_PLAIN};
  refuses(convoke_plan_create(device, spec.handle, &config, &p), CONVOKE_USAGE, "nonsense");
  const convoke_plan_options limit = {nullptr, -2, CONVOKE_WEIGHTS_PLAIN};
  refuses(convoke_plan_create(device, spec.handle, &limit, &p), CONVOKE_USAGE, "-2");
  refuses(convoke_plan_launch(nullptr, nullptr), CONVOKE_USAGE, "is null");
  EXPECT_EQ(p, nullptr);
}

TEST_F(CApi, RefusesBadLaunches) {
  convoke_plan* p = plan(kProblem);
  Ones data;
  convoke_launch_args args = data.args();
  args.x.data = nullptr;
  refuses(convoke_plan_launch(p, &args), CONVOKE_USAGE, "x is null");
  args = data.args();
  args.y.bytes -= 1;
  refuses(convoke_plan_launch(p, &args), CONVOKE_USAGE, "y has 511 bytes: 512");
  args = data.args();
  args.batch = 2;
  refuses(convoke_plan_launch(p, &args), CONVOKE_USAGE, "batch 2");
  args = data.args();
  args.operands = nullptr;
  refuses(convoke_plan_launch(p, &args), CONVOKE_USAGE, "0 operands");
  args = data.args();
  args.operand_count = 1000;
  std::vector<convoke_const_buffer> many(1000, data.operands[0]);
  args.operands = many.data();
  refuses(convoke_plan_launch(p, &args), CONVOKE_USAGE, "1000 operands");
  EXPECT_EQ(data.y[0], -1.f) << "nothing is written before a refusal";
  convoke_plan_info info;
  refuses(convoke_plan_get(p, 7, &info), CONVOKE_USAGE, "batch 7");
  convoke_plan_destroy(p);
}

TEST_F(CApi, KeepsTheLastErrorOfEachThread) {
  convoke_spec* s = nullptr;
  convoke_spec_parse("first", &s);
  const std::string here = convoke_last_error();
  std::string before, after;
  std::thread([&] {
    before = convoke_last_error();
    convoke_spec_parse("", &s);
    after = convoke_last_error();
  }).join();
  EXPECT_EQ(before, "");
  EXPECT_NE(after, "");
  EXPECT_EQ(convoke_last_error(), here);
}

TEST_F(CApi, UsesTheHostsExecutor) {
  int calls = 0;
  const convoke_executor executor = {1, run_in_order, &calls};
  const convoke_device_options options = {0, &executor};
  convoke_device_destroy(device);
  ASSERT_EQ(convoke_device_open("cpu", &options, &device), CONVOKE_OK) << convoke_last_error();
  convoke_plan* p = plan("mb4ic8ih16oc16kh3ph1");
  convoke_device_destroy(device);
  device = nullptr;
  convoke_plan_info info;
  ASSERT_EQ(convoke_plan_get(p, 0, &info), CONVOKE_OK);
  std::vector<float> x(4 * 8 * 16 * 16, 1.f), w(16 * 8 * 9, 1.f), y(4 * 16 * 16 * 16, -1.f);
  std::vector<char> room(static_cast<std::size_t>(info.workspace_bytes) + 64);
  char* workspace = room.data() + 64 - reinterpret_cast<std::uintptr_t>(room.data()) % 64;
  convoke_launch_args args = {};
  args.x = {x.data(), x.size() * 4};
  args.w = {w.data(), w.size() * 4};
  args.y = {y.data(), y.size() * 4};
  args.workspace = {workspace, static_cast<std::size_t>(info.workspace_bytes)};
  ASSERT_EQ(convoke_plan_launch(p, &args), CONVOKE_OK) << convoke_last_error();
  EXPECT_GE(calls, 1);
  EXPECT_EQ(y[16 * (16 + 1)], 72.f);
  EXPECT_EQ(y[0], 32.f) << "a corner sees four taps of nine";
  convoke_plan_destroy(p);
}

}  // namespace
