#include "harness/measure/cold_memory.hpp"

#include <atomic>
#include <cstdint>

#include "harness/measure/peak_kernels.hpp"
#include "harness/measure/peak_threads.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace attest {

namespace {

constexpr std::size_t line_bytes = 64;

/// The `index`th of `count` equal parts, in whole steps of the read loop; what is left over at the end is not read.
std::span<const std::byte> part_of(std::span<const std::byte> memory, std::size_t index, std::size_t count) {
  const std::size_t skip = (line_bytes - reinterpret_cast<std::uintptr_t>(memory.data()) % line_bytes) % line_bytes;
  if (memory.size() <= skip) return {};
  const std::size_t part = (memory.size() - skip) / count / peak::read_step * peak::read_step;
  return memory.subspan(skip + index * part, part);
}

}  // namespace

void flush_from_caches(const ReadBytes& memory) {
#if defined(__x86_64__)
  for (const std::span<const std::byte> piece : memory) {
    for (std::size_t place = 0; place < piece.size(); place += line_bytes)
      _mm_clflush(piece.data() + place);
  }
  _mm_mfence();
#else
  static_cast<void>(memory);
#endif
}

double cold_read_rate(const ReadBytes& memory, int threads) {
  const auto count = static_cast<std::size_t>(threads);
  std::size_t bytes = 0;
  for (const std::span<const std::byte> piece : memory)
    bytes += part_of(piece, 0, count).size() * count;
  if (bytes == 0) return 0.0;
  flush_from_caches(memory);
  const peak::ReadLoop read = peak::widest_read();
  std::atomic<std::uint64_t> sink{0};
  const double seconds = peak::seconds_of_threads(threads, nullptr, [&](int thread) {
    for (const std::span<const std::byte> piece : memory) {
      const std::span<const std::byte> part = part_of(piece, static_cast<std::size_t>(thread), count);
      sink.fetch_xor(read(part.data(), part.size(), 1), std::memory_order_relaxed);
    }
  });
  return static_cast<double>(bytes) / seconds;
}

}  // namespace attest
