// Blocks of threads with barriers and shared memory, as plain C++: the threads of a block are
// fibers that run one after the other from barrier to barrier: fast, and without the instructions
// of whole warps that block.h has. Include before a template.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include "tests/emulator/block.h"

namespace convoke::emulator {

class Block {
 public:
  explicit Block(int threads) : fibers_(static_cast<std::size_t>(threads)) {
    for (Fiber& fiber : fibers_) fiber.stack = std::make_unique<char[]>(kStackBytes);
  }

  /// Runs body() as every thread of block blockIdx. @throws std::logic_error if some threads end
  /// while others wait at a barrier.
  void run(const std::function<void()>& body) {
    body_ = &body, running_ = this;
    for (Fiber& fiber : fibers_) {
      fiber.ended = false;
      getcontext(&fiber.context);
      fiber.context.uc_stack = {fiber.stack.get(), 0, kStackBytes};
      fiber.context.uc_link = &scheduler_;
      makecontext(&fiber.context, &Block::enter, 0);
    }
    for (std::size_t ended = 0; ended < fibers_.size();) {
      ended = 0;
      for (current_ = 0; current_ < fibers_.size(); ++current_) {
        threadIdx = {static_cast<unsigned>(current_), 0, 0};
        swapcontext(&scheduler_, &fibers_[current_].context);
        ended += fibers_[current_].ended;
      }
      if (ended != 0 && ended != fibers_.size())
        throw std::logic_error("some threads of a block miss a barrier");
    }
    running_ = nullptr;
  }

  static void barrier() {
    Block& block = *running_;
    swapcontext(&block.fibers_[block.current_].context, &block.scheduler_);
  }

 private:
  static constexpr std::size_t kStackBytes = 64 << 10;
  struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    bool ended = false;
  };
  static void enter() {
    (*running_->body_)();
    running_->fibers_[running_->current_].ended = true;
  }

  std::vector<Fiber> fibers_;
  ucontext_t scheduler_{};
  std::size_t current_ = 0;
  const std::function<void()>* body_ = nullptr;
  static inline Block* running_ = nullptr;
};

}  // namespace convoke::emulator

/// In place of block.h's, whose threads are the operating system's.
#define __syncthreads convoke::emulator::Block::barrier
