#include "reports/ratio.hpp"

#include <algorithm>
#include <cmath>

namespace attest::reports {

TimeRatio time_ratio(const View& first, const View& second) {
  constexpr double confidence_each = 0.975;
  TimeRatio result;
  Comparison& comparison = result.comparison;
  comparison.first_median = first.timing()->seconds_median;
  comparison.second_median = second.timing()->seconds_median;
  comparison.ratio = comparison.second_median / comparison.first_median;
  comparison.ratio_interval = {0, INFINITY};
  const std::vector<double> of_first = first.samples();
  const std::vector<double> of_second = second.samples();
  if (of_first.empty() || of_second.empty()) return result;
  comparison.probability = mann_whitney(of_first, of_second);
  comparison.enough = std::min(of_first.size(), of_second.size()) >= minimum_comparison_samples;
  const std::optional<attest::Interval> first_interval = median_interval(of_first, confidence_each);
  const std::optional<attest::Interval> second_interval = median_interval(of_second, confidence_each);
  result.has_interval = first_interval && second_interval && first_interval->low > 0 && second_interval->low > 0;
  if (result.has_interval) {
    comparison.ratio_interval = {second_interval->low / first_interval->high,
                                 second_interval->high / first_interval->low};
  }
  return result;
}

void add_interval(const std::optional<attest::Interval>& interval, const std::string& without,
                  std::vector<Entry>& row) {
  row.push_back(interval ? number_entry(interval->low) : Entry(Missing{without}));
  row.push_back(interval ? number_entry(interval->high) : Entry(Missing{}));
}

}  // namespace attest::reports
