#include "harness/measure/growth.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "harness/core/error.hpp"
#include "harness/measure/resampled_medians.hpp"

namespace attest {

std::size_t distinct_lengths(std::span<const GrowthPoint> points) {
  std::set<double> lengths;
  for (const GrowthPoint& point : points)
    lengths.insert(point.length);
  return lengths.size();
}

namespace {

void require_points(std::span<const GrowthPoint> points) {
  for (const GrowthPoint& point : points) {
    if (!(point.length > 0 && std::isfinite(point.length))) {
      throw Error(fmt::format("growth: length {}; must be positive", point.length));
    }
    if (point.samples.empty()) throw Error(fmt::format("growth: no samples at length {}; one is needed", point.length));
    for (double sample : point.samples) {
      if (!(sample > 0 && std::isfinite(sample))) {
        throw Error(fmt::format("growth: sample {} at length {}; must be positive", sample, point.length));
      }
    }
  }
}

double mean(std::span<const double> values) {
  double sum = 0;
  for (double value : values)
    sum += value;
  return sum / static_cast<double>(values.size());
}

double sum_of_squares(std::span<const double> values, double center) {
  double sum = 0;
  for (double value : values)
    sum += (value - center) * (value - center);
  return sum;
}

/// 1 - residual / total; 1 when both vanish up to rounding, as for a constant count.
double r_squared(double residual, double total, std::size_t count) {
  const double rounding = 1e-24 * static_cast<double>(count);
  if (total <= rounding) return residual <= rounding ? 1 : 0;
  return 1 - residual / total;
}

struct Line {
  double slope = 0;
  double intercept = 0;
};

Line fit_line(std::span<const double> x, std::span<const double> y) {
  const double x_mean = mean(x);
  const double y_mean = mean(y);
  double product = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    product += (x[i] - x_mean) * (y[i] - y_mean);
  const double slope = product / sum_of_squares(x, x_mean);
  return {.slope = slope, .intercept = y_mean - slope * x_mean};
}

std::vector<double> log_lengths(std::span<const GrowthPoint> points) {
  std::vector<double> logs;
  for (const GrowthPoint& point : points)
    logs.push_back(std::log(point.length));
  return logs;
}

std::vector<double> log_medians(std::span<const GrowthPoint> points) {
  std::vector<double> logs;
  for (const GrowthPoint& point : points)
    logs.push_back(std::log(median(point.samples)));
  return logs;
}

/// Residuals blown up to the spread that they would have had without pulling the line towards themselves, centred.
std::vector<double> corrected_residuals(std::span<const double> x, std::span<const double> y, const Line& line) {
  const double x_mean = mean(x);
  const double x_spread = sum_of_squares(x, x_mean);
  std::vector<double> residuals(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double leverage = 1 / static_cast<double>(x.size()) + (x[i] - x_mean) * (x[i] - x_mean) / x_spread;
    // A point of leverage 1 is met exactly; its residual is 0, up to rounding.
    residuals[i] = (y[i] - line.intercept - line.slope * x[i]) / std::sqrt(std::max(1 - leverage, 1e-6));
  }
  const double center = mean(residuals);
  for (double& residual : residuals)
    residual -= center;
  return residuals;
}

}  // namespace

PowerFit fit_power(std::span<const GrowthPoint> points, const BootstrapOptions& options) {
  require_points(points);
  if (distinct_lengths(points) < 2) throw Error("growth: fewer than two lengths; an exponent needs two");
  if (options.resamples == 0) throw Error("bootstrap: 0 resamples; at least one is needed");

  const std::vector<double> x = log_lengths(points);
  const std::vector<double> y = log_medians(points);
  const Line line = fit_line(x, y);
  double residual = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double error = y[i] - line.intercept - line.slope * x[i];
    residual += error * error;
  }
  PowerFit fit{.exponent = line.slope,
               .coefficient = std::exp(line.intercept),
               .r_squared = r_squared(residual, sum_of_squares(y, mean(y)), y.size()),
               .exponent_interval = std::nullopt};
  if (distinct_lengths(points) < 3) return fit;

  Generator generator(options.seed);
  const std::vector<double> residuals = corrected_residuals(x, y, line);
  std::vector<double> by_samples, by_residuals;
  std::vector<double> drawn(x.size());
  ResampledMedians resampled(points);
  for (std::size_t round = 0; round < options.resamples; ++round) {
    by_samples.push_back(fit_line(x, resampled.draw_logs(generator)).slope);
    for (std::size_t i = 0; i < x.size(); ++i) {
      drawn[i] = line.intercept + line.slope * x[i] + residuals[generator.below(residuals.size())];
    }
    by_residuals.push_back(fit_line(x, drawn).slope);
  }
  const Interval noise = percentile_interval(by_samples, options.confidence);
  const Interval shape = percentile_interval(by_residuals, options.confidence);
  fit.exponent_interval = Interval{.low = std::min(noise.low, shape.low), .high = std::max(noise.high, shape.high)};
  return fit;
}

