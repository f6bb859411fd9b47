#pragma once

#include <functional>

#include "harness/measure/peak_kernels.hpp"

namespace attest::peak {

/// Seconds from the first start to the last end of work(thread) on `threads` new threads, each on a CPU of its own,
/// with all of them running before any starts. warm(thread), if given, runs before the clock.
double seconds_of_threads(int threads, const std::function<void(int)>& warm, const std::function<void(int)>& work);

/// The read loop of the widest vectors that this build has and this CPU can run.
ReadLoop widest_read();

}  // namespace attest::peak
