// Threads that ask for the same key at the same time share one run of the work. Remembers nothing
// once the work is done: what should last is the caller's cache to keep.
#pragma once

#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <unordered_map>

namespace convoke {

template <class Value>
class SingleFlight {
 public:
  /// The result of `work`, run by this thread or by another that asked for `key` first (`*shared`
  /// says which). Its exception passes through to everyone who waited.
  Value run(const std::string& key, const std::function<Value()>& work, bool* shared = nullptr) {
    std::promise<Value> promise;
    std::shared_future<Value> future;
    bool leader = false;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      auto [place, inserted] = flights_.try_emplace(key);
      if (inserted) place->second = promise.get_future().share();
      future = place->second;
      leader = inserted;
    }
    if (shared != nullptr) *shared = !leader;
    if (!leader) return future.get();
    try {
      promise.set_value(work());
    } catch (...) {
      promise.set_exception(std::current_exception());
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      flights_.erase(key);
    }
    return future.get();
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_future<Value>> flights_;
};

}  // namespace convoke
