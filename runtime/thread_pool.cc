#include "runtime/thread_pool.h"

#include <fmt/format.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace convoke {
namespace {

using Word = std::atomic<std::uint32_t>;
static_assert(sizeof(Word) == 4, "a futex is a 32-bit word");

void futex_wait(Word& word, std::uint32_t seen) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
}

void futex_wake(Word& word, int count) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Bumped in each child of fork(): a pool made before it has no workers there.
std::atomic<unsigned> forks{0};
[[maybe_unused]] const int atfork_registered =
    pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1); });

thread_local bool inside_body = false;

void bind_to_cpu(int cpu) {
  std::vector<unsigned long> mask(static_cast<std::size_t>(cpu) / (8 * sizeof(unsigned long)) + 1,
                                  0);
  auto* set = reinterpret_cast<cpu_set_t*>(mask.data());
  const std::size_t bytes = mask.size() * sizeof(unsigned long);
  CPU_SET_S(static_cast<std::size_t>(cpu), bytes, set);
  sched_setaffinity(0, bytes, set);  // a hint: a worker that cannot be bound still works
}

}  // namespace

// One call at a time. The caller writes the job while the gate is shut and nobody is inside, then
// opens the gate; workers join by counting themselves in while it is open; the caller shuts it once
// no task is left and waits for the count to reach zero. So the job's fields are never written
// while a worker may read them, and a sleeper that missed the whole call costs it nothing.
struct ThreadPool::Impl {
  static constexpr std::uint32_t kOpen = 1u << 31, kCallerSleeps = 1u << 30,
                                 kCount = kCallerSleeps - 1;

  alignas(64) Word ticket{0};  // one up per call: what idle workers sleep on
  alignas(64) Word gate{0};    // kOpen | kCallerSleeps | workers inside
  alignas(64) std::atomic<std::int64_t> next{0};
  alignas(64) std::atomic<int> sleepers{0};
  std::atomic<bool> stop{false};
  Body body = nullptr;
  void* context = nullptr;
  std::int64_t tasks = 0;

  int workers = 1;
  int spins = 0;
  unsigned born = 0;  // value of `forks` when the workers were started
  std::mutex calls;
  std::vector<std::thread> threads;

  /// Takes ranges until none is left: first large ones (locality, few calls), then ever smaller
  /// (balance).
  void run_ranges(int worker) noexcept {
    inside_body = true;
    std::int64_t begin = next.load(std::memory_order_relaxed);
    while (begin < tasks) {
      const std::int64_t size = std::max<std::int64_t>(1, (tasks - begin) / (2 * workers));
      if (!next.compare_exchange_weak(begin, begin + size, std::memory_order_relaxed)) continue;
      body(context, begin, begin + size, worker);
      begin = next.load(std::memory_order_relaxed);
    }
    inside_body = false;
  }

  bool join() {
    std::uint32_t g = gate.load(std::memory_order_relaxed);
    while ((g & kOpen) != 0)
      if (gate.compare_exchange_weak(g, g + 1, std::memory_order_acquire)) return true;
    return false;
  }

  void leave() {
    const std::uint32_t before = gate.fetch_sub(1, std::memory_order_release);
    if ((before & kCount) == 1 && (before & kCallerSleeps) != 0) futex_wake(gate, 1);
  }

  void await_ticket(std::uint32_t seen) {
    for (int i = 0; i < spins; ++i) {
      if (ticket.load(std::memory_order_relaxed) != seen) return;
      pause_cpu();
    }
    sleepers.fetch_add(
        1);  // sequentially consistent: either the caller sees us, or we see its ticket
    while (ticket.load() == seen) futex_wait(ticket, seen);
    sleepers.fetch_sub(1);
  }

  void work(int worker, int cpu) {
    if (cpu >= 0) bind_to_cpu(cpu);
    for (std::uint32_t seen = 0;;) {
      await_ticket(seen);
      seen = ticket.load(std::memory_order_acquire);
      if (stop.load(std::memory_order_acquire)) return;
      if (!join()) continue;
      run_ranges(worker);
      leave();
    }
  }

  void announce() {
    ticket.fetch_add(1);
    if (sleepers.load() > 0) futex_wake(ticket, INT_MAX);
  }

  void await_workers() {
    std::uint32_t g = gate.fetch_and(~kOpen, std::memory_order_acquire) & ~kOpen;
    for (int i = 0; i < spins && (g & kCount) != 0; ++i) {
      pause_cpu();
      g = gate.load(std::memory_order_acquire);
    }
    while ((g & kCount) != 0) {
      if ((g & kCallerSleeps) != 0) {
        futex_wait(gate, g);
        g = gate.load(std::memory_order_acquire);
      } else if (gate.compare_exchange_weak(g, g | kCallerSleeps, std::memory_order_acquire)) {
        g |= kCallerSleeps;
      }
    }
    gate.store(0, std::memory_order_relaxed);
  }

  void run(std::int64_t count, Body call_body, void* call_context) {
    const std::lock_guard<std::mutex> lock(calls);
    body = call_body;
    context = call_context;
    tasks = count;
    next.store(0, std::memory_order_relaxed);
    gate.store(kOpen, std::memory_order_release);
    announce();
    run_ranges(0);
    await_workers();
  }

  void shut_down() {
    stop.store(true, std::memory_order_release);
    announce();
    for (std::thread& thread : threads) thread.join();
  }
};

ThreadPool::ThreadPool(int threads, bool pin) : impl_(std::make_unique<Impl>()) {
  if (threads < 1 || threads > kMaxThreads)
    throw Error(ErrorCode::kUsage,
                fmt::format("a thread pool of {} threads: must be 1 to {}", threads, kMaxThreads));
  const std::vector<int> cpus = affinity_cpus();
  impl_->workers = threads;
  // With more threads than CPUs, spinning only takes time from the thread that is waited for.
  impl_->spins = threads <= usable_cpus() ? 1000 : 0;
  impl_->born = forks.load();
  impl_->threads.reserve(static_cast<std::size_t>(threads - 1));
  try {
    for (int worker = 1; worker < threads; ++worker) {
      const int cpu =
          pin && !cpus.empty() ? cpus[static_cast<std::size_t>(worker) % cpus.size()] : -1;
      impl_->threads.emplace_back([impl = impl_.get(), worker, cpu] { impl->work(worker, cpu); });
    }
  } catch (const std::system_error& error) {
    impl_->shut_down();
    throw Error(
        ErrorCode::kDevice,
        fmt::format("the system refused thread {} of {} ({}): set CONVOKE_NUM_THREADS lower",
                    impl_->threads.size() + 2, threads, error.what()));
  }
}

ThreadPool::~ThreadPool() {
  if (impl_->born == forks.load())
    impl_->shut_down();
  else
    impl_.release();  // a child of fork: these threads never ran here and cannot be joined
}

int ThreadPool::workers() const { return impl_->workers; }

void ThreadPool::parallel_for(std::int64_t tasks, Body body, void* context) {
  if (tasks <= 0) return;
  if (tasks == 1 || impl_->workers == 1 || inside_body ||
      impl_->born != forks.load(std::memory_order_relaxed))
    return body(context, 0, tasks, 0);
  impl_->run(tasks, body, context);
}

}  // namespace convoke
