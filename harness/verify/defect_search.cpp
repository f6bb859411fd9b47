#include "harness/verify/defect_search.hpp"

#include <algorithm>
#include <cmath>

#include "harness/core/error.hpp"

namespace attest {
namespace {

constexpr std::size_t share_of_rows = 16;
// As few as the filter can tell the scatter of lines from.
constexpr std::int64_t least_rows = 32;

}  // namespace

DefectSearch::DefectSearch(const Oracle& oracle, const Arithmetic& arithmetic, const TensorSet& outputs)
    : oracle_(&oracle), arithmetic_(&arithmetic), outputs_(&outputs), known_(oracle.defects(arithmetic)) {}

MatchedFilter& DefectSearch::filter_of(std::string_view output) {
  const auto own =
      std::find_if(filters_.begin(), filters_.end(), [output](const Filter& one) { return one.output == output; });
  if (own != filters_.end()) return own->filter;
  return filters_.emplace_back(Filter{std::string(output), MatchedFilter(known_)}).filter;
}

void DefectSearch::add(const LineChanges& changes, const OutputRow& line) {
  const TensorView* view = outputs_->find(line.output);
  if (view == nullptr) return;
  const bool is_scalar = std::ssize(line.index) == view->rank;
  if (!is_scalar && std::ssize(line.index) != view->rank - 1) return;
  const std::int64_t first = view->offset(line.index);
  const std::int64_t stride = is_scalar ? 0 : view->strides[static_cast<std::size_t>(view->rank - 1)];
  std::vector<double> got(line.value.size());
  for (std::size_t c = 0; c < got.size(); ++c)
    got[c] = load_element(view->data, view->dtype, first + static_cast<std::int64_t>(c) * stride);
  filter_of(line.output).add(line, changes.rounded_to.value_or(view->dtype), got, changes.change);
}

void DefectSearch::add(const RowPlace& place, const std::vector<OutputRow>& lines) {
  auto line = lines.begin();  // both keep one order
  for (const LineChanges& changes : oracle_->changes(place, *arithmetic_)) {
    line = std::find_if(line, lines.end(), [&](const OutputRow& one) {
      return one.output == changes.output && one.index == changes.index;
    });
    if (line == lines.end())
      complain(changes.output, "defects change a line that the oracle does not have", "keep the order of row()");
    add(changes, *line);
  }
  ++places_;
}

void DefectSearch::add(const std::vector<RowPlace>& places) {
  std::vector<OutputRow> lines;
  for (const RowPlace& place : places) {
    oracle_->row(place, *arithmetic_, lines);
    add(place, lines);
  }
}

void DefectSearch::merge(const DefectSearch& later) {
  for (const Filter& one : later.filters_)
    filter_of(one.output).merge(one.filter);
  places_ += later.places_;
}

std::vector<DefectFigure> DefectSearch::figures(bool judges) const {
  std::vector<std::vector<DefectFigure>> of_outputs;
  for (const Filter& one : filters_)
    of_outputs.push_back(one.filter.figures(judges));
  std::vector<DefectFigure> result;
  std::size_t at = 0;
  for (const KnownDefect& defect : known_) {
    if (std::isinf(defect.least_share)) continue;
    const auto shows = [at](const std::vector<DefectFigure>& figures) { return figures[at].sensitivity > 0.0; };
    const auto first = std::find_if(of_outputs.begin(), of_outputs.end(), shows);
    const bool can_have = defect.output.empty() || outputs_->find(defect.output) != nullptr;
    if (first != of_outputs.end()) {
      result.push_back((*first)[at]);
    } else if (can_have && !of_outputs.empty()) {
      result.push_back({.name = std::string(defect.name)});
    }
    ++at;
  }
  return result;
}

std::optional<DefectSearch::Judgement> DefectSearch::judge() const {
  std::optional<Judgement> result;
  for (const Filter& one : filters_) {
    const std::optional<MatchedFilter::Judgement> judged = one.filter.judge();
    if (judged && (!result || judged->ratio > result->worst.ratio))
      result = {.output = one.output, .worst = *judged, .lines = one.filter.lines()};
  }
  return result;
}

bool DefectSearch::rejects(std::string_view output) const {
  return std::any_of(filters_.begin(), filters_.end(), [output](const Filter& one) {
    if (one.output != output) return false;
    const std::optional<MatchedFilter::Judgement> judged = one.filter.judge();
    return judged && !(judged->ratio <= 1.0);
  });
}

std::optional<DefectSearch::Recognition> DefectSearch::recognised(
    const std::function<bool(std::string_view)>& is_wrong) const {
  std::optional<Recognition> result;
  double most = 0.0;
  for (const Filter& one : filters_) {
    if (!is_wrong(one.output)) continue;
    const std::optional<MatchedFilter::Recognition> found = one.filter.recognised();
    if (!found || !(found->explained > most)) continue;
    most = found->explained;
    result = {.output = one.output, .defect = found->defect};
  }
  return result;
}

std::vector<RowPlace> rows_for_defects(const Oracle& oracle, const Problem& problem, const VerifyOptions& options,
                                       std::size_t checked) {
  VerifyOptions fewer = options;
  fewer.budget = std::min(options.budget, options.defect_budget);
  fewer.min_rows = std::max(least_rows, static_cast<std::int64_t>(checked / share_of_rows));
  return rows_to_check(oracle, problem, fewer);
}

}  // namespace attest
