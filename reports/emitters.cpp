#include "reports/emit.hpp"

namespace attest::reports {
namespace {

/// Of the formats that are files of figures/ alone.
Files emit_nothing(const Report&, const RenderedFigures&) {
  return {};
}

}  // namespace

const std::vector<Emitter>& emitters() {
  static const std::vector<Emitter> all = {
      {.format = "md", .emit = emit_markdown, .figures = FigureFiles::svg},
      {.format = "html", .emit = emit_html, .figures = FigureFiles::sources},
      {.format = "latex", .emit = emit_latex},
      {.format = "csv", .emit = emit_csv},
      {.format = "json", .emit = emit_json},
      {.format = "gbench", .emit = emit_gbench},
      {.format = "gnuplot", .emit = emit_nothing, .figures = FigureFiles::sources},
      {.format = "svg", .emit = emit_nothing, .figures = FigureFiles::svg, .needs_drawn = true},
      {.format = "pdf", .emit = emit_nothing, .figures = FigureFiles::pdf, .needs_drawn = true},
  };
  return all;
}

}  // namespace attest::reports
