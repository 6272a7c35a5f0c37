// oneDNN as a peer: libconvoke_peer_onednn.so. Builds against oneDNN 2 and 3, which differ in how
// primitive descriptors are made. Weights take the format that oneDNN likes best and are reordered
// in create().
#include <omp.h>
#include <sched.h>

#include <cstdio>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <stdexcept>
#include <string>

#include "autotune/peer_abi.h"

namespace {

using dnnl::convolution_forward;
using dnnl::memory;

constexpr int kUnsupported = 3;  // convoke::ErrorCode
constexpr int kDevice = 4;

dnnl::engine& engine() {
  static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

struct Conv {
  convolution_forward::primitive_desc descriptor;
  convolution_forward primitive;
  memory x, w, y;
  dnnl::stream stream{engine()};
  std::string implementation;
  int threads = 1;
};

#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
constexpr char kThreads[] = "omp";
void use_threads(int threads) { omp_set_num_threads(threads); }
#else
// TBB and SYCL take every CPU of the process, and have no setting here that would reach them.
constexpr char kThreads[] = "tbb";
void use_threads(int threads) {
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) == threads) return;
  throw std::runtime_error("this build of oneDNN uses every CPU of the process, " +
                           std::to_string(CPU_COUNT(&cpus)) + ", not " + std::to_string(threads) +
                           " threads: run under taskset");
}
#endif

memory::data_type image_type(std::int32_t type) {
  return type == CONVOKE_PEER_F32    ? memory::data_type::f32
         : type == CONVOKE_PEER_BF16 ? memory::data_type::bf16
         : type == CONVOKE_PEER_S8   ? memory::data_type::s8
         : type == CONVOKE_PEER_U8   ? memory::data_type::u8
                                     : memory::data_type::f16;
}

memory::data_type weight_type(std::int32_t type) {
  return type == CONVOKE_PEER_U8 ? memory::data_type::s8 : image_type(type);
}

/// Logical dimensions are always n, c, h, w and [g,] k, c, r, s; the layout is in the strides.
memory::desc images(const ConvokePeerConv& conv, std::int64_t c, std::int64_t h, std::int64_t w) {
  const auto tag =
      conv.layout == CONVOKE_PEER_NHWC ? memory::format_tag::nhwc : memory::format_tag::nchw;
  return {{conv.n, c, h, w}, image_type(conv.type), tag};
}

memory::dims weight_dims(const ConvokePeerConv& conv) {
  if (conv.groups == 1) return {conv.k, conv.c, conv.r, conv.s};
  return {conv.groups, conv.k / conv.groups, conv.c / conv.groups, conv.r, conv.s};
}

memory::desc plain_weights(const ConvokePeerConv& conv) {
  using tag = memory::format_tag;
  const bool nhwc = conv.layout == CONVOKE_PEER_NHWC;
  const tag order =
      conv.groups == 1 ? (nhwc ? tag::ohwi : tag::oihw) : (nhwc ? tag::gohwi : tag::goihw);
  return {weight_dims(conv), weight_type(conv.type), order};
}

convolution_forward::primitive_desc describe(const ConvokePeerConv& conv) {
  const memory::desc x = images(conv, conv.c, conv.h, conv.w);
  const memory::desc y = images(conv, conv.k, conv.p, conv.q);
  const memory::desc w(weight_dims(conv), weight_type(conv.type), memory::format_tag::any);
  const memory::dims strides = {conv.stride_h, conv.stride_w};
  const memory::dims dilations = {conv.dilation_h - 1, conv.dilation_w - 1};
  const memory::dims low = {conv.pad_h, conv.pad_w};
  const memory::dims high = {conv.pad_h_high, conv.pad_w_high};
  constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
  return {
      engine(), dnnl::prop_kind::forward_inference, kAlgorithm, x, w, y, strides, dilations, low,
      high};
#else
  return {{dnnl::prop_kind::forward_inference, kAlgorithm, x, w, y, strides, dilations, low, high},
          engine()};
#endif
}

std::unique_ptr<Conv> make(const ConvokePeerConv& conv, const void* weights) {
  use_threads(conv.threads);
  auto made = std::make_unique<Conv>();
  made->threads = conv.threads;
  made->descriptor = describe(conv);
  made->implementation = made->descriptor.impl_info_str();
  made->primitive = convolution_forward(made->descriptor);
  made->x = memory(made->descriptor.src_desc(), engine(), nullptr);
  made->y = memory(made->descriptor.dst_desc(), engine(), nullptr);
  made->w = memory(made->descriptor.weights_desc(), engine());
  memory plain(plain_weights(conv), engine(), const_cast<void*>(weights));
  dnnl::reorder(plain, made->w).execute(made->stream, plain, made->w);
  made->stream.wait();
  return made;
}

const char* version() {
  static const std::string text = [] {
    const dnnl_version_t* v = dnnl_version();
    return "oneDNN " + std::to_string(v->major) + '.' + std::to_string(v->minor) + '.' +
           std::to_string(v->patch) + " " + kThreads;
  }();
  return text.c_str();
}

std::int32_t create(const ConvokePeerConv* conv, const void* weights, void** handle, char* error,
                    size_t error_size) {
  try {
    *handle = make(*conv, weights).release();
    return 0;
  } catch (const dnnl::error& e) {
    std::snprintf(error, error_size, "%s (status %d)", e.what(), static_cast<int>(e.status));
    return e.status == dnnl_unimplemented ? kUnsupported : kDevice;
  } catch (const std::exception& e) {
    std::snprintf(error, error_size, "%s", e.what());
    return kDevice;
  }
}

const char* implementation(void* handle) {
  return static_cast<Conv*>(handle)->implementation.c_str();
}

std::int32_t run(void* handle, const void* x, void* y) {
  auto& conv = *static_cast<Conv*>(handle);
  try {
    use_threads(conv.threads);
    conv.x.set_data_handle(const_cast<void*>(x));
    conv.y.set_data_handle(y);
    conv.primitive.execute(
        conv.stream, {{DNNL_ARG_SRC, conv.x}, {DNNL_ARG_WEIGHTS, conv.w}, {DNNL_ARG_DST, conv.y}});
    conv.stream.wait();
    return 0;
  } catch (const dnnl::error& e) {
    return static_cast<std::int32_t>(e.status);
  } catch (const std::exception&) {
    return -1;  // the CPUs of the process changed since create()
  }
}

void destroy(void* handle) { delete static_cast<Conv*>(handle); }

}  // namespace

const ConvokePeer* convoke_peer(void) {
  static const ConvokePeer table = {CONVOKE_PEER_ABI, version, create,
                                    implementation,   run,     destroy};
  return &table;
}
