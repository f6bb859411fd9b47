#include "reports/ticks.hpp"

#include <algorithm>
#include <cmath>

#include "reports/format.hpp"

namespace attest::reports {
namespace {

/// Labels every n-th tick, n the smallest that leaves at most `most`; the others stay as minor ticks.
std::vector<std::pair<double, std::string>> thinned(const std::vector<double>& values, Quantity quantity, int most) {
  const std::size_t stride = (values.size() + static_cast<std::size_t>(most) - 1) / static_cast<std::size_t>(most);
  std::vector<std::pair<double, std::string>> ticks;
  for (std::size_t i = 0; i < values.size(); ++i) {
    ticks.emplace_back(values[i], i % std::max<std::size_t>(stride, 1) == 0 ? tick_label(values[i], quantity) : "");
  }
  return ticks;
}

/// Powers of two from `low` to `high`, as far apart as it takes to have at most `most`.
std::vector<double> powers_of_two(double low, double high, int most) {
  const int first = static_cast<int>(std::ceil(std::log2(low)));
  const int last = static_cast<int>(std::floor(std::log2(high)));
  std::vector<double> powers;
  for (int step = 1; powers.empty() || static_cast<int>(powers.size()) > most; ++step) {
    powers.clear();
    for (int exponent = first; exponent <= last; ++exponent)
      if (exponent % step == 0) powers.push_back(std::exp2(exponent));
    if (step > last - first) break;
  }
  return powers;
}

AxisLayout log_layout(const Axis& axis, double low, double high, int most) {
  const double base = axis.scale == Scale::log2 ? 2 : 10;
  const auto log_of = [base](double value) { return base == 2 ? std::log2(value) : std::log10(value); };
  // Less than a decade, or a doubling, would blow small differences up and might hold no tick at all.
  const double least_span = 1;
  const double lacking = std::max(0.0, least_span - (log_of(high) - log_of(low)));
  low *= std::pow(base, -lacking / 2);
  high *= std::pow(base, lacking / 2);
  const double span = log_of(high) - log_of(low);
  const double margin = std::max(0.04 * span, base == 2 ? 0.15 : 0.06);
  AxisLayout layout{
      .low = std::pow(base, log_of(low) - margin), .high = std::pow(base, log_of(high) + margin), .ticks = {}};
  std::vector<double> values = axis.ticks;
  // Bytes are written in KiB and MiB, which powers of ten are no round number of.
  if (values.empty() && axis.quantity == Quantity::bytes) values = powers_of_two(layout.low, layout.high, most);
  if (values.empty()) {
    std::vector<double> steps = {1};
    // Within two decades the powers alone are too few to read a value from.
    if (base == 10 && span < 2.2) steps = {1, 2, 5};
    const int first = static_cast<int>(std::floor(log_of(layout.low)));
    const int last = static_cast<int>(std::ceil(log_of(layout.high)));
    for (int exponent = first; exponent <= last; ++exponent) {
      for (const double step : steps)
        values.push_back(step * std::pow(base, exponent));
    }
  }
  std::erase_if(values, [&](double value) { return value < layout.low || value > layout.high; });
  layout.ticks = thinned(values, axis.quantity, most);
  return layout;
}

AxisLayout linear_layout(const Axis& axis, double low, double high, int most) {
  if (low > 0 && low < 0.6 * high) low = 0;
  if (high <= low) high = low + std::max(std::abs(low), 1.0);
  const double rough = (high - low) / std::max(most - 1, 1);
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double candidate : {1.0, 2.0, 5.0}) {
    if (candidate * power >= rough) {
      step = candidate * power;
      break;
    }
  }
  AxisLayout layout{.low = low == 0 ? 0 : low - 0.04 * (high - low), .high = high + 0.06 * (high - low), .ticks = {}};
  std::vector<double> values = axis.ticks;
  if (values.empty()) {
    const long first = std::lround(std::ceil(layout.low / step));
    const long last = std::lround(std::floor(layout.high / step));
    for (long i = first; i <= last; ++i)
      values.push_back(static_cast<double>(i) * step);
  }
  layout.ticks = thinned(values, axis.quantity, most);
  return layout;
}

}  // namespace

AxisLayout lay_out_axis(const Axis& axis, const std::vector<double>& values, int most) {
  if (!axis.categories.empty()) {
    AxisLayout layout{.low = -0.5, .high = static_cast<double>(axis.categories.size()) - 0.5, .ticks = {}};
    for (std::size_t i = 0; i < axis.categories.size(); ++i)
      layout.ticks.emplace_back(static_cast<double>(i), axis.categories[i]);
    return layout;
  }
  const bool logarithmic = axis.scale != Scale::linear;
  double low = INFINITY;
  double high = -INFINITY;
  for (const double value : values) {
    if (!std::isfinite(value) || (logarithmic && !(value > 0))) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (!(low <= high)) low = high = 1;
  return logarithmic ? log_layout(axis, low, high, most) : linear_layout(axis, low, high, most);
}

}  // namespace attest::reports
