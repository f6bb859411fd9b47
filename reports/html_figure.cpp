// Figures of report.html, drawn from the model: a tenth of gnuplot's bytes, in the page's own colours, light and dark,
// and every series an element that the legend can hide. Ranges, ticks and styles are those of every other format.
#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <map>

#include "reports/format.hpp"
#include "reports/html_parts.hpp"
#include "reports/palette.hpp"
#include "reports/reproduce.hpp"
#include "reports/ticks.hpp"

namespace attest::reports {
namespace {

// Of a panel, in units of its view box.
constexpr double width = 440, height = 290;
constexpr double left = 74, right = 430, top = 12, bottom = 246;
constexpr double line_of_words = 13;
constexpr int most_x_labels = 8, most_y_labels = 8;

struct Scaler {
  Scale scale = Scale::linear;
  double low = 0, high = 1, from = 0, to = 1;

  double operator()(double value) const {
    const auto along = [this](double number) { return scale == Scale::linear ? number : std::log(number); };
    // What a logarithmic axis has no place for lies on its border.
    const double inside = scale == Scale::linear ? value : std::max(value, low);
    return from + (to - from) * (along(inside) - along(low)) / (along(high) - along(low));
  }
};

std::string place(double pixels) {
  return exact_number(std::round(10 * pixels) / 10);
}

struct LegendEntry {
  std::string name, kernel;
  bool operator==(const LegendEntry&) const = default;
};

/// Every series of the figure once, in the order of the kernels.
std::vector<LegendEntry> legend_of(const Figure& figure, const std::vector<std::string>& kernels) {
  std::vector<LegendEntry> entries;
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      const LegendEntry entry{series.name, series.kernel};
      if (std::find(entries.begin(), entries.end(), entry) == entries.end()) entries.push_back(entry);
    }
  }
  std::stable_sort(entries.begin(), entries.end(), [&](const LegendEntry& one, const LegendEntry& other) {
    const auto rank = [&](const LegendEntry& entry) {
      return std::find(kernels.begin(), kernels.end(), entry.kernel) - kernels.begin();
    };
    return std::pair(rank(one), one.name) < std::pair(rank(other), other.name);
  });
  return entries;
}

std::string classes_of(const std::string& kernel, const std::vector<std::string>& kernels) {
  const LineStyle style = line_style(kernel, kernels);
  return fmt::format("c{} d{}", style.colour_index, style.dash);
}

std::string mark_at(const std::string& kernel, const std::vector<std::string>& kernels, double x, double y) {
  return fmt::format("<use href=\"#mark{}\" x=\"{}\" y=\"{}\"", line_style(kernel, kernels).mark, place(x), place(y));
}

std::string axis_value(double value, const Axis& axis) {
  const NumberFormat::Style style = axis.quantity == Quantity::seconds ? NumberFormat::Style::seconds
                                    : axis.quantity == Quantity::bytes ? NumberFormat::Style::bytes
                                                                       : NumberFormat::Style::significant;
  if (axis.quantity == Quantity::length) return format_length(value);
  const std::string number = format_number(value, {style, 3});
  return axis.quantity == Quantity::plain && !axis.unit.empty() ? number + " " + axis.unit : number;
}

/// "512: 1.23 ms (1.22 ms to 1.25 ms)"; page.js reads it back.
std::string point_title(const Point& point, const Figure& figure) {
  std::string text = axis_value(point.x, figure.x) + ": ";
  text += point.y ? axis_value(*point.y, figure.y) : point.status;
  if (point.y && point.interval) {
    text += fmt::format(" ({} to {})", axis_value(point.interval->low, figure.y),
                        axis_value(point.interval->high, figure.y));
  }
  return "<title>" + escape_html(text) + "</title>";
}

struct PanelAxes {
  AxisLayout x, y;
  Scaler across, up;
};

