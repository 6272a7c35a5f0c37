// The C functions of cudnn_int8.h: checks of what a caller passes, and the border that no exception
// crosses.
#include "cudnn_int8.h"

#include <cstdint>
#include <limits>
#include <utility>

#include "cudnn_int8_way.h"

namespace {

// convoke_status
constexpr int32_t kUsage = 2, kUnsupported = 3, kDevice = 4;

thread_local std::string last_error;

int32_t fail(int32_t status, std::string sentence) {
  last_error = std::move(sentence);
  return status;
}

struct Problem {
  Problem() = default;
  Problem(const Problem&) = delete;
  Problem& operator=(const Problem&) = delete;
  ~Problem() {
    ways.clear();  // before the handle that they were made with
    if (cudnn != nullptr) cudnnDestroy(cudnn);
  }

  cudnnHandle_t cudnn = nullptr;
  Ways ways;
};

const Problem& problem(const void* handle) { return *static_cast<const Problem*>(handle); }

/// Why `conv` is no convolution that cuDNN's interface can express, or "".
std::string malformed(const CudnnInt8Conv& conv) {
  const struct {
    const char* name;
    int64_t value, least;
  } numbers[] = {
      {"n", conv.n, 1},
      {"c", conv.c, 1},
      {"h", conv.h, 1},
      {"w", conv.w, 1},
      {"k", conv.k, 1},
      {"r", conv.r, 1},
      {"s", conv.s, 1},
      {"p", conv.p, 1},
      {"q", conv.q, 1},
      {"groups", conv.groups, 1},
      {"stride_h", conv.stride_h, 1},
      {"stride_w", conv.stride_w, 1},
      {"dilation_h", conv.dilation_h, 1},
      {"dilation_w", conv.dilation_w, 1},
      {"pad_h", conv.pad_h, 0},
      {"pad_w", conv.pad_w, 0},
      {"max_engines", conv.max_engines, 0},
  };
  for (const auto& [name, value, least] : numbers) {
    if (value < least || value > std::numeric_limits<int>::max()) {
      return std::string(name) + " is " + std::to_string(value) + ", it must be " +
             std::to_string(least) + " to " + std::to_string(std::numeric_limits<int>::max());
    }
  }
  if (conv.c % conv.groups != 0 || conv.k % conv.groups != 0) {
    return std::to_string(conv.groups) + " groups divide neither c nor k evenly: c is " +
           std::to_string(conv.c) + ", k is " + std::to_string(conv.k);
  }
  return "";
}

/// cuDNN's reasons name no channels, though they are nearly always why.
std::string channels_of(const CudnnInt8Conv& conv) {
  constexpr int64_t kMultiple = 4;
  const int64_t c = conv.c / conv.groups, k = conv.k / conv.groups;
  if (c % kMultiple == 0 && k % kMultiple == 0) return "";
  return " (of each group C is " + std::to_string(c) + " and K is " + std::to_string(k) +
         "; its 8-bit NHWC kernels want multiples of " + std::to_string(kMultiple) + ')';
}

int32_t create(const CudnnInt8Conv& conv, void** handle) {
  if (const std::string wrong = malformed(conv); !wrong.empty()) return fail(kUsage, wrong);
  auto made = std::make_unique<Problem>();
  if (const auto status = cudnnCreate(&made->cudnn); status != CUDNN_STATUS_SUCCESS) {
    made->cudnn = nullptr;
    return fail(kDevice,
                std::string("cuDNN finds no device that works: ") + cudnnGetErrorString(status));
  }
  std::string refused;
  add_legacy_ways(made->cudnn, conv, made->ways, refused);
  if (conv.max_engines > 0) add_graph_ways(made->cudnn, conv, made->ways, refused);
  if (made->ways.empty()) {
    return fail(kUnsupported,
                "cuDNN offers no 8-bit convolution for this problem" + channels_of(conv) + refused);
  }
  *handle = made.release();
  return 0;
}

int32_t run(Problem& problem, int64_t number, const CudnnInt8Buffers& buffers, void* stream) {
  if (number < 0 || number >= static_cast<int64_t>(problem.ways.size())) {
    return fail(kUsage, "way " + std::to_string(number) + " of " +
                            std::to_string(problem.ways.size()) + " is not there");
  }
  Way& way = *problem.ways[static_cast<size_t>(number)];
  if (buffers.x == nullptr || buffers.w == nullptr || buffers.scale == nullptr ||
      buffers.bias == nullptr || buffers.y == nullptr) {
    return fail(kUsage, "x, w, scale, bias or y is null");
  }
  if (buffers.workspace_bytes < way.workspace_bytes ||
      (buffers.workspace == nullptr && way.workspace_bytes > 0)) {
    return fail(kUsage, way.name + " needs a workspace of " + std::to_string(way.workspace_bytes) +
                            " bytes, not " + std::to_string(buffers.workspace_bytes));
  }
  check_cudnn(cudnnSetStream(problem.cudnn, static_cast<cudaStream_t>(stream)), "stream");
  way.run(problem.cudnn, buffers);
  return 0;
}

/// Calls `body` and turns what it throws into a status and a sentence.
template <typename Body>
int32_t guarded(Body&& body) {
  try {
    return body();
  } catch (const CudnnError& error) {
    // CUDNN_STATUS_NOT_SUPPORTED and its details are 3000 to 3999.
    return fail(error.status / 1000 == 3 ? kUnsupported : kDevice, error.what());
  } catch (const std::exception& error) {
    return fail(kDevice, error.what());
  }
}

}  // namespace

const char* cudnn_int8_version() {
  static const std::string text = [] {
    const size_t v = cudnnGetVersion();
    return "cuDNN " + std::to_string(v / 10000) + '.' + std::to_string(v / 100 % 100) + '.' +
           std::to_string(v % 100);
  }();
  return text.c_str();
}

const char* cudnn_int8_last_error() { return last_error.c_str(); }

int32_t cudnn_int8_create(const CudnnInt8Conv* conv, void** handle) {
  return guarded([&] { return create(*conv, handle); });
}

int64_t cudnn_int8_count(const void* handle) {
  return static_cast<int64_t>(problem(handle).ways.size());
}

const char* cudnn_int8_name(const void* handle, int64_t way) {
  return problem(handle).ways.at(static_cast<size_t>(way))->name.c_str();
}

int64_t cudnn_int8_workspace_bytes(const void* handle, int64_t way) {
  return problem(handle).ways.at(static_cast<size_t>(way))->workspace_bytes;
}

int32_t cudnn_int8_run(void* handle, int64_t way, const CudnnInt8Buffers* buffers, void* stream) {
  return guarded([&] { return run(*static_cast<Problem*>(handle), way, *buffers, stream); });
}

void cudnn_int8_destroy(void* handle) { delete static_cast<Problem*>(handle); }
