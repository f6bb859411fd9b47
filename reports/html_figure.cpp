// Figures of report.html, drawn from the model: a tenth of gnuplot's bytes, in the page's own colours, light and dark,
// and every series an element that the legend can hide. Ranges, ticks, legends and styles are those of every other
// format.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>

#include "reports/figure_layout.hpp"
#include "reports/format.hpp"
#include "reports/html_parts.hpp"
#include "reports/palette.hpp"
#include "reports/reproduce.hpp"

namespace attest::reports {
namespace {

// Of a panel, in units of its view box.
constexpr double width = 440;
constexpr double left = 74, right = 414, top = 12, bottom = 246;
constexpr double below = 44;             // ticks and the axis's label
constexpr double character_width = 7.4;  // of ticks, generous
constexpr double line_of_words = 0.07;   // of the panel's height, as y_layout() has it

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

/// Everything that the parts of one panel share.
struct Plot {
  const Report& report;
  const Figure& figure;
  const Panel& panel;
  std::vector<Series> legend;
  AxisLayout x, y;
  Scaler across, up;
  bool turned = false;

  /// Names at an angle of 35 degrees reach down by sin(35) of their length.
  double height() const {
    if (!turned) return bottom + below;
    std::size_t longest = 0;
    for (const std::string& name : figure.x.categories)
      longest = std::max(longest, name.size());
    return bottom + below - 16 + 0.574 * character_width * static_cast<double>(longest);
  }
};

std::string place(double pixels) {
  return exact_number(std::round(10 * pixels) / 10);
}

Plot plot_of(const Report& report, const Figure& figure, const Panel& panel) {
  Plot plot{.report = report,
            .figure = figure,
            .panel = panel,
            .legend = legend_entries(figure, report.kernels),
            .x = x_layout(figure, panel, (right - left) / character_width),
            .y = y_layout(figure, panel, word_lines(panel)),
            .across = {},
            .up = {}};
  plot.across = {figure.x.scale, plot.x.low, plot.x.high, left, right};
  plot.up = {figure.y.scale, plot.y.low, plot.y.high, bottom, top};
  plot.turned = categories_turned(figure.x, (right - left) / character_width);
  return plot;
}

std::string classes_of(const Series& series, const Report& report) {
  const LineStyle style = line_style(series, report.kernels);
  return style.colour_index < 0      ? fmt::format("reference d{}", style.dash)
         : series.draw == Draw::bars ? fmt::format("c{} f{}", style.colour_index, style.fill)
                                     : fmt::format("c{} d{}", style.colour_index, style.dash);
}

/// The mark of the series at a place; a circle that is not seen, but can be pointed at, where it has none.
std::string mark_at(const Series& series, const Report& report, double x, double y, const std::string& inside) {
  const int mark = line_style(series, report.kernels).mark;
  if (mark == 0) return fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"5\">{}</circle>", place(x), place(y), inside);
  return fmt::format("<use href=\"#mark{}\" x=\"{}\" y=\"{}\">{}</use>", mark, place(x), place(y), inside);
}

std::string axis_value(double value, const Axis& axis) {
  if (!axis.categories.empty()) {
    const auto index = static_cast<std::size_t>(std::lround(value));
    return index < axis.categories.size() ? axis.categories[index] : exact_number(value);
  }
  if (axis.quantity == Quantity::length) return format_length(value);
  const NumberFormat::Style style = axis.quantity == Quantity::seconds ? NumberFormat::Style::seconds
                                    : axis.quantity == Quantity::bytes ? NumberFormat::Style::bytes
                                                                       : NumberFormat::Style::significant;
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

std::string axes_text(const Plot& plot) {
  std::string grid, labels;
  for (const auto& [value, label] : plot.x.ticks) {
    const std::string x = place(plot.across(value));
    if (plot.figure.x.categories.empty()) grid += fmt::format("M{} {}V{}", x, place(top), place(bottom));
    if (label.empty()) continue;
    labels += plot.turned ? fmt::format("<text class=\"y\" transform=\"translate({} {})rotate(-35)\">{}</text>", x,
                                        place(bottom + 13), escape_html(label))
                          : fmt::format("<text class=\"x\" x=\"{}\" y=\"{}\">{}</text>", x, place(bottom + 16),
                                        escape_html(label));
  }
  for (const auto& [value, label] : plot.y.ticks) {
    const double y = plot.up(value);
    grid += fmt::format("M{} {}H{}", place(left), place(y), place(right));
    if (!label.empty())
      labels += fmt::format("<text class=\"y\" x=\"{}\" y=\"{}\">{}</text>", place(left - 5), place(y + 4),
                            escape_html(label));
  }
  const std::string across = escape_html(axis_label(plot.figure.x)), up = escape_html(axis_label(plot.figure.y));
  if (!across.empty()) {
    labels += fmt::format("<text class=\"x\" x=\"{}\" y=\"{}\">{}</text>", place((left + right) / 2),
                          place(plot.height() - 8), across);
  }
  if (!up.empty()) {
    labels += fmt::format("<text class=\"x\" transform=\"translate(12 {})rotate(-90)\">{}</text>",
                          place((top + bottom) / 2), up);
  }
  return fmt::format("<path class=\"grid\" d=\"{}\"/><path class=\"axis\" d=\"M{} {}V{}H{}\"/>{}\n", grid, place(left),
                     place(top), place(bottom), place(right), labels);
}

std::string interval_at(const Plot& plot, double x, const Interval& interval) {
  return fmt::format("M{} {}V{}", place(x), place(plot.up(interval.low)), place(plot.up(interval.high)));
}

/// A line, its intervals and marks; words at the top, in the line of that number, for what gave no figure.
std::string line_text(const Plot& plot, const Series& series, int& words) {
  std::string line, intervals, marks;
  bool silent = false;
  for (const Point& point : series.points) {
    const double x = plot.across(point.x);
    const std::string title = point_title(point, plot.figure);
    if (!point.y) {
      silent = true;
      const double y = top + (bottom - top) * line_of_words * (words + 0.5);
      const bool right_of_it = word_runs_right(plot.figure.x, plot.x, point.x);
      marks += mark_at(series, plot.report, x, y, "") +
               fmt::format("<text class=\"word\" x=\"{}\" y=\"{}\"{}>{}{}</text>", place(right_of_it ? x + 7 : x - 7),
                           place(y + 3.5), right_of_it ? "" : " text-anchor=\"end\"", escape_html(point.status), title);
      continue;
    }
    const double y = plot.up(*point.y);
    line += fmt::format("{}{} {}", line.empty() ? "M" : "L", place(x), place(y));
    if (point.interval) intervals += interval_at(plot, x, *point.interval);
    marks += mark_at(series, plot.report, x, y, title);
  }
  words += silent ? 1 : 0;
  std::string text;
  if (!line.empty() && series.draw != Draw::marks) text += "<path class=\"line\" d=\"" + line + "\"/>";
  if (!intervals.empty()) text += "<path class=\"interval\" d=\"" + intervals + "\"/>";
  return text + marks;
}

/// Bars from the foot of the panel, each with its interval and, upright, its value or what happened in place of one.
std::string bars_text(const Plot& plot, const Series& series, double shift, const BarWord*& word) {
  const Bars bars = bars_of(plot.panel);
  std::string text, intervals;  // with a casing, to be seen on bars of any colour
  for (const Point& point : series.points) {
    const double middle = plot.across(point.x + shift);
    if (point.y) {
      text += fmt::format("<path class=\"bar\" d=\"M{} {}V{}H{}V{}z\">{}</path>",
                          place(plot.across(point.x + shift - bars.width / 2)), place(bottom), place(plot.up(*point.y)),
                          place(plot.across(point.x + shift + bars.width / 2)), place(bottom),
                          point_title(point, plot.figure));
      if (point.interval) intervals += interval_at(plot, middle, *point.interval);
    }
    text += fmt::format("<text class=\"value\" transform=\"translate({} {})rotate(-90)\">{}{}</text>",
                        place(middle + 3), place(plot.up(word->y) - 7), escape_html(word->text),
                        point.y ? "" : point_title(point, plot.figure));
    ++word;
  }
  if (!intervals.empty())
    text += fmt::format("<path class=\"casing\" d=\"{0}\"/><path class=\"interval\" d=\"{0}\"/>", intervals);
  return text;
}

std::string panel_text(const Report& report, const Figure& figure, const Panel& panel) {
  const Plot plot = plot_of(report, figure, panel);
  std::string text =
      fmt::format("<div><h4>{0}</h4>\n<svg viewBox=\"0 0 {1} {2}\" role=\"img\" aria-label=\"{3}: {0}\">\n",
                  escape_html(panel.title), place(width), place(plot.height()), escape_html(figure.title));
  text += axes_text(plot);
  const std::vector<BarWord> bar_labels = bar_words(figure, panel, plot.y);
  const BarWord* word = bar_labels.data();
  int words = 0;
  int bar = 0;
  for (const Series& series : panel.series) {
    const auto entry = std::find_if(plot.legend.begin(), plot.legend.end(), [&](const Series& one) {
      return one.kernel == series.kernel && one.name == series.name && one.reference == series.reference;
    });
    const std::string number =
        entry == plot.legend.end() ? "" : fmt::format(" data-s=\"{}\"", entry - plot.legend.begin());
    text += fmt::format("<g class=\"s {}\"{} data-name=\"{}\">{}</g>\n", classes_of(series, report), number,
                        escape_html(series.name),
                        series.draw == Draw::bars ? bars_text(plot, series, bars_of(panel).shift(bar++), word)
                                                  : line_text(plot, series, words));
  }
  return text + "</svg></div>\n";
}

std::string legend_text(const Report& report, const std::vector<Series>& legend) {
  std::string text = "<ul class=\"legend\">\n";
  for (std::size_t i = 0; i < legend.size(); ++i) {
    const Series& series = legend[i];
    std::string key = series.draw == Draw::bars    ? "<path class=\"bar\" d=\"M11 1H23V11H11z\"/>"
                      : series.draw == Draw::marks ? ""
                                                   : "<path class=\"line\" d=\"M1 6H33\"/>";
    if (series.draw != Draw::bars) key += mark_at(series, report, 17, 6, "");
    text += fmt::format(
        "<li><button type=\"button\" aria-pressed=\"true\" data-s=\"{}\"><svg class=\"s {}\" viewBox=\"0 0 34 12\" "
        "aria-hidden=\"true\">{}</svg>{}</button></li>\n",
        i, classes_of(series, report), key, escape_html(series.name));
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
  std::string text =
      fmt::format("<h3 id=\"{}\">{}</h3>\n<figure data-x=\"{}\" data-y=\"{}\">\n", escape_html(figure.id),
                  escape_html(figure.title), escape_html(figure.x.label), escape_html(figure.y.label));
  text += legend_text(report, legend_entries(figure, report.kernels)) + "<div class=\"panels\">\n";
  for (const Panel& panel : figure.panels)
    text += panel_text(report, figure, panel);
  text += "</div>\n";
  if (!figure.caption.empty()) text += "<figcaption>" + escape_html(figure.caption) + "</figcaption>\n";
  text += "<p class=\"source\">";
  const std::string command = figure_command(report, figure);
  if (!command.empty()) text += "<a href=\"#cells\">All its cells</a> ";
  text += fmt::format("<a href=\"figures/{0}.tsv\">figures/{0}.tsv</a>", escape_html(figure.id));
  if (!command.empty()) text += " <code>" + escape_html(command) + "</code>";
  text += "</p>\n";
  return text + "</figure>\n";
}

}  // namespace attest::reports
