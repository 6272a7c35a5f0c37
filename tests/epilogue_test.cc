#include "compiler/epilogue.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <random>

#include "compiler/epilogue_ops.h"

namespace convoke {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::nan("");

/// Equal, with NaN equal to NaN and 0 different from -0.
bool same(double a, double b) {
  return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
}

double run(const char* text, double acc, std::vector<double> operands = {}) {
  return Epilogue::parse(text).evaluate(acc, operands.data());
}

TEST(Epilogue, Values) {
  EXPECT_EQ(run("", 3.5), 3.5);
  EXPECT_EQ(run("acc", -3.5), -3.5);
  EXPECT_EQ(run("relu(acc * scale[k] + bias[k] + residual)", 3, {2, -10, 1}), 0);
  EXPECT_EQ(run("relu(acc * scale[k] + bias[k] + residual)", 3, {2, -1, 1}), 6);
  EXPECT_EQ(run("1 - acc - 2", 5), -6);
  EXPECT_EQ(run("64 / acc / 2", 8), 4);
  EXPECT_EQ(run("1 + acc * 2", 5), 11);
  EXPECT_EQ(run("-acc * 2", 5), -10);
  EXPECT_EQ(run("---acc", 5), -5);
  EXPECT_EQ(run("(1 + acc) * 2", 5), 12);
  EXPECT_EQ(run("min(acc, 2)", 5), 2);
  EXPECT_EQ(run("max(acc, 2)", 5), 5);
  EXPECT_EQ(run("abs(acc)", -5), 5);
  EXPECT_EQ(run("relu6(acc)", 7), 6);
  EXPECT_EQ(run("clamp(acc, -1, 1)", -7), -1);
  EXPECT_DOUBLE_EQ(run("sigmoid(acc)", 0), 0.5);
  EXPECT_DOUBLE_EQ(run("silu(acc)", 2), 2 / (1 + std::exp(-2.0)));
  EXPECT_DOUBLE_EQ(run("tanh(acc)", 0.5), std::tanh(0.5));
  EXPECT_DOUBLE_EQ(run("gelu(acc)", 1), 0.84134474606854293);
  EXPECT_DOUBLE_EQ(run("hardswish(acc)", 1), 4.0 / 6);
  EXPECT_EQ(run("hardswish(acc)", -3), 0);
  EXPECT_EQ(run("hardswish(acc)", 100), 100);
}

TEST(Epilogue, NanFollowsTheSecondArgument) {
  for (const char* text :
       {"relu(acc)", "relu6(acc)", "clamp(acc,-1,1)", "abs(acc)", "tanh(acc)", "sigmoid(acc)",
        "silu(acc)", "gelu(acc)", "hardswish(acc)", "max(0,acc)", "min(0,acc)"}) {
    EXPECT_TRUE(std::isnan(run(text, kNan))) << text;
  }
  EXPECT_EQ(run("max(acc,0)", kNan), 0);
  EXPECT_EQ(run("min(acc,0)", kNan), 0);
  EXPECT_TRUE(same(run("relu(acc)", -0.0), -0.0));  // 0 > -0 is false
}

TEST(Epilogue, Infinities) {
  EXPECT_EQ(run("sigmoid(acc)", -kInf), 0);
  EXPECT_EQ(run("sigmoid(acc)", kInf), 1);
  EXPECT_EQ(run("tanh(acc)", -kInf), -1);
  EXPECT_EQ(run("gelu(acc)", kInf), kInf);
  EXPECT_EQ(run("relu(acc)", -kInf), 0);
  EXPECT_EQ(run("hardswish(acc)", kInf), kInf);
}

struct Canonical {
  const char* written;
  const char* canonical;
};

TEST(Epilogue, CanonicalText) {
  const Canonical cases[] = {
      {"", ""},
      {"  \t", ""},
      {"acc", ""},
      {"((acc))", ""},
      {"acc*1", ""},
      {"1*acc", ""},
      {"acc/1", ""},
      {"acc-0", ""},
      {"acc+-0", ""},
      {"-0+acc", ""},
      {"--acc", ""},
      {"-(-(acc))", ""},
      {"acc*(3-2)", ""},
      {"acc+0", "acc+0"},  // -0 + 0 is 0
      {"acc - -0", "acc+0"},
      {"0+acc", "0+acc"},
      {"0-acc", "0-acc"},
      {"acc*0", "acc*0"},  // NaN, infinities
      {"acc*-1", "acc*-1"},
      {"acc + -2", "acc-2"},
      {"acc - -2", "acc+2"},
      {"-2 + acc", "-2+acc"},
      {"acc + -b", "acc-b"},
      {"acc - -(a+b)", "acc+(a+b)"},
      {"acc + -(a*b)", "acc-a*b"},
      {"acc+(a+b)", "acc+(a+b)"},
      {"(acc+a)+b", "acc+a+b"},
      {"acc-(a-b)", "acc-(a-b)"},
      {"acc*(a*b)", "acc*(a*b)"},
      {"(acc*a)*b", "acc*a*b"},
      {"acc/(a*b)", "acc/(a*b)"},
      {"(acc*a)+(b*c)", "acc*a+b*c"},
      {"-(acc*a)", "-(acc*a)"},
      {"(-acc)*a", "-acc*a"},
      {"acc*(-a)", "acc*-a"},
      {"-(acc[]", nullptr},
      {"abs(-acc)", "abs(acc)"},
      {"abs(abs(acc))", "abs(acc)"},
      {"relu(relu(acc))", "relu(acc)"},
      {"relu6(relu6(acc))", "relu6(acc)"},
      {"relu6(relu(acc))", "relu6(relu(acc))"},
      {"acc + 1 + 2", "acc+1+2"},  // not reassociated
      {"acc + (1 + 2)", "acc+3"},
      {"1 + 2 + acc", "3+acc"},
      {"acc * 0.1e1", ""},
      {"acc * 0.50", "acc*0.5"},
      {"acc * .5", "acc*0.5"},
      {"acc * 16777217", "acc*16777216"},  // literals are f32
      {"acc * (0.1 + 0.2)", "acc*0.3"},
      {"acc * 1e10", "acc*1e+10"},
      {"acc * (1/0)", "acc*(1/0)"},  // no literal for infinity
      {"acc * (1e38*10)", "acc*(1e+38*10)"},
      {"acc * (0/0)", "acc*(0/0)"},
      {"acc * -(1/0)", "acc*-(1/0)"},
      {"acc * relu(-2)", "acc*0"},
      {"acc * max(2, 3)", "acc*3"},
      {"acc * sigmoid(0)", "acc*0.5"},
      {" relu ( acc * scale [ k ] + bias [k] ) ", "relu(acc*scale[k]+bias[k])"},
      {"clamp(acc, -1, 1)", "clamp(acc,-1,1)"},
      {"clamp(acc, lo[k], 1)", "clamp(acc,lo[k],1)"},
      {"k * acc", "k*acc"},
      {"_a1[k]*acc", "_a1[k]*acc"},
  };
  for (const Canonical& c : cases) {
    if (!c.canonical) {
      EXPECT_THROW(Epilogue::parse(c.written), Error) << c.written;
      continue;
    }
    EXPECT_EQ(Epilogue::parse(c.written).text(), c.canonical) << c.written;
    EXPECT_EQ(Epilogue::parse(c.canonical).text(), c.canonical) << c.written;
    EXPECT_EQ(Epilogue::parse(c.canonical).is_identity(), *c.canonical == '\0') << c.written;
  }
}

TEST(Epilogue, OperandsAreNumberedByFirstAppearance) {
  const Epilogue e = Epilogue::parse("res + acc * s[k] + b[k] + res");
  ASSERT_EQ(e.operands().size(), 3u);
  EXPECT_EQ(e.operands()[0], (EpilogueOperand{"res", false, std::nullopt}));
  EXPECT_EQ(e.operands()[1], (EpilogueOperand{"s", true, std::nullopt}));
  EXPECT_EQ(e.operands()[2], (EpilogueOperand{"b", true, std::nullopt}));
}

struct Malformed {
  std::string text;
  int column;
  const char* reason;
};

std::string repeat(const std::string& piece, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += piece;
  return result;
}

TEST(Epilogue, ErrorsNameTheColumn) {
  const Malformed cases[] = {
      {"acc +", 6, "unexpected end of text, expected a value"},
      {"acc + ", 7, "unexpected end of text, expected a value"},
      {"+acc", 1, "unexpected '+', expected a value"},
      {"acc acc", 5, "unexpected 'acc', expected an operator or the end"},
      {"acc)", 4, "unexpected ')', expected an operator or the end"},
      {"(acc", 5, "unexpected end of text, expected ')' for the '(' in column 1"},
      {"((acc)]", 7, "unexpected ']', expected ')' for the '(' in column 1"},
      {"()", 2, "unexpected ')', expected a value"},
      {"acc*/2", 5, "unexpected '/', expected a value"},
      {"acc + 2x", 8, "unexpected 'x' after a number"},
      {"acc + 1.2.3", 10, "unexpected '.' after a number"},
      {"acc + 0x10", 8, "unexpected 'x10' after a number"},
      {"acc + 1e", 8, "unexpected 'e' after a number"},
      {"acc + .", 7, "'.' is not a number"},
      {"acc + 1e39", 7, "1e39 is outside the range of f32"},
      {"acc * 1e-60", 7, "1e-60 is outside the range of f32"},
      {"sqrt(acc)", 1, "unknown function 'sqrt'; there are min, max, abs"},
      {"acc + foo (1)", 7, "unknown function 'foo'"},
      {"relu acc", 6, "unexpected 'acc', expected '(' after relu"},
      {"relu", 5, "unexpected end of text, expected '(' after relu"},
      {"relu[k]+acc", 5, "unexpected '[', expected '(' after relu"},
      {"relu()", 6, "unexpected ')', expected a value"},
      {"relu(acc, 1)", 9, "unexpected ',', expected ')'; relu takes 1 argument"},
      {"min(acc)", 8, "unexpected ')', expected ','; min takes 2 arguments"},
      {"max(acc, 1, 2)", 11, "unexpected ',', expected ')'; max takes 2 arguments"},
      {"clamp(acc, 1)", 13, "unexpected ')', expected ','; clamp takes 3 arguments"},
      {"clamp(acc, 6, 0)", 12, "clamp's lower limit 6 is above its upper limit 0"},
      {"acc[k]", 4, "acc takes no [k]"},
      {"acc(1)", 1, "unknown function 'acc'"},
      {"acc + b[c]", 9, "unexpected 'c', expected k"},
      {"acc + b[kk]", 9, "unexpected 'kk', expected k"},
      {"acc + b[0]", 9, "unexpected '0', expected k"},
      {"acc + b[]", 9, "unexpected ']', expected k"},
      {"acc + b[k", 10, "unexpected end of text, expected ']'"},
      {"acc + b[k)", 10, "unexpected ')', expected ']'"},
      {"acc + b[k] + b", 14, "'b' is used both with and without [k]"},
      {"acc + b[tf32]", 9,
       "unexpected 'tf32', expected k, for a value of each output channel, or the type of a "
       "tensor: "
       "f32, f16, bf16, s8 or u8"},
      {"acc + b[s8] + b", 15, "'b' is used with two types"},
      {"acc + b + b[k]", 11, "'b' is used both with and without [k]"},
      {"acc + inf", 7, "'inf' is not a literal"},
      {"nan*acc", 1, "'nan' is not a literal"},
      {"1", 1, "the result does not depend on acc"},
      {"  b[k] + 1", 3, "the result does not depend on acc"},
      {"acc $ 2", 5, "unexpected '$'"},
      {"acc\n+1", 4, "unexpected byte 0x0a"},
      {std::string("acc\0", 4), 4, "unexpected byte 0x00"},
      {"acc+\xc3\xa4", 5, "unexpected byte 0xc3"},
      {"acc < 1", 5, "unexpected '<'"},
      {"a+b+c+d+e+f+g+h+i+acc", 17, "'i' is operand 9; an epilogue has at most 8"},
      {repeat("(", 65) + "acc" + repeat(")", 65), 65, "nested more than 64 deep"},
      {repeat("relu(", 65) + "acc" + repeat(")", 65), 325, "nested more than 64 deep"},
      {"acc" + repeat("+acc", 64), 256, "more than 128 nodes"},
  };
  for (const Malformed& m : cases) {
    try {
      Epilogue::parse(m.text);
      ADD_FAILURE() << "accepted: " << m.text;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kUsage);
      const std::string expected = "epilogue column " + std::to_string(m.column) + ": " + m.reason;
      EXPECT_EQ(std::string(e.what()).substr(0, expected.size()), expected) << m.text;
    }
  }
}

