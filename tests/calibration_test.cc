// Ranges chosen from sample data, against closed forms and against brute force over the data.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "convoke/error.h"
#include "convoke/quantize.h"
#include "tests/usage_error.h"

namespace convoke {
namespace {

using Method = CalibrationMethod;
using Data = std::vector<float>;

Calibrator seen(const Data& data) {
  Calibrator calibrator;
  calibrator.add(data.data(), data.size());
  return calibrator;
}

/// Mean squared error of data that is quantised and dequantised.
double error_over(const Data& data, const QuantScale& scale, DataType type) {
  std::vector<std::uint8_t> q(data.size());
  Data back(data.size());
  quantize(data.data(), data.size(), scale, type, q.data());
  dequantize(q.data(), q.size(), scale, type, back.data());
  double sum = 0;
  for (std::size_t i = 0; i < data.size(); ++i)
    sum += std::pow(static_cast<double>(data[i]) - static_cast<double>(back[i]), 2);
  return sum / static_cast<double>(data.size());
}

Data normal_data(std::size_t count, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1);
  Data data(count);
  for (float& value : data) value = normal(random);
  return data;
}

TEST(MinMax, IsTheClosedForm) {
  const Calibrator data = seen({-1, 0.5f, 3});
  EXPECT_EQ(data.count(), 3);
  EXPECT_EQ(data.min(), -1);
  EXPECT_EQ(data.max(), 3);
  EXPECT_EQ(data.choose(Method::min_max(), DataType::kS8, true), (QuantScale{3 / 127.0f, 0}));
  // 4 reals in 255 steps; 0 is 63.75 steps above the lower end.
  EXPECT_EQ(data.choose(Method::min_max(), DataType::kU8, false), (QuantScale{4 / 255.0f, 64}));
  EXPECT_EQ(data.choose(Method::min_max(), DataType::kS8, false), (QuantScale{4 / 255.0f, -64}));
}

TEST(MinMax, RangesHoldZero) {
  const Calibrator above = seen({2, 5});
  EXPECT_EQ(above.choose(Method::min_max(), DataType::kU8, true), (QuantScale{5 / 255.0f, 0}));
  EXPECT_EQ(above.choose(Method::min_max(), DataType::kU8, false), (QuantScale{5 / 255.0f, 0}));
  EXPECT_EQ(above.choose(Method::min_max(), DataType::kS8, false), (QuantScale{5 / 255.0f, -128}));
  const Calibrator below = seen({-5, -2});
  EXPECT_EQ(below.choose(Method::min_max(), DataType::kU8, false), (QuantScale{5 / 255.0f, 255}));
  EXPECT_EQ(below.choose(Method::min_max(), DataType::kS8, true), (QuantScale{5 / 127.0f, 0}));
  EXPECT_EQ(below.max(), -2);
}

TEST(Choice, OfZerosIsOne) {
  const Calibrator zeros = seen(Data{0, -0.0f, 0});
  for (const Method& method :
       {Method::min_max(), Method::percentile(50), Method::mean_squared_error()})
    for (const bool symmetric : {true, false})
      EXPECT_EQ(zeros.choose(method, DataType::kU8, symmetric), (QuantScale{1, 0}));
}

TEST(Choice, IsAValidScaleOfExtremes) {
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kTiny = std::numeric_limits<float>::denorm_min();
  for (const Data& data : {Data{-kMax, kMax}, Data{kTiny}, Data{-kTiny, kTiny}, Data{kTiny, kMax},
                           Data{-kMax, kTiny}, Data{1e-37f, -1e-39f}})
    for (const Method& method :
         {Method::min_max(), Method::percentile(100), Method::mean_squared_error()})
      for (const DataType type : {DataType::kS8, DataType::kU8}) {
        const QuantScale scale = seen(data).choose(method, type, false);
        EXPECT_NO_THROW(check(scale, type)) << data[0];
        const QuantScale symmetric = seen(data).choose(method, DataType::kS8, true);
        EXPECT_NO_THROW(check(symmetric, DataType::kS8)) << data[0];
      }
}

TEST(Percentile, CountsTheTails) {
  Data data;
  for (int i = 1; i <= 1000; ++i) data.push_back(static_cast<float>(i));
  const Calibrator calibrator = seen(data);
  const double width = std::ldexp(1.0, 9 - 14);
  const auto high = [&](double percent) {
    return 255.0 * static_cast<double>(
                       calibrator.choose(Method::percentile(percent), DataType::kU8, true).scale);
  };
  // The upper edge of the bin that holds the wanted value, but of the whole range its end.
  EXPECT_FLOAT_EQ(high(100), 1000);
  EXPECT_FLOAT_EQ(high(99), 990 + width);
  EXPECT_FLOAT_EQ(high(99.05), 991 + width);
  EXPECT_FLOAT_EQ(high(0.1), 1 + width);
  EXPECT_EQ(calibrator.choose(Method::percentile(100), DataType::kU8, false),
            calibrator.choose(Method::min_max(), DataType::kU8, false));
}

TEST(Percentile, OfBothTails) {
  Data data;
  for (int i = 1; i <= 100; ++i) {
    data.push_back(static_cast<float>(i));
    data.push_back(static_cast<float>(-4 * i));
  }
  const Calibrator calibrator = seen(data);
  const double width = std::ldexp(1.0, 8 - 14);
  // |x|: the 20 largest of 200 are -400, -396 ... -324.
  EXPECT_FLOAT_EQ(calibrator.choose(Method::percentile(90), DataType::kS8, true).scale,
                  static_cast<float>((320 + width) / 127));
  // 20 above 80, 20 below -320.
  const QuantScale both = calibrator.choose(Method::percentile(90), DataType::kU8, false);
  EXPECT_FLOAT_EQ(both.scale, static_cast<float>((400 + 2 * width) / 255));
  EXPECT_EQ(both.zero, 204);
}

TEST(Percentile, MayEndAtZero) {
  Data data(90, 0.0f);
  for (int i = 1; i <= 10; ++i) data.push_back(static_cast<float>(-i));
  const Calibrator calibrator = seen(data);
  // All that is above zero is nothing; below it five may go.
  const QuantScale scale = calibrator.choose(Method::percentile(95), DataType::kU8, false);
  EXPECT_EQ(scale.zero, 255);
  EXPECT_NEAR(scale.scale, 5.0 / 255, 1e-4);
  EXPECT_EQ(test::usage_error_of(
                [&] { calibrator.choose(Method::percentile(90), DataType::kU8, false); }),
            "calibration: a percentile of 90 leaves a range of 0 to 0 (90 of 100 values are 0): "
            "give a larger one");
}

TEST(Outliers, PercentileKeepsTheBulkFine) {
  Data data = normal_data(100000);
  const Data bulk = data;
  for (int i = 0; i < 10; ++i) data.push_back(i % 2 == 0 ? 100.0f : -100.0f);
  const Calibrator calibrator = seen(data);
  for (const bool symmetric : {true, false}) {
    const auto error = [&](const Method& method) {
      return error_over(bulk, calibrator.choose(method, DataType::kS8, symmetric), DataType::kS8);
    };
    EXPECT_LT(error(Method::percentile(99.95)), error(Method::min_max()) / 100);
  }
}

TEST(Outliers, LeastSquaresBeatMinMax) {
  Data data = normal_data(1000000);
  data.push_back(25), data.push_back(-20);
  const Calibrator calibrator = seen(data);
  for (const bool symmetric : {true, false}) {
    const auto choose = [&](const Method& method) {
      return calibrator.choose(method, DataType::kS8, symmetric);
    };
    const double whole = error_over(data, choose(Method::min_max()), DataType::kS8);
    const double least = error_over(data, choose(Method::mean_squared_error()), DataType::kS8);
    EXPECT_LT(least, whole / 2);
    // Near the best of symmetric ranges, found by trying them on the data.
    double best = whole;
    for (float end = 3; end < 25 && symmetric; end *= 1.05f)
      best = std::min(best, error_over(data, {end / 127, 0}, DataType::kS8));
    if (symmetric) {
      EXPECT_LT(least, best * 1.02);
    }
  }
}

TEST(LeastSquares, IsNeverWorseThanMinMax) {
  std::mt19937 random(5);
  for (unsigned round = 0; round < 12; ++round) {
    Data data = normal_data(500 + random() % 2000, round);
    for (float& value : data) {
      if (round % 3 == 1) value = std::max(value, 0.0f);
      if (round % 3 == 2) value = std::exp(3 * value) * (random() % 2 == 0 ? 1 : -0.01f);
    }
    const Calibrator calibrator = seen(data);
    for (const bool symmetric : {true, false}) {
      const auto error = [&](const Method& method) {
        return error_over(data, calibrator.choose(method, DataType::kS8, symmetric), DataType::kS8);
      };
      // The search sees centres of bins, the data lies around them.
      EXPECT_LE(error(Method::mean_squared_error()), error(Method::min_max()) * 1.01) << round;
    }
  }
}

TEST(LeastSquares, ClipsOneTailAlone) {
  Data data = normal_data(1000000);
  for (float& value : data) value = std::fabs(value);
  data.push_back(-6);
  const QuantScale scale = seen(data).choose(Method::mean_squared_error(), DataType::kU8, false);
  const double low = -static_cast<double>(scale.scale) * scale.zero;
  const double high = static_cast<double>(scale.scale) * (255 - scale.zero);
  EXPECT_GT(low, -0.5);
  EXPECT_GT(high, 3.5);
}

TEST(LeastSquares, IsNearTheBestOfAllPairsOfEnds) {
  for (unsigned round = 0; round < 3; ++round) {
    Data data = normal_data(3000, round);
    for (std::size_t i = 0; i < data.size(); ++i) {
      if (round > 0) data[i] = std::exp(2 * data[i]) - 1;
      if (round == 2 && i % 3 == 0) data[i] *= -0.3f;
    }
    const Calibrator calibrator = seen(data);
    double best = std::numeric_limits<double>::infinity();
    for (double low = 0; low <= 1; low += 0.03)
      for (double high = 0.03; high <= 1; high += 0.03) {
        const double from = low * std::min(calibrator.min(), 0.0f), to = high * calibrator.max();
        const float scale = static_cast<float>((to - from) / 255);
        const auto zero = static_cast<int>(std::lrint(-from / scale));
        best = std::min(best, error_over(data, {scale, zero}, DataType::kU8));
      }
    const QuantScale least = calibrator.choose(Method::mean_squared_error(), DataType::kU8, false);
    EXPECT_LT(error_over(data, least, DataType::kU8), best * 1.05) << round;
  }
}

/// Ten decades, so that bins are merged over and over in one order and not at all in the other.
Data wide_data() {
  Data data;
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    const double magnitude = std::pow(10.0, -6 + i / 2000.0);
    data.push_back(static_cast<float>(random() % 2 == 0 ? magnitude : -magnitude));
    if (i % 10 == 0) data.push_back(0);
  }
  return data;
}

