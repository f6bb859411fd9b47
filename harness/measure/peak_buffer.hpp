#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

// What the read loops read: how much for each cache level, and memory in huge pages for it.

namespace attest::peak {

struct WorkingSet {
  std::string level;
  int threads = 1;
  std::size_t bytes_per_thread = 0;  ///< A multiple of read_step.
};

/// The working sets of the levels (L1, L2, L3, DRAM) for the thread counts, from the sizes that sysfs gives, or usual
/// ones where it gives none. L1 and L2: half of a CPU's share. L3: half of it for all threads together, but more than
/// an L2 each. DRAM: four times all L3, at least 128 MiB. A level that the machine lacks has none, nor DRAM where the
/// memory that is free is less than twice what it takes.
std::vector<WorkingSet> working_sets(const std::vector<std::string>& levels, const std::vector<int>& thread_counts,
                                     const std::filesystem::path& root = "/");

/// Zeroed memory, first touched by `threads` threads, each its part, and in huge pages where the kernel gives them:
/// with small ones a bandwidth is one of the page walker.
class Buffer {
 public:
  /// Throws attest::Error when the memory cannot be had.
  Buffer(std::size_t bytes, int threads);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  const std::byte* data() const { return data_; }

 private:
  void* mapping_ = nullptr;
  std::size_t mapped_bytes_ = 0;
  std::byte* data_ = nullptr;
};

}  // namespace attest::peak
