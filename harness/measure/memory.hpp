#pragma once

#include <cstddef>
#include <optional>

namespace attest {

/// Largest resident set of this process so far (VmHWM), bytes; empty where /proc does not say.
std::optional<std::size_t> peak_resident_bytes();

/// Resident set of this process now (VmRSS), bytes.
std::optional<std::size_t> resident_bytes();

/// Sets the peak back to the present resident set. False where the kernel does not allow it (/proc/self/clear_refs);
/// the peak then still counts what came before.
bool reset_peak_resident_bytes();

}  // namespace attest
