// A quantised layer: its rules, what its epilogue computes, its file against every way of being
// damaged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "compiler/cache_key.h"
#include "compiler/epilogue.h"
#include "compiler/spec_text.h"
#include "convoke/error.h"
#include "convoke/quantize.h"
#include "tests/usage_error.h"

namespace convoke {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// 3 filters of 2 channels, 1x1; scales of powers of two.
QuantizedLayer small_layer(const std::string& types = "x=s8 w=s8 y=s8") {
  QuantizedLayer layer;
  layer.spec = parse_problem("mb1ic2ih4oc3kh1 " + types).spec;
  layer.weights = {1, -2, 3, 127, -127, 0};
  layer.weight_scales = {0.5f, 0.25f, 2};
  layer.x = {0.125f, 0};
  if (is_integer(layer.spec.y_type)) layer.y = QuantScale{0.25f, -3};
  layer.bias = {1, -0.5f, 0.1f};
  return layer;
}

std::string refusal(const std::function<void(QuantizedLayer&)>& change) {
  QuantizedLayer layer = small_layer();
  change(layer);
  return test::usage_error_of([&] { layer.check(); });
}

TEST(Layer, IsMadeOfRealWeights) {
  const ConvSpec spec = parse_problem("mb1ic2ih4oc2kh1 x=u8 w=s8 y=f16").spec;
  const std::vector<float> w = {1.27f, -0.01f, 0, 254};
  const QuantizedLayer layer =
      quantize_layer(spec, w.data(), w.size(), WeightScales::kPerChannel, {0.5f, 10});
  EXPECT_EQ(layer.weights, (std::vector<std::int8_t>{127, -1, 0, 127}));
  EXPECT_EQ(layer.weight_scales, (std::vector<float>{1.27f / 127, 2}));
  EXPECT_EQ(layer.spec.quant, "zp");
  EXPECT_EQ(layer.spec.epilogue, "acc*q_scale[k]");
  EXPECT_EQ(layer.operand("q_scale"), (std::vector<float>{0.5f * (1.27f / 127), 1}));
  EXPECT_EQ(
      quantize_layer(spec, w.data(), w.size(), WeightScales::kPerTensor, {0.5f, 0}).spec.quant, "");
  EXPECT_EQ(test::usage_error_of([&] {
              quantize_layer(spec, w.data(), w.size(), WeightScales::kPerTensor, {0.5f, 0},
                             QuantScale{1, 0});
            }),
            "quantised layer: y is f16, which takes no scale");
}

TEST(Layer, RefusesSpecs) {
  const std::string start = "quantised layer: ";
  EXPECT_EQ(refusal([](auto&) {}), "no error");
  EXPECT_EQ(refusal([](auto& l) { l.spec.pass = Pass::kDgrad; }),
            start + "the pass is dgrad but must be fprop");
  EXPECT_EQ(refusal([](auto& l) { l.spec.w_type = DataType::kU8; }),
            start + "x is s8 and w is u8: x must be s8 or u8, and w s8");
  EXPECT_EQ(
      refusal([](auto& l) { l.spec.x_type = l.spec.w_type = l.spec.y_type = DataType::kF16; }),
      start + "x is f16 and w is f16: x must be s8 or u8, and w s8");
  EXPECT_EQ(refusal([](auto& l) { l.spec.y_type = DataType::kS32; }),
            start + "y is s32, a sum without scales: it must be one of s8, u8, f16, bf16, f32");
  EXPECT_EQ(refusal([](auto& l) { l.x.zero = 5; }),
            start + "the spec's quant is \"\" but must be \"zp\", as the zero point of x is 5");
  EXPECT_EQ(refusal([](auto& l) { l.spec.quant = "zp"; }),
            start + "the spec's quant is \"zp\" but must be \"\", as the zero point of x is 0");
  EXPECT_EQ(refusal([](auto& l) { l.spec.epilogue = "relu( acc )"; }),
            start + "the epilogue \"relu( acc )\" must be in its canonical form, \"relu(acc)\"");
  EXPECT_EQ(refusal([](auto& l) { l.spec.sparsity = "channel:0.50"; }),
            start + "the sparsity \"channel:0.50\" must be in its canonical form, \"channel:0.5\"");
  EXPECT_THAT(refusal([](auto& l) { l.spec.groups = 7; }), HasSubstr("7 groups do not divide"));
}

TEST(Layer, RefusesWeightsAndBias) {
  const std::string start = "quantised layer: ";
  EXPECT_EQ(refusal([](auto& l) { l.weights.pop_back(); }),
            start + "there are 5 weights but the spec has 6");
  EXPECT_EQ(refusal([](auto& l) { l.weights[4] = -128; }),
            start + "weight 4 is -128 but must be within -127 and 127");
  EXPECT_EQ(refusal([](auto& l) { l.weight_scales.pop_back(); }),
            start +
                "there are 2 weight scales: there must be 3, one for each output channel, or "
                "one for all");
  EXPECT_EQ(refusal([](auto& l) { l.weight_scales = {1}; }), "no error");
  EXPECT_EQ(refusal([](auto& l) { l.bias.push_back(1); }),
            start + "there are 4 biases: there must be 3, one for each output channel, or none");
  EXPECT_EQ(refusal([](auto& l) { l.bias[2] = kNan; }),
            start + "bias 2 is nan, not a finite number");
  EXPECT_EQ(refusal([](auto& l) { l.bias.clear(); }), "no error");
}

TEST(Layer, RefusesScales) {
  const std::string range =
      " but must be a normal number above 0, from 1.1754944e-38 to "
      "3.4028235e+38";
  EXPECT_EQ(refusal([](auto& l) { l.x.scale = 0; }), "x: quantisation: the scale is 0" + range);
  EXPECT_EQ(refusal([](auto& l) { l.y->scale = kNan; }),
            "y: quantisation: the scale is nan" + range);
  EXPECT_EQ(refusal([](auto& l) { l.weight_scales[1] = -1; }),
            "weight scale 1: quantisation: the scale is -1" + range);
  EXPECT_EQ(refusal([](auto& l) { l.y->zero = 200; }),
            "y: quantisation: the zero point is 200 but must be within the range of s8, -128 to "
            "127");
  EXPECT_EQ(refusal([](auto& l) { l.y.reset(); }), "quantised layer: y is s8, which needs a scale");
  EXPECT_EQ(refusal([](auto& l) { l.x.scale = 1e-20f, l.weight_scales[2] = 1e-21f; }),
            "quantised layer: the product of x's scale, 1e-20, and weight scale 2, 1e-21, is "
            "1e-41, which is not a normal number of f32, 1.1754944e-38 to 3.4028235e+38");
  EXPECT_THAT(refusal([](auto& l) { l.x.scale = l.weight_scales[0] = 1e30f; }),
              HasSubstr("1e+30, is inf, which"));
  EXPECT_THAT(refusal([](auto& l) { l.y->scale = 3e38f; }),
              StartsWith("quantised layer: the reciprocal of y's scale, 3e+38, is 3.3"));
}

TEST(Layer, BoundsItsSums) {
  QuantizedLayer layer = small_layer();
  EXPECT_EQ(layer.largest_sum(), 128 * 127 * 2);
  layer.x.zero = 100;
  EXPECT_EQ(layer.largest_sum(), 228 * 127 * 2);
  layer.x.zero = -128;
  EXPECT_EQ(layer.largest_sum(), 255 * 127 * 2);
  const auto with_channels = [](const std::string& channels, int zero) {
    QuantizedLayer large;
    large.spec = parse_problem("mb1ic" + channels + "ih1oc1kh1 x=u8 w=s8 y=f32").spec;
    large.weights.resize(static_cast<std::size_t>(large.spec.w_elements()));
    large.weight_scales = {1};
    large.x.zero = zero;
    large.spec.quant = zero == 0 ? "" : "zp";
    return test::usage_error_of([&] { large.check(); });
  };
  // 255 * 127 * 66311 = 2147481735, and 66312 is one too many; a zero point of 128 halves it.
  EXPECT_EQ(with_channels("66311", 0), "no error");
  EXPECT_EQ(with_channels("66312", 0),
            "quantised layer: a sum of 66312 products may reach 2147514120, more than s32 holds: "
            "2147483647 at most");
  EXPECT_EQ(with_channels("132104", 128), "no error");
  EXPECT_NE(with_channels("132105", 128), "no error");
  // Beyond what the result can hold.
  layer.spec.c = layer.spec.r = layer.spec.s = kMaxDim;
  EXPECT_EQ(layer.largest_sum(), std::numeric_limits<std::int64_t>::max());
}

TEST(LayerEpilogue, PutsTheScalesIn) {
  const QuantizedLayer integer = small_layer();
  const QuantizedLayer real = small_layer("x=s8 w=s8 y=f16");
  QuantizedLayer no_zero = integer;
  no_zero.y->zero = 0;
  EXPECT_EQ(real.epilogue(""), "acc*q_scale[k]");
  EXPECT_EQ(real.epilogue("relu(acc + bias[k])"), "relu(acc*q_scale[k]+bias[k])");
  EXPECT_EQ(integer.epilogue(""), "acc*q_scale[k]*q_rescale[k]+q_zero[k]");
  EXPECT_EQ(integer.epilogue("relu(acc + bias[k])"),
            "relu(acc*q_scale[k]+bias[k])*q_rescale[k]+q_zero[k]");
  EXPECT_EQ(no_zero.epilogue("acc + bias[k]"), "(acc*q_scale[k]+bias[k])*q_rescale[k]");
  // Parentheses where the grouping needs them, every acc, and no longer name.
  EXPECT_EQ(real.epilogue("2/acc - 3*acc"), "2/(acc*q_scale[k])-3*(acc*q_scale[k])");
  EXPECT_EQ(real.epilogue("acc*accent[k] + my_acc + acc2"), "acc*q_scale[k]*accent[k]+my_acc+acc2");
  EXPECT_EQ(real.epilogue("-acc + silu(acc)"), "-(acc*q_scale[k])+silu(acc*q_scale[k])");
}

TEST(LayerEpilogue, RefusesReservedNames) {
  const QuantizedLayer layer = small_layer();
  EXPECT_EQ(test::usage_error_of([&] { layer.epilogue("acc + q_mine[k]"); }),
            "quantised layer: the expression names q_mine, but names that begin with q_ are those "
            "of scales: give it another");
  EXPECT_EQ(test::usage_error_of([&] { layer.epilogue("acc + q_scale"); }).substr(0, 46),
            "quantised layer: the expression names q_scale,");
  EXPECT_EQ(test::usage_error_of([&] { layer.epilogue("acc + q + qq_scale[k]"); }), "no error");
  EXPECT_EQ(test::usage_error_of([&] { layer.epilogue("acc +"); }),
            "epilogue column 6: unexpected end of text, expected a value");
}

TEST(LayerEpilogue, SaysWhenThereIsNoRoom) {
  const QuantizedLayer layer = small_layer();
  EXPECT_EQ(test::usage_error_of([&] { layer.epilogue("acc+a+b+c+d+e"); }), "no error");
  EXPECT_EQ(test::usage_error_of([&] { layer.epilogue("acc+a+b+c+d+e+f"); }),
            "quantised layer: with its scales the expression reads "
            "\"(acc*q_scale[k]+a+b+c+d+e+f)*q_rescale[k]+q_zero[k]\", which is too much: epilogue "
            "column 43: 'q_zero' is operand 9; an epilogue has at most 8");
  std::string many = "acc";
  for (int i = 0; i < 40; ++i) many += "+acc";
  EXPECT_THAT(test::usage_error_of([&] { layer.epilogue(many); }),
              HasSubstr("more than 128 nodes"));
}

/// With scales that are powers of two every step is exact, so reals and integers must agree.
TEST(LayerEpilogue, ComputesWhatTheRealsSay) {
  const QuantizedLayer layer = small_layer();
  const char* const expressions[] = {"relu(acc+bias[k])", "acc", "max(acc,-acc)-2*acc",
                                     "clamp(acc*acc,0,64)/4"};
  for (const char* expression : expressions) {
    const Epilogue real = Epilogue::parse(expression);
    const Epilogue kernel = Epilogue::parse(layer.epilogue(expression));
    for (std::size_t k = 0; k < 3; ++k)
      for (double sum = -40; sum <= 40; ++sum) {
        std::vector<double> values;
        for (const EpilogueOperand& operand : kernel.operands()) {
          EXPECT_TRUE(operand.per_channel);
          values.push_back(layer.operand(operand.name)[k]);
        }
        const double bias = layer.bias[k];
        const double scale = static_cast<double>(layer.x.scale * layer.weight_scales[k]);
        EXPECT_EQ(kernel.evaluate(sum, values.data()),
                  real.evaluate(sum * scale, &bias) / 0.25 - 3);
      }
  }
}

TEST(LayerOperand, Values) {
  QuantizedLayer layer = small_layer();
  EXPECT_EQ(layer.operand("q_scale"), (std::vector<float>{0.0625f, 0.03125f, 0.25f}));
  EXPECT_EQ(layer.operand("q_rescale"), (std::vector<float>{4, 4, 4}));
  EXPECT_EQ(layer.operand("q_zero"), (std::vector<float>{-3, -3, -3}));
  EXPECT_EQ(layer.operand("bias"), layer.bias);
  layer.weight_scales = {0.1f};
  layer.x.scale = 0.3f;
  EXPECT_EQ(layer.operand("q_scale"), std::vector<float>(3, 0.1f * 0.3f));
  EXPECT_EQ(test::usage_error_of([&] { layer.operand("scale"); }),
            "quantised layer: there is no operand \"scale\"; there are q_scale, q_rescale, q_zero, "
            "bias");
  layer.y->zero = 0;
  layer.bias.clear();
  EXPECT_EQ(test::usage_error_of([&] { layer.operand("q_zero"); }),
            "quantised layer: there is no operand \"q_zero\"; there are q_scale, q_rescale");
  layer.weight_scales.clear();
  EXPECT_THAT(test::usage_error_of([&] { layer.operand("q_scale"); }),
              HasSubstr("there are 0 weight scales"));
}

TEST(LayerOperand, OfTheSpecsEpilogueMustExist) {
  EXPECT_EQ(refusal([](auto& l) { l.spec.epilogue = l.epilogue("relu(acc+bias[k])"); }),
            "no error");
  EXPECT_EQ(
      refusal([](auto& l) { l.spec.epilogue = "acc+q_other[k]"; }),
      "quantised layer: the epilogue \"acc+q_other[k]\" names q_other[k], which is no operand "
      "of this layer's scales");
  EXPECT_THAT(refusal([](auto& l) { l.spec.epilogue = "acc*q_scale"; }),
              HasSubstr("names q_scale, which is no operand"));
  EXPECT_THAT(refusal([](auto& l) {
                l.y->zero = 0;
                l.spec.epilogue = "acc+q_zero[k]";
              }),
              HasSubstr("names q_zero[k], which is no operand"));
}

void expect_same(const QuantizedLayer& a, const QuantizedLayer& b) {
  EXPECT_EQ(a.spec, b.spec);
  EXPECT_EQ(a.weights, b.weights);
  EXPECT_EQ(a.weight_scales, b.weight_scales);
  EXPECT_EQ(a.x, b.x);
  EXPECT_EQ(a.y, b.y);
  EXPECT_EQ(a.bias, b.bias);
}

TEST(LayerFile, IsAsDocumented) {
  QuantizedLayer layer = small_layer();
  layer.spec.epilogue = layer.epilogue("relu(acc+bias[k])");
  std::string expected =
      "convoke-quantized-layer 1\n"
      "mb1ic2ih4oc3kh1 dtype=s8 "
      "epilogue=relu(acc*q_scale[k]+bias[k])*q_rescale[k]+q_zero[k]\n"
      "x 0.125 0\n"
      "y 0.25 -3\n"
      "weight-scales 0.5 0.25 2\n"
      "bias 1 -0.5 0.1\n"
      "weights 6\n";
  expected += std::string("\x01\xfe\x03\x7f\x81\x00\n", 7);
  expected += "sha256 " + sha256_hex(expected) + "\n";
  EXPECT_EQ(layer.bytes(), expected);
  expect_same(QuantizedLayer::parse(expected), layer);
}

TEST(LayerFile, RoundTrips) {
  std::mt19937 random(1);
  const auto any_scale = [&] {
    return std::ldexp(1 + static_cast<float>(random()) * 0x1p-32f,
                      static_cast<int>(random() % 60) - 40);
  };
  const char* const types[] = {"x=s8 w=s8 y=s8", "x=u8 w=s8 y=u8", "x=u8 w=s8 y=f32",
                               "x=s8 w=s8 y=bf16", "x=u8 w=s8 y=f16"};
  for (int round = 0; round < 200; ++round) {
    QuantizedLayer layer;
    layer.spec =
        parse_problem(std::string(round % 3 ? "g2mb?ic8ih9oc6kh3ph1 " : "mb4ic5ih7oc1kh1 ") +
                      types[round % 5] + (round % 4 ? "" : " layout=nchw"))
            .spec;
    if (round % 7 == 0) layer.spec.sparsity = "channel:0.5";
    layer.weights.resize(static_cast<std::size_t>(layer.spec.w_elements()));
    for (auto& weight : layer.weights)
      weight = static_cast<std::int8_t>(static_cast<int>(random() % 255) - 127);
    layer.weight_scales.resize(round % 2 ? 1 : static_cast<std::size_t>(layer.spec.k));
    for (float& scale : layer.weight_scales) scale = any_scale();
    layer.x = {any_scale(), static_cast<int>(random() % 128)};
    if (is_integer(layer.spec.y_type))
      layer.y = QuantScale{any_scale(), static_cast<int>(random() % 128)};
    layer.spec.quant = layer.x.zero == 0 ? "" : "zp";
    if (round % 2)
      for (std::int64_t k = 0; k < layer.spec.k; ++k) layer.bias.push_back(any_scale() * -1);
    const std::string bytes = layer.bytes();
    const QuantizedLayer again = QuantizedLayer::parse(bytes);
    expect_same(again, layer);
    EXPECT_EQ(again.bytes(), bytes);
  }
}

std::string parse_error(const std::string& bytes) {
  return test::usage_error_of([&] { QuantizedLayer::parse(bytes); });
}

TEST(LayerFile, EveryFlippedBitIsFound) {
  const std::string bytes = small_layer().bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      EXPECT_THAT(parse_error(damaged), StartsWith("quantised layer: its ")) << i;
    }
}

