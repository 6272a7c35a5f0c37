#include "compiler/emit_cpu_epilogue.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "compiler/cpu_kernel_args.h"
#include "runtime/cpu_backend_codegen.h"
#include "runtime/cpu_backend_jit.h"

namespace convoke {
namespace {

using KernelFn = void (*)(const float* acc, const float* const* operands, float* out);

/// void convoke_kernel(acc, operands, out): one vector of `lanes` floats, or one float for 0 lanes.
std::string compile(const Epilogue& epilogue, unsigned lanes, IsaLevel level, CpuOutput output) {
  auto context = std::make_unique<llvm::LLVMContext>();
  auto module = std::make_unique<llvm::Module>("epilogue", *context);
  llvm::IRBuilder<> b(*context);
  llvm::Type* const pointer = b.getPtrTy();
  llvm::Type* value = b.getFloatTy();
  if (lanes > 0) value = llvm::FixedVectorType::get(value, lanes);
  auto* const function = llvm::Function::Create(
      llvm::FunctionType::get(b.getVoidTy(), {pointer, pointer, pointer}, false),
      llvm::GlobalValue::ExternalLinkage, kCpuKernelEntry, *module);
  b.SetInsertPoint(llvm::BasicBlock::Create(*context, "entry", function));
  const auto load = [&](llvm::Value* from) {
    return b.CreateAlignedLoad(value, from, llvm::Align(4));
  };
  std::vector<llvm::Value*> operands;
  for (std::size_t i = 0; i < epilogue.operands().size(); ++i) {
    operands.push_back(
        load(b.CreateLoad(pointer, b.CreateConstGEP1_64(pointer, function->getArg(1), i))));
  }
  // What a caller may have set for its own sums must not reach the epilogue.
  llvm::FastMathFlags fast;
  fast.setFast();
  b.setFastMathFlags(fast);
  llvm::Value* const result = lower_epilogue(b, epilogue, load(function->getArg(0)), operands);
  b.CreateAlignedStore(result, function->getArg(2), llvm::Align(4));
  b.CreateRetVoid();
  return compile_module(std::move(context), std::move(module), level, output);
}

class Compiled {
 public:
  Compiled(const Epilogue& epilogue, unsigned lanes, IsaLevel level) {
    const std::string object = compile(epilogue, lanes, level, CpuOutput::kObject);
    loaded_ = load_object(object.data(), object.size());
  }
  ~Compiled() { unload_object(loaded_.handle); }
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;

  void operator()(const float* acc, const float* const* operands, float* out) const {
    reinterpret_cast<KernelFn>(loaded_.entry)(acc, operands, out);
  }

