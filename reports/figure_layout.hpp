// What every drawing of a figure agrees on: the entries of its legend, its grid of panels and the ranges of its axes.
#pragma once

#include <string>
#include <vector>

#include "reports/model.hpp"
#include "reports/ticks.hpp"

namespace attest::reports {

/// Every series of the figure that belongs in the legend, once, without its points; in the order of the kernels, so
/// that the legends of all figures agree, reference lines last.
std::vector<Series> legend_entries(const Figure& figure, const std::vector<std::string>& kernels);

/// Panels side by side: 1, 2 or 3.
int panel_columns(const Figure& figure);

/// The axis's label, with its unit where the ticks do not carry it.
std::string axis_label(const Axis& axis);

/// Range and ticks of the panel's x axis, with as many labels as stand side by side in `room` characters.
AxisLayout x_layout(const Figure& figure, const Panel& panel, double room);

/// The panel's range of y, with room at the top for `words` lines of statuses.
AxisLayout y_layout(const Figure& figure, const Panel& panel, int words);

/// Where the bars of a panel stand: the width of one, and how far the bars of series `index` stand from their category.
struct Bars {
  int count = 0;  // series of bars
  double width = 0;
  double shift(int index) const { return (index - 0.5 * (count - 1)) * width; }
};
Bars bars_of(const Panel& panel);

/// A word at a bar's end: its value, or what happened in place of one.
struct BarWord {
  double x = 0;
  double y = 0;
  std::string text;
  bool is_value = false;
};
std::vector<BarWord> bar_words(const Figure& figure, const Panel& panel, const AxisLayout& y);

/// Whether the names of the categories are too long to stand side by side in `room` characters.
bool categories_turned(const Axis& axis, double room);

/// Series of the panel, not of bars, with a point that gave no figure: each needs a line of words.
int word_lines(const Panel& panel);

/// Whether a word at `x` runs to the right, towards the middle of the panel, so that none leaves it.
bool word_runs_right(const Axis& axis, const AxisLayout& layout, double x);

}  // namespace attest::reports
