#include "harness/measure/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

namespace attest {
namespace {

constexpr std::size_t most_exact_pairs = 400;

// Mid-ranks of all values together, and sum t^3 - t over the groups of t equal ones.
struct Ranks {
  double first_sum = 0.0;
  double ties = 0.0;
};

Ranks rank(std::span<const double> first, std::span<const double> second) {
  struct Value {
    double value;
    bool is_first;
  };
  std::vector<Value> all;
  all.reserve(first.size() + second.size());
  for (const double value : first)
    all.push_back({value, true});
  for (const double value : second)
    all.push_back({value, false});
  std::sort(all.begin(), all.end(), [](const Value& left, const Value& right) { return left.value < right.value; });
  Ranks ranks;
  for (std::size_t begin = 0; begin < all.size();) {
    std::size_t end = begin;
    while (end < all.size() && all[end].value == all[begin].value)
      ++end;
    const auto count = static_cast<double>(end - begin);
    const double middle = static_cast<double>(begin + end + 1) / 2.0;
    for (std::size_t index = begin; index < end; ++index)
      ranks.first_sum += all[index].is_first ? middle : 0.0;
    ranks.ties += count * count * count - count;
    begin = end;
  }
  return ranks;
}

// P(U <= u) for n and m values without ties: subsets of n ranks of n + m by their sum, counted value by value.
double exact_tail(std::size_t n, std::size_t m, double u) {
  const std::size_t most = n * m;
  // ways[k][s]: subsets of size k with U = s among the ranks so far.
  std::vector<std::vector<double>> ways(n + 1, std::vector<double>(most + 1, 0.0));
  ways[0][0] = 1.0;
  for (std::size_t value = 1; value <= n + m; ++value) {
    for (std::size_t k = std::min(n, value); k >= 1; --k) {
      // The k-th smallest of the subset stands at `value`, so value - k of the others lie below it.
      const std::size_t below = value - k;
      if (below > m) continue;
      for (std::size_t sum = most; sum + 1 > below; --sum)
        ways[k][sum] += ways[k - 1][sum - below];
    }
  }
  const double total = std::accumulate(ways[n].begin(), ways[n].end(), 0.0);
  const auto end = ways[n].begin() + static_cast<std::ptrdiff_t>(std::floor(u)) + 1;
  return std::accumulate(ways[n].begin(), end, 0.0) / total;
}

}  // namespace

double mann_whitney(std::span<const double> first, std::span<const double> second) {
  median(first);  // refuses what is empty or not finite
  median(second);
  const auto n = static_cast<double>(first.size());
  const auto m = static_cast<double>(second.size());
  const Ranks ranks = rank(first, second);
  const double u_first = ranks.first_sum - n * (n + 1.0) / 2.0;
  const double u = std::min(u_first, n * m - u_first);
  if (ranks.ties == 0.0 && first.size() * second.size() <= most_exact_pairs) {
    return std::min(1.0, 2.0 * exact_tail(first.size(), second.size(), u));
  }
  const double total = n + m;
  const double variance = n * m / 12.0 * (total + 1.0 - ranks.ties / (total * (total - 1.0)));
  if (!(variance > 0.0)) return 1.0;
  const double z = std::max(0.0, n * m / 2.0 - u - 0.5) / std::sqrt(variance);
  return std::erfc(z / std::sqrt(2.0));
}

std::vector<double> holm(std::span<const double> probabilities) {
  std::vector<std::size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t left, std::size_t right) { return probabilities[left] < probabilities[right]; });
  std::vector<double> adjusted(probabilities.size());
  double greatest = 0.0;
  for (std::size_t place = 0; place < order.size(); ++place) {
    const double factor = static_cast<double>(order.size() - place);
    greatest = std::max(greatest, std::min(1.0, factor * probabilities[order[place]]));
    adjusted[order[place]] = greatest;
  }
  return adjusted;
}

std::string_view to_string(Difference difference) {
  switch (difference) {
    case Difference::faster:
      return "faster";
    case Difference::slower:
      return "slower";
    case Difference::same:
      return "same";
    case Difference::unclear:
      break;
  }
  return "unclear";
}

Comparison compare_samples(std::span<const double> first, std::span<const double> second,
                           const BootstrapOptions& options) {
  Comparison comparison;
  comparison.first_median = median(first);
  comparison.second_median = median(second);
  comparison.ratio = comparison.second_median / comparison.first_median;
  comparison.probability = mann_whitney(first, second);
  comparison.enough = std::min(first.size(), second.size()) >= minimum_comparison_samples;
  Generator generator(options.seed);
  std::vector<double> ratios;
  ratios.reserve(options.resamples);
  for (std::size_t draw = 0; draw < options.resamples; ++draw)
    ratios.push_back(median(resample(second, generator)) / median(resample(first, generator)));
  comparison.ratio_interval = percentile_interval(ratios, options.confidence);
  return comparison;
}

Difference judge(const Comparison& comparison, double adjusted_probability, double effect) {
  if (!comparison.enough) return Difference::unclear;
  if (adjusted_probability < 0.05) {
    if (comparison.ratio <= 1.0 - effect) return Difference::faster;
    if (comparison.ratio >= 1.0 + effect) return Difference::slower;
  }
  const bool within = comparison.ratio_interval.low > 1.0 - effect && comparison.ratio_interval.high < 1.0 + effect;
  return within ? Difference::same : Difference::unclear;
}

}  // namespace attest
