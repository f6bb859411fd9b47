#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#if defined(__SANITIZE_THREAD__)
#include <thread>
#include <vector>
#endif

namespace attest {

/// How many of `threads` are worth waking for that many FLOPs: to wake a thread and to wait for it costs microseconds,
/// in which one alone does what is left to it here.
inline int worthwhile_threads(int threads, double flops) {
  constexpr double least_share = 1.5e5;
  return static_cast<int>(std::clamp(flops / least_share, 1.0, static_cast<double>(threads)));
}

/// Calls body(thread, index) for each index in [0, count), on `threads` threads numbered from 0; an idle thread takes
/// the next index, so the heavy ones go first. The body must not throw. Under the thread sanitizer the threads are
/// std::thread's, because libgomp is not instrumented and every barrier of it would look like a race.
template <class Body>
void parallel_for(int threads, std::int64_t count, const Body& body) {
  if (threads <= 1 || count <= 1) {
    for (std::int64_t index = 0; index < count; ++index)
      body(0, index);
    return;
  }
#if defined(__SANITIZE_THREAD__)
  std::atomic<std::int64_t> next{0};
  std::vector<std::thread> team;
  for (int thread = 0; thread < threads; ++thread) {
    team.emplace_back([&, thread] {
      for (std::int64_t index = next++; index < count; index = next++)
        body(thread, index);
    });
  }
  for (std::thread& member : team)
    member.join();
#else
  std::atomic<std::int64_t> next{0};
  // One iteration a thread, which numbers the threads without the runtime's header.
#if defined(_OPENMP)  // tests that include this are built without, and run serially
#pragma omp parallel for num_threads(threads) schedule(static, 1)
#endif
  for (int thread = 0; thread < threads; ++thread) {
    for (std::int64_t index = next.fetch_add(1, std::memory_order_relaxed); index < count;
         index = next.fetch_add(1, std::memory_order_relaxed)) {
      body(thread, index);
    }
  }
#endif
}

}  // namespace attest
