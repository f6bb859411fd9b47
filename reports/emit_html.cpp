// One HTML file that needs no network and no script. Everything that came from outside is escaped.
#include <fmt/format.h>

#include "reports/emit.hpp"
#include "reports/format.hpp"
#include "reports/gnuplot.hpp"
#include "reports/html_style.hpp"

namespace attest::reports {
namespace {

const char* tone_class(Tone tone) {
  switch (tone) {
    case Tone::good:
      return "good";
    case Tone::bad:
      return "bad";
    case Tone::warning:
      return "warning";
    case Tone::neutral:
      break;
  }
  return "neutral";
}

std::string entry_text(const Entry& entry, const Column& column) {
  if (const auto* text = std::get_if<Text>(&entry)) {
    const std::string escaped = escape_html(text->text);
    const std::string set = text->code && !escaped.empty() ? "<code>" + escaped + "</code>" : escaped;
    return text->strong ? "<strong>" + set + "</strong>" : set;
  }
  if (const auto* number = std::get_if<Number>(&entry)) {
    const std::string digits = escape_html(format_number(number->value, column.format));
    return number->strong ? "<strong>" + digits + "</strong>" : digits;
  }
  if (const auto* missing = std::get_if<Missing>(&entry)) {
    return missing->reason.empty() ? "" : "<span class=\"missing\">" + escape_html(missing->reason) + "</span>";
  }
  const auto& status = std::get<Status>(entry);
  return fmt::format("<span class=\"badge {}\">{}</span>", tone_class(status.tone), escape_html(status.word));
}

const char* cell_class(const Column& column) {
  return column.alignment == Alignment::right ? " class=\"number\"" : "";
}

std::string grid(const Table& table) {
  if (table.rows.empty()) return "<p class=\"note\">No rows.</p>\n";
  std::string text = "<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>";
  for (const Column& column : table.columns) {
    text += fmt::format("<th scope=\"col\"{}>{}</th>", cell_class(column), escape_html(column_title(column)));
  }
  text += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    text += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += fmt::format("<td{}>{}</td>", cell_class(table.columns[i]), entry_text(row[i], table.columns[i]));
    }
    text += "</tr>\n";
  }
  return text + "</tbody></table></div>\n";
}

std::string table_text(const Table& table) {
  const std::string note = table.note.empty() ? "" : "<p class=\"note\">" + escape_html(table.note) + "</p>\n";
  if (table.collapsed) {
    return fmt::format("<details id=\"{}\"><summary>{} ({} rows)</summary>\n{}{}</details>\n", escape_html(table.id),
                       escape_html(table.title), table.rows.size(), note, grid(table));
  }
  return fmt::format("<h3 id=\"{}\">{}</h3>\n{}{}", escape_html(table.id), escape_html(table.title), note, grid(table));
}

std::string figure_text(const Figure& figure, const RenderedFigures& figures) {
  std::string text =
      fmt::format("<h3 id=\"{}\">{}</h3>\n<figure>\n", escape_html(figure.id), escape_html(figure.title));
  const auto drawn = figures.svg.find(figure.id);
  if (drawn == figures.svg.end()) {
    text +=
        fmt::format("<p class=\"missing\">Not drawn here; figures/{}.tsv has its data, figures/{}.gp draws it.</p>\n",
                    escape_html(figure.id), escape_html(figure.id));
  } else {
    text += fmt::format("<div class=\"drawing\" role=\"img\" aria-label=\"{}\">\n{}\n</div>\n",
                        escape_html(figure.title), inline_svg(drawn->second, figure.id));
  }
  if (!figure.caption.empty()) text += "<figcaption>" + escape_html(figure.caption) + "</figcaption>\n";
  return text + "</figure>\n";
}

std::string pairs_text(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string text = "<dl>\n";
  for (const auto& [name, value] : pairs) {
    text += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape_html(name), escape_html(value));
  }
  return text + "</dl>\n";
}

std::string section_text(const Section& section, const RenderedFigures& figures) {
  std::string text = fmt::format("<section aria-labelledby=\"{0}\">\n<h2 id=\"{0}\">{1}</h2>\n",
                                 escape_html(section.id), escape_html(section.title));
  for (const Block& block : section.blocks) {
    if (const auto* paragraph = std::get_if<Paragraph>(&block)) {
      text += fmt::format("<p{}>{}</p>\n", paragraph->claim ? " class=\"claim\"" : "", escape_html(paragraph->text));
    } else if (const auto* table = std::get_if<Table>(&block)) {
      text += table_text(*table);
    } else {
      text += figure_text(std::get<Figure>(block), figures);
    }
  }
  return text + "</section>\n";
}

std::string head_text(const Report& report) {
  std::string text = "<header>\n<h1>" + escape_html(report.title) + "</h1>\n";
  if (!report.subtitle.empty()) text += "<p class=\"subtitle\">" + escape_html(report.subtitle) + "</p>\n";
  text +=
      fmt::format("<p class=\"headline {}\">{}</p>\n", tone_class(report.headline_tone), escape_html(report.headline));
  if (!report.verdicts.empty()) {
    text += "<ul class=\"verdicts\">\n";
    for (const VerdictCount& verdict : report.verdicts) {
      text += fmt::format("<li class=\"{}\"><b>{}</b>{}</li>\n", tone_class(verdict.status.tone), verdict.count,
                          escape_html(verdict.status.word));
    }
    text += "</ul>\n";
  }
  if (!report.facts.empty()) text += pairs_text(report.facts);
  return text + "</header>\n";
}

}  // namespace

Files emit_html(const Report& report, const RenderedFigures& figures) {
  std::string text =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "img-src data:\">\n";
  text +=
      "<title>" + escape_html(report.title) + "</title>\n<style>" + std::string(html_style()) + "</style>\n</head>\n";
  text += "<body>\n" + head_text(report) + "<nav aria-label=\"Sections\"><ul>\n";
  for (const Section& section : report.sections) {
    text += fmt::format("<li><a href=\"#{}\">{}</a></li>\n", escape_html(section.id), escape_html(section.title));
  }
  if (!report.provenance.empty()) text += "<li><a href=\"#provenance\">Provenance</a></li>\n";
  text += "</ul></nav>\n<main>\n";
  if (!figures.problem.empty()) {
    text += "<p class=\"headline warning\">Figures were not drawn: " + escape_html(figures.problem) + ".</p>\n";
  }
  for (const Section& section : report.sections)
    text += section_text(section, figures);
  if (!report.provenance.empty()) {
    text += "<section aria-labelledby=\"provenance\">\n<h2 id=\"provenance\">Provenance</h2>\n" +
            pairs_text(report.provenance) + "</section>\n";
  }
  return {{"report.html", text + "</main>\n</body>\n</html>\n"}};
}

}  // namespace attest::reports
