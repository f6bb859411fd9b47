// What every drawing of a figure agrees on: the entries of its legend, its grid of panels and the ranges of its axes.
#pragma once

#include <string>
#include <vector>

#include "reports/model.hpp"
#include "reports/ticks.hpp"

namespace attest::reports {

struct LegendEntry {
  std::string name;
  std::string kernel;
};

/// Every series of the figure once, in the order of the kernels, so that the legends of all figures agree.
std::vector<LegendEntry> legend_entries(const Figure& figure, const std::vector<std::string>& kernels);

/// Panels side by side: 1, 2 or 3.
int panel_columns(const Figure& figure);

/// The axis's label, with its unit where the ticks do not carry it.
std::string axis_label(const Axis& axis);

/// Range and at most `most` labelled ticks of the panel's x axis.
AxisLayout x_layout(const Figure& figure, const Panel& panel, int most);

/// The panel's range of y, with room at the top for `words` lines of statuses.
AxisLayout y_layout(const Figure& figure, const Panel& panel, int words);

/// Series of the panel with a point that gave no figure: each needs a line of words.
int word_lines(const Panel& panel);

/// Whether a word at `x` runs to the right, towards the middle of the panel, so that none leaves it.
bool word_runs_right(const Axis& axis, const AxisLayout& layout, double x);

}  // namespace attest::reports