TEST(LayerFile, EveryTruncationIsFound) {
  const std::string bytes = small_layer().bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THAT(parse_error(bytes.substr(0, size)), StartsWith("quantised layer: its ")) << size;
  EXPECT_EQ(parse_error(""),
            "quantised layer: its first line is \"\" but must be \"convoke-quantized-layer 1\"");
  EXPECT_EQ(parse_error(bytes.substr(0, bytes.size() - 1)),
            "quantised layer: its last line is not \"sha256 \" and 64 digits: it is cut off, or "
            "something follows");
  for (const char garbage : {'\n', ' ', 'x', '\0'})
    EXPECT_THAT(parse_error(bytes + garbage), HasSubstr("it is cut off, or something follows"));
  EXPECT_THAT(parse_error(bytes + bytes), StartsWith("quantised layer: its bytes have SHA-256 "));
}

/// A file with another header and the right hash.
std::string changed(const std::string& from, const std::string& to) {
  std::string bytes = small_layer().bytes();
  bytes.resize(bytes.size() - 72);
  const std::size_t at = bytes.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  bytes.replace(at, from.size(), to);
  return parse_error(bytes + "sha256 " + sha256_hex(bytes) + "\n");
}

TEST(LayerFile, WrongHeadersWithARightHash) {
  const std::string start = "quantised layer: ";
  EXPECT_EQ(changed("oc3", "oc3"), "no error");
  EXPECT_EQ(changed("layer 1\n", "layer 2\n"),
            start +
                "its first line is \"convoke-quantized-layer 2\" but must be "
                "\"convoke-quantized-layer 1\"");
  EXPECT_EQ(changed("ic2", "ic4"), start + "there are 6 weights but the spec has 12");
  EXPECT_EQ(changed("ic2", "ic2147483647"),
            start + "there are 6 weights but the spec has 6442450941");
  EXPECT_THAT(changed("ic2", "ic0"), HasSubstr("ic"));
  EXPECT_EQ(changed("oc3", "oc6"), start + "there are 6 weights but the spec has 12");
  EXPECT_EQ(changed("dtype=s8", "x=s8 w=s8 y=f32"), start + "y is f32, which takes no scale");
  EXPECT_EQ(changed("x 0.125 0", "x 0.125 1"),
            start + "the spec's quant is \"\" but must be \"zp\", as the zero point of x is 1");
  EXPECT_EQ(changed("y 0.25 -3\n", ""), start + "y is s8, which needs a scale");
  EXPECT_EQ(changed("x 0.125 0\n", ""),
            start + "a line is \"y 0.25 -3\" but must begin with \"x \"");
  EXPECT_EQ(changed("x 0.125 0", "x 0.125"),
            start + "the line of x must hold two words, a scale and a zero point, not 1");
  EXPECT_EQ(changed("x 0.125 0", "x 0.125 0.5"),
            start + "\"0.5\" in the line of x is not a number that it can hold");
  EXPECT_EQ(changed("x 0.125 0", "x 1e99 0"),
            start + "\"1e99\" in the line of x is not a number that it can hold");
  EXPECT_THAT(changed("x 0.125 0", "x nan 0"), StartsWith("x: quantisation: the scale is nan"));
  EXPECT_THAT(changed("y 0.25 -3", "y 0.25 999"), HasSubstr("the zero point is 999"));
  EXPECT_EQ(changed("0.25 2\n", "0.25\n"),
            start +
                "there are 2 weight scales: there must be 3, one for each output channel, or "
                "one for all");
  EXPECT_EQ(changed("0.25 2\n", "0.25  2\n"),
            start + "\"\" in the line of weight-scales is not a number that it can hold");
  EXPECT_EQ(changed("0.1\n", "0.1 7\n"),
            start + "there are 4 biases: there must be 3, one for each output channel, or none");
  EXPECT_EQ(changed("0.1\n", "inf\n"), start + "bias 2 is inf, not a finite number");
  EXPECT_EQ(changed("weights 6", "weights 7"),
            start + "7 bytes of weights are announced but 6 follow");
  EXPECT_EQ(changed("weights 6", "weights -1"),
            start + "\"-1\" in the line of weights is not a number that it can hold");
  EXPECT_EQ(changed("weights 6", "weights 6 6"),
            start + "the line of weights must hold one word, their number, not 2");
  EXPECT_EQ(changed("weights 6", "weights 18446744073709551615"),
            start + "18446744073709551615 bytes of weights are announced but 6 follow");
  EXPECT_EQ(changed("\x7f\x81", "\x80\x81"),
            start + "weight 3 is -128 but must be within -127 and 127");
  EXPECT_EQ(changed("weights 6\n\x01", "weights 6\n\x01\x01"),
            start + "6 bytes of weights are announced but 7 follow");
}

