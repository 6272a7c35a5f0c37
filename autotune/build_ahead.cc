#include "autotune/build_ahead.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <system_error>
#include <utility>

#if defined(__linux__)
#include <sys/resource.h>
#include <unistd.h>
#endif

namespace convoke {
namespace {

/// The mean of build times forgets older ones: kernels of one problem may be on disk, and those of
/// the next not.
constexpr double kNewest = 1.0 / 8;

/// Assumed of a candidate before one was measured.
constexpr double kTrySeconds = 0.02;

constexpr double kMostAhead = 4;  // for each thread

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Where cores are short, measuring and verifying go first.
void lower_priority() {
#if defined(__linux__)  // elsewhere this is the whole process's
  constexpr int kLess = 10;
  const auto self = static_cast<id_t>(gettid());
  setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + kLess);
#endif
}

}  // namespace

BuildThreads::BuildThreads(int threads) {
  try {
    for (int i = 0; i < threads; ++i)
      threads_.emplace_back([this](std::stop_token stop) { work(std::move(stop)); });
  } catch (const std::system_error& error) {
    spdlog::warn("the system refused a thread ({}): kernels are built on {} instead of {}",
                 error.what(), threads_.size(), threads);
  }
}

BuildThreads::~BuildThreads() {
  for (std::jthread& thread : threads_) thread.request_stop();
  for (std::jthread& thread : threads_) thread.join();
}

double BuildThreads::build_seconds() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return build_seconds_;
}

void BuildThreads::work(std::stop_token stop) {
  lower_priority();
  std::unique_lock<std::mutex> lock(mutex_);
  std::shared_ptr<Queue> queue;
  while (changed_.wait(lock, stop, [&] { return (queue = most_urgent()) != nullptr; }) &&
         !stop.stop_requested()) {
    const int item = queue->wanted.front();
    queue->wanted.pop_front();
    build(*queue, item, lock);
    lock.unlock();
    queue.reset();  // the last to hold it may have kernels to unload
    lock.lock();
  }
}

/// Of those that want what can still be had in time; null if there is none.
std::shared_ptr<BuildThreads::Queue> BuildThreads::most_urgent() const {
  for (const std::shared_ptr<Queue>& queue : queues_)
    if (!queue->wanted.empty() &&
        seconds_since(queue->wanted_at) + build_seconds_ <= queue->wanted_within)
      return queue;
  return nullptr;
}

/// Called and left with the lock held; builds without it.
void BuildThreads::build(Queue& queue, int item, std::unique_lock<std::mutex>& lock) {
  Built& built = queue.built[item];  // a map's elements stay where they are
  Built result;
  result.begun = built.begun = Clock::now();
  lock.unlock();
  try {
    result.kernel = queue.get(item, &result.source);
  } catch (...) {
    result.error = std::current_exception();  // met when the candidate is taken
  }
  result.done = true;
  const double seconds = seconds_since(result.begun);
  lock.lock();
  if (result.kernel)
    build_seconds_ += (seconds - build_seconds_) * (build_seconds_ > 0 ? kNewest : 1);
  built = std::move(result);
  changed_.notify_all();
}

BuildAhead::BuildAhead(BuildThreads& threads, Get get)
    : threads_(threads), queue_(std::make_shared<BuildThreads::Queue>()) {
  queue_->get = std::move(get);
  const std::lock_guard<std::mutex> lock(threads_.mutex_);
  threads_.queues_.push_back(queue_);
}

BuildAhead::~BuildAhead() {
  const std::lock_guard<std::mutex> lock(threads_.mutex_);
  queue_->wanted.clear();
  std::erase(threads_.queues_, queue_);
}

void BuildAhead::want(const std::vector<int>& items, double seconds) {
  const std::lock_guard<std::mutex> lock(threads_.mutex_);
  queue_->wanted.clear();
  for (const int item : items)
    if (!queue_->built.contains(item)) queue_->wanted.push_back(item);
  queue_->wanted_at = BuildThreads::Clock::now();
  queue_->wanted_within = seconds;
  threads_.changed_.notify_all();
}

std::shared_ptr<const Kernel> BuildAhead::take(int item, CacheSource* source) {
  std::unique_lock<std::mutex> lock(threads_.mutex_);
  if (!queue_->built.contains(item)) {
    std::erase(queue_->wanted, item);
    threads_.build(*queue_, item, lock);
  }
  const BuildThreads::Built& built = queue_->built[item];
  threads_.changed_.wait(lock, [&] { return built.done; });
  if (built.error) std::rethrow_exception(built.error);
  if (source) *source = built.source;
  return built.kernel;
}

double BuildAhead::expected_wait(const BuildThreads::Built& built) const {
  if (built.done) return 0;
  // What is overdue may take as long again.
  const double elapsed = seconds_since(built.begun);
  return elapsed < threads_.build_seconds_ ? threads_.build_seconds_ - elapsed : elapsed;
}

bool BuildAhead::ready_within(double seconds, int item) const {
  const std::lock_guard<std::mutex> lock(threads_.mutex_);
  const auto found = queue_->built.find(item);
  return (found == queue_->built.end() ? threads_.build_seconds_ : expected_wait(found->second)) <=
         seconds;
}

std::vector<int> BuildAhead::ready_within(double seconds) const {
  const std::lock_guard<std::mutex> lock(threads_.mutex_);
  std::vector<int> items;
  for (const auto& [item, built] : queue_->built)
    if (expected_wait(built) <= seconds) items.push_back(item);
  return items;
}

int worth_building(int threads, double try_seconds, double seconds_left) {
  const double measurable =
      std::max(seconds_left, 0.0) / (try_seconds > 0 ? try_seconds : kTrySeconds);
  return static_cast<int>(std::min(measurable, kMostAhead * threads));
}

}  // namespace convoke
