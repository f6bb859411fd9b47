// Rates as the FlashAttention papers print them: bars over the length, panels of causal and not, by head dim.
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>
#include <tuple>

#include "reports/build_parts.hpp"
#include "reports/format.hpp"
#include "reports/reproduce.hpp"

namespace attest::reports {
namespace {

constexpr std::size_t most_panels = 6;

/// What the panels of one figure have in common: all but lengths, causality, the head dim and, at one width hq*d, the
/// heads. `batch` says what is held over the lengths.
std::string figure_key(const Study& study, const View& view, const std::string& batch) {
  const Problem& problem = view.problem;
  if (!view.function_class.empty() || problem.seq_q != problem.seq_kv) return "";
  std::string text = drop_tokens(view.record->key.problem, {"b", "hq", "hkv", "sq", "skv", "d", "dv", "causal"});
  if (problem.heads_q != problem.heads_kv)
    text += fmt::format(", {} query heads a key head", problem.heads_q / problem.heads_kv);
  return fmt::format("{}, hq*d = {}, {}{}", text, problem.heads_q * problem.head_dim, batch, conditions(study, view));
}

std::string fixed_batch(const Study& study, const View& view) {
  return figure_key(study, view, fmt::format("b = {}", view.problem.batch));
}

/// As in the papers: the batch shrinks as the length grows.
std::string fixed_tokens(const Study& study, const View& view) {
  const std::string tokens = format_length(static_cast<double>(view.problem.batch * view.problem.seq_q));
  return figure_key(study, view, "b*n = " + tokens);
}

struct Candidate {
  std::string name;
  std::vector<const View*> views;
  std::size_t timed = 0;
  bool by_tokens = false;
};

std::string without_type(const Candidate& candidate) {
  std::string name = candidate.name;
  const std::string type(name_of(candidate.views.front()->problem.dtype));
  return name.erase(name.find(type), type.size());
}

/// The group with the most timed cells at two lengths or more, of equals the one with as many tokens at every length;
/// and after it the same in other types.
std::vector<Candidate> widest_groups(const Study& study) {
  std::vector<Candidate> all;
  for (const bool by_tokens : {true, false}) {
    const auto key = [&](const View& view) { return by_tokens ? fixed_tokens(study, view) : fixed_batch(study, view); };
    for (const auto& [name, views] : group_views(study, key)) {
      std::set<double> lengths;
      std::size_t timed = 0;
      for (const View* view : views) {
        if (view->timing() == nullptr) continue;
        lengths.insert(view->length);
        ++timed;
      }
      if (lengths.size() >= 2) all.push_back({.name = name, .views = views, .timed = timed, .by_tokens = by_tokens});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Candidate& left, const Candidate& right) { return left.timed > right.timed; });
  std::vector<Candidate> chosen;
  for (Candidate& candidate : all) {
    if (chosen.empty() ||
        (candidate.by_tokens == chosen.front().by_tokens && without_type(candidate) == without_type(chosen.front())))
      chosen.push_back(std::move(candidate));
  }
  return chosen;
}

Figure rate_figure(const Candidate& group, const std::string& device) {
  std::set<double> lengths;
  using PanelKey = std::tuple<std::int64_t, bool>;
  std::map<PanelKey, std::map<std::string, std::map<double, Point>>> panels;
  double greatest = 0;
  for (const View* view : group.views) {
    Point point;
    measure_rate(*view, point);
    if (!point.y && (point.status.empty() || point.status == "passed" || point.status == "not timed")) continue;
    lengths.insert(view->length);
    greatest = std::max(greatest, point.y.value_or(0));
    panels[{view->problem.head_dim, view->problem.causal}][view->record->key.kernel][view->length] = point;
  }
  const bool tera = greatest >= 1000;
  Figure figure{
      .id = "rate_bars",
      .title = "Rate by length on " + device,
      .caption = fmt::format("{}. Exact FLOPs over the median time, the value above each bar; lines on the "
                             "bars are 95% intervals of the median. A word at the foot is a cell that gave "
                             "no time.",
                             group.name),
      .x = {.label = "sequence length", .unit = "", .scale = Scale::linear, .quantity = Quantity::plain, .ticks = {}},
      .y = {.label = "rate",
            .unit = tera ? "TFLOP/s" : "GFLOP/s",
            .scale = Scale::linear,
            .quantity = Quantity::plain,
            .ticks = {}},
      .panels = {},
      .filter = filter_of(group.views)};
  for (const double length : lengths)
    figure.x.categories.push_back(format_length(length));
  for (auto& [key, kernels] : panels) {
    if (figure.panels.size() == most_panels) break;
    const auto& [head_dim, causal] = key;
    Panel panel{.title = fmt::format("head dim {}, {}", head_dim, causal ? "causal" : "not causal"), .series = {}};
    for (auto& [kernel, points] : kernels) {
      Series series{.name = kernel, .kernel = kernel, .points = {}, .draw = Draw::bars};
      for (auto& [length, point] : points) {
        point.x = static_cast<double>(std::distance(lengths.begin(), lengths.find(length)));
        if (tera && point.y) *point.y /= 1000;
        if (tera && point.interval) point.interval = Interval{point.interval->low / 1000, point.interval->high / 1000};
        series.points.push_back(point);
      }
      panel.series.push_back(std::move(series));
    }
    figure.panels.push_back(std::move(panel));
  }
  return figure;
}

}  // namespace

Section rate_section(const Study& study, const std::string& device) {
  Section section{.id = "rates", .title = "Rates", .blocks = {}};
  const std::vector<Candidate> groups = widest_groups(study);
  if (groups.empty()) return section;
  section.blocks.emplace_back(Paragraph{
      "How fast each kernel computes, in the panels of the FlashAttention papers. Their figures count 4 T^2 d H FLOPs, "
      "halved when causal; here FLOPs are exact, so that a causal rate is higher by the factor (T + 1) / T."});
  for (const Candidate& group : groups) {
    Figure figure = rate_figure(group, device);
    if (&group != &groups.front()) figure.id += "_" + std::string(name_of(group.views.front()->problem.dtype));
    section.blocks.emplace_back(std::move(figure));
  }
  return section;
}

}  // namespace attest::reports