TEST(Epilogue, LimitsThemselvesAreAccepted) {
  EXPECT_NO_THROW(Epilogue::parse(repeat("(", 64) + "acc" + repeat(")", 64)));
  EXPECT_EQ(Epilogue::parse("acc" + repeat("+acc", 63)).nodes().size(), 127u);
  EXPECT_EQ(Epilogue::parse("-acc" + repeat("+acc", 63)).nodes().size(), 128u);
  EXPECT_EQ(Epilogue::parse("acc*(1" + repeat("+1", 100000) + ")").text(), "acc*100001");
  EXPECT_EQ(Epilogue::parse(repeat("-", 100001) + "acc").text(), "-acc");
}

bool same_nodes(const Epilogue& a, const Epilogue& b) {
  if (a.nodes().size() != b.nodes().size() || !(a.operands() == b.operands())) return false;
  for (std::size_t i = 0; i < a.nodes().size(); ++i) {
    const EpilogueNode &m = a.nodes()[i], &n = b.nodes()[i];
    if (m.op != n.op || m.operand != n.operand || !same(m.value, n.value) ||
        !std::equal(m.arg, m.arg + 3, n.arg)) {
      return false;
    }
  }
  return true;
}

/// Writes random expressions, unfolded and with blanks.
class RandomText {
 public:
  explicit RandomText(std::mt19937& rng) : rng_(rng) {}

