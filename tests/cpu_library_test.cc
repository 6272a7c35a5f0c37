// Finding libconvoke_cpu.so, and what crosses its C boundary: codes and sentences, never an
// exception.
#include "runtime/cpu_library.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "compiler/cpu_isa.h"
#include "compiler/kernel_config.h"
#include "compiler/spec_text.h"
#include "convoke/error.h"
#include "convoke/sparsity_pattern.h"
#include "runtime/cpu_features.h"

namespace convoke {
namespace {

namespace fs = std::filesystem;

constexpr char kSpec[] = "mb1ic3ih8oc8kh3ph1";

/// Exits 0 if the library cannot be opened, with the sentence on stderr. For a child with its own
/// environment.
[[noreturn]] void open_with(const std::string& path) {
  setenv("CONVOKE_CPU_LIBRARY", path.c_str(), 1);
  try {
    cpu_library();
  } catch (const Error& error) {
    fmt::print(stderr, "code {}: {}\n", static_cast<int>(error.code()), error.what());
    std::_Exit(0);
  }
  fmt::print(stderr, "opened {}\n", cpu_library_path());
  std::_Exit(1);
}

class CpuLibraryDeathTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(CpuLibraryDeathTest, AMissingLibraryIsOneSentenceWithThePlace) {
  EXPECT_EXIT(open_with("/nowhere/x.so"), testing::ExitedWithCode(0),
              "code 4: .*libconvoke_cpu.so.*/nowhere/x.so.*cannot open shared object file.*"
              "CONVOKE_CPU_LIBRARY");
}

TEST_F(CpuLibraryDeathTest, AFileThatIsNoLibraryIsRefused) {
  const fs::path path = fs::path(testing::TempDir()) / "not_a_library.so";
  std::ofstream(path) << "text";
  EXPECT_EXIT(open_with(path), testing::ExitedWithCode(0),
              "code 4: .*not_a_library.so .*(too short|invalid ELF header)");
  fs::remove(path);
}

TEST_F(CpuLibraryDeathTest, AnotherLibraryIsRefused) {
  EXPECT_EXIT(open_with("libm.so.6"), testing::ExitedWithCode(0),
              "code 4: .*libm.so.6 .it has no symbol convoke_cpu_backend");
}

TEST_F(CpuLibraryDeathTest, WhatTheUserNamedIsTaken) {
  EXPECT_EXIT(open_with(CONVOKE_BINARY_DIR "/lib/libconvoke_cpu.so"), testing::ExitedWithCode(1),
              "opened .*/lib/libconvoke_cpu.so");
}

TEST(CpuLibrary, IsFoundNextToTheProgram) {
  EXPECT_EQ(cpu_library().abi, CONVOKE_CPU_BACKEND_ABI);
  EXPECT_TRUE(fs::equivalent(cpu_library_path(), CONVOKE_BINARY_DIR "/lib/libconvoke_cpu.so"));
  EXPECT_EQ(std::string(cpu_library().llvm_version).substr(0, 3), "19.");
}

/// Owns what the backend hands out.
struct Bytes : ConvokeBytes {
  Bytes() : ConvokeBytes{} {}
  ~Bytes() { cpu_library().release(this); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  std::string text() const { return data == nullptr ? "" : std::string(data, size); }
};

std::string config_of(const std::string& spec, const CpuIsa& isa) {
  return print_config(default_cpu_config(parse_problem(spec).spec, isa, 1));
}

struct Emitted {
  int code;
  std::string text;
};

Emitted emit(const char* spec, const char* config, ConvokeCpuIsa isa, int format,
             const char* pattern = nullptr) {
  Bytes out;
  const int code = cpu_library().emit(spec, pattern, config, &isa, format, &out);
  return {code, out.text()};
}

TEST(Boundary, EveryFormatAtEveryLevel) {
  for (const IsaLevel level : kIsaLevels) {
    CpuIsa isa;
    isa.level = level;
    const std::string config = config_of(kSpec, isa);
    const ConvokeCpuIsa c_isa{static_cast<int>(level), isa.l1_bytes, isa.l2_bytes, isa.l3_bytes};
    const std::pair<int, const char*> formats[] = {{CONVOKE_EMIT_LL, "define "},
                                                   {CONVOKE_EMIT_SOURCE, "define "},
                                                   {CONVOKE_EMIT_ASM, "convoke_kernel:"},
                                                   {CONVOKE_EMIT_OBJECT,
                                                    "\x7f"
                                                    "ELF"}};
    for (const auto& [format, expected] : formats) {
      const Emitted result = emit(kSpec, config.c_str(), c_isa, format);
      EXPECT_EQ(result.code, 0) << result.text;
      EXPECT_NE(result.text.find(expected), std::string::npos) << to_string(level) << format;
    }
  }
}

TEST(Boundary, BadInputIsACodeAndASentence) {
  const CpuIsa isa;
  const std::string config = config_of(kSpec, isa);
  const ConvokeCpuIsa good{0, isa.l1_bytes, isa.l2_bytes, isa.l3_bytes};
  const int usage = static_cast<int>(ErrorCode::kUsage);
  struct Case {
    const char *spec, *config;
    int level, format;
    const char* part;
  };
  const Case cases[] = {
      {"mb1ic0ih8oc8kh3", config.c_str(), 0, CONVOKE_EMIT_OBJECT, "0"},
      {"nonsense", config.c_str(), 0, CONVOKE_EMIT_OBJECT, "descriptor"},
      {kSpec, "cpu:gemm,mr=999", 0, CONVOKE_EMIT_OBJECT, "999"},
      {kSpec, "", 0, CONVOKE_EMIT_OBJECT, "config"},
      {kSpec, config.c_str(), 6, CONVOKE_EMIT_OBJECT, "level 6 is not one of 0..5"},
      {kSpec, config.c_str(), -1, CONVOKE_EMIT_OBJECT, "level -1"},
      {kSpec, config.c_str(), 0, 4, "format 4"},
      {nullptr, config.c_str(), 0, CONVOKE_EMIT_OBJECT, "null"},
      {kSpec, nullptr, 0, CONVOKE_EMIT_OBJECT, "null"},
  };
  for (const Case& c : cases) {
    ConvokeCpuIsa isa_of_case = good;
    isa_of_case.level = c.level;
    const Emitted result = emit(c.spec, c.config, isa_of_case, c.format);
    EXPECT_EQ(result.code, usage) << result.text;
    EXPECT_NE(result.text.find(c.part), std::string::npos) << result.text;
  }
  EXPECT_EQ(cpu_library().emit(kSpec, nullptr, config.c_str(), &good, CONVOKE_EMIT_OBJECT, nullptr),
            usage);
}

TEST(Boundary, APatternCrossesAsText) {
  const ConvokeCpuIsa isa{0, 32 << 10, 256 << 10, 0};
  const std::string text = std::string(kSpec) + " sparsity=channel:0.5";
  const ConvSpec spec = parse_problem(text).spec;
  const std::string pattern = SparsityPattern::random(spec, 1)->text();
  const auto run = [&](const std::string& s, const char* p) {
    return emit(s.c_str(), "gemm,axis=q,mr=2,nv=1,unroll=1", isa, CONVOKE_EMIT_SOURCE, p);
  };
  const Emitted baked = run(text, pattern.c_str()), bound = run(text + ":bound", nullptr);
  EXPECT_EQ(baked.code, 0) << baked.text;
  EXPECT_NE(baked.text.find("@pattern = private constant"), std::string::npos);
  EXPECT_EQ(bound.code, 0) << bound.text;
  EXPECT_EQ(bound.text.find("@pattern"), std::string::npos);
  for (const auto& [s, p, part] :
       {std::tuple{text, static_cast<const char*>(nullptr), "has no pattern"},
        {text, "nonsense", "convoke-sparsity 1"},
        {text + ":bound", pattern.c_str(), "leave :bound out"},
        {std::string(kSpec), pattern.c_str(), "but the problem is"}}) {
    const Emitted refused = run(s, p);
    EXPECT_EQ(refused.code, static_cast<int>(ErrorCode::kUsage)) << refused.text;
    EXPECT_NE(refused.text.find(part), std::string::npos) << refused.text;
  }
}

TEST(Boundary, LoadRefusesWhatItCannotUse) {
  void *handle = nullptr, *entry = nullptr;
  {
    Bytes error;
    EXPECT_EQ(cpu_library().load("garbage", 7, &handle, &entry, &error),
              static_cast<int>(ErrorCode::kDevice));
    EXPECT_NE(error.text().find("cannot load the kernel"), std::string::npos) << error.text();
  }
  Bytes error;
  EXPECT_EQ(cpu_library().load(nullptr, 0, &handle, &entry, &error),
            static_cast<int>(ErrorCode::kUsage));
  EXPECT_EQ(cpu_library().load("garbage", 7, &handle, &entry, nullptr),
            static_cast<int>(ErrorCode::kDevice));
  cpu_library().unload(nullptr);
  cpu_library().release(nullptr);
}

}  // namespace
}  // namespace convoke
