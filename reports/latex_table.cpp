#include "reports/latex_table.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

#include "reports/entry_text.hpp"
#include "reports/format.hpp"
#include "reports/latex_text.hpp"

namespace attest::reports {
namespace {

// Points of A4 between the margins that attest.sty sets, less a little for what the widths leave out.
constexpr double portrait = 480;
constexpr double landscape = 705;
constexpr double gap = 9;  // between two columns in the 8 pt face: 2 \tabcolsep
constexpr double narrower = 7.0 / 8;
constexpr double squeezed = 0.75;   // what a column of text keeps of its wanted width; it then has more lines
constexpr double comfortable = 92;  // of a column of text that may wrap
constexpr double most_text = 260;
constexpr double most_head = 38;               // of the head over numbers, on one line
constexpr double most_reason = 56;             // why a number is missing, on one line
constexpr std::size_t least_turned_rows = 30;  // fewer would leave the rest of their page white, and the one before

struct LatexEntry {
  std::string text(const Text& text) const {
    const std::string escaped = escape_latex(text.text, text.code);
    return text.code && !escaped.empty() ? "\\attestcode{" + escaped + "}" : escaped;
  }
  std::string number(double value, NumberFormat format) const { return latex_number(value, format); }
  std::string strong(const std::string& set) const { return "\\attestbest{" + set + "}"; }
  std::string missing(const std::string& reason) const { return "\\attestmissing{" + escape_latex(reason) + "}"; }
  std::string status(const Status& status) const { return escape_latex(status.word); }
};

TextWidth entry_width(const Entry& entry, const Column& column) {
  if (const auto* text = std::get_if<Text>(&entry)) return latex_width(text->text, text->code, text->strong);
  if (const auto* number = std::get_if<Number>(&entry)) {
    const double width = latex_number_width(number->value, column.format, number->strong);
    return {width, width};
  }
  if (const auto* missing = std::get_if<Missing>(&entry)) return latex_width(missing->reason, false, false);
  return latex_width(std::get<Status>(entry).word, false, false);
}

struct ColumnWidth {
  double least = 0;  // no piece sticks out
  double wanted = 0;
  double natural = 0;  // nothing wraps
};

ColumnWidth column_width(const Table& table, std::size_t index) {
  const Column& column = table.columns[index];
  const TextWidth head = latex_width(column_title(column), false, true);
  const bool number = column.alignment == Alignment::right;
  ColumnWidth width{
      .least = head.longest, .wanted = 0, .natural = std::min(head.whole, number ? most_head : comfortable)};
  for (const auto& row : table.rows) {
    const TextWidth one = entry_width(row[index], column);
    width.least = std::max(width.least, one.longest);
    // A reason for a missing number wraps; it should not make a column of numbers wide.
    const bool reason = std::get_if<Missing>(&row[index]) != nullptr && number;
    width.natural = std::max(width.natural, reason ? std::min(one.whole, most_reason) : one.whole);
  }
  width.least += 1;
  width.natural = std::max(width.least, std::min(width.natural + 1, most_text));
  width.wanted = std::max(width.least, std::min(width.natural, comfortable));
  return width;
}

/// The columns that say what a row is about; every part of a split table repeats them.
std::size_t leading_columns(const Table& table, const std::vector<ColumnWidth>& all) {
  std::size_t count = 0;
  double width = 0;
  while (count < 3 && count < table.columns.size() && table.columns[count].alignment == Alignment::left) {
    width += all[count].wanted + gap;
    if (count > 0 && width > portrait / 2) break;
    ++count;
  }
  return count;
}

struct Part {
  std::vector<std::size_t> columns;
  std::vector<double> widths;
};

struct Layout {
  std::vector<Part> parts;
  bool turned = false;
  bool small = false;  // the 7 pt face
};

double sum(const std::vector<ColumnWidth>& all, const std::vector<std::size_t>& columns, double ColumnWidth::*width) {
  return std::accumulate(columns.begin(), columns.end(), gap * static_cast<double>(columns.size() - 1),
                         [&](double total, std::size_t column) { return total + all[column].*width; });
}

/// Shares out what the page leaves beyond the wanted widths; or, where even those are too wide, takes it away. `page`
/// is in points of the 8 pt face, as the widths are.
void settle(const std::vector<ColumnWidth>& all, double page, Part& part) {
  const double wanted = sum(all, part.columns, &ColumnWidth::wanted);
  const bool grow = wanted <= page;
  const double other = sum(all, part.columns, grow ? &ColumnWidth::natural : &ColumnWidth::least);
  const double share = other == wanted ? 0 : std::clamp((page - wanted) / (other - wanted), 0.0, 1.0);
  for (const std::size_t column : part.columns) {
    const double target = grow ? all[column].natural : all[column].least;
    part.widths.push_back(all[column].wanted + share * (target - all[column].wanted));
  }
}

/// As many columns a part as fit.
std::vector<Part> split(const Table& table, const std::vector<ColumnWidth>& all) {
  std::vector<std::size_t> key(leading_columns(table, all));
  std::iota(key.begin(), key.end(), std::size_t{0});
  std::vector<Part> parts = {Part{.columns = key, .widths = {}}};
  for (std::size_t i = key.size(); i < table.columns.size(); ++i) {
    parts.back().columns.push_back(i);
    const bool alone = parts.back().columns.size() <= key.size() + 1;
    if (alone || sum(all, parts.back().columns, &ColumnWidth::wanted) <= portrait) continue;
    parts.back().columns.pop_back();
    parts.push_back(Part{.columns = key, .widths = {}});
    parts.back().columns.push_back(i);
  }
  return parts;
}

Layout lay_out(const Table& table) {
  std::vector<ColumnWidth> all;
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    all.push_back(column_width(table, i));
  Part whole;
  whole.columns.resize(table.columns.size());
  std::iota(whole.columns.begin(), whole.columns.end(), std::size_t{0});
  const double wanted = sum(all, whole.columns, &ColumnWidth::wanted);
  double least = sum(all, whole.columns, &ColumnWidth::least);
  for (const ColumnWidth& width : all)
    least += std::max(0.0, squeezed * width.wanted - width.least);
  Layout layout{.parts = {whole}, .turned = false, .small = wanted > portrait};
  if (layout.small && least > portrait / narrower) {
    layout.turned = least <= landscape / narrower && table.rows.size() >= least_turned_rows;
    layout.small = layout.turned && wanted > landscape;
    if (!layout.turned) layout.parts = split(table, all);
  }
  for (Part& part : layout.parts) {
    settle(all, (layout.turned ? landscape : portrait) / (layout.small ? narrower : 1), part);
    for (double& width : part.widths)
      width *= layout.small ? narrower : 1;
  }
  return layout;
}

std::string part_text(const Table& table, const Layout& layout, std::size_t index) {
  const Part& part = layout.parts[index];
  const std::size_t count = layout.parts.size();
  std::string form;
  std::string head;
  for (std::size_t i = 0; i < part.columns.size(); ++i) {
    const Column& column = table.columns[part.columns[i]];
    form += fmt::format("{}{{{:.1f}pt}}", column.alignment == Alignment::right ? "R" : "L", part.widths[i]);
    head += (i == 0 ? "" : " & ") + ("\\attesthead{" + escape_latex(column_title(column)) + "}");
  }
  const std::string of = count == 1 ? "" : fmt::format(" (part {} of {})", index + 1, count);
  const std::string note = index > 0 || table.note.empty() ? "" : " " + escape_latex(table.note);
  const std::string label = index == 0 ? "\\label{tab:" + table.id + "}" : "";
  std::string text = fmt::format("\\begin{{attesttable}}{}{{{}}}{{\\attesttitle{{{}{}.}}{}{}}}{{%\n{}}}\n",
                                 layout.small ? "[7]" : "", form, escape_latex(table.title), of, note, label, head);
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < part.columns.size(); ++i)
      text += (i == 0 ? "" : " & ") + entry_text(row[part.columns[i]], table.columns[part.columns[i]], LatexEntry{});
    text += "\\\\\n";
  }
  return text + "\\end{attesttable}\n";
}

}  // namespace

std::string latex_table(const Table& table) {
  const Layout layout = lay_out(table);
  std::string text = layout.turned ? "\\begin{attestlandscape}\n" : "";
  for (std::size_t i = 0; i < layout.parts.size(); ++i)
    text += part_text(table, layout, i);
  return text + (layout.turned ? "\\end{attestlandscape}\n" : "");
}

std::string latex_pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string text = "\\begin{attestpairs}\n";
  for (const auto& [name, value] : pairs)
    text += escape_latex(name) + " & " + escape_latex(value) + "\\\\\n";
  return text + "\\end{attestpairs}\n";
}

}  // namespace attest::reports
