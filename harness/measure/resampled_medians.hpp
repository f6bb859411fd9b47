#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "harness/measure/growth.hpp"
#include "harness/measure/statistics.hpp"

namespace attest {

/// Draws the samples of every point again, with replacement, and gives the medians' logarithms. A draw counts how often
/// each rank came: nothing is sorted but once.
class ResampledMedians {
 public:
  explicit ResampledMedians(std::span<const GrowthPoint> points);

  /// One a point. The generator is asked once a sample, in their order.
  std::vector<double> draw_logs(Generator& generator);

 private:
  struct Ranked {
    std::vector<double> ordered;
    std::vector<std::size_t> rank;  // of each sample, in the order in which they were taken
  };

  double draw_median(const Ranked& point, Generator& generator);

  std::vector<Ranked> points_;
  std::vector<std::size_t> drawn_;  // how often each rank came
};

}  // namespace attest
