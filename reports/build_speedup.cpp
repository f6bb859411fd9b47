// How many times as fast as a named base every kernel is, with the base's own time beside it.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <set>

#include "harness/core/error.hpp"
#include "reports/build_parts.hpp"
#include "reports/contest.hpp"
#include "reports/format.hpp"
#include "reports/ratio.hpp"
#include "reports/reproduce.hpp"

namespace attest::reports {
namespace {

struct Speedup {
  const View* base = nullptr;
  const View* view = nullptr;
  TimeRatio ratio;  // of the kernel's time over the base's
  Difference difference = Difference::unclear;
};

/// As the contests by length have it, so that one comparison has one answer: faster and slower must also be clear.
Difference verdict(const Speedup& speedup, double adjusted_probability) {
  const Difference difference = judge(speedup.ratio.comparison, adjusted_probability);
  const bool clear = difference == Difference::faster   ? is_clear(*speedup.view, *speedup.base)
                     : difference == Difference::slower ? is_clear(*speedup.base, *speedup.view)
                                                        : true;
  return clear ? difference : Difference::unclear;
}

/// The kernel of `standard` with the most timed cells; empty where none was timed.
std::string usual_base(const Study& study) {
  std::map<std::string, long> timed;
  for (const View& view : study.views)
    if (view.variant == "standard" && view.timing() != nullptr) ++timed[view.record->key.kernel];
  const auto most = std::max_element(timed.begin(), timed.end(),
                                     [](const auto& left, const auto& right) { return left.second < right.second; });
  return most == timed.end() ? "" : most->first;
}

/// Every timed kernel of the base's function beside the base on the same problem, inputs, backend and threads.
std::vector<Speedup> all_speedups(const Study& study, const std::string& base) {
  std::vector<Speedup> all;
  const auto of_base = std::find_if(study.views.begin(), study.views.end(),
                                    [&](const View& view) { return view.record->key.kernel == base; });
  const std::string function = of_base == study.views.end() ? "" : of_base->function_class;
  const auto key = [&](const View& view) {
    if (view.timing() == nullptr || view.function_class != function) return std::string();
    return view.record->key.backend + "\n" + view.record->key.shape_text();
  };
  for (const auto& [shape, views] : group_views(study, key)) {
    const auto found =
        std::find_if(views.begin(), views.end(), [&](const View* view) { return view->record->key.kernel == base; });
    if (found == views.end()) continue;
    for (const View* view : views)
      if (view != *found) all.push_back({.base = *found, .view = view, .ratio = time_ratio(**found, *view)});
  }
  std::vector<double> probabilities;
  for (const Speedup& speedup : all)
    probabilities.push_back(speedup.ratio.comparison.probability);
  const std::vector<double> adjusted = holm(probabilities);
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i].difference = verdict(all[i], adjusted[i]);
  return all;
}

Table speedup_table(const std::vector<Speedup>& all, const std::string& base, bool many_threads) {
  const NumberFormat three{NumberFormat::Style::significant, 3};
  Table table{.id = "speedup",
              .title = "Speed-up over " + base,
              .note = fmt::format(
                  "The base's median time over the kernel's. {} Faster or slower: Mann-Whitney under 5% by Holm's "
                  "rule over all rows, and at least 2% between the medians; same: the whole interval within 2% of "
                  "1; else unclear, as with fewer than 9 samples.",
                  ratio_interval_rule),
              .columns = {text_column("kernel"), text_column("problem"), seconds_column("time"),
                          seconds_column("time of the base"), number_column("speed-up", three),
                          number_column("low", three), number_column("high", three), text_column("against the base")},
              .rows = {},
              .collapsed = false,
              .compared = Compared::kernels};
  std::set<std::string> conditions_seen;
  for (const Speedup& speedup : all)
    conditions_seen.insert(speedup.view->record->key.inputs);
  for (const Speedup& speedup : all) {
    const CellKey& cell = speedup.view->record->key;
    const Comparison& comparison = speedup.ratio.comparison;
    std::vector<Entry> row = {code_entry(cell.kernel),
                              code_entry(cell.problem + (conditions_seen.size() > 1 ? ", inputs " + cell.inputs : "") +
                                         (many_threads ? ", " + threads_text(cell.threads) : "")),
                              number_entry(comparison.second_median), number_entry(comparison.first_median),
                              number_entry(1 / comparison.ratio)};
    std::optional<attest::Interval> interval;
    if (speedup.ratio.has_interval)
      interval = attest::Interval{1 / comparison.ratio_interval.high, 1 / comparison.ratio_interval.low};
    add_interval(interval, "too few samples", row);
    const Tone tone = speedup.difference == Difference::faster   ? Tone::good
                      : speedup.difference == Difference::slower ? Tone::bad
                                                                 : Tone::neutral;
    row.push_back(Status{std::string(to_string(speedup.difference)), tone});
    table.rows.push_back(std::move(row));
  }
  return table;
}

PlannedFigure speedup_figure(const Study& study, const std::vector<Speedup>& all, const std::string& base) {
  std::map<const View*, const Speedup*> by_view;
  for (const Speedup& speedup : all)
    by_view[speedup.view] = &speedup;
  PlannedFigure planned = plan_figure(
      study,
      {.id = "speedup_over_length",
       .title = "Speed-up over " + base,
       .caption =
           "The base's median time over the kernel's on the same problem; above 1 the kernel is faster. Bars are the "
           "intervals of the table, which has the base's absolute times.",
       .x = length_axis,
       .y = {.label = "speed-up", .unit = "x", .scale = Scale::log10, .quantity = Quantity::plain, .ticks = {}},
       .group = length_group,
       .place = length_place,
       .measure = [&by_view](const View& view, Point& point) {
         point.status = "";
         const auto found = by_view.find(&view);
         if (found == by_view.end()) return;
         const Comparison& comparison = found->second->ratio.comparison;
         point.status = "passed";
         point.y = 1 / comparison.ratio;
         if (found->second->ratio.has_interval)
           point.interval = Interval{1 / comparison.ratio_interval.high, 1 / comparison.ratio_interval.low};
       }});
  std::vector<const View*> with_bases = planned.shown;
  for (const View* view : planned.shown)
    if (const auto found = by_view.find(view); found != by_view.end()) with_bases.push_back(found->second->base);
  planned.figure.filter = filter_of(with_bases);
  for (Panel& panel : planned.figure.panels) {
    double low = INFINITY;
    double high = 0;
    for (const Series& series : panel.series) {
      for (const Point& point : series.points) {
        low = std::min(low, point.x);
        high = std::max(high, point.x);
      }
    }
    Series line{.name = base + " (the base)", .kernel = "", .points = {}, .draw = Draw::line, .reference = 1};
    for (const double x : {low, high})
      line.points.push_back({.x = x, .y = 1, .interval = {}, .status = "passed"});
    panel.series.push_back(std::move(line));
  }
  return planned;
}

}  // namespace

