// Which rows of a large problem are checked. Every row is independent, so a sample proves the rows that it holds; it is
// stratified to hold those where kernels go wrong: the first and last, the edges of tiles and of the window.
#include <algorithm>
#include <random>
#include <set>

#include "harness/verify/row_budget.hpp"

namespace attest {
namespace {

// Setting up a row costs about as much as this many elements.
constexpr double row_overhead = 4096.0;

// Rows at which the window or the causal mask begins or stops to cut keys off, with their neighbours.
std::vector<std::int64_t> mask_edges(const Problem& problem) {
  const std::int64_t offset = problem.offset(problem.seq_kv);
  std::vector<std::int64_t> centres;
  if (problem.causal) centres.insert(centres.end(), {-offset, problem.seq_kv - 1 - offset});
  if (problem.window.left >= 0) {
    const std::int64_t left = problem.window.left - offset;
    centres.insert(centres.end(), {left, left + problem.seq_kv});
  }
  if (problem.window.right >= 0) {
    const std::int64_t right = -offset - problem.window.right;
    centres.insert(centres.end(), {right, right + problem.seq_kv - 1});
  }
  std::vector<std::int64_t> rows;
  for (const std::int64_t centre : centres) {
    for (const std::int64_t row : {centre - 1, centre, centre + 1}) {
      if (row >= 0 && row < problem.seq_q) rows.push_back(row);
    }
  }
  return rows;
}

class RowSampler {
 public:
  RowSampler(const Problem& problem, std::int64_t rows, std::uint64_t seed)
      : rows_(rows), edges_(mask_edges(problem)), random_(seed) {
    std::erase_if(edges_, [rows](std::int64_t row) { return row >= rows; });
  }

  // `count` different rows, sorted. A head that gets only a few rows gets those strata whose turn it is, so that the
  // heads together hold all.
  std::set<std::int64_t> sample(std::int64_t count) {
    std::set<std::int64_t> picked;
    if (count >= 4) picked = {0, rows_ - 1};
    while (static_cast<std::int64_t>(picked.size()) < count)
      picked.insert(next());
    return picked;
  }

 private:
  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(limit));
  }

  std::int64_t next() {
    switch (turn_++ % 6) {
      case 0:
        return rows_ - 1;
      case 1:
        return 0;
      case 2:
        return tile_edge();
      case 3:
        return edges_.empty() ? tile_edge() : edges_[static_cast<std::size_t>(below(std::ssize(edges_)))];
      default:
        return below(rows_);
    }
  }

  std::int64_t tile_edge() {
    const std::int64_t tile = std::int64_t{32} << below(3);
    const std::int64_t edge = tile * below(rows_ / tile + 1) + below(3) - 1;
    return std::clamp<std::int64_t>(edge, 0, rows_ - 1);
  }

  std::int64_t rows_;
  std::vector<std::int64_t> edges_;
  std::mt19937_64 random_;
  std::int64_t turn_ = 0;
};

}  // namespace

std::int64_t affordable_rows_a_head(const Oracle& oracle, const Problem& problem, const VerifyOptions& options) {
  const RowPlace extent = oracle.extent();
  const double cost =
      std::max(row_overhead, oracle.row_cost() * static_cast<double>(problem.head_dim + problem.head_dim_v));
  const double affordable = std::max(options.budget / cost, static_cast<double>(options.min_rows));
  const double share = affordable / static_cast<double>(extent.batch * extent.head);
  if (share >= static_cast<double>(extent.row)) return extent.row;
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(share));
}

std::vector<RowPlace> rows_to_check(const Oracle& oracle, const Problem& problem, const VerifyOptions& options) {
  const RowPlace extent = oracle.extent();
  const std::int64_t rows_a_head = affordable_rows_a_head(oracle, problem, options);
  const bool all = rows_a_head == extent.row;

  std::vector<RowPlace> places;
  places.reserve(static_cast<std::size_t>(extent.batch * extent.head * rows_a_head));
  RowSampler sampler(problem, extent.row, options.seed);
  for (std::int64_t batch = 0; batch < extent.batch; ++batch) {
    for (std::int64_t head = 0; head < extent.head; ++head) {
      if (all) {
        for (std::int64_t row = 0; row < extent.row; ++row)
          places.push_back({batch, head, row});
      } else {
        for (const std::int64_t row : sampler.sample(rows_a_head))
          places.push_back({batch, head, row});
      }
    }
  }
  return places;
}

}  // namespace attest
