#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "harness/measure/statistics.hpp"

namespace attest {

/// What is timed. Only `run` is required.
struct Workload {
  /// One iteration.
  std::function<void()> run = nullptr;
  /// Seconds of the iteration that `run` just did, as another clock saw them (CUDA events). Absent: steady_clock.
  std::function<double()> seconds_of_last_run = nullptr;
  /// Called before every iteration, outside the timing: clears a cache, moves to the next buffer.
  std::function<void()> prepare = nullptr;
};

struct TimingOptions {
  std::size_t min_samples = 9;       ///< At least 6, the fewest that have an interval.
  std::size_t least_samples = 1;     ///< Taken even when the time is up; 1 to min_samples.
  std::size_t max_samples = 10'000;  ///< Bound of the memory that raw samples take.
  double max_seconds = 2.0;          ///< Wall time of the samples and of what prepares them.
  double target_half_width = 0.01;   ///< Of the median's 95% interval, relative to the median.
  double min_sample_seconds = 1e-3;  ///< A sample repeats the iteration until it lasts this long.
  double max_warm_up_seconds = 0.5;  ///< Wall time; one iteration is always run before the first sample.
  std::size_t settled_iterations =
      3;  ///< Warm-up ends when this many in a row were not faster than the fastest before.
};

enum class StopReason { interval, time_limit, sample_limit };

/// "interval", "time limit", "sample limit".
std::string_view to_string(StopReason reason);

struct Timing {
  std::vector<double> samples;  ///< Seconds an iteration, in the order measured.
  std::int64_t iterations_per_sample = 0;
  std::size_t warm_up_iterations = 0;
  StopReason stopped_by = StopReason::interval;
  double median = 0;                 ///< Seconds.
  std::optional<Interval> interval;  ///< 95% of the median, seconds; empty under 6 samples.
  std::vector<bool> outliers;        ///< One for each sample; flagged, not removed.
  double timer_resolution_seconds = 0;
};

/// Times the workload: registers it with Google Benchmark under a name of its own, runs repetitions into a reporter
/// that keeps the raw samples and prints nothing, and goes on until the 95% interval of the median is within
/// `target_half_width` or a limit is hit. An exception of the workload passes through unchanged.
/// Google Benchmark's registry is one for the process: not for two threads at once, and it is empty afterwards.
/// Throws attest::Error on options out of range, a workload without `run`, or a manual time that is not positive.
Timing time_workload(const Workload& workload, const TimingOptions& options = {});

/// Smallest step of the clock that samples are taken with, as seen by reading it repeatedly, seconds.
double timer_resolution();

}  // namespace attest
