#include "harness/verify/defect_search.hpp"

#include <algorithm>

namespace attest {
namespace {

constexpr std::size_t share_of_rows = 16;
// As few as the filter can tell the scatter of lines from.
constexpr std::int64_t least_rows = 32;

}  // namespace

DefectSearch::DefectSearch(const Oracle& oracle, const Arithmetic& arithmetic, const TensorSet& outputs)
    : oracle_(&oracle), arithmetic_(&arithmetic), outputs_(&outputs), filter_(oracle.defects(arithmetic)) {}

void DefectSearch::add(const RowPlace& place, const OutputRow& line) {
  const TensorView* view = outputs_->find(line.output);
  if (view == nullptr || std::ssize(line.index) != view->rank - 1) return;
  const std::int64_t first = view->offset(line.index);
  const std::int64_t stride = view->strides[static_cast<std::size_t>(view->rank - 1)];
  std::vector<double> got(line.value.size());
  for (std::size_t c = 0; c < got.size(); ++c)
    got[c] = load_element(view->data, view->dtype, first + static_cast<std::int64_t>(c) * stride);
  filter_.add(line, view->dtype, got, oracle_->changes(place, *arithmetic_));
}

void DefectSearch::add(const std::vector<RowPlace>& places) {
  std::vector<OutputRow> lines;
  for (const RowPlace& place : places) {
    oracle_->row(place, *arithmetic_, lines);
    add(place, lines.front());
  }
}

std::vector<RowPlace> rows_for_defects(const Oracle& oracle, const Problem& problem, const VerifyOptions& options,
                                       std::size_t checked) {
  VerifyOptions fewer = options;
  fewer.budget = std::min(options.budget, options.defect_budget);
  fewer.min_rows = std::max(least_rows, static_cast<std::int64_t>(checked / share_of_rows));
  return rows_to_check(oracle, problem, fewer);
}

}  // namespace attest
