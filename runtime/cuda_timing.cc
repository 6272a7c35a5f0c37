#include "runtime/cuda_timing.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace convoke {
namespace {

/// A replay is long enough to hide what starting it costs (a few microseconds), and of this many
/// launches at most: capture and instantiation take host time for each.
constexpr double kReplaySeconds = 400e-6;
constexpr std::size_t kMinNodes = 20, kMaxNodes = 400;

class GraphTimedCall final : public TimedCall {
 public:
  GraphTimedCall(std::shared_ptr<const CudaContext> context, std::vector<TimedLaunch> launches)
      : context_(std::move(context)), launches_(std::move(launches)) {
    const CurrentContext current(*context_);
    const OutsideCapture outside(*context_);
    check(driver().cuStreamCreate(&stream_, cu::kStreamNonBlocking), "making a stream");
    try {
      check(driver().cuEventCreate(&start_, cu::kEventDefault), "making an event");
      check(driver().cuEventCreate(&stop_, cu::kEventDefault), "making an event");
      capture(rounds_for_a_replay());
    } catch (...) {
      release();
      throw;
    }
  }
  ~GraphTimedCall() override {
    try {
      const CurrentContext current(*context_);
      release();
    } catch (const Error&) {  // the context is lost, and everything in it
    }
  }
  GraphTimedCall(const GraphTimedCall&) = delete;
  GraphTimedCall& operator=(const GraphTimedCall&) = delete;

  /// Replays whole graphs, so that all launches of a rotation take part alike, and scales.
  double seconds(std::int64_t repeats) override {
    const CurrentContext current(*context_);
    const std::int64_t replays = (repeats + nodes_ - 1) / nodes_;
    check(driver().cuEventRecord(start_, stream_), "timing");
    for (std::int64_t i = 0; i < replays; ++i)
      check(driver().cuGraphLaunch(graph_, stream_), "replaying a graph");
    const double seconds = stop_clock();
    return seconds * static_cast<double>(repeats) / static_cast<double>(replays * nodes_);
  }

  std::int64_t least_repeats() const override { return nodes_; }

 private:
  const CudaDriver& driver() const { return context_->driver(); }
  void check(cu::Result result, const char* doing) const { context_->check(result, doing); }

  /// Since start_ was recorded; waits.
  double stop_clock() const {
    float milliseconds = 0;
    check(driver().cuEventRecord(stop_, stream_), "timing");
    check(driver().cuEventSynchronize(stop_), "running kernels to be timed");
    check(driver().cuEventElapsedTime(&milliseconds, start_, stop_), "timing");
    return milliseconds * 1e-3;
  }

  void run_all() const {
    for (const TimedLaunch& launch : launches_) launch(stream_);
  }

  /// How often the launches go into the graph, from a second run of each.
  std::size_t rounds_for_a_replay() const {
    run_all();
    check(driver().cuEventRecord(start_, stream_), "timing");
    run_all();
    const double round = std::max(stop_clock(), 1e-7);
    const std::size_t count = launches_.size();
    const auto wanted = static_cast<std::size_t>(std::ceil(kReplaySeconds / round));
    // A launch of a millisecond needs no company.
    const std::size_t least = round / static_cast<double>(count) < 100e-6
                                  ? (kMinNodes + count - 1) / count
                                  : std::size_t{1};
    return std::clamp(wanted, least, std::max(least, kMaxNodes / count));
  }

  void capture(std::size_t rounds) {
    // Of this thread alone: others may build kernels meanwhile.
    check(driver().cuStreamBeginCapture(stream_, cu::CaptureMode::kThreadLocal),
          "capturing launches");
    cu::Graph graph = nullptr;
    try {
      for (std::size_t i = 0; i < rounds; ++i) run_all();
    } catch (...) {
      driver().cuStreamEndCapture(stream_, &graph);
      if (graph != nullptr) driver().cuGraphDestroy(graph);
      throw;
    }
    check(driver().cuStreamEndCapture(stream_, &graph), "capturing launches");
    const cu::Result made = driver().cuGraphInstantiateWithFlags(&graph_, graph, 0);
    driver().cuGraphDestroy(graph);
    check(made, "making a graph of launches");
    nodes_ = static_cast<std::int64_t>(rounds * launches_.size());
    check(driver().cuGraphUpload(graph_, stream_), "uploading a graph");
    check(driver().cuStreamSynchronize(stream_), "uploading a graph");
  }

  void release() {
    const OutsideCapture outside(*context_);
    driver().cuStreamSynchronize(stream_);
    if (graph_ != nullptr) driver().cuGraphExecDestroy(graph_);
    for (cu::Event event : {start_, stop_})
      if (event != nullptr) driver().cuEventDestroy(event);
    driver().cuStreamDestroy(stream_);
  }

  std::shared_ptr<const CudaContext> context_;
  std::vector<TimedLaunch> launches_;  // keep the kernels loaded that the graph runs
  cu::Stream stream_ = nullptr;
  cu::Event start_ = nullptr, stop_ = nullptr;
  cu::GraphExec graph_ = nullptr;
  std::int64_t nodes_ = 1;  // launches of a replay
};

}  // namespace

std::unique_ptr<TimedCall> prepare_cuda_timing(std::shared_ptr<const CudaContext> context,
                                               std::vector<TimedLaunch> launches) {
  return std::make_unique<GraphTimedCall>(std::move(context), std::move(launches));
}

}  // namespace convoke
