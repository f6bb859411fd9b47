// LaTeX: a main.tex that compiles as it is, and one file a table and a figure for a paper to \input.
#include <fmt/format.h>

#include "reports/emit.hpp"
#include "reports/latex_figure.hpp"
#include "reports/latex_style.hpp"
#include "reports/latex_table.hpp"
#include "reports/latex_text.hpp"

namespace attest::reports {
namespace {

/// Whether a table is for a program, not for paper: the page names the files that hold it. A table that HTML shows
/// closed holds what others sum up.
bool is_too_long(const Table& table) {
  return table.rows.size() > (table.collapsed ? 30 : 80);
}

std::string head(const Report& report) {
  std::string text = "\\begin{center}\n{\\LARGE " + escape_latex(report.title) + "\\par}\n";
  if (!report.subtitle.empty()) text += "\\smallskip " + escape_latex(report.subtitle) + "\\par\n";
  text += "\\end{center}\n\\noindent\\attestclaim{" + escape_latex(report.headline) + "}\n\n";
  std::string counts;
  for (const VerdictCount& verdict : report.verdicts) {
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", verdict.count, escape_latex(verdict.status.word));
  }
  if (!counts.empty()) text += "\\noindent Cells: " + counts + ".\n\n";
  if (!report.facts.empty()) text += latex_pairs(report.facts);
  return text;
}

std::string paragraph_text(const Paragraph& paragraph) {
  const std::string set = escape_latex(paragraph.text);
  return "\\par\\noindent " + (paragraph.claim ? "\\attestclaim{" + set + "}" : set) + "\\par\n\n";
}

std::string too_long(const Table& table) {
  return fmt::format(
      "\\par\\noindent\\attesttitle{{{}.}} Its {} rows are too many for these pages; they are in "
      "\\attestcode{{{}}}, and as numbers in \\attestcode{{{}}}.\\par\n\n",
      escape_latex(table.title), table.rows.size(), escape_latex("tables/" + table.id + ".tex", true),
      escape_latex("data/" + table.id + ".csv", true));
}

}  // namespace

Files emit_latex(const Report& report, const RenderedFigures& figures) {
  Files files = {{"latex/attest.sty", latex_style()}};
  std::string text =
      "% Compile in this folder: latexmk -pdf main.tex\n"
      "\\documentclass[10pt]{article}\n\\usepackage[page]{attest}\n\\begin{document}\n" +
      head(report);
  Files csv;
  for (const Section& section : report.sections) {
    text += "\n\\attestsection{" + escape_latex(section.title) + "}\n";
    for (std::size_t i = 0; i < section.blocks.size(); ++i) {
      const Block& block = section.blocks[i];
      if (const auto* paragraph = std::get_if<Paragraph>(&block)) {
        text += paragraph_text(*paragraph);
        // What a sentence announces is not on the next page.
        if (i + 1 < section.blocks.size() && std::holds_alternative<Figure>(section.blocks[i + 1]))
          text += "\\nopagebreak\n";
      } else if (const auto* figure = std::get_if<Figure>(&block)) {
        for (auto& [name, bytes] : latex_figure(*figure, report.kernels))
          files["latex/figures/" + name] = std::move(bytes);
        text += "\\input{figures/" + figure->id + "}\n";
      } else {
        const auto& table = std::get<Table>(block);
        if (table.rows.empty()) continue;
        const std::string set = latex_table(table);
        files["latex/tables/" + table.id + ".tex"] = set;
        if (!is_too_long(table)) {
          // What follows a turned table fills the page before it.
          const bool turned = set.rfind("\\begin{attestlandscape}", 0) == 0;
          text += fmt::format("{}{{tables/{}}}\n", turned ? "\\attestafterpage" : "\\input", table.id);
          continue;
        }
        if (csv.empty()) csv = emit_csv(report, figures);
        files["latex/data/" + table.id + ".csv"] = csv.at("csv/" + table.id + ".csv");
        text += too_long(table);
      }
    }
  }
  if (!report.provenance.empty()) text += "\n\\attestsection{Provenance}\n" + latex_pairs(report.provenance);
  files["latex/main.tex"] = text + "\\end{document}\n";
  return files;
}

}  // namespace attest::reports
