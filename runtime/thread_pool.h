// The default executor: a small fixed pool (Debian has no static TBB). The caller is worker 0; the
// others spin briefly, then sleep on a futex. Ranges are handed out dynamically, large chunks
// first. A worker that wakes up late never delays a call: the call ends when the tasks are done and
// every worker that had joined has left. No allocation after construction.
#pragma once

#include <memory>

#include "convoke/convoke.hpp"
#include "runtime/usable_cpus.h"

namespace convoke {

class ThreadPool final : public Executor {
 public:
  /// @param threads workers including the caller, 1..kMaxThreads. `pin`: bind worker i >= 1 to the
  /// i-th CPU of the process's mask (worker 0 is the caller's own thread and is left alone).
  /// @throws Error kUsage (threads out of range), kDevice (the system refuses a thread).
  explicit ThreadPool(int threads, bool pin = false);
  /// Waits for the workers to leave. No call may be in progress.
  ~ThreadPool() override;
  int workers() const override;
  /// Calls from several threads at once are serialised; a call from inside any pool's body runs
  /// inline as that call's worker 0. In a child of fork(), where the workers do not exist, every
  /// call runs inline. `body` must not throw.
  void parallel_for(std::int64_t tasks, Body body, void* context) override;

  static constexpr int kMaxThreads = 1024;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace convoke
