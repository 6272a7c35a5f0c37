#include "runtime/cuda_context.h"

#include <fmt/format.h>

#include <fstream>

#include "convoke/error.h"

namespace convoke {
namespace {

constexpr int kMinCapability = 75;

[[noreturn]] void refuse(const std::string& sentence) { throw Error(ErrorCode::kDevice, sentence); }

/// Errors that destroy the context: the driver answers every later call with the same.
bool loses_context(cu::Result result) {
  switch (result) {
    case cu::Result::kEccUncorrectable:
    case cu::Result::kNvlinkUncorrectable:
    case cu::Result::kContained:
    case cu::Result::kIllegalAddress:
    case cu::Result::kLaunchTimeout:
    case cu::Result::kContextIsDestroyed:
    case cu::Result::kAssert:
    case cu::Result::kHardwareStackError:
    case cu::Result::kIllegalInstruction:
    case cu::Result::kMisalignedAddress:
    case cu::Result::kInvalidAddressSpace:
    case cu::Result::kInvalidPc:
    case cu::Result::kLaunchFailed:
      return true;
    default:
      return false;
  }
}

void start(const CudaDriver& driver) {
  const cu::Result result = driver.cuInit(0);
  if (result == cu::Result::kSuccess) return;
  const std::string what = driver.describe(result);
  if (result == cu::Result::kNoDevice)
    refuse(
        fmt::format("no NVIDIA GPU: the driver {} finds none ({}); check nvidia-smi and "
                    "CUDA_VISIBLE_DEVICES",
                    driver.path(), what));
  if (result == cu::Result::kSystemDriverMismatch)
    refuse(
        fmt::format("the CUDA driver {} does not fit the kernel's module ({}): restart the "
                    "machine after an update",
                    driver.path(), what));
  if (result == cu::Result::kStubLibrary)
    refuse(
        fmt::format("{} is the toolkit's stub and no driver: install NVIDIA's driver, or take "
                    "the stubs folder out of LD_LIBRARY_PATH",
                    driver.path()));
  refuse(fmt::format("the CUDA driver {} does not start: {}", driver.path(), what));
}

/// Data rate of a memory bus: two transfers a clock.
double bandwidth_gb_s(double clock_khz, double bus_bits) {
  return 2 * clock_khz * 1e3 * bus_bits / 8 / 1e9;
}

CudaDevice figures(const CudaDriver& driver, cu::Device handle, int capability) {
  const auto get = [&](cu::DeviceAttribute attribute) {
    int value = 0;
    const cu::Result result = driver.cuDeviceGetAttribute(&value, attribute, handle);
    if (result != cu::Result::kSuccess)
      refuse(fmt::format("the GPU does not tell attribute {}: {}", static_cast<int>(attribute),
                         driver.describe(result)));
    return value;
  };
  using A = cu::DeviceAttribute;
  // The nearest architecture of the table: stands in for figures that a driver withholds.
  CudaDevice device = known_cuda_devices().front();
  for (const CudaDevice& known : known_cuda_devices())
    if (known.capability <= capability) device = known;
  device.capability = capability;
  device.arch_specific = capability >= 90;
  device.multiprocessors = get(A::kMultiprocessorCount);
  device.shared_bytes_block = get(A::kMaxSharedMemoryPerBlockOptin);
  device.shared_bytes_sm = get(A::kMaxSharedMemoryPerMultiprocessor);
  device.l2_bytes = get(A::kL2CacheSize);
  if (const int khz = get(A::kClockRate); khz > 0) device.clock_ghz = khz / 1e6;
  const double gb_s = bandwidth_gb_s(get(A::kMemoryClockRate), get(A::kGlobalMemoryBusWidth));
  if (gb_s > 0) device.memory_gb_s = gb_s;
  return device;
}

}  // namespace

int count_cuda_gpus(const CudaDriver& driver) {
  start(driver);
  int count = 0;
  const cu::Result result = driver.cuDeviceGetCount(&count);
  if (result != cu::Result::kSuccess)
    refuse(fmt::format("cannot count the GPUs: {}", driver.describe(result)));
  if (count == 0)
    refuse("no NVIDIA GPU: the driver lists none; check nvidia-smi and CUDA_VISIBLE_DEVICES");
  return count;
}

CudaGpu find_cuda_gpu(const CudaDriver& driver, int ordinal) {
  const int count = count_cuda_gpus(driver);
  if (ordinal < 0 || ordinal >= count)
    refuse(fmt::format("no GPU cuda:{}: there {} of them, from cuda:0 on", ordinal,
                       count == 1 ? "is 1" : fmt::format("are {}", count)));
  CudaGpu gpu;
  gpu.ordinal = ordinal;
  char name[256] = "";
  std::size_t bytes = 0;
  int major = 0, minor = 0;
  for (const cu::Result result :
       {driver.cuDeviceGet(&gpu.handle, ordinal),
        driver.cuDeviceGetName(name, sizeof name, gpu.handle),
        driver.cuDeviceTotalMem(&bytes, gpu.handle),
        driver.cuDeviceGetAttribute(&major, cu::DeviceAttribute::kComputeCapabilityMajor,
                                    gpu.handle),
        driver.cuDeviceGetAttribute(&minor, cu::DeviceAttribute::kComputeCapabilityMinor,
                                    gpu.handle)})
    if (result != cu::Result::kSuccess)
      refuse(fmt::format("cuda:{} does not answer: {}", ordinal, driver.describe(result)));
  gpu.name = name;
  gpu.memory_bytes = static_cast<std::int64_t>(bytes);
  const int capability = 10 * major + minor;
  if (capability < kMinCapability)
    refuse(fmt::format("cuda:{} ({}) has compute capability {}.{}: 7.5 (Turing) or later is needed",
                       ordinal, gpu.name, major, minor));
  const auto pci = [&](cu::DeviceAttribute attribute) {
    int value = 0;
    driver.cuDeviceGetAttribute(&value, attribute, gpu.handle);
    return value;
  };
  gpu.pci_bus_id =
      fmt::format("{:08x}:{:02x}:{:02x}.0", pci(cu::DeviceAttribute::kPciDomainId),
                  pci(cu::DeviceAttribute::kPciBusId), pci(cu::DeviceAttribute::kPciDeviceId));
  gpu.device = figures(driver, gpu.handle, capability);
  return gpu;
}

std::string cuda_module_release() {
  std::string release;
  std::ifstream("/sys/module/nvidia/version") >> release;
  return release;
}

CudaContext::CudaContext(const CudaDriver& driver, int ordinal)
    : driver_(driver), gpu_(find_cuda_gpu(driver, ordinal)) {
  check(driver.cuDevicePrimaryCtxRetain(&handle_, gpu_.handle), "opening the GPU's context");
}

CudaContext::~CudaContext() {
  // At the end of a process the driver may be gone already, which is fine.
  if (handle_ != nullptr) driver_.cuDevicePrimaryCtxRelease(gpu_.handle);
}

std::string CudaContext::name() const { return fmt::format("cuda:{}", gpu_.ordinal); }

void CudaContext::fail(cu::Result result, const std::string& doing) const {
  if (loses_context(result)) {
    cu::Result none = cu::Result::kSuccess;
    lost_.compare_exchange_strong(none, result);
  }
  const cu::Result lost = lost_.load();
  if (lost != cu::Result::kSuccess)
    refuse(
        fmt::format("the context of {} is lost by {}, noticed when {}: its buffers and kernels "
                    "are gone, start the process again",
                    name(), driver_.describe(lost), doing));
  refuse(fmt::format("{} on {} failed: {}", doing, name(), driver_.describe(result)));
}

void CudaContext::find_usable(const char* buffer, const void* pointer) const {
  const auto address = static_cast<cu::DevicePtr>(reinterpret_cast<std::uintptr_t>(pointer));
  unsigned kind = 0;
  cu::Result result =
      driver_.cuPointerGetAttribute(&kind, cu::PointerAttribute::kMemoryType, address);
  if (result == cu::Result::kInvalidValue || (result == cu::Result::kSuccess && kind == 0))
    throw Error(ErrorCode::kUsage,
                fmt::format("{} at {} is host memory: a plan of {} takes memory of the GPU "
                            "(cudaMalloc), managed or pinned memory",
                            buffer, fmt::ptr(pointer), name()));
  check(result, "looking at a pointer");
  if (kind == cu::kMemoryTypeDevice) {
    // The driver gives a device pointer for memory of any GPU, within reach or not.
    int ordinal = -1;
    unsigned managed = 0;
    check(driver_.cuPointerGetAttribute(&ordinal, cu::PointerAttribute::kDeviceOrdinal, address),
          "looking at a pointer");
    check(driver_.cuPointerGetAttribute(&managed, cu::PointerAttribute::kIsManaged, address),
          "looking at a pointer");
    if (ordinal != gpu_.ordinal && managed == 0)
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} at {} is memory of cuda:{}: a plan of {} takes memory of its own "
                              "GPU, managed or pinned memory",
                              buffer, fmt::ptr(pointer), ordinal, name()));
  } else {
    cu::DevicePtr here = 0;
    result = driver_.cuPointerGetAttribute(&here, cu::PointerAttribute::kDevicePointer, address);
    if (result == cu::Result::kInvalidValue || (result == cu::Result::kSuccess && here != address))
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} at {} is host memory that is not mapped for {} at that address",
                              buffer, fmt::ptr(pointer), name()));
    check(result, "looking at a pointer");
  }
  const auto place = (reinterpret_cast<std::uintptr_t>(pointer) >> 8) % usable_.size();
  usable_[place].store(pointer, std::memory_order_relaxed);
}

}  // namespace convoke
