#include "reports/latex_figure.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "reports/figure_layout.hpp"
#include "reports/format.hpp"
#include "reports/latex_style.hpp"
#include "reports/latex_text.hpp"
#include "reports/palette.hpp"

namespace attest::reports {
namespace {

constexpr double character_width = 0.13;   // centimetres, of the ticks' face
constexpr double title_character = 0.148;  // of the titles'

/// Centimetres; the widest row, with its labels, is as wide as the text of main.tex.
struct Grid {
  int columns = 1;
  double pitch = 0;  // from one panel to the next
  double width = 0;  // of the axes alone
  double height = 0;
  double rise = 0;  // from one row to the next
};

/// Lines that the longest title takes in `width` centimetres.
int title_lines(const Figure& figure, double width) {
  const auto room = static_cast<std::size_t>(width / title_character);
  int most = 1;
  for (const Panel& panel : figure.panels) {
    int lines = 1;
    std::size_t used = 0;
    for (std::size_t start = 0; start < panel.title.size();) {
      const std::size_t end = std::min(panel.title.find(' ', start), panel.title.size());
      const std::size_t word = end - start + 1;
      if (used > 0 && used + word > room + 1) {
        ++lines;
        used = 0;
      }
      used += word;
      start = end + 1;
    }
    most = std::max(most, lines);
  }
  return most;
}

Grid grid_of(const Figure& figure) {
  const int columns = panel_columns(figure);
  Grid grid;
  if (columns == 1) grid = {.columns = 1, .pitch = 16, .width = 12, .height = 6.6};
  if (columns == 2) grid = {.columns = 2, .pitch = 8.3, .width = 6.5, .height = 4.9};
  // Of two rows, two figures and a heading fill a page.
  if (columns == 3) grid = {.columns = 3, .pitch = 5.55, .width = 3.85, .height = figure.panels.size() > 3 ? 2.4 : 3.9};
  grid.rise = grid.height + 1.3 + 0.36 * title_lines(figure, grid.width);
  return grid;
}

/// gnuplot's numbers of marks and dashes by the names that pgfplots has for them.
std::string style_keys(const Series& series, const std::vector<std::string>& kernels) {
  static constexpr std::array<const char*, 16> marks = {
      "none",     "+",         "x",        "asterisk",  "square",  "square*",  "o",        "*",
      "triangle", "triangle*", "triangle", "triangle*", "diamond", "diamond*", "pentagon", "pentagon*"};
  static constexpr std::array<const char*, 5> dashes = {"solid", "dashed", "dotted", "dash dot", "dash dot dot"};
  const LineStyle style = line_style(series, kernels);
  const std::string colour = latex_colour(style);
  if (series.draw == Draw::bars) {
    return fmt::format("{0},solid,fill={0}!{1:.0f}!white,mark=none", colour, 100 * fill_share(style.fill));
  }
  const bool upside_down = style.mark == 10 || style.mark == 11;
  return fmt::format("{},{},mark={},mark options={{solid{}}}{}", colour,
                     dashes[static_cast<std::size_t>(style.dash - 1)], marks[static_cast<std::size_t>(style.mark)],
                     upside_down ? ",rotate=180" : "", series.draw == Draw::marks ? ",only marks,mark size=2pt" : "");
}

std::string number(double value) {
  return fmt::format("{:.6g}", value);
}

std::string ticks(const AxisLayout& layout, char axis) {
  std::string major;
  std::string labels;
  std::string minor;
  for (const auto& [value, label] : layout.ticks) {
    std::string& list = label.empty() ? minor : major;
    list += (list.empty() ? "" : ",") + number(value);
    if (!label.empty()) labels += (labels.empty() ? "{" : ",{") + escape_latex(label) + "}";
  }
  std::string text = fmt::format("{0}tick={{{1}}},{0}ticklabels={{{2}}}", axis, major, labels);
  if (!minor.empty()) text += fmt::format(",minor {}tick={{{}}}", axis, minor);
  return text;
}

bool has_intervals(const Series& series) {
  return std::any_of(series.points.begin(), series.points.end(),
                     [](const Point& point) { return point.y && point.interval; });
}

/// Columns x1 y1 [minus1 plus1] x2 ...: each series has its own, filled up with nan, which pgfplots leaves out.
std::string panel_data(const Panel& panel) {
  std::string names;
  std::vector<std::vector<std::string>> columns;
  std::size_t rows = 0;
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    const Series& series = panel.series[i];
    const bool intervals = has_intervals(series);
    names += fmt::format("# {}: {}\n", i + 1, slug(series.name));
    std::vector<std::string> x = {fmt::format("x{}", i + 1)};
    std::vector<std::string> y = {fmt::format("y{}", i + 1)};
    std::vector<std::string> minus = {fmt::format("minus{}", i + 1)};
    std::vector<std::string> plus = {fmt::format("plus{}", i + 1)};
    for (const Point& point : series.points) {
      if (!point.y) continue;
      const Interval interval = point.interval.value_or(Interval{*point.y, *point.y});
      x.push_back(exact_number(point.x));
      y.push_back(exact_number(*point.y));
      minus.push_back(exact_number(std::max(0.0, *point.y - interval.low)));
      plus.push_back(exact_number(std::max(0.0, interval.high - *point.y)));
    }
    rows = std::max(rows, x.size());
    columns.push_back(std::move(x));
    columns.push_back(std::move(y));
    if (!intervals) continue;
    columns.push_back(std::move(minus));
    columns.push_back(std::move(plus));
  }
  std::string text = names;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < columns.size(); ++column)
      text += (column == 0 ? "" : "\t") + (row < columns[column].size() ? columns[column][row] : "nan");
    text += "\n";
  }
  return text;
}

