#pragma once

#include "harness/backends/emulator/memory.hpp"
#include "harness/backends/emulator/scheduler.hpp"

namespace attest::emulator {

/// Throws LaunchError for a launch that compute capability 8.0 or the entry's own limits do not allow.
void check(const LaunchShape& shape);

/// Runs a launch that has been checked.
LaunchResult run(const LaunchShape& shape, GlobalMemory& memory);

}  // namespace attest::emulator
