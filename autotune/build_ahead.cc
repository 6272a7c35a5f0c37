#include "autotune/build_ahead.h"

namespace convoke {

BuildAhead::BuildAhead(Target& target, const ConvSpec& spec,
                       const std::vector<KernelConfig>& configs, int threads)
    : target_(target), spec_(spec), configs_(configs) {
  for (int i = 0; i < threads; ++i)
    threads_.emplace_back([this](std::stop_token stop) { work(stop); });
}

BuildAhead::~BuildAhead() {
  for (std::jthread& thread : threads_) thread.request_stop();
  for (std::jthread& thread : threads_) thread.join();
}

void BuildAhead::want(const std::vector<int>& configs) {
  const std::lock_guard<std::mutex> lock(mutex_);
  wanted_.clear();
  for (const int config : configs)
    if (!built_.contains(config)) wanted_.push_back(config);
  changed_.notify_all();
}

std::shared_ptr<const Kernel> BuildAhead::take(int config, CacheSource* source) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!built_.contains(config)) {
    std::erase(wanted_, config);
    build(config, lock);
  }
  Built& built = built_[config];
  changed_.wait(lock, [&] { return built.done; });
  if (built.error) std::rethrow_exception(built.error);
  if (source) *source = built.source;
  return built.kernel;
}

void BuildAhead::work(std::stop_token stop) {
  std::unique_lock<std::mutex> lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return !wanted_.empty(); }) && !stop.stop_requested()) {
    const int next = wanted_.front();
    wanted_.pop_front();
    build(next, lock);
  }
}

/// Called and left with the lock held; builds without it.
void BuildAhead::build(int config, std::unique_lock<std::mutex>& lock) {
  Built& built = built_[config];  // a map's elements stay where they are
  lock.unlock();
  Built result;
  try {
    result.kernel = target_.get(spec_, configs_[static_cast<std::size_t>(config)], &result.source);
  } catch (...) {
    result.error = std::current_exception();  // met when the candidate is taken
  }
  result.done = true;
  lock.lock();
  built = std::move(result);
  changed_.notify_all();
}

}  // namespace convoke