/// `shift`: of bars from their category.
std::string plot(const Figure& figure, const Series& series, int panel, std::size_t index, const Bars& bars,
                 double shift, const std::vector<std::string>& kernels) {
  const bool is_bar = series.draw == Draw::bars;
  const std::string errors =
      has_intervals(series) ? fmt::format(",y error minus=minus{0},y error plus=plus{0}", index) : "";
  const std::string x =
      is_bar ? fmt::format("x expr=\\thisrow{{x{}}}+({})", index, number(shift)) : fmt::format("x=x{}", index);
  const std::string bar = is_bar ? fmt::format(",attest bar,bar width={}", number(bars.width)) : "";
  return fmt::format("\\addplot+[{}{}] table[{},y=y{}{}] {{\\attestfolder/figures/{}_{}.tsv}};\n",
                     style_keys(series, kernels), bar, x, index, errors, figure.id, panel);
}

std::string bar_labels(const Figure& figure, const Panel& panel, const AxisLayout& y, double width) {
  const std::vector<BarWord> all = bar_words(figure, panel, y);
  const bool upright = 0.75 * static_cast<double>(all.size()) > width;
  std::string text;
  for (const BarWord& word : all) {
    const bool turned = upright || !word.is_value;
    text += fmt::format("\\node[anchor={},attest value] at (axis cs:{},{}) {{{}}};\n",
                        turned ? "west,rotate=90" : "south", number(word.x), number(word.y), escape_latex(word.text));
  }
  return text;
}

/// The statuses of points without a figure, a line a series, inside the panel at its top.
std::string words(const Figure& figure, const Panel& panel, const AxisLayout& x,
                  const std::vector<std::string>& kernels) {
  std::string text;
  int line = 0;
  for (const Series& series : panel.series) {
    bool any = false;
    for (const Point& point : series.points) {
      if (point.y || series.draw == Draw::bars) continue;
      any = true;
      text += fmt::format(
          "\\node[anchor={},inner xsep=0pt] at ({{axis cs:{},1}}|-{{rel axis cs:0,{:.3f}}}) "
          "{{\\attestword{{{}}}{{{}}}}};\n",
          word_runs_right(figure.x, x, point.x) ? "west" : "east", number(point.x), 0.965 - 0.065 * line,
          latex_colour(line_style(series, kernels)), escape_latex(point.status));
    }
    line += any ? 1 : 0;
  }
  return text;
}

std::string panel_text(const Figure& figure, const Panel& panel, const Grid& grid, int position,
                       const std::vector<std::string>& kernels) {
  const AxisLayout x = x_layout(figure, panel, grid.width / character_width);
  const AxisLayout y = y_layout(figure, panel, word_lines(panel));
  const auto mode = [](const Axis& axis) { return axis.scale == Scale::linear ? "linear" : "log"; };
  std::string text = fmt::format(
      "\\begin{{axis}}[attest axis,at={{({:.2f}cm,{:.2f}cm)}},width={:.2f}cm,height={:.2f}cm,\n"
      "  title={{{}}},title style={{text width={:.2f}cm}},xlabel={{{}}},ylabel={{{}}},\n"
      "  xmode={},ymode={},xmin={},xmax={},ymin={},ymax={}{},\n  {},\n  {}]\n",
      grid.pitch * (position % grid.columns), -grid.rise * (position / grid.columns), grid.width, grid.height,
      escape_latex(panel.title), grid.width, escape_latex(axis_label(figure.x)),
      position % grid.columns == 0 ? escape_latex(axis_label(figure.y)) : "", mode(figure.x), mode(figure.y),
      number(x.low), number(x.high), number(y.low), number(y.high),
      categories_turned(figure.x, grid.width / character_width) ? ",attest turned" : "", ticks(x, 'x'), ticks(y, 'y'));
  const Bars bars = bars_of(panel);
  int bar = 0;
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    const Series& series = panel.series[i];
    const double shift = series.draw == Draw::bars ? bars.shift(bar++) : 0;
    if (std::any_of(series.points.begin(), series.points.end(), [](const Point& point) { return point.y.has_value(); }))
      text += plot(figure, series, position + 1, i + 1, bars, shift, kernels);
  }
  text += bar_labels(figure, panel, y, grid.width);
  return text + words(figure, panel, x, kernels) + "\\end{axis}\n";
}

}  // namespace

Files latex_figure(const Figure& figure, const std::vector<std::string>& kernels) {
  const Grid grid = grid_of(figure);
  Files files;
  std::string text = "\\begin{attestfigure}\n\\attestlegend{%\n";
  for (const Series& entry : legend_entries(figure, kernels)) {
    text += fmt::format("\\{}{{{}}}{{{}}}\n", entry.draw == Draw::bars ? "attestbarkey" : "attestkey",
                        style_keys(entry, kernels), escape_latex(entry.name, true));
  }
  text += "}\n\\begin{attestpicture}\n";
  for (std::size_t i = 0; i < figure.panels.size(); ++i) {
    text += panel_text(figure, figure.panels[i], grid, static_cast<int>(i), kernels);
    files[fmt::format("{}_{}.tsv", figure.id, i + 1)] = panel_data(figure.panels[i]);
  }
  const std::string caption = figure.caption.empty() ? "" : " " + escape_latex(figure.caption);
  files[figure.id + ".tex"] = text + fmt::format(
                                         "\\end{{attestpicture}}\n\\caption{{\\attesttitle{{{}.}}{}}}\n"
                                         "\\label{{fig:{}}}\n\\end{{attestfigure}}\n",
                                         escape_latex(figure.title), caption, figure.id);
  return files;
}

}  // namespace attest::reports
