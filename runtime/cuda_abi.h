// Our own declarations of the CUDA driver's and NVRTC's binary interface, as far as we use them, so
// that neither the build nor a user needs a toolkit. Both interfaces are stable C: what is declared
// here is checked against the real headers by cuda_abi_test where those are installed. The two
// lists at the end are the only place that names a function; a new one is one line there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace convoke::cu {

using Device = int;
using DevicePtr = unsigned long long;
using Context = struct ContextOpaque*;
using Module = struct ModuleOpaque*;
using Function = struct FunctionOpaque*;
using Stream = struct StreamOpaque*;
using Event = struct EventOpaque*;
using Graph = struct GraphOpaque*;
using GraphExec = struct GraphExecOpaque*;
using GraphNode = struct GraphNodeOpaque*;

/// CUresult: the codes that are told apart; the driver names the others.
enum class Result : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kStubLibrary = 34,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kInvalidImage = 200,
  kInvalidContext = 201,
  kNoBinaryForGpu = 209,
  kEccUncorrectable = 214,
  kNvlinkUncorrectable = 220,
  kUnsupportedPtxVersion = 222,
  kContained = 226,
  kInvalidHandle = 400,
  kNotFound = 500,
  kIllegalAddress = 700,
  kLaunchOutOfResources = 701,
  kLaunchTimeout = 702,
  kContextIsDestroyed = 709,
  kAssert = 710,
  kHardwareStackError = 714,
  kIllegalInstruction = 715,
  kMisalignedAddress = 716,
  kInvalidAddressSpace = 717,
  kInvalidPc = 718,
  kLaunchFailed = 719,
  kSystemDriverMismatch = 803,
  kUnknown = 999,
};

enum class DeviceAttribute : int {
  kClockRate = 13,  ///< kHz
  kMultiprocessorCount = 16,
  kPciBusId = 33,
  kPciDeviceId = 34,
  kMemoryClockRate = 36,       ///< kHz
  kGlobalMemoryBusWidth = 37,  ///< bits
  kL2CacheSize = 38,
  kPciDomainId = 50,
  kComputeCapabilityMajor = 75,
  kComputeCapabilityMinor = 76,
  kMaxSharedMemoryPerMultiprocessor = 81,
  kMaxSharedMemoryPerBlockOptin = 97,
};

enum class FunctionAttribute : int {
  kMaxThreadsPerBlock = 0,
  kSharedSizeBytes = 1,
  kLocalSizeBytes = 3,
  kNumRegs = 4,
  kMaxDynamicSharedSizeBytes = 8,
  kNonPortableClusterSizeAllowed = 14,
};

enum class PointerAttribute : int {
  kMemoryType = 2,
  kDevicePointer = 3,
  kIsManaged = 8,
  kDeviceOrdinal = 9
};
inline constexpr unsigned kMemoryTypeDevice = 2;

enum class JitOption : int { kErrorLogBuffer = 5, kErrorLogBufferSizeBytes = 6 };

enum class CaptureMode : int { kGlobal = 0, kThreadLocal = 1, kRelaxed = 2 };

inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventDefault = 0;

enum class LaunchAttributeId : int {
  kClusterDimension = 4,
  kProgrammaticStreamSerialization = 6,
};

struct LaunchAttribute {
  LaunchAttributeId id;
  char pad[4];
  union Value {
    char size[64];
    struct {
      unsigned x, y, z;
    } cluster_dim;
    int programmatic_stream_serialization_allowed;
  } value;
};

struct LaunchConfig {
  unsigned grid_x, grid_y, grid_z;
  unsigned block_x, block_y, block_z;
  unsigned shared_bytes;
  Stream stream;
  LaunchAttribute* attributes;
  unsigned attribute_count;
};

/// nvrtcResult.
enum class NvrtcResult : int { kSuccess = 0, kCompilation = 6 };
using NvrtcProgram = struct NvrtcProgramOpaque*;

}  // namespace convoke::cu

