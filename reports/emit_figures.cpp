// Figures as data and program: a TSV that a person can read and a gnuplot program that draws it. The legend is laid out
// here, above the panels, so that it never covers data, and the ranges and ticks come from ticks.hpp.
#include <algorithm>
#include <fmt/format.h>

#include "reports/emit.hpp"
#include "reports/figure_layout.hpp"
#include "reports/format.hpp"
#include "reports/palette.hpp"

namespace attest::reports {
namespace {

constexpr double legend_row = 22;        // pixels
constexpr double character_width = 7.9;  // of the legend's face, generous
constexpr double panel_height = 372;
constexpr double turned_room = 78;  // for the names of categories at an angle
constexpr double margin_left = 98, margin_right = 22, margin_top = 34, margin_bottom = 62;

struct Canvas {
  int columns = 1;
  int rows = 1;
  double panel_width = 0;
  double width = 0;
  double height = 0;
  double legend_height = 0;
  int legend_columns = 1;
};

Canvas lay_out(const Figure& figure, const std::vector<Series>& entries) {
  const int panels = std::max<int>(1, static_cast<int>(figure.panels.size()));
  Canvas canvas;
  canvas.columns = panel_columns(figure);
  canvas.rows = (panels + canvas.columns - 1) / canvas.columns;
  canvas.panel_width = canvas.columns == 1 ? 860 : canvas.columns == 2 ? 500 : 400;
  canvas.width = canvas.columns * canvas.panel_width;
  std::size_t longest = 1;
  for (const Series& entry : entries)
    longest = std::max(longest, entry.name.size());
  const double entry_width = 52 + character_width * static_cast<double>(longest);
  canvas.legend_columns = std::max(1, static_cast<int>((canvas.width - 40) / entry_width));
  const int count = static_cast<int>(entries.size());
  const int legend_rows = (count + canvas.legend_columns - 1) / canvas.legend_columns;
  // Even columns: 8 entries where 7 fit are two rows of four.
  if (legend_rows > 0) canvas.legend_columns = (count + legend_rows - 1) / legend_rows;
  canvas.legend_height = 14 + legend_row * legend_rows;
  canvas.height = canvas.legend_height + canvas.rows * panel_height;
  return canvas;
}

/// gnuplot takes no mark for what is a line alone.
std::string style_text(const LineStyle& style) {
  return fmt::format("lc rgb '{}' dt {} lw 1.8", style.colour, style.dash) +
         (style.mark > 0 ? fmt::format(" pt {} ps 0.8", style.mark) : "");
}

std::string fill_text(const LineStyle& style) {
  return fmt::format("fillcolor rgb '{0}' fillstyle solid {1} border lc rgb '{0}'", style.colour,
                     exact_number(fill_share(style.fill)));
}

std::string legend(const std::vector<Series>& entries, const Canvas& canvas, const std::vector<std::string>& kernels) {
  std::string text;
  const double column_width = (canvas.width - 40) / canvas.legend_columns;
  int tag = 1;
  for (const Series& entry : entries) {
    const int place = tag - 1;
    const double x = 24 + column_width * (place % canvas.legend_columns);
    const double y = canvas.height - 16 - legend_row * (place / canvas.legend_columns);
    const LineStyle style = line_style(entry, kernels);
    const auto across = [&](double pixels) { return fmt::format("{:.5f}", pixels / canvas.width); };
    const std::string up = fmt::format("{:.5f}", y / canvas.height);
    if (entry.draw == Draw::bars) {
      text += fmt::format("set object {} rectangle from screen {},{:.5f} to screen {},{:.5f} {}\n", tag, across(x + 10),
                          (y - 6) / canvas.height, across(x + 34), (y + 6) / canvas.height, fill_text(style));
    } else if (entry.draw != Draw::marks) {
      // gnuplot draws neighbours of one colour as one line, with one dash: nothing, in white, parts them.
      const auto arrow = [&](int number, double end, const std::string& look) {
        return fmt::format("set arrow {} from screen {},{} to screen {},{} nohead {}\n", number, across(x), up,
                           across(end), up, look);
      };
      text += arrow(2 * tag - 1, x, "lc rgb '#ffffff' dt 1 lw 0.1") +
              arrow(2 * tag, x + 34, fmt::format("lc rgb '{}' dt {} lw 1.8", style.colour, style.dash));
    }
    if (entry.draw != Draw::bars && style.mark > 0) {
      text += fmt::format("set label {} '' at screen {},{} point {}\n", 2 * tag - 1, across(x + 17), up,
                          fmt::format("lc rgb '{}' pt {} ps 0.8", style.colour, style.mark));
    }
    text +=
        fmt::format("set label {} {} at screen {},{} left\n", 2 * tag, gnuplot_string(entry.name), across(x + 41), up);
    ++tag;
  }
  return text;
}

std::string tick_list(const AxisLayout& layout) {
  std::string text;
  for (const auto& [value, label] : layout.ticks) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}{}", gnuplot_string(label), exact_number(value), label.empty() ? " 1" : "");
  }
  return "(" + text + ")";
}

