// Draws figures with gnuplot and rsvg-convert as child processes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "reports/emit.hpp"

namespace attest::reports {

/// Runs `program` (looked up in PATH) on <id>.gp of every id, in `folder`, and reads <id>.svg back. It runs without a
/// shell, without a start-up file and with a fixed environment. Figures that could not be drawn are missing from the
/// result, whose `problem` then says why in one line; it never throws for that.
RenderedFigures render_figures(const std::filesystem::path& folder, const std::vector<std::string>& ids,
                               const std::string& program = "gnuplot");

/// Runs `program` on <id>.svg of every id, in `folder`, into <id>.pdf; the same bytes at any time. "" or, in one line,
/// why one is missing.
std::string convert_figures(const std::filesystem::path& folder, const std::vector<std::string>& ids,
                            const std::string& program = "rsvg-convert");

}  // namespace attest::reports
