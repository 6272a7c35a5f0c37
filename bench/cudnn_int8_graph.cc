// The graph half: convolution, scale, bias and relu as one operation graph of cuDNN's backend API,
// with the engine configurations that its heuristics propose. Sums are s32, everything after them
// f32. Some engines are compiled when their plan is made, which takes a second.
#include <algorithm>
#include <array>
#include <set>

#include "cudnn_int8_way.h"

namespace {

/// A descriptor of the backend API; set() copies values into it until finalize().
class Descriptor {
 public:
  Descriptor(cudnnBackendDescriptorType_t type, const char* what) : what_(what) {
    check_cudnn(cudnnBackendCreateDescriptor(type, &raw_), what);
  }
  Descriptor(Descriptor&& other) noexcept : raw_(other.raw_), what_(other.what_) {
    other.raw_ = nullptr;
  }
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (raw_ != nullptr) cudnnBackendDestroyDescriptor(raw_);
  }

  template <typename T>
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                  const T* values, size_t count) {
    check_cudnn(cudnnBackendSetAttribute(raw_, name, type, static_cast<int64_t>(count), values),
                what_);
    return *this;
  }
  template <typename T>
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, T value) {
    return set(name, type, &value, 1);
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& other) {
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, other.raw_);
  }
  Descriptor finalize() {
    check_cudnn(cudnnBackendFinalize(raw_), what_);
    return std::move(*this);
  }

  /// How many values there are, of which at most `count` are written to `values`.
  template <typename T>
  int64_t get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, T* values,
              size_t count) const {
    int64_t there = 0;
    check_cudnn(
        cudnnBackendGetAttribute(raw_, name, type, static_cast<int64_t>(count), &there, values),
        what_);
    return there;
  }
  /// The first of several descriptors, or the only one: cuDNN fills in one that exists.
  void get(cudnnBackendAttributeName_t name, Descriptor& into) const {
    get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, &into.raw_, 1);
  }

  cudnnBackendDescriptor_t raw() const { return raw_; }

 private:
  cudnnBackendDescriptor_t raw_ = nullptr;
  const char* what_;
};

enum Tensor : int64_t { kX = 1, kW, kScale, kBias, kY, kSum, kScaled, kBiased };
constexpr bool kVirtual = true;

/// Logical order is n, c, h, w (or k, c, r, s); memory is NHWC (KRSC).
Descriptor tensor(Tensor id, cudnnDataType_t type, const std::array<int64_t, 4>& size,
                  bool is_virtual = false) {
  const auto [n, c, h, w] = size;
  const int64_t strides[] = {c * h * w, 1, c * w, c};
  constexpr int64_t kAlignment = 16;
  return Descriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR, "tensor")
      .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, static_cast<int64_t>(id))
      .set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type)
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, kAlignment)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, size.data(), size.size())
      .set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, strides, std::size(strides))
      .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, is_virtual)
      .finalize();
}

Descriptor convolution(const CudnnInt8Conv& conv, const Descriptor& x, const Descriptor& w,
                       const Descriptor& sum) {
  const int64_t strides[] = {conv.stride_h, conv.stride_w};
  const int64_t dilations[] = {conv.dilation_h, conv.dilation_w};
  const int64_t low[] = {conv.pad_h, conv.pad_w};
  // Below zero it says that strides leave rows over, which the output's size says too.
  const int64_t high[] = {std::max<int64_t>(conv.pad_h_high, 0),
                          std::max<int64_t>(conv.pad_w_high, 0)};
  constexpr int64_t kSpatial = 2;
  const Descriptor how =
      Descriptor(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, "convolution")
          .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_INT32)
          .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE,
               CUDNN_CROSS_CORRELATION)
          .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, kSpatial)
          .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, strides, kSpatial)
          .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, dilations, kSpatial)
          .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, low, kSpatial)
          .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, high, kSpatial)
          .finalize();
  return Descriptor(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, "convolution")
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, sum)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, how)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1.0F)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 0.0F)
      .finalize();
}

/// y = mode(x, b), or mode(x) without b, in f32.
Descriptor pointwise(cudnnPointwiseMode_t mode, const Descriptor& x, const Descriptor* b,
                     const Descriptor& y) {
  const Descriptor how =
      Descriptor(CUDNN_BACKEND_POINTWISE_DESCRIPTOR, "pointwise")
          .set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode)
          .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT)
          .finalize();
  Descriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "pointwise");
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
  if (b != nullptr) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b);
  return operation.finalize();
}

