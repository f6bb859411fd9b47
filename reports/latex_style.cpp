#include "reports/latex_style.hpp"

#include <fmt/format.h>
#include <set>
#include <string_view>
#include <vector>

namespace attest {

/// The text of reports/attest.sty.
extern const std::string_view embedded_latex_style;

}  // namespace attest

namespace attest::reports {

std::string latex_colour(const LineStyle& style) {
  return "attest" + style.colour.substr(1);
}

namespace {

LineStyle reference_style(int reference) {
  return line_style(Series{.name = "", .kernel = "", .points = {}, .draw = Draw::line, .reference = reference}, {});
}

}  // namespace

std::string latex_style() {
  constexpr std::string_view end = "\\endinput\n";
  std::string text(embedded_latex_style.substr(0, embedded_latex_style.rfind(end)));
  text += "% Colours: Okabe and Ito\n";
  std::set<std::string> seen;
  std::vector<LineStyle> styles;
  for (int i = 1; seen.insert(reference_style(i).colour).second; ++i)  // until the greys begin again
    styles.push_back(reference_style(i));
  for (const std::string& colour : palette())
    styles.push_back(LineStyle{.colour = colour});
  for (const LineStyle& style : styles) {
    std::string digits;
    for (const char digit : style.colour.substr(1))
      digits += digit >= 'a' && digit <= 'f' ? static_cast<char>(digit - 'a' + 'A') : digit;
    text += fmt::format("\\definecolor{{{}}}{{HTML}}{{{}}}\n", latex_colour(style), digits);
  }
  return text.append(end);
}

}  // namespace attest::reports
