#include "harness/measure/peak_buffer.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fmt/format.h>
#include <optional>
#include <sys/mman.h>
#include <thread>

#include "harness/core/error.hpp"
#include "harness/measure/machine.hpp"
#include "harness/measure/peak_kernels.hpp"

namespace attest::peak {

namespace {

constexpr std::size_t kibibyte = 1024;
constexpr std::size_t mebibyte = 1024 * kibibyte;
constexpr std::size_t huge_page = 2 * mebibyte;

std::optional<CacheLevel> data_cache(const std::vector<CacheLevel>& caches, int level) {
  for (const CacheLevel& cache : caches) {
    if (cache.level == level && cache.type != "Instruction") return cache;
  }
  return std::nullopt;
}

std::vector<CacheLevel> caches_or_usual(const std::filesystem::path& root) {
  std::vector<CacheLevel> caches = cpu_caches(root);
  if (!caches.empty()) return caches;
  return {{.level = 1, .type = "Data", .bytes = 32 * kibibyte, .sharing_cpus = 1},
          {.level = 2, .type = "Unified", .bytes = 512 * kibibyte, .sharing_cpus = 1},
          {.level = 3, .type = "Unified", .bytes = 8 * mebibyte, .sharing_cpus = 1}};
}

/// One CPU's share of a cache that some share.
std::size_t share(const CacheLevel& cache) {
  return cache.bytes / std::max<std::size_t>(1, cache.sharing_cpus);
}

std::size_t free_memory(const std::filesystem::path& root) {
  const std::size_t available = available_memory_bytes(root).value_or(SIZE_MAX);
  return std::min(available, control_group_limits(root).memory_bytes.value_or(SIZE_MAX));
}

}  // namespace

std::vector<WorkingSet> working_sets(const std::vector<std::string>& levels, const std::vector<int>& thread_counts,
                                     const std::filesystem::path& root) {
  const std::vector<CacheLevel> caches = caches_or_usual(root);
  const std::optional<CacheLevel> first = data_cache(caches, 1), second = data_cache(caches, 2),
                                  third = data_cache(caches, 3);
  const std::size_t cpus = std::max<std::size_t>(1, usable_cpus().size());
  const std::size_t nearer = second ? share(*second) : first ? share(*first) : 0;

  const auto bytes_per_thread = [&](const std::string& level, std::size_t threads) -> std::size_t {
    if (level == "L1") return first ? share(*first) / 2 : 0;
    if (level == "L2") return second ? std::max(share(*second) / 2, first ? 2 * share(*first) : 0) : 0;
    if (level == "L3") {
      if (!third) return 0;
      const std::size_t sharers = std::clamp<std::size_t>(third->sharing_cpus, 1, threads);
      return std::max(third->bytes / 2 / sharers, 2 * nearer);
    }
    const std::size_t last_level = third ? third->bytes : nearer;
    const std::size_t instances = third ? (cpus + third->sharing_cpus - 1) / third->sharing_cpus : cpus;
    const std::size_t caches_bytes = last_level * instances;
    // Twice is enough to miss; beyond a gibibyte four times takes more time than it is worth.
    const std::size_t wanted = std::min(4 * caches_bytes, std::max(1024 * mebibyte, 2 * caches_bytes));
    const std::size_t total = std::max(128 * mebibyte, wanted);
    return total <= free_memory(root) / 2 ? total / threads : 0;
  };

  std::vector<WorkingSet> sets;
  for (int threads : thread_counts) {
    for (const std::string& level : levels) {
      const std::size_t bytes = bytes_per_thread(level, static_cast<std::size_t>(threads)) / read_step * read_step;
      if (bytes > 0) sets.push_back({.level = level, .threads = threads, .bytes_per_thread = bytes});
    }
  }
  return sets;
}

Buffer::Buffer(std::size_t bytes, int threads) {
  if (bytes == 0) return;
  // Room to begin at the edge of a huge page.
  mapped_bytes_ = bytes + huge_page;
  mapping_ = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping_ == MAP_FAILED) {
    complain("peaks", fmt::format("cannot have {} bytes of memory", bytes),
             "leave out the level DRAM, or raise the limit", ExitCode::cells_lost);
  }
  const auto address = reinterpret_cast<std::uintptr_t>(mapping_);
  data_ = static_cast<std::byte*>(mapping_) + ((huge_page - address % huge_page) % huge_page);
  madvise(data_, bytes, MADV_HUGEPAGE);  // a kernel without huge pages still gives memory
  const std::size_t part = bytes / static_cast<std::size_t>(threads);
  std::vector<std::jthread> touching;
  for (int thread = 1; thread < threads; ++thread) {
    touching.emplace_back([=, this] { std::memset(data_ + static_cast<std::size_t>(thread) * part, 0, part); });
  }
  std::memset(data_, 0, part);
}

Buffer::~Buffer() {
  if (mapping_ != nullptr) munmap(mapping_, mapped_bytes_);
}

}  // namespace attest::peak
