// Mann-Whitney against exact figures of the published tables and of an enumeration of all orders, Holm's adjustment
// against his example by hand, and verdicts at their edges.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "harness/core/error.hpp"
#include "harness/measure/comparison.hpp"

namespace attest {
namespace {

// By definition: over all ways to call n of the values "first", how often U is as far from its mean.
double by_enumeration(const std::vector<double>& first, const std::vector<double>& second) {
  std::vector<double> all = first;
  all.insert(all.end(), second.begin(), second.end());
  const auto distance = [&](const std::vector<bool>& is_first) {
    double u = 0.0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (std::size_t j = 0; j < all.size(); ++j) {
        if (is_first[i] && !is_first[j]) u += all[i] > all[j] ? 1.0 : 0.0;
      }
    }
    return std::fabs(u - static_cast<double>(first.size() * second.size()) / 2.0);
  };
  std::vector<bool> choice(all.size(), false);
  std::fill(choice.begin(), choice.begin() + static_cast<std::ptrdiff_t>(first.size()), true);
  const double seen = distance(choice);
  std::sort(choice.begin(), choice.end());
  double as_far = 0.0;
  double total = 0.0;
  do {
    total += 1.0;
    as_far += distance(choice) >= seen ? 1.0 : 0.0;
  } while (std::next_permutation(choice.begin(), choice.end()));
  return as_far / total;
}

BOOST_AUTO_TEST_SUITE(comparison)

BOOST_AUTO_TEST_CASE(the_exact_probability_is_that_of_all_orders) {
  const std::vector<std::vector<double>> firsts{{1, 2, 3}, {1, 4, 6, 9}, {3, 7, 8, 20, 21}, {5, 6, 7, 8, 9}, {12}};
  const std::vector<std::vector<double>> seconds{{4, 5, 6}, {2, 3, 5, 10}, {1, 2, 4, 5, 30, 31}, {1, 2, 3, 4}, {1, 2}};
  for (std::size_t index = 0; index < firsts.size(); ++index) {
    const double expected = by_enumeration(firsts[index], seconds[index]);
    BOOST_TEST(mann_whitney(firsts[index], seconds[index]) == expected, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(mann_whitney(seconds[index], firsts[index]) == expected, boost::test_tools::tolerance(1e-12));
  }
  // Published: 5 against 5 wholly apart is 2 of 252.
  BOOST_TEST(mann_whitney(std::vector<double>{1, 2, 3, 4, 5}, std::vector<double>{6, 7, 8, 9, 10}) == 2.0 / 252.0,
             boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(ties_and_many_samples_take_the_normal_law) {
  const std::vector<double> equal(30, 1.0);
  BOOST_TEST(mann_whitney(equal, equal) == 1.0);
  std::vector<double> first;
  std::vector<double> second;
  for (int index = 0; index < 40; ++index) {
    first.push_back(index);
    second.push_back(index + 0.5);
  }
  // U = 780 of 1600, sd = sqrt(1600 * 81 / 12): z = 19.5 / 103.92.
  BOOST_TEST(mann_whitney(first, second) == std::erfc(19.5 / std::sqrt(1600.0 * 81.0 / 12.0) / std::sqrt(2.0)),
             boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(an_empty_side_is_refused) {
  BOOST_CHECK_THROW(mann_whitney({}, std::vector<double>{1}), Error);
  BOOST_CHECK_THROW(compare_samples(std::vector<double>{1}, {}), Error);
}

BOOST_AUTO_TEST_CASE(holm_multiplies_by_what_is_left_and_never_falls) {
  const std::vector<double> adjusted = holm(std::vector<double>{0.01, 0.04, 0.03, 0.005});
  const std::vector<double> expected{0.03, 0.06, 0.06, 0.02};
  for (std::size_t index = 0; index < expected.size(); ++index)
    BOOST_TEST(adjusted[index] == expected[index], boost::test_tools::tolerance(1e-12));
  BOOST_TEST(holm(std::vector<double>{0.9, 0.8})[0] == 1.0);
  BOOST_TEST(holm({}).empty());
}

BOOST_AUTO_TEST_CASE(a_verdict_needs_samples_significance_and_an_effect) {
  std::vector<double> base;
  std::vector<double> much;
  std::vector<double> little;
  std::vector<double> close;
  for (int index = 0; index < 15; ++index) {
    const double noise = 1.0 + 1e-4 * index;
    base.push_back(noise);
    much.push_back(1.1 * noise);
    little.push_back(1.005 * noise);
    close.push_back(noise + 3e-5);
  }
  const auto verdict = [](const std::vector<double>& first, const std::vector<double>& second) {
    const Comparison comparison = compare_samples(first, second);
    return judge(comparison, comparison.probability);
  };
  BOOST_TEST((verdict(base, much) == Difference::slower));
  BOOST_TEST((verdict(much, base) == Difference::faster));
  // Certain, but less than 2 %: of no consequence.
  BOOST_TEST(compare_samples(base, little).probability < 1e-6);
  BOOST_TEST((verdict(base, little) == Difference::same));
  BOOST_TEST((verdict(base, close) == Difference::same));
  const std::vector<double> few(base.begin(), base.begin() + 8);
  const std::vector<double> few_much(much.begin(), much.begin() + 8);
  BOOST_TEST((verdict(few, few_much) == Difference::unclear));
  std::vector<double> wild = base;
  for (std::size_t index = 0; index < wild.size(); index += 2)
    wild[index] *= 1.5;
  BOOST_TEST((verdict(base, wild) != Difference::same));
  // Not significant after the adjustment: unclear, not same.
  BOOST_TEST((judge(compare_samples(base, much), 0.2) == Difference::unclear));
}

BOOST_AUTO_TEST_CASE(the_interval_of_the_ratio_holds_the_ratio_and_is_the_same_each_time) {
  const std::vector<double> first{1, 1.1, 1.2, 1.05, 0.9, 1.3, 1.15, 1.0, 0.95};
  const std::vector<double> second{2, 2.1, 2.2, 2.05, 1.9, 2.3, 2.15, 2.0, 1.95};
  const Comparison one = compare_samples(first, second);
  BOOST_TEST(one.ratio_interval.low <= one.ratio);
  BOOST_TEST(one.ratio <= one.ratio_interval.high);
  BOOST_TEST(one.ratio_interval.low < one.ratio_interval.high);
  BOOST_TEST(compare_samples(first, second).ratio_interval.low == one.ratio_interval.low);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest
