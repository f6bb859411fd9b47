#include "reports/latex_style.hpp"

#include <fmt/format.h>
#include <set>
#include <string_view>

namespace attest {

/// The text of reports/attest.sty.
extern const std::string_view embedded_latex_style;

}  // namespace attest

namespace attest::reports {

std::string latex_colour(const LineStyle& style) {
  return "attest" + style.colour.substr(1);
}

std::string latex_style() {
  constexpr std::string_view end = "\\endinput\n";
  std::string text(embedded_latex_style.substr(0, embedded_latex_style.rfind(end)));
  text += "% Colours: Okabe and Ito\n";
  std::set<std::string> seen;
  for (std::size_t i = 0;; ++i) {
    const LineStyle style = line_style(i);
    if (!seen.insert(style.colour).second) break;  // the palette begins again
    std::string digits;
    for (const char digit : style.colour.substr(1))
      digits += digit >= 'a' && digit <= 'f' ? static_cast<char>(digit - 'a' + 'A') : digit;
    text += fmt::format("\\definecolor{{{}}}{{HTML}}{{{}}}\n", latex_colour(style), digits);
  }
  return text.append(end);
}

}  // namespace attest::reports
