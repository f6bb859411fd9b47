// Text as LaTeX sets it: escaped, with places where a line may break, and its width.
#pragma once

#include <string>
#include <string_view>

#include "reports/model.hpp"

namespace attest::reports {

/// `text` with every character that TeX gives a meaning replaced and every character that its fonts lack named by its
/// code point, "[U+4E2D]". With `code` nothing becomes a ligature. A line may break after punctuation inside long
/// words, and inside a word that goes on for 24 characters without any.
std::string escape_latex(std::string_view text, bool code = false);

/// The number as format_number() writes it, with a power of ten in place of an exponent and thin spaces before units.
std::string latex_number(double value, NumberFormat format);

/// Widths of a text in the tables' face (8 pt Computer Modern), in points: close to TeX's own and not less.
struct TextWidth {
  double whole = 0;    // on one line
  double longest = 0;  // of the widest piece that cannot be broken
};
TextWidth latex_width(std::string_view text, bool code, bool strong);

/// The width of latex_number() of the same number.
double latex_number_width(double value, NumberFormat format, bool strong);

}  // namespace attest::reports
