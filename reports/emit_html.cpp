// One HTML file that needs no network. Its one script is ours, named to the browser by its hash, so that nothing that
// came from outside can run, and everything that did is escaped.
#include <algorithm>
#include <fmt/format.h>

#include "reports/emit.hpp"
#include "reports/format.hpp"
#include "reports/html_parts.hpp"

namespace attest::reports {
namespace {

std::string pairs_text(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string text = "<dl>\n";
  for (const auto& [name, value] : pairs) {
    text += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape_html(name), escape_html(value));
  }
  return text + "</dl>\n";
}

std::string section_text(const Report& report, const Section& section) {
  std::string text = fmt::format("<section aria-labelledby=\"{0}\">\n<h2 id=\"{0}\">{1}</h2>\n",
                                 escape_html(section.id), escape_html(section.title));
  for (const Block& block : section.blocks) {
    if (const auto* paragraph = std::get_if<Paragraph>(&block)) {
      text += fmt::format("<p{}>{}</p>\n", paragraph->claim ? " class=\"claim\"" : "", escape_html(paragraph->text));
    } else if (const auto* table = std::get_if<Table>(&block)) {
      text += html_table(*table);
    } else {
      text += html_figure(report, std::get<Figure>(block));
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
      const std::string word = escape_html(verdict.status.word);
      text += fmt::format("<li class=\"{}\"><a href=\"#cells\" data-filter=\"verdict={}\"><b>{}</b>{}</a></li>\n",
                          tone_class(verdict.status.tone), word, verdict.count, word);
    }
    text += "</ul>\n";
  }
  if (!report.facts.empty()) text += pairs_text(report.facts);
  return text + "</header>\n";
}

std::size_t most_columns(const Report& report) {
  std::size_t most = 0;
  for (const Section& section : report.sections) {
    for (const Block& block : section.blocks) {
      if (const auto* table = std::get_if<Table>(&block)) most = std::max(most, table->columns.size());
    }
  }
  return most;
}

}  // namespace

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

std::string base64_of_hexadecimal(std::string_view hexadecimal) {
  static constexpr std::string_view digits = "0123456789abcdef";
  static constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  unsigned held = 0;
  int bits = 0;
  for (const char digit : hexadecimal) {
    held = (held << 4 | static_cast<unsigned>(digits.find(digit))) & 0xFFF;
    bits += 4;
    if (bits < 6) continue;
    bits -= 6;
    text += letters[held >> bits & 63];
  }
  if (bits > 0) text += letters[held << (6 - bits) & 63];
  while (text.size() % 4 != 0)
    text += '=';
  return text;
}

Files emit_html(const Report& report, const RenderedFigures&) {
  std::string text = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "img-src data:; base-uri 'none'; form-action 'none'; script-src 'sha256-{}'\">\n",
      base64_of_hexadecimal(embedded_page_script_sha256));
  text += fmt::format("<title>{}</title>\n<style>\n{}{}</style>\n</head>\n", escape_html(report.title),
                      embedded_page_style, html_column_rules(most_columns(report)));
  text += "<body>\n" + html_marks() + head_text(report) + "<nav aria-label=\"Sections\"><ul>\n";
  for (const Section& section : report.sections) {
    text += fmt::format("<li><a href=\"#{}\">{}</a></li>\n", escape_html(section.id), escape_html(section.title));
  }
  if (!report.provenance.empty()) text += "<li><a href=\"#provenance\">Provenance</a></li>\n";
  text += "</ul></nav>\n<main>\n";
  for (const Section& section : report.sections)
    text += section_text(report, section);
  if (!report.provenance.empty()) {
    text += "<section aria-labelledby=\"provenance\">\n<h2 id=\"provenance\">Provenance</h2>\n" +
            pairs_text(report.provenance) + "</section>\n";
  }
  text += "</main>\n<script>" + std::string(embedded_page_script) + "</script>\n</body>\n</html>\n";
  return {{"report.html", text}};
}

}  // namespace attest::reports