std::string_view to_string(GrowthLaw law) {
  switch (law) {
    case GrowthLaw::constant:
      return "1";
    case GrowthLaw::linear:
      return "n";
    case GrowthLaw::linearithmic:
      return "n log n";
    case GrowthLaw::length_times_width:
      return "n*w";
    case GrowthLaw::quadratic:
      return "n^2";
  }
  throw Error("growth: a law without a name");
}

namespace {

double law_value(GrowthLaw law, const GrowthPoint& point) {
  switch (law) {
    case GrowthLaw::constant:
      return 1;
    case GrowthLaw::linear:
      return point.length;
    case GrowthLaw::linearithmic:
      return point.length * std::log2(point.length);
    case GrowthLaw::length_times_width:
      return point.length * point.width;
    case GrowthLaw::quadratic:
      return point.length * point.length;
  }
  throw Error("growth: a law without a value");
}

/// A law that is proportional to another one on these points cannot be told from it.
bool law_is_distinct(GrowthLaw law, std::span<const GrowthPoint> points) {
  if (law == GrowthLaw::linearithmic) {
    return std::all_of(points.begin(), points.end(), [](const GrowthPoint& point) { return point.length > 1; });
  }
  if (law != GrowthLaw::length_times_width) return true;
  bool varies = false;
  bool varies_otherwise_than_length = false;
  for (const GrowthPoint& point : points) {
    if (!(point.width > 0)) return false;
    varies |= point.width != points[0].width;
    varies_otherwise_than_length |= point.width * points[0].length != points[0].width * point.length;
  }
  return varies && varies_otherwise_than_length;
}

/// Akaike's criterion for least squares, corrected for few points; infinite where the correction is not defined.
/// parameters: with the variance.
double corrected_akaike(double residual, std::size_t count, std::size_t parameters) {
  if (count <= parameters + 1) return std::numeric_limits<double>::infinity();
  const auto n = static_cast<double>(count);
  const auto k = static_cast<double>(parameters);
  // An exact count leaves rounding only, whose logarithm means nothing.
  const double variance = std::max(residual / n, 1e-24);
  return n * std::log(variance) + 2 * k + 2 * k * (k + 1) / (n - k - 1);
}

struct ScaleFit {
  double log_coefficient = 0;
  double residual = 0;
};

ScaleFit fit_scale(std::span<const double> law, std::span<const double> y, double overhead) {
  std::vector<double> difference(y.size());
  for (std::size_t i = 0; i < y.size(); ++i)
    difference[i] = y[i] - std::log(law[i] + overhead);
  const double center = mean(difference);
  return {.log_coefficient = center, .residual = sum_of_squares(difference, center)};
}

/// The overhead in (0, largest law value] with the least residual: a scan over its logarithm, for there can be several
/// minima, then a golden section around the best.
double best_overhead(std::span<const double> law, std::span<const double> y) {
  const double high = std::log(*std::max_element(law.begin(), law.end()));
  const double low = std::log(*std::min_element(law.begin(), law.end())) - std::log(1e4);
  constexpr int steps = 100;
  const auto residual = [&](double log_overhead) { return fit_scale(law, y, std::exp(log_overhead)).residual; };
  const auto at = [&](int step) { return low + (high - low) * step / steps; };
  int best = 0;
  for (int step = 1; step <= steps; ++step) {
    if (residual(at(step)) < residual(at(best))) best = step;
  }
  double left = at(std::max(best - 1, 0));
  double right = at(std::min(best + 1, steps));
  const double ratio = (std::sqrt(5.0) - 1) / 2;
  while (right - left > 1e-9) {
    const double inner_left = right - ratio * (right - left);
    const double inner_right = left + ratio * (right - left);
    if (residual(inner_left) <= residual(inner_right)) {
      right = inner_right;
    } else {
      left = inner_left;
    }
  }
  return std::exp((left + right) / 2);
}

}  // namespace

std::vector<GrowthModel> fit_growth_models(std::span<const GrowthPoint> points) {
  require_points(points);
  if (distinct_lengths(points) < 4) return {};
  const std::vector<double> y = log_medians(points);
  const double total = sum_of_squares(y, mean(y));
  std::vector<GrowthModel> models;
  for (GrowthLaw law : {GrowthLaw::constant, GrowthLaw::linear, GrowthLaw::linearithmic, GrowthLaw::length_times_width,
                        GrowthLaw::quadratic}) {
    if (!law_is_distinct(law, points)) continue;
    std::vector<double> values;
    for (const GrowthPoint& point : points)
      values.push_back(law_value(law, point));
    const auto model = [&](double overhead, std::size_t parameters) {
      const ScaleFit fit = fit_scale(values, y, overhead);
      return GrowthModel{.law = law,
                         .coefficient = std::exp(fit.log_coefficient),
                         .overhead = overhead,
                         .aicc = corrected_akaike(fit.residual, y.size(), parameters),
                         .r_squared = r_squared(fit.residual, total, y.size())};
    };
    GrowthModel best = model(0, 2);
    if (law != GrowthLaw::constant) {
      const GrowthModel with_overhead = model(best_overhead(values, y), 3);
      if (with_overhead.aicc < best.aicc) best = with_overhead;
    }
    models.push_back(best);
  }
  std::stable_sort(models.begin(), models.end(),
                   [](const GrowthModel& left, const GrowthModel& right) { return left.aicc < right.aicc; });
  return models;
}

