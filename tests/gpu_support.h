// What the tests on a GPU share: a device or a reason to skip, problems with integer data and their
// expected outputs, and the few driver calls that a CUDA host makes (streams, graphs). Nothing here
// needs a path of the build: the programs run from a folder that was carried to another machine.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "autotune/fill.h"
#include "autotune/problem_tensors.h"
#include "autotune/reference.h"
#include "compiler/epilogue.h"
#include "compiler/spec_text.h"
#include "convoke/convoke.hpp"
#include "runtime/cuda_context.h"
#include "runtime/cuda_driver.h"
#include "runtime/target.h"
#include "runtime/thread_pool.h"

namespace convoke::test {

/// Opens GPU `ordinal`, or says why there is none.
inline std::optional<Device> open_gpu(int ordinal, std::string& why) {
  try {
    return Device::open("cuda:" + std::to_string(ordinal));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDevice) throw;
    why = error.what();
    return std::nullopt;
  }
}

/// Skips without a GPU.
class GpuTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    device_ = open_gpu(0, why);
    if (!device_) GTEST_SKIP() << "needs an NVIDIA GPU: " << why;
  }
  Target& target() const { return device_->target(); }
  std::optional<Device> device_;
};

inline void check(cu::Result result, const char* what) {
  if (result != cu::Result::kSuccess)
    throw Error(ErrorCode::kDevice, std::string(what) + ": " + cuda_driver().describe(result));
}

/// The GPU's primary context, current on this thread: what a host that uses the CUDA runtime has.
class HostContext {
 public:
  explicit HostContext(int ordinal = 0) : gpu_(cuda_driver(), ordinal), current_(gpu_) {}

 private:
  CudaContext gpu_;
  CurrentContext current_;
};

/// @pre a current context
class Stream {
 public:
  Stream() { check(cuda_driver().cuStreamCreate(&stream_, cu::kStreamNonBlocking), "stream"); }
  ~Stream() { cuda_driver().cuStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  cu::Stream get() const { return stream_; }
  void wait() const { check(cuda_driver().cuStreamSynchronize(stream_), "cuStreamSynchronize"); }

 private:
  cu::Stream stream_{};
};

/// What `enqueue` puts on a stream, as a graph that can run again and again.
class Graph {
 public:
  template <typename Enqueue>
  Graph(const Stream& stream, const Enqueue& enqueue) {
    const CudaDriver& driver = cuda_driver();
    check(driver.cuStreamBeginCapture(stream.get(), cu::CaptureMode::kGlobal), "begin capture");
    enqueue();
    check(driver.cuStreamEndCapture(stream.get(), &graph_), "end capture");
    check(driver.cuGraphInstantiateWithFlags(&executable_, graph_, 0), "instantiate");
  }
  ~Graph() {
    cuda_driver().cuGraphExecDestroy(executable_);
    cuda_driver().cuGraphDestroy(graph_);
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  void replay(const Stream& stream) const {
    check(cuda_driver().cuGraphLaunch(executable_, stream.get()), "cuGraphLaunch");
  }

 private:
  cu::Graph graph_{};
  cu::GraphExec executable_{};
};

/// A problem with integer data in device memory and the outputs that a right kernel gives, bit for
/// bit.
class GpuProblem {
 public:
  GpuProblem(Target& target, const ConvSpec& spec, std::uint64_t seed = 1,
             std::int64_t batch = kOpenBatchImages)
      : target_(&target), spec_(spec), batch_(spec.open_batch() ? batch : spec.n) {
    const auto filled = [&](TensorRole role, DataType type, std::int64_t elements) {
      std::vector<std::byte> bytes(static_cast<std::size_t>(elements) * size_of(type));
      fill(bytes, type, role, FillKind::kIntegers, spec, seed);
      return bytes;
    };
    const std::vector<std::byte> x = filled(TensorRole::kX, spec.x_type, spec.x_elements(batch_)),
                                 w = filled(TensorRole::kW, spec.w_type, spec.w_elements());
    std::vector<std::vector<std::byte>> operands;
    const Epilogue epilogue = Epilogue::parse(spec.epilogue);
    for (const EpilogueOperand& operand : epilogue.operands())
      operands.push_back(operand.per_channel
                             ? filled(TensorRole::kChannelOperand, DataType::kF32, spec.k)
                             : filled(TensorRole::kOperand, spec.y_type, spec.y_elements(batch_)));
    for (const auto* tensor : {&x, &w}) upload(*tensor);
    y_bytes_ = static_cast<std::size_t>(spec.y_elements(batch_)) * size_of(spec.y_type);
    buffers_.emplace_back(target, y_bytes_);
    ReferenceArgs reference{x.data(), w.data(), {}, batch_};
    for (const auto& operand : operands) {
      upload(operand);
      operands_.push_back({buffers_.back().data(), buffers_.back().bytes()});
      reference.operands.push_back(operand.data());
    }
    ThreadPool pool(usable_cpus());
    const ReferenceResult result = reference_fprop(spec, reference, &pool, false);
    for (const double value : result.value) expected_.push_back(round_to(spec.y_type, value));
    poison();
  }

