#include "reports/figure_layout.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace attest::reports {

std::vector<LegendEntry> legend_entries(const Figure& figure, const std::vector<std::string>& kernels) {
  std::vector<std::tuple<std::size_t, std::string, std::string>> keys;
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      const auto place = std::find(kernels.begin(), kernels.end(), series.kernel) - kernels.begin();
      keys.emplace_back(static_cast<std::size_t>(place), series.name, series.kernel);
    }
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::vector<LegendEntry> entries;
  for (const auto& [place, name, kernel] : keys)
    entries.push_back({name, kernel});
  return entries;
}

int panel_columns(const Figure& figure) {
  const std::size_t panels = figure.panels.size();
  return panels <= 1 ? 1 : panels == 2 || panels == 4 ? 2 : 3;
}

std::string axis_label(const Axis& axis) {
  // Lengths, seconds and bytes carry their unit on every tick.
  if (axis.unit.empty() || axis.quantity != Quantity::plain) return axis.label;
  return axis.label + " (" + axis.unit + ")";
}

AxisLayout x_layout(const Figure& figure, const Panel& panel, int most) {
  std::vector<double> values;
  for (const Series& series : panel.series) {
    for (const Point& point : series.points)
      values.push_back(point.x);
  }
  return lay_out_axis(figure.x, values, most);
}

AxisLayout y_layout(const Figure& figure, const Panel& panel, int words) {
  std::vector<double> values;
  for (const Series& series : panel.series) {
    for (const Point& point : series.points) {
      if (!point.y) continue;
      values.push_back(*point.y);
      if (point.interval) {
        values.push_back(point.interval->low);
        values.push_back(point.interval->high);
      }
    }
  }
  AxisLayout layout = lay_out_axis(figure.y, values, 9);
  const double share = 0.07 * words / (1 - std::min(0.07 * words, 0.7));
  layout.high = figure.y.scale == Scale::linear ? layout.high + share * (layout.high - layout.low)
                                                : layout.high * std::pow(layout.high / layout.low, share);
  return layout;
}

int word_lines(const Panel& panel) {
  return static_cast<int>(std::count_if(panel.series.begin(), panel.series.end(), [](const Series& series) {
    return std::any_of(series.points.begin(), series.points.end(), [](const Point& point) { return !point.y; });
  }));
}

bool word_runs_right(const Axis& axis, const AxisLayout& layout, double x) {
  return axis.scale == Scale::linear ? 2 * x < layout.low + layout.high : x * x < layout.low * layout.high;
}

}  // namespace attest::reports