Section speedup_section(const Study& study, const std::string& base) {
  Section section{.id = "speedup_section", .title = "Speed-up", .blocks = {}};
  if (!base.empty() && std::find(study.kernels.begin(), study.kernels.end(), base) == study.kernels.end()) {
    std::string known;
    for (const std::string& kernel : study.kernels)
      known += (known.empty() ? "" : ", ") + kernel;
    complain("--base", "the store has no cell of '" + base + "'", "one of " + known);
  }
  const std::string chosen = base.empty() ? usual_base(study) : base;
  if (chosen.empty()) {
    section.blocks.emplace_back(
        Paragraph{"Not measured: no kernel of standard was timed, to be the base (--base names another)."});
    return section;
  }
  const std::vector<Speedup> all = all_speedups(study, chosen);
  if (all.empty()) {
    section.blocks.emplace_back(
        Paragraph{"Not measured: no kernel was timed on a problem of the base " + chosen + "."});
    return section;
  }
  section.blocks.emplace_back(Paragraph{
      fmt::format("What the other kernels gain over {}: {} comparisons on {} of its problems, never without the "
                  "absolute time.",
                  chosen, all.size(), [&] {
                    std::set<const View*> bases;
                    for (const Speedup& speedup : all)
                      bases.insert(speedup.base);
                    return bases.size();
                  }())});
  PlannedFigure figure = speedup_figure(study, all, chosen);
  if (figure.any) section.blocks.emplace_back(std::move(figure.figure));
  section.blocks.emplace_back(speedup_table(all, chosen, study.many_threads));
  return section;
}

}  // namespace attest::reports
