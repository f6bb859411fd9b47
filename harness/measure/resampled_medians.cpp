#include "harness/measure/resampled_medians.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace attest {

ResampledMedians::ResampledMedians(std::span<const GrowthPoint> points) {
  for (const GrowthPoint& point : points) {
    std::vector<std::size_t> order(point.samples.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t left, std::size_t right) { return point.samples[left] < point.samples[right]; });
    Ranked ranked{.ordered = {}, .rank = std::vector<std::size_t>(order.size())};
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
      ranked.ordered.push_back(point.samples[order[rank]]);
      ranked.rank[order[rank]] = rank;
    }
    points_.push_back(std::move(ranked));
  }
}

std::vector<double> ResampledMedians::draw_logs(Generator& generator) {
  std::vector<double> logs;
  logs.reserve(points_.size());
  for (const Ranked& point : points_)
    logs.push_back(std::log(draw_median(point, generator)));
  return logs;
}

double ResampledMedians::draw_median(const Ranked& point, Generator& generator) {
  const std::size_t count = point.ordered.size();
  drawn_.assign(count, 0);
  for (std::size_t i = 0; i < count; ++i)
    ++drawn_[point.rank[generator.below(count)]];
  std::size_t rank = 0;
  std::size_t seen = drawn_[0];
  const auto at = [&](std::size_t place) {
    while (seen <= place)
      seen += drawn_[++rank];
    return point.ordered[rank];
  };
  const double below = at((count - 1) / 2);
  return count % 2 == 1 ? below : below + (at(count / 2) - below) / 2;
}

}  // namespace attest
