// Figures over length, window and heads.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <set>
#include <tuple>

#include "reports/build_parts.hpp"
#include "reports/format.hpp"
#include "reports/reproduce.hpp"

namespace attest::reports {
namespace {

const Axis seconds_axis{
    .label = "time (median)", .unit = "s", .scale = Scale::log10, .quantity = Quantity::seconds, .ticks = {}};

void measure_seconds(const View& view, Point& point) {
  if (const TimingSummary* timing = view.timing()) {
    point.y = timing->seconds_median;
    if (timing->has_interval() && timing->seconds_ci_high > 0)
      point.interval = Interval{timing->seconds_ci_low, timing->seconds_ci_high};
  } else {
    mark_status(view, point);
  }
}

void measure_peak_share(const View& view, Point& point) {
  point.status = "";
  if (view.timing() == nullptr || !(view.record->percent_of_peak() > 0)) return;
  point.status = "passed";
  point.y = view.record->percent_of_peak();
}

void measure_workspace(const View& view, Point& point) {
  point.status = "";
  if (!view.passed() || view.record->workspace_bytes_measured <= 0) return;
  point.status = "passed";
  point.y = static_cast<double>(view.record->workspace_bytes_measured);
}

/// Adds the figure to the section when the store has data for it.
void add(const Study& study, const FigurePlan& plan, Section& section) {
  PlannedFigure planned = plan_figure(study, plan);
  if (planned.any) section.blocks.emplace_back(std::move(planned.figure));
}

/// The peak of the allocator as marks, and the kernel's formula as a line through them.
void add_predicted(Figure& figure, const Study& study) {
  for (Panel& panel : figure.panels) {
    std::map<std::string, std::map<double, double>> predicted;
    for (const View& view : study.views) {
      if (view.family != panel.title || !view.passed() || view.record->workspace_bytes_predicted <= 0) continue;
      predicted[view.record->key.kernel][view.length] = static_cast<double>(view.record->workspace_bytes_predicted);
    }
    std::vector<Series> lines;
    for (Series& series : panel.series) {
      Series line{.name = series.name + ", predicted", .kernel = series.kernel, .points = {}, .draw = Draw::line};
      line.in_legend = false;
      for (const auto& [length, bytes] : predicted[series.kernel])
        line.points.push_back({.x = length, .y = bytes, .interval = {}, .status = "passed"});
      lines.push_back(std::move(line));
    }
    for (Series& series : panel.series) {
      series.draw = Draw::marks;
      lines.push_back(std::move(series));
    }
    panel.series = std::move(lines);
  }
}

}  // namespace

const Axis length_axis{
    .label = "sequence length", .unit = "tokens", .scale = Scale::log2, .quantity = Quantity::length, .ticks = {}};

std::string length_group(const Study&, const View& view) {
  return view.family;
}

double length_place(const View& view) {
  return view.length;
}

std::string window_group(const Study& study, const View& view) {
  const Window& window = view.problem.window;
  if (window.left < 0) return "";
  const std::string form = window.right < 0              ? ", window=w,-1"
                           : window.right == window.left ? ", window=w,w"
                                                         : fmt::format(", window=w,{}", window.right);
  return drop_tokens(view.record->key.problem, {"window"}) + form + conditions(study, view);
}
double window_place(const View& view) {
  const Window& window = view.problem.window;
  return static_cast<double>(window.right == window.left ? window.left + window.right + 1 : window.left + 1);
}

std::string heads_group(const Study& study, const View& view) {
  return drop_tokens(view.record->key.problem, {"hq"}) + conditions(study, view);
}
double heads_place(const View& view) {
  return static_cast<double>(view.problem.heads_q);
}

void mark_status(const View& view, Point& point) {
  const Outcome outcome = view.record->verdict.outcome;
  point.status = outcome == Outcome::passed        ? "not timed"
                 : outcome == Outcome::unsupported ? ""
                                                   : std::string(name_of(outcome));
}

void measure_rate(const View& view, Point& point) {
  const TimingSummary* timing = view.timing();
  const double flops = view.record->flops;
  if (timing == nullptr) return mark_status(view, point);
  if (!(flops > 0) || !(timing->seconds_median > 0)) return;
  point.y = flops / timing->seconds_median / 1e9;
  if (timing->has_interval() && timing->seconds_ci_low > 0) {
    point.interval = Interval{flops / timing->seconds_ci_high / 1e9, flops / timing->seconds_ci_low / 1e9};
  }
}

std::string legend_name(const View& view) {
  return view.record->key.kernel + (view.function_class.empty() ? "" : " (own function)");
}

PlannedFigure plan_figure(const Study& study, const FigurePlan& plan) {
  struct Candidate {
    Panel panel;
    std::vector<const View*> views;
    std::size_t figures = 0;  // that the panel would show
    std::int64_t longest = 0;
  };
  std::vector<Candidate> candidates;
  for (const auto& [name, views] : group_views(study, [&](const View& view) { return plan.group(study, view); })) {
    std::map<std::string, std::map<double, Point>> by_kernel;
    std::map<std::string, std::string> names;
    std::set<double> places;
    Candidate candidate{.panel = {.title = name, .series = {}}, .views = {}};
    for (const View* view : views) {
      Point point;
      point.x = plan.place(*view);
      plan.measure(*view, point);
      if (!point.y && (point.status.empty() || point.status == "passed" || point.status == "not timed")) continue;
      if (point.y && !std::isfinite(*point.y)) continue;
      candidate.views.push_back(view);
      if (point.y) places.insert(point.x);
      candidate.figures += point.y ? 1 : 0;
      candidate.longest = std::max(candidate.longest, view->problem.seq_kv);
      by_kernel[view->record->key.kernel].insert_or_assign(point.x, point);
      names[view->record->key.kernel] = legend_name(*view);
    }
    if (places.size() < 2) continue;
    for (auto& [kernel, points] : by_kernel) {
      Series series{.name = names[kernel], .kernel = kernel, .points = {}};
      for (auto& [x, point] : points)
        series.points.push_back(point);
      candidate.panel.series.push_back(std::move(series));
    }
    candidates.push_back(std::move(candidate));
  }
  PlannedFigure planned;
  planned.figure = {
      .id = plan.id, .title = plan.title, .caption = plan.caption, .x = plan.x, .y = plan.y, .panels = {}};
  planned.any = !candidates.empty();
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& left, const Candidate& right) {
    return std::tie(left.figures, left.longest) > std::tie(right.figures, right.longest);
  });
  if (candidates.size() > plan.most_panels) {
    planned.figure.caption += fmt::format(" The {} problems with the most cells are shown; {} more are in the tables.",
                                          plan.most_panels, candidates.size() - plan.most_panels);
    candidates.resize(plan.most_panels);
  }
  for (Candidate& candidate : candidates) {
    planned.shown.insert(planned.shown.end(), candidate.views.begin(), candidate.views.end());
    planned.figure.panels.push_back(std::move(candidate.panel));
  }
  planned.figure.filter = filter_of(planned.shown);
  return planned;
}

