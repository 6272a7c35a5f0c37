// The C function table of a peer: another library's convolution, in a shared library of its own
// that the command line opens only when asked to (`bench --peer NAME` opens
// libconvoke_peer_NAME.so). Convoke itself never depends on one. Images are dense nhwc or nchw; the
// peer packs the weights as it likes best, once, outside the timing.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CONVOKE_PEER_ABI 2

/// The type of all tensors. S8 and U8 are those of images: weights are then s8, results saturate.
enum {
  CONVOKE_PEER_F32 = 0,
  CONVOKE_PEER_BF16 = 1,
  CONVOKE_PEER_F16 = 2,
  CONVOKE_PEER_S8 = 3,
  CONVOKE_PEER_U8 = 4
};
enum { CONVOKE_PEER_NHWC = 0, CONVOKE_PEER_NCHW = 1 };

/// A forward convolution; names and meaning as in ConvSpec. Dilation is one-based. One type and one
/// layout for all tensors; weights are [K][R][S][C/g] for nhwc, [K][C/g][R][S] for nchw.
typedef struct ConvokePeerConv {
  int64_t n, c, h, w, k, r, s, p, q, groups;
  int64_t stride_h, stride_w, dilation_h, dilation_w;
  int64_t pad_h, pad_w, pad_h_high, pad_w_high;
  int32_t type, layout;
  int32_t threads;
} ConvokePeerConv;

typedef struct ConvokePeer {
  int32_t abi;  ///< CONVOKE_PEER_ABI
  /// Library, version and what runs its threads: "oneDNN 3.2.0 omp".
  const char* (*version)(void);
  /// Chooses an implementation and packs `weights`. Returns 0 and a handle, or a convoke::ErrorCode
  /// with a sentence in `error` (cut to `error_size`, always terminated).
  int32_t (*create)(const ConvokePeerConv* conv, const void* weights, void** handle, char* error,
                    size_t error_size);
  /// Name of the chosen implementation: "jit:avx2". Lives as long as the handle.
  const char* (*implementation)(void* handle);
  /// y = conv(x, weights); returns when y is complete. x and y are aligned to 64 bytes. 0, or
  /// non-zero if the peer failed.
  int32_t (*run)(void* handle, const void* x, void* y);
  void (*destroy)(void* handle);
} ConvokePeer;

typedef const ConvokePeer* (*ConvokePeerGetter)(void);
/// The library's only exported symbol.
__attribute__((visibility("default"))) const ConvokePeer* convoke_peer(void);

#ifdef __cplusplus
}
#endif
