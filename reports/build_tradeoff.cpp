// What accuracy a kernel gives for its time.
#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "reports/build_parts.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

constexpr std::size_t most_panels = 6;

bool is_placed(const View& view) {
  const auto& outputs = view.record->accuracy.outputs;
  return view.timing() != nullptr && !outputs.empty() && outputs.front().elements > 0;
}

/// The longest problem of each family, of those with the most kernels on them.
std::vector<Group> chosen_problems(const Study& study) {
  const auto key = [&](const View& view) {
    return is_placed(view) ? view.record->key.problem + conditions(study, view) : std::string();
  };
  std::map<std::string, Group> by_family;
  for (Group& group : group_views(study, key)) {
    if (group.second.size() < 2) continue;
    Group& best = by_family[group.second.front()->family];
    // Groups come in the order of their lengths.
    if (group.second.size() >= best.second.size()) best = std::move(group);
  }
  std::vector<Group> groups;
  for (auto& [family, group] : by_family)
    groups.push_back(std::move(group));
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& left, const Group& right) { return left.second.size() > right.second.size(); });
  return groups;
}

Table tradeoff_table(const std::vector<Group>& groups) {
  const NumberFormat error{NumberFormat::Style::scientific, 2};
  Table table{.id = "accuracy_and_time",
              .title = "Error beside time",
              .note =
                  "At each problem family's longest length with the most kernels. The error of a kernel with its own "
                  "function is against that function in double precision. error / bound is the worst of all outputs.",
              .columns = {text_column("problem"), text_column("kernel"), seconds_column("time"), seconds_column("low"),
                          seconds_column("high"), number_column("RMSE", error), number_column("max abs", error),
                          number_column("error / bound", {NumberFormat::Style::significant, 3})},
              .rows = {},
              .collapsed = true};
  for (const auto& [name, views] : groups) {
    for (const View* view : views) {
      const TimingSummary& timing = *view->timing();
      const AccuracyFigures& figures = view->record->accuracy.outputs.front();
      const bool interval = timing.has_interval();
      table.rows.push_back({code_entry(name), code_entry(legend_name(*view)), number_entry(timing.seconds_median),
                            interval ? number_entry(timing.seconds_ci_low) : Missing{"under 6 samples"},
                            interval ? number_entry(timing.seconds_ci_high) : Missing{}, number_entry(figures.rmse),
                            number_entry(figures.max_abs_error), number_entry(view->error_over_bound())});
    }
  }
  return table;
}

}  // namespace

Section tradeoff_section(const Study& study) {
  Section section{.id = "tradeoff", .title = "Accuracy against speed", .blocks = {}};
  std::vector<Group> groups = chosen_problems(study);
  if (groups.empty()) {
    section.blocks.emplace_back(
        Paragraph{"Not measured: no two kernels were timed and compared with the reference on one problem."});
    return section;
  }
  Figure figure{
      .id = "error_over_time",
      .title = "Error against time, problem by problem",
      .caption = "Further left is faster, further down more accurate. Each mark is one kernel on the problem above it.",
      .x = {.label = "time (median)", .unit = "s", .scale = Scale::log10, .quantity = Quantity::seconds, .ticks = {}},
      .y = {.label = "RMSE", .unit = "", .scale = Scale::log10, .quantity = Quantity::plain, .ticks = {}},
      .panels = {}};
  for (const auto& [name, views] : groups) {
    Panel panel{.title = name, .series = {}};
    for (const View* view : views) {
      const double rmse = view->record->accuracy.outputs.front().rmse;
      if (!(rmse > 0)) continue;  // has no place on a logarithmic axis
      panel.series.push_back(
          {.name = legend_name(*view),
           .kernel = view->record->key.kernel,
           .points = {{.x = view->timing()->seconds_median, .y = rmse, .interval = {}, .status = "passed"}},
           .draw = Draw::marks});
    }
    if (panel.series.size() >= 2 && figure.panels.size() < most_panels) figure.panels.push_back(std::move(panel));
  }
  section.blocks.emplace_back(
      Paragraph{"What a kernel's speed costs in numerical error, on problems that several kernels computed."});
  const bool approximates = std::any_of(study.views.begin(), study.views.end(),
                                        [](const View& view) { return view.passed() && !view.function_class.empty(); });
  if (approximates) {
    section.blocks.emplace_back(Paragraph{
        "A kernel with its own function is held against its own definition here: how far that is from softmax "
        "attention, its approximation error, is another figure, with tables of its own where it was measured."});
  }
  if (!figure.panels.empty()) section.blocks.emplace_back(std::move(figure));
  section.blocks.emplace_back(tradeoff_table(groups));
  return section;
}

}  // namespace attest::reports
