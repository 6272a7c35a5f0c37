// Kernels may not touch a byte outside their buffers, not even to read it: tests/fenced_run.h.
#include <gtest/gtest.h>

#include "tests/fenced_run.h"

namespace convoke {
namespace {

TEST(Overread, KernelsStayInsideTheirBuffers) {
  DeviceOptions options;
  options.threads = 1;
  const auto target = make_cpu_target(options);
  test::RandomSpecs random(17);
  for (int i = 0; i < 240; ++i) {
    ConvSpec spec = random.next(1e6);
    if (i >= 200) spec = random.quantise(spec);
    spec.epilogue = Epilogue::parse(spec.epilogue).text();
    if (i >= 120 && i < 220) spec = random.prune(spec);
    const std::vector<KernelConfig> space = target->enumerate(spec);
    const KernelConfig config = space[random.pick(0, static_cast<std::int64_t>(space.size()) - 1)];
    test::check_fenced(*target, spec, config, spec.open_batch() ? random.pick(1, 3) : spec.n);
  }
}

}  // namespace
}  // namespace convoke