/// Words for the points that gave no figure, one line a series, each with the kernel's mark.
struct StatusWords {
  std::string text;
  int lines = 0;
};

StatusWords status_words(const Panel& panel, const Axis& axis, const AxisLayout& x,
                         const std::vector<std::string>& kernels, int tag) {
  StatusWords words;
  for (const Series& series : panel.series) {
    bool any = false;
    for (const Point& point : series.points) {
      if (point.y || series.draw == Draw::bars) continue;
      any = true;
      const LineStyle style = line_style(series, kernels);
      const bool on_the_left = word_runs_right(axis, x, point.x);
      words.text += fmt::format(
          "set label {} {} at first {}, graph {:.3f} {} font ',10' textcolor rgb '#444444' "
          "point lc rgb '{}' pt {} ps 0.6 offset {},0\n",
          tag++, gnuplot_string(point.status), exact_number(point.x), 0.965 - 0.065 * words.lines,
          on_the_left ? "left" : "right", style.colour, style.mark, on_the_left ? "0.9" : "-1.1");
    }
    if (any) ++words.lines;
  }
  return words;
}

/// The words at the ends of the bars, upright where there are many.
std::string bar_labels(const Figure& figure, const Panel& panel, const AxisLayout& y, double width, int tag) {
  const std::vector<BarWord> words = bar_words(figure, panel, y);
  const bool upright = 34 * static_cast<double>(words.size()) > width;
  std::string text;
  for (const BarWord& word : words) {
    // A word in place of a bar stands at its foot, along it.
    const bool turned = upright || !word.is_value;
    text += fmt::format("set label {} {} at first {}, first {} {} font ',9' textcolor rgb '#333333' offset {}\n", tag++,
                        gnuplot_string(word.text), exact_number(word.x), exact_number(word.y),
                        turned ? "left rotate by 90" : "center", turned ? "0,0.5" : "0,0.8");
  }
  return text;
}

const char* with_of(const Series& series) {
  if (series.reference > 0 || series.draw == Draw::line) return "lines";
  return series.draw == Draw::marks ? "points" : "linespoints";
}

struct PanelPlace {
  int position = 0;     // among the panels
  int first_index = 0;  // of the panel's first series in the TSV
  int first_tag = 1;    // of labels: those of the legend come before
};

/// The size at which the title stays inside its panel, as far as it can be read.
const char* title_size(const std::string& title, double width) {
  const auto characters = static_cast<double>(title.size());
  return characters * 7.8 < width ? "13" : characters * 6.7 < width ? "11" : "9";
}

