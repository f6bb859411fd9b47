// How time, work and workspace grow with the length, the window and the heads: exponents with intervals.
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

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

namespace {

/// What a cost is fitted against.
struct GrowthAxis {
  const char* id;
  const char* title;
  const char* column;
  std::string (*group)(const Study&, const View&);
  double (*place)(const View&);
  const char* note;
};

const GrowthAxis growth_axes[] = {
    {"exponents", "Fitted exponents", "lengths", length_group, length_place,
     "The law is the one of 1, n, n log n, n^2 with the smallest AICc, with or without a constant overhead. Short "
     "lengths "
     "pull the exponent of time down: overheads do not grow."},
    {"exponents_over_window", "Fitted exponents over the window", "windows", window_group, window_place,
     "n is the number of keys that a row in the middle sees, at the longest length that has three windows."},
    {"exponents_over_heads", "Fitted exponents over the query heads", "query heads", heads_group, heads_place,
     "n is the number of query heads, at the longest length that has three."}};

/// Of the groups that differ in their fixed length alone, the one at the longest: there a cost grows undisturbed.
std::vector<Group> at_the_longest(std::vector<Group> groups, const GrowthAxis& axis) {
  std::map<std::string, Group*> longest;
  for (Group& group : groups) {
    std::set<double> places;
    for (const View* view : group.second)
      places.insert(axis.place(*view));
    if (places.size() < least_lengths) continue;
    Group*& place = longest[drop_tokens(group.first, {"sq", "skv"})];
    if (place == nullptr || place->second.front()->length < group.second.front()->length) place = &group;
  }
  std::vector<Group> chosen;
  for (Group& group : groups) {
    if (std::any_of(longest.begin(), longest.end(), [&](const auto& entry) { return entry.second == &group; }))
      chosen.push_back(std::move(group));
  }
  return chosen;
}

Table exponents_table(const Study& study, const GrowthAxis& axis) {
  const NumberFormat two{NumberFormat::Style::fixed, 2};
  const NumberFormat four{NumberFormat::Style::fixed, 4};
  Table table{
      .id = axis.id,
      .title = axis.title,
      .note = fmt::format("cost = c n^e, least squares on the logarithms of the medians over the {} that were "
                          "timed; the interval is a 95% bootstrap over samples and residuals. FLOPs are counted "
                          "exactly. {}",
                          axis.column, axis.note),
      .columns = {text_column("kernel"), text_column("problem"), text_column(axis.column),
                  number_column("time exponent", two), number_column("95% low", two), number_column("95% high", two),
                  number_column("R²", four), number_column("FLOPs exponent", two),
                  number_column("workspace exponent", two)},
      .rows = {},
      .collapsed = false};
  const bool has_law = axis.group == length_group;
  if (has_law) table.columns.push_back(text_column("law of time"));
  const auto key = [&](const View& view) {
    const std::string group = view.timing() == nullptr ? std::string() : axis.group(study, view);
    return group.empty() ? group : group + "\n" + view.record->key.kernel;
  };
  for (auto& [name, views] : has_law ? group_views(study, key) : at_the_longest(group_views(study, key), axis)) {
    std::stable_sort(views.begin(), views.end(),
                     [&](const View* left, const View* right) { return axis.place(*left) < axis.place(*right); });
    std::vector<GrowthPoint> time;
    std::vector<GrowthPoint> work;
    std::vector<GrowthPoint> space;
    for (const View* view : views) {
      const double place = axis.place(*view);
      std::vector<double> samples = view->samples();
      if (samples.empty()) samples = {view->timing()->seconds_median};
      time.push_back({.length = place, .samples = std::move(samples), .width = 0});
      if (view->record->flops > 0) work.push_back({.length = place, .samples = {view->record->flops}, .width = 0});
      const auto bytes = static_cast<double>(view->record->workspace_bytes_measured);
      if (bytes > 0) space.push_back({.length = place, .samples = {bytes}, .width = 0});
    }
    if (distinct_lengths(time) < least_lengths) continue;
    std::vector<Entry> row = {
        code_entry(views.front()->record->key.kernel), code_entry(name.substr(0, name.find('\n'))),
        code_entry(fmt::format("{} to {} ({})", format_length(axis.place(*views.front())),
                               format_length(axis.place(*views.back())), distinct_lengths(time)))};
    add_fit(time, row);
    row.push_back(exponent_entry(work));
    row.push_back(space.empty() ? Missing{"no workspace"} : exponent_entry(space));
    if (has_law) row.push_back(best_law(time));
    table.rows.push_back(std::move(row));
  }
  return table;
}

/// Lengths and windows together, which alone can tell n*w from n.
Table window_law_table(const Study& study) {
  Table table{
      .id = "law_with_window",
      .title = "Law of time over length and window",
      .note =
          "The one of 1, n, n log n, n*w, n^2 with the smallest AICc, with or without a constant overhead, over "
          "all lengths and windows that were timed; w is the keys that a row in the middle sees, n at most.",
      .columns = {text_column("kernel"), text_column("problem"), integer_column("cells"), text_column("law of time"),
                  number_column("R²", {NumberFormat::Style::fixed, 4})},
      .rows = {},
      .collapsed = false};
  const auto key = [&](const View& view) {
    const std::string group = view.timing() == nullptr || view.samples().empty() ? "" : window_group(study, view);
    return group.empty() ? group : drop_tokens(group, {"sq", "skv"}) + "\n" + view.record->key.kernel;
  };
  for (const auto& [name, views] : group_views(study, key)) {
    std::vector<GrowthPoint> points;
    std::set<double> widths;
    for (const View* view : views) {
      const double width = std::min(window_place(*view), view->length);
      widths.insert(width);
      points.push_back({.length = view->length, .samples = view->samples(), .width = width});
    }
    if (widths.size() < 2) continue;
    const std::vector<GrowthModel> models = fit_growth_models(points);
    if (models.empty()) continue;
    table.rows.push_back({code_entry(views.front()->record->key.kernel), code_entry(name.substr(0, name.find('\n'))),
                          number_entry(static_cast<double>(points.size())),
                          text_entry(std::string(to_string(models.front().law))),
                          number_entry(models.front().r_squared)});
  }
  return table;
}

}  // namespace

Section growth_section(const Study& study) {
  Section section{.id = "growth", .title = "Growth", .blocks = {}};
  for (const GrowthAxis& axis : growth_axes) {
    Table table = exponents_table(study, axis);
    if (!table.rows.empty()) section.blocks.emplace_back(std::move(table));
  }
  Table law = window_law_table(study);
  if (!law.rows.empty()) section.blocks.emplace_back(std::move(law));
  if (section.blocks.empty()) {
    section.blocks.emplace_back(
        Paragraph{"No kernel was timed at three or more lengths of one problem, so nothing was fitted."});
  }
  return section;
}

}  // namespace attest::reports
