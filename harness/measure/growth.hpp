#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "harness/measure/statistics.hpp"

// How a cost grows along an axis: exponent, best simple law, crossover of two kernels.

namespace attest {

/// The cost at one length. `samples` are raw (seconds, bytes, FLOPs: any positive unit); an exact count is one sample.
/// `width` is the second axis (the window), 0 where there is none.
struct GrowthPoint {
  double length = 0;
  std::vector<double> samples;
  double width = 0;
};

/// How many lengths there are, whatever the widths.
std::size_t distinct_lengths(std::span<const GrowthPoint> points);

/// cost = coefficient * length^exponent, by least squares on the logarithms of the medians.
struct PowerFit {
  double exponent = 0;
  double coefficient = 0;
  double r_squared = 0;
  /// Percentile bootstrap; the hull of two: samples drawn again inside every length (noise of measuring), and the
  /// leverage-corrected residuals drawn again (a curve that is not a power law). Empty with two points, where neither
  /// can be seen.
  std::optional<Interval> exponent_interval;
};

/// Throws attest::Error with fewer than two distinct lengths or a value that is not positive.
PowerFit fit_power(std::span<const GrowthPoint> points, const BootstrapOptions& options = {});

enum class GrowthLaw { constant, linear, linearithmic, length_times_width, quadratic };

/// "1", "n", "n log n", "n*w", "n^2".
std::string_view to_string(GrowthLaw law);

/// cost = coefficient * (law(n, w) + overhead). `overhead` is at most the law's largest value, so that at the longest
/// length half the cost or more is growth.
struct GrowthModel {
  GrowthLaw law = GrowthLaw::constant;
  double coefficient = 0;
  double overhead = 0;
  double aicc = 0;
  double r_squared = 0;
};

/// Every law that the points can tell apart, best (smallest AICc) first, by least squares on logarithms, each with or
/// without an overhead, whichever has the smaller AICc. n*w is offered only where w varies and not as n does. Empty
/// with fewer than four lengths, where AICc is not defined. Source: Burnham and Anderson 2002, 2.4.
std::vector<GrowthModel> fit_growth_models(std::span<const GrowthPoint> points);

/// Where the costs of two kernels cross.
struct Crossover {
  double length = 0;
  /// True when the first kernel is the cheaper one from here on.
  bool first_wins_after = false;
  /// Share of bootstrap resamples in which the crossing is found, and the interval of its length over these. Empty when
  /// that share is under the confidence, or a length has fewer than 6 samples.
  double found_share = 0;
  std::optional<Interval> interval;
};

/// Crossings of the medians along the lengths that both have, by linear interpolation of log(cost ratio) over
/// log(length), in order of length. Equal costs are no crossing unless the sign of the difference changes across them.
std::vector<Crossover> crossovers(std::span<const GrowthPoint> first, std::span<const GrowthPoint> second,
                                  const BootstrapOptions& options = {});

}  // namespace attest