PanelAxes axes_of(const Figure& figure, const Panel& panel) {
  std::vector<double> xs, ys;
  int words = 0;
  for (const Series& series : panel.series) {
    bool silent = false;
    for (const Point& point : series.points) {
      xs.push_back(point.x);
      silent = silent || !point.y;
      if (!point.y) continue;
      ys.push_back(*point.y);
      if (point.interval) ys.insert(ys.end(), {point.interval->low, point.interval->high});
    }
    words += silent ? 1 : 0;
  }
  PanelAxes axes;
  axes.x = lay_out_axis(figure.x, xs, most_x_labels);
  axes.y = lay_out_axis(figure.y, ys, most_y_labels);
  // Words of what gave no figure stand above the curves.
  const double first = std::min(top + line_of_words * words, (top + bottom) / 2);
  axes.across = {figure.x.scale, axes.x.low, axes.x.high, left, right};
  axes.up = {figure.y.scale, axes.y.low, axes.y.high, bottom, first};
  return axes;
}

std::string axes_text(const Figure& figure, const PanelAxes& axes) {
  std::string grid, labels;
  for (const auto& [value, label] : axes.x.ticks) {
    const std::string x = place(axes.across(value));
    grid += fmt::format("M{} {}V{}", x, place(top), place(bottom));
    if (!label.empty())
      labels += fmt::format("<text class=\"x\" x=\"{}\" y=\"{}\">{}</text>", x, place(bottom + 16), escape_html(label));
  }
  for (const auto& [value, label] : axes.y.ticks) {
    const double y = axes.up(value);
    grid += fmt::format("M{} {}H{}", place(left), place(y), place(right));
    if (!label.empty())
      labels += fmt::format("<text class=\"y\" x=\"{}\" y=\"{}\">{}</text>", place(left - 5), place(y + 4),
                            escape_html(label));
  }
  // Lengths, seconds and bytes carry their unit on every tick.
  const auto title = [](const Axis& axis) {
    return escape_html(axis.unit.empty() || axis.quantity != Quantity::plain ? axis.label
                                                                             : axis.label + " (" + axis.unit + ")");
  };
  return fmt::format(
      "<path class=\"grid\" d=\"{}\"/><path class=\"axis\" d=\"M{} {}V{}H{}\"/>{}\n"
      "<text class=\"x\" x=\"{}\" y=\"{}\">{}</text><text class=\"x\" transform=\"translate(12 "
      "{})rotate(-90)\">{}</text>\n",
      grid, place(left), place(top), place(bottom), place(right), labels, place((left + right) / 2), place(height - 8),
      title(figure.x), place((top + bottom) / 2), title(figure.y));
}

/// The marks and words of a series and, below them, its line and intervals.
std::string series_text(const Report& report, const Figure& figure, const Series& series, const PanelAxes& axes,
                        int& words) {
  std::string line, intervals, marks;
  bool silent = false;
  for (const Point& point : series.points) {
    const double x = axes.across(point.x);
    if (!point.y) {
      silent = true;
      const double y = top + line_of_words * words + 6;
      const bool on_the_left = x < (left + right) / 2;
      marks += mark_at(series.kernel, report.kernels, x, y) + "/>" +
               fmt::format("<text class=\"word\" x=\"{}\" y=\"{}\"{}>{}{}</text>", place(on_the_left ? x + 7 : x - 7),
                           place(y + 3.5), on_the_left ? "" : " text-anchor=\"end\"", escape_html(point.status),
                           point_title(point, figure));
      continue;
    }
    const double y = axes.up(*point.y);
    line += fmt::format("{}{} {}", line.empty() ? "M" : "L", place(x), place(y));
    if (point.interval) {
      intervals +=
          fmt::format("M{} {}V{}", place(x), place(axes.up(point.interval->low)), place(axes.up(point.interval->high)));
    }
    marks += mark_at(series.kernel, report.kernels, x, y) + ">" + point_title(point, figure) + "</use>";
  }
  words += silent ? 1 : 0;
  std::string text;
  if (!line.empty()) text += "<path class=\"line\" d=\"" + line + "\"/>";
  if (!intervals.empty()) text += "<path class=\"interval\" d=\"" + intervals + "\"/>";
  return text + marks;
}

std::string panel_text(const Report& report, const Figure& figure, const Panel& panel,
                       const std::vector<LegendEntry>& legend) {
  const PanelAxes axes = axes_of(figure, panel);
  std::string text =
      fmt::format("<div><h4>{0}</h4>\n<svg viewBox=\"0 0 {1} {2}\" role=\"img\" aria-label=\"{3}: {0}\">\n",
                  escape_html(panel.title), place(width), place(height), escape_html(figure.title));
  text += axes_text(figure, axes);
  int words = 0;
  for (const Series& series : panel.series) {
    const auto entry = std::find(legend.begin(), legend.end(), LegendEntry{series.name, series.kernel});
    text += fmt::format("<g class=\"s {}\" data-s=\"{}\">{}</g>\n", classes_of(series.kernel, report.kernels),
                        entry - legend.begin(), series_text(report, figure, series, axes, words));
  }
  return text + "</svg></div>\n";
}

