// Exponents, laws and crossovers of made-up costs, whose truth is known, and of one noisy series fitted by numpy.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <vector>

#include "harness/core/error.hpp"
#include "harness/measure/growth.hpp"
#include "harness/measure/resampled_medians.hpp"

using namespace attest;

namespace {

using boost::test_tools::tolerance;

std::vector<GrowthPoint> series(const std::vector<double>& lengths, const std::function<double(double)>& cost) {
  std::vector<GrowthPoint> points;
  for (double length : lengths)
    points.push_back({.length = length, .samples = {cost(length)}});
  return points;
}

const std::vector<double> lengths = {512, 1024, 2048, 4096, 8192, 16384};

/// Nine samples around each cost, one per cent apart.
std::vector<GrowthPoint> noisy(std::vector<GrowthPoint> points) {
  for (GrowthPoint& point : points) {
    const double center = point.samples.at(0);
    point.samples.clear();
    for (int step = -4; step <= 4; ++step)
      point.samples.push_back(center * (1 + 0.01 * step));
  }
  return points;
}

std::vector<GrowthPoint> measured() {
  const std::vector<double> costs = {1.1, 2.0, 4.3, 8.1, 17.5};
  std::vector<GrowthPoint> points;
  for (std::size_t i = 0; i < costs.size(); ++i)
    points.push_back({.length = lengths[i], .samples = {costs[i]}});
  return points;
}

const GrowthModel& model_of(const std::vector<GrowthModel>& models, GrowthLaw law) {
  for (const GrowthModel& model : models) {
    if (model.law == law) return model;
  }
  throw Error("the law was not offered");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(measure_growth)

BOOST_AUTO_TEST_CASE(a_power_law_gives_back_its_exponent) {
  const PowerFit fit = fit_power(series(lengths, [](double n) { return 3e-9 * std::pow(n, 1.7); }));
  BOOST_TEST(fit.exponent == 1.7, tolerance(1e-12));
  BOOST_TEST(fit.coefficient == 3e-9, tolerance(1e-10));
  BOOST_TEST(fit.r_squared == 1.0, tolerance(1e-12));
  BOOST_TEST_REQUIRE(fit.exponent_interval.has_value());
  BOOST_TEST(fit.exponent_interval->high - fit.exponent_interval->low < 1e-9);
}

BOOST_AUTO_TEST_CASE(the_fit_agrees_with_numpy_on_a_noisy_series) {
  const PowerFit fit = fit_power(measured());
  BOOST_TEST(fit.exponent == 1.0001480894387322, tolerance(1e-12));
  BOOST_TEST(fit.coefficient == 0.002059029246995685, tolerance(1e-12));
  BOOST_TEST(fit.r_squared == 0.9983475043141293, tolerance(1e-12));
  BOOST_TEST(fit.exponent_interval->low < fit.exponent);
  BOOST_TEST(fit.exponent_interval->high > fit.exponent);
  BOOST_TEST(fit.exponent_interval->high - fit.exponent_interval->low < 0.2);
}

BOOST_AUTO_TEST_CASE(noise_of_the_samples_widens_the_interval_of_an_exponent) {
  const auto exact = series(lengths, [](double n) { return 1e-6 * n; });
  const PowerFit fit = fit_power(noisy(exact));
  BOOST_TEST(fit.exponent_interval->low < 1 - 1e-4);
  BOOST_TEST(fit.exponent_interval->high > 1 + 1e-4);
}

BOOST_AUTO_TEST_CASE(a_curve_that_is_no_power_law_has_a_wide_interval) {
  const PowerFit fit = fit_power(series(lengths, [](double n) { return n + n * n / 2048; }));
  BOOST_TEST(fit.exponent_interval->high - fit.exponent_interval->low > 0.1);
}

BOOST_AUTO_TEST_CASE(two_lengths_have_an_exponent_without_an_interval_and_one_has_none) {
  const PowerFit fit = fit_power(series({100, 200}, [](double n) { return n * n; }));
  BOOST_TEST(fit.exponent == 2.0, tolerance(1e-12));
  BOOST_TEST(!fit.exponent_interval.has_value());
  BOOST_CHECK_THROW(fit_power(series({100}, [](double n) { return n; })), Error);
  BOOST_CHECK_THROW(fit_power(series({100, 200}, [](double) { return 0.0; })), Error);
}

BOOST_AUTO_TEST_CASE(each_law_is_recognised) {
  const auto best = [](const std::function<double(double)>& cost) {
    return fit_growth_models(series(lengths, cost)).at(0).law;
  };
  BOOST_TEST((best([](double) { return 5.0; }) == GrowthLaw::constant));
  BOOST_TEST((best([](double n) { return 2 * n; }) == GrowthLaw::linear));
  BOOST_TEST((best([](double n) { return 2 * n * std::log2(n); }) == GrowthLaw::linearithmic));
  BOOST_TEST((best([](double n) { return 2 * n * n; }) == GrowthLaw::quadratic));
}

BOOST_AUTO_TEST_CASE(criterion_and_fit_of_the_plain_laws_agree_with_numpy) {
  const auto models = fit_growth_models(measured());
  BOOST_TEST((models.at(0).law == GrowthLaw::linear));
  BOOST_TEST(model_of(models, GrowthLaw::constant).aicc == 9.810356794543388, tolerance(1e-10));
  BOOST_TEST(model_of(models, GrowthLaw::linear).aicc == -22.21691996407442, tolerance(1e-10));
  BOOST_TEST(model_of(models, GrowthLaw::linear).r_squared == 0.9983474824263707, tolerance(1e-10));
  BOOST_TEST(model_of(models, GrowthLaw::linear).coefficient == 0.002061355462566421, tolerance(1e-10));
  BOOST_TEST(model_of(models, GrowthLaw::linearithmic).aicc == -9.866131429211713, tolerance(1e-10));
  BOOST_TEST(model_of(models, GrowthLaw::quadratic).r_squared == 0.0005912037712607621, tolerance(1e-8));
}

BOOST_AUTO_TEST_CASE(a_fixed_overhead_does_not_hide_the_law) {
  const auto models = fit_growth_models(series(lengths, [](double n) { return 1e-9 * (n * n + 1e7); }));
  BOOST_TEST((models.at(0).law == GrowthLaw::quadratic));
  BOOST_TEST(models.at(0).overhead == 1e7, tolerance(1e-4));
  BOOST_TEST(models.at(0).coefficient == 1e-9, tolerance(1e-4));
}

BOOST_AUTO_TEST_CASE(length_times_width_is_offered_only_where_it_can_be_told_apart) {
  const auto offered = [](const std::vector<GrowthPoint>& points) {
    for (const GrowthModel& model : fit_growth_models(points)) {
      if (model.law == GrowthLaw::length_times_width) return true;
    }
    return false;
  };
  auto points = series(lengths, [](double n) { return n; });
  BOOST_TEST(!offered(points));  // no width
  for (GrowthPoint& point : points)
    point.width = 256;
  BOOST_TEST(!offered(points));  // as n
  for (GrowthPoint& point : points)
    point.width = point.length / 4;
  BOOST_TEST(!offered(points));  // as n^2

  std::vector<GrowthPoint> grid;
  for (double length : lengths) {
    for (double width : {64, 256, 512}) {
      grid.push_back({.length = length, .samples = {3e-9 * length * width}, .width = width});
    }
  }
  const auto models = fit_growth_models(grid);
  BOOST_TEST((models.at(0).law == GrowthLaw::length_times_width));
  BOOST_TEST(models.at(0).r_squared == 1.0, tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(fewer_than_four_lengths_choose_no_law) {
  BOOST_TEST(fit_growth_models(series({1, 2, 3}, [](double n) { return n; })).empty());
}

BOOST_AUTO_TEST_CASE(kernels_cross_where_their_power_laws_do) {
  // n^2 against 3000 n: at 3000 exactly, for both are straight lines in log-log.
  const auto quadratic = noisy(series(lengths, [](double n) { return n * n; }));
  const auto linear = noisy(series(lengths, [](double n) { return 3000 * n; }));
  const auto found = crossovers(linear, quadratic);
  BOOST_TEST_REQUIRE(found.size() == 1u);
  BOOST_TEST(found[0].length == 3000.0, tolerance(1e-9));
  BOOST_TEST(found[0].first_wins_after);
  BOOST_TEST(found[0].found_share == 1.0);
  BOOST_TEST_REQUIRE(found[0].interval.has_value());
  BOOST_TEST(found[0].interval->low < 3000);
  BOOST_TEST(found[0].interval->low > 2800);
  BOOST_TEST(found[0].interval->high > 3000);
  BOOST_TEST(found[0].interval->high < 3200);
  BOOST_TEST(!crossovers(quadratic, linear).at(0).first_wins_after);
}

BOOST_AUTO_TEST_CASE(exact_counts_cross_without_an_interval) {
  const auto found =
      crossovers(series(lengths, [](double n) { return 3000 * n; }), series(lengths, [](double n) { return n * n; }));
  BOOST_TEST_REQUIRE(found.size() == 1u);
  BOOST_TEST(!found[0].interval.has_value());
}

BOOST_AUTO_TEST_CASE(a_tie_is_a_crossing_only_when_the_order_changes) {
  const std::vector<double> three = {1, 10, 100};
  const auto flat = series(three, [](double) { return 10.0; });
  BOOST_TEST(crossovers(series(three, [](double n) { return n == 10 ? 10.0 : 20.0; }), flat).empty());
  BOOST_TEST(crossovers(series(three, [](double n) { return n == 10 ? 10.0 : 5.0; }), flat).empty());
  const auto found = crossovers(series(three, [](double n) { return n; }), flat);
  BOOST_TEST_REQUIRE(found.size() == 1u);
  BOOST_TEST(found[0].length == 10.0, tolerance(1e-12));
  BOOST_TEST(crossovers(flat, flat).empty());
}

BOOST_AUTO_TEST_CASE(only_lengths_that_both_have_are_compared) {
  const auto first = series({1, 2, 4}, [](double n) { return n; });
  const auto second = series({4, 8, 16}, [](double) { return 2.0; });
  BOOST_TEST(crossovers(first, second).empty());
}

BOOST_AUTO_TEST_CASE(a_crossing_within_the_noise_has_no_interval) {
  // Equal within a tenth of a per cent everywhere, with samples that spread by eight.
  const auto first = noisy(series(lengths, [](double n) { return n * (n < 3000 ? 1.001 : 0.999); }));
  const auto second = noisy(series(lengths, [](double n) { return n; }));
  const auto found = crossovers(first, second);
  BOOST_TEST_REQUIRE(found.size() == 1u);
  BOOST_TEST(found[0].found_share < 0.95);
  BOOST_TEST(!found[0].interval.has_value());
}

BOOST_AUTO_TEST_CASE(medians_of_counted_ranks_are_those_of_the_samples_drawn) {
  // Unsorted, with ties, of odd and even numbers, and one alone.
  const std::vector<GrowthPoint> points = {{.length = 1, .samples = {3, 1, 2, 2, 7}},
                                           {.length = 2, .samples = {5, 4, 4, 9, 1, 6}},
                                           {.length = 3, .samples = {8}}};
  ResampledMedians resampled(points);
  Generator generator(7);
  Generator same(7);
  for (int draw = 0; draw < 200; ++draw) {
    std::vector<double> expected;
    for (const GrowthPoint& point : points)
      expected.push_back(std::log(median(resample(point.samples, same))));
    BOOST_TEST(resampled.draw_logs(generator) == expected, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_SUITE_END()
