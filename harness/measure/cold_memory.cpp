#include "harness/measure/cold_memory.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "harness/measure/peak_kernels.hpp"
#include "harness/measure/peak_threads.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace attest {

namespace {

constexpr std::size_t line_bytes = 64;
constexpr std::size_t flushed_bytes = 1 << 16;

/// The `index`th of `count` equal parts, in whole steps of the read loop; what is left over at the end is not read.
std::span<const std::byte> part_of(std::span<const std::byte> memory, std::size_t index, std::size_t count) {
  const std::size_t skip = (line_bytes - reinterpret_cast<std::uintptr_t>(memory.data()) % line_bytes) % line_bytes;
  if (memory.size() <= skip) return {};
  const std::size_t part = (memory.size() - skip) / count / peak::read_step * peak::read_step;
  return memory.subspan(skip + index * part, part);
}

/// Flushes every `count`th block of lines, from the `index`th on.
void flush(std::span<const std::byte> memory, std::size_t index, std::size_t count) {
#if defined(__x86_64__)
  for (std::size_t block = index * flushed_bytes; block < memory.size(); block += count * flushed_bytes) {
    const std::size_t end = std::min(memory.size(), block + flushed_bytes);
    for (std::size_t place = block; place < end; place += line_bytes)
      _mm_clflush(memory.data() + place);
  }
  if (!memory.empty()) _mm_clflush(memory.data() + memory.size() - 1);
  _mm_mfence();
#else
  static_cast<void>(memory), static_cast<void>(index), static_cast<void>(count);
#endif
}

/// Calls work(thread) on OpenMP's threads, as kernels do. The thread sanitizer does not know their barriers.
template <class Work>
void on_team(int threads, const Work& work) {
#if defined(_OPENMP) && !defined(__SANITIZE_THREAD__)
#pragma omp parallel for num_threads(threads) schedule(static, 1)
#endif
  for (int thread = 0; thread < threads; ++thread)
    work(static_cast<std::size_t>(thread));
}

}  // namespace

void flush_from_caches(const ReadBytes& memory, int threads) {
  on_team(threads, [&](std::size_t thread) {
    for (const std::span<const std::byte> piece : memory)
      flush(piece, thread, static_cast<std::size_t>(threads));
  });
}

double cold_read_rate(const ReadBytes& memory, int threads) {
  const auto count = static_cast<std::size_t>(threads);
  std::size_t bytes = 0;
  for (const std::span<const std::byte> piece : memory)
    bytes += part_of(piece, 0, count).size() * count;
  if (bytes == 0) return 0.0;
  flush_from_caches(memory, threads);
  const peak::ReadLoop read = peak::widest_read();
  std::atomic<std::uint64_t> sink{0};
  const auto start = std::chrono::steady_clock::now();
  on_team(threads, [&](std::size_t thread) {
    for (const std::span<const std::byte> piece : memory) {
      const std::span<const std::byte> part = part_of(piece, thread, count);
      sink.fetch_xor(read(part.data(), part.size(), 1), std::memory_order_relaxed);
    }
  });
  return static_cast<double>(bytes) / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace attest
