// The loaded kernels of one target, by cache key: a bounded map that forgets the least recently
// asked for. A kernel that a plan still holds outlives its place here.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "runtime/target.h"

namespace convoke {

class KernelMemory {
 public:
  explicit KernelMemory(std::size_t limit) : limit_(limit) {}

  /// The kernel, or null.
  std::shared_ptr<const LoadedCode> find(const std::string& key) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return found->second->second;
  }

  void put(const std::string& key, std::shared_ptr<const LoadedCode> kernel) {
    std::shared_ptr<const LoadedCode> forgotten;  // unloaded after the lock is given back
    const std::lock_guard<std::mutex> lock(mutex_);
    if (places_.count(key) != 0) return;
    order_.emplace_front(key, std::move(kernel));
    places_[key] = order_.begin();
    if (order_.size() <= limit_) return;
    forgotten = std::move(order_.back().second);
    places_.erase(order_.back().first);
    order_.pop_back();
  }

 private:
  using Order = std::list<std::pair<std::string, std::shared_ptr<const LoadedCode>>>;
  std::mutex mutex_;
  std::size_t limit_;
  Order order_;  // most recent first
  std::unordered_map<std::string, Order::iterator> places_;
};

}  // namespace convoke
