#include "reports/figure_layout.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "reports/format.hpp"

namespace attest::reports {

std::vector<Series> legend_entries(const Figure& figure, const std::vector<std::string>& kernels) {
  using Key = std::tuple<std::size_t, int, std::string>;
  std::map<Key, Series> entries;
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      if (!series.in_legend) continue;
      const auto place = std::find(kernels.begin(), kernels.end(), series.kernel) - kernels.begin();
      Series entry = series;
      entry.points.clear();
      entries.emplace(Key(static_cast<std::size_t>(place), series.reference, series.name), std::move(entry));
    }
  }
  std::vector<Series> sorted;
  for (auto& [key, entry] : entries)
    sorted.push_back(std::move(entry));
  return sorted;
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

AxisLayout x_layout(const Figure& figure, const Panel& panel, double room) {
  const bool has_units = figure.x.quantity == Quantity::seconds || figure.x.quantity == Quantity::bytes;
  const double label = has_units ? 8.5 : 5.8;  // characters, with the space beside it
  std::vector<double> values;
  for (const Series& series : panel.series) {
    for (const Point& point : series.points)
      values.push_back(point.x);
  }
  return lay_out_axis(figure.x, values, std::max(1, static_cast<int>(room / label)));
}

AxisLayout y_layout(const Figure& figure, const Panel& panel, int words) {
  std::vector<double> values;
  for (const Series& series : panel.series) {
    for (const Point& point : series.points) {
      if (!point.y) continue;
      if (series.draw == Draw::bars) values.push_back(0);
      values.push_back(*point.y);
      if (point.interval) {
        values.push_back(point.interval->low);
        values.push_back(point.interval->high);
      }
    }
  }
  AxisLayout layout = lay_out_axis(figure.y, values, 9);
  // Room for the values above the bars.
  if (bars_of(panel).count > 0) layout.high += 0.14 * (layout.high - layout.low);
  const double share = 0.07 * words / (1 - std::min(0.07 * words, 0.7));
  layout.high = figure.y.scale == Scale::linear ? layout.high + share * (layout.high - layout.low)
                                                : layout.high * std::pow(layout.high / layout.low, share);
  return layout;
}

Bars bars_of(const Panel& panel) {
  Bars bars;
  bars.count = static_cast<int>(std::count_if(panel.series.begin(), panel.series.end(),
                                              [](const Series& series) { return series.draw == Draw::bars; }));
  bars.width = 0.84 / std::max(bars.count, 1);
  return bars;
}

std::vector<BarWord> bar_words(const Figure& figure, const Panel& panel, const AxisLayout& y) {
  const Bars bars = bars_of(panel);
  std::vector<BarWord> words;
  int index = 0;
  for (const Series& series : panel.series) {
    if (series.draw != Draw::bars) continue;
    const double shift = bars.shift(index++);
    for (const Point& point : series.points) {
      const bool plain = figure.y.quantity == Quantity::plain;
      const std::string text = !point.y ? point.status
                               : plain  ? format_number(*point.y, {NumberFormat::Style::significant, 3})
                                        : tick_label(*point.y, figure.y.quantity);
      const double top = !point.y ? y.low : point.interval ? std::max(*point.y, point.interval->high) : *point.y;
      words.push_back({.x = point.x + shift, .y = top, .text = text, .is_value = point.y.has_value()});
    }
  }
  return words;
}

bool categories_turned(const Axis& axis, double room) {
  std::size_t longest = 0;
  for (const std::string& category : axis.categories)
    longest = std::max(longest, category.size() + 1);
  return static_cast<double>(longest * axis.categories.size()) > room;
}

int word_lines(const Panel& panel) {
  return static_cast<int>(std::count_if(panel.series.begin(), panel.series.end(), [](const Series& series) {
    return series.draw != Draw::bars &&
           std::any_of(series.points.begin(), series.points.end(), [](const Point& point) { return !point.y; });
  }));
}

bool word_runs_right(const Axis& axis, const AxisLayout& layout, double x) {
  return axis.scale == Scale::linear ? 2 * x < layout.low + layout.high : x * x < layout.low * layout.high;
}

}  // namespace attest::reports
