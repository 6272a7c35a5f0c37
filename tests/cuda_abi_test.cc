// Our declarations of the driver's and NVRTC's binary interface against the real headers, where
// those are installed: sizes, offsets, values, and the parameters of every function in the lists.
#include "runtime/cuda_abi.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <type_traits>

namespace convoke {
namespace {

// Before the real headers, whose macros rename functions (cuMemAlloc is cuMemAlloc_v2).
namespace ours {
#define CONVOKE_TYPE(name, version, parameters) using name = cu::Result(*) parameters;
CONVOKE_CUDA_DRIVER_FUNCTIONS(CONVOKE_TYPE)
#undef CONVOKE_TYPE
#define CONVOKE_TYPE(name, parameters) using name = cu::NvrtcResult(*) parameters;
CONVOKE_NVRTC_FUNCTIONS(CONVOKE_TYPE)
#undef CONVOKE_TYPE
}  // namespace ours

/// A parameter is passed the same way: both pointers, or integers of one size.
template <class A, class B>
constexpr bool passed_alike = std::is_pointer_v<A> == std::is_pointer_v<B> &&
                              sizeof(A) == sizeof(B);

template <class A, class B>
struct SameCall : std::false_type {};
template <class RA, class... A, class RB, class... B>
requires(sizeof...(A) == sizeof...(B)) struct SameCall<RA (*)(A...), RB (*)(B...)>
    : std::bool_constant<passed_alike<RA, RB> && (passed_alike<A, B> && ...)> {
};

TEST(CudaAbi, NoticesAnotherCall) {
  EXPECT_TRUE((SameCall<int (*)(void*, int), unsigned (*)(char*, unsigned)>::value));
  EXPECT_FALSE((SameCall<int (*)(void*), int (*)(void*, int)>::value));
  EXPECT_FALSE((SameCall<int (*)(int), int (*)(long)>::value));
  EXPECT_FALSE((SameCall<int (*)(void*), int (*)(long)>::value));
}

}  // namespace
}  // namespace convoke

#if __has_include(<cuda.h>) && __has_include(<cudaTypedefs.h>)
#include <cuda.h>
#include <cudaTypedefs.h>

