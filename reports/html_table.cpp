// Tables of report.html. Closing tags that HTML makes optional are left out, and what a whole column shares is said
// once: a sweep has tens of thousands of entries.
#include <algorithm>
#include <fmt/format.h>

#include "reports/entry_text.hpp"
#include "reports/format.hpp"
#include "reports/html_parts.hpp"

namespace attest::reports {
namespace {

// More rows make a browser slow, and nobody reads them.
constexpr std::size_t most_folded_rows = 2000;
// More than these stay folded in print too.
constexpr std::size_t most_printed_rows = 80;
// From here on print needs smaller letters.
constexpr std::size_t wide_columns = 10;
// Longer texts get a column that is not a word wide.
constexpr std::size_t long_text = 28;

bool is_code_column(const Table& table, std::size_t column) {
  return std::all_of(table.rows.begin(), table.rows.end(), [column](const std::vector<Entry>& row) {
    const auto* text = std::get_if<Text>(&row[column]);
    return text != nullptr && text->code;
  });
}

bool is_long_column(const Table& table, std::size_t column) {
  return std::any_of(table.rows.begin(), table.rows.end(), [column](const std::vector<Entry>& row) {
    const auto* text = std::get_if<Text>(&row[column]);
    return text != nullptr && text->text.size() > long_text;
  });
}

struct HtmlEntry {
  bool code_column = false;  // all of the column is code, and its class says so

  std::string text(const Text& text) const {
    const std::string escaped = escape_html(text.text);
    return text.code && !code_column && !escaped.empty() ? "<code>" + escaped + "</code>" : escaped;
  }
  std::string number(double value, NumberFormat format) const { return escape_html(format_number(value, format)); }
  std::string strong(const std::string& set) const { return "<strong>" + set + "</strong>"; }
  std::string missing(const std::string& reason) const { return "<em>" + escape_html(reason) + "</em>"; }
  std::string status(const Status& status) const {
    return fmt::format("<b class=\"{}\">{}</b>", tone_class(status.tone), escape_html(status.word));
  }
};

std::string grid(const Table& table) {
  if (table.rows.empty()) return "<p class=\"note\">No rows.</p>\n";
  std::string classes = table.columns.size() >= wide_columns ? "wide" : "";
  std::vector<bool> code(table.columns.size());
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    code[i] = is_code_column(table, i);
    const auto add = [&](char name) { classes += fmt::format("{}{}{}", classes.empty() ? "" : " ", name, i + 1); };
    if (table.columns[i].alignment == Alignment::right) add('n');
    if (code[i]) add('m');
    if (is_long_column(table, i)) add('l');
  }
  std::string text = fmt::format("<div class=\"scroll\" tabindex=\"0\"><table{}>\n<thead><tr>",
                                 classes.empty() ? "" : " class=\"" + classes + "\"");
  for (const Column& column : table.columns)
    text += "<th scope=\"col\">" + escape_html(column_title(column));
  text += "\n<tbody>\n";
  const std::size_t shown = table.collapsed ? std::min(table.rows.size(), most_folded_rows) : table.rows.size();
  for (std::size_t row = 0; row < shown; ++row) {
    text += "<tr>";
    for (std::size_t i = 0; i < table.columns.size(); ++i)
      text += "<td>" + entry_text(table.rows[row][i], table.columns[i], HtmlEntry{code[i]});
    text += "\n";
  }
  text += "</table></div>\n";
  if (shown < table.rows.size()) {
    text += fmt::format("<p class=\"note\">The first {} of {} rows; all are in csv/{}.csv (--format csv).</p>\n", shown,
                        table.rows.size(), escape_html(table.id));
  }
  return text;
}

}  // namespace

std::string html_table(const Table& table) {
  const std::string note = table.note.empty() ? "" : "<p class=\"note\">" + escape_html(table.note) + "</p>\n";
  if (table.collapsed) {
    return fmt::format("<details id=\"{}\"{}><summary>{} ({} rows)</summary>\n{}{}</details>\n", escape_html(table.id),
                       table.rows.size() > most_printed_rows ? " class=\"long\"" : "", escape_html(table.title),
                       table.rows.size(), note, grid(table));
  }
  return fmt::format("<h3 id=\"{}\">{}</h3>\n{}{}", escape_html(table.id), escape_html(table.title), note, grid(table));
}

std::string html_column_rules(std::size_t columns) {
  const auto rule = [columns](char name, const char* cells, const char* declarations) {
    std::string text;
    for (std::size_t i = 1; i <= columns; ++i)
      text += fmt::format("{}.{}{} {}:nth-child({})", text.empty() ? "" : ",", name, i, cells, i);
    return text.empty() ? text : text + declarations;
  };
  return rule('n', "td", "{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n") +
         rule('n', "th", "{text-align:right}\n") +
         rule('m', "td",
              "{font-family:ui-monospace,\"SF Mono\",Consolas,\"DejaVu Sans Mono\",monospace;font-size:.92em}\n") +
         "@media screen{" + rule('l', "td", "{min-width:12rem}") + "}\n";
}

}  // namespace attest::reports
