// What the two halves of the cuDNN 8-bit peer share: a way to compute the problem, and the
// exception that carries cuDNN's status to the C functions of cudnn_int8.h, which no exception
// leaves.
#pragma once

#include <cudnn.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "cudnn_int8.h"

class CudnnError : public std::runtime_error {
 public:
  CudnnError(cudnnStatus_t code, const std::string& sentence)
      : std::runtime_error(sentence), status(code) {}
  cudnnStatus_t status;
};

/// Throws CudnnError with what cuDNN says about its last failure.
inline void check_cudnn(cudnnStatus_t status, const char* what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  char detail[512] = "";
  cudnnGetLastErrorString(detail, sizeof detail);
  throw CudnnError(status, std::string(what) + ": " + cudnnGetErrorString(status) +
                               (detail[0] != '\0' ? std::string(" (") + detail + ")" : ""));
}

/// One way to compute the problem it was made for. run() enqueues on the stream of `cudnn`.
class Way {
 public:
  Way() = default;
  Way(const Way&) = delete;
  Way& operator=(const Way&) = delete;
  virtual ~Way() = default;
  virtual void run(cudnnHandle_t cudnn, const CudnnInt8Buffers& buffers) = 0;

  std::string name;
  int64_t workspace_bytes = 0;
};

using Ways = std::vector<std::unique_ptr<Way>>;

/// Appends what each API offers. Refusals of cuDNN (not supported) end up as sentences in
/// `refused`; other failures are thrown.
void add_legacy_ways(cudnnHandle_t cudnn, const CudnnInt8Conv& conv, Ways& ways,
                     std::string& refused);
void add_graph_ways(cudnnHandle_t cudnn, const CudnnInt8Conv& conv, Ways& ways,
                    std::string& refused);
