// Builds kernels on threads of their own while others are timed: most of tuning on a GPU is
// compiling, and the host has nothing else to do. One pool of threads serves all problems of a
// session. What the problem in hand wants goes first, then what the next one wants. The threads
// are less urgent than the one that measures and those that verify. A problem says what it will
// probably want, in order of likelihood, and changes its mind as often as it likes; what is being
// built is finished, by nobody waited for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "runtime/target.h"

namespace convoke {

class BuildThreads {
 public:
  /// As many builds at a time at most, beside the one that BuildAhead::take() may do on its
  /// caller's thread, which would wait otherwise. 0: that one alone.
  explicit BuildThreads(int threads);
  /// Waits for what is being built.
  ~BuildThreads();
  BuildThreads(const BuildThreads&) = delete;
  BuildThreads& operator=(const BuildThreads&) = delete;

  int count() const { return static_cast<int>(threads_.size()); }
  /// Seconds that a kernel took of late, wherever it came from; 0 before there was one.
  double build_seconds() const;

 private:
  friend class BuildAhead;
  using Clock = std::chrono::steady_clock;
  struct Built {
    Clock::time_point begun;
    bool done = false;
    std::shared_ptr<const Kernel> kernel;
    CacheSource source = CacheSource::kMemory;
    std::exception_ptr error;
  };
  /// Of one problem.
  struct Queue {
    std::function<std::shared_ptr<const Kernel>(int, CacheSource*)> get;
    std::deque<int> wanted;
    Clock::time_point wanted_at;
    double wanted_within = 0;    ///< seconds from then
    std::map<int, Built> built;  ///< begun or done
  };
  void work(std::stop_token stop);
  std::shared_ptr<Queue> most_urgent() const;
  void build(Queue& queue, int item, std::unique_lock<std::mutex>& lock);

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::shared_ptr<Queue>> queues_;  ///< the most urgent first
  double build_seconds_ = 0;
  std::vector<std::jthread> threads_;
};

class BuildAhead {
 public:
  /// Gives an item's kernel, or null for one that is only to be built for later; what it refers to
  /// must outlive the threads.
  using Get = std::function<std::shared_ptr<const Kernel>(int item, CacheSource* source)>;

  /// Less urgent than every other that there is.
  BuildAhead(BuildThreads& threads, Get get);
  /// Forgets what is not begun.
  ~BuildAhead();
  BuildAhead(const BuildAhead&) = delete;
  BuildAhead& operator=(const BuildAhead&) = delete;

  /// What is probably taken next, likeliest first; what was wanted before and is not begun is
  /// forgotten. What would not be ready within so many seconds from now will not be begun.
  void want(const std::vector<int>& items,
            double seconds = std::numeric_limits<double>::infinity());
  /// The kernel, built here if no thread has begun. `source`: how it was first obtained.
  /// @throws what `get` throws.
  std::shared_ptr<const Kernel> take(int item, CacheSource* source);
  /// Whether take() will probably return within so many seconds.
  bool ready_within(double seconds, int item) const;
  /// All items that are begun and of which it will.
  std::vector<int> ready_within(double seconds) const;

 private:
  double expected_wait(const BuildThreads::Built& built) const;

  BuildThreads& threads_;
  std::shared_ptr<BuildThreads::Queue> queue_;  ///< a thread that builds keeps it as well
};

/// How many of the likeliest candidates should be built: no more than can be measured in the time
/// that is left, and four for each thread at most, as what is measured changes what is wanted.
/// `try_seconds`: what measuring one takes, as far as known; 0: not yet.
int worth_building(int threads, double try_seconds, double seconds_left);

}  // namespace convoke
