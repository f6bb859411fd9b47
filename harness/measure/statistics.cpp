#include "harness/measure/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <numbers>
#include <string>

#include "harness/core/error.hpp"

namespace attest {

namespace {

void require_samples(std::span<const double> samples) {
  if (samples.empty()) throw Error("statistics: no samples; at least one is needed");
  for (double sample : samples) {
    if (!std::isfinite(sample)) throw Error(fmt::format("statistics: sample {}; must be finite", sample));
  }
}

void require_probability(double probability) {
  if (!(probability >= 0 && probability <= 1)) {
    throw Error(fmt::format("statistics: probability {}; must be from 0 to 1", probability));
  }
}

std::vector<double> sorted(std::span<const double> samples) {
  require_samples(samples);
  std::vector<double> copy(samples.begin(), samples.end());
  std::sort(copy.begin(), copy.end());
  return copy;
}

double median_of_sorted(const std::vector<double>& ordered) {
  const std::size_t middle = ordered.size() / 2;
  if (ordered.size() % 2 == 1) return ordered[middle];
  return ordered[middle - 1] + (ordered[middle] - ordered[middle - 1]) / 2;
}

}  // namespace

double median(std::span<const double> samples) {
  return median_of_sorted(sorted(samples));
}

double quantile(std::span<const double> samples, double probability) {
  require_probability(probability);
  const std::vector<double> ordered = sorted(samples);
  const double position = probability * static_cast<double>(ordered.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  if (below + 1 == ordered.size()) return ordered.back();
  return std::lerp(ordered[below], ordered[below + 1], position - static_cast<double>(below));
}

Interval percentile_interval(std::span<const double> samples, double confidence) {
  const double tail = (1 - confidence) / 2;
  return {.low = quantile(samples, tail), .high = quantile(samples, 1 - tail)};
}

std::optional<MedianRanks> median_ranks(std::size_t count, double confidence) {
  require_probability(confidence);
  // log P(Binomial(count, 1/2) = k), from k = 0 upwards; in logarithms, for 2^-count underflows from 1075 on.
  double log_term = -static_cast<double>(count) * std::numbers::ln2;
  double below = 0;  // P(Binomial < low)
  std::optional<MedianRanks> best;
  for (std::size_t low = 1; low <= count / 2; ++low) {
    below += std::exp(log_term);
    const double coverage = 1 - 2 * below;
    if (!(coverage >= confidence)) break;
    best = MedianRanks{.low = low, .high = count + 1 - low, .coverage = coverage};
    log_term += std::log(static_cast<double>(count - low + 1) / static_cast<double>(low));
  }
  return best;
}

std::optional<Interval> median_interval(std::span<const double> samples, double confidence) {
  const std::optional<MedianRanks> ranks = median_ranks(samples.size(), confidence);
  if (!ranks) return std::nullopt;
  const std::vector<double> ordered = sorted(samples);
  return Interval{.low = ordered[ranks->low - 1], .high = ordered[ranks->high - 1]};
}

double median_absolute_deviation(std::span<const double> samples) {
  const double center = median(samples);
  std::vector<double> distances(samples.begin(), samples.end());
  for (double& distance : distances)
    distance = std::abs(distance - center);
  return median(distances);
}

std::vector<bool> flag_outliers(std::span<const double> samples, double threshold) {
  const double center = median(samples);
  const double limit = threshold * median_absolute_deviation(samples);
  std::vector<bool> flags;
  flags.reserve(samples.size());
  for (double sample : samples)
    flags.push_back(std::abs(sample - center) > limit);
  return flags;
}

double harmonic_mean(std::span<const double> rates) {
  require_samples(rates);
  double sum = 0;
  for (double rate : rates) {
    if (!(rate > 0)) throw Error(fmt::format("harmonic mean: rate {}; must be positive", rate));
    sum += 1 / rate;
  }
  return static_cast<double>(rates.size()) / sum;
}

std::uint64_t Generator::next() {
  std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15u);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  return mixed ^ (mixed >> 31);
}

std::size_t Generator::below(std::size_t bound) {
  if (bound == 0) throw Error("generator: bound 0; must be positive");
  // Values beyond the largest multiple of bound would favour the small remainders.
  const std::uint64_t limit = std::numeric_limits<std::uint64_t>::max() / bound * bound;
  std::uint64_t value = next();
  while (value >= limit)
    value = next();
  return static_cast<std::size_t>(value % bound);
}

std::vector<double> resample(std::span<const double> samples, Generator& generator) {
  std::vector<double> drawn(samples.size());
  for (double& value : drawn)
    value = samples[generator.below(samples.size())];
  return drawn;
}

Interval bootstrap_median(std::span<const double> samples, const BootstrapOptions& options) {
  require_samples(samples);
  if (options.resamples == 0) throw Error("bootstrap: 0 resamples; at least one is needed");
  require_probability(options.confidence);
  Generator generator(options.seed);
  std::vector<double> medians(options.resamples);
  for (double& value : medians)
    value = median(resample(samples, generator));
  return percentile_interval(medians, options.confidence);
}

}  // namespace attest
