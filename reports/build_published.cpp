// Figures that others have published, set beside those of the store (published.json).
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/core/registry.hpp"
#include "reports/build_parts.hpp"
#include "reports/format.hpp"
#include "reports/published.hpp"

namespace attest::reports {
namespace {

using Json = nlohmann::ordered_json;

const NumberFormat error_format{NumberFormat::Style::scientific, 2};
const NumberFormat ratio_format{NumberFormat::Style::significant, 3};
// Ratios within this of 1 say that neither is ahead.
constexpr double level = 0.1;

/// The published kernels' passed cells of that type and those inputs.
std::vector<const View*> cells_of(const Study& study, const Json& table, const Json& row, const char* kernels) {
  std::vector<const View*> found;
  const std::string glob = row.at(kernels);
  for (const View& view : study.views) {
    const CellRecord& record = *view.record;
    if (glob.empty() || !matches_glob(glob, record.key.kernel) || record.key.inputs != table.at("inputs")) continue;
    if (name_of(view.problem.dtype) != row.at("type").get<std::string>() || !view.passed()) continue;
    if (!record.accuracy.outputs.empty() && record.accuracy.outputs.front().rmse > 0.0) found.push_back(&view);
  }
  return found;
}

double rmse_of(const View& view) {
  return view.record->accuracy.outputs.front().rmse;
}

double geometric_mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values)
    sum += std::log(value);
  return std::exp(sum / static_cast<double>(values.size()));
}

/// A pair of kernels with the mean over their common problems of one's error over the other's.
struct Ratio {
  std::string kernel, over;
  std::size_t problems = 0;
  double mean = 0.0;
};

std::string who(const View& view) {
  return view.record->key.kernel + " on " + view.record->key.backend;
}

std::vector<Ratio> ratios_of(const std::vector<const View*>& cells, const std::vector<const View*>& others) {
  std::map<std::pair<std::string, std::string>, std::vector<double>> ratios;
  for (const View* cell : cells) {
    for (const View* other : others) {
      if (cell->record->key.problem == other->record->key.problem &&
          cell->record->key.backend == other->record->key.backend)
        ratios[{who(*cell), who(*other)}].push_back(rmse_of(*cell) / rmse_of(*other));
    }
  }
  std::vector<Ratio> result;
  for (const auto& [names, values] : ratios)
    result.push_back({names.first, names.second, values.size(), geometric_mean(values)});
  return result;
}

Status agreement(double published, double ours) {
  const auto side = [](double ratio) { return ratio > 1.0 + level ? 1 : (ratio < 1.0 - level ? -1 : 0); };
  if (side(published) == 0 && side(ours) == 0) return {"both level", Tone::good};
  if (side(published) == side(ours)) {
    const std::string share = format_number(ours / published, {NumberFormat::Style::significant, 2});
    return {fmt::format("same direction, {} times theirs", share), Tone::neutral};
  }
  return side(ours) == 0 ? Status{"level here", Tone::neutral} : Status{"other direction", Tone::warning};
}

Table rows_table(const Study& study, const Json& published) {
  Table table{.id = published.at("id").get<std::string>() + "_figures",
              .title = published.at("title").get<std::string>() + ": RMSE",
              .note = "Ours: the least and the largest of all passed cells of the kernel, type and inputs.",
              .columns = {text_column("method"), text_column("type"), number_column("published", error_format),
                          text_column("kernel here"), integer_column("cells"), number_column("least", error_format),
                          number_column("largest", error_format)},
              .rows = {},
              .collapsed = false};
  for (const Json& row : published.at("rows")) {
    std::map<std::string, std::vector<double>> errors;
    for (const View* view : cells_of(study, published, row, "kernels"))
      errors[who(*view)].push_back(rmse_of(*view));
    const std::vector<Entry> theirs = {text_entry(row.at("method")), text_entry(row.at("type")),
                                       number_entry(row.at("published"))};
    for (const auto& [kernel, values] : errors) {
      std::vector<Entry> line = theirs;
      line.insert(line.end(), {code_entry(kernel), number_entry(static_cast<double>(values.size())),
                               number_entry(*std::min_element(values.begin(), values.end())),
                               number_entry(*std::max_element(values.begin(), values.end()))});
      table.rows.push_back(std::move(line));
    }
    if (!errors.empty()) continue;
    std::vector<Entry> line = theirs;
    line.insert(line.end(), {Missing{"none"}, Missing{"none"}, Missing{"none"}, Missing{"none"}});
    table.rows.push_back(std::move(line));
  }
  return table;
}

Table ratios_table(const Study& study, const Json& published) {
  Table table{.id = published.at("id").get<std::string>() + "_ratios",
              .title = published.at("title").get<std::string>() + ": one RMSE over another",
              .note = fmt::format("Ours: the geometric mean over the problems that both kernels ran on one backend. "
                                  "Ratios within {:.0f} % of 1 are level.",
                                  100.0 * level),
              .columns = {text_column("methods"), text_column("type"), number_column("published", ratio_format),
                          text_column("kernel here"), text_column("over"), integer_column("problems"),
                          number_column("ours", ratio_format), text_column("agreement")},
              .rows = {},
              .collapsed = false};
  for (const Json& row : published.at("ratios")) {
    for (const Ratio& ratio :
         ratios_of(cells_of(study, published, row, "kernels"), cells_of(study, published, row, "over"))) {
      const Json& published_ratio = row.at("published");
      const bool is_published = published_ratio.is_number();
      table.rows.push_back({text_entry(row.at("method")), text_entry(row.at("type")),
                            is_published ? number_entry(published_ratio) : Missing{"not published"},
                            code_entry(ratio.kernel), code_entry(ratio.over),
                            number_entry(static_cast<double>(ratio.problems)), number_entry(ratio.mean),
                            is_published ? Entry(agreement(published_ratio, ratio.mean)) : Missing{"not published"}});
    }
  }
  return table;
}

}  // namespace

Section published_section(const Study& study) {
  Section section{.id = "published_section", .title = "Published figures", .blocks = {}};
  const Json whole = Json::parse(embedded_published_figures);
  for (const Json& published : whole.at("tables")) {
    Table ratios = ratios_table(study, published);
    if (ratios.rows.empty()) continue;  // the store has not what it takes to compare
    section.blocks.emplace_back(Paragraph{
        fmt::format("Source: {}. Inputs here: {}. What differs: {}", published.at("source").get<std::string>(),
                    published.at("inputs").get<std::string>(), published.at("differs").get<std::string>())});
    if (!published.at("rows").empty()) section.blocks.emplace_back(rows_table(study, published));
    section.blocks.emplace_back(std::move(ratios));
  }
  for (const Json& comparison : whole.at("comparisons")) {
    for (Block& block : published_comparison(study, comparison))
      section.blocks.push_back(std::move(block));
  }
  return section;
}

}  // namespace attest::reports
