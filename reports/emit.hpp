// Text emitters: each is one function over the model and returns the files it would write. A new format is one new
// function and one row of `emitters()`.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reports/model.hpp"

namespace attest::reports {

/// Relative path (with '/') to bytes.
using Files = std::map<std::string, std::string>;

/// What became of the figures: figure id to SVG text, and why there is none where there is none.
struct RenderedFigures {
  std::map<std::string, std::string> svg;
  std::string problem;  // empty when all figures were drawn
};

/// report.md, which names figures/*.svg.
Files emit_markdown(const Report& report, const RenderedFigures& figures);

/// report.html: one file that needs no network and no script, with the figures inline.
Files emit_html(const Report& report, const RenderedFigures& figures);

/// latex/: main.tex, attest.sty, and tables/<id>.tex and figures/<id>.tex (pgfplots, with their data beside them) for a
/// paper to \input; tables with too many rows for main.tex are in data/<id>.csv too.
Files emit_latex(const Report& report, const RenderedFigures& figures);

/// csv/<table id>.csv, one a table, raw numbers in the units the header names.
Files emit_csv(const Report& report, const RenderedFigures& figures);

/// report.json (the whole report) and records.jsonl (the raw records).
Files emit_json(const Report& report, const RenderedFigures& figures);

/// gbench.json: the raw samples as Google Benchmark writes its own, for its compare.py.
Files emit_gbench(const Report& report, const RenderedFigures& figures);

/// figures/<id>.tsv and figures/<id>.gp, which draws figures/<id>.svg when gnuplot runs it in that folder.
Files emit_figure_sources(const Report& report);

/// Which files of figures/ a format needs beside its own; each kind needs those before it.
enum class FigureFiles { none, sources, svg, pdf };

struct Emitter {
  std::string_view format;  // as in `--format`
  Files (*emit)(const Report&, const RenderedFigures&);
  FigureFiles figures = FigureFiles::none;
  bool needs_drawn = false;  // a figure that cannot be drawn is an error, not a remark
};

/// All formats, in the order they are written.
const std::vector<Emitter>& emitters();

}  // namespace attest::reports