std::vector<QuantScale> choices(const Calibrator& calibrator) {
  std::vector<QuantScale> all;
  for (const Method& method : {Method::min_max(), Method::percentile(99), Method::percentile(70),
                               Method::percentile(60), Method::mean_squared_error()})
    for (const bool symmetric : {true, false})
      all.push_back(calibrator.choose(method, DataType::kS8, symmetric));
  return all;
}

TEST(Pieces, DoNotMatter) {
  const Data data = wide_data();
  const std::vector<QuantScale> whole = choices(seen(data));
  std::mt19937 random(4);
  for (const std::size_t most : {1, 7, 1000, 30000}) {
    Calibrator pieces;
    for (std::size_t at = 0; at < data.size();) {
      const std::size_t count = std::min<std::size_t>(random() % (most + 1), data.size() - at);
      pieces.add(data.data() + at, count);
      at += count;
    }
    EXPECT_EQ(pieces.count(), static_cast<std::int64_t>(data.size()));
    EXPECT_EQ(choices(pieces), whole) << most;
  }
}

TEST(Pieces, OrderDoesNotMatter) {
  Data data = wide_data();
  const std::vector<QuantScale> ascending = choices(seen(data));
  std::reverse(data.begin(), data.end());
  Calibrator one_by_one;
  for (const float& value : data) one_by_one.add(&value, 1);
  EXPECT_EQ(choices(one_by_one), ascending);
  std::shuffle(data.begin(), data.end(), std::mt19937(6));
  Calibrator shuffled;
  for (const float& value : data) shuffled.add(&value, 1);
  EXPECT_EQ(choices(shuffled), ascending);
}

