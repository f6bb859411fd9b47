// The parts of report.html.
#pragma once

#include <string>
#include <string_view>

#include "reports/model.hpp"

namespace attest {
extern const std::string_view embedded_page_style;   ///< text of reports/page/page.css
extern const std::string_view embedded_page_script;  ///< text of reports/page/page.js
/// SHA-256 of the script's text in hexadecimal digits.
extern const std::string_view embedded_page_script_sha256;
}  // namespace attest

namespace attest::reports {

/// The class that gives a tone its colour.
const char* tone_class(Tone tone);

/// A table with title, note and, when it is folded, a summary. A folded table shows at most 2000 rows and says where
/// all are.
std::string html_table(const Table& table);

/// Rules for the columns of all tables: `nI` is a column of numbers, `mI` one in the fixed-width face, `lI` one of long
/// texts, I from 1.
std::string html_column_rules(std::size_t columns);

/// Drawings of the marks, once a page; html_figure() refers to them.
std::string html_marks();

/// A figure drawn in the page, its legend as buttons, its caption, its data and the command that makes it again.
std::string html_figure(const Report& report, const Figure& figure);

/// `hexadecimal` as Base64, as Content-Security-Policy takes a hash.
std::string base64_of_hexadecimal(std::string_view hexadecimal);

}  // namespace attest::reports
