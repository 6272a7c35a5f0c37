#include "convoke/conv_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>

#include "convoke/error.h"
#include "convoke/sparsity_pattern.h"

namespace convoke {
namespace {

using Wide = __int128;

constexpr const char* kPassNames[] = {"fprop", "dgrad", "wgrad"};
constexpr const char* kTypeNames[] = {"f32", "tf32", "f16", "bf16", "s8", "u8", "e4m3", "s32"};
constexpr const char* kLayoutNames[] = {"nhwc", "nchw"};

template <typename Enum, std::size_t N>
Enum parse_enum(std::string_view word, const char* what, const char* const (&names)[N]) {
  for (std::size_t i = 0; i < N; ++i) {
    if (word == names[i]) return static_cast<Enum>(i);
  }
  throw Error(ErrorCode::kUsage, fmt::format("unknown {} \"{}\": it must be one of {}", what, word,
                                             fmt::join(names, ", ")));
}

/// A number that names nothing, as a caller's cast may make one, is "?".
template <typename Enum, std::size_t N>
const char* name_of(Enum value, const char* const (&names)[N]) {
  const auto i = static_cast<std::size_t>(value);
  return i < N ? names[i] : "?";
}

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kUsage, message); }

/// One spatial axis: the arithmetic of both is the same. Taps sit at p * stride - pad + r *
/// dilation.
struct Axis {
  std::int64_t in, taps, out, stride, dilation, pad;
};

Axis axis_h(const ConvSpec& c) { return {c.h, c.r, c.p, c.stride_h, c.dilation_h, c.pad_h}; }
Axis axis_w(const ConvSpec& c) { return {c.w, c.s, c.q, c.stride_w, c.dilation_w, c.pad_w}; }

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return a / b + (a % b > 0 ? 1 : 0);  // b > 0; C++ truncates towards zero
}

Range valid_taps(const Axis& a, std::int64_t out) {
  const std::int64_t base = out * a.stride - a.pad;
  const std::int64_t begin = std::max<std::int64_t>(0, ceil_div(-base, a.dilation));
  const std::int64_t end = std::min(a.taps, ceil_div(a.in - base, a.dilation));
  return begin < end ? Range{begin, end} : Range{};
}

bool tap_live(const Axis& a, std::int64_t tap) {
  const std::int64_t offset = tap * a.dilation - a.pad;
  const std::int64_t out = std::max<std::int64_t>(0, ceil_div(-offset, a.stride));
  return out < a.out && out * a.stride + offset < a.in;
}

/// Sum over i in [0, n) of floor((a*i + b) / m), for n, a, b >= 0 and m > 0, in O(log m) steps: the
/// Euclid-like lattice point count (Graham, Knuth, Patashnik, Concrete Mathematics, section 3.5).
Wide floor_sum(Wide n, Wide m, Wide a, Wide b) {
  Wide sum = 0;
  while (n > 0) {
    sum += (a / m) * (n * (n - 1) / 2) + (b / m) * n;
    a %= m;
    b %= m;
    const Wide top = a * n + b;
    if (top < m) break;
    n = top / m;
    b = top % m;
    std::swap(m, a);
  }
  return sum;
}

/// Pairs (output, tap) whose position is below `limit`: the sum over outputs of
/// clamp(ceil((limit + pad - out*stride) / dilation), 0, taps), which falls as `out` grows: first a
/// stretch where all taps count, then a ramp, then nothing.
Wide pairs_below(const Axis& a, Wide limit, Wide taps) {
  const Wide reach = limit + a.pad;  // tap 0 of an output counts while out * stride < reach
  if (reach <= 0 || taps <= 0) return 0;
  const Wide some = std::min<Wide>(a.out, (reach + a.stride - 1) / a.stride);
  const Wide full_reach = reach - (taps - 1) * a.dilation;
  const Wide full =
      full_reach <= 0 ? 0 : std::min<Wide>(some, (full_reach + a.stride - 1) / a.stride);
  // The ramp backwards, so that the terms rise: ceil(x / d) is floor((x + d - 1) / d).
  const Wide last = reach - (some - 1) * a.stride + a.dilation - 1;
  return full * taps + floor_sum(some - full, a.dilation, a.stride, last);
}

