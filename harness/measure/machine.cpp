#include "harness/measure/machine.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <fstream>
#include <sched.h>
#include <sstream>

namespace attest {

namespace {

std::optional<std::size_t> parse_size(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.empty()) return value;
  if (unit == "K") return value << 10;
  if (unit == "M") return value << 20;
  if (unit == "G") return value << 30;
  return std::nullopt;
}

std::optional<double> parse_number(const std::string& text) {
  std::istringstream stream(text);
  double value = 0;
  if (!(stream >> value)) return std::nullopt;
  return value;
}

std::optional<std::size_t> meminfo_bytes(const std::filesystem::path& root, std::string_view key) {
  std::ifstream file(root / "proc/meminfo");
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with(key)) continue;
    std::istringstream fields(line.substr(key.size()));
    std::size_t kibibytes = 0;
    std::string unit;
    if (fields >> kibibytes >> unit && unit == "kB") return kibibytes * 1024;
  }
  return std::nullopt;
}

/// The group's folder and those above it up to the mount. A container often sees the mount alone, at which its own
/// group then lies.
std::vector<std::filesystem::path> folders_up(const std::filesystem::path& mount, const std::string& group) {
  std::vector<std::filesystem::path> folders;
  std::filesystem::path relative = std::filesystem::path(group).relative_path();
  while (!relative.empty()) {
    folders.push_back(mount / relative);
    relative = relative.parent_path();
  }
  folders.push_back(mount);
  return folders;
}

template <typename Value>
void tighten(std::optional<Value>& limit, std::optional<Value> other) {
  if (other && (!limit || *other < *limit)) limit = other;
}

void read_version_2(const std::filesystem::path& mount, const std::string& group, ControlGroupLimits& limits) {
  for (const auto& folder : folders_up(mount, group)) {
    if (const auto line = read_line(folder / "memory.max")) tighten(limits.memory_bytes, parse_size(*line));
    if (const auto line = read_line(folder / "cpu.max")) {  // "max 100000" or "150000 100000"
      std::istringstream fields(*line);
      double quota = 0, period = 0;
      if (fields >> quota >> period && period > 0) tighten(limits.cpus, std::optional(quota / period));
    }
    const auto cpus = read_line(folder / "cpuset.cpus.effective");
    if (cpus && !cpus->empty() && !limits.cpu_set) limits.cpu_set = cpus;
  }
}

void read_version_1(const std::filesystem::path& mount, const std::string& controller, const std::string& group,
                    ControlGroupLimits& limits) {
  for (const auto& folder : folders_up(mount / controller, group)) {
    if (controller == "memory") {
      const auto line = read_line(folder / "memory.limit_in_bytes");
      // No limit is written as the largest multiple of a page.
      const auto bytes = line ? parse_size(*line) : std::nullopt;
      if (bytes && *bytes < (std::size_t{1} << 60)) tighten(limits.memory_bytes, bytes);
    } else if (controller == "cpu") {
      const auto quota = read_line(folder / "cpu.cfs_quota_us");
      const auto period = read_line(folder / "cpu.cfs_period_us");
      if (!quota || !period) continue;
      const double quota_us = parse_number(*quota).value_or(-1);
      const double period_us = parse_number(*period).value_or(0);
      if (quota_us > 0 && period_us > 0) tighten(limits.cpus, std::optional(quota_us / period_us));
    } else if (controller == "cpuset") {
      auto cpus = read_line(folder / "cpuset.effective_cpus");
      if (!cpus) cpus = read_line(folder / "cpuset.cpus");
      if (cpus && !cpus->empty() && !limits.cpu_set) limits.cpu_set = cpus;
    }
  }
}

}  // namespace

std::optional<std::string> read_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

std::vector<CacheLevel> cpu_caches(const std::filesystem::path& root) {
  std::vector<CacheLevel> caches;
  for (int index = 0;; ++index) {
    const auto folder = root / "sys/devices/system/cpu/cpu0/cache" / fmt::format("index{}", index);
    const auto level = read_line(folder / "level"), type = read_line(folder / "type"),
               size = read_line(folder / "size");
    if (!level || !type || !size) return caches;
    const auto bytes = parse_size(*size);
    const auto number = parse_size(*level);
    if (!bytes || !number) continue;
    const auto sharing = parse_cpu_list(read_line(folder / "shared_cpu_list").value_or(""));
    caches.push_back({.level = static_cast<int>(*number),
                      .type = *type,
                      .bytes = *bytes,
                      .sharing_cpus = std::max<std::size_t>(1, sharing.size())});
  }
}

