// How time, work and workspace grow with the length: exponents with intervals.
#include <fmt/format.h>

#include "harness/measure/growth.hpp"
#include "reports/build_parts.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

constexpr std::size_t least_lengths = 3;

void add_fit(const std::vector<GrowthPoint>& points, std::vector<Entry>& row) {
  const PowerFit fit = fit_power(points);
  row.push_back(number_entry(fit.exponent));
  if (fit.exponent_interval) {
    row.push_back(number_entry(fit.exponent_interval->low));
    row.push_back(number_entry(fit.exponent_interval->high));
  } else {
    row.insert(row.end(), {Missing{}, Missing{}});
  }
  row.push_back(number_entry(fit.r_squared));
}

Entry best_law(const std::vector<GrowthPoint>& points) {
  const std::vector<GrowthModel> models = fit_growth_models(points);
  if (models.empty()) return Missing{"under 4 lengths"};
  return text_entry(std::string(to_string(models.front().law)));
}

}  // namespace

Entry exponent_entry(const std::vector<GrowthPoint>& points) {
  if (distinct_lengths(points) < least_lengths) return Missing{"under 3 lengths"};
  return number_entry(fit_power(points).exponent);
}

Section growth_section(const Study& study) {
  Section section{.id = "growth", .title = "Growth", .blocks = {}};
  const NumberFormat two{NumberFormat::Style::fixed, 2};
  const NumberFormat four{NumberFormat::Style::fixed, 4};
  Table table{
      .id = "exponents",
      .title = "Fitted exponents",
      .note =
          "cost = c n^e, least squares on the logarithms of the medians over the lengths that were timed; the "
          "interval is a 95% bootstrap over samples and residuals. FLOPs are counted exactly. The law is the "
          "one of 1, n, n log n, n^2 with the smallest AICc, with or without a constant overhead. Short "
          "lengths pull the exponent of time down: overheads do not grow.",
      .columns = {text_column("kernel"), text_column("problem"), text_column("lengths"),
                  number_column("time exponent", two), number_column("95% low", two), number_column("95% high", two),
                  number_column("R²", four), number_column("FLOPs exponent", two),
                  number_column("workspace exponent", two), text_column("law of time")},
      .rows = {},
      .collapsed = false};
  const auto key = [](const View& view) {
    return view.timing() == nullptr ? std::string() : view.family + "\n" + view.record->key.kernel;
  };
  for (const auto& [name, views] : group_views(study, key)) {
    std::vector<GrowthPoint> time;
    std::vector<GrowthPoint> work;
    std::vector<GrowthPoint> space;
    for (const View* view : views) {
      std::vector<double> samples = view->samples();
      if (samples.empty()) samples = {view->timing()->seconds_median};
      time.push_back({.length = view->length, .samples = std::move(samples), .width = 0});
      if (view->record->flops > 0)
        work.push_back({.length = view->length, .samples = {view->record->flops}, .width = 0});
      const auto bytes = static_cast<double>(view->record->workspace_bytes_measured);
      if (bytes > 0) space.push_back({.length = view->length, .samples = {bytes}, .width = 0});
    }
    if (distinct_lengths(time) < least_lengths) continue;
    std::vector<Entry> row = {code_entry(views.front()->record->key.kernel), code_entry(views.front()->family),
                              code_entry(fmt::format("{} to {} ({})", format_length(views.front()->length),
                                                     format_length(views.back()->length), distinct_lengths(time)))};
    add_fit(time, row);
    row.push_back(exponent_entry(work));
    row.push_back(space.empty() ? Missing{"no workspace"} : exponent_entry(space));
    row.push_back(best_law(time));
    table.rows.push_back(std::move(row));
  }
  if (table.rows.empty()) {
    section.blocks.emplace_back(
        Paragraph{"No kernel was timed at three or more lengths of one problem, so nothing was fitted."});
  } else {
    section.blocks.emplace_back(std::move(table));
  }
  return section;
}

}  // namespace attest::reports
