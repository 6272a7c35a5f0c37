// The default executor: a small fixed pool (Debian has no static TBB). The caller is worker 0; the
// others spin briefly, then sleep on a futex-backed atomic. Ranges are handed out dynamically in
// chunks. No allocation after construction.
#pragma once

#include <memory>

#include "convoke/convoke.hpp"

namespace convoke {

class ThreadPool final : public Executor {
 public:
  /// @param threads workers including the caller, >= 1. `pin`: bind worker i to the i-th CPU of the process's mask.
  explicit ThreadPool(int threads, bool pin = false);
  ~ThreadPool() override;
  int workers() const override;
  /// Calls from several threads at once are serialised; a call from inside a body runs inline.
  void parallel_for(std::int64_t tasks, Body body, void* context) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// CPUs in this process's affinity mask, capped by a cgroup quota if there is one.
int usable_cpus();

}  // namespace convoke
