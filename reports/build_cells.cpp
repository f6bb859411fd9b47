// Every cell, and what gave no result.
#include <algorithm>
#include <fmt/format.h>

#include "reports/build_parts.hpp"

namespace attest::reports {
namespace {

Table failure_table(const Study& study) {
  Table table{.id = "not_passed",
              .title = "Ran and did not pass",
              .note = "The command runs the cell alone.",
              .columns = {text_column("kernel"), text_column("problem"), text_column("inputs"), text_column("verdict"),
                          text_column("reason"), text_column("command")},
              .rows = {},
              .collapsed = false};
  for (const View& view : study.views) {
    const Outcome outcome = view.record->verdict.outcome;
    if (outcome == Outcome::passed || outcome == Outcome::skipped || outcome == Outcome::unsupported) continue;
    table.rows.push_back({code_entry(view.record->key.kernel), code_entry(view.record->key.problem),
                          text_entry(view.record->key.inputs), status_of(view.record->verdict),
                          text_entry(view.record->verdict.reason), code_entry(view.record->reproduce)});
  }
  return table;
}

/// One row a kernel and reason: hundreds of cells say the same.
Table not_run_table(const Study& study) {
  Table table{.id = "not_run",
              .title = "Planned and not run",
              .note = "No verdict here says anything about a kernel's result. The problem is the first of the cells.",
              .columns = {text_column("kernel"), text_column("verdict"), text_column("reason"), integer_column("cells"),
                          text_column("for example")},
              .rows = {},
              .collapsed = false};
  const auto key = [](const View& view) {
    const Outcome outcome = view.record->verdict.outcome;
    if (outcome != Outcome::skipped && outcome != Outcome::unsupported) return std::string();
    return view.record->key.kernel + "\n" + std::string(name_of(outcome)) + "\n" + view.record->verdict.reason;
  };
  std::vector<Group> groups = group_views(study, key);
  std::sort(groups.begin(), groups.end(),
            [](const Group& left, const Group& right) { return left.first < right.first; });
  for (const auto& [name, views] : groups) {
    const CellRecord& record = *views.front()->record;
    table.rows.push_back({code_entry(record.key.kernel), status_of(record.verdict), text_entry(record.verdict.reason),
                          number_entry(static_cast<double>(views.size())), code_entry(record.key.problem)});
  }
  return table;
}

void add_timing(const View& view, const std::optional<Peaks>& peaks, std::vector<Entry>& row) {
  const TimingSummary* timing = view.timing();
  if (timing == nullptr) {
    const char* why = view.record->counts ? "counted, not timed" : "not timed";
    row.emplace_back(Missing{view.passed() ? why : ""});
    row.insert(row.end(), 7, Missing{});
    return;
  }
  row.push_back(number_entry(timing->seconds_median));
  if (timing->has_interval()) {
    row.push_back(number_entry(timing->seconds_ci_low));
    row.push_back(number_entry(timing->seconds_ci_high));
  } else {
    row.insert(row.end(), 2, Missing{"under 6 samples"});
  }
  row.push_back(number_entry(static_cast<double>(timing->samples)));
  row.push_back(number_entry(static_cast<double>(timing->outliers)));
  row.push_back(number_entry(view.record->gflops()));
  if (view.record->percent_of_peak() > 0) {
    row.push_back(number_entry(view.record->percent_of_peak()));
  } else {
    row.emplace_back(Missing{"not measured"});
  }
  const std::optional<double> bandwidth =
      peaks ? peaks->bytes_per_second("DRAM", view.record->key.threads) : std::nullopt;
  if (bandwidth && *bandwidth > 0 && view.record->io_bytes > 0) {
    row.push_back(number_entry(100 * view.record->io_bytes / timing->seconds_median / *bandwidth));
  } else {
    row.emplace_back(Missing{"not measured"});
  }
}

Table all_table(const Study& study, const std::optional<Peaks>& peaks) {
  Table table{
      .id = "cells",
      .title = "Every cell",
      .note =
          "Times are medians with their 95% intervals; only passed cells have them. Rates use exact FLOPs. "
          "Share of bandwidth: bytes of the inputs and outputs, each once, over the time and the measured bandwidth of "
          "reading from DRAM; above 100% they came from a cache.",
      .columns = {text_column("kernel"),
                  text_column("backend"),
                  text_column("problem"),
                  text_column("inputs"),
                  integer_column("threads"),
                  text_column("verdict"),
                  text_column("reason"),
                  integer_column("rows checked"),
                  integer_column("rows"),
                  number_column("error / bound", {NumberFormat::Style::significant, 3}),
                  seconds_column("time"),
                  seconds_column("low"),
                  seconds_column("high"),
                  integer_column("samples"),
                  integer_column("outliers"),
                  number_column("rate", {NumberFormat::Style::significant, 3}, "GFLOP/s"),
                  number_column("share of peak", {NumberFormat::Style::fixed, 1}, "%"),
                  number_column("share of bandwidth", {NumberFormat::Style::fixed, 1}, "%"),
                  number_column("exact FLOPs", {NumberFormat::Style::scientific, 3}),
                  number_column("4*T^2*d*H FLOPs", {NumberFormat::Style::scientific, 3}),
                  bytes_column("workspace"),
                  text_column("command")},
      .rows = {},
      .collapsed = true};
  for (const View& view : study.views) {
    const CellRecord& record = *view.record;
    const double worst = view.error_over_bound();
    std::vector<Entry> row = {code_entry(record.key.kernel),
                              text_entry(record.key.backend),
                              code_entry(record.key.problem),
                              text_entry(record.key.inputs),
                              number_entry(record.key.threads),
                              status_of(record.verdict),
                              text_entry(record.verdict.reason),
                              number_entry(static_cast<double>(record.accuracy.rows_checked)),
                              number_entry(static_cast<double>(record.accuracy.rows_total))};
    if (record.accuracy.outputs.empty()) {
      row.emplace_back(Missing{});
    } else {
      row.push_back(number_entry(worst));
    }
    add_timing(view, peaks, row);
    row.push_back(number_entry(record.flops));
    row.push_back(number_entry(record.flops_conventional));
    if (record.workspace_bytes_measured >= 0) {
      row.push_back(number_entry(static_cast<double>(record.workspace_bytes_measured)));
    } else {
      row.emplace_back(Missing{});
    }
    row.push_back(code_entry(record.reproduce));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

Section cells_section(const Study& study, const std::optional<Peaks>& peaks) {
  Section section{.id = "cells_section", .title = "All cells", .blocks = {}};
  Table failures = failure_table(study);
  Table not_run = not_run_table(study);
  if (study.views.empty()) {
    section.blocks.emplace_back(Paragraph{"The store holds no cells."});
    return section;
  }
  if (failures.rows.empty()) {
    section.blocks.emplace_back(Paragraph{"Every cell that ran passed."});
  } else {
    section.blocks.emplace_back(std::move(failures));
  }
  if (!not_run.rows.empty()) section.blocks.emplace_back(std::move(not_run));
  section.blocks.emplace_back(all_table(study, peaks));
  return section;
}

}  // namespace attest::reports
