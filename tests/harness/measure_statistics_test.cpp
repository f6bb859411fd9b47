// Statistics of samples. Expected values are worked by hand, or printed by numpy, Python's exact integers and the
// published SplitMix64 program; none comes from the code under test.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "harness/core/error.hpp"
#include "harness/measure/statistics.hpp"

using namespace attest;

namespace {

const std::vector<double> seven = {3.1, 1.2, 9.9, 4.4, 2.5, 7.3, 8.8};

}  // namespace

BOOST_AUTO_TEST_SUITE(measure_statistics)

BOOST_AUTO_TEST_CASE(the_median_is_the_middle_sample_or_the_mean_of_the_two) {
  BOOST_TEST(median(seven) == 4.4);
  BOOST_TEST(median(std::vector<double>{4, 1, 3, 2}) == 2.5);
  BOOST_TEST(median(std::vector<double>{7}) == 7);
}

BOOST_AUTO_TEST_CASE(quantiles_agree_with_numpy) {
  BOOST_TEST(quantile(seven, 0.1) == 1.98, boost::test_tools::tolerance(1e-14));
  BOOST_TEST(quantile(seven, 0.25) == 2.8, boost::test_tools::tolerance(1e-14));
  BOOST_TEST(quantile(seven, 0.9) == 9.24, boost::test_tools::tolerance(1e-14));
  BOOST_TEST(quantile(seven, 0) == 1.2);
  BOOST_TEST(quantile(seven, 1) == 9.9);
}

BOOST_AUTO_TEST_CASE(no_samples_and_samples_that_are_not_numbers_are_refused) {
  BOOST_CHECK_THROW(median({}), Error);
  BOOST_CHECK_THROW(median(std::vector<double>{1, std::nan("")}), Error);
  BOOST_CHECK_THROW(quantile(std::vector<double>{std::numeric_limits<double>::infinity()}, 0.5), Error);
  BOOST_CHECK_THROW(quantile(seven, 1.5), Error);
  BOOST_CHECK_THROW(quantile(seven, std::nan("")), Error);
}

BOOST_AUTO_TEST_CASE(the_ranks_of_the_median_are_the_exact_binomial_ones) {
  struct Row {
    std::size_t count, low, high;
    double coverage;
  };
  for (const Row& row :
       {Row{6, 1, 6, 0.96875}, Row{9, 2, 8, 0.9609375}, Row{10, 2, 9, 0.978515625}, Row{30, 10, 21, 0.9572260547429323},
        Row{100, 40, 61, 0.9647997997822952}, Row{1000, 469, 532, 0.9537088026395019}}) {
    const auto ranks = median_ranks(row.count);
    BOOST_TEST_REQUIRE(ranks.has_value());
    BOOST_TEST(ranks->low == row.low);
    BOOST_TEST(ranks->high == row.high);
    BOOST_TEST(ranks->coverage == row.coverage, boost::test_tools::tolerance(1e-10));
  }
  BOOST_TEST(median_ranks(100'000).has_value());  // 2^-100000 underflows
}

BOOST_AUTO_TEST_CASE(fewer_than_six_samples_have_no_interval) {
  for (std::size_t count = 0; count < minimum_interval_samples; ++count)
    BOOST_TEST(!median_ranks(count).has_value());
  BOOST_TEST(!median_interval(std::vector<double>{1, 2, 3, 4, 5}).has_value());
}

BOOST_AUTO_TEST_CASE(the_interval_is_taken_from_the_sorted_samples) {
  const auto interval = median_interval(std::vector<double>{10, 1, 9, 2, 8, 3, 7, 4, 6, 5});
  BOOST_TEST_REQUIRE(interval.has_value());
  BOOST_TEST(interval->low == 2);
  BOOST_TEST(interval->high == 9);
}

BOOST_AUTO_TEST_CASE(outliers_are_flagged_by_their_distance_in_median_absolute_deviations) {
  BOOST_TEST(median_absolute_deviation(seven) == 2.9, boost::test_tools::tolerance(1e-14));
  // Median 3, deviation 1: the limit lies at 17.8.
  BOOST_TEST(flag_outliers(std::vector<double>{1, 2, 3, 4, 17.7}) == std::vector<bool>(5, false));
  BOOST_TEST(flag_outliers(std::vector<double>{1, 2, 3, 4, 17.9}) ==
             (std::vector<bool>{false, false, false, false, true}));
  BOOST_TEST(flag_outliers(std::vector<double>{5, 5, 5, 6}) == (std::vector<bool>{false, false, false, true}));
}

BOOST_AUTO_TEST_CASE(rates_are_averaged_over_equal_work) {
  // Equal work at 60 and at 30 takes as long as twice the work at 40.
  BOOST_TEST(harmonic_mean(std::vector<double>{60, 30}) == 40, boost::test_tools::tolerance(1e-14));
  BOOST_CHECK_THROW(harmonic_mean(std::vector<double>{60, 0}), Error);
}

BOOST_AUTO_TEST_CASE(the_generator_is_split_mix_64) {
  Generator generator(1234567);
  BOOST_TEST(generator.next() == 6457827717110365317u);
  BOOST_TEST(generator.next() == 3203168211198807973u);
  BOOST_TEST(generator.next() == 9817491932198370423u);
}

BOOST_AUTO_TEST_CASE(draws_below_a_bound_are_even) {
  Generator generator(7);
  std::vector<int> counts(6);
  for (int draw = 0; draw < 60'000; ++draw)
    ++counts.at(generator.below(6));
  // 5 standard deviations of a binomial count: 5 * sqrt(60000 * 5 / 36) = 456.
  for (int count : counts)
    BOOST_TEST(std::abs(count - 10'000) < 456);
}

BOOST_AUTO_TEST_CASE(the_bootstrap_depends_on_its_seed_alone_and_brackets_the_median) {
  std::vector<double> samples;
  for (int i = 1; i <= 30; ++i)
    samples.push_back(i);
  // Few resamples, so that another sequence of draws shows.
  const Interval few = bootstrap_median(samples, {.resamples = 15, .seed = 3});
  const Interval again = bootstrap_median(samples, {.resamples = 15, .seed = 3});
  BOOST_TEST(few.low == again.low);
  BOOST_TEST(few.high == again.high);
  BOOST_TEST(few.low != bootstrap_median(samples, {.resamples = 15, .seed = 4}).low);
  const Interval once = bootstrap_median(samples, {.resamples = 2000, .seed = 3});
  // The exact ranks of 30 samples are 10 and 21; the bootstrap of 1..30 must come near.
  BOOST_TEST(std::abs(once.low - 10) <= 2);
  BOOST_TEST(std::abs(once.high - 21) <= 2);
}

BOOST_AUTO_TEST_SUITE_END()
