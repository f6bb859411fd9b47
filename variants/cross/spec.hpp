#pragma once

#include <algorithm>
#include <cmath>

#include "harness/core/oracle.hpp"

namespace attest::cross {

/// T5's relative bias: the pair's distance falls into a bucket, and the table `relative_bias` (buckets, hq) says what a
/// head adds to the score there. Half of the buckets are for keys ahead, unless causal; of each side, half are exact
/// distances and half are logarithmic up to max_distance.
class CrossSpec final : public Spec {
 public:
  double bias(const Problem& problem, const TensorSet& inputs, std::int64_t head, std::int64_t row, std::int64_t key,
              std::int64_t offset) const override {
    if (!has_bias(problem)) return 0.0;
    return inputs.at("relative_bias").load(bucket(problem, key - (row + offset)), head);
  }

  bool has_bias(const Problem& problem) const override { return problem.parameter("buckets", 0) > 0; }

  /// The bucket of a key `distance` positions ahead of the query (Raffel et al. 2020; `_relative_position_bucket` of
  /// the authors' code). A distance on the edge of two logarithmic buckets is in the upper one.
  static std::int64_t bucket(const Problem& problem, std::int64_t distance) {
    std::int64_t buckets = problem.parameter("buckets", 0);
    std::int64_t side = 0;
    std::int64_t back = -distance;
    if (problem.causal) {
      back = std::max<std::int64_t>(back, 0);
    } else {
      buckets /= 2;
      if (distance > 0) side = buckets;
      back = std::llabs(distance);
    }
    const std::int64_t exact = buckets / 2;
    if (back < exact) return side + back;
    const double span = static_cast<double>(problem.parameter("max_distance", 128)) / static_cast<double>(exact);
    const double share = std::log(static_cast<double>(back) / static_cast<double>(exact)) / std::log(span);
    const auto step = static_cast<std::int64_t>(share * static_cast<double>(buckets - exact) + 1e-9);
    return side + std::min(exact + step, buckets - 1);
  }
};

}  // namespace attest::cross
