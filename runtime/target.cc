// What a target does unless it says otherwise.
#include <chrono>
#include <utility>

#include "runtime/target.h"

namespace convoke {
namespace {

class HostTimedCall final : public TimedCall {
 public:
  explicit HostTimedCall(std::vector<TimedLaunch> launches) : launches_(std::move(launches)) {}
  double seconds(std::int64_t repeats) override {
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < repeats; ++i) {
      launches_[next_](nullptr);
      if (++next_ == launches_.size()) next_ = 0;
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

 private:
  std::vector<TimedLaunch> launches_;
  std::size_t next_ = 0;
};

}  // namespace

AheadOfTimeKernel Target::compile_into(const std::string& folder, const ConvSpec&,
                                       const KernelConfig&) const {
  throw Error(ErrorCode::kUnsupported, "the target " + info().target +
                                           " builds no kernels ahead of time: none for " + folder);
}

std::shared_ptr<const ElementwiseKernel> Target::elementwise(const elementwise::Config&) {
  throw Error(ErrorCode::kUnsupported,
              "the target " + info().target + " has no elementwise kernels");
}

std::unique_ptr<TimedCall> Target::prepare_timing(std::vector<TimedLaunch> launches) {
  return std::make_unique<HostTimedCall>(std::move(launches));
}

}  // namespace convoke
