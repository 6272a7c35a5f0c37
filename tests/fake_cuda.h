// A CUDA driver that runs in host memory: libfake_cuda.so answers the functions of cuda_abi.h,
// keeps count of what it is asked, and fails on demand. Tests open it by its path, programs through
// CONVOKE_CUDA_DRIVER. Read at every call:
//  FAKE_CUDA_VERSION     of cuDriverGetVersion, 13000
//  FAKE_CUDA_DEVICES     how many GPUs, 1
//  FAKE_CUDA_CAPABILITY  90
//  FAKE_CUDA_MEMORY      bytes of each GPU, 1 GiB
//  FAKE_CUDA_FAIL        "cuMemAlloc:2,cuLaunchKernelEx:719": functions and what they return; after
//                        a code that destroys a context (700 to 719) all calls that need one return
//                        it
// Kernels do not run: a launch is recorded, with the argument that the entry's declaration in the
// image (fake_nvrtc keeps the source in it) asks for. A launch whose context is not current fails,
// as does one on another context's stream.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/cuda_abi.h"
#include "templates/conv_types.h"
#include "templates/elementwise_config.h"

namespace convoke {

struct FakeLaunch {
  std::string entry;
  int device = 0;
  cu::LaunchConfig config{};
  unsigned cluster = 1;
  cu::Stream stream = nullptr;
  bool captured = false;            ///< recorded by a capture; a replay is recorded again
  cuda::ConvArgs args{};            ///< if the entry takes them
  elementwise::Args elementwise{};  ///< else
  std::string image;
};

struct FakeCuda {
  std::mutex mutex;
  std::vector<FakeLaunch> launches;
  int modules_loaded = 0, modules_unloaded = 0;
  int contexts = 0;                         ///< retained and not released
  int allocations = 0;                      ///< not freed
  int events = 0, streams = 0, graphs = 0;  ///< not destroyed
  int pointer_queries = 0;
  int unloaded_elsewhere = 0;  ///< modules unloaded while another context was current
  int shared_bytes = 0;        ///< of the last cuFuncSetAttribute
  int unsafe_in_capture = 0;   ///< calls that would have broken a capture of this thread
  int lost = 0;                ///< the result that destroyed the contexts
};

/// Of an opened library: dlsym(handle, "fake_cuda_state").
using FakeCudaState = FakeCuda* (*)();

}  // namespace convoke
