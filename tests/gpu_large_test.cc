// Tensors of more than 2^31 elements: every offset that a kernel forms must have 64 bits. Images
// repeat with a small period, so that the host makes and checks a few of them.
#include <algorithm>

#include "tests/gpu_support.h"

namespace convoke {
namespace {

using GpuLarge = test::GpuTest;

constexpr std::int64_t kLimit = std::int64_t{1} << 31;

/// Free bytes of GPU 0.
std::size_t free_bytes() {
  const test::HostContext context;
  std::size_t free = 0, total = 0;
  test::check(cuda_driver().cuMemGetInfo(&free, &total), "cuMemGetInfo");
  return free;
}

/// A tensor of `count` equal-sized pieces; piece i is pieces[i % pieces.size()].
void copy_periodic(Target& target, void* to, const std::vector<std::vector<std::byte>>& pieces,
                   std::int64_t count) {
  const std::size_t bytes = pieces.front().size();
  for (std::int64_t i = 0; i < count; ++i)
    target.copy_in(static_cast<std::byte*>(to) + static_cast<std::size_t>(i) * bytes,
                   pieces[static_cast<std::size_t>(i) % pieces.size()].data(), bytes);
}

TEST_F(GpuLarge, ManyImages) {
  constexpr std::int64_t kPeriod = 3;
  const ConvSpec image = parse_spec("mb3ic64ih64oc64kh3ph1 dtype=f16");
  ConvSpec spec = image;
  spec.n = kLimit / image.x_elements(1) + 8;
  ASSERT_GT(spec.x_elements(spec.n), kLimit);
  const auto x_bytes = static_cast<std::size_t>(image.x_elements(1)) * 2,
             y_bytes = static_cast<std::size_t>(image.y_elements(1)) * 2;
  const auto n = static_cast<std::size_t>(spec.n);
  if (free_bytes() < n * (x_bytes + y_bytes) + (std::size_t{1} << 30))
    GTEST_SKIP() << "needs " << (n * (x_bytes + y_bytes) >> 30) + 1 << " GiB of GPU memory";

  std::vector<std::byte> x(kPeriod * x_bytes), w(static_cast<std::size_t>(image.w_elements()) * 2);
  fill(x, DataType::kF16, TensorRole::kX, FillKind::kIntegers, image, 1);
  fill(w, DataType::kF16, TensorRole::kW, FillKind::kIntegers, image, 1);
  ThreadPool pool(usable_cpus());
  const ReferenceResult expected =
      reference_fprop(image, {x.data(), w.data(), {}, kPeriod}, &pool, false);
  std::vector<std::vector<std::byte>> images;
  for (std::int64_t i = 0; i < kPeriod; ++i)
    images.emplace_back(x.begin() + i * static_cast<std::ptrdiff_t>(x_bytes),
                        x.begin() + (i + 1) * static_cast<std::ptrdiff_t>(x_bytes));

  const DeviceBuffer dx(target(), n * x_bytes), dw(target(), w.size()), dy(target(), n * y_bytes);
  copy_periodic(target(), dx.data(), images, spec.n);
  target().copy_in(dw.data(), w.data(), w.size());
  const std::vector<std::vector<std::byte>> poison = {
      std::vector<std::byte>(y_bytes, std::byte{0xff})};
  const std::int64_t border = kLimit / image.y_elements(1);
  const std::vector<std::int64_t> looked_at = {0, 1, border - 1, border, border + 1, spec.n - 1};
  for (const char* config :
       {"cuda:mma,bm=128,bn=64,bk=64,wm=4,wn=1,stages=3",
        "cuda:mma,bm=64,bn=64,bk=64,wm=2,wn=2,stages=3,split=2,split_by=cluster",
        "cuda:direct,bm=2,bn=4,bk=8"}) {
    const Plan plan(*device_, spec, {.config = config});
    ASSERT_EQ(plan.workspace_bytes(), 0);
    copy_periodic(target(), dy.data(), poison, spec.n);
    LaunchArgs args;
    args.x = {dx.data(), dx.bytes()};
    args.w = {dw.data(), dw.bytes()};
    args.y = {dy.data(), dy.bytes()};
    plan.launch(args);
    for (const std::int64_t i : looked_at) {
      std::vector<std::byte> y(y_bytes);
      target().copy_out(y.data(),
                        static_cast<std::byte*>(dy.data()) + static_cast<std::size_t>(i) * y_bytes,
                        y_bytes);
      std::int64_t wrong = 0;
      for (std::int64_t e = 0; e < image.y_elements(1); ++e)
        wrong +=
            load_element(y.data(), e, DataType::kF16) !=
            round_to(
                DataType::kF16,
                expected.value[static_cast<std::size_t>(i % kPeriod * image.y_elements(1) + e)]);
      EXPECT_EQ(wrong, 0) << "image " << i << " of " << spec.n << ", " << plan.config();
    }
  }
}

TEST_F(GpuLarge, OneImage) {
  // Rows repeat with a period of five, so that an image of eleven rows shows every output but those
  // at the borders.
  constexpr std::int64_t kPeriod = 5;
  const ConvSpec spec = parse_spec("mb1ic8ih16400iw16400oc1kh3kw1ph1pw0 dtype=f16");
  ASSERT_GT(spec.x_elements(1), kLimit);
  ConvSpec strip = spec;
  strip.h = strip.p = 2 * kPeriod + 1;
  const auto x_row = static_cast<std::size_t>(spec.w * spec.c) * 2,
             y_row = static_cast<std::size_t>(spec.q) * 2;
  if (free_bytes() < static_cast<std::size_t>(spec.h) * (x_row + y_row) + (std::size_t{1} << 30))
    GTEST_SKIP() << "needs 6 GiB of GPU memory";
  std::vector<std::byte> x(kPeriod * x_row), w(static_cast<std::size_t>(spec.w_elements()) * 2);
  fill(x, DataType::kF16, TensorRole::kX, FillKind::kIntegers, spec, 1);
  fill(w, DataType::kF16, TensorRole::kW, FillKind::kIntegers, spec, 1);
  std::vector<std::vector<std::byte>> rows;
  std::vector<std::byte> strip_x;
  for (std::int64_t i = 0; i < strip.h; ++i) {
    const auto begin = x.begin() + i % kPeriod * static_cast<std::ptrdiff_t>(x_row);
    if (i < kPeriod) rows.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(x_row));
    strip_x.insert(strip_x.end(), begin, begin + static_cast<std::ptrdiff_t>(x_row));
  }
  ThreadPool pool(usable_cpus());
  const ReferenceResult expected =
      reference_fprop(strip, {strip_x.data(), w.data(), {}, 1}, &pool, false);

