// Decoding steps on the CPU: how near the reading of K and V comes to what the memory gives.
#include <fmt/format.h>

#include "reports/build_parts.hpp"
#include "reports/format.hpp"

namespace attest::reports {

Section decoding_section(const Study& study) {
  const NumberFormat three{NumberFormat::Style::significant, 3};
  Table table{
      .id = "decoding",
      .title = "Decoding, K and V from memory",
      .note =
          "One query row a sequence. K and V are flushed from the caches before every sample, as in a model "
          "whose other layers were there in between. The share is that of the rate of plain reads of the "
          "same K and V by as many threads, flushed too and timed in the same processes; above 100 % says "
          "that the machine changed in between.",
      .columns = {text_column("kernel"), text_column("problem"), integer_column("threads"), bytes_column("K and V"),
                  seconds_column("time"), seconds_column("low"), seconds_column("high"), integer_column("samples"),
                  number_column("rate", three, "GB/s"), number_column("plain reads", three, "GB/s"),
                  number_column("share", {NumberFormat::Style::fixed, 0}, "%")},
      .rows = {},
      .collapsed = false};
  for (const View& view : study.views) {
    const TimingSummary* timing = view.timing();
    if (timing == nullptr || !view.record->cold) continue;
    const CellRecord& record = *view.record;
    const bool interval = timing->has_interval();
    table.rows.push_back({code_entry(record.key.kernel), code_entry(record.key.problem),
                          number_entry(record.key.threads), number_entry(record.cold->bytes),
                          number_entry(timing->seconds_median),
                          interval ? number_entry(timing->seconds_ci_low) : Missing{"under 6 samples"},
                          interval ? number_entry(timing->seconds_ci_high) : Missing{"under 6 samples"},
                          number_entry(static_cast<double>(timing->samples)), number_entry(record.bandwidth() * 1e-9),
                          number_entry(record.cold->read_rate * 1e-9), number_entry(record.percent_of_read())});
  }
  Section section{.id = "decoding_section", .title = "Decoding", .blocks = {}};
  if (!table.rows.empty()) section.blocks.emplace_back(std::move(table));
  return section;
}

}  // namespace attest::reports
