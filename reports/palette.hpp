// Colour, mark and dash of a kernel: the same in every figure of a report.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "reports/model.hpp"

namespace attest::reports {

struct LineStyle {
  std::string colour;    // #rrggbb
  int colour_index = 0;  // of the colour among all; -1: a grey of a reference line
  int mark = 0;          // gnuplot's point type; 0: none
  int dash = 0;          // gnuplot's dash type
};

/// The style of the kernel at `index` of the sorted kernel ids. Colour and mark cycle with lengths that share no
/// factor, so colour with mark is unique for the first 105 kernels, and colour with dash alone for the first 35. Source
/// of the colours: Okabe and Ito 2008, "Color universal design", without the yellow that a light panel swallows.
LineStyle line_style(std::size_t index);

/// The style of `kernel` among `kernels` (sorted). A kernel that is not among them gets the style after the last.
LineStyle line_style(const std::string& kernel, const std::vector<std::string>& kernels);

/// The style of `series`: its kernel's, or that of a reference line, which is grey and has no mark.
LineStyle line_style(const Series& series, const std::vector<std::string>& kernels);

}  // namespace attest::reports
