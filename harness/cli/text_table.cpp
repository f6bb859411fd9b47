#include "harness/cli/text_table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <map>

#include "harness/sweep/options.hpp"

namespace attest {
namespace {

// Columns of UTF-8 text: bytes that do not continue a character.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

int color_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::passed:
      return 32;
    case Outcome::failed:
    case Outcome::crashed:
    case Outcome::timeout:
    case Outcome::oom:
      return 31;
    default:
      return 33;
  }
}

std::string figure(double value) {
  return std::isfinite(value) ? fmt::format("{:.3g}", value) : std::isnan(value) ? "nan" : "inf";
}

}  // namespace

std::string TextTable::text() const {
  std::vector<std::size_t> widths(columns_.size());
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    for (const std::vector<Cell>& row : rows_)
      widths[column] = std::max(widths[column], width_of(row[column].text));
    if (widths[column] > 0) widths[column] = std::max(widths[column], width_of(columns_[column].title));
  }
  std::string result;
  const auto add_line = [&](const auto& cell_at) {
    std::string line;
    std::size_t blanks = 0;
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      if (widths[column] == 0) continue;
      const Cell cell = cell_at(column);
      const std::size_t padding = widths[column] - width_of(cell.text);
      if (columns_[column].right) blanks += padding;
      if (!cell.text.empty()) {
        line.append(blanks, ' ');
        blanks = 0;
        line += color_ && cell.color != 0 ? fmt::format("\033[{}m{}\033[0m", cell.color, cell.text) : cell.text;
      }
      if (!columns_[column].right) blanks += padding;
      blanks += 2;
    }
    result += line + "\n";
  };
  constexpr int bold = 1;
  add_line([&](std::size_t column) { return Cell(columns_[column].title, bold); });
  for (const std::vector<Cell>& row : rows_)
    add_line([&](std::size_t column) { return row[column]; });
  return result;
}

std::string format_seconds(double seconds) {
  constexpr std::array<std::pair<double, std::string_view>, 4> units{
      {{1.0, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}}};
  for (const auto& [unit, name] : units) {
    if (seconds < unit && unit != 1e-9) continue;
    const double value = seconds / unit;
    return fmt::format("{:.{}f} {}", value, value < 10.0 ? 2 : value < 100.0 ? 1 : 0, name);
  }
  return "0 s";
}

std::string table_of_cells(const std::vector<CellRecord>& records, bool color) {
  TextTable table({{"kernel", false},
                   {"backend", false},
                   {"inputs", false},
                   {"problem", false},
                   {"threads", true},
                   {"verdict", false},
                   {"rows", true},
                   {"max error", true},
                   {"RMSE", true},
                   {"error/bound", true},
                   {"time", true},
                   {"95% interval", false},
                   {"GFLOP/s", true},
                   {"of peak", true},
                   {"workspace", true},
                   {"reason", false}},
                  color);
  for (const CellRecord& record : records) {
    const bool proved = !record.accuracy.outputs.empty();
    const AccuracyFigures main = proved ? record.accuracy.outputs.front() : AccuracyFigures{};
    const bool timed = record.timing.has_value();
    const Accuracy& accuracy = record.accuracy;
    table.add(
        {record.key.kernel,
         record.key.backend,
         record.key.inputs,
         record.key.problem,
         record.key.threads > 0 ? std::to_string(record.key.threads) : "",
         {std::string(name_of(record.verdict.outcome)), color_of(record.verdict.outcome)},
         !proved ? ""
         : accuracy.rows_checked == accuracy.rows_total
             ? fmt::format("{}", accuracy.rows_checked)
             : fmt::format("{} of {}", accuracy.rows_checked, accuracy.rows_total),
         proved ? figure(main.max_abs_error) : "",
         proved ? figure(main.rmse) : "",
         proved ? figure(accuracy.error_over_bound()) : "",
         timed ? format_seconds(record.timing->seconds_median) : "",
         !timed                          ? ""
         : record.timing->has_interval() ? fmt::format("{} to {}", format_seconds(record.timing->seconds_ci_low),
                                                       format_seconds(record.timing->seconds_ci_high))
                                         : "under 6 samples",
         timed ? fmt::format("{:.1f}", record.gflops()) : "",
         record.percent_of_read() > 0.0     ? fmt::format("{:.0f} % of reading", record.percent_of_read())
         : timed && record.peak_flops > 0.0 ? fmt::format("{:.0f} %", record.percent_of_peak())
                                            : "",
         record.workspace_bytes_measured >= 0 ? format_bytes(static_cast<double>(record.workspace_bytes_measured)) : "",
         record.verdict.reason});
  }
  return table.text();
}

std::string counts_of(const std::vector<CellRecord>& records) {
  std::map<Outcome, int> counts;
  for (const CellRecord& record : records)
    ++counts[record.verdict.outcome];
  std::string text;
  for (const auto& [outcome, count] : counts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name_of(outcome));
  return text.empty() ? "no cells" : text;
}

}  // namespace attest