  const DeviceBuffer dx(target(), static_cast<std::size_t>(spec.h) * x_row), dw(target(), w.size()),
      dy(target(), static_cast<std::size_t>(spec.p) * y_row);
  copy_periodic(target(), dx.data(), rows, spec.h);
  target().copy_in(dw.data(), w.data(), w.size());
  const Plan plan(*device_, spec, {.config = "cuda:direct,bm=2,bn=1,bk=8"});
  LaunchArgs args;
  args.x = {dx.data(), dx.bytes()};
  args.w = {dw.data(), dw.bytes()};
  args.y = {dy.data(), dy.bytes()};
  plan.launch(args);
  const std::int64_t border = kLimit / (spec.w * spec.c);
  for (const std::int64_t p :
       {std::int64_t{0}, std::int64_t{7}, border - 1, border, border + 1, spec.p - 2}) {
    // The strip's row with the same neighbours: its first row only for the image's first.
    const std::int64_t same = p == 0 ? 0 : p % kPeriod + (p % kPeriod == 0 ? kPeriod : 0);
    std::vector<std::byte> y(y_row);
    target().copy_out(
        y.data(), static_cast<std::byte*>(dy.data()) + static_cast<std::size_t>(p) * y_row, y_row);
    std::int64_t wrong = 0;
    for (std::int64_t q = 0; q < spec.q; ++q)
      wrong +=
          load_element(y.data(), q, DataType::kF16) !=
          round_to(DataType::kF16, expected.value[static_cast<std::size_t>(same * spec.q + q)]);
    EXPECT_EQ(wrong, 0) << "row " << p;
  }
}

}  // namespace
}  // namespace convoke