std::string panel_program(const Report& report, const Figure& figure, const Panel& panel, const Canvas& canvas,
                          PanelPlace place) {
  const int column = place.position % canvas.columns;
  const int row = place.position / canvas.columns;
  const double left = column * canvas.panel_width + margin_left;
  const double right = (column + 1) * canvas.panel_width - margin_right;
  const double top = canvas.height - canvas.legend_height - row * panel_height - margin_top;
  const bool turned = categories_turned(figure.x, (right - left) / character_width);
  const double bottom =
      canvas.height - canvas.legend_height - (row + 1) * panel_height + margin_bottom + (turned ? turned_room : 0);
  const AxisLayout x = x_layout(figure, panel, (right - left) / character_width);
  const StatusWords words = status_words(panel, figure.x, x, report.kernels, place.first_tag);
  const AxisLayout y = y_layout(figure, panel, words.lines);

  std::string text = fmt::format("\nset lmargin at screen {:.5f}\nset rmargin at screen {:.5f}\n", left / canvas.width,
                                 right / canvas.width);
  text += fmt::format("set tmargin at screen {:.5f}\nset bmargin at screen {:.5f}\n", top / canvas.height,
                      bottom / canvas.height);
  text += fmt::format("set title {} offset 0,-0.4 font ',{}'\n", gnuplot_string(panel.title),
                      title_size(panel.title, canvas.panel_width - (margin_left - margin_right)));
  text += fmt::format("set xrange [{}:{}]\nset yrange [{}:{}]\n", exact_number(x.low), exact_number(x.high),
                      exact_number(y.low), exact_number(y.high));
  text +=
      fmt::format("set xtics {}{}\nset ytics {}\n", turned ? "rotate by 45 right " : "", tick_list(x), tick_list(y));
  // gnuplot sets it beside the widest label of a tick, wherever that is.
  text += fmt::format("set label {} {} at screen {:.5f},{:.5f} center rotate by 90\n", place.first_tag + 2000,
                      gnuplot_string(axis_label(figure.y)), (left - margin_left + 14) / canvas.width,
                      (top + bottom) / 2 / canvas.height);
  text += words.text;
  text += bar_labels(figure, panel, y, right - left, place.first_tag + 1000);

  std::string clauses;
  const auto add = [&clauses](const std::string& clause) {
    clauses += (clauses.empty() ? "plot " : ", \\\n     ") + clause;
  };
  const std::string data = gnuplot_string(figure.id + ".tsv");
  const Bars bars = bars_of(panel);
  if (bars.count > 0) text += fmt::format("set boxwidth {}\n", exact_number(bars.width));
  int index = place.first_index;
  int bar = 0;
  for (const Series& series : panel.series) {
    const LineStyle style = line_style(series, report.kernels);
    const bool is_bar = series.draw == Draw::bars;
    const std::string x_of = is_bar ? fmt::format("($1+({}))", exact_number(bars.shift(bar++))) : "1";
    // On a bar, yerrorbars would draw a white disc behind the point that they belong to. Dark on white can be seen on
    // any colour, black too.
    const auto bar_errors = [&](const char* line) {
      return fmt::format("{} index {} using {}:3:(0):($4-$3) with vectors heads size screen 0.003,90 {}", data, index,
                         x_of, line);
    };
    const bool intervals = std::any_of(series.points.begin(), series.points.end(),
                                       [](const Point& point) { return point.interval.has_value(); });
    // Bars would hide what is drawn before them, marks should not be hidden.
    if (intervals && !is_bar) {
      add(fmt::format("{} index {} using 1:2:3:4 with yerrorbars lc rgb '{}' pt 0 lw 1.2", data, index, style.colour));
    }
    add(is_bar ? fmt::format("{} index {} using {}:2 with boxes {}", data, index, x_of, fill_text(style))
               : fmt::format("{} index {} using 1:2 with {} {}", data, index, with_of(series), style_text(style)));
    if (intervals && is_bar) {
      add(bar_errors("lc rgb '#ffffff' lw 3.6"));
      add(bar_errors("lc rgb '#222222' lw 1.2"));
    }
    ++index;
  }
  text += clauses.empty() ? "plot NaN\n" : clauses + "\n";
  return text + "unset label\n";
}

