// One convolution from start to end: open a device, describe the problem, make a plan, launch it,
// and compare with a plain loop.
//   3x3 filters, 64 -> 64 channels, 28x28 images, padding 1, then relu(acc + bias[k]); nhwc, f32.
#include <cmath>
#include <convoke/convoke.hpp>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main() try {
  // "auto" would take a GPU where there is one; its buffers are device memory (prune.cc has both).
  const convoke::Device device = convoke::Device::open("cpu");
  const convoke::ConvSpec spec =
      convoke::parse_spec("mb2ic64ih28oc64oh28kh3ph1 epilogue=relu(acc+bias[k])");
  const convoke::Plan plan(device, spec);
  std::printf("%s\n%s\nruns as %s\n", device.description().c_str(),
              convoke::to_string(spec).c_str(), plan.config().c_str());

  // The caller owns every buffer. Values are small integers, so that the sums are exact.
  std::vector<float> x(spec.x_elements(spec.n)), w(spec.w_elements()), y(spec.y_elements(spec.n)),
      bias(spec.k);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = float(i * 7 % 11) - 5;
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = float(i * 5 % 7) - 3;
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = float(i % 3) - 1;
  const std::size_t workspace_bytes = (plan.workspace_bytes() + 63) / 64 * 64;
  void* workspace = std::aligned_alloc(64, workspace_bytes);

  const convoke::ConstBuffer operands[] = {{bias.data(), bias.size() * sizeof(float)}};
  convoke::LaunchArgs args;
  args.x = {x.data(), x.size() * sizeof(float)};
  args.w = {w.data(), w.size() * sizeof(float)};
  args.y = {y.data(), y.size() * sizeof(float)};
  args.operands = operands;
  args.operand_count = 1;
  args.workspace = {workspace, workspace_bytes};
  plan.launch(args);
  std::free(workspace);

  std::size_t wrong = 0, i = 0;  // i walks y in its order: n, p, q, k
  for (int n = 0; n < spec.n; ++n)
    for (int p = 0; p < spec.p; ++p)
      for (int q = 0; q < spec.q; ++q)
        for (int k = 0; k < spec.k; ++k, ++i) {
          float sum = bias[k];
          for (int r = 0; r < spec.r; ++r)
            for (int s = 0; s < spec.s; ++s)
              for (int c = 0; c < spec.c; ++c) {
                const int h = p - 1 + r, v = q - 1 + s;
                if (h < 0 || h >= spec.h || v < 0 || v >= spec.w) continue;
                sum += x[((n * spec.h + h) * spec.w + v) * spec.c + c] *
                       w[((k * 3 + r) * 3 + s) * spec.c + c];
              }
          if (y[i] != std::fmax(sum, 0.0f)) ++wrong;
        }
  std::printf("%zu of %zu values differ from the loop\n", wrong, y.size());
  return wrong == 0 ? 0 : 1;
} catch (const convoke::Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return static_cast<int>(error.code());
}
