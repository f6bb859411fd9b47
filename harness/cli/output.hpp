#pragma once

#include <vector>

#include "harness/cli/commands.hpp"
#include "harness/store/record.hpp"

namespace attest {

/// Prints records to standard output, as a table with a line of counts or as one JSON array, and then, to standard
/// error, each failure with the line to paste that reproduces it.
void print_records(const std::vector<CellRecord>& records, const CommonOptions& common);

/// The failures alone.
void print_failures(const std::vector<CellRecord>& records);

/// One JSON array of the records, an object a line.
void print_json(const std::vector<CellRecord>& records);

}  // namespace attest
