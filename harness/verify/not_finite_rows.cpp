// Elements that no sample would meet: every output is looked through once for NaN and infinity, which is cheap, and the
// rows that hold one are judged as well. A row that a kernel never wrote is such a row, since outputs start as NaN.
#include "harness/verify/not_finite_rows.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace attest {
namespace {

// Where the indices of a tensor name batch entry, head and row; -1 for one that the tensor lacks.
struct Axes {
  int batch = 0;
  int head = -1;
  int row = 1;
  bool scalar = false;  // the row is the last axis, so that each element is a line of its own
};

Axes axes_of(const TensorView& view, const RowPlace& extent) {
  if (view.rank == 4) return {.batch = 0, .head = 1, .row = 2, .scalar = false};
  if (view.rank == 3 && view.shape[1] == extent.head && view.shape[2] == extent.row) {
    return {.batch = 0, .head = 1, .row = 2, .scalar = true};
  }
  return {};
}

bool line_is_finite(const TensorView& view, std::int64_t offset, bool scalar) {
  const std::int64_t count = scalar ? 1 : view.shape[static_cast<std::size_t>(view.rank - 1)];
  const std::int64_t stride = scalar ? 0 : view.strides[static_cast<std::size_t>(view.rank - 1)];
  for (std::int64_t element = 0; element < count; ++element) {
    if (!std::isfinite(load_element(view.data, view.dtype, offset + element * stride))) return false;
  }
  return true;
}

// `count` of the places, evenly spread.
void take(const std::vector<RowPlace>& places, std::size_t count, std::vector<RowPlace>& taken) {
  for (std::size_t at = 0; at < count; ++at)
    taken.push_back(places[places.size() * at / count]);
}

}  // namespace

NotFiniteRows not_finite_rows(const Oracle& oracle, const TensorSet& outputs, std::size_t limit) {
  const RowPlace extent = oracle.extent();
  NotFiniteRows result;
  for (const TensorSet::Entry& output : outputs.entries()) {
    const TensorView& view = output.view;
    if (view.rank < 2) continue;
    std::vector<RowPlace> places;
    const Axes axes = axes_of(view, extent);
    const std::int64_t heads = axes.head < 0 ? 1 : view.shape[static_cast<std::size_t>(axes.head)];
    const std::int64_t rows = std::min(view.shape[static_cast<std::size_t>(axes.row)], extent.row);
    for (std::int64_t batch = 0; batch < std::min(view.shape[0], extent.batch); ++batch) {
      for (std::int64_t head = 0; head < heads; ++head) {
        for (std::int64_t row = 0; row < rows; ++row) {
          const std::int64_t offset = axes.head < 0 ? view.offset(batch, row) : view.offset(batch, head, row);
          if (line_is_finite(view, offset, axes.scalar)) continue;
          places.push_back({.batch = batch, .head = std::min(head, extent.head - 1), .row = row});
        }
      }
    }
    result.found += std::ssize(places);
    // Looking at inputs pays only where not all rows are judged.
    std::vector<RowPlace> unexplained;
    std::int64_t seen = 0;
    if (places.size() > limit) {
      const auto explained = std::stable_partition(places.begin(), places.end(), [&](const RowPlace& place) {
        const std::optional<bool> sees = oracle.sees_not_finite(place);
        seen += sees.value_or(false) ? 1 : 0;
        return !sees.value_or(true);
      });
      unexplained.assign(places.begin(), explained);
      places.erase(places.begin(), explained);
    }
    const std::size_t first = std::min(limit, unexplained.size());
    const std::size_t second = std::min(limit - first, places.size());
    take(unexplained, first, result.places);
    take(places, second, result.places);
    result.seen += std::max<std::int64_t>(0, seen - static_cast<std::int64_t>(second));
  }
  return result;
}

}  // namespace attest