Section scaling_section(const Study& study) {
  Section section{.id = "scaling", .title = "Scaling", .blocks = {}};
  const std::string intervals =
      "Bars are 95% intervals of the median where they are wider than the mark. A word at the top is a cell that gave "
      "no time.";
  add(study,
      {.id = "time_over_length",
       .title = "Time over length",
       .caption = "Both axes logarithmic. " + intervals,
       .x = length_axis,
       .y = seconds_axis,
       .group = length_group,
       .place = length_place,
       .measure = measure_seconds,
       .most_panels = 6},
      section);
  add(study,
      {.id = "rate_over_length",
       .title = "Rate over length",
       .caption =
           "Exact FLOPs of each algorithm over its median time. A kernel that does less work for the same result "
           "shows a lower rate at the same time: compare times across algorithms, rates within one.",
       .x = length_axis,
       .y = {.label = "rate", .unit = "GFLOP/s", .scale = Scale::log10, .quantity = Quantity::plain, .ticks = {}},
       .group = length_group,
       .place = length_place,
       .measure = measure_rate},
      section);
  add(study,
      {.id = "peak_over_length",
       .title = "Share of the measured peak over length",
       .caption = "Exact FLOPs over the multiply-add peak of the type measured beside the rounds with as many threads "
                  "(their median, or "
                  "the session's best where that dipped by over a tenth).",
       .x = length_axis,
       .y = {.label = "share of peak", .unit = "%", .scale = Scale::linear, .quantity = Quantity::plain, .ticks = {}},
       .group = length_group,
       .place = length_place,
       .measure = measure_peak_share},
      section);
  PlannedFigure workspace = plan_figure(
      study,
      {.id = "workspace_over_length",
       .title = "Workspace over length, measured and predicted",
       .caption = "Marks are the peak of the allocator that the kernel is given, lines the kernel's declared formula; "
                  "inputs and outputs do not count. Kernels that need no workspace have no marks.",
       .x = length_axis,
       .y = {.label = "workspace", .unit = "B", .scale = Scale::log2, .quantity = Quantity::bytes, .ticks = {}},
       .group = length_group,
       .place = length_place,
       .measure = measure_workspace});
  if (workspace.any) {
    add_predicted(workspace.figure, study);
    section.blocks.emplace_back(std::move(workspace.figure));
  }
  add(study,
      {.id = "time_over_window",
       .title = "Time over window at a fixed length",
       .caption = "The window is the number of keys that a row in the middle sees. " + intervals,
       .x = {.label = "window", .unit = "keys", .scale = Scale::log2, .quantity = Quantity::length, .ticks = {}},
       .y = seconds_axis,
       .group = window_group,
       .place = window_place,
       .measure = measure_seconds,
       .most_panels = 3},
      section);
  add(study,
      {.id = "time_over_heads",
       .title = "Time over query heads at a fixed length",
       .caption = intervals,
       .x = {.label = "query heads", .unit = "", .scale = Scale::log2, .quantity = Quantity::plain, .ticks = {}},
       .y = seconds_axis,
       .group = heads_group,
       .place = heads_place,
       .measure = measure_seconds,
       .most_panels = 3},
      section);
  if (section.blocks.empty()) {
    section.blocks.emplace_back(Paragraph{
        "No problem was timed at two or more lengths, windows or numbers of heads, so there is no curve to draw."});
  }
  return section;
}

}  // namespace attest::reports
