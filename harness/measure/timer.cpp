#include "harness/measure/timer.hpp"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cmath>
#include <exception>
#include <fmt/format.h>
#include <string>

#include "harness/core/error.hpp"

namespace attest {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void require_valid(const Workload& workload, const TimingOptions& options) {
  const auto require = [](bool valid, const char* message) {
    if (!valid) throw Error(std::string("timing: ") + message);
  };
  require(static_cast<bool>(workload.run), "a workload without run; it does one iteration");
  require(options.min_samples >= minimum_interval_samples, "min_samples under 6; an interval needs 6");
  require(options.least_samples >= 1 && options.least_samples <= options.min_samples,
          "least_samples must be 1 to min_samples");
  require(options.max_samples >= options.min_samples, "max_samples under min_samples");
  require(options.max_seconds > 0 && std::isfinite(options.max_seconds), "max_seconds must be positive and finite");
  require(options.target_half_width >= 0, "target_half_width must not be negative");
  require(options.min_sample_seconds >= 0, "min_sample_seconds must not be negative");
  require(options.max_warm_up_seconds >= 0, "max_warm_up_seconds must not be negative");
  require(options.settled_iterations >= 1, "settled_iterations 0; at least one is needed");
}

/// Iterations that cannot be timed in one go, because something lies between them or another clock times them.
bool timed_one_by_one(const Workload& workload) {
  return workload.prepare || workload.seconds_of_last_run;
}

double time_one(const Workload& workload) {
  if (workload.prepare) workload.prepare();
  const Clock::time_point start = Clock::now();
  workload.run();
  if (!workload.seconds_of_last_run) return seconds_since(start);
  const double seconds = workload.seconds_of_last_run();
  if (!(seconds >= 0 && std::isfinite(seconds))) {
    throw Error(fmt::format("timing: an iteration of {} s; must be finite and not negative", seconds));
  }
  return seconds;
}

double time_block(const Workload& workload, std::int64_t iterations) {
  double seconds = 0;
  if (timed_one_by_one(workload)) {
    for (std::int64_t i = 0; i < iterations; ++i)
      seconds += time_one(workload);
    return seconds;
  }
  const Clock::time_point start = Clock::now();
  for (std::int64_t i = 0; i < iterations; ++i)
    workload.run();
  return seconds_since(start);
}

struct WarmUp {
  std::int64_t iterations_per_sample = 1;
  std::size_t iterations = 0;
};

/// Runs blocks of iterations, doubled until one lasts as long as a sample has to, until the blocks no longer get
/// faster.
WarmUp warm_up(const Workload& workload, const TimingOptions& options, double resolution) {
  // A reading is off by at most one step of the clock at each end; a thousand steps make that 0.2%. The resolution of
  // another clock is for the caller to know.
  const double clock_seconds = workload.seconds_of_last_run ? 0 : 1000 * resolution;
  const double block_seconds = std::max(options.min_sample_seconds, clock_seconds);
  // Two per cent is less than what a cold cache or a slow clock costs, and more than the noise of a quiet machine.
  constexpr double faster = 0.98;
  WarmUp result;
  double fastest = INFINITY;
  std::size_t settled = 0;
  const Clock::time_point start = Clock::now();
  do {
    const Clock::time_point block_start = Clock::now();
    const double seconds =
        time_block(workload, result.iterations_per_sample) / static_cast<double>(result.iterations_per_sample);
    result.iterations += static_cast<std::size_t>(result.iterations_per_sample);
    if (seconds_since(block_start) < block_seconds) {
      result.iterations_per_sample *= 2;
      settled = 0;
    } else {
      settled = seconds < faster * fastest ? 0 : settled + 1;
      fastest = std::min(fastest, seconds);
    }
  } while (settled < options.settled_iterations && seconds_since(start) < options.max_warm_up_seconds);
  return result;
}

/// Keeps the seconds an iteration of every repetition and writes nothing anywhere.
class SampleReporter : public benchmark::BenchmarkReporter {
 public:
  explicit SampleReporter(std::vector<double>& samples) : samples_(samples) {}

  bool ReportContext(const Context&) override { return true; }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      samples_.push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
    }
  }

 private:
  std::vector<double>& samples_;
};

/// The workload as Google Benchmark calls it, once for each repetition. Every repetition makes all its iterations,
/// empty ones when time is up or the workload has failed: the library aborts the process when repetitions differ in
/// their number, and an error reported to it in the middle makes them differ.
class Repetition {
 public:
  Repetition(const Workload& workload, const TimingOptions& options)
      : workload_(workload), least_(options.least_samples), deadline_seconds_(options.max_seconds) {}

