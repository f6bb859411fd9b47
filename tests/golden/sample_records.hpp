// Small fixed sets of records, made by formulas, for the tests of reports.
#pragma once

#include "reports/build.hpp"

namespace attest::golden {

/// A passed and timed cell whose samples lie around `seconds`; three rounds of five.
CellRecord timed_cell(const std::string& kernel, const std::string& problem, double seconds);

/// A sweep as a person would run it: six variants, lengths 128 to 4096, windows, heads, a decode family, the MiniLM
/// input, and cells that failed, crashed, ran out of memory, were skipped and are unsupported.
ReportInput sample_sweep();

/// Two kernels at three lengths and one cell that failed: small enough to read as an approved text.
ReportInput small_sweep();

/// One passed cell.
ReportInput one_cell();

/// Three cells, none of which passed.
ReportInput all_failed();

/// A naive and a tiled kernel on the emulator at three lengths: counts by formulas, no times.
ReportInput emulated_sweep();

/// Names and reasons that mean something to HTML, Markdown, CSV, gnuplot or JSON, and bytes that are no UTF-8.
ReportInput hostile_names();

}  // namespace attest::golden
