// How far every result is from the truth.
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

#include "reports/build_parts.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

const NumberFormat error_format{NumberFormat::Style::scientific, 2};
const NumberFormat ratio_format{NumberFormat::Style::significant, 3};

/// The figures of the variant's main output; null where nothing was compared.
const AccuracyFigures* main_output(const View& view) {
  const auto& outputs = view.record->accuracy.outputs;
  return outputs.empty() || outputs.front().elements == 0 ? nullptr : &outputs.front();
}

enum class ErrorKind { rmse, largest, over_bound };

double figure_of(const View& view, ErrorKind kind) {
  const AccuracyFigures& figures = *main_output(view);
  return kind == ErrorKind::rmse      ? figures.rmse
         : kind == ErrorKind::largest ? figures.max_abs_error
                                      : view.error_over_bound();
}

/// For each type the inputs that most passed cells have: a line may not join kinds of inputs, whose errors differ by
/// orders.
std::map<std::string, std::string> usual_inputs(const Study& study) {
  std::map<std::string, std::map<std::string, long>> counts;
  for (const View& view : study.views)
    if (view.passed() && main_output(view) != nullptr)
      ++counts[std::string(name_of(view.problem.dtype))][view.record->key.inputs];
  std::map<std::string, std::string> usual;
  for (const auto& [type, by_inputs] : counts) {
    usual[type] = std::max_element(by_inputs.begin(), by_inputs.end(), [](const auto& left, const auto& right) {
                    return left.second < right.second;
                  })->first;
  }
  return usual;
}

/// Where error over bound is 1, along all of the panel.
Series limit_line(const Panel& panel) {
  std::set<double> places;
  for (const Series& series : panel.series) {
    for (const Point& point : series.points)
      places.insert(point.x);
  }
  Series line{.name = "the limit", .kernel = "", .points = {}, .draw = Draw::line, .reference = 1};
  for (const double x : {*places.begin(), *places.rbegin()})
    line.points.push_back({.x = x, .y = 1, .interval = {}, .status = "passed"});
  return line;
}

/// One panel a type, one line a kernel: the largest figure of all its passed cells at that length.
Figure error_figure(const Study& study, ErrorKind kind, const std::string& id, const std::string& title,
                    const std::string& label) {
  Figure figure{.id = id,
                .title = title,
                .caption =
                    "The largest over all passed cells of the kernel at that length with the inputs named, whatever "
                    "their heads and windows; other inputs are in the tables. An error of exactly 0 has no place on a "
                    "logarithmic axis.",
                .x = {.label = "sequence length",
                      .unit = "tokens",
                      .scale = Scale::log2,
                      .quantity = Quantity::length,
                      .ticks = {}},
                .y = {.label = label, .unit = "", .scale = Scale::log10, .quantity = Quantity::plain, .ticks = {}},
                .panels = {}};
  std::map<std::string, std::map<std::string, std::map<double, double>>> by_type;
  const std::map<std::string, std::string> usual = usual_inputs(study);
  for (const View& view : study.views) {
    const std::string type(name_of(view.problem.dtype));
    if (!view.passed() || main_output(view) == nullptr || view.record->key.inputs != usual.at(type)) continue;
    double& place = by_type[type][view.record->key.kernel][view.length];
    place = std::max(place, figure_of(view, kind));
  }
  for (const auto& [type, kernels] : by_type) {
    Panel panel{.title = type + ", inputs " + usual.at(type), .series = {}};
    for (const auto& [kernel, points] : kernels) {
      Series series{.name = kernel, .kernel = kernel, .points = {}};
      for (const auto& [length, value] : points) {
        if (value > 0) series.points.push_back({.x = length, .y = value, .interval = {}, .status = "passed"});
      }
      if (!series.points.empty()) panel.series.push_back(std::move(series));
    }
    if (kind == ErrorKind::over_bound && !panel.series.empty()) panel.series.push_back(limit_line(panel));
    if (!panel.series.empty()) figure.panels.push_back(std::move(panel));
  }
  return figure;
}

/// The worst of a kernel's cells of one type and one kind of inputs.
struct Worst {
  long cells = 0;
  double rows_checked = 0, rows_total = 0;
  AccuracyFigures figures;
  double plain_ratio = -1;
};

