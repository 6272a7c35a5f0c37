// Builds kernels on threads of its own while others are timed: most of tuning on a GPU is
// compiling, and the host has nothing else to do. The tuner says what it will probably want next,
// in order of likelihood, and changes its mind as often as it likes; what is being built is
// finished.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"
#include "runtime/target.h"

namespace convoke {

class BuildAhead {
 public:
  /// `configs` are named by their index. All references must outlive the object. Without threads
  /// take() builds.
  BuildAhead(Target& target, const ConvSpec& spec, const std::vector<KernelConfig>& configs,
             int threads);
  /// Forgets what is not begun and waits for what is.
  ~BuildAhead();
  BuildAhead(const BuildAhead&) = delete;
  BuildAhead& operator=(const BuildAhead&) = delete;

  int threads() const { return static_cast<int>(threads_.size()); }
  /// What is probably taken next, likeliest first; what was wanted before and is not begun is
  /// forgotten.
  void want(const std::vector<int>& configs);
  /// The kernel, built here if no thread has begun. `source`: how it was first obtained.
  /// @throws Error as Target::get does.
  std::shared_ptr<const Kernel> take(int config, CacheSource* source);

 private:
  struct Built {
    bool done = false;
    std::shared_ptr<const Kernel> kernel;
    CacheSource source = CacheSource::kMemory;
    std::exception_ptr error;
  };
  void work(std::stop_token stop);
  void build(int config, std::unique_lock<std::mutex>& lock);

  Target& target_;
  const ConvSpec& spec_;
  const std::vector<KernelConfig>& configs_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<int> wanted_;
  std::map<int, Built> built_;  ///< begun or done
  std::vector<std::jthread> threads_;
};

}  // namespace convoke
