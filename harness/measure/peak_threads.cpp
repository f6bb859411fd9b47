#include "harness/measure/peak_threads.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <sched.h>
#include <thread>
#include <vector>

#include "harness/measure/machine.hpp"

namespace attest::peak {

namespace {

using Clock = std::chrono::steady_clock;

/// Two threads that start on one CPU are moved apart only after a while, and would measure half the rate until then.
void stay_on(const std::vector<int>& cpus, int thread, int threads) {
  if (threads == 1 || static_cast<std::size_t>(threads) > cpus.size()) return;
  const int cpu = cpus[static_cast<std::size_t>(thread)];
  const auto capacity = static_cast<std::size_t>(cpu) + 1;
  cpu_set_t* set = CPU_ALLOC(capacity);
  if (set == nullptr) return;
  const std::size_t bytes = CPU_ALLOC_SIZE(capacity);
  CPU_ZERO_S(bytes, set);
  CPU_SET_S(static_cast<std::size_t>(cpu), bytes, set);
  sched_setaffinity(0, bytes, set);
  CPU_FREE(set);
}

}  // namespace

double seconds_of_threads(int threads, const std::function<void(int)>& warm, const std::function<void(int)>& work) {
  static const std::vector<int> cpus = cpus_by_core();
  std::atomic<int> arrived{0};
  std::vector<Clock::time_point> starts(static_cast<std::size_t>(threads));
  std::vector<Clock::time_point> ends(starts.size());
  {
    // New ones, so that the caller's thread keeps the CPUs that it may use.
    std::vector<std::jthread> team;
    for (int thread = 0; thread < threads; ++thread) {
      team.emplace_back([&, thread] {
        stay_on(cpus, thread, threads);
        if (warm) warm(thread);
        arrived.fetch_add(1);
        while (arrived.load() < threads)
          std::this_thread::yield();
        const auto index = static_cast<std::size_t>(thread);
        starts[index] = Clock::now();
        work(thread);
        ends[index] = Clock::now();
      });
    }
  }
  const Clock::duration elapsed =
      *std::max_element(ends.begin(), ends.end()) - *std::min_element(starts.begin(), starts.end());
  return std::chrono::duration<double>(elapsed).count();
}

ReadLoop widest_read() {
  const std::vector<const Kernels*> usable = usable_kernels();
  return (*std::find_if(usable.begin(), usable.end(), [](const Kernels* kernels) { return kernels->read != nullptr; }))
      ->read;
}

}  // namespace attest::peak