const char* log_command(const Axis& axis, char name) {
  if (axis.scale == Scale::linear) return "";
  if (axis.scale == Scale::log2) return name == 'x' ? "set logscale x 2\n" : "set logscale y 2\n";
  return name == 'x' ? "set logscale x 10\n" : "set logscale y 10\n";
}

std::string program(const Report& report, const Figure& figure) {
  const std::vector<Series> entries = legend_entries(figure, report.kernels);
  const Canvas canvas = lay_out(figure, entries);
  std::string text =
      fmt::format("# {}\n# Draw again, in this folder: gnuplot {}.gp\n", tsv_field(figure.title), figure.id);
  text += fmt::format(
      "set encoding utf8\n"
      "set terminal svg size {:.0f},{:.0f} noenhanced font 'sans-serif,13' background '#ffffff' name {}\n"
      "set output {}\n"
      "set datafile separator tab\n"
      "set border 3 lc rgb '#555555'\n"
      "set grid xtics ytics lc rgb '#dddddd' lt 1 lw 0.7\n"
      "set tics nomirror out scale 0.6,0.3\n"
      "unset key\n",
      canvas.width, canvas.height, gnuplot_string(figure.id), gnuplot_string(figure.id + ".svg"));
  text += log_command(figure.x, 'x');
  text += log_command(figure.y, 'y');
  text += fmt::format("set xlabel {} offset 0,0.4\nset multiplot\n\n", gnuplot_string(axis_label(figure.x)));
  text += legend(entries, canvas, report.kernels);
  int position = 0;
  int index = 0;
  for (const Panel& panel : figure.panels) {
    // The legend's arrows and labels belong to the first plot alone; a later one would draw them again.
    if (position == 1) text += "unset arrow\nunset object\n";
    const int first_tag = position == 0 ? static_cast<int>(2 * entries.size()) + 1 : 1;
    text += panel_program(report, figure, panel, canvas, {position, index, first_tag});
    ++position;
    index += static_cast<int>(panel.series.size());
  }
  return text + "\nunset multiplot\nunset output\n";
}

std::string data(const Figure& figure) {
  std::string text = fmt::format("# {}\n# x\ty\tlow\thigh\tstatus\tseries\tkernel\tpanel\n", tsv_field(figure.title));
  text += fmt::format("# x: {} [{}]; y: {} [{}]; NaN where there is no figure; two empty lines part the series\n",
                      tsv_field(figure.x.label), tsv_field(figure.x.unit), tsv_field(figure.y.label),
                      tsv_field(figure.y.unit));
  for (std::size_t i = 0; i < figure.x.categories.size(); ++i)
    text += fmt::format("# x = {}: {}\n", i, tsv_field(figure.x.categories[i]));
  bool first = true;
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      if (!first) text += "\n\n";
      first = false;
      // An empty block would shift the numbers of all that follow.
      if (series.points.empty()) text += "NaN\tNaN\tNaN\tNaN\tnone\t\t\t\n";
      for (const Point& point : series.points) {
        const auto optional = [](bool there, double value) { return there ? exact_number(value) : std::string("NaN"); };
        text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", exact_number(point.x),
                            optional(point.y.has_value(), point.y.value_or(0)),
                            optional(point.interval.has_value(), point.interval.value_or(Interval{}).low),
                            optional(point.interval.has_value(), point.interval.value_or(Interval{}).high),
                            tsv_field(point.status), tsv_field(series.name), tsv_field(series.kernel),
                            tsv_field(panel.title));
      }
    }
  }
  return text;
}

}  // namespace

Files emit_figure_sources(const Report& report) {
  Files files;
  for (const Section& section : report.sections) {
    for (const Block& block : section.blocks) {
      const auto* figure = std::get_if<Figure>(&block);
      if (figure == nullptr) continue;
      files["figures/" + figure->id + ".tsv"] = data(*figure);
      files["figures/" + figure->id + ".gp"] = program(report, *figure);
    }
  }
  return files;
}

}  // namespace attest::reports
