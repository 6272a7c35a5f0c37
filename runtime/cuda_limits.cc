#include "runtime/cuda_limits.h"

#include <algorithm>

#include "runtime/cpu_limits.h"

namespace convoke {
namespace {

/// Multiplications and additions of one multiprocessor in a clock, from the architectures' white
/// papers (dense, f32 accumulation where the rates differ least; f16 and bf16 alike).
struct Rates {
  int capability;
  double f32, tf32, half;
};
constexpr Rates kRates[] = {{75, 128, 128, 1024},   {80, 128, 1024, 2048}, {86, 256, 512, 1024},
                            {87, 256, 1024, 2048},  {89, 256, 512, 1024},  {90, 256, 2048, 4096},
                            {100, 256, 4096, 8192}, {120, 256, 512, 1024}};

const Rates& rates_of(int capability) {
  const Rates* best = kRates;
  for (const Rates& rates : kRates)
    if (rates.capability <= capability) best = &rates;
  return *best;
}

}  // namespace

double cuda_peak_gflops(const CudaDevice& device, DataType type) {
  const Rates& rates = rates_of(device.capability);
  double per_clock = rates.f32;
  if (type == DataType::kTf32) per_clock = rates.tf32;
  if (type == DataType::kF16) per_clock = rates.half;
  if (is_integer(type)) per_clock = 2 * rates.half;  // of all of these
  if (type == DataType::kBf16) per_clock = device.capability >= 80 ? rates.half : rates.f32;
  return per_clock * device.multiprocessors * device.clock_ghz;
}

double cuda_limit_us(const ConvSpec& spec, const CudaDevice& device) {
  const std::int64_t batch = spec.open_batch() ? 1 : spec.n;
  const double arithmetic =
      2 * compulsory_macs(spec, batch) / cuda_peak_gflops(device, spec.x_type) / 1e3;
  const double bytes = compulsory_bytes(spec, batch);
  const double memory =
      bytes > static_cast<double>(device.l2_bytes) ? bytes / device.memory_gb_s / 1e3 : 0;
  return std::max(arithmetic, memory);
}

}  // namespace convoke