/// Pairs (output, tap) that touch the image, of the first `taps` taps.
Wide valid_pairs(const Axis& a, Wide taps) {
  return pairs_below(a, a.in, taps) - pairs_below(a, 0, taps);
}

/// Smallest number of leading taps that touch the image at least `wanted` times. The count grows
/// with the number of taps, so a binary search is exact where walking 2^31 taps would not end.
std::int64_t leading_taps(const Axis& a, Wide wanted) {
  std::int64_t low = 0, high = a.taps;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (valid_pairs(a, middle) >= wanted) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

Range live_taps(const Axis& a) {
  const Wide all = valid_pairs(a, a.taps);
  if (all == 0) return {};
  return {leading_taps(a, 1) - 1, leading_taps(a, all)};
}

void check_range(const char* what, std::int64_t value, std::int64_t least) {
  if (value >= least && value <= kMaxDim) return;
  fail(fmt::format("{} is {} but must be {} to {}", what, value, least, kMaxDim));
}

void check_dimensions(const ConvSpec& c) {
  if (!c.open_batch()) check_range("the batch (mb)", c.n, 1);
  check_range("the number of input channels (ic)", c.c, 1);
  check_range("the input height (ih)", c.h, 1);
  check_range("the input width (iw)", c.w, 1);
  check_range("the number of output channels (oc)", c.k, 1);
  check_range("the filter height (kh)", c.r, 1);
  check_range("the filter width (kw)", c.s, 1);
  check_range("the output height (oh)", c.p, 1);
  check_range("the output width (ow)", c.q, 1);
  check_range("the number of groups (g)", c.groups, 1);
  check_range("the vertical stride (sh)", c.stride_h, 1);
  check_range("the horizontal stride (sw)", c.stride_w, 1);
  check_range("the vertical dilation (dh + 1)", c.dilation_h, 1);
  check_range("the horizontal dilation (dw + 1)", c.dilation_w, 1);
  check_range("the top padding (ph)", c.pad_h, 0);
  check_range("the left padding (pw)", c.pad_w, 0);
}

void check_axis(const Axis& a, const char* filter, const char* side) {
  const Wide extent = Wide(a.taps - 1) * a.dilation + 1;
  if (extent > kMaxDim) {
    fail(fmt::format("the dilated filter {}, {} taps {} apart, is longer than {}", filter, a.taps,
                     a.dilation, kMaxDim));
  }
  const Wide high = Wide(a.out - 1) * a.stride + extent - a.in - a.pad;
  if (high <= -a.stride) {
    fail(
        fmt::format("the {} padding is {} but must be more than minus the stride, {}: the input "
                    "has room for more than the {} outputs given",
                    side, static_cast<std::int64_t>(high), -a.stride, a.out));
  }
  if (high > kMaxDim) {
    fail(fmt::format("the {} padding that {} outputs of stride {} need is more than {}", side,
                     a.out, a.stride, kMaxDim));
  }
}

void check_elements(const char* what, std::initializer_list<std::int64_t> dims) {
  Wide product = 1;
  for (const std::int64_t d : dims) {
    product *= d;
    if (product > kMaxElements) {
      fail(fmt::format("{}, {} elements, is larger than {} elements", what, fmt::join(dims, " x "),
                       kMaxElements));
    }
  }
}

void check_types(const ConvSpec& c) {
  if (c.x_type == DataType::kS32 || c.w_type == DataType::kS32) {
    fail(
        "s32 is only a type of outputs (y): x and w must be one of f32, tf32, f16, bf16, s8, u8, "
        "e4m3");
  }
  if (c.y_type == DataType::kTf32) fail("y is tf32, which is a way to multiply: give y=f32");
  // The gradient that a pass computes may be kept in f32 whatever is multiplied.
  const bool f32_result = (c.pass == Pass::kDgrad && c.x_type == DataType::kF32) ||
                          (c.pass == Pass::kWgrad && c.w_type == DataType::kF32);
  const bool both_integer = is_integer(c.x_type) && is_integer(c.w_type);
  if (c.x_type != c.w_type && !both_integer && !f32_result) {
    fail(fmt::format("x is {} and w is {}: they must have one type, or both be s8 or u8",
                     to_string(c.x_type), to_string(c.w_type)));
  }
  const bool integer_output = is_integer(c.y_type) || c.y_type == DataType::kS32;
  if (integer_output && !both_integer) {
    fail(fmt::format("y is {}, which needs x and w of s8 or u8, but they are {} and {}",
                     to_string(c.y_type), to_string(c.x_type), to_string(c.w_type)));
  }
  if (c.y_type == DataType::kE4m3 && both_integer) {
    fail(fmt::format("y is e4m3 but x is {}: y must be one of s8, u8, s32, f32, f16, bf16",
                     to_string(c.x_type)));
  }
}

auto fields(const ConvSpec& c) {
  return std::tie(c.pass, c.n, c.c, c.h, c.w, c.k, c.r, c.s, c.p, c.q, c.groups, c.stride_h,
                  c.stride_w, c.dilation_h, c.dilation_w, c.pad_h, c.pad_w, c.x_type, c.w_type,
                  c.y_type, c.x_layout, c.y_layout, c.epilogue, c.sparsity, c.quant);
}

}  // namespace