TEST(Pieces, MergedBinsKeepTheirCounts) {
  // Each small value has a bin of its own at first; then bins are 2^(20 - 14) wide.
  Calibrator calibrator;
  for (const float value : {1.0f, 2.0f, 3.0f, 4.0f, 1048576.0f}) calibrator.add(&value, 1);
  const QuantScale four = calibrator.choose(Method::percentile(80), DataType::kU8, true);
  EXPECT_EQ(four.scale, 64 / 255.0f);
  const QuantScale all = calibrator.choose(Method::percentile(80.1), DataType::kU8, true);
  EXPECT_EQ(all.scale, 1048576 / 255.0f);
  // Beyond all bins at once.
  const float huge = 3e38f;
  calibrator.add(&huge, 1);
  const QuantScale most = calibrator.choose(Method::percentile(83), DataType::kU8, true);
  EXPECT_EQ(static_cast<double>(most.scale),
            static_cast<double>(static_cast<float>(std::ldexp(1.0, 127 - 14) / 255)));
}

TEST(BadData, IsRefusedWhole) {
  const QuantScale scale = seen({1, 2, 3}).choose(Method::min_max(), DataType::kS8, true);
  Calibrator calibrator = seen({1, 2, 3});
  const Data bad = {100, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(test::usage_error_of([&] { calibrator.add(bad.data(), 2); }),
            "calibration: value 4 of the data is nan, not a finite number");
  const Data infinite = {-std::numeric_limits<float>::infinity()};
  EXPECT_EQ(test::usage_error_of([&] { calibrator.add(infinite.data(), 1); }),
            "calibration: value 3 of the data is -inf, not a finite number");
  EXPECT_EQ(test::usage_error_of([&] { calibrator.add(nullptr, 2); }),
            "calibration: the data is null, but 2 values are announced");
  EXPECT_EQ(calibrator.count(), 3);
  EXPECT_EQ(calibrator.choose(Method::min_max(), DataType::kS8, true), scale);
}

TEST(BadData, AndBadChoices) {
  Calibrator none;
  none.add(nullptr, 0);
  EXPECT_EQ(test::usage_error_of([&] { none.choose(Method::min_max(), DataType::kS8, true); }),
            "calibration: no data was added: add at least one value before choosing a scale");
  const Calibrator data = seen({-0.5f, 1});
  EXPECT_EQ(test::usage_error_of([&] { data.choose(Method::min_max(), DataType::kF16, true); }),
            "quantisation: type f16 has no scale: it must be s8 or u8");
  EXPECT_EQ(test::usage_error_of([&] { data.choose(Method::min_max(), DataType::kU8, true); }),
            "calibration: the smallest value is -0.5, which a u8 with a zero point of 0 cannot "
            "hold: choose s8, or a scale that is not symmetric");
  const auto percentile = [&](double percent) {
    return test::usage_error_of(
        [&] { data.choose(Method::percentile(percent), DataType::kS8, true); });
  };
  const std::string limit = " but must be above 0 and at most 100";
  EXPECT_EQ(percentile(0), "calibration: the percentile is 0" + limit);
  EXPECT_EQ(percentile(100.5), "calibration: the percentile is 100.5" + limit);
  EXPECT_EQ(percentile(std::nan("")), "calibration: the percentile is nan" + limit);
}

}  // namespace
}  // namespace convoke