namespace convoke {
namespace {

// The list names functions as cuda.h's macros do not: the token must reach PFN_ unexpanded.
#define CONVOKE_CHECK(name, version, parameters)                      \
  static_assert(SameCall<ours::name, PFN_##name##_v##version>::value, \
                #name " is declared otherwise in cudaTypedefs.h");
#undef cuDeviceTotalMem
#undef cuMemGetInfo
#undef cuMemAlloc
#undef cuMemFree
#undef cuMemcpyHtoD
#undef cuMemcpyDtoH
#undef cuCtxPopCurrent
#undef cuCtxPushCurrent
#undef cuStreamDestroy
#undef cuEventDestroy
#undef cuStreamBeginCapture
#undef cuDevicePrimaryCtxRelease
#undef cuEventElapsedTime
#undef cuGetProcAddress
CONVOKE_CUDA_DRIVER_FUNCTIONS(CONVOKE_CHECK)
#undef CONVOKE_CHECK

TEST(CudaAbi, DriverValues) {
  const auto same = [](auto ours, auto theirs) {
    EXPECT_EQ(static_cast<long long>(ours), static_cast<long long>(theirs));
  };
  using R = cu::Result;
  same(R::kSuccess, CUDA_SUCCESS), same(R::kInvalidValue, CUDA_ERROR_INVALID_VALUE);
  same(R::kOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY), same(R::kNoDevice, CUDA_ERROR_NO_DEVICE);
  same(R::kStubLibrary, CUDA_ERROR_STUB_LIBRARY);
  same(R::kInvalidDevice, CUDA_ERROR_INVALID_DEVICE);
  same(R::kInvalidImage, CUDA_ERROR_INVALID_IMAGE);
  same(R::kInvalidContext, CUDA_ERROR_INVALID_CONTEXT);
  same(R::kNoBinaryForGpu, CUDA_ERROR_NO_BINARY_FOR_GPU);
  same(R::kEccUncorrectable, CUDA_ERROR_ECC_UNCORRECTABLE);
  same(R::kNvlinkUncorrectable, CUDA_ERROR_NVLINK_UNCORRECTABLE);
  same(R::kUnsupportedPtxVersion, CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
  same(R::kInvalidHandle, CUDA_ERROR_INVALID_HANDLE), same(R::kNotFound, CUDA_ERROR_NOT_FOUND);
  same(R::kIllegalAddress, CUDA_ERROR_ILLEGAL_ADDRESS);
  same(R::kLaunchOutOfResources, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  same(R::kLaunchTimeout, CUDA_ERROR_LAUNCH_TIMEOUT);
  same(R::kContextIsDestroyed, CUDA_ERROR_CONTEXT_IS_DESTROYED);
  same(R::kAssert, CUDA_ERROR_ASSERT);
  same(R::kHardwareStackError, CUDA_ERROR_HARDWARE_STACK_ERROR);
  same(R::kIllegalInstruction, CUDA_ERROR_ILLEGAL_INSTRUCTION);
  same(R::kMisalignedAddress, CUDA_ERROR_MISALIGNED_ADDRESS);
  same(R::kInvalidAddressSpace, CUDA_ERROR_INVALID_ADDRESS_SPACE);
  same(R::kInvalidPc, CUDA_ERROR_INVALID_PC), same(R::kLaunchFailed, CUDA_ERROR_LAUNCH_FAILED);
  same(R::kSystemDriverMismatch, CUDA_ERROR_SYSTEM_DRIVER_MISMATCH);
  same(R::kUnknown, CUDA_ERROR_UNKNOWN);

  using D = cu::DeviceAttribute;
  same(D::kClockRate, CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
  same(D::kMultiprocessorCount, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  same(D::kPciBusId, CU_DEVICE_ATTRIBUTE_PCI_BUS_ID);
  same(D::kPciDeviceId, CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID);
  same(D::kPciDomainId, CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID);
  same(D::kMemoryClockRate, CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE);
  same(D::kGlobalMemoryBusWidth, CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH);
  same(D::kL2CacheSize, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
  same(D::kComputeCapabilityMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  same(D::kComputeCapabilityMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  same(D::kMaxSharedMemoryPerMultiprocessor,
       CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR);
  same(D::kMaxSharedMemoryPerBlockOptin, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);

  using F = cu::FunctionAttribute;
  same(F::kMaxThreadsPerBlock, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
  same(F::kSharedSizeBytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
  same(F::kLocalSizeBytes, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
  same(F::kNumRegs, CU_FUNC_ATTRIBUTE_NUM_REGS);
  same(F::kMaxDynamicSharedSizeBytes, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
  same(F::kNonPortableClusterSizeAllowed, CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED);

  same(cu::PointerAttribute::kMemoryType, CU_POINTER_ATTRIBUTE_MEMORY_TYPE);
  same(cu::PointerAttribute::kDevicePointer, CU_POINTER_ATTRIBUTE_DEVICE_POINTER);
  same(cu::PointerAttribute::kDeviceOrdinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL);
  same(cu::PointerAttribute::kIsManaged, CU_POINTER_ATTRIBUTE_IS_MANAGED);
  EXPECT_EQ(cu::kMemoryTypeDevice, static_cast<unsigned>(CU_MEMORYTYPE_DEVICE));
  same(cu::JitOption::kErrorLogBuffer, CU_JIT_ERROR_LOG_BUFFER);
  same(cu::JitOption::kErrorLogBufferSizeBytes, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
  same(cu::CaptureMode::kGlobal, CU_STREAM_CAPTURE_MODE_GLOBAL);
  same(cu::CaptureMode::kThreadLocal, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
  same(cu::CaptureMode::kRelaxed, CU_STREAM_CAPTURE_MODE_RELAXED);
  same(cu::kStreamNonBlocking, CU_STREAM_NON_BLOCKING);
  same(cu::kEventDefault, CU_EVENT_DEFAULT);
  same(cu::LaunchAttributeId::kClusterDimension, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
  same(cu::LaunchAttributeId::kProgrammaticStreamSerialization,
       CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
}

TEST(CudaAbi, LaunchStructs) {
  EXPECT_EQ(sizeof(cu::DevicePtr), sizeof(CUdeviceptr));
  EXPECT_EQ(sizeof(cu::Device), sizeof(CUdevice));
  EXPECT_EQ(sizeof(cu::LaunchConfig), sizeof(CUlaunchConfig));
  EXPECT_EQ(offsetof(cu::LaunchConfig, grid_x), offsetof(CUlaunchConfig, gridDimX));
  EXPECT_EQ(offsetof(cu::LaunchConfig, block_x), offsetof(CUlaunchConfig, blockDimX));
  EXPECT_EQ(offsetof(cu::LaunchConfig, shared_bytes), offsetof(CUlaunchConfig, sharedMemBytes));
  EXPECT_EQ(offsetof(cu::LaunchConfig, stream), offsetof(CUlaunchConfig, hStream));
  EXPECT_EQ(offsetof(cu::LaunchConfig, attributes), offsetof(CUlaunchConfig, attrs));
  EXPECT_EQ(offsetof(cu::LaunchConfig, attribute_count), offsetof(CUlaunchConfig, numAttrs));
  EXPECT_EQ(sizeof(cu::LaunchAttribute), sizeof(CUlaunchAttribute));
  EXPECT_EQ(offsetof(cu::LaunchAttribute, value), offsetof(CUlaunchAttribute, value));
  EXPECT_EQ(sizeof(cu::LaunchAttribute::Value), sizeof(CUlaunchAttributeValue));
  EXPECT_EQ(offsetof(cu::LaunchAttribute::Value, cluster_dim.z),
            offsetof(CUlaunchAttributeValue, clusterDim.z));
}

}  // namespace
}  // namespace convoke
#endif

#if __has_include(<nvrtc.h>)
#include <nvrtc.h>

namespace convoke {
namespace {

#define CONVOKE_CHECK(name, parameters)                         \
  static_assert(SameCall<ours::name, decltype(&::name)>::value, \
                #name " is declared otherwise in nvrtc.h");
CONVOKE_NVRTC_FUNCTIONS(CONVOKE_CHECK)
#undef CONVOKE_CHECK
static_assert(static_cast<int>(cu::NvrtcResult::kSuccess) == NVRTC_SUCCESS);
static_assert(static_cast<int>(cu::NvrtcResult::kCompilation) == NVRTC_ERROR_COMPILATION);

}  // namespace
}  // namespace convoke
#endif
