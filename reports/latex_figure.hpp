// Figures as pgfplots draws them.
#pragma once

#include <string>
#include <vector>

#include "reports/emit.hpp"

namespace attest::reports {

/// <id>.tex, the figure as \begin{attestfigure} ... \end{attestfigure} with the legend above the panels and the caption
/// below, and <id>_<n>.tsv, the numbers of its panel n.
Files latex_figure(const Figure& figure, const std::vector<std::string>& kernels);

}  // namespace attest::reports