 private:
  LoadedObject loaded_;
};

std::vector<IsaLevel> levels() {
  std::vector<IsaLevel> result = {IsaLevel::kSse2};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    result.push_back(IsaLevel::kAvx2);
  return result;
}

/// Distance of `got` from the exact value in units of the last place of the exact one.
double ulps(float got, double exact) {
  if (std::isnan(exact)) return std::isnan(got) ? 0 : std::numeric_limits<double>::infinity();
  if (static_cast<double>(got) == exact || got == static_cast<float>(exact)) return 0;
  const int exponent = std::max(std::ilogb(exact), -126);
  return std::fabs(static_cast<double>(got) - exact) / std::ldexp(1.0, exponent - 23);
}

struct Sweep {
  const char* text;
  double max_ulps;
  double tiny;     ///< absolute error that is always allowed
  double per_acc;  ///< and this much times |acc|
};

// Every 1021st float of all 2^32, both signs, subnormals, infinities and NaNs among them.
TEST(EmitCpuEpilogue, SmoothFunctionsAreAccurate) {
  const double tiny = std::ldexp(1.0, -125);
  const Sweep sweeps[] = {{"tanh(acc)", 1.5, 0, 0},
                          {"sigmoid(acc)", 2.5, tiny, 0},
                          {"silu(acc)", 2.5, 128 * tiny, 0},
                          {"gelu(acc)", 2.5, 0, 1.2e-7},
                          {"hardswish(acc)", 2.5, 0, 0}};
  for (const IsaLevel level : levels()) {
    const unsigned lanes = level == IsaLevel::kSse2 ? 4 : 8;
    for (const Sweep& sweep : sweeps) {
      const Epilogue epilogue = Epilogue::parse(sweep.text);
      const Compiled kernel(epilogue, lanes, level);
      double worst = 0, worst_acc = 0;
      int failures = 0;
      for (std::uint64_t bits = 0; bits + lanes * 1021 < (std::uint64_t{1} << 32);
           bits += lanes * 1021) {
        float acc[8], out[8];
        for (unsigned i = 0; i < lanes; ++i)
          acc[i] = std::bit_cast<float>(static_cast<std::uint32_t>(bits + i * 1021));
        kernel(acc, nullptr, out);
        for (unsigned i = 0; i < lanes; ++i) {
          const double exact = epilogue.evaluate(acc[i], nullptr);
          const double error = ulps(out[i], exact);
          const double absolute = std::fabs(out[i] - exact);
          if (error <= worst || absolute <= sweep.tiny + sweep.per_acc * std::fabs(acc[i]))
            continue;
          worst = error;
          worst_acc = acc[i];
          if (error > sweep.max_ulps && ++failures <= 5) {
            ADD_FAILURE() << sweep.text << " of " << acc[i] << " is " << out[i] << ", exactly "
                          << exact;
          }
        }
      }
      std::printf("%-14s %s: %.2f ulp at %g\n", sweep.text, to_string(level), worst, worst_acc);
    }
  }
}

TEST(EmitCpuEpilogue, SignOfZeroAndInfinitiesSurvive) {
  const float acc[4] = {-0.0f, 0.0f, INFINITY, -INFINITY};
  for (const IsaLevel level : levels()) {
    for (const char* text :
         {"tanh(acc)", "gelu(acc)", "silu(acc)", "relu(acc)", "hardswish(acc)", "sigmoid(acc)"}) {
      const Epilogue epilogue = Epilogue::parse(text);
      float out[4];
      Compiled(epilogue, 4, level)(acc, nullptr, out);
      for (int i = 0; i < 4; ++i) {
        const double exact = epilogue.evaluate(acc[i], nullptr);
        EXPECT_EQ(std::isnan(out[i]), std::isnan(exact)) << text << " of " << acc[i];
        if (std::isnan(exact)) continue;
        EXPECT_EQ(out[i], exact) << text << " of " << acc[i];
        EXPECT_EQ(std::signbit(out[i]), std::signbit(exact)) << text << " of " << acc[i];
      }
    }
  }
}

// Arithmetic is exactly f32, operation by operation: nothing fused, reordered or replaced by a
// reciprocal.
TEST(EmitCpuEpilogue, ArithmeticIsBitExactAtEveryWidth) {
  const float values[] = {0.0f,  -0.0f,    1.0f,      -1.0f, 0.1f,        3.0f,    1e-40f,
                          3e38f, INFINITY, -INFINITY, NAN,   16777217.0f, 1.0f / 3};
  constexpr unsigned kValues = std::size(values);
  struct Case {
    const char* text;
    float (*expected)(float acc, float b, float t);
  };
  const Case cases[] = {
      {"acc", [](float a, float, float) { return a; }},
      {"acc*b[k]+t",
       [](float a, float b, float t) {
         volatile float product = a * b;
         return product + t;
       }},
      {"(acc+b[k])-t",
       [](float a, float b, float t) {
         volatile float sum = a + b;
         return sum - t;
       }},
      {"acc/b[k]+t*0",
       [](float a, float b, float t) {
         volatile float quotient = a / b, zero = t * 0.0f;
         return quotient + zero;
       }},
      {"acc/3+b[k]*t",
       [](float a, float b, float t) {
         volatile float third = a / 3.0f, product = b * t;
         return third + product;
       }},
      {"max(acc,b[k])+t", [](float a, float b, float t) { return (a > b ? a : b) + t; }},
      {"min(acc,b[k])-t", [](float a, float b, float t) { return (a < b ? a : b) - t; }},
      {"relu(acc*b[k])-t",
       [](float a, float b, float t) {
         volatile float product = a * b;
         return (0 > product ? 0 : product) - t;
       }},
      {"relu6(acc)+b[k]+t",
       [](float a, float b, float t) {
         volatile float m = 0 > a ? 0 : a;
         volatile float s = (6 < m ? 6 : m) + b;
         return s + t;
       }},
      {"clamp(acc,b[k],t)",
       [](float a, float b, float t) {
         const float m = b > a ? b : a;
         return t < m ? t : m;
       }},
      {"-abs(acc)+b[k]+t",
       [](float a, float b, float t) {
         volatile float s = -std::fabs(a) + b;
         return s + t;
       }},
  };
  for (const IsaLevel level : levels()) {
    for (const Case& c : cases) {
      const Epilogue epilogue = Epilogue::parse(c.text);
      const bool has_operands = !epilogue.operands().empty();
      for (const unsigned lanes : {0u, 1u, 3u, 4u, 8u, 16u}) {
        const Compiled kernel(epilogue, lanes, level);
        const unsigned n = std::max(lanes, 1u);
        for (unsigned start = 0; start < kValues * kValues * kValues; start += n) {
          float acc[16], b[16], t[16], out[16];
          for (unsigned i = 0; i < n; ++i) {
            const unsigned j = start + i;
            acc[i] = values[j % kValues];
            b[i] = values[j / kValues % kValues];
            t[i] = values[j / kValues / kValues % kValues];
          }
          // Operands are numbered by first appearance: b before t in every case.
          const float* operands[] = {b, t};
          kernel(acc, has_operands ? operands : nullptr, out);
          for (unsigned i = 0; i < n; ++i) {
            const float expected = c.expected(acc[i], b[i], t[i]);
            if (std::isnan(expected)) {
              ASSERT_TRUE(std::isnan(out[i]))
                  << c.text << ' ' << acc[i] << ' ' << b[i] << ' ' << t[i];
            } else {
              ASSERT_EQ(std::bit_cast<std::uint32_t>(out[i]),
                        std::bit_cast<std::uint32_t>(expected))
                  << c.text << ' ' << acc[i] << ' ' << b[i] << ' ' << t[i] << ": " << out[i]
                  << " for " << expected;
            }
          }
        }
      }
    }
  }
}

TEST(EmitCpuEpilogue, CallsNothingAndUsesMinMaxInstructions) {
  for (const IsaLevel level : {IsaLevel::kSse2, IsaLevel::kAvx2, IsaLevel::kAvx512}) {
    for (const char* text :
         {"tanh(acc)", "sigmoid(acc)", "silu(acc)", "gelu(acc)", "hardswish(acc)", "abs(acc)"}) {
      for (const unsigned lanes : {0u, 1u, 5u, 16u}) {
        const std::string assembly =
            compile(Epilogue::parse(text), lanes, level, CpuOutput::kAssembly);
        EXPECT_EQ(assembly.find("call"), std::string::npos) << text << " at " << to_string(level);
      }
    }
    const std::string relu6 =
        compile(Epilogue::parse("relu6(acc)"), 4, level, CpuOutput::kAssembly);
    EXPECT_NE(relu6.find("maxps"), std::string::npos) << relu6;
    EXPECT_NE(relu6.find("minps"), std::string::npos) << relu6;
    EXPECT_EQ(relu6.find("cmp"), std::string::npos) << relu6;
  }
}

}  // namespace
}  // namespace convoke
