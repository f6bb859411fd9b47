#include <algorithm>
#include <fmt/format.h>

#include "harness/core/counts.hpp"
#include "harness/measure/statistics.hpp"
#include "harness/sweep/cell.hpp"

namespace attest {
namespace {

// A rate this far above the measured peak is not believable: clocks vary by a few percent within a run.
constexpr double believable = 1.05;
// A peak this far under the session's best was measured while the machine did something else.
constexpr double dipped = 0.9;

}  // namespace

void describe_cell(CellRecord& record, const KernelEntry& entry, const Problem& problem, const std::string& tensors) {
  record.approximation = !entry.variant->is_softmax;
  record.flops = flops_of(*entry.variant, *entry.kernel, problem);
  record.flops_conventional = conventional_flops(problem);
  record.io_bytes = io_bytes(problem);
  record.workspace_bytes_predicted =
      static_cast<std::int64_t>(entry.kernel->workspace_bytes(problem, record.key.threads));
  record.reproduce = reproduce_line(record, tensors);
}

namespace {

/// The shares of all rounds' runs together. A run of a cell takes as long as another, so that a round weighs by its
/// runs: the shares are of summed times, no mean of ratios.
std::optional<PhaseFigures> pooled_phases(const std::vector<RoundRecord>& rounds) {
  PhaseFigures pooled;
  for (const RoundRecord& round : rounds) {
    if (!round.phases) continue;
    pooled.runs += round.phases->runs;
    for (std::size_t index = 0; index < pooled.shares.size(); ++index)
      pooled.shares[index] += round.phases->shares[index] * round.phases->runs;
  }
  if (pooled.runs == 0) return std::nullopt;
  for (double& share : pooled.shares)
    share /= pooled.runs;
  return pooled;
}

}  // namespace

void summarise_rounds(CellRecord& record, double best_peak) {
  std::vector<double> samples;
  std::vector<double> peaks;
  for (const RoundRecord& round : record.rounds) {
    samples.insert(samples.end(), round.seconds.begin(), round.seconds.end());
    if (round.peak_flops > 0.0) peaks.push_back(round.peak_flops);
  }
  if (samples.empty()) return;
  TimingSummary timing;
  timing.samples = static_cast<std::int64_t>(samples.size());
  timing.seconds_median = median(samples);
  timing.seconds_min = *std::min_element(samples.begin(), samples.end());
  timing.seconds_max = *std::max_element(samples.begin(), samples.end());
  // With fewer than 6 samples no interval covers the median: the whole range is what is known.
  const Interval range{.low = timing.seconds_min, .high = timing.seconds_max};
  const Interval interval = median_interval(samples).value_or(range);
  timing.seconds_ci_low = interval.low;
  timing.seconds_ci_high = interval.high;
  const std::vector<bool> outliers = flag_outliers(samples);
  timing.outliers = std::count(outliers.begin(), outliers.end(), true);
  record.timing = timing;
  record.phases = pooled_phases(record.rounds);
  if (record.cold) record.cold->read_rate = median(record.cold->read_rates);
  record.peak_flops = peaks.empty() ? 0.0 : median(peaks);
  for (const double peak : peaks)
    best_peak = std::max(best_peak, peak);
  if (record.peak_flops < dipped * best_peak || record.percent_of_peak() > 100.0) record.peak_flops = best_peak;
  if (record.verdict.has_passed() && record.percent_of_peak() > 100.0 * believable) {
    record.verdict = {Outcome::suspect, fmt::format("{:.1f} GFLOP/s is {:.0f} % of the measured peak", record.gflops(),
                                                    record.percent_of_peak())};
  }
}

std::string reproduce_line(const CellRecord& record, const std::string& tensors, const std::string& cases) {
  if (!cases.empty()) {  // the expected values decide, which are that file's
    return fmt::format("attest check --cases '{}' --kernel {} --backend {} --threads {} --seed {}", cases,
                       record.key.kernel, record.key.backend, record.key.threads, record.seed);
  }
  const std::string inputs =
      tensors.empty() ? fmt::format("--inputs {}", record.key.inputs) : fmt::format("--tensors '{}'", tensors);
  const std::string sanitize = record.sanitized ? " --sanitize" : "";
  return fmt::format("attest check '{}' --kernel {} --backend {} {} --threads {} --seed {}{}", record.key.problem,
                     record.key.kernel, record.key.backend, inputs, record.key.threads, record.seed, sanitize);
}

}  // namespace attest