  void operator()(benchmark::State& state) {
    if (failure_ || (measured_ >= least_ && out_of_time())) return pass(state);
    try {
      if (timed_one_by_one(workload_)) {
        while (state.KeepRunning())
          state.SetIterationTime(time_one(workload_));
      } else {
        while (state.KeepRunning())
          workload_.run();
      }
      ++measured_;
    } catch (...) {
      // Thrown again once the library, which is not written to be left by an exception, has returned.
      failure_ = std::current_exception();
      pass(state);
    }
  }

  /// Repetitions that ran the workload; those after them were empty.
  std::size_t measured() const { return measured_; }
  bool out_of_time() const { return seconds_since(start_) >= deadline_seconds_; }
  void rethrow_failure() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  static void pass(benchmark::State& state) {
    while (state.KeepRunning()) {
    }
  }

  const Workload& workload_;
  std::size_t least_;
  double deadline_seconds_;
  Clock::time_point start_ = Clock::now();
  std::size_t measured_ = 0;
  std::exception_ptr failure_;
};

void run_repetitions(Repetition& repetition, std::int64_t iterations, std::size_t count, bool manual_time,
                     std::vector<double>& samples) {
  auto* registered =
      benchmark::RegisterBenchmark("attest_workload", [&repetition](benchmark::State& state) { repetition(state); });
  registered->Iterations(iterations)->Repetitions(static_cast<int>(count))->Unit(benchmark::kSecond);
  if (manual_time) {
    registered->UseManualTime();
  } else {
    registered->UseRealTime();
  }
  SampleReporter reporter(samples);
  benchmark::RunSpecifiedBenchmarks(&reporter, nullptr, "^attest_workload/");
  // What stays registered would refer to a repetition that is gone.
  benchmark::ClearRegisteredBenchmarks();
  repetition.rethrow_failure();
  samples.resize(repetition.measured());
}

bool narrow_enough(const std::vector<double>& samples, double target_half_width) {
  const std::optional<Interval> interval = median_interval(samples);
  return interval && (interval->high - interval->low) / 2 <= target_half_width * median(samples);
}

}  // namespace

std::string_view to_string(StopReason reason) {
  switch (reason) {
    case StopReason::interval:
      return "interval";
    case StopReason::time_limit:
      return "time limit";
    case StopReason::sample_limit:
      return "sample limit";
  }
  throw Error("timing: a reason without a name");
}

double timer_resolution() {
  double smallest = INFINITY;
  for (int step = 0; step < 1000; ++step) {
    const Clock::time_point start = Clock::now();
    Clock::time_point next = Clock::now();
    while (next == start)
      next = Clock::now();
    smallest = std::min(smallest, std::chrono::duration<double>(next - start).count());
  }
  return smallest;
}

Timing time_workload(const Workload& workload, const TimingOptions& options) {
  require_valid(workload, options);
  Timing timing;
  timing.timer_resolution_seconds = timer_resolution();
  const WarmUp warm = warm_up(workload, options, timing.timer_resolution_seconds);
  timing.warm_up_iterations = warm.iterations;
  timing.iterations_per_sample = warm.iterations_per_sample;

  Repetition repetition(workload, options);
  std::size_t next_batch = options.min_samples;
  while (true) {
    run_repetitions(repetition, warm.iterations_per_sample, next_batch, timed_one_by_one(workload), timing.samples);
    if (timing.samples.size() >= options.min_samples && narrow_enough(timing.samples, options.target_half_width)) {
      timing.stopped_by = StopReason::interval;
      break;
    }
    if (repetition.out_of_time()) {
      timing.stopped_by = StopReason::time_limit;
      break;
    }
    if (timing.samples.size() >= options.max_samples) {
      timing.stopped_by = StopReason::sample_limit;
      break;
    }
    // Looking after every quarter more keeps the looks few, so that a run is seldom ended by a lucky one.
    next_batch =
        std::min(std::max<std::size_t>(3, timing.samples.size() / 4), options.max_samples - timing.samples.size());
  }
  timing.median = median(timing.samples);
  if (!(timing.median > 0)) throw Error("timing: the median is 0 s; the manual clock is too coarse for one sample");
  timing.interval = median_interval(timing.samples);
  timing.outliers = flag_outliers(timing.samples);
  return timing;
}

}  // namespace attest