  std::string expression(int depth) {
    switch (depth == 0 ? pick(4) : pick(12)) {
      case 0:
        return "acc";
      case 1:
        return literals_[pick(std::size(literals_))];
      case 2:
        return "b[k]";
      case 3:
        return "t";
      case 4:
        return "-" + expression(depth - 1);
      case 5:
        return "(" + expression(depth - 1) + ")";
      case 6:
        return unary_[pick(std::size(unary_))] + ("(" + expression(depth - 1)) + ")";
      case 7:
        return "max(" + expression(depth - 1) + ", " + expression(depth - 1) + ")";
      default:
        return expression(depth - 1) + " " + "+-*/"[pick(4)] + " " + expression(depth - 1);
    }
  }
  unsigned pick(unsigned n) { return rng_() % n; }

 private:
  static constexpr const char* literals_[] = {"0", "1",  "2",  "0.5", "3",   "1e-3",
                                              "6", "-0", "-1", "-2",  "1e38"};
  static constexpr const char* unary_[] = {"relu", "abs", "relu6", "hardswish", "tanh"};
  std::mt19937& rng_;
};

TEST(Epilogue, RandomExpressionsRoundTrip) {
  std::mt19937 rng(1);
  RandomText random(rng);
  int valid = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string text = random.expression(5);
    Epilogue e;
    try {
      e = Epilogue::parse(text);
    } catch (const Error&) {
      continue;  // no acc, or too large
    }
    ++valid;
    const Epilogue again = Epilogue::parse(e.text());
    EXPECT_TRUE(same_nodes(e, again)) << text << "  ->  " << e.text();
    EXPECT_EQ(again.text(), e.text()) << text;
    EXPECT_EQ(e.text().find(' '), std::string::npos);
  }
  EXPECT_GT(valid, 5000);
}

