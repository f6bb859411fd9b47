#include "reports/palette.hpp"

#include <algorithm>
#include <array>

namespace attest::reports {
namespace {

constexpr int dashes = 5;  // that gnuplot and pgfplots tell apart

}  // namespace

LineStyle line_style(std::size_t index) {
  // Neighbours in the order differ in brightness too, for a black-and-white print.
  static constexpr std::array<const char*, 7> colours = {"#0072b2", "#e69f00", "#009e73", "#d55e00",
                                                         "#56b4e9", "#000000", "#cc79a7"};
  // Filled and open forms apart, and neither the dot nor marks that only differ by rotation next to each other.
  static constexpr std::array<int, 15> marks = {7, 5, 9, 13, 6, 4, 8, 12, 11, 15, 2, 10, 14, 1, 3};
  return {.colour = colours[index % colours.size()],
          .colour_index = static_cast<int>(index % colours.size()),
          .mark = marks[index % marks.size()],
          .dash = static_cast<int>(index / colours.size() % dashes) + 1};
}

LineStyle line_style(const std::string& kernel, const std::vector<std::string>& kernels) {
  const auto found = std::find(kernels.begin(), kernels.end(), kernel);
  return line_style(static_cast<std::size_t>(found - kernels.begin()));
}

LineStyle line_style(const Series& series, const std::vector<std::string>& kernels) {
  if (series.reference > 0) {
    // Not one grey: gnuplot draws neighbours of one colour in a legend as one line, with one dash.
    static constexpr std::array<const char*, dashes> greys = {"#777777", "#555555", "#999999", "#444444", "#888888"};
    const int place = (series.reference - 1) % dashes;
    return {.colour = greys[static_cast<std::size_t>(place)], .colour_index = -1, .mark = 0, .dash = place + 1};
  }
  LineStyle style = line_style(series.kernel, kernels);
  if (series.draw == Draw::line) style.mark = 0;
  return style;
}

}  // namespace attest::reports
