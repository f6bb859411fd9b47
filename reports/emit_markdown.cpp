// Markdown as GitHub reads it.
#include <fmt/format.h>

#include "reports/emit.hpp"
#include "reports/entry_text.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

struct MarkdownEntry {
  std::string text(const Text& text) const { return text.code ? markdown_code(text.text) : escape_markdown(text.text); }
  std::string number(double value, NumberFormat format) const { return format_number(value, format); }
  std::string strong(const std::string& set) const { return "**" + set + "**"; }
  std::string missing(const std::string& reason) const { return "_" + escape_markdown(reason) + "_"; }
  std::string status(const Status& status) const { return escape_markdown(status.word); }
};

std::string table_text(const Table& table) {
  std::string text = "### " + escape_markdown(table.title) + "\n\n";
  if (!table.note.empty()) text += escape_markdown(table.note) + "\n\n";
  if (table.rows.empty()) return text + "No rows.\n\n";
  std::string head = "|";
  std::string rule = "|";
  for (const Column& column : table.columns) {
    head += " " + escape_markdown(column_title(column)) + " |";
    rule += column.alignment == Alignment::right ? " ---: |" : " --- |";
  }
  text += head + "\n" + rule + "\n";
  for (const auto& row : table.rows) {
    std::string line = "|";
    for (std::size_t i = 0; i < row.size(); ++i)
      line += " " + entry_text(row[i], table.columns[i], MarkdownEntry{}) + " |";
    text += line + "\n";
  }
  return text + "\n";
}

std::string figure_text(const Figure& figure, const RenderedFigures& figures) {
  std::string text = "### " + escape_markdown(figure.title) + "\n\n";
  if (figures.svg.count(figure.id) != 0) {
    text += fmt::format("![{}](figures/{}.svg)\n\n", escape_markdown(figure.title), figure.id);
  } else {
    text += fmt::format("The figure was not drawn; its data is in figures/{}.tsv and figures/{}.gp draws it.\n\n",
                        figure.id, figure.id);
  }
  if (!figure.caption.empty()) text += escape_markdown(figure.caption) + "\n\n";
  return text;
}

std::string pairs_text(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string text = "| | |\n| --- | --- |\n";
  for (const auto& [name, value] : pairs) {
    text += fmt::format("| {} | {} |\n", escape_markdown(name), escape_markdown(value));
  }
  return text + "\n";
}

}  // namespace

Files emit_markdown(const Report& report, const RenderedFigures& figures) {
  std::string text = "# " + escape_markdown(report.title) + "\n\n";
  if (!report.subtitle.empty()) text += escape_markdown(report.subtitle) + "\n\n";
  text += "**" + escape_markdown(report.headline) + "**\n\n";
  std::string counts;
  for (const VerdictCount& verdict : report.verdicts) {
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", verdict.count, escape_markdown(verdict.status.word));
  }
  if (!counts.empty()) text += "Cells: " + counts + ".\n\n";
  if (!report.facts.empty()) text += pairs_text(report.facts);
  if (!figures.problem.empty()) text += "Figures were not drawn: " + escape_markdown(figures.problem) + ".\n\n";
  for (const Section& section : report.sections) {
    text += "## " + escape_markdown(section.title) + "\n\n";
    for (const Block& block : section.blocks) {
      if (const auto* paragraph = std::get_if<Paragraph>(&block)) {
        const std::string mark = paragraph->claim ? "**" : "";
        text += mark + escape_markdown(paragraph->text) + mark + "\n\n";
      } else if (const auto* table = std::get_if<Table>(&block)) {
        text += table_text(*table);
      } else {
        text += figure_text(std::get<Figure>(block), figures);
      }
    }
  }
  if (!report.provenance.empty()) text += "## Provenance\n\n" + pairs_text(report.provenance);
  while (text.size() > 1 && text[text.size() - 1] == '\n' && text[text.size() - 2] == '\n')
    text.pop_back();
  return {{"report.md", text}};
}

}  // namespace attest::reports