  /// Operands of a launch; the workspace is this object's and grows as plans need it.
  LaunchArgs args(const Plan& plan, cu::Stream stream = nullptr) {
    const auto bytes = static_cast<std::size_t>(plan.workspace_bytes(batch_));
    if (bytes > 0 && (!workspace_ || workspace_->bytes() < bytes))
      workspace_.emplace(*target_, bytes);
    LaunchArgs args;
    args.x = {buffers_[0].data(), buffers_[0].bytes()};
    args.w = {buffers_[1].data(), buffers_[1].bytes()};
    args.y = {buffers_[2].data(), buffers_[2].bytes()};
    args.operands = operands_.data();
    args.operand_count = operands_.size();
    if (bytes > 0) args.workspace = {workspace_->data(), workspace_->bytes()};
    args.batch = batch_;
    args.stream = stream;
    return args;
  }

  /// Outputs that no kernel writes: a NaN of each float type.
  void poison() {
    const std::vector<std::byte> bytes(y_bytes_, std::byte{0xff});
    target_->copy_in(buffers_[2].data(), bytes.data(), bytes.size());
  }

  /// Empty, or the first output that is wrong and how many are.
  std::string wrong() const {
    std::vector<std::byte> y(y_bytes_);
    target_->copy_out(y.data(), buffers_[2].data(), y_bytes_);
    std::size_t count = 0, first = 0;
    for (std::size_t i = 0; i < expected_.size(); ++i) {
      const double got = load_element(y.data(), static_cast<std::int64_t>(i), spec_.y_type);
      if (got == expected_[i]) continue;
      if (count++ == 0) first = i;
    }
    if (count == 0) return "";
    return std::to_string(count) + " of " + std::to_string(expected_.size()) +
           " outputs are wrong, the first at " + std::to_string(first) + ": " +
           std::to_string(load_element(y.data(), static_cast<std::int64_t>(first), spec_.y_type)) +
           " for " + std::to_string(expected_[first]);
  }

 private:
  void upload(const std::vector<std::byte>& bytes) {
    buffers_.emplace_back(*target_, bytes.size());
    target_->copy_in(buffers_.back().data(), bytes.data(), bytes.size());
  }
  Target* target_;
  ConvSpec spec_;
  std::int64_t batch_;
  std::size_t y_bytes_ = 0;
  std::vector<DeviceBuffer> buffers_;  // x, w, y, the operands
  std::optional<DeviceBuffer> workspace_;
  std::vector<ConstBuffer> operands_;
  std::vector<double> expected_;
};

/// The folder of this program; `convoke` lies beside it.
inline std::filesystem::path program_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

}  // namespace convoke::test
