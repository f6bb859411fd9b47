// Writes a report to a folder, whole or not at all.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "reports/model.hpp"

namespace attest {

struct WriteOptions {
  std::vector<std::string> formats = {"md", "html", "latex", "csv", "json"};
  std::string gnuplot = "gnuplot";            ///< the program that draws the figures; looked up in PATH
  std::string rsvg_convert = "rsvg-convert";  ///< the program that makes PDF of them
};

struct WrittenReport {
  std::vector<std::filesystem::path> files;  ///< what a person opens first, first: report.html, report.md, ...
  std::string figure_problem;                ///< empty when all figures were drawn
};

/// Writes report.md, report.html, latex/, csv/, report.json, records.jsonl and figures/ (TSV, gnuplot program, SVG,
/// PDF) as the formats ask. All is written beside `folder` first and then put in its place by one rename, so that a
/// reader sees the old report or the new one. Throws Error (exit 2) for an unknown format and where `folder` exists and
/// is neither empty nor a report that this function wrote and nobody added to; Error (exit 4) where the disk refuses. A
/// figure that cannot be drawn is no error for a page: it says so and has its data. For the formats svg and pdf it is
/// one (exit 2), which names the package that is missing.
WrittenReport write_report(const reports::Report& report, const std::filesystem::path& folder,
                           const WriteOptions& options = {});

}  // namespace attest
