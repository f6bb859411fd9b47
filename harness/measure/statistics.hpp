#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

// Order statistics of timing samples. None of this keeps state; functions that need samples throw attest::Error when
// there are none, or when one is not a finite number.

namespace attest {

/// A closed interval, in the unit of what it bounds.
struct Interval {
  double low = 0;
  double high = 0;
};

/// Fewest samples for which the median has an exact 95% interval (with 5, even [smallest, largest] covers less).
inline constexpr std::size_t minimum_interval_samples = 6;

/// Median; the mean of the two middle samples when their number is even.
double median(std::span<const double> samples);

/// Quantile with linear interpolation between order statistics (Hyndman and Fan's type 7, numpy's default).
/// probability: 0 to 1.
double quantile(std::span<const double> samples, double probability);

/// The quantiles that leave (1 - confidence) / 2 outside on either side.
Interval percentile_interval(std::span<const double> samples, double confidence);

/// Ranks (1-based) of the order statistics that bound the median, and the exact probability that they do.
struct MedianRanks {
  std::size_t low = 0;
  std::size_t high = 0;
  double coverage = 0;
};

/// The narrowest symmetric pair of ranks that covers the median with at least `confidence` whatever the distribution:
/// the median lies outside [x(l), x(n+1-l)] with probability 2 P(Binomial(n, 1/2) < l). Empty when even the whole range
/// does not cover it (fewer than 6 samples at 0.95). Source: Hoefler and Belli, SC'15, rule 6; Le Boudec 2010,
/// theorem 2.1.
std::optional<MedianRanks> median_ranks(std::size_t count, double confidence = 0.95);

/// The samples at median_ranks(samples.size(), confidence).
std::optional<Interval> median_interval(std::span<const double> samples, double confidence = 0.95);

/// Median of the distances from the median, not scaled to a standard deviation.
double median_absolute_deviation(std::span<const double> samples);

/// Which samples are further from the median than `threshold` median absolute deviations (14.8 is 10 standard
/// deviations of a normal distribution). When the deviation is 0, every sample off the median is one. Samples are
/// flagged, never removed.
std::vector<bool> flag_outliers(std::span<const double> samples, double threshold = 14.8);

/// Harmonic mean, the mean of rates over equal work. Throws on a rate that is not positive.
double harmonic_mean(std::span<const double> rates);

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): the same sequence on every platform, unlike the distributions of
/// the standard library.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  /// Uniform in [0, bound), without bias. bound > 0.
  std::size_t below(std::size_t bound);

 private:
  std::uint64_t state_;
};

struct BootstrapOptions {
  std::size_t resamples = 1000;
  double confidence = 0.95;
  std::uint64_t seed = 1;
};

/// Percentile bootstrap of the median. The exact interval above is to be preferred for one median; this is the building
/// block of the intervals that have no closed form.
Interval bootstrap_median(std::span<const double> samples, const BootstrapOptions& options = {});

/// `count` draws with replacement.
std::vector<double> resample(std::span<const double> samples, Generator& generator);

}  // namespace attest