TEST(LayerFile, MissingPartsWithARightHash) {
  const std::string whole = small_layer().bytes();
  // Cut behind any byte: the hash is right, the text ends too early.
  for (std::size_t size = 26; size < whole.size() - 73; ++size) {
    const std::string body = whole.substr(0, size) + "\n";
    const std::string error = parse_error(body + "sha256 " + sha256_hex(body) + "\n");
    EXPECT_NE(error, "no error") << size;
  }
}

TEST(LayerFile, SavesAndLoads) {
  const QuantizedLayer layer = small_layer();
  const std::string folder = testing::TempDir() + "quantized_layer_test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  const std::string path = folder + "/conv1.layer";
  layer.save(path);
  layer.save(path);
  expect_same(QuantizedLayer::load(path), layer);
  const auto files = std::filesystem::directory_iterator(folder);
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
  std::filesystem::resize_file(path, 100);
  EXPECT_EQ(test::usage_error_of([&] { QuantizedLayer::load(path); }),
            path +
                ": quantised layer: its last line is not \"sha256 \" and 64 digits: it is cut "
                "off, or something follows");
  std::filesystem::remove(path);
  EXPECT_EQ(test::usage_error_of([&] { QuantizedLayer::load(path); }),
            "cannot read the quantised layer " + path + ": No such file or directory");
  EXPECT_EQ(test::usage_error_of([&] { layer.save("/nonexistent/conv1.layer"); }),
            "cannot write the quantised layer /nonexistent/conv1.layer: No such file or directory");
  // A folder stands where the file should be: nothing is left beside it.
  std::filesystem::create_directory(path);
  EXPECT_EQ(test::usage_error_of([&] { layer.save(path); }),
            "cannot write the quantised layer " + path + ": Is a directory");
  const auto left = std::filesystem::directory_iterator(folder);
  EXPECT_EQ(std::distance(begin(left), end(left)), 1);
}

}  // namespace
}  // namespace convoke
