// A block of threads for templates with shared memory, barriers and instructions of whole warps: a
// thread of the host for each of the device. Slow (a barrier is a wait of the operating system), so
// for problems of a few tiles. What one lane hands the others of its warp goes through `Warp`.
#pragma once

#include <atomic>
#include <barrier>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "tests/emulator/cuda.h"

namespace convoke::cuda {

/// The shared memory of the block that runs: templates name it so.
alignas(128) inline char memory[256 << 10];

struct EmulatedWarp {
  std::barrier<> barrier{32};
  struct Lane {
    unsigned address, a[4], b[4], pairs;
  } lanes[32];
};
struct EmulatedBlock {
  explicit EmulatedBlock(int threads) : barrier(threads), warps(threads / 32) {}
  std::barrier<> barrier;
  std::deque<EmulatedWarp> warps;
  std::atomic<long long> misaligned = 0;
  std::atomic<bool> vote = false;  ///< of one __syncthreads_or: a kernel has no more
};
inline EmulatedBlock* emulated_block = nullptr;
inline EmulatedWarp& emulated_warp() { return emulated_block->warps[threadIdx.x / 32]; }

/// Runs body() as every thread of every block, block after block; how many accesses were less
/// aligned than their width.
inline long long run_blocks(unsigned blocks, int threads, const std::function<void()>& body) {
  long long misaligned = 0;
  for (unsigned at = 0; at < blocks; ++at) {
    EmulatedBlock block(threads);
    emulated_block = &block;
    std::memset(memory, 0xff, sizeof memory);  // NaN in every float type
    std::vector<std::thread> all;
    for (int i = 0; i < threads; ++i)
      all.emplace_back([&, i] {
        gridDim.x = blocks, blockIdx.x = at, threadIdx.x = static_cast<unsigned>(i);
        body();
        block.misaligned += misaligned_accesses;
      });
    for (std::thread& thread : all) thread.join();
    misaligned += block.misaligned;
  }
  return misaligned;
}

}  // namespace convoke::cuda

inline void __syncthreads() { convoke::cuda::emulated_block->barrier.arrive_and_wait(); }
inline void __syncwarp() { convoke::cuda::emulated_warp().barrier.arrive_and_wait(); }
inline int __syncthreads_or(int vote) {
  if (vote != 0) convoke::cuda::emulated_block->vote = true;
  __syncthreads();
  return convoke::cuda::emulated_block->vote;
}
