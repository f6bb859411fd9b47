#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "harness/measure/statistics.hpp"

// Whether one set of timing samples differs from another, and by how much.

namespace attest {

/// Fewest samples on each side for which a comparison says more than "unclear".
inline constexpr std::size_t minimum_comparison_samples = 9;

/// Probability, under equal distributions, of a rank sum at least as far from its mean as that of `first` and `second`
/// (two-sided): exact where no value stands twice and there are at most 400 pairs, else by the normal law with the
/// corrections for ties and continuity. Source: Mann and Whitney 1947, "On a test of whether one of two random
/// variables is stochastically larger than the other". Throws attest::Error where a side is empty.
double mann_whitney(std::span<const double> first, std::span<const double> second);

/// The probabilities adjusted for being a family, in their order: the least times n, the next times n-1, ..., never
/// falling and at most 1. Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
std::vector<double> holm(std::span<const double> probabilities);

enum class Difference { faster, slower, same, unclear };
std::string_view to_string(Difference difference);

/// The second set of samples against the first.
struct Comparison {
  double first_median = 0;
  double second_median = 0;
  double ratio = 0;         ///< median of the second over that of the first
  Interval ratio_interval;  ///< 95%, percentile bootstrap over both
  double probability = 1;   ///< mann_whitney(), not adjusted
  bool enough = false;      ///< minimum_comparison_samples on each side
};

/// Throws attest::Error where a side is empty.
Comparison compare_samples(std::span<const double> first, std::span<const double> second,
                           const BootstrapOptions& options = {});

/// Faster or slower: the adjusted probability is under 5% and the medians are at least `effect` apart. Same: the
/// interval of the ratio lies within `effect` of 1. Else unclear, as is everything without enough samples.
Difference judge(const Comparison& comparison, double adjusted_probability, double effect = 0.02);

}  // namespace attest
