#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace attest::emulator {

/// What a checked run can find. The kinds up to `trap` end the launch; the others are collected and it goes on.
enum class FaultKind : std::uint8_t {
  out_of_bounds,
  misaligned,
  use_after_free,
  divergent_barrier,
  deadlock,
  inactive_lane_read,
  instruction_budget,
  deadline,
  trap,
  assertion,
  invalid_address_space,
  uninitialised_read,  // from here on: sanitizer findings
  race,
  shared_write_conflict,
};
std::string_view name_of(FaultKind kind);

/// Thrown by a handler: what kills a kernel. The interpreter adds entry, line, block and thread.
struct KernelFault {
  FaultKind kind = FaultKind::trap;
  int lane = 0;
  std::uint64_t address = 0;
  std::string detail;
};

/// Malformed or unsupported PTX, found when it is loaded. what() is one line "name:line: message; what would be right".
class LoadError : public std::runtime_error {
 public:
  LoadError(const std::string& message, int line_of_text) : std::runtime_error(message), line(line_of_text) {}
  int line = 0;
};

/// A call that makes no sense: an entry that is not there, a grid of zero, parameters of a wrong size.
class LaunchError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace attest::emulator
