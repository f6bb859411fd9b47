#include "harness/verify/defect_search.hpp"

#include <algorithm>

#include "harness/verify/parts.hpp"

namespace attest {
namespace {

// Keys times head dims whose defects are worked out in some hundredths of a second.
constexpr double next_to_nothing = 2.5e6;
constexpr std::size_t share_of_rows = 16;

std::vector<double> values_of(const TensorView& view, const OutputRow& line) {
  const std::int64_t first = view.offset(line.index);
  const std::int64_t stride = view.strides[static_cast<std::size_t>(view.rank - 1)];
  std::vector<double> values(line.value.size());
  for (std::size_t c = 0; c < values.size(); ++c)
    values[c] = load_element(view.data, view.dtype, first + static_cast<std::int64_t>(c) * stride);
  return values;
}

}  // namespace

MatchedFilter filter_rows(const Oracle& oracle, const Arithmetic& arithmetic, const TensorSet& outputs,
                          const std::vector<RowPlace>& places, int threads) {
  const std::vector<KnownDefect> known = oracle.defects(arithmetic);
  std::vector<OutputRow> first_lines;
  if (!places.empty() && !known.empty()) oracle.row(places.front(), arithmetic, first_lines);
  const TensorView* view = first_lines.empty() ? nullptr : outputs.find(first_lines.front().output);
  const MatchedFilter none(known, view == nullptr ? DType::f32 : view->dtype);
  if (view == nullptr) return none;
  const std::size_t parts = parts_of(places.size());
  std::vector<MatchedFilter> filters(parts, none);
  for_each_part(parts, threads, [&](std::size_t part) {
    std::vector<OutputRow> lines;
    const std::size_t end = first_of_part(part + 1, parts, places.size());
    for (std::size_t place = first_of_part(part, parts, places.size()); place < end; ++place) {
      oracle.row(places[place], arithmetic, lines);
      const OutputRow& line = lines.front();
      filters[part].add(line, values_of(*view, line), oracle.changes(places[place], arithmetic));
    }
  });
  MatchedFilter whole = none;
  for (const MatchedFilter& filter : filters)
    whole.merge(filter);
  return whole;
}

std::vector<RowPlace> rows_for_defects(const Oracle& oracle, const Problem& problem, const VerifyOptions& options,
                                       std::size_t checked) {
  VerifyOptions fewer = options;
  fewer.budget = std::min(options.budget, next_to_nothing);
  fewer.min_rows = std::max(options.min_rows, static_cast<std::int64_t>(checked / share_of_rows));
  return rows_to_check(oracle, problem, fewer);
}

}  // namespace attest
