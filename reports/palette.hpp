// Colour, mark, dash and fill of a kernel: the same in every figure of every report.
#pragma once

#include <string>
#include <vector>

#include "reports/model.hpp"

namespace attest::reports {

struct LineStyle {
  std::string colour;    // #rrggbb
  int colour_index = 0;  // of the colour in palette(); -1: a grey of a reference line
  int mark = 0;          // gnuplot's point type; 0: none
  int dash = 0;          // gnuplot's dash type
  int fill = 0;          // of a bar, from 0, the fullest, to 3
};

/// The colours, #rrggbb. Source: Okabe and Ito 2008, "Color universal design", without the yellow that a light panel
/// swallows.
const std::vector<std::string>& palette();

/// How much of its colour a bar of that fill has on white, of 1; its border has all.
double fill_share(int fill);

/// The style of `kernel`, by its id alone: the variant gives the colour, the algorithm mark, dash and fill; marks of
/// device code are open. Kernels that variants/ has differ by colour with mark, and those of one backend by colour with
/// dash, and with fill. Any other kernel takes its mark, its dash and, in a variant without a colour of its own, its
/// colour by a hash of its name; only where that is the style of another of `kernels` (sorted) it takes the next that
/// is free.
LineStyle line_style(const std::string& kernel, const std::vector<std::string>& kernels);

/// The style of `series`: its kernel's, or that of a reference line, which is grey and has no mark.
LineStyle line_style(const Series& series, const std::vector<std::string>& kernels);

}  // namespace attest::reports
