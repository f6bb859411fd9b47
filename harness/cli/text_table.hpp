#pragma once

#include <string>
#include <vector>

#include "harness/store/record.hpp"

namespace attest {

/// Aligned columns for a terminal. Cells may be coloured; colours take no width.
class TextTable {
 public:
  struct Column {
    std::string title;
    bool right = false;  ///< numbers
  };

  TextTable(std::vector<Column> columns, bool color) : columns_(std::move(columns)), color_(color) {}

  struct Cell {
    std::string text;
    int color = 0;  ///< an SGR foreground such as 31; 0: none

    Cell(std::string content, int sgr = 0) : text(std::move(content)), color(sgr) {}
    Cell(const char* content) : text(content) {}
  };

  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }

  /// Lines with a heading, no blanks at their ends. Columns that are empty in every row are left out.
  std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
  bool color_;
};

/// The table of check, bench and sweep: one row a cell; figures of time only where a cell has them.
std::string table_of_cells(const std::vector<CellRecord>& records, bool color);

/// "12 passed, 1 failed".
std::string counts_of(const std::vector<CellRecord>& records);

/// "1.23 ms", three significant digits.
std::string format_seconds(double seconds);

}  // namespace attest
