// The second error of variants that approximate softmax attention, apart from the first: how far their own definition
// is from softmax attention on the same inputs, and what they recall.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "reports/build_parts.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

const NumberFormat three{NumberFormat::Style::significant, 3};
const NumberFormat percent{NumberFormat::Style::percent, 1};

/// No kernel is in an approximation's error, so that one kernel of the variant stands for all in a figure.
bool stands_for_its_variant(const Study& study, const View& view) {
  return std::none_of(study.views.begin(), study.views.end(), [&](const View& other) {
    return other.variant == view.variant && other.passed() && other.record->accuracy.approximation &&
           other.record->key.problem == view.record->key.problem &&
           other.record->key.inputs == view.record->key.inputs && other.record->key.kernel < view.record->key.kernel;
  });
}

std::string approximation_group(const Study& study, const View& view) {
  // The recall task has a figure of its own.
  if (!view.passed() || !view.record->accuracy.approximation || view.record->accuracy.recall ||
      !stands_for_its_variant(study, view))
    return "";
  return drop_tokens(view.family, {"b", "hq", "hkv"});
}
void measure_distance(const View& view, Point& point) {
  const double distance = view.record->accuracy.approximation->relative_l2;
  if (distance > 0.0) point.y = distance;
}

std::string recall_group(const Study&, const View& view) {
  if (!view.passed() || !view.record->accuracy.recall || view.record->accuracy.recall->queries == 0) return "";
  return drop_tokens(view.family, {"b", "hq", "hkv"});
}
double load_place(const View& view) {
  return static_cast<double>(view.problem.seq_kv) / static_cast<double>(view.problem.head_dim);
}
void measure_recall(const View& view, Point& point) {
  const RecallFigures& recall = *view.record->accuracy.recall;
  point.y = RecallFigures::share(recall.kernel, recall.queries);
}

Table approximation_table(const Study& study) {
  Table table{.id = "approximation",
              .title = "Two errors, never mixed",
              .note =
                  "Approximation error: the variant's own definition against softmax attention on the same inputs, "
                  "both in double over rows in even steps; no kernel is in it. Numerical error: the kernel against "
                  "the variant's own definition in double, which is what the verdict judges.",
              .columns = {text_column("kernel"), text_column("backend"), text_column("problem"), text_column("inputs"),
                          integer_column("rows"), number_column("approximation, relative L2", three),
                          number_column("approximation, cosine", {NumberFormat::Style::fixed, 4}),
                          number_column("numerical, RMSE", {NumberFormat::Style::scientific, 2}),
                          number_column("numerical, 1 - cosine", {NumberFormat::Style::scientific, 2})},
              .rows = {},
              .collapsed = false};
  for (const View& view : study.views) {
    const CellRecord& record = *view.record;
    if (!view.passed() || !record.accuracy.approximation || record.accuracy.outputs.empty()) continue;
    const ApproximationFigures& figures = *record.accuracy.approximation;
    const AccuracyFigures& own = record.accuracy.outputs.front();
    table.rows.push_back({code_entry(record.key.kernel), text_entry(record.key.backend), code_entry(record.key.problem),
                          text_entry(record.key.inputs), number_entry(static_cast<double>(figures.rows)),
                          number_entry(figures.relative_l2), number_entry(figures.cosine), number_entry(own.rmse),
                          number_entry(std::max(0.0, 1.0 - own.cosine))});
  }
  table.collapsed = table.rows.size() > 24;
  return table;
}

Table recall_table(const Study& study) {
  Table table{.id = "recall",
              .title = "Recall of n random pairs",
              .note =
                  "Keys are random directions of length sqrt(d), values of length sqrt(dv); every query equals one "
                  "key. A query is right when its key's value is the nearest to the output of all visible values. "
                  "The reference is the variant's own definition in double; a kernel that differs from it lost an "
                  "answer to rounding.",
              .columns = {text_column("kernel"), text_column("backend"), text_column("problem"), integer_column("n"),
                          integer_column("d"), number_column("n / d", three), integer_column("queries"),
                          number_column("kernel", percent), number_column("reference", percent),
                          number_column("by chance", percent)},
              .rows = {},
              .collapsed = false};
  for (const View& view : study.views) {
    const CellRecord& record = *view.record;
    if (recall_group(study, view).empty()) continue;
    const RecallFigures& recall = *record.accuracy.recall;
    table.rows.push_back({code_entry(record.key.kernel), text_entry(record.key.backend), code_entry(record.key.problem),
                          number_entry(static_cast<double>(view.problem.seq_kv)),
                          number_entry(static_cast<double>(view.problem.head_dim)), number_entry(load_place(view)),
                          number_entry(static_cast<double>(recall.queries)),
                          number_entry(RecallFigures::share(recall.kernel, recall.queries)),
                          number_entry(RecallFigures::share(recall.reference, recall.queries)),
                          number_entry(1.0 / static_cast<double>(view.problem.seq_kv))});
  }
  table.collapsed = table.rows.size() > 24;
  return table;
}

void add(const Study& study, const FigurePlan& plan, Section& section) {
  PlannedFigure planned = plan_figure(study, plan);
  if (planned.any) section.blocks.emplace_back(std::move(planned.figure));
}

}  // namespace

Section approximation_section(const Study& study) {
  Section section{.id = "approximation_section", .title = "Approximation", .blocks = {}};
  Table table = approximation_table(study);
  if (!table.rows.empty()) {
    section.blocks.emplace_back(std::move(table));
    add(study,
        {.id = "approximation_over_length",
         .title = "Distance from softmax attention over length",
         .caption = "The variant's own definition against softmax attention on the same inputs, both in double: "
                    "||own - softmax|| / ||softmax||. One kernel stands for all of its variant.",
         .x = {.label = "sequence length",
               .unit = "tokens",
               .scale = Scale::log2,
               .quantity = Quantity::length,
               .ticks = {}},
         .y = {.label = "relative L2", .unit = "", .scale = Scale::linear, .quantity = Quantity::plain, .ticks = {}},
         .group = approximation_group,
         .place = length_place,
         .measure = measure_distance},
        section);
  }
  Table recall = recall_table(study);
  if (!recall.rows.empty()) {
    section.blocks.emplace_back(Paragraph{
        "The recall task follows Schlag, Irie and Schmidhuber 2021, 'Linear Transformers Are Secretly Fast Weight "
        "Programmers', arXiv:2102.11174, section 6.1, without the training: keys and values are random."});
    add(study,
        {.id = "recall_over_load",
         .title = "Recall over the number of pairs",
         .caption = "Share of the queries whose own value is the nearest to the kernel's output, over n / d: pairs for "
                    "each dimension of a key.",
         .x = {.label = "n / d", .unit = "", .scale = Scale::log2, .quantity = Quantity::plain, .ticks = {}},
         .y = {.label = "recall", .unit = "", .scale = Scale::linear, .quantity = Quantity::plain, .ticks = {}},
         .group = recall_group,
         .place = load_place,
         .measure = measure_recall},
        section);
    section.blocks.emplace_back(std::move(recall));
  }
  return section;
}

}  // namespace attest::reports