const char* to_string(Pass pass) { return name_of(pass, kPassNames); }
const char* to_string(DataType type) { return name_of(type, kTypeNames); }
const char* to_string(Layout layout) { return name_of(layout, kLayoutNames); }

Pass parse_pass(std::string_view word) { return parse_enum<Pass>(word, "pass", kPassNames); }
DataType parse_data_type(std::string_view word) {
  return parse_enum<DataType>(word, "type", kTypeNames);
}
Layout parse_layout(std::string_view word) {
  return parse_enum<Layout>(word, "layout", kLayoutNames);
}

int size_of(DataType type) {
  switch (type) {
    case DataType::kF32:
    case DataType::kTf32:
    case DataType::kS32:
      return 4;
    case DataType::kF16:
    case DataType::kBf16:
      return 2;
    case DataType::kS8:
    case DataType::kU8:
    case DataType::kE4m3:
      return 1;
  }
  fail(fmt::format("data type {} does not exist", static_cast<int>(type)));
}

bool ConvSpec::operator==(const ConvSpec& o) const {
  const bool same_pattern = pattern == o.pattern || (pattern != nullptr && o.pattern != nullptr &&
                                                     pattern->hash() == o.pattern->hash());
  return same_pattern && fields(*this) == fields(o);
}

Range ConvSpec::valid_r(std::int64_t out) const { return valid_taps(axis_h(*this), out); }
Range ConvSpec::valid_s(std::int64_t out) const { return valid_taps(axis_w(*this), out); }
Range ConvSpec::live_r() const { return live_taps(axis_h(*this)); }
Range ConvSpec::live_s() const { return live_taps(axis_w(*this)); }
bool ConvSpec::tap_r_live(std::int64_t tap) const { return tap_live(axis_h(*this), tap); }
bool ConvSpec::tap_s_live(std::int64_t tap) const { return tap_live(axis_w(*this), tap); }

double ConvSpec::mean_valid_r() const {
  return static_cast<double>(valid_pairs(axis_h(*this), r)) / static_cast<double>(p);
}

double ConvSpec::mean_valid_s() const {
  return static_cast<double>(valid_pairs(axis_w(*this), s)) / static_cast<double>(q);
}

double ConvSpec::macs(std::int64_t batch) const {
  const double pairs = static_cast<double>(valid_pairs(axis_h(*this), r)) *
                       static_cast<double>(valid_pairs(axis_w(*this), s));
  return static_cast<double>(batch) * static_cast<double>(k) * static_cast<double>(c_per_group()) *
         pairs;
}

double ConvSpec::nominal_macs(std::int64_t batch) const {
  double product = static_cast<double>(batch);
  for (const std::int64_t d : {k, c_per_group(), r, s, p, q}) product *= static_cast<double>(d);
  return product;
}

void ConvSpec::validate() const {
  check_dimensions(*this);
  if (c % groups != 0) {
    fail(fmt::format("{} groups do not divide {} input channels (ic)", groups, c));
  }
  if (k % groups != 0) {
    fail(fmt::format("{} groups do not divide {} output channels (oc)", groups, k));
  }
  check_axis(axis_h(*this), "height", "bottom");
  check_axis(axis_w(*this), "width", "right");
  const std::int64_t images = open_batch() ? 1 : n;
  check_elements("the input", {images, c, h, w});
  check_elements("the filter", {k, c_per_group(), r, s});
  check_elements("the output", {images, k, p, q});
  check_types(*this);
}

}  // namespace convoke
