// The legacy half: cudnnConvolutionBiasActivationForward with every algorithm, with and without
// permission for tensor cores. cuDNN documents one algorithm for 8 bits and NHWC; asking for all
// costs nothing and takes nobody's word.
#include <iterator>

#include "cudnn_int8_way.h"

namespace {

constexpr cudnnTensorFormat_t kNhwc = CUDNN_TENSOR_NHWC;

struct Descriptors {
  Descriptors() = default;
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;
  /// Not the constructor's work, so that a failure half way frees what there is.
  void create() {
    check_cudnn(cudnnCreateTensorDescriptor(&x), "x");
    check_cudnn(cudnnCreateTensorDescriptor(&y), "y");
    check_cudnn(cudnnCreateTensorDescriptor(&bias), "bias");
    check_cudnn(cudnnCreateFilterDescriptor(&w), "w");
    check_cudnn(cudnnCreateConvolutionDescriptor(&convolution), "convolution");
    check_cudnn(cudnnCreateActivationDescriptor(&relu), "relu");
  }
  ~Descriptors() {
    if (relu != nullptr) cudnnDestroyActivationDescriptor(relu);
    if (convolution != nullptr) cudnnDestroyConvolutionDescriptor(convolution);
    if (w != nullptr) cudnnDestroyFilterDescriptor(w);
    for (auto tensor : {bias, y, x}) {
      if (tensor != nullptr) cudnnDestroyTensorDescriptor(tensor);
    }
  }

  cudnnTensorDescriptor_t x = nullptr, y = nullptr, bias = nullptr;
  cudnnFilterDescriptor_t w = nullptr;
  cudnnConvolutionDescriptor_t convolution = nullptr;
  cudnnActivationDescriptor_t relu = nullptr;
};

// create() has checked that every number fits an int.
int i(int64_t value) { return static_cast<int>(value); }

void describe(const CudnnInt8Conv& conv, cudnnMathType_t math, const Descriptors& d) {
  const auto images = conv.unsigned_images != 0 ? CUDNN_DATA_UINT8 : CUDNN_DATA_INT8;
  check_cudnn(
      cudnnSetTensor4dDescriptor(d.x, kNhwc, images, i(conv.n), i(conv.c), i(conv.h), i(conv.w)),
      "x");
  check_cudnn(
      cudnnSetTensor4dDescriptor(d.y, kNhwc, images, i(conv.n), i(conv.k), i(conv.p), i(conv.q)),
      "y");
  check_cudnn(cudnnSetTensor4dDescriptor(d.bias, kNhwc, CUDNN_DATA_FLOAT, 1, i(conv.k), 1, 1),
              "bias");
  check_cudnn(cudnnSetFilter4dDescriptor(d.w, CUDNN_DATA_INT8, kNhwc, i(conv.k),
                                         i(conv.c / conv.groups), i(conv.r), i(conv.s)),
              "w");
  check_cudnn(
      cudnnSetConvolution2dDescriptor(d.convolution, i(conv.pad_h), i(conv.pad_w), i(conv.stride_h),
                                      i(conv.stride_w), i(conv.dilation_h), i(conv.dilation_w),
                                      CUDNN_CROSS_CORRELATION, CUDNN_DATA_INT32),
      "convolution");
  check_cudnn(cudnnSetConvolutionGroupCount(d.convolution, i(conv.groups)), "groups");
  check_cudnn(cudnnSetConvolutionMathType(d.convolution, math), "math type");
  check_cudnn(
      cudnnSetActivationDescriptor(d.relu, CUDNN_ACTIVATION_RELU, CUDNN_NOT_PROPAGATE_NAN, 0),
      "relu");
}

class LegacyWay : public Way {
 public:
  LegacyWay(cudnnHandle_t cudnn, const CudnnInt8Conv& conv, cudnnConvolutionFwdAlgo_t algorithm,
            cudnnMathType_t math)
      : algorithm_(algorithm), alpha_(conv.alpha) {
    d_.create();
    describe(conv, math, d_);
    size_t bytes = 0;
    check_cudnn(cudnnGetConvolutionForwardWorkspaceSize(cudnn, d_.x, d_.w, d_.convolution, d_.y,
                                                        algorithm, &bytes),
                "workspace");
    workspace_bytes = static_cast<int64_t>(bytes);
  }

  void run(cudnnHandle_t cudnn, const CudnnInt8Buffers& b) override {
    const float none = 0;
    check_cudnn(cudnnConvolutionBiasActivationForward(
                    cudnn, &alpha_, d_.x, b.x, d_.w, b.w, d_.convolution, algorithm_, b.workspace,
                    static_cast<size_t>(b.workspace_bytes), &none, d_.y, b.y, d_.bias, b.bias,
                    d_.relu, d_.y, b.y),
                name.c_str());
  }

 private:
  Descriptors d_;
  cudnnConvolutionFwdAlgo_t algorithm_;
  float alpha_;
};

/// Outputs along an axis that is padded alike at both ends. What strides leave over there is read
/// by none: with as many outputs the padding at the end may well be less.
int64_t outputs_of_even_padding(int64_t size, int64_t taps, int64_t stride, int64_t dilation,
                                int64_t pad) {
  return (size + 2 * pad - ((taps - 1) * dilation + 1)) / stride + 1;
}

}  // namespace

void add_legacy_ways(cudnnHandle_t cudnn, const CudnnInt8Conv& conv, Ways& ways,
                     std::string& refused) {
  static constexpr const char* kNames[] = {
      "implicit_gemm", "implicit_precomp_gemm", "gemm", "direct", "fft", "fft_tiling",
      "winograd",      "winograd_nonfused"};
  static_assert(std::size(kNames) == CUDNN_CONVOLUTION_FWD_ALGO_COUNT);
  if (outputs_of_even_padding(conv.h, conv.r, conv.stride_h, conv.dilation_h, conv.pad_h) !=
          conv.p ||
      outputs_of_even_padding(conv.w, conv.s, conv.stride_w, conv.dilation_w, conv.pad_w) !=
          conv.q) {
    refused += "; legacy API: it has one padding for both sides";
    return;
  }
  std::string reason;  // of the documented algorithm
  const size_t before = ways.size();
  for (int algorithm = 0; algorithm < CUDNN_CONVOLUTION_FWD_ALGO_COUNT; ++algorithm) {
    for (const auto math : {CUDNN_TENSOR_OP_MATH, CUDNN_DEFAULT_MATH}) {
      try {
        auto way = std::make_unique<LegacyWay>(
            cudnn, conv, static_cast<cudnnConvolutionFwdAlgo_t>(algorithm), math);
        way->name = std::string("legacy ") + kNames[algorithm] +
                    (math == CUDNN_TENSOR_OP_MATH ? ",tensor_op" : ",default");
        ways.push_back(std::move(way));
      } catch (const CudnnError& error) {
        if (algorithm == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM) reason = error.what();
      }
    }
  }
  if (ways.size() == before) refused += "; legacy API: " + reason;
}
