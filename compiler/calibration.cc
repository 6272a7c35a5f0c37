// Sample data as a histogram on a grid of powers of two, and the ranges that are chosen from it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/quant_range.h"
#include "convoke/error.h"
#include "convoke/quantize.h"

namespace convoke {
namespace {

using Bins = std::vector<std::int64_t>;

constexpr std::int64_t kBins = 32768;
/// Bins are 2^(ilogb(m) - kFineness) wide, so that m is always in the upper half of them.
constexpr int kFineness = 14;
static_assert(kBins == std::int64_t{2} << kFineness);

[[noreturn]] void fail(const std::string& message) {
  throw Error(ErrorCode::kUsage, "calibration: " + message);
}

struct RealRange {
  double low = 0, high = 0;
};

QuantScale scale_of(const RealRange& range, DataType type, bool symmetric) {
  const QuantRange q = quant_range(type);
  const double largest = std::max(-range.low, range.high);
  if (largest == 0) return {};
  const double reals = symmetric ? largest : range.high - range.low;
  const double steps = symmetric ? q.high : q.high - q.low;
  QuantScale scale;
  scale.scale = std::max(static_cast<float>(reals / steps), std::numeric_limits<float>::min());
  if (!symmetric) {
    const double zero = std::nearbyint(q.low - range.low / static_cast<double>(scale.scale));
    scale.zero = static_cast<std::int32_t>(std::clamp<double>(zero, q.low, q.high));
  }
  return scale;
}

/// Merges pairs of bins `times` over.
void merge(Bins& bins, int times) {
  if (times > kFineness + 1) times = kFineness + 1;  // all of them are one
  for (std::int64_t i = 1; i < static_cast<std::int64_t>(bins.size()); ++i) {
    const std::int64_t count = bins[i];
    bins[i] = 0;
    bins[i >> times] += count;
  }
}

/// Where the highest bins may be cut off that hold at most `spare` values: the upper edge of the
/// highest that stays, in bins.
std::int64_t edge_after(const Bins& a, const Bins& b, std::int64_t spare) {
  const auto at = [](const Bins& bins, std::int64_t i) { return bins.empty() ? 0 : bins[i]; };
  std::int64_t edge = a.empty() && b.empty() ? 0 : kBins;
  for (; edge > 0; --edge) {
    spare -= at(a, edge - 1) + at(b, edge - 1);
    if (spare < 0) break;
  }
  return edge;
}

/// What stays when at most `spare` values may be beyond each end, or both ends together.
RealRange clipped(const RealRange& seen, const Bins& negative, const Bins& positive, double width,
                  std::int64_t spare, bool symmetric) {
  const Bins none;
  const std::int64_t low = edge_after(negative, symmetric ? positive : none, spare);
  const std::int64_t high = edge_after(positive, symmetric ? negative : none, spare);
  return {std::max(-static_cast<double>(low) * width, seen.low),
          std::min(static_cast<double>(high) * width, seen.high)};
}

/// What a bin stands for, in the search for the least error.
struct Sample {
  double value, count;
};

/// The search for the range of the least squared error. Ends are counted in bins.
class RangeSearch {
 public:
  RangeSearch(const Bins& negative, const Bins& positive, const RealRange& seen, double width,
              DataType type, bool symmetric)
      : seen_(seen), width_(width), type_(type), symmetric_(symmetric) {
    collect(negative, -1);
    collect(positive, 1);
    low_ = static_cast<std::int64_t>(std::ceil(-seen.low / width));
    high_ = static_cast<std::int64_t>(std::ceil(seen.high / width));
  }

  RealRange best() const {
    // Both ends together: all of a symmetric range.
    const std::int64_t top = std::max(low_, high_);
    std::int64_t low = best_edge(top, top, [&](auto edge) { return error(edge, edge); });
    std::int64_t high = low;
    for (bool moved = !symmetric_; moved;) {
      const std::int64_t old_low = low, old_high = high;
      high = best_edge(high_, std::min(high, high_), [&](auto edge) { return error(low, edge); });
      low = best_edge(low_, std::min(low, low_), [&](auto edge) { return error(edge, high); });
      moved = low != old_low || high != old_high;
    }
    return range(low, high);
  }

 private:
  void collect(const Bins& bins, int sign) {
    for (std::size_t i = 0; i < bins.size(); ++i) {
      if (bins[i] == 0) continue;
      const double centre = sign * (static_cast<double>(i) + 0.5) * width_;
      samples_.push_back({std::clamp(centre, seen_.low, seen_.high), static_cast<double>(bins[i])});
    }
  }

  RealRange range(std::int64_t low, std::int64_t high) const {
    return {std::max(-static_cast<double>(low) * width_, seen_.low),
            std::min(static_cast<double>(high) * width_, seen_.high)};
  }

