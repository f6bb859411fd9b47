#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace attest {

/// Calls work(part) for every part on `threads` threads; the first exception is thrown again here.
template <class Work>
void for_each_part(std::size_t parts, int threads, const Work& work) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex guard;
  const auto loop = [&] {
    try {
      for (std::size_t part = next++; part < parts; part = next++)
        work(part);
    } catch (...) {
      const std::lock_guard lock(guard);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::thread> helpers;
  for (int thread = 1; thread < threads && static_cast<std::size_t>(thread) < parts; ++thread)
    helpers.emplace_back(loop);
  loop();
  for (std::thread& helper : helpers)
    helper.join();
  if (failure) std::rethrow_exception(failure);
}

/// Into how many parts `count` places are divided: the same for any number of threads, so that figures, which are
/// merged in the order of the parts, are too.
inline std::size_t parts_of(std::size_t count) {
  return count < 256 ? count : 256;
}

/// The first place of a part.
inline std::size_t first_of_part(std::size_t part, std::size_t parts, std::size_t count) {
  return count * part / parts;
}

}  // namespace attest
