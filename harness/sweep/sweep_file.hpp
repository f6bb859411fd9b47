#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/problem.hpp"
#include "harness/sweep/axis.hpp"
#include "harness/sweep/options.hpp"

namespace attest {

/// One [[sweep]] table.
struct SweepTable {
  std::string name;
  std::string place;                  ///< "file.toml:7: sweep 'name'"
  std::string kernels;                ///< comma-separated globs
  std::vector<std::string> backends;  ///< empty: cpu
  std::vector<std::string> inputs;
  PartialProblem problem;
  std::vector<std::string> models;  ///< each is a base problem of its own
  std::vector<Axis> axes;           ///< in the order of the file; `lengths` is the axis sq, `dtypes` the axis dtype
  std::vector<std::vector<std::string>> zips;  ///< names of axes that go together
  OptionTexts options;                         ///< what the table says of the options
};

/// A sweep file.
struct SweepFile {
  std::string path;
  std::string text;
  OptionTexts options;
  std::vector<SweepTable> tables;
};

/// Reads a sweep file. Throws Error (exit 2) naming file, line and key for malformed TOML, unknown keys, wrong types,
/// empty axes, unknown kernels, backends, inputs, models and options, and zips of axes that differ in length.
SweepFile read_sweep_file(const std::string& path);
SweepFile parse_sweep_file(std::string_view text, const std::string& path);

/// Replaces, in every table, the values of the axis that "AXIS=VALUES" names, or adds it; VALUES are ranges and values
/// between commas (`sq=128,256`, `sq=pow2 7:9`, `window=full;255,0`: semicolons where values hold commas).
void override_axis(SweepFile& file, std::string_view assignment);

}  // namespace attest