// Folding x + c and friends must not change any value: each identity is compared with the same
// operation on an operand that holds the constant, which cannot be folded.
TEST(Epilogue, FoldingKeepsEveryValue) {
  const double values[] = {0.0, -0.0, 1, -1.5, kInf, -kInf, kNan, 1e-45, 3e38};
  const char* constants[] = {"0", "-0", "1", "-1", "2", "-2", "0.5"};
  const char* patterns[] = {"acc+C",       "C+acc",
                            "acc-C",       "C-acc",
                            "acc*C",       "C*acc",
                            "acc/C",       "C/acc",
                            "max(acc,C)",  "min(C,acc)",
                            "acc+-C",      "acc--C",
                            "abs(-acc)+C", "relu(relu(acc))-C",
                            "acc--(acc*C)"};
  for (const std::string pattern : patterns) {
    const std::size_t at = pattern.find('C');
    const std::string general = std::string(pattern).replace(at, 1, "c[k]");
    for (const char* c : constants) {
      const Epilogue folded = Epilogue::parse(std::string(pattern).replace(at, 1, c));
      const Epilogue plain = Epilogue::parse(general);
      const double operand = std::strtod(c, nullptr);
      for (const double acc : values) {
        EXPECT_TRUE(same(folded.evaluate(acc, nullptr), plain.evaluate(acc, &operand)))
            << pattern << " C=" << c << " acc=" << acc;
      }
    }
  }
}