Worst worst_of(const std::vector<const View*>& views) {
  Worst worst;
  worst.figures.cosine = 1;
  for (const View* view : views) {
    const AccuracyFigures& one = *main_output(*view);
    AccuracyFigures& all = worst.figures;
    ++worst.cells;
    worst.rows_checked += static_cast<double>(view->record->accuracy.rows_checked);
    worst.rows_total += static_cast<double>(view->record->accuracy.rows_total);
    all.max_abs_error = std::max(all.max_abs_error, one.max_abs_error);
    all.rmse = std::max(all.rmse, one.rmse);
    all.max_rel_error = std::max(all.max_rel_error, one.max_rel_error);
    all.ulp_median = std::max(all.ulp_median, one.ulp_median);
    all.ulp_p99 = std::max(all.ulp_p99, one.ulp_p99);
    all.ulp_max = std::max(all.ulp_max, one.ulp_max);
    all.cosine = std::min(all.cosine, one.cosine);
    all.error_over_bound = std::max(all.error_over_bound, view->error_over_bound());
    if (one.plain_max_abs_error > 0) {
      worst.plain_ratio = std::max(worst.plain_ratio, one.max_abs_error / one.plain_max_abs_error);
    }
  }
  return worst;
}

Table accuracy_table(const Study& study) {
  Table table{
      .id = "accuracy",
      .title = "Accuracy by kernel, type and inputs",
      .note =
          "The worst of the kernel's passed cells, against a double-precision reference of its own definition. "
          "error / bound is rule F: the largest error of an element of any output (lse, a module's stages) over the "
          "bound "
          "derived for that element; above 1 the cell fails. The other figures are of the main output. The last column "
          "is the rule of flash-attention's tests, largest error over that "
          "of a plain kernel of the same type, where 2 is its limit. 1 - cosine is over all elements as one "
          "vector.",
      .columns = {text_column("kernel"), text_column("type"), text_column("inputs"), integer_column("cells"),
                  number_column("rows checked", {NumberFormat::Style::percent, 1}), number_column("RMSE", error_format),
                  number_column("max abs", error_format), number_column("max rel", error_format),
                  number_column("ULP median", ratio_format), number_column("ULP 99%", ratio_format),
                  number_column("ULP max", ratio_format), number_column("1 - cosine", error_format),
                  number_column("error / bound", ratio_format), number_column("error / plain", ratio_format)},
      .rows = {},
      .collapsed = false};
  const auto key = [](const View& view) {
    if (!view.passed() || main_output(view) == nullptr) return std::string();
    return view.record->key.kernel + "\n" + std::string(name_of(view.problem.dtype)) + "\n" + view.record->key.inputs;
  };
  std::vector<Group> groups = group_views(study, key);
  std::sort(groups.begin(), groups.end(),
            [](const Group& left, const Group& right) { return left.first < right.first; });
  for (const auto& [name, views] : groups) {
    const Worst worst = worst_of(views);
    const CellKey& cell = views.front()->record->key;
    std::vector<Entry> row = {code_entry(cell.kernel), text_entry(std::string(name_of(views.front()->problem.dtype))),
                              text_entry(cell.inputs), number_entry(static_cast<double>(worst.cells))};
    if (worst.rows_total > 0) {
      row.push_back(number_entry(worst.rows_checked / worst.rows_total));
    } else {
      row.emplace_back(Missing{"unknown"});
    }
    const AccuracyFigures& figures = worst.figures;
    for (const double value :
         {figures.rmse, figures.max_abs_error, figures.max_rel_error, figures.ulp_median, figures.ulp_p99,
          figures.ulp_max, std::max(0.0, 1 - figures.cosine), figures.error_over_bound}) {
      row.push_back(number_entry(value));
    }
    if (worst.plain_ratio >= 0) {
      row.push_back(number_entry(worst.plain_ratio));
    } else {
      row.emplace_back(Missing{"not computed"});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

/// The worst error of one kernel with one type and kind of inputs, and the problems that it is of.
struct TypeError {
  double worst = 0;
  std::set<std::string> problems;
};

/// As FlashAttention-3 prints it: one row a kernel and kind of inputs, one column a type; the least of a column is bold
/// where all kernels of that type and those inputs computed the same problems.
Table rmse_table(const Study& study) {
  Table table{
      .id = "rmse",
      .title = "RMSE by kernel and type",
      .note =
          "The largest over the kernel's passed cells of that type and those inputs, against double precision. "
          "Where all kernels of one type and kind of inputs computed the same problems, the least is bold; else "
          "they are not to be compared.",
      .columns = {text_column("kernel"), text_column("inputs")},
      .rows = {},
      .collapsed = false};
  std::map<std::string, std::map<std::string, std::map<std::string, TypeError>>> by_inputs;  // inputs, type, kernel
  std::set<std::string> types;
  for (const View& view : study.views) {
    const AccuracyFigures* figures = view.passed() ? main_output(view) : nullptr;
    if (figures == nullptr) continue;
    const std::string type(name_of(view.problem.dtype));
    types.insert(type);
    TypeError& error = by_inputs[view.record->key.inputs][type][view.record->key.kernel];
    error.worst = std::max(error.worst, figures->rmse);
    error.problems.insert(view.record->key.problem + view.function_class);
  }
  for (const std::string& type : types)
    table.columns.push_back(number_column(type, error_format));
  for (const auto& [inputs, by_type] : by_inputs) {
    std::map<std::string, std::vector<Entry>> rows;  // by kernel
    std::size_t column = 0;
    for (const std::string& type : types) {
      ++column;
      const auto found = by_type.find(type);
      if (found == by_type.end()) continue;
      const auto& kernels = found->second;
      const bool same = kernels.size() > 1 && std::all_of(kernels.begin(), kernels.end(), [&](const auto& kernel) {
                          return kernel.second.problems == kernels.begin()->second.problems;
                        });
      const double least = std::min_element(kernels.begin(), kernels.end(), [](const auto& left, const auto& right) {
                             return left.second.worst < right.second.worst;
                           })->second.worst;
      for (const auto& [kernel, error] : kernels) {
        std::vector<Entry>& row = rows[kernel];
        row.resize(types.size() + 2, Missing{});
        // What prints alike is alike.
        const bool best = format_number(error.worst, error_format) == format_number(least, error_format);
        row[column + 1] = Number{.value = error.worst, .strong = same && best};
      }
    }
    for (auto& [kernel, row] : rows) {
      row[0] = code_entry(kernel);
      row[1] = text_entry(inputs);
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

Table output_table(const Study& study) {
  Table table{
      .id = "accuracy_cells",
      .title = "Accuracy of every output of every checked cell",
      .note = "Failed cells are here too. Worst element: the one nearest to its bound, or furthest beyond it.",
      .columns = {text_column("kernel"), text_column("backend"), text_column("problem"), text_column("inputs"),
                  text_column("verdict"), text_column("output"), integer_column("rows checked"), integer_column("rows"),
                  integer_column("elements"), number_column("RMSE", error_format),
                  number_column("max abs", error_format), number_column("max rel", error_format),
                  number_column("ULP median", ratio_format), number_column("ULP 99%", ratio_format),
                  number_column("ULP max", ratio_format), number_column("cosine", {NumberFormat::Style::fixed, 9}),
                  number_column("error / bound", ratio_format), number_column("RMSE of a plain kernel", error_format),
                  text_column("worst element")},
      .rows = {},
      .collapsed = true};
  for (const View& view : study.views) {
    for (const AccuracyFigures& figures : view.record->accuracy.outputs) {
      std::vector<Entry> row = {code_entry(view.record->key.kernel),
                                text_entry(view.record->key.backend),
                                code_entry(view.record->key.problem),
                                text_entry(view.record->key.inputs),
                                status_of(view.record->verdict),
                                text_entry(figures.output),
                                number_entry(static_cast<double>(view.record->accuracy.rows_checked)),
                                number_entry(static_cast<double>(view.record->accuracy.rows_total)),
                                number_entry(static_cast<double>(figures.elements))};
      for (const double value : {figures.rmse, figures.max_abs_error, figures.max_rel_error, figures.ulp_median,
                                 figures.ulp_p99, figures.ulp_max, figures.cosine, figures.error_over_bound}) {
        row.push_back(number_entry(value));
      }
      if (figures.plain_rmse >= 0) {
        row.push_back(number_entry(figures.plain_rmse));
      } else {
        row.emplace_back(Missing{"not computed"});
      }
      row.push_back(text_entry(figures.worst));
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

}  // namespace

Section accuracy_section(const Study& study) {
  Section section{.id = "accuracy_section", .title = "Accuracy", .blocks = {}};
  Table table = accuracy_table(study);
  if (table.rows.empty()) {
    section.blocks.emplace_back(
        Paragraph{"No cell passed with outputs that were compared, so there are no errors to show."});
  } else {
    section.blocks.emplace_back(rmse_table(study));
    section.blocks.emplace_back(std::move(table));
  }
  for (Figure& figure : std::vector<Figure>{
           error_figure(study, ErrorKind::rmse, "rmse_over_length", "Root mean squared error over length", "RMSE"),
           error_figure(study, ErrorKind::largest, "max_error_over_length", "Largest absolute error over length",
                        "largest absolute error"),
           error_figure(study, ErrorKind::over_bound, "bound_over_length", "Largest error over its bound, over length",
                        "error / bound (1 is the limit)")}) {
    if (!figure.panels.empty()) section.blocks.emplace_back(std::move(figure));
  }
  if (const std::string warning = sensitivity_warning(study); !warning.empty()) {
    section.blocks.emplace_back(Paragraph{warning});
  }
  if (std::optional<Table> reserved = reservations_table(study)) section.blocks.emplace_back(std::move(*reserved));
  if (std::optional<Table> proved = sensitivity_table(study)) section.blocks.emplace_back(std::move(*proved));
  Table outputs = output_table(study);
  if (!outputs.rows.empty()) section.blocks.emplace_back(std::move(outputs));
  return section;
}

}  // namespace attest::reports
