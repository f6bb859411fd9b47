// What more threads gain: the same kernel on the same problem, timed with fewer and with more.
#include <algorithm>
#include <fmt/format.h>

#include "reports/build_parts.hpp"
#include "reports/format.hpp"
#include "reports/ratio.hpp"

namespace attest::reports {
namespace {

std::vector<Entry> threads_row(const View& fewest, const View& more) {
  const CellRecord& record = *more.record;
  const TimeRatio ratio = time_ratio(more, fewest);
  std::vector<Entry> row = {code_entry(record.key.kernel),
                            code_entry(record.key.problem),
                            number_entry(fewest.record->key.threads),
                            number_entry(ratio.comparison.second_median),
                            number_entry(record.key.threads),
                            number_entry(ratio.comparison.first_median),
                            number_entry(ratio.comparison.ratio)};
  add_interval(ratio.has_interval ? std::optional(ratio.comparison.ratio_interval) : std::nullopt, "too few samples",
               row);
  row.push_back(number_entry(ratio.comparison.ratio * fewest.record->key.threads / record.key.threads));
  return row;
}

}  // namespace

Section threads_section(const Study& study) {
  const NumberFormat three{NumberFormat::Style::significant, 3};
  Table table{.id = "threads",
              .title = "Speed-up by threads",
              .note = fmt::format("The median time with the fewest threads that were timed over that with more, on the "
                                  "same problem and inputs. {} The efficiency is the speed-up over the ratio of the "
                                  "threads.",
                                  ratio_interval_rule),
              .columns = {text_column("kernel"), text_column("problem"), integer_column("threads"),
                          seconds_column("time"), integer_column("more threads"), seconds_column("their time"),
                          number_column("speed-up", three), number_column("low", three), number_column("high", three),
                          number_column("efficiency", {NumberFormat::Style::percent, 0})},
              .rows = {},
              .collapsed = false,
              .compared = Compared::threads};
  const auto key = [](const View& view) {
    const CellKey& cell = view.record->key;
    return view.timing() == nullptr ? std::string()
                                    : cell.kernel + "\n" + cell.backend + "\n" + cell.problem + "\n" + cell.inputs;
  };
  for (auto [cell, views] : group_views(study, key)) {
    std::stable_sort(views.begin(), views.end(), [](const View* left, const View* right) {
      return left->record->key.threads < right->record->key.threads;
    });
    for (const View* view : views)
      if (view->record->key.threads > views.front()->record->key.threads)
        table.rows.push_back(threads_row(*views.front(), *view));
  }
  Section section{.id = "threads_section", .title = "Threads", .blocks = {}};
  if (!table.rows.empty()) section.blocks.emplace_back(std::move(table));
  return section;
}

}  // namespace attest::reports