TEST(Epilogue, SurvivesRandomAndMutatedText) {
  std::mt19937 rng(2);
  RandomText random(rng);
  const std::string alphabet = "acbk01.9e+-*/()[], \t_xreluminabsclamp\n\x80\xff";
  int accepted = 0;
  for (int i = 0; i < 100000; ++i) {
    std::string text;
    if (i % 2 == 0) {
      for (unsigned n = rng() % 24; n > 0; --n) text += alphabet[rng() % alphabet.size()];
    } else {
      text = random.expression(3);
      for (unsigned n = rng() % 3; n > 0; --n) {
        const std::size_t at = rng() % (text.size() + 1);
        const char c = alphabet[rng() % alphabet.size()];
        if (rng() % 3 == 0 && at < text.size()) {
          text.erase(at, 1);
        } else if (rng() % 2 == 0 && at < text.size()) {
          text[at] = c;
        } else {
          text.insert(at, 1, c);
        }
      }
    }
    try {
      const Epilogue e = Epilogue::parse(text);
      ++accepted;
      EXPECT_TRUE(same_nodes(e, Epilogue::parse(e.text()))) << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      int column = 0;
      ASSERT_EQ(std::sscanf(error.what(), "epilogue column %d:", &column), 1) << error.what();
      EXPECT_GE(column, 1);
      EXPECT_LE(column, static_cast<int>(text.size()) + 1) << text;
    }
  }
  EXPECT_GT(accepted, 1000);
}

// The emitted CUDA C++ is compiled as C++ and run: the text, its names and its literals are what
// they should be.
TEST(Epilogue, CudaTextComputesTheSame) {
  const std::vector<std::string> texts = {"",
                                          "relu(acc*b[k]+t)",
                                          "-acc*2-1e-10",
                                          "acc*-2",
                                          "min(acc,t)",
                                          "max(acc,-1)",
                                          "abs(acc-3)",
                                          "relu6(acc)",
                                          "clamp(acc,-1,b[k])",
                                          "sigmoid(acc)",
                                          "silu(acc)",
                                          "tanh(acc)",
                                          "gelu(acc)",
                                          "hardswish(acc)",
                                          "acc*(1/0)",
                                          "16777216*acc",
                                          "1e20*acc/3"};
  const std::string base =
      std::string(CONVOKE_BINARY_DIR) + "/epilogue_cuda_" + std::to_string(getpid());
  {
    std::ofstream out(base + ".cc");
    out << "#include <cmath>\n#define __device__\n#define __forceinline__ inline\n"
           "#define __fadd_rn(a, b) ((a) + (b))\n#define __fsub_rn(a, b) ((a) - (b))\n"
           "#define __fmul_rn(a, b) ((a) * (b))\n";
    for (std::size_t i = 0; i < texts.size(); ++i) {
      out << "namespace e" << i << " {\n"
          << Epilogue::parse(texts[i]).lower_cuda(i % 2 == 0) << "}\n"
          << "extern \"C\" float epilogue" << i << "(float a, const float* o) { return e" << i
          << "::Epilogue{}(a, o); }\n";
    }
  }
  const std::string command =
      "c++ -std=c++17 -O1 -ffp-contract=off -shared -fPIC -o " + base + ".so " + base + ".cc";
  ASSERT_EQ(std::system(command.c_str()), 0);
  void* library = dlopen((base + ".so").c_str(), RTLD_NOW);
  ASSERT_NE(library, nullptr) << dlerror();
  const float values[] = {0, -0.0f, 0.3f, -0.7f, 1,        -2.5f,     5,
                          7, -40,   100,  1e10f, INFINITY, -INFINITY, NAN};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Epilogue e = Epilogue::parse(texts[i]);
    const auto function = reinterpret_cast<float (*)(float, const float*)>(
        dlsym(library, ("epilogue" + std::to_string(i)).c_str()));
    ASSERT_NE(function, nullptr);
    const float operand[2] = {0.5f, -0.25f};
    const double operand64[2] = {0.5, -0.25};
    for (const float acc : values) {
      const double expected = e.evaluate(acc, operand64);
      const float got = function(acc, operand);
      if (std::isnan(expected) || std::isinf(expected)) {
        EXPECT_TRUE(same(got, expected))
            << texts[i] << " of " << acc << ": " << got << " for " << expected;
      } else {
        EXPECT_NEAR(got, expected,
                    3e-7 * std::fabs(expected) + (std::isfinite(acc) ? 1e-7 * std::fabs(acc) : 0))
            << texts[i] << " of " << acc;
      }
    }
  }
  dlclose(library);
  unlink((base + ".cc").c_str());
  unlink((base + ".so").c_str());
}

}  // namespace
}  // namespace convoke
