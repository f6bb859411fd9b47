#include "harness/measure/memory.hpp"

#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

namespace attest {

namespace {

/// A line of /proc/self/status such as "VmHWM:     1234 kB".
std::optional<std::size_t> status_bytes(std::string_view key) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (!line.starts_with(key)) continue;
    const std::size_t digits = line.find_first_of("0123456789");
    if (digits == std::string::npos || !line.ends_with(" kB")) return std::nullopt;
    std::size_t kibibytes = 0;
    const auto [end, error] = std::from_chars(line.data() + digits, line.data() + line.size(), kibibytes);
    if (error != std::errc{} || end == line.data() + digits) return std::nullopt;
    return kibibytes * 1024;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> peak_resident_bytes() {
  return status_bytes("VmHWM:");
}

std::optional<std::size_t> resident_bytes() {
  return status_bytes("VmRSS:");
}

bool reset_peak_resident_bytes() {
  std::ofstream clear("/proc/self/clear_refs");
  clear << "5" << std::flush;  // 5 resets the peak and leaves the pages' referenced bits alone
  return clear.good();
}

}  // namespace attest