ControlGroupLimits control_group_limits(const std::filesystem::path& root) {
  ControlGroupLimits limits;
  bool first = false, second = false;
  const std::filesystem::path mount = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {  // "4:cpu,cpuacct:/group", and version 2 "0::/group"
    const std::size_t one = line.find(':');
    const std::size_t two = one == std::string::npos ? one : line.find(':', one + 1);
    if (two == std::string::npos) continue;
    const std::string group = line.substr(two + 1);
    std::istringstream controllers(line.substr(one + 1, two - one - 1));
    std::string controller;
    if (one + 1 == two) {
      // Beside version 1, the second one is mounted in a folder of its own.
      const bool alone = std::filesystem::exists(mount / "cgroup.controllers");
      const std::filesystem::path unified = alone ? mount : mount / "unified";
      second |= std::filesystem::exists(unified / "cgroup.controllers");
      read_version_2(unified, group, limits);
    }
    while (std::getline(controllers, controller, ',')) {
      first = true;
      read_version_1(mount, controller, group, limits);
    }
  }
  limits.version = first && second ? "1 and 2" : first ? "1" : second ? "2" : "";
  return limits;
}

std::optional<std::size_t> available_memory_bytes(const std::filesystem::path& root) {
  return meminfo_bytes(root, "MemAvailable:");
}

std::optional<std::size_t> total_memory_bytes(const std::filesystem::path& root) {
  return meminfo_bytes(root, "MemTotal:");
}

std::vector<int> parse_cpu_list(const std::string& text) {
  std::vector<int> cpus;
  std::istringstream ranges(text);
  std::string range;
  while (std::getline(ranges, range, ',')) {
    std::istringstream bounds(range);
    int low = 0, high = 0;
    char dash = 0;
    if (!(bounds >> low) || low < 0) return {};
    high = low;
    if (bounds >> dash && (dash != '-' || !(bounds >> high) || high < low || high > 1'000'000)) return {};
    for (int cpu = low; cpu <= high; ++cpu)
      cpus.push_back(cpu);
  }
  return cpus;
}

std::string format_cpu_list(const std::vector<int>& cpus) {
  std::string text;
  for (std::size_t first = 0; first < cpus.size();) {
    std::size_t last = first;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1)
      ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", cpus[first]);
    if (last > first) text += fmt::format("-{}", cpus[last]);
    first = last + 1;
  }
  return text;
}

std::vector<int> usable_cpus() {
  std::vector<int> cpus;
  // The kernel refuses a set that is too small for the machine.
  for (int capacity = 1024; capacity <= 1 << 20; capacity *= 4) {
    cpu_set_t* set = CPU_ALLOC(capacity);
    if (set == nullptr) return cpus;
    const std::size_t bytes = CPU_ALLOC_SIZE(capacity);
    const bool answered = sched_getaffinity(0, bytes, set) == 0;
    for (int cpu = 0; answered && cpu < capacity; ++cpu) {
      if (CPU_ISSET_S(cpu, bytes, set)) cpus.push_back(cpu);
    }
    CPU_FREE(set);
    if (answered) break;
  }
  return cpus;
}

std::vector<int> cpus_by_core(const std::filesystem::path& root) {
  struct Place {
    std::size_t turn = 0;  // how many usable CPUs of its core come before it
    int cpu = 0;
  };
  const std::vector<int> cpus = usable_cpus();
  std::vector<Place> places;
  for (int cpu : cpus) {
    const auto topology = root / "sys/devices/system/cpu" / fmt::format("cpu{}", cpu) / "topology";
    std::size_t turn = 0;
    for (int sibling : parse_cpu_list(read_line(topology / "thread_siblings_list").value_or(""))) {
      if (sibling < cpu && std::binary_search(cpus.begin(), cpus.end(), sibling)) ++turn;
    }
    places.push_back({.turn = turn, .cpu = cpu});
  }
  std::stable_sort(places.begin(), places.end(),
                   [](const Place& left, const Place& right) { return left.turn < right.turn; });
  std::vector<int> ordered;
  for (const Place& place : places)
    ordered.push_back(place.cpu);
  return ordered;
}

}  // namespace attest