namespace {

/// Crossings of log(first / second), piecewise linear over log(length).
struct Crossing {
  double log_length = 0;
  bool first_wins_after = false;
};

std::vector<Crossing> find_crossings(std::span<const double> x, std::span<const double> log_ratio) {
  std::vector<Crossing> found;
  std::size_t last = x.size();  // the last point that is not a tie
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (log_ratio[i] == 0) continue;
    if (last != x.size() && (log_ratio[last] < 0) != (log_ratio[i] < 0)) {
      const double share = log_ratio[last] / (log_ratio[last] - log_ratio[i]);
      found.push_back({.log_length = std::lerp(x[last], x[i], share), .first_wins_after = log_ratio[i] < 0});
    }
    last = i;
  }
  return found;
}

const Crossing* nearest(const std::vector<Crossing>& crossings, const Crossing& wanted) {
  const Crossing* best = nullptr;
  for (const Crossing& crossing : crossings) {
    if (crossing.first_wins_after != wanted.first_wins_after) continue;
    const auto distance = [&](const Crossing& from) { return std::abs(from.log_length - wanted.log_length); };
    if (best == nullptr || distance(crossing) < distance(*best)) best = &crossing;
  }
  return best;
}

std::map<double, const GrowthPoint*> by_length(std::span<const GrowthPoint> points) {
  require_points(points);
  std::map<double, const GrowthPoint*> index;
  for (const GrowthPoint& point : points) {
    if (!index.emplace(point.length, &point).second) {
      throw Error(fmt::format("crossover: length {} comes twice in one series; once is right", point.length));
    }
  }
  return index;
}

}  // namespace

std::vector<Crossover> crossovers(std::span<const GrowthPoint> first, std::span<const GrowthPoint> second,
                                  const BootstrapOptions& options) {
  if (options.resamples == 0) throw Error("bootstrap: 0 resamples; at least one is needed");
  std::vector<GrowthPoint> left, right;
  const auto second_index = by_length(second);
  for (const auto& [length, point] : by_length(first)) {
    const auto match = second_index.find(length);
    if (match == second_index.end()) continue;
    left.push_back(*point);
    right.push_back(*match->second);
  }
  const std::vector<double> x = log_lengths(left);
  const auto ratio_of = [](std::vector<double> numerator, const std::vector<double>& denominator) {
    for (std::size_t i = 0; i < numerator.size(); ++i)
      numerator[i] -= denominator[i];
    return numerator;
  };
  const std::vector<Crossing> found = find_crossings(x, ratio_of(log_medians(left), log_medians(right)));
  if (found.empty()) return {};

  std::vector<std::vector<double>> drawn_lengths(found.size());
  Generator generator(options.seed);
  ResampledMedians left_medians(left);
  ResampledMedians right_medians(right);
  for (std::size_t round = 0; round < options.resamples; ++round) {
    const std::vector<double> numerator = left_medians.draw_logs(generator);
    const std::vector<double> denominator = right_medians.draw_logs(generator);
    const std::vector<Crossing> drawn = find_crossings(x, ratio_of(numerator, denominator));
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (const Crossing* match = nearest(drawn, found[i])) drawn_lengths[i].push_back(match->log_length);
    }
  }
  bool sampled = true;
  for (std::size_t i = 0; i < left.size(); ++i) {
    sampled &= std::min(left[i].samples.size(), right[i].samples.size()) >= minimum_interval_samples;
  }
  std::vector<Crossover> result;
  for (std::size_t i = 0; i < found.size(); ++i) {
    Crossover crossover{
        .length = std::exp(found[i].log_length),
        .first_wins_after = found[i].first_wins_after,
        .found_share = static_cast<double>(drawn_lengths[i].size()) / static_cast<double>(options.resamples),
        .interval = std::nullopt};
    if (sampled && crossover.found_share >= options.confidence) {
      const Interval logs = percentile_interval(drawn_lengths[i], options.confidence);
      crossover.interval = Interval{.low = std::exp(logs.low), .high = std::exp(logs.high)};
    }
    result.push_back(crossover);
  }
  return result;
}

}  // namespace attest
