#include "harness/measure/peaks.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <fmt/format.h>
#include <functional>

#include "harness/core/error.hpp"
#include "harness/measure/machine.hpp"
#include "harness/measure/peak_buffer.hpp"
#include "harness/measure/peak_kernels.hpp"
#include "harness/measure/peak_threads.hpp"
#include "harness/measure/statistics.hpp"

namespace attest {

namespace {

using Clock = std::chrono::steady_clock;

/// Rounds are given up beyond the third once this much time has gone, on machines with very many CPUs.
constexpr double budget_seconds = 8;

peak::ComputeLoop loop_of(const peak::Kernels& kernels, std::string_view type) {
  if (type == "f64") return kernels.f64;
  if (type == "f32") return kernels.f32;
  if (type == "bf16") return kernels.bf16;
  return {};
}

/// One rate to be measured: `work` does `repeats` of `units` each, in every thread.
struct Measurement {
  int threads = 1;
  double units = 0;
  std::function<void(int thread, std::int64_t repeats)> work;
  /// Runs in every thread before the clock starts.
  std::function<void(int thread)> warm = nullptr;
  std::int64_t repeats = 1;
  std::vector<double> rates = {};
};

double timed_run(const Measurement& measurement, std::int64_t repeats) {
  return peak::seconds_of_threads(measurement.threads, measurement.warm,
                                  [&](int thread) { measurement.work(thread, repeats); });
}

/// Finds the repeats that last as long as a sample should; the runs this takes are the warm-up, too.
void calibrate(Measurement& measurement, double seconds) {
  double elapsed = timed_run(measurement, measurement.repeats);
  while (elapsed < seconds / 4) {
    measurement.repeats *= 2;
    elapsed = timed_run(measurement, measurement.repeats);
  }
  measurement.repeats = static_cast<std::int64_t>(
      std::ceil(static_cast<double>(measurement.repeats) * std::max(seconds / elapsed, 0.25)));
}

void measure_rate(Measurement& measurement) {
  const double seconds = timed_run(measurement, measurement.repeats);
  measurement.rates.push_back(measurement.units * static_cast<double>(measurement.repeats) * measurement.threads /
                              seconds);
}

/// A row of the result and the measurement that it takes its rate from; two rows may share one.
struct FlopRow {
  FlopPeak peak;
  std::size_t measurement = 0;
};
struct BandwidthRow {
  BandwidthPeak peak;
  std::size_t measurement = 0;
};

struct Session {
  std::vector<Measurement> measurements;
  std::vector<FlopRow> flops;
  std::vector<BandwidthRow> bandwidths;
  /// Results of the loops end here, so that the compiler has to compute them.
  std::atomic<std::uint64_t> sink{0};
};

void add_way(Session& session, const peak::Kernels& kernels, bool others, std::string_view type,
             const std::string& computed_as, int threads) {
  // With wider vectors at hand the baseline is the peak of nothing.
  if (&kernels == &peak::portable && others) return;
  const peak::ComputeLoop loop = loop_of(kernels, computed_as);
  if (loop.run == nullptr) return;
  const FlopPeak peak{.isa = kernels.isa,
                      .type = std::string(type),
                      .computed_as = computed_as,
                      .threads = threads,
                      .flops_per_second = 0,
                      .samples = {}};
  const auto same = std::find_if(session.flops.begin(), session.flops.end(), [&](const FlopRow& row) {
    return row.peak.isa == peak.isa && row.peak.computed_as == computed_as && row.peak.threads == threads;
  });
  if (same != session.flops.end()) {
    const std::size_t shared = same->measurement;
    session.flops.push_back({.peak = peak, .measurement = shared});
    return;
  }
  session.flops.push_back({.peak = peak, .measurement = session.measurements.size()});
  const auto work = [loop, &sink = session.sink](int, std::int64_t repeats) {
    sink.fetch_xor(static_cast<std::uint64_t>(loop.run(repeats)), std::memory_order_relaxed);
  };
  session.measurements.push_back({.threads = threads, .units = loop.flops_per_repeat, .work = work, .repeats = 10'000});
}

void add_flops(Session& session, const std::vector<const peak::Kernels*>& usable, std::string_view type, int threads) {
  // A 16-bit type may be computed with its own instruction or widened to f32, and either may be the faster: the bf16
  // dot product has twice the rate of f32 on some CPUs and half of it on others.
  std::vector<std::string> ways;
  for (const std::string& way : {std::string(type), std::string("f32")}) {
    if (way == "f32" && type == "f64") continue;
    const bool exists = std::any_of(usable.begin(), usable.end(), [&](const peak::Kernels* kernels) {
      return loop_of(*kernels, way).run != nullptr;
    });
    if (exists && std::find(ways.begin(), ways.end(), way) == ways.end()) ways.push_back(way);
  }
  for (const std::string& way : ways) {
    for (const peak::Kernels* kernels : usable)
      add_way(session, *kernels, usable.size() > 1, type, way, threads);
  }
}

void add_bandwidth(Session& session, peak::ReadLoop read, const peak::WorkingSet& set, const std::byte* buffer) {
  const std::size_t part = set.bytes_per_thread;
  session.bandwidths.push_back({.peak = {.level = set.level,
                                         .bytes = part * static_cast<std::size_t>(set.threads),
                                         .threads = set.threads,
                                         .bytes_per_second = 0,
                                         .samples = {}},
                                .measurement = session.measurements.size()});
  const auto work = [=, &sink = session.sink](int thread, std::int64_t repeats) {
    sink.fetch_xor(read(buffer + static_cast<std::size_t>(thread) * part, part, repeats), std::memory_order_relaxed);
  };
  const auto warm = [work](int thread) { work(thread, 1); };
  session.measurements.push_back({.threads = set.threads, .units = static_cast<double>(part), .work = work});
  // What lies in memory is not made nearer by reading it before.
  if (set.level != "DRAM") session.measurements.back().warm = warm;
}

void require_valid(const PeakOptions& options) {
  const auto known = [](const std::string& name, const std::vector<std::string>& names, const char* what) {
    if (std::find(names.begin(), names.end(), name) != names.end()) return;
    complain("peaks", fmt::format("{} {}", what, name), fmt::format("one of {}", fmt::join(names, ", ")));
  };
  for (const std::string& type : options.types)
    known(type, {"f64", "f32", "bf16", "f16"}, "type");
  for (const std::string& level : options.levels)
    known(level, {"L1", "L2", "L3", "DRAM"}, "level");
  for (int threads : options.threads) {
    if (threads < 1) complain("peaks", fmt::format("threads {}", threads), "at least 1");
  }
  if (options.rounds < 1) complain("peaks", fmt::format("rounds {}", options.rounds), "at least 1");
  if (!(options.seconds_per_sample > 0 && options.seconds_per_sample <= 1)) {
    complain("peaks", fmt::format("seconds_per_sample {}", options.seconds_per_sample), "in (0, 1]");
  }
}

std::vector<int> thread_counts(const PeakOptions& options) {
  if (!options.threads.empty()) return options.threads;
  const int all = static_cast<int>(std::max<std::size_t>(1, usable_cpus().size()));
  std::vector<int> counts;
  for (int threads = 1; threads < all; threads *= 2)
    counts.push_back(threads);
  counts.push_back(all);
  return counts;
}

template <typename Row>
double take_rates(Row& row, const Session& session) {
  row.peak.samples = session.measurements[row.measurement].rates;
  return median(row.peak.samples);
}

template <typename Row, typename Rate, typename Matches>
std::optional<double> best_rate(const std::vector<Row>& rows, Rate rate, Matches matches) {
  std::optional<double> best;
  for (const Row& row : rows) {
    if (matches(row)) best = std::max(best.value_or(0), rate(row));
  }
  return best;
}

auto of_type(std::string_view type, int threads) {
  return [=](const FlopPeak& row) { return row.type == type && row.threads == threads; };
}

auto of_level(std::string_view level, int threads) {
  return [=](const BandwidthPeak& row) { return row.level == level && row.threads == threads; };
}

constexpr auto fastest_round = [](const auto& row) {
  return row.samples.empty() ? 0.0 : *std::max_element(row.samples.begin(), row.samples.end());
};

}  // namespace

std::optional<double> Peaks::flops_per_second(std::string_view type, int threads) const {
  return best_rate(
      flops, [](const FlopPeak& row) { return row.flops_per_second; }, of_type(type, threads));
}

std::optional<double> Peaks::bytes_per_second(std::string_view level, int threads) const {
  return best_rate(
      bandwidths, [](const BandwidthPeak& row) { return row.bytes_per_second; }, of_level(level, threads));
}

std::optional<double> Peaks::flops_bound(std::string_view type, int threads) const {
  return best_rate(flops, fastest_round, of_type(type, threads));
}

std::optional<double> Peaks::bytes_bound(std::string_view level, int threads) const {
  return best_rate(bandwidths, fastest_round, of_level(level, threads));
}

Peaks measure_peaks(const PeakOptions& options) {
  require_valid(options);
  const Clock::time_point start = Clock::now();
  const std::vector<const peak::Kernels*> usable = peak::usable_kernels();
  const std::vector<int> counts = thread_counts(options);

  const std::vector<peak::WorkingSet> sets = peak::working_sets(options.levels, counts);
  std::size_t buffer_bytes = 0;
  for (const peak::WorkingSet& set : sets) {
    buffer_bytes = std::max(buffer_bytes, set.bytes_per_thread * static_cast<std::size_t>(set.threads));
  }
  const peak::Buffer buffer(buffer_bytes, *std::max_element(counts.begin(), counts.end()));

  Session session;
  for (int threads : counts) {
    for (const std::string& type : options.types)
      add_flops(session, usable, type, threads);
  }
  const peak::ReadLoop read = peak::widest_read();
  for (const peak::WorkingSet& set : sets)
    add_bandwidth(session, read, set, buffer.data());

  for (Measurement& measurement : session.measurements)
    calibrate(measurement, options.seconds_per_sample);
  for (int round = 0; round < options.rounds; ++round) {
    if (round >= 3 && std::chrono::duration<double>(Clock::now() - start).count() > budget_seconds) break;
    for (Measurement& measurement : session.measurements)
      measure_rate(measurement);
  }

  Peaks peaks;
  peaks.isa = usable.front()->isa;
  for (FlopRow& row : session.flops) {
    row.peak.flops_per_second = take_rates(row, session);
    peaks.flops.push_back(row.peak);
  }
  for (BandwidthRow& row : session.bandwidths) {
    row.peak.bytes_per_second = take_rates(row, session);
    peaks.bandwidths.push_back(row.peak);
  }
  return peaks;
}

Peaks measure_flop_peak(int threads, std::string_view type) {
  return measure_peaks({.threads = {threads}, .types = {std::string(type)}, .levels = {}, .rounds = 21});
}

}  // namespace attest
