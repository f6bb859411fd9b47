// Times, memory and growth that papers print, beside the cells of the store that stand for them ("comparisons" of
// published.json). A comparison is shown when the store has cells for each of its rows: that of the paper's preset
// does.
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "harness/core/registry.hpp"
#include "harness/measure/growth.hpp"
#include "reports/build_parts.hpp"
#include "reports/guide_claims.hpp"
#include "reports/ratio.hpp"

namespace attest::reports {
namespace {

using Json = nlohmann::ordered_json;

/// One figure of ours.
struct Ours {
  double value = 0;
  std::optional<attest::Interval> interval;
  std::string kernel, problem;
  double seconds = 0, seconds_of_other = 0;  // of a ratio of times; 0 elsewhere
};

std::vector<const View*> cells_of(const Study& study, const Json& row, const char* kernels, const char* problem) {
  const std::string glob = row.at(kernels);
  const std::regex pattern(row.at(problem).get<std::string>(), std::regex::ECMAScript);
  std::vector<const View*> found;
  for (const View& view : study.views) {
    const CellKey& key = view.record->key;
    if (view.record->verdict.outcome == Outcome::unsupported) continue;
    if (matches_glob(glob, key.kernel) && std::regex_search(key.problem, pattern)) found.push_back(&view);
  }
  return found;
}

std::vector<Ours> peak_percents(const std::vector<const View*>& views) {
  std::vector<Ours> all;
  for (const View* view : views) {
    const TimingSummary* timing = view->timing();
    const double percent = view->record->percent_of_peak();
    if (timing == nullptr || !(percent > 0)) continue;
    Ours ours{
        .value = percent, .interval = {}, .kernel = view->record->key.kernel, .problem = view->record->key.problem};
    if (timing->has_interval() && timing->seconds_ci_low > 0) {
      ours.interval = attest::Interval{percent * timing->seconds_median / timing->seconds_ci_high,
                                       percent * timing->seconds_median / timing->seconds_ci_low};
    }
    all.push_back(std::move(ours));
  }
  return all;
}

template <typename Figure>
std::vector<Ours> exact_figures(const std::vector<const View*>& views, Figure figure) {
  std::vector<Ours> all;
  for (const View* view : views) {
    if (!view->passed() || view->record->workspace_bytes_measured < 0) continue;
    all.push_back({figure(*view), {}, view->record->key.kernel, view->record->key.problem});
  }
  return all;
}

double mebibytes(const View& view) {
  return static_cast<double>(view.record->tensor_bytes + view.record->workspace_bytes_measured) / 1048576;
}

/// Times of the first over those of the second, on problems that differ in the dropped tokens alone.
std::vector<Ours> time_ratios(const std::vector<const View*>& views, const std::vector<const View*>& others,
                              const std::vector<std::string>& drop) {
  const auto conditions_of = [&](const View& view) {
    const CellKey& key = view.record->key;
    return drop_tokens(key.problem, drop) + "\n" + key.inputs + "\n" + key.backend + "\n" + std::to_string(key.threads);
  };
  std::vector<Ours> all;
  for (const View* view : views) {
    for (const View* other : others) {
      if (view->samples().empty() || other->samples().empty() || conditions_of(*view) != conditions_of(*other))
        continue;
      const TimeRatio ratio = time_ratio(*other, *view);
      Ours ours{.value = ratio.comparison.ratio,
                .interval = {},
                .kernel = view->record->key.kernel + " over " + other->record->key.kernel,
                .problem = other->record->key.problem,
                .seconds = ratio.comparison.second_median,
                .seconds_of_other = ratio.comparison.first_median};
      if (ratio.has_interval) ours.interval = ratio.comparison.ratio_interval;
      all.push_back(std::move(ours));
    }
  }
  return all;
}

std::vector<Ours> exponents(const std::vector<const View*>& views) {
  std::map<std::pair<std::string, std::string>, std::vector<GrowthPoint>> curves;
  for (const View* view : views) {
    if (view->samples().empty()) continue;
    curves[{view->record->key.kernel, view->family}].push_back(
        {.length = view->length, .samples = view->samples(), .width = 0});
  }
  std::vector<Ours> all;
  for (const auto& [name, points] : curves) {
    if (distinct_lengths(points) < 3) continue;
    const PowerFit fit = fit_power(points);
    all.push_back({fit.exponent, fit.exponent_interval, name.first, name.second});
  }
  return all;
}

std::vector<Ours> ours_of(const Study& study, const Json& comparison, const Json& row) {
  const std::string measure = comparison.at("measure");
  const std::vector<const View*> views = cells_of(study, row, "kernels", "problem");
  if (measure == "peak_percent") return peak_percents(views);
  if (measure == "memory") return exact_figures(views, mebibytes);
  if (measure == "exponent") return exponents(views);
  if (measure == "cache_per_token") {
    const double layers = row.at("scale");
    return exact_figures(views, [layers](const View& view) {
      return cache_bytes(view) * layers / static_cast<double>(view.problem.batch * view.problem.seq_kv) / 1024;
    });
  }
  return time_ratios(views, cells_of(study, row, "over", "over_problem"),
                     comparison.at("drop").get<std::vector<std::string>>());
}

}  // namespace

std::vector<Block> published_comparison(const Study& study, const Json& comparison) {
  const NumberFormat three{NumberFormat::Style::significant, 3};
  const NumberFormat printed{NumberFormat::Style::shortest, 0};
  Table table{
      .id = comparison.at("id"),
      .title = comparison.at("title"),
      .note = "",
      .columns = {text_column("what"), number_column("published", printed), number_column("to", printed),
                  number_column("ours", three), number_column("95% low", three), number_column("95% high", three),
                  text_column("unit"), text_column("kernel here"), text_column("problem")},
      .rows = {},
      .collapsed = false};
  const std::string measure = comparison.at("measure");
  const bool of_times = measure == "time_ratio";
  const std::string without = measure == "memory" || measure == "cache_per_token" ? "exact" : "too few samples";
  if (of_times) {
    table.compared = Compared::kernels;
    table.note = fmt::format("Our times are medians, the first over the second. {}", ratio_interval_rule);
    table.columns.insert(table.columns.begin() + 6, {seconds_column("our time"), seconds_column("over our time")});
  }
  bool any = false;
  for (const Json& row : comparison.at("rows")) {
    const std::vector<Ours> all = ours_of(study, comparison, row);
    const std::vector<const View*> candidates = cells_of(study, row, "kernels", "problem");
    if (candidates.empty() || (row.contains("over") && cells_of(study, row, "over", "over_problem").empty())) return {};
    if (all.empty()) {
      const CellRecord& record = *candidates.front()->record;
      const std::string word =
          record.verdict.has_passed() ? "not enough times" : std::string(name_of(record.verdict.outcome));
      std::vector<Entry> line = {text_entry(row.at("what")),
                                 number_entry(row.at("published")),
                                 Missing{""},
                                 Missing{word},
                                 Missing{""},
                                 Missing{""}};
      if (of_times) line.insert(line.end(), {Missing{""}, Missing{""}});
      line.insert(line.end(),
                  {text_entry(comparison.at("unit")), code_entry(record.key.kernel), code_entry(record.key.problem)});
      table.rows.push_back(std::move(line));
    } else {
      any = true;
    }
    for (const Ours& ours : all) {
      std::vector<Entry> line = {text_entry(row.at("what")), number_entry(row.at("published")),
                                 row.contains("published_to") ? number_entry(row.at("published_to")) : Missing{""},
                                 number_entry(ours.value)};
      add_interval(ours.interval, without, line);
      if (of_times) line.insert(line.end(), {number_entry(ours.seconds), number_entry(ours.seconds_of_other)});
      line.insert(line.end(), {text_entry(comparison.at("unit")), code_entry(ours.kernel), code_entry(ours.problem)});
      table.rows.push_back(std::move(line));
    }
  }
  if (!any) return {};
  return {Paragraph{fmt::format("Source: {}. What differs: {}", comparison.at("source").get<std::string>(),
                                comparison.at("differs").get<std::string>())},
          std::move(table)};
}

}  // namespace attest::reports
