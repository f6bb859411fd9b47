#include "reports/palette.hpp"

#include <algorithm>
#include <array>

namespace attest::reports {

LineStyle line_style(std::size_t index) {
  // Neighbours in the order differ in brightness too, for a black-and-white print.
  static constexpr std::array<const char*, 7> colours = {"#0072b2", "#e69f00", "#009e73", "#d55e00",
                                                         "#56b4e9", "#000000", "#cc79a7"};
  // Filled and open forms apart, and neither the dot nor marks that only differ by rotation next to each other.
  static constexpr std::array<int, 15> marks = {7, 5, 9, 13, 6, 4, 8, 12, 11, 15, 2, 10, 14, 1, 3};
  return {.colour = colours[index % colours.size()],
          .mark = marks[index % marks.size()],
          .dash = static_cast<int>(index / colours.size() % 5) + 1};
}

LineStyle line_style(const std::string& kernel, const std::vector<std::string>& kernels) {
  const auto found = std::find(kernels.begin(), kernels.end(), kernel);
  return line_style(static_cast<std::size_t>(found - kernels.begin()));
}

}  // namespace attest::reports
