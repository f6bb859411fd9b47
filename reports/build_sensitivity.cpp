// What the inputs of the cells prove: which of the named defects they would have shown.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>

#include "reports/build_parts.hpp"
#include "reports/format.hpp"

namespace attest::reports {

namespace {

Entry ratio_of(const Accuracy& accuracy, std::string_view rule) {
  for (const RuleResult& result : accuracy.rules) {
    if (result.rule == rule) return number_entry(result.ratio);
  }
  return Missing{"does not hold for these inputs"};
}

}  // namespace

std::optional<Table> sensitivity_table(const Study& study) {
  const NumberFormat three{NumberFormat::Style::significant, 3};
  Table table{
      .id = "sensitivity",
      .title = "What these inputs prove",
      .note = fmt::format(
          "The largest figure over its limit by each rule that holds for the cell's inputs, and how many of the "
          "defects that the kernel could have on this problem the inputs would have shown: the z that the defect "
          "makes is at least three standard deviations above the limit of rule M, which is {:.0f} or more where right "
          "kernels err to one side. About the others these "
          "inputs prove nothing by rule M; other cells may.",
          DefectFigure::greatest_z),
      .columns = {text_column("kernel"), text_column("backend"), text_column("problem"), text_column("inputs"),
                  number_column("rule F", three), number_column("P", three), number_column("S", three),
                  number_column("M", three), integer_column("defects"), integer_column("shown"),
                  text_column("not shown")},
      .rows = {},
      .collapsed = true};
  for (const View& view : study.views) {
    const Accuracy& accuracy = view.record->accuracy;
    if (!view.passed() || accuracy.defects.empty()) continue;
    std::vector<std::string> hidden;
    for (const DefectFigure& defect : accuracy.defects) {
      if (!defect.is_shown()) hidden.push_back(defect.name);
    }
    const std::size_t shown = accuracy.defects.size() - hidden.size();
    const CellRecord& record = *view.record;
    std::vector<Entry> row{code_entry(record.key.kernel), text_entry(record.key.backend),
                           code_entry(record.key.problem), text_entry(record.key.inputs)};
    for (const char* rule : {"F", "P", "S", "M"})
      row.push_back(ratio_of(accuracy, rule));
    row.push_back(number_entry(static_cast<double>(accuracy.defects.size())));
    row.push_back(number_entry(static_cast<double>(shown)));
    row.push_back(text_entry(fmt::format("{}", fmt::join(hidden, ", "))));
    table.rows.push_back(std::move(row));
  }
  if (table.rows.empty()) return std::nullopt;
  return table;
}

std::string sensitivity_warning(const Study& study) {
  std::size_t cells = 0;
  std::size_t blind = 0;
  for (const View& view : study.views) {
    const Accuracy& accuracy = view.record->accuracy;
    if (!view.passed() || accuracy.defects.empty()) continue;
    ++cells;
    std::size_t shown = 0;
    for (const DefectFigure& defect : accuracy.defects)
      shown += defect.is_shown() ? 1 : 0;
    if (2 * shown < accuracy.defects.size()) ++blind;
  }
  if (blind == 0) return "";
  return fmt::format(
      "In {} of {} passed cells of softmax attention the inputs would have shown fewer than half of the named defects: "
      "these cells prove little; 'What these inputs prove' lists them.",
      blind, cells);
}

std::optional<Table> reservations_table(const Study& study) {
  Table table{.id = "reservations",
              .title = "Passed with a reservation",
              .note = "What a verdict that passed does not prove of its cell.",
              .columns = {text_column("kernel"), text_column("backend"), text_column("problem"), text_column("inputs"),
                          text_column("reservation")},
              .rows = {},
              .collapsed = false};
  for (const View& view : study.views) {
    const CellRecord& record = *view.record;
    if (!view.passed() || record.verdict.reason.empty()) continue;
    table.rows.push_back({code_entry(record.key.kernel), text_entry(record.key.backend), code_entry(record.key.problem),
                          text_entry(record.key.inputs), text_entry(record.verdict.reason)});
  }
  if (table.rows.empty()) return std::nullopt;
  return table;
}

}  // namespace attest::reports