/// X(name, version, parameters): the driver's functions that return a Result. `version` is the CUDA
/// version whose binary interface is meant, 1000 * major + 10 * minor, as cuGetProcAddress takes it
/// (and as cudaTypedefs.h spells it in PFN_name_vVERSION): cuMemAlloc of 3020 is cuMemAlloc_v2.
// clang-format off
#define CONVOKE_CUDA_DRIVER_FUNCTIONS(X)                                                          \
  X(cuInit, 2000, (unsigned flags))                                                               \
  X(cuDriverGetVersion, 2020, (int* version))                                                     \
  X(cuGetErrorName, 6000, (cu::Result result, const char** name))                                 \
  X(cuGetErrorString, 6000, (cu::Result result, const char** text))                               \
  X(cuDeviceGetCount, 2000, (int* count))                                                         \
  X(cuDeviceGet, 2000, (cu::Device* device, int ordinal))                                         \
  X(cuDeviceGetName, 2000, (char* name, int bytes, cu::Device device))                            \
  X(cuDeviceTotalMem, 3020, (std::size_t* bytes, cu::Device device))                              \
  X(cuDeviceGetAttribute, 2000, (int* value, cu::DeviceAttribute attribute, cu::Device device))   \
  X(cuDevicePrimaryCtxRetain, 7000, (cu::Context* context, cu::Device device))                    \
  X(cuDevicePrimaryCtxRelease, 11000, (cu::Device device))                                        \
  X(cuCtxGetCurrent, 4000, (cu::Context* context))                                                \
  X(cuCtxPushCurrent, 4000, (cu::Context context))                                                \
  X(cuCtxPopCurrent, 4000, (cu::Context* context))                                                \
  X(cuCtxSynchronize, 2000, ())                                                                   \
  X(cuThreadExchangeStreamCaptureMode, 10010, (cu::CaptureMode* mode))                            \
  X(cuMemGetInfo, 3020, (std::size_t* free, std::size_t* total))                                  \
  X(cuMemAlloc, 3020, (cu::DevicePtr* pointer, std::size_t bytes))                                \
  X(cuMemFree, 3020, (cu::DevicePtr pointer))                                                     \
  X(cuMemcpyHtoD, 3020, (cu::DevicePtr to, const void* from, std::size_t bytes))                  \
  X(cuMemcpyDtoH, 3020, (void* to, cu::DevicePtr from, std::size_t bytes))                        \
  X(cuPointerGetAttribute, 4000,                                                                  \
    (void* value, cu::PointerAttribute attribute, cu::DevicePtr pointer))                         \
  X(cuModuleLoadDataEx, 2010,                                                                     \
    (cu::Module* module, const void* image, unsigned options, cu::JitOption* names,               \
     void** values))                                                                              \
  X(cuModuleUnload, 2000, (cu::Module module))                                                    \
  X(cuModuleGetFunction, 2000, (cu::Function* function, cu::Module module, const char* name))     \
  X(cuFuncGetAttribute, 2020,                                                                     \
    (int* value, cu::FunctionAttribute attribute, cu::Function function))                         \
  X(cuFuncSetAttribute, 9000, (cu::Function function, cu::FunctionAttribute attribute, int value)) \
  X(cuLaunchKernelEx, 11060,                                                                      \
    (const cu::LaunchConfig* config, cu::Function function, void** parameters, void** extra))     \
  X(cuStreamCreate, 2000, (cu::Stream* stream, unsigned flags))                                   \
  X(cuStreamDestroy, 4000, (cu::Stream stream))                                                   \
  X(cuStreamSynchronize, 2000, (cu::Stream stream))                                               \
  X(cuStreamBeginCapture, 10010, (cu::Stream stream, cu::CaptureMode mode))                       \
  X(cuStreamEndCapture, 10000, (cu::Stream stream, cu::Graph* graph))                             \
  X(cuGraphInstantiateWithFlags, 11040,                                                           \
    (cu::GraphExec* executable, cu::Graph graph, unsigned long long flags))                       \
  X(cuGraphUpload, 11010, (cu::GraphExec executable, cu::Stream stream))                          \
  X(cuGraphLaunch, 10000, (cu::GraphExec executable, cu::Stream stream))                          \
  X(cuGraphExecDestroy, 10000, (cu::GraphExec executable))                                        \
  X(cuGraphDestroy, 10000, (cu::Graph graph))                                                     \
  X(cuEventCreate, 2000, (cu::Event* event, unsigned flags))                                      \
  X(cuEventDestroy, 4000, (cu::Event event))                                                      \
  X(cuEventRecord, 2000, (cu::Event event, cu::Stream stream))                                    \
  X(cuEventSynchronize, 2000, (cu::Event event))                                                  \
  X(cuEventElapsedTime, 2000, (float* milliseconds, cu::Event start, cu::Event end))

/// X(name, parameters): NVRTC's functions that return an NvrtcResult. NVRTC has one version of each.
#define CONVOKE_NVRTC_FUNCTIONS(X)                                                                \
  X(nvrtcVersion, (int* major, int* minor))                                                       \
  X(nvrtcGetNumSupportedArchs, (int* count))                                                      \
  X(nvrtcGetSupportedArchs, (int* archs))                                                         \
  X(nvrtcCreateProgram,                                                                           \
    (cu::NvrtcProgram* program, const char* source, const char* name, int headers,                \
     const char* const* texts, const char* const* names))                                         \
  X(nvrtcDestroyProgram, (cu::NvrtcProgram* program))                                             \
  X(nvrtcCompileProgram, (cu::NvrtcProgram program, int count, const char* const* options))       \
  X(nvrtcGetPTXSize, (cu::NvrtcProgram program, std::size_t* bytes))                              \
  X(nvrtcGetPTX, (cu::NvrtcProgram program, char* ptx))                                           \
  X(nvrtcGetCUBINSize, (cu::NvrtcProgram program, std::size_t* bytes))                            \
  X(nvrtcGetCUBIN, (cu::NvrtcProgram program, char* cubin))                                       \
  X(nvrtcGetProgramLogSize, (cu::NvrtcProgram program, std::size_t* bytes))                       \
  X(nvrtcGetProgramLog, (cu::NvrtcProgram program, char* log))
// clang-format on
