// Numbers and text as they stand in a report: the same bytes in any locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "reports/model.hpp"

namespace attest::reports {

/// The number for a person to read. Not-a-number and infinity are written as words.
std::string format_number(double value, NumberFormat format);

/// The shortest text that parses back to the same double; "nan", "inf", "-inf" otherwise.
std::string exact_number(double value);

/// 512, 1k, 1.5k, 64k, 1M: lengths, where k is 1024 and only exact multiples of 1/4 k are shortened.
std::string format_length(double value);

/// "1 thread", "2 threads".
std::string threads_text(std::int64_t threads);

/// The label of a tick at `value` on an axis of this quantity and unit.
std::string tick_label(double value, Quantity quantity);

/// The column's name with its unit, where the formatted numbers do not carry one themselves.
std::string column_title(const Column& column);

/// `text` with every character that HTML gives a meaning replaced; safe in element content and in quoted attributes.
std::string escape_html(std::string_view text);

/// `text` for one cell of a Markdown table or a paragraph: no character of it starts markup, a table cell or a tag.
std::string escape_markdown(std::string_view text);

/// `text` as inline code in Markdown, whatever backquotes and bars it holds.
std::string markdown_code(std::string_view text);

/// One CSV field (RFC 4180), quoted only where it must be.
std::string csv_field(std::string_view text);

/// One TSV field: tabs, newlines and other control characters become spaces.
std::string tsv_field(std::string_view text);

/// A gnuplot string literal in single quotes, where nothing but the quote has a meaning.
std::string gnuplot_string(std::string_view text);

/// Lower-case letters, digits and single underscores of `text`, for ids and file names; "x" where none is left.
std::string slug(std::string_view text);

/// `text` with every byte that is not part of valid UTF-8, and every control character but newline and tab, replaced
/// by U+FFFD, so that HTML, JSON and CSV stay well formed whatever a kernel wrote into its reason.
std::string clean_utf8(std::string_view text);

}  // namespace attest::reports
