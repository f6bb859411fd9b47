#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

// What Linux says of the machine. Every function takes the root under which /proc and /sys are found, and answers empty
// for what is not there.

namespace attest {

struct CacheLevel {
  int level = 0;
  std::string type;              ///< Data, Instruction or Unified.
  std::size_t bytes = 0;         ///< Of one instance.
  std::size_t sharing_cpus = 1;  ///< CPUs that share one instance.
};

/// The caches of the first CPU, in the kernel's order.
std::vector<CacheLevel> cpu_caches(const std::filesystem::path& root = "/");

/// First line of a file without the line end; empty when it cannot be read.
std::optional<std::string> read_line(const std::filesystem::path& file);

/// Limits of the control groups that this process is in, the tightest over all ancestors, v1 and v2.
struct ControlGroupLimits {
  std::optional<std::size_t> memory_bytes;  ///< Empty: unlimited or not readable.
  std::optional<double> cpus;               ///< Quota over period.
  std::optional<std::string> cpu_set;
  std::string version;  ///< "1", "2", "1 and 2" or "" when there are none.
};
ControlGroupLimits control_group_limits(const std::filesystem::path& root = "/");

/// Bytes that can be had without swapping (MemAvailable), and all (MemTotal).
std::optional<std::size_t> available_memory_bytes(const std::filesystem::path& root = "/");
std::optional<std::size_t> total_memory_bytes(const std::filesystem::path& root = "/");

/// "0-3,8" to {0, 1, 2, 3, 8}; empty when malformed.
std::vector<int> parse_cpu_list(const std::string& text);
/// The other way round.
std::string format_cpu_list(const std::vector<int>& cpus);

/// The CPUs that this process may run on (sched_getaffinity).
std::vector<int> usable_cpus();

/// The same, one CPU of every core first, then the second ones of each, and so on.
std::vector<int> cpus_by_core(const std::filesystem::path& root = "/");

}  // namespace attest
