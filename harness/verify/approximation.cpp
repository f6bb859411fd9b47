#include "harness/verify/approximation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "harness/core/counts.hpp"
#include "harness/verify/parts.hpp"
#include "harness/verify/row_budget.hpp"

namespace attest {
namespace {

/// The line "out" of one place, in double.
std::vector<double> line_of(const Oracle& oracle, const RowPlace& place) {
  std::vector<OutputRow> lines;
  oracle.row(place, Arithmetic{}, lines);
  const auto out = std::find_if(lines.begin(), lines.end(), [](const OutputRow& line) { return line.output == "out"; });
  return out == lines.end() ? std::vector<double>{} : std::move(out->value);
}

struct Distance {
  std::int64_t rows = 0;
  double differences = 0.0, own_squares = 0.0, squares = 0.0, products = 0.0;

  void add(const std::vector<double>& own, const std::vector<double>& other) {
    const auto finite = [](double value) { return std::isfinite(value); };
    if (own.size() != other.size() || !std::all_of(own.begin(), own.end(), finite) ||
        !std::all_of(other.begin(), other.end(), finite)) {
      return;
    }
    ++rows;
    for (std::size_t c = 0; c < own.size(); ++c) {
      differences += (own[c] - other[c]) * (own[c] - other[c]);
      own_squares += own[c] * own[c];
      squares += other[c] * other[c];
      products += own[c] * other[c];
    }
  }
  void add(const Distance& later) {
    rows += later.rows;
    differences += later.differences;
    own_squares += later.own_squares;
    squares += later.squares;
    products += later.products;
  }
};

/// Calls work(place, sums) for all places, the same parts for any number of threads, and adds the sums in order.
template <class Sums, class Work>
Sums over_places(const std::vector<RowPlace>& places, int threads, const Work& work) {
  const std::size_t parts = parts_of(places.size());
  std::vector<Sums> sums(parts);
  for_each_part(parts, threads, [&](std::size_t part) {
    const std::size_t end = first_of_part(part + 1, parts, places.size());
    for (std::size_t at = first_of_part(part, parts, places.size()); at < end; ++at)
      work(places[at], sums[part]);
  });
  Sums whole;
  for (const Sums& part : sums)
    whole.add(part);
  return whole;
}

struct Recalled {
  std::int64_t queries = 0, kernel = 0, reference = 0;
  std::int64_t batch = -1, head = -1;  ///< whose keys and values these are
  std::vector<double> keys, values;

  void add(const Recalled& later) {
    queries += later.queries;
    kernel += later.kernel;
    reference += later.reference;
  }
};

/// The lines of one head of a tensor as double.
std::vector<double> head_of(const TensorView& view, std::int64_t batch, std::int64_t head, std::int64_t rows) {
  std::vector<double> lines;
  lines.reserve(static_cast<std::size_t>(rows * view.shape[3]));
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t c = 0; c < view.shape[3]; ++c)
      lines.push_back(view.load(batch, head, row, c));
  }
  return lines;
}

/// Which of those lines is nearest to `point`; -1 when none is at a distance that is a number.
std::int64_t nearest(const std::vector<double>& lines, const KeyRange& range, const std::vector<double>& point) {
  std::int64_t best = -1;
  double least = std::numeric_limits<double>::infinity();
  for (std::int64_t row = range.begin; row < range.end; ++row) {
    const double* line = lines.data() + row * std::ssize(point);
    double distance = 0.0;
    for (std::size_t c = 0; c < point.size(); ++c)
      distance += (line[c] - point[c]) * (line[c] - point[c]);
    if (distance < least) {
      least = distance;
      best = row;
    }
  }
  return best;
}

}  // namespace

std::vector<RowPlace> rows_in_even_steps(const Oracle& oracle, const Problem& problem, const VerifyOptions& options) {
  const RowPlace extent = oracle.extent();
  const std::int64_t count = affordable_rows_a_head(oracle, problem, options);
  std::vector<RowPlace> places;
  for (std::int64_t batch = 0; batch < extent.batch; ++batch) {
    for (std::int64_t head = 0; head < extent.head; ++head) {
      // The middle of each of `count` equal shares of the rows.
      for (std::int64_t share = 0; share < count; ++share)
        places.push_back({batch, head, (2 * share + 1) * extent.row / (2 * count)});
    }
  }
  return places;
}

ApproximationFigures approximation_of(const Oracle& own, const Oracle& approximated,
                                      const std::vector<RowPlace>& places, int threads) {
  const Distance sums = over_places<Distance>(places, threads, [&](const RowPlace& place, Distance& distance) {
    distance.add(line_of(own, place), line_of(approximated, place));
  });
  const double lengths = std::sqrt(sums.own_squares) * std::sqrt(sums.squares);
  return {.rows = sums.rows,
          .relative_l2 = sums.squares > 0.0 ? std::sqrt(sums.differences / sums.squares)
                                            : (sums.differences == 0.0 ? 0.0 : std::numeric_limits<double>::infinity()),
          .cosine = lengths > 0.0 ? sums.products / lengths : (sums.differences == 0.0 ? 1.0 : 0.0)};
}

RecallFigures recall_of(const Oracle& own, const Problem& problem, const TensorSet& inputs, const TensorView& out,
                        const std::vector<RowPlace>& places, int threads) {
  const TensorView& q = inputs.at("q");
  const TensorView& k = inputs.at("k");
  const TensorView& v = inputs.at("v");
  const Recalled sums = over_places<Recalled>(places, threads, [&](const RowPlace& place, Recalled& recalled) {
    const std::int64_t head = place.head / problem.group();
    if (recalled.batch != place.batch || recalled.head != head) {
      recalled.batch = place.batch;
      recalled.head = head;
      recalled.keys = head_of(k, place.batch, head, problem.seq_kv);
      recalled.values = head_of(v, place.batch, head, problem.seq_kv);
    }
    const KeyRange visible = key_range(problem, place.row, problem.seq_kv);
    const auto line = [&](const TensorView& view) {
      std::vector<double> values;
      for (std::int64_t c = 0; c < view.shape[3]; ++c)
        values.push_back(view.load(place.batch, place.head, place.row, c));
      return values;
    };
    const std::int64_t right = nearest(recalled.keys, visible, line(q));
    if (right < 0) return;
    ++recalled.queries;
    recalled.kernel += nearest(recalled.values, visible, line(out)) == right ? 1 : 0;
    recalled.reference += nearest(recalled.values, visible, line_of(own, place)) == right ? 1 : 0;
  });
  return {.queries = sums.queries, .kernel = sums.kernel, .reference = sums.reference};
}

}  // namespace attest
