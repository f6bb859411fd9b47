// Tables as LaTeX sets them: long tables of fixed column widths, none wider than its page.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "reports/model.hpp"

namespace attest::reports {

/// The table as \begin{attesttable} ... \end{attesttable}. Where its columns do not fit side by side they are set
/// smaller and closer; else the page is turned, for a long table, or the table set in parts that repeat the leading
/// columns.
std::string latex_table(const Table& table);

/// A table without a head: names and values.
std::string latex_pairs(const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace attest::reports
