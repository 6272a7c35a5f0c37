// cuDNN's forward convolution of 8-bit images as a peer of bench/cudnn.py, behind C functions that
// Python's ctypes can call: PyTorch has no such convolution. Neither the CUDA runtime nor memory is
// touched here: the caller owns every buffer, the stream and the timing. create() lists the ways in
// which cuDNN offers to compute one problem (the algorithms of its legacy API and the engines of
// its graph API); the caller runs each, drops those that fail or differ, and keeps the fastest.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// y = relu(alpha * conv(x, w) + bias[k]), rounded and saturated by cuDNN. x and y are dense NHWC
/// of s8 (or both u8), w is s8 [K][R][S][C/groups], bias f32[K]. Names as in ConvSpec; dilation is
/// one-based.
typedef struct CudnnInt8Conv {
  int64_t n, c, h, w, k, r, s, p, q, groups;
  int64_t stride_h, stride_w, dilation_h, dilation_w;
  int64_t pad_h, pad_w, pad_h_high, pad_w_high;
  int64_t max_engines;      ///< of the graph API, the most promising first; 0: its legacy API alone
  int32_t unsigned_images;  ///< 1: x and y are u8
  float alpha;
} CudnnInt8Conv;

/// Device memory of the current device. `scale` is f32[K], each alpha: the graph API takes a
/// tensor.
typedef struct CudnnInt8Buffers {
  const void *x, *w, *scale, *bias;
  void *y, *workspace;
  int64_t workspace_bytes;
} CudnnInt8Buffers;

#define CUDNN_INT8_EXPORT __attribute__((visibility("default")))

/// "cuDNN 9.19.0": the library that is loaded.
CUDNN_INT8_EXPORT const char* cudnn_int8_version(void);

/// A sentence about the last call on this thread that did not return 0.
CUDNN_INT8_EXPORT const char* cudnn_int8_last_error(void);

/// Lists the ways to compute `conv` on the current device; *handle is the caller's to destroy.
/// Returns a convoke_status: 2 for sizes that make no convolution, 3 if cuDNN offers none, 4
/// without a device that works.
CUDNN_INT8_EXPORT int32_t cudnn_int8_create(const CudnnInt8Conv* conv, void** handle);

/// Ways are numbered from 0. A way's name says which API, and its algorithm and math type or its
/// engine and knobs ("legacy implicit_precomp_gemm,tensor_op", "engine 37 k2=4"); it lives as long
/// as the handle.
CUDNN_INT8_EXPORT int64_t cudnn_int8_count(const void* handle);
CUDNN_INT8_EXPORT const char* cudnn_int8_name(const void* handle, int64_t way);
CUDNN_INT8_EXPORT int64_t cudnn_int8_workspace_bytes(const void* handle, int64_t way);

/// Enqueues a way on `stream` (a cudaStream_t), which may be capturing once the way has run outside
/// a capture (cuDNN loads kernels late). Returns 0, 2 for a way or a buffer that is not there, 3 if
/// cuDNN refuses after all, 4 if it fails.
CUDNN_INT8_EXPORT int32_t cudnn_int8_run(void* handle, int64_t way, const CudnnInt8Buffers* buffers,
                                         void* stream);

/// NULL is fine. Wait for what was enqueued first.
CUDNN_INT8_EXPORT void cudnn_int8_destroy(void* handle);

#ifdef __cplusplus
}
#endif