  double error(std::int64_t low, std::int64_t high) const {
    const QuantScale q = scale_of(range(low, high), type_, symmetric_);
    const QuantRange limits = quant_range(type_);
    const double scale = static_cast<double>(q.scale), zero = q.zero;
    constexpr double kShift = 0x1.8p52;  // adding it rounds to the nearest even integer
    double sum = 0;
    for (const Sample& sample : samples_) {
      const double v = std::clamp<double>(sample.value / scale + zero, limits.low, limits.high);
      const double off = sample.value - scale * ((v + kShift) - kShift - zero);
      sum += sample.count * off * off;
    }
    return sum;
  }

  /// The edge of the least error; of equals `current`, then the widest. All in integers, so that
  /// every machine tries the same ranges.
  template <typename Cost>
  std::int64_t best_edge(std::int64_t top, std::int64_t current, const Cost& cost) const {
    std::int64_t best = current;
    double least = cost(current);
    const auto attempt = [&](std::int64_t edge) {
      if (edge == best) return;
      if (const double e = cost(edge); e < least) least = e, best = edge;
    };
    for (std::int64_t edge = top; edge > 0; edge -= std::max<std::int64_t>(1, edge / 16))
      attempt(edge);
    const std::int64_t coarse = best;
    const std::int64_t step = std::max<std::int64_t>(1, coarse / 256);
    for (std::int64_t edge = std::min(top, coarse + 16 * step);
         edge > std::max<std::int64_t>(0, coarse - 16 * step); edge -= step)
      attempt(edge);
    return best;
  }

  std::vector<Sample> samples_;
  RealRange seen_;
  double width_;
  DataType type_;
  bool symmetric_;
  std::int64_t low_, high_;
};

}  // namespace

/// Makes the bins wide enough for a magnitude; the first one fixes them.
void Calibrator::widen(float magnitude) {
  const int exponent = std::ilogb(magnitude) - kFineness;
  if (positive_.empty() && negative_.empty()) exponent_ = exponent;
  if (exponent <= exponent_) return;
  merge(positive_, exponent - exponent_);
  merge(negative_, exponent - exponent_);
  exponent_ = exponent;
}

void Calibrator::add(const float* x, std::size_t count) {
  if (count == 0) return;
  if (x == nullptr) fail(fmt::format("the data is null, but {} values are announced", count));
  float low = x[0], high = x[0];
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(x[i]))
      fail(fmt::format("value {} of the data is {}, not a finite number",
                       count_ + static_cast<std::int64_t>(i), x[i]));
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
  }
  if (const float magnitude = std::max(-low, high); magnitude > 0) widen(magnitude);
  if (high > 0) positive_.resize(kBins);
  if (low < 0) negative_.resize(kBins);
  const double per_width = std::ldexp(1.0, -exponent_);
  for (std::size_t i = 0; i < count; ++i) {
    const double bin = static_cast<double>(std::fabs(x[i])) * per_width;
    if (x[i] == 0)
      ++zeros_;
    else
      ++(x[i] > 0 ? positive_ : negative_)[static_cast<std::size_t>(bin)];
  }
  min_ = count_ == 0 ? low : std::min(min_, low);
  max_ = count_ == 0 ? high : std::max(max_, high);
  count_ += static_cast<std::int64_t>(count);
}

QuantScale Calibrator::choose(const CalibrationMethod& method, DataType type,
                              bool symmetric) const {
  const QuantRange q = quant_range(type);
  const bool by_count = method.kind == CalibrationMethod::Kind::kPercentile;
  if (by_count && !(method.percent > 0 && method.percent <= 100))
    fail(fmt::format("the percentile is {} but must be above 0 and at most 100", method.percent));
  if (count_ == 0) fail("no data was added: add at least one value before choosing a scale");
  if (symmetric && q.low == 0 && min_ < 0)
    fail(
        fmt::format("the smallest value is {}, which a {} with a zero point of 0 cannot hold: "
                    "choose s8, or a scale that is not symmetric",
                    min_, to_string(type)));
  const RealRange seen{std::min<double>(min_, 0), std::max<double>(max_, 0)};
  if (seen.low == 0 && seen.high == 0) return {};
  const double width = std::ldexp(1.0, exponent_);
  switch (method.kind) {
    case CalibrationMethod::Kind::kMinMax:
      return scale_of(seen, type, symmetric);
    case CalibrationMethod::Kind::kMeanSquaredError:
      return scale_of(RangeSearch(negative_, positive_, seen, width, type, symmetric).best(), type,
                      symmetric);
    case CalibrationMethod::Kind::kPercentile:
      break;
  }
  const double kept = std::ceil(method.percent * static_cast<double>(count_) / 100);
  const std::int64_t spare = count_ - std::min(count_, static_cast<std::int64_t>(kept));
  const RealRange range = clipped(seen, negative_, positive_, width, spare, symmetric);
  if (range.low == 0 && range.high == 0)
    fail(
        fmt::format("a percentile of {} leaves a range of 0 to 0 ({} of {} values are 0): give a "
                    "larger one",
                    method.percent, zeros_, count_));
  return scale_of(range, type, symmetric);
}

}  // namespace convoke
