#include "tests/fake_cuda.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>

namespace convoke::cu {

// The driver's opaque things.
struct ContextOpaque {
  int device = 0;
};
struct ModuleOpaque {
  Context context = nullptr;
  std::string image;
};
struct FunctionOpaque {
  Module module = nullptr;
  std::string name;
  bool elementwise = false;  ///< its parameter is an elementwise::Args, else a cuda::ConvArgs
  int dynamic_shared = 48 << 10;
};
struct GraphOpaque {
  std::vector<FakeLaunch> launches;
};
struct GraphExecOpaque {
  std::vector<FakeLaunch> launches;
};
struct StreamOpaque {
  Context context = nullptr;
  std::optional<GraphOpaque> capture;
};
struct EventOpaque {
  double us = 0;
};

namespace {

constexpr double kLaunchUs = 10;  // of the fake's clock

FakeCuda state;
std::map<DevicePtr, std::pair<std::size_t, int>> memory;  // bytes, device
std::map<int, std::unique_ptr<ContextOpaque>> contexts;
std::vector<std::unique_ptr<FunctionOpaque>> functions;
double clock_us = 0;
thread_local std::vector<Context> current;
thread_local CaptureMode mode = CaptureMode::kGlobal;
thread_local int captures = 0;  // of this thread

long env_number(const char* name, long fallback) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? fallback : std::strtol(text, nullptr, 10);
}

Result asked_to_fail(const char* function) {
  const char* text = std::getenv("FAKE_CUDA_FAIL");
  if (text == nullptr) return Result::kSuccess;
  const std::string list = std::string(",") + text, name = std::string(",") + function + ":";
  const std::size_t at = list.find(name);
  if (at == list.npos) return Result::kSuccess;
  return static_cast<Result>(std::strtol(list.c_str() + at + name.size(), nullptr, 10));
}

Context current_context() { return current.empty() ? nullptr : current.back(); }

/// Of a call that needs a live context; the caller holds the mutex.
Result enter(const char* function, bool unsafe_in_capture = false) {
  // Most calls repeat the error that lost the context, some fail with others.
  if (state.lost != 0)
    return unsafe_in_capture ? Result::kUnknown : static_cast<Result>(state.lost);
  if (const Result asked = asked_to_fail(function); asked != Result::kSuccess) {
    if (static_cast<int>(asked) >= 700 && static_cast<int>(asked) <= 719 &&
        asked != Result::kLaunchOutOfResources)
      state.lost = static_cast<int>(asked);
    return asked;
  }
  if (current_context() == nullptr) return Result::kInvalidContext;
  if (unsafe_in_capture && captures > 0 && mode != CaptureMode::kRelaxed) ++state.unsafe_in_capture;
  return Result::kSuccess;
}

#define FAKE_ENTER(...)                                \
  const std::lock_guard<std::mutex> lock(state.mutex); \
  if (const Result result = enter(__VA_ARGS__); result != Result::kSuccess) return result

std::optional<std::pair<DevicePtr, std::pair<std::size_t, int>>> block_of(DevicePtr pointer) {
  auto after = memory.upper_bound(pointer);
  if (after == memory.begin()) return std::nullopt;
  const auto block = *--after;
  if (pointer >= block.first + block.second.first) return std::nullopt;
  return block;
}

Result cuInit(unsigned) { return asked_to_fail("cuInit"); }
Result cuDriverGetVersion(int* version) {
  *version = static_cast<int>(env_number("FAKE_CUDA_VERSION", 13000));
  return Result::kSuccess;
}
Result cuGetErrorName(Result result, const char** name) {
  static const std::map<Result, const char*> names = {
      {Result::kInvalidValue, "CUDA_ERROR_INVALID_VALUE"},
      {Result::kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY"},
      {Result::kNoDevice, "CUDA_ERROR_NO_DEVICE"},
      {Result::kInvalidImage, "CUDA_ERROR_INVALID_IMAGE"},
      {Result::kInvalidHandle, "CUDA_ERROR_INVALID_HANDLE"},
      {Result::kIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS"},
      {Result::kLaunchOutOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"},
      {Result::kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED"}};
  const auto found = names.find(result);
  *name = found == names.end() ? nullptr : found->second;
  return found == names.end() ? Result::kInvalidValue : Result::kSuccess;
}
Result cuGetErrorString(Result, const char** text) {
  *text = "a fake error";
  return Result::kSuccess;
}
Result cuDeviceGetCount(int* count) {
  *count = static_cast<int>(env_number("FAKE_CUDA_DEVICES", 1));
  return Result::kSuccess;
}
Result cuDeviceGet(Device* device, int ordinal) {
  *device = ordinal;
  return Result::kSuccess;
}
Result cuDeviceGetName(char* name, int bytes, Device device) {
  std::strncpy(name, device == 0 ? "Fake GPU" : "Other GPU", static_cast<std::size_t>(bytes));
  return Result::kSuccess;
}
Result cuDeviceTotalMem(std::size_t* bytes, Device) {
  *bytes = static_cast<std::size_t>(env_number("FAKE_CUDA_MEMORY", 1 << 30));
  return Result::kSuccess;
}
Result cuDeviceGetAttribute(int* value, DeviceAttribute attribute, Device) {
  const int capability = static_cast<int>(env_number("FAKE_CUDA_CAPABILITY", 90));
  const std::map<DeviceAttribute, int> values = {
      {DeviceAttribute::kClockRate, 1500000},
      {DeviceAttribute::kMultiprocessorCount, 100},
      {DeviceAttribute::kMemoryClockRate, 1000000},
      {DeviceAttribute::kGlobalMemoryBusWidth, 4096},
      {DeviceAttribute::kL2CacheSize, 32 << 20},
      {DeviceAttribute::kComputeCapabilityMajor, capability / 10},
      {DeviceAttribute::kComputeCapabilityMinor, capability % 10},
      {DeviceAttribute::kMaxSharedMemoryPerMultiprocessor, 228 << 10},
      {DeviceAttribute::kMaxSharedMemoryPerBlockOptin, 227 << 10}};
  const auto found = values.find(attribute);
  if (found == values.end()) return Result::kInvalidValue;
  *value = found->second;
  return Result::kSuccess;
}
Result cuDevicePrimaryCtxRetain(Context* context, Device device) {
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (const Result asked = asked_to_fail("cuDevicePrimaryCtxRetain"); asked != Result::kSuccess)
    return asked;
  auto& own = contexts[device];
  if (own == nullptr) own = std::make_unique<ContextOpaque>(ContextOpaque{device});
  *context = own.get();
  ++state.contexts;
  return Result::kSuccess;
}
Result cuDevicePrimaryCtxRelease(Device) {
  const std::lock_guard<std::mutex> lock(state.mutex);
  --state.contexts;
  return Result::kSuccess;
}
Result cuCtxGetCurrent(Context* context) {
  *context = current_context();
  return Result::kSuccess;
}
Result cuCtxPushCurrent(Context context) {
  current.push_back(context);
  return Result::kSuccess;
}
Result cuCtxPopCurrent(Context* context) {
  if (current.empty()) return Result::kInvalidContext;
  *context = current.back();
  current.pop_back();
  return Result::kSuccess;
}
Result cuCtxSynchronize() {
  FAKE_ENTER("cuCtxSynchronize", true);
  return Result::kSuccess;
}
Result cuThreadExchangeStreamCaptureMode(CaptureMode* other) {
  std::swap(mode, *other);
  return Result::kSuccess;
}
Result cuMemGetInfo(std::size_t* free, std::size_t* total) {
  const std::lock_guard<std::mutex> lock(state.mutex);
  *total = static_cast<std::size_t>(env_number("FAKE_CUDA_MEMORY", 1 << 30));
  *free = *total;
  for (const auto& block : memory) *free -= std::min(*free, block.second.first);
  return Result::kSuccess;
}
Result cuMemAlloc(DevicePtr* pointer, std::size_t bytes) {
  std::size_t free = 0, total = 0;
  cuMemGetInfo(&free, &total);
  FAKE_ENTER("cuMemAlloc", true);
  if (bytes == 0) return Result::kInvalidValue;
  if (bytes > free) return Result::kOutOfMemory;
  void* block = std::aligned_alloc(512, (bytes + 511) / 512 * 512);
  *pointer = reinterpret_cast<DevicePtr>(block);
  memory[*pointer] = {bytes, current_context()->device};
  ++state.allocations;
  return Result::kSuccess;
}
Result cuMemFree(DevicePtr pointer) {
  const std::lock_guard<std::mutex> lock(state.mutex);
  const Result result = enter("cuMemFree", true);
  // What a lost context held is gone with it, whatever the call says.
  if (result != Result::kSuccess && state.lost == 0) return result;
  if (memory.erase(pointer) == 0) return Result::kInvalidValue;
  std::free(reinterpret_cast<void*>(pointer));
  --state.allocations;
  return result;
}
Result cuMemcpyHtoD(DevicePtr to, const void* from, std::size_t bytes) {
  FAKE_ENTER("cuMemcpyHtoD", true);
  if (!block_of(to)) return Result::kInvalidValue;
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return Result::kSuccess;
}
Result cuMemcpyDtoH(void* to, DevicePtr from, std::size_t bytes) {
  FAKE_ENTER("cuMemcpyDtoH", true);
  if (!block_of(from)) return Result::kInvalidValue;
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return Result::kSuccess;
}
Result cuPointerGetAttribute(void* value, PointerAttribute attribute, DevicePtr pointer) {
  FAKE_ENTER("cuPointerGetAttribute");
  ++state.pointer_queries;
  const auto block = block_of(pointer);
  if (!block) return Result::kInvalidValue;
  const int device = block->second.second;
  if (attribute == PointerAttribute::kMemoryType) *static_cast<unsigned*>(value) = 2;
  if (attribute == PointerAttribute::kDeviceOrdinal) *static_cast<int*>(value) = device;
  if (attribute == PointerAttribute::kIsManaged) *static_cast<unsigned*>(value) = 0;
  if (attribute == PointerAttribute::kDevicePointer) *static_cast<DevicePtr*>(value) = pointer;
  return Result::kSuccess;
}
Result cuModuleLoadDataEx(Module* module, const void* image, unsigned, JitOption*, void** values) {
  FAKE_ENTER("cuModuleLoadDataEx", true);
  const std::string text = static_cast<const char*>(image);
  if (text.find("fake cubin") == text.npos && text.find(".version") == text.npos) {
    std::strcpy(static_cast<char*>(values[0]), "error: no code at all");
    return Result::kInvalidImage;
  }
  *module = new ModuleOpaque{current_context(), text};
  ++state.modules_loaded;
  return Result::kSuccess;
}
Result cuModuleUnload(Module module) {
  FAKE_ENTER("cuModuleUnload", true);
  if (module->context != current_context()) ++state.unloaded_elsewhere;
  delete module;
  ++state.modules_unloaded;
  return Result::kSuccess;
}
Result cuModuleGetFunction(Function* function, Module module, const char* name) {
  FAKE_ENTER("cuModuleGetFunction", true);
  const std::string declared = name + std::string("(const __grid_constant__ ");
  const std::size_t at = module->image.find(declared);
  if (at == std::string::npos) return Result::kNotFound;
  const bool elementwise = module->image.compare(at + declared.size(), 4, "ew::") == 0;
  functions.push_back(std::make_unique<FunctionOpaque>(FunctionOpaque{module, name, elementwise}));
  *function = functions.back().get();
  return Result::kSuccess;
}
Result cuFuncGetAttribute(int* value, FunctionAttribute, Function) {
  FAKE_ENTER("cuFuncGetAttribute");
  *value = 32;
  return Result::kSuccess;
}
Result cuFuncSetAttribute(Function function, FunctionAttribute attribute, int value) {
  FAKE_ENTER("cuFuncSetAttribute");
  if (attribute == FunctionAttribute::kMaxDynamicSharedSizeBytes) {
    if (value > 227 << 10) return Result::kInvalidValue;
    function->dynamic_shared = value;
    state.shared_bytes = value;
  }
  return Result::kSuccess;
}
Result cuLaunchKernelEx(const LaunchConfig* config, Function function, void** parameters, void**) {
  FAKE_ENTER("cuLaunchKernelEx");
  const Context context = function->module->context;
  if (context != current_context()) return Result::kInvalidContext;
  if (config->stream != nullptr && config->stream->context != context)
    return Result::kInvalidHandle;
  if (config->grid_x == 0 || config->block_x == 0 || config->block_x > 1024 ||
      static_cast<int>(config->shared_bytes) > function->dynamic_shared)
    return Result::kInvalidValue;
  FakeLaunch launch;
  launch.entry = function->name;
  launch.device = context->device;
  launch.config = *config;
  launch.stream = config->stream;
  launch.image = function->module->image;
  if (function->elementwise)
    std::memcpy(&launch.elementwise, parameters[0], sizeof launch.elementwise);
  else
    std::memcpy(&launch.args, parameters[0], sizeof launch.args);
  for (unsigned i = 0; i < config->attribute_count; ++i)
    if (config->attributes[i].id == LaunchAttributeId::kClusterDimension)
      launch.cluster = config->attributes[i].value.cluster_dim.x;
  if (config->stream != nullptr && config->stream->capture) {
    launch.captured = true;
    config->stream->capture->launches.push_back(launch);
  } else {
    clock_us += kLaunchUs;
  }
  state.launches.push_back(std::move(launch));
  return Result::kSuccess;
}
Result cuStreamCreate(Stream* stream, unsigned) {
  FAKE_ENTER("cuStreamCreate");
  *stream = new StreamOpaque{current_context(), {}};
  ++state.streams;
  return Result::kSuccess;
}
Result cuStreamDestroy(Stream stream) {
  const std::lock_guard<std::mutex> lock(state.mutex);
  delete stream;
  --state.streams;
  return Result::kSuccess;
}
Result cuStreamSynchronize(Stream) {
  FAKE_ENTER("cuStreamSynchronize");
  return Result::kSuccess;
}
Result cuStreamBeginCapture(Stream stream, CaptureMode) {
  FAKE_ENTER("cuStreamBeginCapture");
  stream->capture.emplace();
  ++captures;
  return Result::kSuccess;
}
Result cuStreamEndCapture(Stream stream, Graph* graph) {
  FAKE_ENTER("cuStreamEndCapture");
  *graph = new GraphOpaque(std::move(*stream->capture));
  stream->capture.reset();
  --captures;
  ++state.graphs;
  return Result::kSuccess;
}
Result cuGraphInstantiateWithFlags(GraphExec* executable, Graph graph, unsigned long long) {
  FAKE_ENTER("cuGraphInstantiateWithFlags");
  *executable = new GraphExecOpaque{graph->launches};
  ++state.graphs;
  return Result::kSuccess;
}
Result cuGraphUpload(GraphExec, Stream) {
  FAKE_ENTER("cuGraphUpload");
  return Result::kSuccess;
}
Result cuGraphLaunch(GraphExec executable, Stream) {
  FAKE_ENTER("cuGraphLaunch");
  for (FakeLaunch launch : executable->launches) {
    launch.captured = false;
    clock_us += kLaunchUs;
    state.launches.push_back(std::move(launch));
  }
  return Result::kSuccess;
}
Result cuGraphExecDestroy(GraphExec executable) {
  const std::lock_guard<std::mutex> lock(state.mutex);
  delete executable;
  --state.graphs;
  return Result::kSuccess;
}
Result cuGraphDestroy(Graph graph) {
  const std::lock_guard<std::mutex> lock(state.mutex);
  delete graph;
  --state.graphs;
  return Result::kSuccess;
}
Result cuEventCreate(Event* event, unsigned) {
  FAKE_ENTER("cuEventCreate");
  *event = new EventOpaque;
  ++state.events;
  return Result::kSuccess;
}
Result cuEventDestroy(Event event) {
  const std::lock_guard<std::mutex> lock(state.mutex);
  delete event;
  --state.events;
  return Result::kSuccess;
}
Result cuEventRecord(Event event, Stream) {
  FAKE_ENTER("cuEventRecord");
  event->us = clock_us;
  return Result::kSuccess;
}
Result cuEventSynchronize(Event) {
  FAKE_ENTER("cuEventSynchronize");
  return Result::kSuccess;
}
Result cuEventElapsedTime(float* milliseconds, Event start, Event end) {
  FAKE_ENTER("cuEventElapsedTime");
  *milliseconds = static_cast<float>((end->us - start->us) / 1e3);
  return Result::kSuccess;
}

/// Every function of the list, with the version that callers must ask for.
void* find(const std::string& symbol, int version) {
#define FAKE_ENTRY(name, since, parameters)                                                     \
  {                                                                                             \
    Result(*function) parameters = name;                                                        \
    if (symbol == #name) return version >= since ? reinterpret_cast<void*>(function) : nullptr; \
  }
  CONVOKE_CUDA_DRIVER_FUNCTIONS(FAKE_ENTRY)
#undef FAKE_ENTRY
  return nullptr;
}

}  // namespace
}  // namespace convoke::cu

#define FAKE_EXPORT extern "C" __attribute__((visibility("default")))

FAKE_EXPORT convoke::cu::Result cuDriverGetVersion(int* version) {
  return convoke::cu::cuDriverGetVersion(version);
}
FAKE_EXPORT convoke::cu::Result cuGetProcAddress_v2(const char* symbol, void** function,
                                                    int version, std::uint64_t, int*) {
  *function = convoke::cu::find(symbol, version);
  return *function == nullptr ? convoke::cu::Result::kNotFound : convoke::cu::Result::kSuccess;
}
FAKE_EXPORT convoke::FakeCuda* fake_cuda_state() { return &convoke::cu::state; }