Descriptor make_graph(cudnnHandle_t cudnn, const CudnnInt8Conv& conv) {
  const auto images = conv.unsigned_images != 0 ? CUDNN_DATA_UINT8 : CUDNN_DATA_INT8;
  const std::array<int64_t, 4> results = {conv.n, conv.k, conv.p, conv.q};
  const std::array<int64_t, 4> channels = {1, conv.k, 1, 1};
  const auto x = tensor(kX, images, {conv.n, conv.c, conv.h, conv.w});
  const auto w = tensor(kW, CUDNN_DATA_INT8, {conv.k, conv.c / conv.groups, conv.r, conv.s});
  const auto scale = tensor(kScale, CUDNN_DATA_FLOAT, channels);
  const auto bias = tensor(kBias, CUDNN_DATA_FLOAT, channels);
  const auto y = tensor(kY, images, results);
  const auto sum = tensor(kSum, CUDNN_DATA_INT32, results, kVirtual);
  const auto scaled = tensor(kScaled, CUDNN_DATA_FLOAT, results, kVirtual);
  const auto biased = tensor(kBiased, CUDNN_DATA_FLOAT, results, kVirtual);

  const auto convolve = convolution(conv, x, w, sum);
  const auto multiply = pointwise(CUDNN_POINTWISE_MUL, sum, &scale, scaled);
  const auto add = pointwise(CUDNN_POINTWISE_ADD, scaled, &bias, biased);
  const auto relu = pointwise(CUDNN_POINTWISE_RELU_FWD, biased, nullptr, y);
  const cudnnBackendDescriptor_t operations[] = {convolve.raw(), multiply.raw(), add.raw(),
                                                 relu.raw()};
  return Descriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "operation graph")
      .set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, cudnn)
      .set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, operations,
           std::size(operations))
      .finalize();
}

/// Engine configurations in the order of the heuristics.
std::vector<Descriptor> propose(const Descriptor& graph, cudnnBackendHeurMode_t mode) {
  const Descriptor heuristics = Descriptor(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "heuristics")
                                    .set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
                                    .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode)
                                    .finalize();
  const int64_t there = heuristics.get<cudnnBackendDescriptor_t>(
      CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, nullptr, 0);
  std::vector<Descriptor> configs;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (int64_t i = 0; i < there; ++i) {
    configs.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "engine configuration");
    raw.push_back(configs.back().raw());
  }
  const int64_t given = heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                       raw.data(), raw.size());
  while (static_cast<int64_t>(configs.size()) > given) configs.pop_back();
  return configs;
}

/// "engine 37 k2=4,k13=1": the engine's number and its knobs by type.
std::string name_of(const Descriptor& config) {
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR, "engine");
  config.get(CUDNN_ATTR_ENGINECFG_ENGINE, engine);
  int64_t index = 0;
  engine.get(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, &index, 1);
  std::string name = "engine " + std::to_string(index);

  std::vector<Descriptor> choices;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (int i = 0; i < CUDNN_KNOB_TYPE_COUNTS; ++i) {
    choices.emplace_back(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, "knob");
    raw.push_back(choices.back().raw());
  }
  const int64_t there = config.get(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                   raw.data(), raw.size());
  for (size_t i = 0; i < std::min(static_cast<size_t>(there), choices.size()); ++i) {
    cudnnBackendKnobType_t type = CUDNN_KNOB_TYPE_COUNTS;
    int64_t value = 0;
    choices[i].get(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, &type, 1);
    choices[i].get(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, &value, 1);
    name += (i == 0 ? " k" : ",k") + std::to_string(type) + '=' + std::to_string(value);
  }
  return name;
}

Descriptor make_plan(cudnnHandle_t cudnn, const Descriptor& config) {
  return Descriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "execution plan")
      .set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, cudnn)
      .set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config)
      .finalize();
}

class GraphWay : public Way {
 public:
  GraphWay(cudnnHandle_t cudnn, const Descriptor& config) : plan_(make_plan(cudnn, config)) {
    plan_.get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, &workspace_bytes, 1);
  }

  void run(cudnnHandle_t cudnn, const CudnnInt8Buffers& b) override {
    const int64_t ids[] = {kX, kW, kScale, kBias, kY};
    const void* const data[] = {b.x, b.w, b.scale, b.bias, b.y};
    const Descriptor buffers =
        Descriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, "buffers")
            .set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, ids, std::size(ids))
            .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, data, std::size(data))
            .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, b.workspace)
            .finalize();
    check_cudnn(cudnnBackendExecute(cudnn, plan_.raw(), buffers.raw()), name.c_str());
  }

 private:
  Descriptor plan_;
};

}  // namespace

void add_graph_ways(cudnnHandle_t cudnn, const CudnnInt8Conv& conv, Ways& ways,
                    std::string& refused) {
  const size_t before = ways.size();
  const auto enough = [&] {
    return static_cast<int64_t>(ways.size() - before) >= conv.max_engines;
  };
  std::string reason = "its heuristics propose no engine";
  std::set<std::string> seen;
  const auto try_config = [&](const Descriptor& config) {
    const std::string name = name_of(config);
    if (!seen.insert(name).second) return;
    auto way = std::make_unique<GraphWay>(cudnn, config);
    way->name = name;
    ways.push_back(std::move(way));
  };
  // Whatever cuDNN cannot do, an operation graph, a mode of its heuristics or an engine, leaves the
  // others.
  const auto attempt = [&](auto&& step) {
    try {
      step();
    } catch (const CudnnError& error) {
      reason = error.what();
    }
  };
  attempt([&] {
    const Descriptor graph = make_graph(cudnn, conv);
    for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_FALLBACK}) {
      // Engines again, with their default knobs: seconds of compilation each.
      if (mode == CUDNN_HEUR_MODE_FALLBACK && ways.size() > before) break;
      attempt([&] {
        for (const Descriptor& config : propose(graph, mode)) {
          if (enough()) return;
          attempt([&] { try_config(config); });
        }
      });
    }
  });
  if (ways.size() == before) refused += "; graph API: " + reason;
}