std::string legend_text(const Report& report, const std::vector<LegendEntry>& legend) {
  std::string text = "<ul class=\"legend\">\n";
  for (std::size_t i = 0; i < legend.size(); ++i) {
    text += fmt::format(
        "<li><button type=\"button\" aria-pressed=\"true\" data-s=\"{}\"><svg class=\"s {}\" viewBox=\"0 0 34 12\" "
        "aria-hidden=\"true\"><path class=\"line\" d=\"M1 6H33\"/>{}/></svg>{}</button></li>\n",
        i, classes_of(legend[i].kernel, report.kernels), mark_at(legend[i].kernel, report.kernels, 17, 6),
        escape_html(legend[i].name));
  }
  return text + "</ul>\n";
}

}  // namespace

std::string html_marks() {
  // By gnuplot's numbers; pairs are the open form of a mark and the filled one.
  static const std::map<int, std::pair<const char*, const char*>> marks = {
      {1, {"cross", "M-4 0H4M0-4V4"}},
      {2, {"cross", "M-3-3L3 3M-3 3L3-3"}},
      {3, {"cross", "M-4 0H4M0-4V4M-3-3L3 3M-3 3L3-3"}},
      {4, {"open", "M-3.5-3.5h7v7h-7z"}},
      {5, {"full", "M-3.5-3.5h7v7h-7z"}},
      {6, {"open", "M-3.8 0a3.8 3.8 0 1 0 7.6 0a3.8 3.8 0 1 0-7.6 0z"}},
      {7, {"full", "M-3.8 0a3.8 3.8 0 1 0 7.6 0a3.8 3.8 0 1 0-7.6 0z"}},
      {8, {"open", "M0-4.5L4 3H-4z"}},
      {9, {"full", "M0-4.5L4 3H-4z"}},
      {10, {"open", "M0 4.5L4-3H-4z"}},
      {11, {"full", "M0 4.5L4-3H-4z"}},
      {12, {"open", "M0-4.8L4.2 0L0 4.8L-4.2 0z"}},
      {13, {"full", "M0-4.8L4.2 0L0 4.8L-4.2 0z"}},
      {14, {"open", "M0-4.4L4.2-1.3L2.6 3.6H-2.6L-4.2-1.3z"}},
      {15, {"full", "M0-4.4L4.2-1.3L2.6 3.6H-2.6L-4.2-1.3z"}}};
  std::string text = "<svg width=\"0\" height=\"0\" style=\"position:absolute\" aria-hidden=\"true\"><defs>\n";
  for (const auto& [number, mark] : marks)
    text += fmt::format("<path id=\"mark{}\" class=\"{}\" d=\"{}\"/>\n", number, mark.first, mark.second);
  return text + "</defs></svg>\n";
}

std::string html_figure(const Report& report, const Figure& figure) {
  const std::vector<LegendEntry> legend = legend_of(figure, report.kernels);
  std::string text =
      fmt::format("<h3 id=\"{}\">{}</h3>\n<figure data-x=\"{}\" data-y=\"{}\">\n", escape_html(figure.id),
                  escape_html(figure.title), escape_html(figure.x.label), escape_html(figure.y.label));
  text += legend_text(report, legend) + "<div class=\"panels\">\n";
  for (const Panel& panel : figure.panels)
    text += panel_text(report, figure, panel, legend);
  text += "</div>\n";
  if (!figure.caption.empty()) text += "<figcaption>" + escape_html(figure.caption) + "</figcaption>\n";
  const std::string command = figure_command(report, figure);
  text += fmt::format(
      "<p class=\"source\"><a href=\"#cells\">All its cells</a> <a "
      "href=\"figures/{0}.tsv\">figures/{0}.tsv</a>{1}</p>\n",
      escape_html(figure.id), command.empty() ? "" : " <code>" + escape_html(command) + "</code>");
  return text + "</figure>\n";
}

}  // namespace attest::reports
