// Where kernels on the CPU stand against the machine's peak, and what the rest of their time goes to.
#include <numeric>

#include "reports/build_parts.hpp"
#include "reports/format.hpp"

namespace attest::reports {

Section phases_section(const Study& study) {
  const NumberFormat tenth{NumberFormat::Style::fixed, 1};
  Table table{
      .id = "phases",
      .title = "Where the time goes",
      .note =
          "Shares of the threads' time, in percent, in runs beside the timed ones, in which every thread notes the "
          "clock when its work changes, all rounds together. \"at the peak\" is what the counted FLOPs would "
          "take at the multiply-add peak measured beside; the next column is what the products (a module's "
          "projections too) took beyond it. softmax: scaling, masks, exp and sums. packing: operands are widened, "
          "transposed, mapped to features. storing: results are merged, divided, written. waiting: for other "
          "threads. A decoding step's products are the reading of K and V, and are not held against the peak. The "
          "six shares sum to 100; what the products took beyond the peak is below 0 where these runs were faster than "
          "the timed ones.",
      .columns = {text_column("kernel"), text_column("problem"), integer_column("threads"), seconds_column("time"),
                  number_column("at the peak", tenth, "%"), number_column("products beyond", tenth, "%"),
                  number_column("softmax", tenth, "%"), number_column("packing", tenth, "%"),
                  number_column("storing", tenth, "%"), number_column("waiting", tenth, "%"), integer_column("runs")},
      .rows = {},
      .collapsed = false};
  for (const View& view : study.views) {
    const TimingSummary* timing = view.timing();
    const CellRecord& record = *view.record;
    if (timing == nullptr || !record.phases) continue;
    const PerPhase& shares = record.phases->shares;
    const auto percent = [&](Phase phase) { return 100.0 * shares[static_cast<std::size_t>(phase)]; };
    const double waiting = 100.0 * (1.0 - std::accumulate(shares.begin(), shares.end(), 0.0));
    const double products = percent(Phase::products) + percent(Phase::projections);
    const bool has_peak = !record.cold && record.percent_of_peak() > 0.0;
    table.rows.push_back(
        {code_entry(record.key.kernel), code_entry(record.key.problem), number_entry(record.key.threads),
         number_entry(timing->seconds_median), has_peak ? number_entry(record.percent_of_peak()) : Missing{"none"},
         number_entry(has_peak ? products - record.percent_of_peak() : products), number_entry(percent(Phase::softmax)),
         number_entry(percent(Phase::packing)), number_entry(percent(Phase::storing)), number_entry(waiting),
         number_entry(record.phases->runs)});
  }
  Section section{.id = "phases_section", .title = "Breakdown of time", .blocks = {}};
  if (!table.rows.empty()) section.blocks.emplace_back(std::move(table));
  return section;
}

}  // namespace attest::reports
